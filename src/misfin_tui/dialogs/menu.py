"""The menu of the right mouse button, beside the pointer: what belongs to the row, the rest on demand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import events, on
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from misfin_tui.host import host_of
from misfin_tui.keymap import KeyAction, KeyContext, readable

if TYPE_CHECKING:
    from textual.app import ComposeResult

FRAME = 2  # cells of the border, on each axis


MORE = "Everything else …"
"""The last line, which brings the rest."""


class MenuDialog(ModalScreen[KeyAction | None]):
    """The actions in the order of the key table; a click beside the menu chooses nothing."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q", "dismiss(None)", show=False)]
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

    def __init__(self, first: Sequence[KeyAction], rest: Sequence[KeyAction], at: tuple[int, int]) -> None:
        """``first`` is shown at once, ``rest`` when it is asked for, or when there is nothing else."""
        super().__init__()
        self._actions = list(first or rest)
        self._rest = list(rest if first else ())
        self._at = at

    def compose(self) -> ComposeResult:
        """One line for each action."""
        self.list = OptionList(markup=False)
        self._fill()
        yield self.list

    def _fill(self) -> None:
        keys = host_of(self).keys
        shown = [" ".join(map(readable, keys.of(action.id))) for action in self._actions]
        names = max((len(action.label) for action in self._actions), default=0)
        lines: list[Option | None] = []
        places = False
        for action, key in zip(self._actions, shown, strict=True):
            if action.context is KeyContext.EVERYWHERE and not places and lines:
                places = True  # a line sets what belongs to the whole program apart
                lines.append(None)
            lines.append(Option(Content.assemble(f"{action.label:<{names}}  ", (key, "bold dim"))))
        if self._rest:
            lines += [None, Option(Content(MORE))]
        self.list.clear_options()
        self.list.add_options(lines)
        self._wide = max(names + 2 + max(map(len, shown), default=0), len(MORE)) + 2 + FRAME
        self._high = len(lines) + FRAME

    def on_resize(self) -> None:
        """As near to the pointer as the window allows."""
        x, y = self._at
        self.list.styles.offset = (
            max(0, min(x, self.size.width - self._wide - 1)),
            max(0, min(y, self.size.height - self._high)),
        )

    @on(OptionList.OptionSelected)
    def _selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        if event.option_index < len(self._actions):
            self.dismiss(self._actions[event.option_index])
            return
        before = len(self._actions)
        self._actions += self._rest
        self._rest = []
        self._fill()
        self.list.highlighted = before
        self.on_resize()

    def on_click(self, event: events.Click) -> None:
        """Beside the menu."""
        if not self.list.region.contains(event.screen_x, event.screen_y):
            self.dismiss(None)
