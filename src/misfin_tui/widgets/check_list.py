"""The steps of a check, one line each as its result comes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from misfin_tui.screentext import plain

if TYPE_CHECKING:
    from misfin.email.checking import Checked

_SIGNS = {"good": "✓", "note": "·", "bad": "✗", "asks": "?"}
_STYLES = {"good": "$success", "note": "$text-muted", "bad": "$error", "asks": "$warning"}


class CheckList(Vertical):
    """Lines under the name of each server, in the order in which servers first report."""

    DEFAULT_CSS = """
    CheckList { height: auto; margin-top: 1; }
    CheckList Static { height: auto; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._found: dict[str, list[Checked]] = {}

    def begin(self) -> None:
        """Forget what was found before."""
        self._found = {}
        self._show()

    def add(self, checked: Checked) -> None:
        """One more result."""
        if self.is_attached:
            self._found.setdefault(str(checked.server), []).append(checked)
            self._show()

    def _show(self) -> None:
        lines: list[Content] = []
        for server, found in self._found.items():
            lines.append(Content(plain(server, one_line=True)).stylize("bold"))
            lines += [_line(each) for each in found]
        self.query_one(Static).update(Content("\n").join(lines))

    def compose(self) -> ComposeResult:
        """One text."""
        yield Static("", markup=False)


def _line(checked: Checked) -> Content:
    verdict = checked.verdict.value
    text = f"{checked.text} {checked.remedy}" if verdict == "bad" else checked.text
    words = f"  {_SIGNS[verdict]} {plain(text, one_line=True)}"
    return Content(words).stylize(_STYLES[verdict]) if verdict != "good" else Content(words)
