"""Parses address fields of any mail in linear time: names, addresses, groups, comments."""

from __future__ import annotations

import re

from misfin.store.message.words import runs, unfolded, words
from misfin.valueclass import dataclass

MAX_PEOPLE = 1000

_SPECIAL = r"\"<>(),;:\\\[\]"
_USUAL = re.compile(
    rf'\s*+(?:(?:"([^"\\]*+)"\s*+|([^{_SPECIAL}]*+))<(?!@)([^\s"<>(]++)>|([^\s{_SPECIAL}=]++))\s*+(?:,|\Z)'
)
"""One person as nearly everybody is written: a name and an address, or an address alone."""
_TOKENS = re.compile(
    r'"(?:[^"\\]|\\.)*"?|<(?:"(?:[^"\\]|\\.)*"|[^>"])*>?|\[[^\]]*\]?|[(),;:]|[^"<\[(),;:]+', re.DOTALL
)
_COMMENT_TOKENS = re.compile(r"\\.|[()]|[^\\()]+|\\", re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_QUOTED = re.compile(r'("(?:[^"\\]|\\.)*")', re.DOTALL)
_QUOTED_LOCAL = re.compile(r'"(?:[^"\\]|\\.)*"@[^\s<>"]+', re.DOTALL)
_BARE = re.compile(r"[^\s<>@\"(),;:]+@[^\s<>@\"(),;:]+")
_ATOM = "\0"
"""Marks the place of an encoded word while its field is parsed: what it contains is not syntax."""
_ATOMS = re.compile("\0([0-9]+)\0")


@dataclass(frozen=True, slots=True)
class Person:
    """A person in a header field: display name and address, either possibly empty."""

    name: str
    address: str

    def __str__(self) -> str:
        return f"{self.name} <{self.address}>" if self.name and self.address else self.name or self.address


def people(values: list[bytes]) -> tuple[Person, ...]:
    """All people in address fields, groups expanded and comments dropped; at most 1,000."""
    found: list[Person] = []
    for raw in values:
        value = unfolded(raw)
        position = 0
        while len(found) < MAX_PEOPLE and (usual := _USUAL.match(value, position)):
            name = usual[1] or usual[2]
            found.append(Person(" ".join(words(name).split()) if name else "", usual[3] or usual[4]))
            position = usual.end()
        if len(found) >= MAX_PEOPLE:
            break
        if position < len(value):
            _Field(value[position:], found).read()
    return tuple(found[:MAX_PEOPLE])


def unquoted(quoted: str) -> str:
    """The value of a quoted string (RFC 5322 §3.2.4); its closing quote may be missing."""
    text = quoted[1:]
    if (
        text.endswith('"') and (len(text) - len(text[:-1].rstrip("\\"))) % 2
    ):  # an even run of backslashes before it
        text = text[:-1]
    return _ESCAPED.sub(r"\1", text)


class _Field:
    """One address field, read from its beginning to its end; people go to ``found``."""

    def __init__(self, value: str, found: list[Person]) -> None:
        self.found = found
        self.atoms: list[str] = []
        self.value = self._with_atoms(value.replace(_ATOM, "")) if "=?" in value else value
        self.name: list[str] = []
        self.address = self.comment = ""
        self.before = 0
        """How much of the name stood before the address."""

    def _with_atoms(self, value: str) -> str:
        out: list[str] = []
        position = 0
        for text, start, end in runs(value):
            out += (value[position:start], f"{_ATOM}{len(self.atoms)}{_ATOM}")
            self.atoms.append(text)
            position = end
        out.append(value[position:])
        return "".join(out)

    def read(self) -> None:
        value, position = self.value, 0
        while token := _TOKENS.match(value, position):
            part, position = token[0], token.end()
            if part[0] == '"':
                # A quoted local part is an address as it stands.
                self.name.append(part if value.startswith("@", position) else unquoted(part))
            elif part[0] == "<":
                if self.address:  # two people without a comma between them
                    name = self.name[self.before :]
                    del self.name[self.before :]
                    self.end_of_person()
                    self.name = name
                address = _without_blanks(part.removeprefix("<").removesuffix(">").strip("<>"))
                # An obsolete route may come before the address (RFC 5322 §4.4).
                self.address = address.rpartition(":")[2] if address.startswith("@") else address
                self.before = len(self.name)
            elif part in ",;":
                self.end_of_person()
                if len(self.found) >= MAX_PEOPLE:
                    return
            elif part == ":":  # the text before was the name of a group
                self.name.clear()
            elif part == "(":
                self.comment, position = comment(value, position)
            elif part != ")":
                self.name.append(part)
        self.end_of_person()

    def end_of_person(self) -> None:
        name = self._text(" ".join("".join(self.name).split()))
        address = self._text(self.address)
        if not address and "@" in name:
            if _QUOTED_LOCAL.fullmatch(name) or not set(name) & set("<> "):
                name, address = self._text(self.comment), name
            elif "<" not in name and ">" not in name:
                self.people_without_brackets(name)
                name = ""
            elif self.atoms and "<" in name:
                # A whole "name <address>" in encoded words, against RFC 2047 §5.
                whole = _Field(name, [])
                whole.read()
                name, address = next(((one.name, one.address) for one in whole.found), (name, ""))
        if name or address:
            self.found.append(Person(" ".join(name.split()), address))
        self.name.clear()
        self.address = self.comment = ""

    def people_without_brackets(self, text: str) -> None:
        """A name beside its address, or several people, that nothing but blanks divides."""
        name: list[str] = []
        people: list[Person] = []
        for word in text.split():
            if _BARE.fullmatch(word):
                people.append(Person(" ".join(name), word))
                name = []
            else:
                name.append(word)
        if name and len(people) == 1:
            name = [people[0].name, *name] if people[0].name else name
            people = [Person(" ".join(name), people[0].address)]
        elif name:
            people.append(Person(" ".join(name), ""))
        self.found += people

    def _text(self, text: str) -> str:
        if self.atoms and _ATOM in text:
            return _ATOMS.sub(lambda found: self.atoms[int(found[1])], text)
        return text


def _without_blanks(address: str) -> str:
    if '"' not in address:
        if "(" in address and "@" in (bare := without_comments(address)).strip("@ "):
            address = bare  # RFC 5322 §3.4.1 allows comments on both sides of the @
        return "".join(address.split())
    return "".join(
        piece if piece.startswith('"') else "".join(piece.split()) for piece in _QUOTED.split(address)
    )


def comment(value: str, start: int) -> tuple[str, int]:
    """The text of a comment whose parenthesis is before ``start``, and where it ends."""
    depth = 1
    inside: list[str] = []
    for token in _COMMENT_TOKENS.finditer(value, start):
        depth += (token[0] == "(") - (token[0] == ")")
        if not depth:
            return "".join(inside), token.end()
        inside.append(token[0])
    return "".join(inside), len(value)


def without_comments(value: str) -> str:
    """A value with its comments replaced by blanks."""
    out = []
    position = 0
    while (start := value.find("(", position)) >= 0:
        out.append(value[position:start])
        _, position = comment(value, start + 1)
    out.append(value[position:])
    return " ".join(out)
