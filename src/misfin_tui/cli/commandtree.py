"""The tree of commands as values, read from argparse, for completion scripts and the manual page."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass

from misfin_tui.cli.parser import build_parser

_FILES = frozenset({"FILE", "PATH", "DIR"})
"""Metavars that stand for the name of a file."""


@dataclass(frozen=True, slots=True)
class ManualFlag:
    """An option of a command; ``values`` are those it takes where they are few."""

    flag: str
    about: str
    takes_value: bool
    values: tuple[str, ...]
    takes_file: bool


@dataclass(frozen=True, slots=True)
class Verb:
    """One command: the words that call it, its options, fixed choices, and whether it takes a file."""

    words: tuple[str, ...]
    about: str
    options: tuple[ManualFlag, ...]
    choices: tuple[str, ...]
    takes_file: bool
    parser: argparse.ArgumentParser


def verbs(
    parser: argparse.ArgumentParser | None = None, words: tuple[str, ...] = (), about: str = ""
) -> Iterator[Verb]:
    """Every command below ``parser`` (the whole tree by default), itself first."""
    parser = parser or build_parser()
    options: list[ManualFlag] = []
    choices: list[str] = []
    takes_file = False
    below: list[tuple[str, str, argparse.ArgumentParser]] = []
    for action in parser._actions:  # argparse has no public way to look at a parser
        named_file = action.metavar in _FILES
        if isinstance(action, argparse._SubParsersAction):
            abouts = {pseudo.dest: pseudo.help or "" for pseudo in action._choices_actions}
            below += [(name, abouts.get(name, ""), child) for name, child in action.choices.items()]
            choices += list(action.choices)
        elif action.option_strings and action.help != argparse.SUPPRESS:
            values = tuple(map(str, action.choices or ()))
            options += [
                ManualFlag(flag, action.help or "", action.nargs != 0, values, named_file)
                for flag in action.option_strings
                if flag.startswith("--")
            ]
        elif action.choices:
            choices += [str(choice) for choice in action.choices]
        else:
            takes_file = takes_file or named_file
    yield Verb(words, about, tuple(options), tuple(choices), takes_file, parser)
    for name, help_text, child in below:
        yield from verbs(child, (*words, name), help_text)
