"""What a search means in SQL: one full-text match that can be walked newest first, and conditions on it."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from misfin.store.index.place import KnownFolder
from misfin.store.index.words import searchable
from misfin.store.query import All, Any, Dated, In, Node, Not, Query, State, Tag, Text
from misfin.store.rows import BADGES, HELD, Badge


@dataclass(frozen=True, slots=True)
class Plan:
    """A query for the index: a match for the table ``words`` ('': none), and conditions on letters ``l``."""

    match: str
    where: str
    parameters: tuple[object, ...]
    since: float
    until: float
    """All letters it finds are dated between these: what lies outside need not be walked."""


def compile_query(query: Query, folders: Sequence[KnownFolder]) -> Plan:
    """SQL for a query.

    Words that all letters must have become one full-text match, the rest conditions on the letters it yields.
    """
    terms = query.root.terms if isinstance(query.root, All) else (query.root,)
    compiler = _Compiler(folders)
    wanted = [match for term in terms if (match := compiler.match(term))]
    unwanted, rest = [], []
    for term in terms:
        if isinstance(term, Not) and wanted and (match := compiler.match(term.term)):
            unwanted.append(match)
        elif not compiler.match(term):
            rest.append(compiler.where(term))
    match = " AND ".join(wanted) + "".join(f" NOT {one}" for one in unwanted)
    if unwanted and len(wanted) > 1:
        match = f"({' AND '.join(wanted)})" + "".join(f" NOT {one}" for one in unwanted)
    dates = [term for term in terms if isinstance(term, Dated)]
    return Plan(
        match,
        " AND ".join(rest),
        tuple(compiler.parameters),
        since=max((term.at for term in dates if not term.earlier), default=-math.inf),
        until=min((term.at for term in dates if term.earlier), default=math.inf),
    )


class _Compiler:
    def __init__(self, folders: Sequence[KnownFolder]) -> None:
        self.folders = folders
        self.parameters: list[object] = []

    def match(self, node: Node) -> str:
        """The node as an FTS5 expression, or '' when it asks for more than words."""
        match node:
            case Text(words, column, prefix):
                quoted = searchable(words.replace("\0", " ")).strip().replace('"', '""')
                return f'{column + " : " if column else ""}"{quoted}"{" *" if prefix else ""}'
            case All(terms) | Any(terms) if terms:
                parts = [self.match(term) for term in terms]
                link = " AND " if isinstance(node, All) else " OR "
                return f"({link.join(parts)})" if all(parts) else ""
            case _:
                return ""

    def where(self, node: Node) -> str:
        """The node as a condition on a letter ``l``."""
        if match := self.match(node):
            self.parameters.append(match)
            return "l.row IN (SELECT rowid FROM words WHERE words MATCH ?)"
        match node:
            case Not(term):
                return f"NOT ({self.where(term)})"
            case All(terms):
                return "(" + (" AND ".join(self.where(term) for term in terms) or "1") + ")"
            case Any(terms):
                return "(" + " OR ".join(self.where(term) for term in terms) + ")"
            case State(name):
                return self.state(name)
            case Tag(name):
                escaped = re.sub(r"([\\%_])", r"\\\1", name)
                self.parameters.append(f"% {escaped} %")
                return "(l.tags <> '' AND l.tags LIKE ? ESCAPE '\\')"
            case In(place):
                return self.in_folders(self.places(place))
            case Dated(at, earlier):
                self.parameters.append(at)
                return "l.date < ?" if earlier else "l.date >= ?"
            case _:
                raise AssertionError(node)

    def state(self, name: str) -> str:
        match name:
            case "held":
                return self.in_folders([folder.number for folder in self.folders if folder.name == HELD])
            case "unverified":
                proven = BADGES.index(Badge.VERIFIED)
                written = [folder.number for folder in self.folders if folder.name in ("Sent", "Drafts")]
                return f"(l.badge <> {proven} AND NOT {self.in_folders(written)})"
            case "read":
                return "NOT l.unread"
            case _:
                return f"l.{name}"  # a key of STATES or CONTENTS, so the name of a column

    def places(self, place: str) -> list[int]:
        place = place.casefold()
        return [
            folder.number
            for folder in self.folders
            if place
            in (
                folder.name.casefold(),
                folder.account.casefold(),
                f"{folder.account}/{folder.name}".casefold(),
            )
        ]

    def in_folders(self, numbers: Sequence[int]) -> str:
        if len(numbers) == 1:
            return f"l.folder = {numbers[0]}"
        return f"l.folder IN ({', '.join(map(str, numbers))})" if numbers else "0"
