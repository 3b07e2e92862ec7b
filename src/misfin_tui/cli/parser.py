"""The words of the command line, as an argparse tree; completion and the man page are made from it too."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import NoReturn

from misfin.model.folders import INBOX

_MOST = 10**9


def number(text: str) -> int:
    """A whole number, as far as anything is counted here."""
    value = int(text)
    if not -_MOST <= value <= _MOST:
        raise ValueError
    return value


class Parser(argparse.ArgumentParser):
    """Errors are one line that says what to do (docs/command-line.md §2), not a page of usage."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"misfin-tui: {message}. See `{self.prog} --help`.\n")


def parse(arguments: list[str]) -> argparse.Namespace:
    """What the words mean. ``command`` in the result is ``module:function`` below :mod:`misfin_tui.cli`.

    Wrong words end the program with status 2 and one line.
    """
    # The options shared by all commands have no default of their own: one given before the command would be
    # overwritten by the default of the same option after it.
    return build_parser().parse_args(arguments, argparse.Namespace(profile=None, json=False))


def build_parser() -> Parser:
    """The whole tree."""
    common = Parser(add_help=False)
    common.add_argument(
        "--profile", metavar="DIR", default=argparse.SUPPRESS, help="keep everything under this folder"
    )
    common.add_argument(
        "--json", action="store_true", default=argparse.SUPPRESS, help="one JSON object per line, stable keys"
    )
    top = Parser(
        prog="misfin-tui",
        parents=[common],
        description="Read and write Misfin mail. Without a command, opens the program.",
        epilog="Exit status: 0 done, 1 failed for good, 2 wrong usage or input, 3 held for a decision of a "
        "person, 4 deferred and kept in the outbox, 130 interrupted.",
    )
    top.add_argument("--version", action="store_true", help="print the version")
    top.add_argument("--dev", action="store_true", help="reload your theme files when they are saved")
    top.set_defaults(command="program:open_program")
    commands = top.add_subparsers(title="commands", metavar="COMMAND", parser_class=Parser)

    def add(name: str, target: str, about: str) -> Parser:
        parser = commands.add_parser(name, parents=[common], help=about, description=about)
        parser.set_defaults(command=target)
        return parser

    for build in (_identity, _account, _receive, _mail, _send, _outbox, _trust, _exchange, _rest):
        build(add, common)
    return top


Add = Callable[[str, str, str], Parser]


def _actions(parser: Parser, common: Parser, default: str) -> Callable[[str, str, str], Parser]:
    parser.set_defaults(command=default)
    actions = parser.add_subparsers(metavar="ACTION", parser_class=Parser)

    def add(name: str, target: str, about: str) -> Parser:
        action = actions.add_parser(name, parents=[common], help=about, description=about)
        action.set_defaults(command=target)
        return action

    return add


def _identity(add: Add, common: Parser) -> None:
    everything = "identity:list_identities"
    action = _actions(add("identity", everything, "your Misfin identities"), common, everything)
    new = action("new", "identity:new", "make an identity: certificate and key")
    new.add_argument("address", metavar="ADDRESS", help="mailbox@host")
    new.add_argument("--blurb", default="", help="your name, as others will see it")
    new.add_argument("--key", choices=("ec", "ed25519", "rsa"), default="ec", help="default: ec")
    new.add_argument("--days", type=number, default=36500, help="days it is valid (default: 36500)")
    new.add_argument("--ca", action="store_true", help="a host identity that may sign mailboxes")
    new.add_argument("--signed-by", metavar="NAME", help="sign it with this host identity")
    action("list", "identity:list_identities", "list your identities")
    show = action("show", "identity:show", "show an identity and what is wrong with it")
    show.add_argument("name", metavar="NAME", nargs="?", help="name or address (default: who you write as)")
    again = action("renew", "identity:renew", "a new certificate for the same address and key")
    again.add_argument("name", metavar="NAME", help="name or address")
    take = action("import", "identity:import_file", "take over a PEM file of another program")
    take.add_argument("file", metavar="FILE", help="certificate, and the key unless it is given apart")
    take.add_argument("--key-file", metavar="FILE", help="the key, when it lies in a file of its own")
    take.add_argument(
        "--password-file", metavar="FILE", help="its first line is the key's password; - is standard input"
    )
    take.add_argument("--name", help="name to keep it under (default: its address)")
    give = action("export", "identity:export", "write certificate and key as PEM")
    give.add_argument("name", metavar="NAME", help="name or address")
    give.add_argument("--output", metavar="FILE", help="file to write, mode 0600 (default: stdout)")
    give.add_argument("--certificate-only", action="store_true", help="leave the private key out")


def _account(add: Add, common: Parser) -> None:
    everything = "account:list_accounts"
    action = _actions(add("account", everything, "your accounts"), common, everything)
    action("list", everything, "list your accounts")
    show = action("show", "account:show", "show one account")
    show.add_argument("name", metavar="NAME", nargs="?", help="name or address (default: who you write as)")


def _receive(add: Add, common: Parser) -> None:
    parser = add("receive", "receiver_process:receive", "receive mail until SIGTERM or ctrl+c")
    parser.add_argument(
        "--listen", metavar="HOST:PORT", action="append", help="address to listen on; may be repeated"
    )
    parser.add_argument(
        "--until-eof",
        action="store_true",
        help="end when standard input closes: with the program that started it",
    )


def _mail(add: Add, common: Parser) -> None:
    for name, about, words in (
        ("list", "list messages, newest first", "*"),
        ("search", "search all messages", "+"),
    ):
        parser = add(name, f"mail:{name}_messages", about)
        parser.add_argument("query", metavar="QUERY", nargs=words, help="search words")
        parser.add_argument("--limit", type=number, default=50, metavar="N", help="at most N (default: 50)")
        parser.add_argument("--folder", help="only this folder (Inbox, Sent, Archive, ...)")
        parser.add_argument("--account", metavar="NAME", help="only this account: its name or its address")
    show = add("show", "mail:show", "print one message")
    show.add_argument("id", metavar="ID", help="id of the message, or its unique beginning")
    show.add_argument("--raw", action="store_true", help="the gemmail byte for byte")


def _send(add: Add, common: Parser) -> None:
    parser = add("send", "sending:send", "send a message")
    parser.add_argument("to", metavar="TO", nargs="+", help="mailbox@host[:port]")
    parser.add_argument(
        "--account", "--from", metavar="NAME", help="account to send from: its name or its address"
    )
    parser.add_argument("--subject", metavar="S", help="becomes the first heading")
    text = parser.add_mutually_exclusive_group()
    text.add_argument("--body", metavar="TEXT", help="the text (default: standard input)")
    text.add_argument("--body-file", metavar="F", help="read the text from a file; - is standard input")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--wait", action="store_true", help="send now and wait for the answer (default)")
    how.add_argument("--queue", action="store_true", help="only put it into the outbox")


def _outbox(add: Add, common: Parser) -> None:
    action = _actions(add("outbox", "sending:outbox", "messages on their way out"), common, "sending:outbox")
    action("list", "sending:outbox", "list them")
    retry = action("retry", "sending:retry", "try one again now; also the answer to an uncertain one")
    retry.add_argument("id", metavar="ID", type=number, help="number in the list")
    cancel = action("cancel", "sending:cancel", "give one up")
    cancel.add_argument("id", metavar="ID", type=number, help="number in the list")
    follow = action("follow", "sending:follow", "send one where a redirect points, now")
    follow.add_argument("id", metavar="ID", type=number, help="number in the list")
    follow.add_argument(
        "--change-contact", action="store_true", help="after a 31: write to the new address from now on"
    )
    action("run", "sending:run_outbox", "send what is due, once")


def _trust(add: Add, common: Parser) -> None:
    parser = add("trust", "trust:list_pins", "certificates you trust")
    parser.set_defaults(senders=False, recipients=False)
    action = _actions(parser, common, "trust:list_pins")
    verbs = (
        ("list", "trust:list_pins", "list pinned hosts", None),
        ("show", "trust:show", "everything known about one", "name"),
        ("approve", "trust:approve", "trust the certificate with this fingerprint", "name"),
        ("forget", "trust:forget", "forget a pin; the next contact is a first use", "name"),
    )
    for name, target, about, argument in verbs:
        verb = action(name, target, about)
        if argument:
            verb.add_argument("name", metavar="HOST", help="host[:port]; of people mailbox@host")
        if name == "approve":
            verb.add_argument("--fingerprint", metavar="FP", required=True, help="its SHA-256")
        kind = verb.add_mutually_exclusive_group()
        kind.add_argument("--senders", action="store_true", help="senders instead of hosts")
        if name != "approve":
            kind.add_argument(
                "--recipients", action="store_true", help="keys that servers named for people written to"
            )


def _exchange(add: Add, common: Parser) -> None:
    take = add("import", "exchange:import_mail", "bring in mail of other programs")
    take.add_argument("source", metavar="PATH", help="Titlani mailbox, gembox file, mbox or Maildir")
    take.add_argument(
        "--account",
        metavar="NAME",
        help="its name, or an address; the mail goes into this account (default: the first)",
    )
    take.add_argument("--folder", default=INBOX, help=f"folder to put it into (default: {INBOX})")
    give = add("export", "exchange:export_mail", "write mail out as mbox or .gmi files")
    give.add_argument("target", metavar="PATH", help="file (mbox) or folder (gmi) to write")
    give.add_argument("--format", choices=("mbox", "gmi"), default="mbox", help="default: mbox")
    give.add_argument("--query", default="", help="only what this search finds")


def _rest(add: Add, common: Parser) -> None:
    add("fetch", "mail:fetch", "look for new mail once")
    demo = add("demo", "program:demo", "try the program on a throw-away mailbox with invented correspondents")
    demo.add_argument("--check", action="store_true", help="play it without a terminal and report each step")
    doctor = add("doctor", "doctor:doctor", "look for what is wrong with profile, mail, keys and network")
    doctor.add_argument("--reindex", action="store_true", help="throw the index away and build it again")
    action = _actions(add("config", "settings:show", "your settings"), common, "settings:show")
    action("path", "settings:path", "where the settings file is")
    action("show", "settings:show", "the settings in force")
    action("init", "settings:init", "write a commented settings file")
    link = add("open", "program:open_link", "open the composer for a misfin: link")
    link.add_argument("link", metavar="LINK", help="misfin:mailbox@host?text")
    shell = add("completion", "manual:completion", "print a completion script")
    shell.add_argument("shell", choices=("bash", "zsh", "fish"), help="the shell: bash, zsh or fish")
    add("man", "manual:man_page", "print the manual page (roff)")
