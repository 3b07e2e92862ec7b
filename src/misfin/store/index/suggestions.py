"""What the index suggests while a search is typed: people, folders and accounts, tags."""

from __future__ import annotations

import sqlite3

from misfin.store.index.read import known_folders
from misfin.store.people.completion import People, Vocabulary, no_people
from misfin.store.search.words import searchable


def people(db: sqlite3.Connection, prefix: str) -> list[tuple[str, str]]:
    """(address, name) of people whose address, or a word of whose name, begins with ``prefix``.

    Those with the most messages come first. Ignores case, accents and strokes.
    """

    def plain(text: str) -> str:
        return " ".join(searchable(text).casefold().split())

    wanted = plain(prefix)
    escaped = wanted.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    db.create_function("means", 1, lambda name: f" {wanted}" in f" {plain(name)}", deterministic=True)
    return db.execute(
        "SELECT address, name FROM people WHERE address LIKE ?1 ESCAPE '\\' OR name LIKE ?1 ESCAPE '\\'"
        " OR name LIKE ?2 ESCAPE '\\' OR (name GLOB '*[^ -~]*' AND means(name))"
        " ORDER BY messages DESC, address LIMIT 20",
        (f"{escaped}%", f"% {escaped}%"),
    ).fetchall()


def places(db: sqlite3.Connection) -> list[str]:
    """Values for ``in:``: folders by name, accounts, and folders of accounts."""
    known = known_folders(db)
    folders, accounts = ({folder[part] for folder in known} for part in (2, 1))
    return [
        *sorted(map(str, folders)),
        *sorted(map(str, accounts)),
        *sorted(f"{folder.account}/{folder.name}" for folder in known),
    ]


def tags(db: sqlite3.Connection) -> list[str]:
    """Every tag that is in use."""
    found = db.execute("SELECT DISTINCT tags FROM messages WHERE tags <> ''")
    return sorted({tag for (tags,) in found for tag in tags.split()})


def vocabulary(db: sqlite3.Connection, text: str, addressees: People | None) -> Vocabulary:
    """What completes a search that is ``text`` so far; ``addressees`` are people one writes to."""
    return Vocabulary(
        writers=lambda prefix: people(db, prefix),
        addressees=addressees or no_people,
        tags=tags(db) if "tag:" in text.lower() else (),
        places=places(db),
    )
