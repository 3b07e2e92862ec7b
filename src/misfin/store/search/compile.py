"""Compiles a search to SQL: one full-text match, walked newest first, and conditions on its results."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final

from misfin.errors import QueryError
from misfin.model.folders import FOLDERS, WRITTEN, holds_mail
from misfin.store.evidence import ORDER, Evidence
from misfin.store.index.file_place import KnownFolder
from misfin.store.search.query import All, Any, Dated, In, Node, Not, Query, SearchedState, Tag, Text
from misfin.store.search.words import searchable

PrefixExpander = Callable[[str], Sequence[tuple[str, bool]]]
"""Expands a prefix to words, each with whether it is a prefix itself; empty: use the prefix as it is."""

_LAST_WORD: Final = re.compile(r"([0-9A-Za-z\u0370-\u03ff\u0400-\u052f]+)[\x00-/:-@\[-`{-\x7f]*$")
"""The last part of a prefix, in scripts whose lower case is that of the index; no word character follows."""

_STANDARD: Final = frozenset(name.casefold() for name in FOLDERS)
"""Folders that can be searched before they exist."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A query for the index: a match for the table ``words`` ('' for none), and conditions on ``l``."""

    match: str
    where: str
    parameters: tuple[object, ...]
    since: float
    until: float
    """All messages it finds are dated between these; others need not be walked."""


def compile_query(
    query: Query, folders: Sequence[KnownFolder], expand_prefix: PrefixExpander = lambda _: ()
) -> Plan:
    """SQL for a query; ``expand_prefix`` expands prefixes.

    Words that all messages must have become one full-text match, the rest conditions on the messages it
    yields. Raises :class:`QueryError` for a folder that does not exist.
    """
    terms = query.root.terms if isinstance(query.root, All) else (query.root,)
    compiler = _Compiler(folders, expand_prefix)
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
    def __init__(self, folders: Sequence[KnownFolder], expand_prefix: PrefixExpander) -> None:
        self.folders = folders
        self.expand_prefix = expand_prefix
        self.parameters: list[object] = []
        self.texts: dict[Text, str] = {}

    def match(self, node: Node) -> str:
        """The node as an FTS5 expression, or '' if it is about more than words."""
        match node:
            case Text():
                if node not in self.texts:
                    self.texts[node] = self.text(node)
                return self.texts[node]
            case All(terms) | Any(terms) if terms:
                parts = [self.match(term) for term in terms]
                link = " AND " if isinstance(node, All) else " OR "
                return f"({link.join(parts)})" if all(parts) else ""
            case _:
                return ""

    def text(self, text: Text) -> str:
        words = searchable(text.words.replace("\0", " ")).strip()
        spelled: Sequence[tuple[str, bool]] = ()
        if text.prefix and (last := _LAST_WORD.search(words)):
            # Not if a word continues from one script into the other: the index has them as one.
            before = words[: last.start()]
            if not before or before[-1].isspace() or before[-1].isascii():
                spelled = [(before + word, more) for word, more in self.expand_prefix(last[1].lower())]
        options = [
            '"' + one.replace('"', '""') + ('" *' if more else '"')
            for one, more in spelled or [(words, text.prefix)]
        ]
        joined = options[0] if len(options) == 1 else f"({' OR '.join(options)})"
        return f"{text.column} : {joined}" if text.column else joined

    def where(self, node: Node) -> str:
        """The node as a condition on a message ``l``."""
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
            case SearchedState(name):
                return self.state(name)
            case Tag(name):
                escaped = re.sub(r"([\\%_])", r"\\\1", name)
                self.parameters.append(f"% {escaped} %")
                return "(l.tags <> '' AND l.tags LIKE ? ESCAPE '\\')"
            case In(place, column):
                return self.in_folders(self.places(place, column))
            case Dated(at, earlier):
                self.parameters.append(at)
                return "l.date < ?" if earlier else "l.date >= ?"
            case _:
                raise AssertionError(node)

    def state(self, name: str) -> str:
        match name:
            case "held":
                held = [each.number for each in self.folders if holds_mail(each.account, each.name)]
                return self.in_folders(held)
            case "unverified":
                proven = ORDER.index(Evidence.VERIFIED)
                written = [folder.number for folder in self.folders if folder.name in WRITTEN]
                return f"(l.evidence <> {proven} AND NOT {self.in_folders(written)})"
            case "read":
                return "NOT l.unread"
            case _:
                return f"l.{name}"  # a key of STATES or CONTENTS, so the name of a column

    def places(self, place: str, column: int) -> list[int]:
        spelled = place.casefold()
        found = [
            folder.number
            for folder in self.folders
            if spelled in (each.casefold() for each in (folder.name, folder.account, _whole(folder)))
        ]
        account, _, name = spelled.rpartition("/")
        inside = [folder for folder in self.folders if folder.account.casefold() == account]
        if not found and self.folders and not (name in _STANDARD and (inside or not account)):
            options = {folder.name.casefold(): _whole(folder) for folder in inside}
            if not inside:
                name = spelled
                options = {each.casefold(): each for known in self.folders for each in known[1:]}
            close = get_close_matches(name, options, 1)
            raise QueryError(
                f"There is no folder or account “{place}”.",
                column=column,
                remedy=f"Did you mean {options[close[0]]}?" if close else "",
            )
        return found

    def in_folders(self, numbers: Sequence[int]) -> str:
        if len(numbers) == 1:
            return f"l.folder = {numbers[0]}"
        return f"l.folder IN ({', '.join(map(str, numbers))})" if numbers else "0"


def _whole(folder: KnownFolder) -> str:
    return f"{folder.account}/{folder.name}"
