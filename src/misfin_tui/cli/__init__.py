"""The command line: argv in, exit status out; each command imports only what it needs.

The words and statuses are fixed by docs/command-line.md §1: other programs rely on them.
"""

from __future__ import annotations

import gc
import io
import sys
from collections.abc import Callable, Sequence
from enum import IntEnum


class Exit(IntEnum):
    """Exit statuses of every command."""

    DONE = 0
    FAILED = 1
    """Failed for good."""
    USAGE = 2
    """Wrong usage or input."""
    HELD = 3
    """Held for your decision."""
    DEFERRED = 4
    """Deferred, and kept in the outbox."""
    INTERRUPTED = 130
    """Ended by ctrl+c before the result was known; 128 + SIGINT, as shells report it."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command, or open the program when none is named. Returns the exit status."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if argv is None and sys.argv[0].rpartition("/")[2] == "sendmail":  # through a link of this name
        arguments = ["send", "--sendmail", *arguments]
    if arguments == ["--version"]:  # before argparse: the commonest question should be the cheapest
        print_version()
        return Exit.DONE
    try:
        import fcntl  # noqa: F401 - file locks; nothing here works without them
    except ImportError:
        complain(
            "This program needs a POSIX system such as Linux, macOS or a BSD.",
            "On Windows, use it inside WSL.",
        )
        return Exit.FAILED

    command: Callable[[], int]
    if not arguments or (len(arguments) == 2 and arguments[0] == "--profile" and arguments[1][:1] != "-"):
        command = lambda: open_at_once(arguments[1] if arguments else None)  # noqa: E731 - one name for both ways
    else:
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="replace")  # signs that another encoding may lack
        parsed = _parsed(arguments)
        command = lambda: _run(parsed)  # noqa: E731 - one name for both ways
    return guarded(command)


def _parsed(arguments: Sequence[str]) -> object:
    if "fetch" in arguments:  # before argparse: most mail programs have it run every few minutes
        from misfin_tui.cli.fetch_arguments import fetch_arguments

        found = fetch_arguments(arguments)
        if found is not None:
            return found
    from misfin_tui.cli.parser import parse

    return parse(list(arguments))


def guarded(command: Callable[[], int]) -> int:
    """Run it; what goes wrong is reported in one line. Returns the exit status."""
    from misfin.errors import InputError, LocalError, MessageGoneError, MisfinError, QueryError, StoreError

    try:
        return command()
    except MisfinError as error:
        where = f"Column {error.column + 1} of the search: " if isinstance(error, QueryError) else ""
        complain(f"{where}{error}", error.remedy)
        disk = isinstance(error, StoreError) and not isinstance(error, InputError | MessageGoneError)
        return Exit.USAGE if isinstance(error, LocalError) and not disk else Exit.FAILED
    except BrokenPipeError:
        _silence_stdout()
        return Exit.FAILED
    except OSError as error:
        named = f" ({error.filename})" if error.filename else ""
        complain(f"{error.strerror or error}{named}", "Check the path, its permissions and the free space.")
        return Exit.FAILED
    except KeyboardInterrupt:
        complain("Interrupted.", "")
        return Exit.INTERRUPTED


def end_by_exception() -> None:
    """Let SIGTERM and SIGHUP raise, so that they clean up (first screen, a demo's folder) as ctrl+c does."""
    import signal  # late: it makes an enum of every signal

    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _end)


def _end(number: int, _frame: object) -> None:
    raise SystemExit(128 + number)  # the status shells give a signal


def open_at_once(folder: str | None) -> int:
    """Open the program without argparse. Where a valid picture of its first screen is kept, show that before
    anything else."""
    gc.disable()  # as early as it can be; the app turns it on again
    from misfin_tui.paths import find_profile
    from misfin_tui.picture import Picture

    picture = Picture(find_profile(folder))
    end_by_exception()
    with picture.painted():
        from misfin_tui.cli.program import open_profile

        return open_profile(picture.profile, picture=picture)


def print_version() -> None:
    """Print the version, from the one place where it is written."""
    from misfin_tui import __version__

    print(f"misfin-tui {__version__}")


def complain(what: str, remedy: str) -> None:
    """One line on stderr: what happened and what to do, without control characters of any text it quotes.

    See docs/command-line.md §2.
    """
    from misfin_tui.screentext import plain

    end = "" if not remedy or what.endswith((".", "?", "!", ":")) else "."
    print("misfin-tui: " + plain(f"{what}{end} {remedy}".strip(), one_line=True), file=sys.stderr)


def _run(parsed: object) -> int:
    from importlib import import_module

    module, _, function = getattr(parsed, "command", "program:open_program").partition(":")
    command = getattr(import_module(f"misfin_tui.cli.{module}"), function)
    return int(command(parsed))


def _silence_stdout() -> None:
    """Keep the interpreter from complaining about a closed pipe (``misfin-tui list | head``) at exit."""
    import os

    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
