"""A line being typed: bytes in, the text and what to echo out. No cursor addressing, and no escape sequence.

The kernel's own line editing would do, but for three things: it cuts a line at 4,096 bytes, it does not say
whether somebody is in the middle of one, and it cannot give an earlier line back.
"""

from __future__ import annotations

import re
import unicodedata
from codecs import getincrementaldecoder
from collections.abc import Callable
from enum import Enum, auto

from misfin.model.safetext import plain

LONGEST = 1024 * 1024
"""Characters of a line; what comes beyond that is dropped until it ends."""
REMEMBERED = 100
"""Earlier lines that arrow up brings back."""

_ORDINARY = re.compile(r"[^\x00-\x1f\x7f-\x9f]+")
INTERRUPT = "\x03"
_UP, _DOWN = "A", "B"


class LineEnd(Enum):
    """How a line ended."""

    ENTER = auto()
    NO_MORE = auto()
    """ctrl+d on an empty line."""
    DROPPED = auto()
    """ctrl+c."""


def cells(text: str) -> int:
    """How many columns a text takes."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1
        for char in text
    )


class TypedLine:
    """The line at the prompt. ``echo`` shows what changes; ``again`` shows the whole line on a new one."""

    def __init__(
        self, echo: Callable[[str], None], again: Callable[[], None], room: Callable[[], int]
    ) -> None:
        """``room`` is the number of columns behind the prompt."""
        self._echo = echo
        self._again = again
        self._room = room
        self._decode = getincrementaldecoder("utf-8")("replace").decode
        self._waiting = ""
        self._sequence = ""
        self._history: list[str] = []
        self._at = 0
        self.text = ""

    @property
    def waits(self) -> bool:
        """Whether something was typed ahead."""
        return bool(self._waiting)

    def feed(self, data: bytes) -> None:
        """Take what was typed; it counts when :meth:`take` asks for it."""
        self._waiting += self._decode(data)

    def take(self) -> LineEnd | None:
        """Work on what was typed until the line ends; None while it does not. The text is in :attr:`text`."""
        while self._waiting:
            if not self._sequence and (run := _ORDINARY.match(self._waiting)):
                self._waiting = self._waiting[run.end() :]  # at once: a text that is pasted may be long
                self._add(run[0])
                continue
            char, self._waiting = self._waiting[0], self._waiting[1:]
            if self._sequence or char == "\x1b":
                self._in_sequence(char)
            elif char in "\r\n":
                return LineEnd.ENTER
            elif char == INTERRUPT:
                self.text = ""
                return LineEnd.DROPPED
            elif char == "\x04":
                if not self.text:
                    return LineEnd.NO_MORE
            elif char in "\x7f\x08":
                self._erase(1)
            elif char == "\x15":
                self._erase(len(self.text))
            elif char == "\x17":
                self._erase(len(self.text) - len(self.text.rstrip().rpartition(" ")[0]))
            elif char == "\t":
                self._add("    ")
        return None

    def begin(self) -> None:
        """A new line, with nothing in it."""
        self.text, self._at = "", len(self._history)

    @property
    def interrupted(self) -> bool:
        """Whether ctrl+c was typed ahead."""
        return INTERRUPT in self._waiting

    def drop_ahead(self) -> None:
        """Forget what was typed ahead of ctrl+c, and that."""
        self._waiting = self._waiting.rpartition(INTERRUPT)[2]
        self._sequence = ""

    def remember(self, line: str) -> None:
        """Have arrow up bring this line back."""
        if line.strip() and (not self._history or self._history[-1] != line):
            self._history = [*self._history[1 - REMEMBERED :], line]

    def _add(self, text: str) -> None:
        if not text.isascii():
            text = "".join(char for char in text if char.isprintable() and plain(char, one_line=True) == char)
        if kept := text[: LONGEST - len(self.text)]:
            self.text += kept
            self._echo(kept)

    def _erase(self, count: int) -> None:
        gone = self.text[len(self.text) - count :] if count else ""
        if not gone:
            return
        on_one_row = cells(self.text) < self._room()
        self.text = self.text[: len(self.text) - len(gone)]
        if on_one_row:
            width = cells(gone)
            self._echo("\b" * width + " " * width + "\b" * width)
        else:
            self._again()

    def _in_sequence(self, char: str) -> None:
        """Keys that send more than one character: only up and down mean something."""
        self._sequence += char
        begun = self._sequence
        if len(begun) == 1 or (begun in ("\x1b[", "\x1bO")):
            return
        if begun[1] in "[O" and not "@" <= char <= "~" and len(begun) < 32:
            return
        self._sequence = ""
        if begun[1] in "[O" and char in (_UP, _DOWN):
            self._bring_back(-1 if char == _UP else 1)

    def _bring_back(self, step: int) -> None:
        at = self._at + step
        if not 0 <= at <= len(self._history):
            return
        self._at = at
        self._erase(len(self.text))
        self._add(self._history[at] if at < len(self._history) else "")
