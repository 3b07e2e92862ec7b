"""The steps of a check, one line each as its result comes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content
from textual.widgets import Static

from misfin_tui.screentext import plain
from misfin_tui.widgets.cells import wrap

if TYPE_CHECKING:
    from misfin.email.checking import Checked

_SIGNS = {"good": "✓", "note": "·", "bad": "✗", "asks": "?"}
_STYLES = {"good": "$success", "note": "$text-muted", "bad": "$error", "asks": "$warning"}
_INDENT = " " * 4


class CheckList(Static):
    """Lines under the name of each server, in the order in which servers first report."""

    DEFAULT_CSS = """
    CheckList { height: auto; margin-top: 1; }
    """

    def __init__(self) -> None:
        super().__init__(markup=False)
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

    def on_resize(self) -> None:
        """Lines are divided at another place."""
        self._show()

    def _show(self) -> None:
        width = self.size.width
        lines: list[Content] = []
        for server, found in self._found.items():
            lines.append(Content(plain(server, one_line=True)).stylize("bold"))
            lines += [_lines(each, width) for each in found]
        self.update(Content("\n").join(lines))


def _lines(checked: Checked, width: int) -> Content:
    """One result; what does not fit into a line goes on below its first word."""
    verdict = checked.verdict.value
    text = f"{checked.text} {checked.remedy}" if verdict == "bad" else checked.text
    words = wrap(plain(text, one_line=True), width - len(_INDENT)) if width else [plain(text, one_line=True)]
    found = Content(f"  {_SIGNS[verdict]} " + f"\n{_INDENT}".join(words))
    return found.stylize(_STYLES[verdict]) if verdict != "good" else found
