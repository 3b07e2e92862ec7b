"""The first page of the inbox as it was last seen, kept in the cache: the first frame needs no database.

It may be older than the index, as the index may be older than the mail: both are brought up to date right
after the first frame, and nothing is done to a letter before. A file that cannot be used counts as none.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import astuple, dataclass, field
from pathlib import Path
from typing import Any

from misfin.store.rows import Badge, ConversationRow, FolderRow, View

VERSION = 1
MAX_FILE = 1024 * 1024
_KINDS: Mapping[str, type | tuple[type, ...]] = {
    **dict.fromkeys(("id", "participants", "subject", "snippet", "badge"), str),
    **dict.fromkeys(("thread", "letter", "count", "unread"), int),
    "date": (int, float),
    "tags": list,
}
"""What the fields of a row must be, so that a damaged file cannot break the first frame."""


@dataclass(frozen=True, slots=True)
class FirstPage:
    """What the first frame shows. ``seen`` is False where it comes from the cache file."""

    view: View
    folders: list[FolderRow]
    total: int
    rows: list[ConversationRow]
    seen: bool = field(default=True, compare=False)


def recall(path: Path) -> FirstPage | None:
    """The page kept at ``path``; None when there is none that can be used. Never raises."""
    try:
        with path.open("rb") as file:
            data = json.loads(file.read(MAX_FILE))
        if data["version"] != VERSION:
            return None
        account, folder = data["view"]
        return FirstPage(
            View(account, folder),
            [FolderRow(*row) for row in data["folders"]],
            int(data["total"]),
            [_row(row) for row in data["rows"]],
            seen=False,
        )
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None


def _row(values: list[Any]) -> ConversationRow:
    """One row; raises ``ValueError`` or ``TypeError`` for what is none."""
    found = dict(zip(ConversationRow.__slots__, values, strict=True))
    for name, kind in _KINDS.items():
        if not isinstance(found[name], kind):
            raise TypeError(name)
    return ConversationRow(**found | {"badge": Badge[found["badge"]], "tags": tuple(map(str, found["tags"]))})


def remember(path: Path, page: FirstPage) -> None:
    """Keep a page for the next start. Raises ``OSError``."""
    rows = []
    for row in page.rows:
        fields = {name: getattr(row, name) for name in ConversationRow.__slots__}
        rows.append([*(fields | {"badge": row.badge.name}).values()])
    data = {
        "version": VERSION,
        "view": [page.view.account, page.view.folder],
        "folders": [astuple(row) for row in page.folders],
        "total": page.total,
        "rows": rows,
    }
    draft = path.with_name(f".{path.name}.new")
    draft.touch(mode=0o600)
    draft.write_text(json.dumps(data), "utf-8")
    draft.replace(path)
