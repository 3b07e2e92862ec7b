"""How much of the tightest server's limit a message takes, in words and in a small bar."""

from __future__ import annotations

from textual.content import Content
from textual.widgets import Static

from misfin.compose.measure import NO_LIMIT
from misfin_tui.screentext import plain

LARGE = 2_000_000
"""Bytes of a limit from which sizes are shown in megabytes."""
NEAR = 0.9
"""The share of the limit from which the meter warns."""


class ByteMeter(Static):
    """One line: bytes of the limit, whose limit it is, and when the draft was saved.

    In a narrow window the bar goes first, then when the draft was saved, then the numbers: what is wrong is
    never cut.
    """

    DEFAULT_CSS = """
    ByteMeter { height: 1; padding: 0 1; color: $text-muted; text-wrap: nowrap; text-overflow: ellipsis; }
    ByteMeter.-near { color: $warning; text-style: bold; }
    ByteMeter.-over { color: $error; text-style: bold; }
    """
    BAR = 12

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(markup=False, id=id)
        self._bytes = 0
        self._limit = 1
        self._whose = ""
        self._split = True
        self._saved = ""
        self._failed = False

    def measure(self, size: int, limit: int, whose: str = "", *, split: bool = True) -> None:
        """Show ``size`` of ``limit`` bytes, or ``size`` alone where the limit is :data:`NO_LIMIT`.

        ``whose`` is the host that accepts no more than that, where the limit is not the usual one.
        ``split``: a message that is too long can go as several.
        """
        self._bytes, self._limit, self._whose, self._split = size, max(limit, 1), whose, split
        self._draw()

    def saved(self, note: str, *, failed: bool = False) -> None:
        """Show when the draft was saved, or that it could not be, which comes first."""
        self._saved, self._failed = note, failed
        self._draw()

    @property
    def over(self) -> bool:
        """Whether the message is too long to be sent."""
        return self._bytes > self._limit

    def on_resize(self) -> None:
        """Show as much as there is room for."""
        self._draw()

    def _draw(self) -> None:
        near = not self.over and self._bytes > NEAR * self._limit
        self.set_class(near, "-near")
        self.set_class(self.over, "-over")
        bar, words = self._bar(near), self._words(near)
        needed = [word for word in words if self._failed or word != self._saved]
        forms = (
            bar.append(" · ".join(words)),
            Content(" · ".join(words)),
            Content(" · ".join(needed)),
            Content(" · ".join((needed[0], needed[-1]) if self._failed and self.over else needed)),
            Content(needed[-1 if self.over and not self._failed else 0]),
        )
        room = self.content_size.width
        self.update(next((form for form in forms if form.cell_length <= room), forms[-1]))

    def _bar(self, near: bool) -> Content:
        if self._limit >= NO_LIMIT:
            return Content("")
        full = min(self.BAR, -(-self.BAR * self._bytes // self._limit))
        tone = "" if near or self.over else "$primary"
        return Content.assemble(("━" * full, tone), ("─" * (self.BAR - full), "dim"), " ")

    def _words(self, near: bool) -> list[str]:
        whose = f" that {plain(self._whose, one_line=True)} accepts" if self._whose else ""
        if self._limit >= NO_LIMIT:
            words = [f"{self._bytes:,} bytes"]
        elif self._limit >= LARGE:
            whose = whose if near or self.over else ""  # else it is far away
            words = [f"{self._bytes / 1e6:,.2f} of {self._limit / 1e6:,.1f} MB{whose}"]
        else:
            words = [f"{self._bytes:,} of {self._limit:,} bytes{whose}"]
        if self.over:
            what = "shorten or split" if self._split else "shorten"
            words.append(f"{self._bytes - self._limit:,} too many: {what}")
        elif near:
            words.append(f"{self._limit - self._bytes:,} left")
        words = [self._saved, *words] if self._failed else [*words, self._saved]
        return [word for word in words if word]
