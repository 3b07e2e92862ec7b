"""The options of ``misfin-tui mailbox``."""

from __future__ import annotations

from misfin_tui.cli.pending import Add


def mailbox_commands(action: Add) -> None:
    """Add them; ``action`` makes a command from its name, what it calls, and what it is about."""
    new = action("add", "mailbox:add", "add a mailbox, with an identity that the host's identity signs")
    new.add_argument("address", metavar="ADDRESS", help="mailbox@host")
    new.add_argument("--blurb", metavar="NAME", default="", help="display name in the certificate")
    new.add_argument(
        "--key", choices=("ec", "ed25519", "rsa"), default="ec", help="kind of key (default: ec)"
    )
    new.add_argument(
        "--days",
        metavar="N",
        type=int,
        default=0,
        help="days until the identity expires (default: 100 years)",
    )
    new.add_argument("--output", metavar="FILE", help="write the file for its owner, too")
    sign = action("sign", "mailbox:sign", "add a mailbox for a certificate request: its owner keeps the key")
    sign.add_argument("address", metavar="ADDRESS", help="mailbox@host, as the request must name it")
    sign.add_argument(
        "request", metavar="REQUEST", help="file with the request (PEM); - reads standard input"
    )
    sign.add_argument("--output", metavar="FILE", required=True, help="new file for the certificate")
    sign.add_argument("--blurb", metavar="NAME", default="", help="display name, instead of the request's")
    sign.add_argument(
        "--days",
        metavar="N",
        type=int,
        default=0,
        help="days until the certificate expires (default: 100 years)",
    )
    action("list", "mailbox:list_mailboxes", "list the mailboxes, what is in them, and when they expire")
    invite = action("invite", "mailbox:invite", "write the file with which its owner opens a mailbox")
    gone = action(
        "remove", "mailbox:remove", "stop receiving for a mailbox; its mail and its identity are kept"
    )
    gone.add_argument("--yes", action="store_true", help="do it: senders are refused from then on")
    away = action(
        "away", "mailbox_rules:away", "answer automatically while somebody is away, or show with what"
    )
    away.add_argument("--text", metavar="TEXT", help="what to answer; - reads it from standard input")
    away.add_argument("--from", dest="begins", metavar="DATE", default="", help="first day: 2026-12-24")
    away.add_argument("--until", dest="ends", metavar="DATE", default="", help="last day: 2027-01-06")
    away.add_argument("--off", action="store_true", help="answer no longer")
    block = action("block", "mailbox_rules:block", "refuse messages for a mailbox, or show whose are refused")
    unblock = action("unblock", "mailbox_rules:unblock", "take messages for a mailbox again")
    for each, count in ((block, "*"), (unblock, "+")):
        each.add_argument("name", metavar="ADDRESS", help="the address of the mailbox, or its name")
        each.add_argument(
            "people", metavar="SENDER", nargs=count, help="mailbox@host, or @host for everybody there"
        )
    for each in (invite, gone, away):
        each.add_argument("name", metavar="ADDRESS", help="the address of the mailbox, or its name")
    invite.add_argument("--output", metavar="FILE", required=True, help="new file for certificate and key")
