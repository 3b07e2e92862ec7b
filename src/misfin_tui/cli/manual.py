"""The manual page, made from the argparse tree and the table of keys so that it cannot lag behind them."""

from __future__ import annotations

import argparse
from argparse import Namespace
from collections.abc import Iterator
from itertools import groupby

from misfin.errors import MisfinError
from misfin.store.search.query import FIELDS
from misfin_tui.cli import Exit
from misfin_tui.cli.commandtree import Verb, verbs
from misfin_tui.cli.manual_text import EXAMPLES, FILES, SEARCHING
from misfin_tui.keymap import ACTIONS, Keymap, readable, resolve

PROGRAM = "misfin-tui"
WRITTEN = "2026-11-30"
"""The date of the manual page, shown in its footer."""


def man_page(args: Namespace) -> int:
    """Print the manual page as roff, with the keys of the profile; the standard ones if it cannot be read."""
    from misfin_tui import config
    from misfin_tui.paths import find_profile

    try:
        keys = resolve(config.load(find_profile(args.profile).config, unknown=[]).keys)
    except MisfinError:
        keys = Keymap()
    print(page(keys), end="")
    return Exit.DONE


def page(keys: Keymap | None = None) -> str:
    """The manual page as roff, with these keys or the standard ones."""
    return "\n".join(_roff(keys or Keymap())) + "\n"


def _roff(keymap: Keymap) -> Iterator[str]:
    from misfin_tui import __version__

    found = list(verbs())
    top = found[0]
    yield f'.TH MISFIN-TUI 1 "{WRITTEN}" "misfin-tui {__version__}" "User Commands"'
    yield ".SH NAME"
    yield "misfin-tui \\- read and write e-mail and Misfin mail in the terminal"
    yield ".SH SYNOPSIS"
    yield f".B {PROGRAM}\n[\\fIOPTION\\fR]... [\\fICOMMAND\\fR]"
    yield ".SH DESCRIPTION"
    yield _escape(str(top.parser.description))
    yield ".SH OPTIONS"
    yield from _options(top)
    yield ".SH COMMANDS"
    for verb in found[1:]:
        if isinstance(verb.parser._subparsers, argparse._ArgumentGroup):
            continue  # only a group; its commands follow
        usage = " ".join(verb.parser.format_usage().removeprefix("usage: ").split())
        for everywhere in ("[-h]", "[--profile DIR]", "[--json]"):
            usage = usage.replace(f" {everywhere}", "")
        yield f".SS {_escape(usage)}"
        yield _escape(_sentence(verb.about))
        yield from _options(verb)
    yield ".SH SEARCHING"
    yield "The same words work in the search line, in saved searches, and after search and list."
    yield from (f".TP\n.B {_escape(words)}\n{_escape(does)}" for words, does in SEARCHING)
    yield from (f".TP\n.B {_escape(name)}:\n{_escape(_sentence(does))}" for name, does in FIELDS.items())
    yield ".SH KEYS"
    yield "These can be changed in the settings, one by one or all to those of mutt, vim or emacs."
    for context, actions in groupby(ACTIONS, key=lambda action: action.context):
        yield f".SS {_escape(str(context).capitalize())}"
        for action in actions:
            names = (readable(key).replace("^", "ctrl+") for key in keymap.of(action.id))
            keys = "  ".join(names) or "(no key)"
            yield f".TP 16\n.B {_escape(keys)}\n{_escape(action.help)}"
    yield ".SH IN PLACE OF SENDMAIL"
    yield from _SENDMAIL
    yield ".SH EXIT STATUS"
    for status, meaning in (
        (Exit.DONE, "Done."),
        (Exit.FAILED, "Failed for good."),
        (Exit.USAGE, "Wrong usage or input."),
        (Exit.HELD, "Held for your decision."),
        (Exit.DEFERRED, "Deferred, and kept in the outbox."),
        (Exit.INTERRUPTED, "Interrupted by ctrl+c before the result was known."),
    ):
        yield f".TP\n.B {int(status)}\n{meaning}"
    yield ".TP\n.B 129, 143\nEnded by SIGHUP (or a closed terminal) or by SIGTERM."
    yield ".PP\nOf several deliveries the worst counts, in the order 1, 3, 4, 0."
    yield ".SH ENVIRONMENT"
    yield ".TP\n.B MISFIN_TUI_HOME\nFolder of the profile, as with \\-\\-profile."
    yield ".TP\n.B VISUAL, EDITOR\nEditor opened by ctrl+e in the composer."
    yield ".TP\n.B NO_COLOR\nUse no colours."
    yield ".SH FILES"
    yield "All of these are in the profile:"
    yield from (f".TP\n.I {_escape(name)}\n{_escape(holds)}" for name, holds in FILES)
    yield ".SH EXAMPLES"
    yield from (f".TP\n{_escape(does)}\n.B {_escape(command)}" for does, command in EXAMPLES)
    yield ".SH SEE ALSO"
    yield ".BR mutt (1),\n.BR notmuch (1),\n.BR mbsync (1)"


_SENDMAIL = (
    "With \\-t, \\-i or \\-oi, or started through a link called",
    ".BR sendmail ,",
    ".B misfin\\-tui send",
    "takes a whole message on standard input, as",
    ".BR git\\-send\\-email (1),",
    ".BR mutt (1)",
    "and",
    ".BR cron (8)",
    "expect. It is durably queued and tried for 30 seconds.",
    "The status is 1 if every recipient was refused for good or it could not be queued,",
    "2 if nothing was queued because of wrong usage, and 0 for everything else:",
    "what still waits goes out with the open program or the next",
    '.BR "misfin\\-tui outbox run" .',
)


def _options(verb: Verb) -> Iterator[str]:
    for action in verb.parser._actions:
        if action.help == argparse.SUPPRESS or isinstance(action, argparse._SubParsersAction):
            continue
        if {"--profile", "--json", "--help"} & set(action.option_strings) and verb.words:
            continue
        name = ", ".join(action.option_strings) or str(action.metavar or action.dest)
        value = (
            ""
            if action.nargs == 0 or not action.option_strings
            else f" {action.metavar or action.dest.upper()}"
        )
        if action.choices and action.option_strings:
            value = " " + "|".join(map(str, action.choices))
        yield f".TP\n.B {_escape(name + value)}\n{_escape(_sentence(action.help or ''))}"


def _sentence(words: str) -> str:
    """With a capital and a full stop; no capital where the first word is something to type (mailbox@host)."""
    first = words.split(maxsplit=1)[0]
    capital = first.strip(",.:;").isalpha()
    return f"{words[:1].upper() if capital else words[:1]}{words[1:].removesuffix('.')}."


def _escape(text: str) -> str:
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("\n.", "\n\\&.").replace("'", "\\(aq")
    text = "".join(sign if sign.isascii() else f"\\[u{ord(sign):04X}]" for sign in text)
    return f"\\&{text}" if text.startswith(".") else text
