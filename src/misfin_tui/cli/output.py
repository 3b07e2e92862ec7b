"""The output of commands: aligned lines for people, one JSON object per line for programs."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from misfin.errors import LocalError
from misfin_tui.paths import Profile, find_profile
from misfin_tui.screentext import escaped, plain

if TYPE_CHECKING:
    from argparse import Namespace

    from misfin_tui.services import Services

Record = Mapping[str, object]


def profile_of(args: Namespace, *, new: bool = False) -> Profile:
    """The profile named on the command line, or the default one; ``new`` where the command may create it.

    Raises :class:`LocalError` where it does not exist: a typing mistake must not create a profile.
    """
    profile = find_profile(args.profile)
    if not new and not profile.root.is_dir():
        raise LocalError(
            f"There is no profile in {profile.root}.",
            remedy="Create one with `misfin-tui identity new mailbox@host` or `misfin-tui account add`,"
            " or choose one with --profile.",
        )
    return profile


@contextmanager
def open_services(args: Namespace, *, new: bool = False) -> Iterator[Services]:
    """The services for one command (profile, settings, databases), closed at the end."""
    from misfin_tui.config import load
    from misfin_tui.services import Services

    profile = profile_of(args, new=new)
    services = Services(profile, load(profile.config))
    try:
        yield services
    finally:
        services.close()


def emit(args: Namespace, record: Record, *lines: str) -> None:
    """Print one record: as JSON with ``--json``, else these lines, each without control characters."""
    if args.json:
        import json

        text = escaped(json.dumps(record, ensure_ascii=False))
        try:
            text.encode(sys.stdout.encoding or "ascii")
        except UnicodeEncodeError:  # another locale, or the name of a file that is not UTF-8
            text = json.dumps(record)
        print(text, flush=True)
    else:
        print("\n".join(map(shown, lines)), flush=True)


def shown(line: str) -> str:
    """A line without control characters, its signs in ASCII where the output cannot show them."""
    text = plain(line, one_line=True)
    if text.isascii():
        return text
    from misfin.store.evidence import writable  # late: few lines have a sign

    return writable(text, sys.stdout.encoding)


def emit_table(args: Namespace, records: Iterable[Record], columns: Sequence[str]) -> None:
    """Print records: as JSON, or for people as a table of these columns."""
    found = list(records)
    if args.json:
        for record in found:
            emit(args, record)
        return
    rows = [[shown(_cell(record[name])) for name in columns] for record in found]
    widths = [max((len(row[at]) for row in rows), default=0) for at in range(len(columns))]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def account_keys(services: Services, directory: str) -> dict[str, object]:
    """How ``--json`` names the account whose mail is in a directory."""
    book = services.account_book
    return {"account": book.address_at(directory), "account_name": book.name_at(directory)}


def say(text: str) -> None:
    """Print a remark for people on stderr, so that it never mixes with the output."""
    print(plain(text, one_line=True), file=sys.stderr, flush=True)


def iso(seconds: float) -> str:
    """Unix seconds as ISO 8601 in UTC, empty for 0."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if seconds else ""


def grouped(fingerprint: str) -> str:
    """A fingerprint in groups of four, as the dialogs show it."""
    return " ".join(fingerprint[at : at + 4] for at in range(0, len(fingerprint), 4))


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else ""
    if isinstance(value, (list, tuple)):
        return ", ".join(str(item) for item in value)
    return "" if value is None else str(value)
