"""The commands and their options, as an argparse tree; completion and the man page are made from it too."""

from __future__ import annotations

import argparse

from misfin_tui.cli.pending import Add, Parser, PendingParser

_MOST = 10**9
_LINKS = ("misfin:", "mailto:")


def number(text: str) -> int:
    """A whole number within sensible bounds."""
    value = int(text)
    if not -_MOST <= value <= _MOST:
        raise ValueError
    return value


def parse(arguments: list[str]) -> argparse.Namespace:
    """Parse the arguments. ``command`` in the result is ``module:function`` below :mod:`misfin_tui.cli`.

    Wrong usage ends the program with status 2 and one line.
    """
    # The options shared by all commands have no default of their own: the default after the command would
    # overwrite a value given before it.
    at = 2 if arguments[0] == "--profile" else 0
    if arguments[at:] and arguments[at].lower().startswith(_LINKS):  # a desktop gives the link alone
        arguments = [*arguments[:at], "open", *arguments[at:]]
    parser = build_parser()
    found = parser.parse_args(arguments, argparse.Namespace(profile=None, json=False))
    return _as_sendmail(found, parser.commands["send"]) if found.command == "sending:send" else found


def _as_sendmail(found: argparse.Namespace, send: Parser) -> argparse.Namespace:
    """The arguments of ``send``, which is another command where it is called as ``sendmail`` would be."""
    if found.sendmail or found.from_header or found.ignore_dots or "i" in found.options:
        found.command = "sendmail:hand_over"
        if found.attach or found.body is not None or found.body_file or found.subject or found.at:
            send.error(
                "-t and -i take a whole message: --subject, --body, --attach and --at cannot go with them"
            )
    elif found.options or found.sender is not None or found.full_name or found.mode:
        send.error("-f, -F, -o and -b need -t or -i, which take a whole message on standard input")
    elif not (found.to or found.cc or found.bcc):
        send.error("the following arguments are required: TO")
    return found


def build_parser() -> Parser:
    """The whole tree."""
    common = Parser(add_help=False)
    common.add_argument(
        "--profile", metavar="DIR", default=argparse.SUPPRESS, help="use the profile in this folder"
    )
    common.add_argument(
        "--json",
        action="store_true",
        default=argparse.SUPPRESS,
        help="print one JSON object per line, with stable keys",
    )
    top = Parser(
        prog="misfin-tui",
        parents=[common],
        description="Read and write e-mail and Misfin mail. Without a command, it opens the mail program.",
        epilog="Exit status: 0 done, 1 failed for good, 2 wrong usage or input, 3 held for your "
        "decision, 4 deferred and kept in the outbox, 130 interrupted.",
    )
    top.add_argument("--version", action="store_true", help="print the version")
    top.add_argument(
        "--linear",
        action="store_true",
        help="plain lines of text instead of screens: for screen readers, braille and slow lines",
    )
    top.add_argument("--dev", action="store_true", help="reload your theme files when they are saved")
    top.set_defaults(command="program:open_program")
    top.add_commands(common, _commands, title="commands", metavar="COMMAND")
    return top


def _commands(add: Add) -> None:
    add("identity", "identity:list_identities", "your Misfin identities").add_actions(_identity)
    add("account", "account:list_accounts", "your accounts").add_actions(_account)
    _receive(add)
    _mail(add)
    _send(add)
    about = "messages being sent, and what became of them"
    add("outbox", "sending:outbox", about).add_actions(_outbox)
    _trust(add)
    _exchange(add)
    _fetching(add)
    add("mailbox", "mailbox:list_mailboxes", "mailboxes of a host for others").add_actions(_mailbox)
    add("mailing-list", "mailing_list:list_all", "mailing lists of a host").add_actions(_mailing_list)
    _rest(add)


def _identity(action: Add) -> None:
    new = action("new", "identity:new", "create an identity: certificate and key")
    new.add_argument("address", metavar="ADDRESS", help="mailbox@host")
    new.add_argument("--blurb", default="", help="your name, as others will see it")
    new.add_argument(
        "--key", choices=("ec", "ed25519", "rsa"), default="ec", help="kind of key (default: ec)"
    )
    new.add_argument("--days", type=number, default=36500, help="days it is valid (default: 36500)")
    new.add_argument("--ca", action="store_true", help="create a host identity, which can sign mailboxes")
    new.add_argument("--signed-by", metavar="NAME", help="host identity to sign it with")
    action("list", "identity:list_identities", "list your identities")
    show = action("show", "identity:show", "show an identity and any problems with it")
    show.add_argument(
        "name", metavar="NAME", nargs="?", help="name or address (default: the one you write from)"
    )
    again = action("renew", "identity:renew", "make a new certificate for the same address and key")
    again.add_argument("name", metavar="NAME", help="name or address")
    take = action("import", "identity:import_file", "import an identity from a PEM file")
    take.add_argument("file", metavar="FILE", help="certificate, and the key unless --key-file is given")
    take.add_argument("--key-file", metavar="FILE", help="the key, if it is in a separate file")
    take.add_argument(
        "--password-file",
        metavar="FILE",
        help="file whose first line is the key's password; - for standard input",
    )
    take.add_argument("--name", help="name to store it under (default: its address)")
    give = action("export", "identity:export", "write certificate and key as PEM")
    give.add_argument("name", metavar="NAME", help="name or address")
    give.add_argument("--output", metavar="FILE", help="file to write, mode 0600 (default: standard output)")
    give.add_argument("--certificate-only", action="store_true", help="leave the private key out")


def _account(action: Add) -> None:
    from misfin_tui.cli.certificate_arguments import certificate_actions

    action("list", "account:list_accounts", "list your accounts")
    show = action("show", "account:show", "show one account")
    show.add_argument(
        "name", metavar="NAME", nargs="?", help="name or address (default: the one you write from)"
    )
    add_one = action("add", "email_account:add", "add an account: e-mail, or a mailbox kept on a server")
    add_one.add_argument("name", metavar="NAME", help="a name of your choice: a-z, 0-9, _ and -")
    add_one.add_argument("--kind", choices=("email", "gmap"), default="email", help="kind of account")
    add_one.add_argument("--address", metavar="ADDR", help="its e-mail address")
    add_one.add_argument("--host", metavar="HOST", help="gmap: the server where the mailbox is kept")
    add_one.add_argument("--port", metavar="N", type=int, default=0, help="gmap: its port (1958, or 1960)")
    add_one.add_argument("--identity", metavar="NAME", help="gmap: the identity of the mailbox")
    add_one.add_argument("--title", metavar="TEXT", default="", help="your name, as others will see it")
    incoming = add_one.add_mutually_exclusive_group()
    incoming.add_argument("--imap", metavar="URL", help="imaps://USER@HOST, or imap:// for STARTTLS")
    incoming.add_argument("--pop3", metavar="URL", help="pop3s://USER@HOST, or pop3:// for STARTTLS")
    add_one.add_argument("--smtp", metavar="URL", help="smtps://USER@HOST, or smtp:// for STARTTLS")
    secret = add_one.add_mutually_exclusive_group()
    secret.add_argument("--password-env", metavar="VAR", help="the password is in this variable")
    secret.add_argument("--password-command", metavar="CMD", help="this command prints the password")
    secret.add_argument(
        "--keyring",
        action="store_true",
        help="ask for the password, or read it from standard input, and keep it in the keyring",
    )
    secret.add_argument("--token-command", metavar="CMD", help="this command prints an OAuth access token")
    secret.add_argument(
        "--client-id", metavar="ID", help="your registration with Google or Microsoft (OAuth)"
    )
    add_one.add_argument("--ca-file", metavar="PEM", help="an authority to trust besides the system's")
    add_one.add_argument("--no-test", action="store_true", help="do not connect to the servers")
    add_one.add_argument("--yes", action="store_true", help="use the servers that were found without asking")
    test = action("test", "email_account:test", "check an account's servers step by step")
    test.add_argument("name", metavar="NAME", help="name or address")
    remove = action("remove", "email_account:remove", "remove an account; its mail stays on disk")
    remove.add_argument("name", metavar="NAME", help="name or address")
    remove.add_argument("--yes", action="store_true", help="do not ask")
    word = action("password", "email_account:password", "keep another password in the keyring")
    word.add_argument("name", metavar="NAME", help="name or address")
    certificate_actions(action)
    login = action("login", "login:login", "sign in to an account with a client_id (OAuth)")
    login.add_argument("name", metavar="NAME", help="name or address")
    login.add_argument(
        "--code", action="store_true", help="with a code, in a browser on any machine (Microsoft)"
    )


def _receive(add: Add) -> None:
    parser = add("receive", "receiver_process:receive", "receive mail until SIGTERM or ctrl+c")
    parser.add_argument(
        "--listen", metavar="HOST:PORT", action="append", help="address to listen on; can be repeated"
    )
    about = "how many processes receive (default: from the settings)"
    parser.add_argument("--processes", type=number, metavar="N", help=about)
    parser.add_argument(
        "--until-eof",
        action="store_true",
        help="end when standard input closes, and so with the program that started it",
    )


def _mail(add: Add) -> None:
    for name, about, words in (
        ("list", "list messages, newest first", "*"),
        ("search", "search all messages", "+"),
    ):
        parser = add(name, f"mail:{name}_messages", about)
        parser.add_argument("query", metavar="QUERY", nargs=words, help="search words")
        parser.add_argument("--limit", type=number, default=50, metavar="N", help="at most N (default: 50)")
        parser.add_argument("--folder", help="only this folder (Inbox, Sent, Archive, ...)")
        parser.add_argument("--account", metavar="NAME", help="only this account (name or address)")
    show = add("show", "mail:show", "print one message")
    show.add_argument("id", metavar="ID", help="id of the message, or a unique beginning of it")
    show.add_argument("--raw", action="store_true", help="print the raw message")


def _send(add: Add) -> None:
    parser = add("send", "sending:send", "send a message")
    parser.add_argument("to", metavar="TO", nargs="*", help="mailbox@host[:port], or name@host for e-mail")
    for name, about in (("cc", "who gets a copy"), ("bcc", "who gets a copy that nobody else sees")):
        parser.add_argument(
            f"--{name}", metavar="TO", action="append", default=[], help=f"{about}; e-mail only"
        )
    parser.add_argument(
        "--attach", metavar="FILE", action="append", default=[], help="attach a file; can be repeated"
    )
    parser.add_argument("--account", "--from", metavar="NAME", help="account to send from (name or address)")
    parser.add_argument("--subject", metavar="TEXT", help="subject; it becomes the first heading")
    text = parser.add_mutually_exclusive_group()
    text.add_argument("--body", metavar="TEXT", help="the text (default: read from standard input)")
    text.add_argument("--body-file", metavar="FILE", help="read the text from a file; - for standard input")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--wait", action="store_true", help="send now and wait for the answer (default)")
    how.add_argument("--queue", action="store_true", help="only put it in the outbox")
    how.add_argument("--at", metavar="TIME", help='send it later: "18:30", "tomorrow 8:00", "in 2 h"')
    parser.add_options(_sendmail)


def _sendmail(parser: Parser) -> None:
    from misfin_tui.cli.sendmail_arguments import sendmail_options

    sendmail_options(parser)


def _outbox(action: Add) -> None:
    action("list", "sending:outbox", "list all deliveries")
    retry = action("retry", "sending:retry", "try a delivery again now; sends an uncertain one again")
    retry.add_argument("id", metavar="ID", type=number, nargs="?", help="number of the delivery in the list")
    retry.add_argument("--account", metavar="NAME", help="everything this account could not send so far")
    cancel = action("cancel", "sending:cancel", "cancel a delivery")
    cancel.add_argument("id", metavar="ID", type=number, help="number of the delivery in the list")
    follow = action("follow", "sending:follow", "send a redirected delivery to its new address now")
    follow.add_argument("id", metavar="ID", type=number, help="number of the delivery in the list")
    follow.add_argument(
        "--change-contact",
        action="store_true",
        help="after a permanent redirect (31): change the contact to the new address",
    )
    action("run", "sending:run_outbox", "send everything that is due, once")


def _trust(add: Add) -> None:
    parser = add("trust", "trust:list_pins", "certificates you trust")
    parser.set_defaults(senders=False, recipients=False, mail=False, lists=False)
    parser.add_actions(_trust_actions)


def _trust_actions(action: Add) -> None:
    verbs = (
        ("list", "trust:list_pins", "list pinned hosts", None),
        ("show", "trust:show", "show everything known about a host or sender", "name"),
        ("approve", "trust:approve", "trust the certificate with this fingerprint", "name"),
        ("forget", "trust:forget", "forget a pin; the next contact counts as the first", "name"),
    )
    for name, target, about, argument in verbs:
        verb = action(name, target, about)
        if argument:
            verb.add_argument(
                "name",
                metavar="HOST",
                help="host[:port]; for people: mailbox@host; for lists: their identifier",
            )
        if name == "approve":
            verb.add_argument("--fingerprint", metavar="FP", required=True, help="its SHA-256 fingerprint")
        kind = verb.add_mutually_exclusive_group()
        kind.add_argument("--senders", action="store_true", help="senders instead of hosts")
        kind.add_argument("--mail", action="store_true", help="servers of e-mail accounts, as HOST:PORT")
        if name != "approve":
            kind.add_argument(
                "--recipients", action="store_true", help="keys that servers gave for recipients"
            )
            kind.add_argument("--lists", action="store_true", help="mailing lists you accepted")


def _exchange(add: Add) -> None:
    take = add("import", "exchange:import_mail", "import mail from another program")
    take.add_argument("source", metavar="PATH", help="Titlani mailbox, gembox file, mbox or Maildir")
    take.add_argument(
        "--account",
        metavar="NAME",
        help="account to import into: its name, or an address (default: the first)",
    )
    take.add_options(_import_folder)
    give = add("export", "exchange:export_mail", "export mail as an mbox file or .gmi files")
    give.add_argument("target", metavar="PATH", help="file (mbox) or folder (gmi) to write")
    give.add_argument(
        "--format", choices=("mbox", "gmi"), default="mbox", help="format to write (default: mbox)"
    )
    give.add_argument("--query", default="", help="only messages this search finds")


def _import_folder(parser: Parser) -> None:
    from misfin.model.folders import INBOX

    parser.add_argument("--folder", default=INBOX, help=f"folder to put it into (default: {INBOX})")


def _fetching(add: Add) -> None:
    fetch = add("fetch", "fetching:fetch", "fetch mail until everything is in sync with the servers")
    _one_account(fetch)
    fetch.add_argument("--follow", action="store_true", help="stay and keep everything in sync until stopped")
    fetch.add_argument("--until-eof", action="store_true", help=argparse.SUPPRESS)
    add("filters", "filters:list_filters", "filters for new mail").add_actions(_filters)
    attic = add("attic", "attic:list_attic", "list or restore messages that were deleted on a server")
    attic.set_defaults(account=None)
    attic.add_actions(_attic)
    sync = add("sync", "attic:log", "what was changed on servers")
    sync.set_defaults(account=None)
    sync.add_actions(_sync)


def _one_account(parser: PendingParser) -> None:
    parser.add_argument("--account", metavar="NAME", help="only this account: its name, or its address")


def _filters(action: Add) -> None:
    action("list", "filters:list_filters", "list the filters, and what is wrong with those that cannot run")
    trial = action("try", "filters:try_filter", "show what a filter or a search would find in the inbox")
    trial.add_argument("rule", metavar="NAME|SEARCH", help="the name of a filter, or a search")
    trial.add_argument(
        "-n", "--most", type=int, default=10, metavar="N", help="show at most N messages (default: 10)"
    )
    run = action("run", "filters:run_filters", "run the filters on what is in the inbox already")
    run.add_argument("rule", nargs="*", metavar="NAME", help="only these filters; otherwise all")


def _attic(action: Add) -> None:
    _one_account(action("list", "attic:list_attic", "list what was deleted on servers, kept for 30 days"))
    restore = action("restore", "attic:restore", "bring a message back to its folder, here and on the server")
    restore.add_argument("id", metavar="ID", help="as shown in the list")
    _one_account(restore)


def _sync(action: Add) -> None:
    _one_account(action("log", "attic:log", "list every change made on a server within 30 days"))


def _mailbox(action: Add) -> None:
    from misfin_tui.cli.mailbox_parser import mailbox_commands

    mailbox_commands(action)


def _mailing_list(action: Add) -> None:
    from misfin_tui.cli.mailing_list_parser import mailing_list_commands

    mailing_list_commands(action)


def _rest(add: Add) -> None:
    demo = add("demo", "program:demo", "try the program on a throw-away mailbox with invented correspondents")
    demo.add_argument("--check", action="store_true", help="run it without a terminal and report each step")
    doctor = add("doctor", "doctor:doctor", "check profile, mail, keys and network for problems")
    doctor.add_argument("--reindex", action="store_true", help="delete the index and build it again")
    doctor.add_argument("--server", action="store_true", help="check also what a receiver on a server needs")
    backup = add("backup", "backup:backup", "copy the whole profile, also while mail is received")
    backup.add_argument("folder", metavar="FOLDER", help="where to put the copy; must not exist yet")
    backup.add_argument(
        "--since", metavar="FOLDER", help="share messages with this earlier backup, to save room"
    )
    add("config", "settings:show", "your settings").add_actions(_config)
    for name in ("open", "compose"):
        link = add(name, "program:open_link", "open the composer for a misfin: or mailto: link")
        link.add_argument(
            "link", metavar="LINK", help="misfin:mailbox@host?text, or mailto:name@host?subject=..."
        )
    shell = add("completion", "completion:completion", "print a completion script")
    shell.add_argument("shell", choices=("bash", "zsh", "fish"), help="the shell: bash, zsh or fish")
    add("man", "manual:man_page", "print the manual page (roff)")


def _config(action: Add) -> None:
    action("path", "settings:path", "print where the settings file is")
    action("show", "settings:show", "print the settings in use")
    action("init", "settings:init", "write a commented settings file")
    change = action("set", "settings:set_value", "change a setting; a running receiver has to be restarted")
    change.add_argument("name", metavar="NAME", help="its name as in `config show`, such as gmap.enable")
    change.add_argument(
        "value", metavar="VALUE", nargs="?", help="the new value; separate several with commas"
    )
    change.add_argument("--default", action="store_true", help="restore its default")
