"""The menu of the right mouse button: every action that works here, with its key, beside the pointer."""

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

    def __init__(self, actions: Sequence[KeyAction], at: tuple[int, int]) -> None:
        super().__init__()
        self._actions = actions
        self._at = at
        self._places = False
        """Whether a line sets what belongs to the whole program apart."""

    def compose(self) -> ComposeResult:
        """One line for each action."""
        keys = host_of(self).keys
        shown = [" ".join(map(readable, keys.of(action.id))) for action in self._actions]
        names = max((len(action.label) for action in self._actions), default=0)
        lines: list[Option | None] = []
        for action, key in zip(self._actions, shown, strict=True):
            if action.context is KeyContext.EVERYWHERE and not self._places and lines:
                self._places = True
                lines.append(None)
            lines.append(Option(Content.assemble(f"{action.label:<{names}}  ", (key, "bold dim"))))
        self.list = OptionList(*lines, markup=False)
        self._wide = names + 2 + max(map(len, shown), default=0) + 2 + FRAME
        yield self.list

    def on_resize(self) -> None:
        """As near to the pointer as the window allows."""
        x, y = self._at
        high = len(self._actions) + FRAME + self._places
        self.list.styles.offset = (
            max(0, min(x, self.size.width - self._wide - 1)),
            max(0, min(y, self.size.height - high)),
        )

    @on(OptionList.OptionSelected)
    def _selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.dismiss(self._actions[event.option_index])

    def on_click(self, event: events.Click) -> None:
        """Beside the menu."""
        if not self.list.region.contains(event.screen_x, event.screen_y):
            self.dismiss(None)
