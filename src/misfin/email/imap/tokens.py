"""The grammar all answers share: atoms, strings, NIL and lists."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from misfin.email.imap.limits import MAX_NESTING
from misfin.email.imap.reader import Answer
from misfin.email.imap.values import Token

_TOKEN: Final = re.compile(
    # The name of a body item holds spaces and parentheses; an atom is lenient: any bytes without those.
    rb"[()]|\"[^\"\\]*(?:\\.[^\"\\]*)*\"|(?:BODY|BINARY)\[[^\[\]\"]*\](?:<\d+>)?|[^ \t()\"][^ \t()]*|\"",
    re.IGNORECASE | re.DOTALL,
)
_ESCAPED: Final = re.compile(rb"\\(.)", re.DOTALL)
_OPEN, _CLOSE, _QUOTE = b'()"'
_MOST: Final = 2**63 - 1


class MalformedError(ValueError):
    """A line that does not follow the grammar; it is skipped, and never leaves the package."""


def tokens(parts: Answer) -> list[Token]:
    """An answer, without its first words, as nested lists; raises :class:`MalformedError`."""
    top: list[Token] = []
    stack = [top]
    current = top
    for at, part in enumerate(parts):
        if at % 2:  # a literal
            current.append(part)
            continue
        assert isinstance(part, bytes)
        for token in _TOKEN.findall(part):
            first = token[0]
            if first == _OPEN:
                current = []
                stack[-1].append(current)
                stack.append(current)
                if len(stack) > MAX_NESTING:
                    raise MalformedError("nested too deeply")
            elif first == _CLOSE:
                stack.pop()
                if not stack:
                    raise MalformedError("a parenthesis too many")
                current = stack[-1]
            elif first == _QUOTE:
                if len(token) == 1:
                    raise MalformedError("a quote without an end")
                text = token[1:-1]
                current.append(_ESCAPED.sub(rb"\1", text) if b"\\" in text else text)
            else:
                current.append(None if token in (b"NIL", b"nil", b"Nil") else token)
    if len(stack) > 1:
        raise MalformedError("a parenthesis without an end")
    return top


def words(values: Iterable[Token]) -> list[str]:
    """The strings among these, as text."""
    return [value.decode("utf-8", "replace") for value in values if isinstance(value, bytes)]


def number(text: bytes) -> int:
    """A size, count or modification sequence: at most 63 bits. Raises :class:`MalformedError`."""
    if not text.isdigit() or len(text) > 19 or (value := int(text)) > _MOST:
        raise MalformedError("not a number")
    return value
