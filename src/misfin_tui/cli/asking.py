"""Questions at the shell: yes or no, and passwords, which are not shown while they are typed."""

from __future__ import annotations

import sys
from pathlib import Path

from misfin.errors import LocalError
from misfin_tui.screentext import plain

MAX_PASSWORD = 4096
"""Bytes of a password that are read at most."""


def ask_yes(question: str) -> bool:
    """Whether somebody at the terminal says yes; False where nobody can be asked."""
    if not sys.stdin.isatty():
        return False
    print(f"{plain(question, one_line=True)} [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().casefold() in ("y", "yes")


def first_line_or_typed(prompt: str) -> str:
    """A password: typed at the terminal without echo, else the first line of standard input.

    Raises :class:`~misfin.errors.LocalError` where neither works.
    """
    if not sys.stdin.isatty():
        line = sys.stdin.buffer.readline(MAX_PASSWORD).rstrip(b"\r\n")
        try:
            return line.decode("utf-8")
        except UnicodeDecodeError:
            raise LocalError("The password on standard input is not UTF-8 text.") from None
    from getpass import GetPassWarning, getpass
    from warnings import catch_warnings, simplefilter

    try:
        with catch_warnings():
            simplefilter("error", GetPassWarning)  # rather than show what is typed
            return getpass(f"{plain(prompt, one_line=True)}: ")
    except (EOFError, GetPassWarning):
        raise LocalError(
            "The password cannot be typed here without being shown.",
            remedy="Give it on standard input instead.",
        ) from None


def first_line(name: str) -> bytes:
    """The first line of a password file, or of standard input for ``-``, without its line end.

    Raises :class:`~misfin.errors.LocalError` where it cannot be read.
    """
    try:
        if name == "-":
            line = sys.stdin.buffer.readline(MAX_PASSWORD)
        else:
            with Path(name).expanduser().open("rb") as file:
                line = file.readline(MAX_PASSWORD)
    except (OSError, RuntimeError) as error:
        why = getattr(error, "strerror", None) or error
        raise LocalError(f"The password file {name} cannot be read: {why}.") from error
    return line.rstrip(b"\r\n")
