"""How a command speaks: aligned lines for people, one JSON object per line for programs."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from misfin.errors import LocalError
from misfin.store.evidence import writable
from misfin_tui.paths import Profile, find_profile
from misfin_tui.screentext import escaped, plain

if TYPE_CHECKING:
    from argparse import Namespace

    from misfin_tui.services import Services

Record = Mapping[str, object]


def profile_of(args: Namespace, *, new: bool = False) -> Profile:
    """The profile the command line named, or the usual one; ``new`` where the command may make it.

    Raises :class:`LocalError` where there is none: whoever only looks must not make one by a slip of the
    finger.
    """
    profile = find_profile(args.profile)
    if not new and not profile.root.is_dir():
        raise LocalError(
            f"There is no profile in {profile.root}.",
            remedy="Make one with `misfin-tui identity new mailbox@host`, or name another with --profile.",
        )
    return profile


@contextmanager
def open_services(args: Namespace, *, new: bool = False) -> Iterator[Services]:
    """What the screens use too, for one command: profile, settings and the databases, closed at the end."""
    from misfin_tui.config import load
    from misfin_tui.services import Services

    profile = profile_of(args, new=new)
    services = Services(profile, load(profile.config))
    try:
        yield services
    finally:
        services.close()


def emit(args: Namespace, record: Record, line: str) -> None:
    """Print one record: as JSON with ``--json``, else ``line`` with nothing in it that acts on a terminal."""
    if args.json:
        import json

        text = escaped(json.dumps(record, ensure_ascii=False))
        try:
            text.encode(sys.stdout.encoding or "ascii")
        except UnicodeEncodeError:  # another locale, or the name of a file that is not UTF-8
            text = json.dumps(record)
        print(text, flush=True)
    else:
        print(shown(line), flush=True)


def shown(line: str) -> str:
    """A line that does nothing to a terminal, its signs in ASCII where the output lacks them."""
    return writable(plain(line, one_line=True), sys.stdout.encoding)


def emit_table(args: Namespace, records: Iterable[Record], columns: Sequence[str]) -> None:
    """Print records; for people as a table of some of their columns, as wide as their longest cell."""
    found = list(records)
    if args.json:
        for record in found:
            emit(args, record, "")
        return
    rows = [[shown(_cell(record[name])) for name in columns] for record in found]
    widths = [max((len(row[at]) for row in rows), default=0) for at in range(len(columns))]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def account_keys(services: Services, directory: str) -> dict[str, object]:
    """How ``--json`` names the account whose mail lies in a directory."""
    book = services.account_book
    return {"account": book.address_at(directory), "account_name": book.name_at(directory)}


def say(text: str) -> None:
    """A remark for the person watching; on stderr, so that it never mixes with the answer."""
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
