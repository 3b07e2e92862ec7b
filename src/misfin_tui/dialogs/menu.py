"""The menu of the right mouse button, beside the pointer: what belongs to the row, then pages of the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import events, on
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from misfin_tui.dialogs.base import ClosesOnce
from misfin_tui.host import host_of
from misfin_tui.keymap import KeyAction, readable
from misfin_tui.widgets.facts import muted

if TYPE_CHECKING:
    from textual.app import ComposeResult

FRAME = 2  # cells of the border, on each axis
PADDING = 2
BAR = 1
"""Cells of the scroll bar, where not all fits."""
BACK = "‹ Back"
"""The first line of every page but the first."""


class MenuDialog(ClosesOnce[KeyAction | None]):
    """The actions of each page in the order of the key table; a click beside the menu chooses nothing."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,left", "leave", show=False),
        Binding("q", "dismiss(None)", show=False),
    ]
    DEFAULT_CSS = """
    MenuDialog {
        background: transparent;
        Toast { visibility: hidden; }
        OptionList, OptionList:focus {
            width: auto; height: auto; max-height: 100%; max-width: 100%; background: $surface;
            border: round $border; padding: 0 1; scrollbar-size-vertical: 1;
        }
        &:ansi OptionList > .option-list--option-highlighted {
            color: ansi_bright_white; background: ansi_blue; text-style: bold underline;
        }
    }
    """

    def __init__(self, pages: Mapping[str, Sequence[KeyAction]], at: tuple[int, int]) -> None:
        """The first page is shown at once; below its actions are the titles of the others."""
        super().__init__()
        self._first, *self._others = pages.items()
        self._page = ""
        """The title of the other page that is shown."""
        self._at = at

    def compose(self) -> ComposeResult:
        """One line for each action."""
        self.list = OptionList(markup=False)
        self._fill()
        yield self.list

    def _fill(self) -> None:
        keys = host_of(self).keys
        self._actions = dict(self._others)[self._page] if self._page else self._first[1]
        shown = [" ".join(map(readable, keys.of(action.id))) for action in self._actions]
        names = max((len(action.label) for action in self._actions), default=0)
        quiet = f"bold {muted(self.app)}"
        lines: list[Option | None] = [
            Option(Content.assemble(f"{action.label:<{names}}  ", (key, quiet)), id=action.id)
            for action, key in zip(self._actions, shown, strict=True)
        ]
        titles = [] if self._page else [title for title, _ in self._others]
        if self._page:
            lines = [Option(Content(BACK)), *lines]
        elif titles:
            lines += [None, *(Option(Content(title)) for title in titles)]
        self.list.clear_options()
        self.list.add_options(lines)
        wide = max(names + 2 + max(map(len, shown), default=0), *map(len, (BACK, *titles)))
        self._wide = wide + PADDING + FRAME
        self._high = len(lines) + FRAME

    def on_resize(self) -> None:
        """As near to the pointer as the window allows."""
        x, y = self._at
        wide = self._wide + (BAR if self._high > self.size.height else 0)
        self.list.styles.offset = (
            max(0, min(x, self.size.width - wide - 1)),
            max(0, min(y, self.size.height - self._high)),
        )

    @on(OptionList.OptionSelected)
    def _selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        chosen = next((each for each in self._actions if each.id == event.option_id), None)
        if chosen is not None:
            self.dismiss(chosen)
        else:
            self._turn_to("" if self._page else self._others[event.option_index - len(self._actions)][0])

    def _turn_to(self, page: str) -> None:
        came_from, self._page = self._page, page
        self._fill()
        titles = [title for title, _ in self._others]
        self.list.highlighted = 1 if page else len(self._actions) + titles.index(came_from)
        self.on_resize()

    def action_leave(self) -> None:
        """Back to the first page, or out of the menu."""
        if self._page:
            self._turn_to("")
        else:
            self.dismiss(None)

    def on_click(self, event: events.Click) -> None:
        """Beside the menu."""
        if not self.list.region.contains(event.screen_x, event.screen_y):
            self.dismiss(None)
