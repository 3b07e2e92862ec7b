"""What programs call ``sendmail`` with, as options of ``misfin-tui send``."""

from __future__ import annotations

import argparse


def sendmail_options(parser: argparse.ArgumentParser) -> None:
    """Add them; those without a help text change nothing."""
    group = parser.add_argument_group("in place of sendmail, with a whole message on standard input")
    group.add_argument(
        "-t", dest="from_header", action="store_true", help="also send it to its To, Cc and Bcc"
    )
    group.add_argument(
        "-i", dest="ignore_dots", action="store_true", help="a line with only a dot does not end it"
    )
    group.add_argument(
        "-o",
        dest="options",
        metavar="OPTION",
        action="append",
        default=[],
        help="-oi: as -i; every other option changes nothing",
    )
    group.add_argument("-f", dest="sender", metavar="ADDRESS", help="who sends it; this chooses the account")
    group.add_argument("-F", dest="full_name", metavar="NAME", help="name for From, where that is missing")
    group.add_argument(
        "-B", dest="body_type", metavar="TYPE", help="changes nothing: the message itself says what it is"
    )
    group.add_argument("--sendmail", action="store_true", help="the same without -t and -i")
    group.add_argument("-b", dest="mode", help=argparse.SUPPRESS)
    for flag in ("-N", "-R", "-V", "-L", "-X", "-e", "-p", "-O"):
        group.add_argument(flag, dest="unused", help=argparse.SUPPRESS)
    for flag in ("-m", "-n", "-v", "-U", "-G"):
        group.add_argument(flag, dest="unused", action="store_true", help=argparse.SUPPRESS)
