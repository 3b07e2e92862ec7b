"""Reads the arguments of ``fetch`` without argparse, which costs more than a fetch with nothing to do."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace

_SWITCHES = {"--json": "json", "--follow": "follow", "--until-eof": "until_eof"}
_VALUES = {"--profile": "profile", "--account": "account"}


def fetch_arguments(arguments: Sequence[str]) -> SimpleNamespace | None:
    """What argparse would make of them; None for all but the plainest spelling, which is left to it."""
    found = SimpleNamespace(
        profile=None, json=False, account=None, follow=False, until_eof=False, command="fetching:fetch"
    )
    words = iter(arguments)
    named = False
    for word in words:
        if word in _VALUES:
            value = next(words, "-")
            if value.startswith("-") or (word == "--account" and not named):
                return None
            setattr(found, _VALUES[word], value)
        elif word in _SWITCHES and (named or word == "--json"):
            setattr(found, _SWITCHES[word], True)
        elif word == "fetch" and not named:
            named = True
        else:
            return None
    return found if named else None
