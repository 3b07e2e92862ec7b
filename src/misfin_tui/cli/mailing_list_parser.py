"""The options of ``misfin-tui mailing-list``."""

from __future__ import annotations

from argparse import BooleanOptionalAction

from misfin_tui.cli.pending import Add


def mailing_list_commands(action: Add) -> None:
    """Add them; ``action`` makes a command from its name, what it calls, and what it is about."""
    action("list", "mailing_list:list_all", "show the mailing lists, their subscribers and what is waiting")
    new = action("create", "mailing_list:create", "create a mailing list, with a mailbox of its own")
    new.add_argument("--blurb", metavar="NAME", default="", help="display name of the list")
    settings = action("set", "mailing_list:change", "change the settings of a list")
    for each in (new, settings):
        each.add_argument(
            "--description", metavar="TEXT", help="what the list is about, for its page and new subscribers"
        )
        each.add_argument(
            "--posting", choices=("subscribers", "moderators", "anyone"), help="who may write to it"
        )
        for name, about in (
            ("moderated", "messages of all but moderators wait for approval"),
            ("closed", "nobody can subscribe by message"),
            ("hidden", "leave it off the public page"),
            ("archive", "keep its messages in its mailbox"),
        ):
            each.add_argument(f"--{name}", action=BooleanOptionalAction, help=about)
    subscribers = action("subscribers", "mailing_list:subscribers", "show who gets a list")
    add = action("subscribe", "mailing_list:subscribe", "add subscribers")
    gone = action("unsubscribe", "mailing_list:unsubscribe", "remove subscribers")
    moderators = action("moderators", "mailing_list:moderators", "show who moderates a list, or change that")
    moderators.add_argument("--add", metavar="PERSON", action="append", default=[], help="a new moderator")
    moderators.add_argument(
        "--remove", metavar="PERSON", action="append", default=[], help="who moderates no longer"
    )
    held = action("held", "mailing_list:held", "show the messages that wait for a moderator")
    show = action("show", "mailing_list:show", "print a message that waits")
    approve = action("approve", "mailing_list:approve", "send a message that waits to the subscribers")
    reject = action("reject", "mailing_list:reject", "drop a message that waits")
    undelivered = action("undelivered", "mailing_list:undelivered", "show what has not been delivered")
    retry = action("retry", "mailing_list:retry", "send again what may have been delivered, or waits")
    for each in (
        new,
        settings,
        subscribers,
        add,
        gone,
        moderators,
        show,
        approve,
        reject,
        undelivered,
        retry,
    ):
        each.add_argument("address", metavar="LIST", help="the address of the list: mailbox@host")
    held.add_argument("address", metavar="LIST", nargs="?", default="", help="one list (default: all)")
    for each in (add, gone):
        each.add_argument("people", metavar="PERSON", nargs="*", help="mailbox@host")
        each.add_argument("--file", metavar="FILE", help="a file with one address on each line; - for input")
    for each in (show, approve, reject):
        each.add_argument("number", metavar="NUMBER", type=int, help="the number that `held` shows")
    retry.add_argument("ids", metavar="ID", type=int, nargs="+", help="the ids that `undelivered` shows")
