"""What all dialogs share: a box in the middle, a row of buttons with the safe one first, escape to close."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self, TypeVar

from textual import events, on
from textual.app import ComposeResult
from textual.await_complete import AwaitComplete
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button

from misfin_tui.keymap import KeyContext
from misfin_tui.screentext import plain
from misfin_tui.widgets.bindings import bindings

T = TypeVar("T")
_GAP = 2  # cells between two buttons
_BUTTON = 6 + _GAP  # cells of a button beside its label: padding, and the frame Textual leaves
SEEN = 0.8
"""Seconds from its first frame in which a dialog that opened by itself takes no answer: time to notice it."""


def button_css(screen: str) -> str:
    """Style of the row of buttons of a screen: one line high, the focused one stands out in every theme."""
    return f"""
    {screen} #buttons {{ height: auto; margin-top: 1; }}
    {screen} #buttons Button {{
        height: 1; min-width: 8; width: auto; border: none !important; padding: 0 2; margin-right: {_GAP};
        background: $panel; color: $foreground; text-style: none; tint: transparent;
    }}
    {screen} #buttons Button:hover {{ background: $primary 30%; }}
    {screen} #buttons Button.-danger {{ color: $error; }}
    {screen} #buttons Button.-primary {{ color: $primary; text-style: bold; }}
    {screen} #buttons Button:focus {{ background: $primary; color: $background; text-style: bold; }}
    {screen} #buttons Button.-danger:focus {{ background: $error; color: $background; }}
    {screen} #buttons Button:disabled {{ color: $text-disabled; text-style: none; }}
    {screen} #buttons Button:disabled {{ opacity: 1; text-opacity: 1; }}
    {screen}:ansi #buttons Button:disabled {{ text-style: dim; }}
    {screen}:ansi #buttons Button {{ background: ansi_default; color: ansi_default; }}
    {screen}:ansi #buttons Button:hover {{ text-style: underline; }}
    {screen}:ansi #buttons Button:focus {{ text-style: bold reverse; }}
    {screen}:ansi #buttons Button.-danger {{ color: ansi_red; }}
    {screen}:ansi #buttons Button.-primary {{ color: $primary; }}
    """


@dataclass(frozen=True, slots=True)
class Choice:
    """A button. The first of a dialog is the safe one and has the focus."""

    id: str
    label: str
    tone: str = ""  # "danger" for what cannot be undone, "primary" for what the dialog is for


class ClosesOnce(ModalScreen[T]):
    """A screen on top of others that closes only itself: a second answer comes too late and does nothing.

    Textual closes whatever is on top: two quick keys would also close the message or draft below.
    """

    def dismiss(self, result: T | None = None) -> AwaitComplete:
        """Close it with an answer, unless it is closed."""
        return super().dismiss(result) if self in self.app.screen_stack else AwaitComplete()


class Dialog(ClosesOnce[T | None]):
    """A question to the user. Closes only through ``dismiss``; escape answers None, which decides nothing."""

    BINDINGS = bindings(KeyContext.DIALOG)
    BINDING_GROUP_TITLE = "Dialog"
    # Textual declares these per instance, hence the noqa.
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (72, "-wide"), (180, "-roomy")]  # noqa: RUF012
    VERTICAL_BREAKPOINTS = [(0, "-short"), (28, "-tall")]  # noqa: RUF012
    DEFAULT_CSS = f"""
    Dialog {{
        align: center middle;
        #box {{
            width: 78; max-width: 100%; height: auto; max-height: 100%;
            border: round $border; border-title-color: $primary; border-title-style: bold;
            background: $surface; padding: 1 2;
        }}
        &.-danger #box {{ border: round $error; border-title-color: $error; }}
        #body {{ height: auto; max-height: 100%; scrollbar-size: 1 1; background: $surface; }}
        #body > Static {{ height: auto; width: 1fr; }}
        .muted {{ color: $text-muted; }}
        .strong {{ text-style: bold; }}
        .warn {{ color: $warning; }}
        .gap {{ margin-top: 1; }}
        Input {{ border: none; height: 1; padding: 0 1; background: $panel; margin-top: 1; }}
    }}
    Dialog:ansi {{ background: ansi_default; }}
    Dialog:ansi OptionList > .option-list--option-highlighted {{
        color: ansi_bright_white; background: ansi_blue; text-style: bold underline;
    }}
    Dialog.-stacked #buttons {{ layout: vertical; overflow-y: auto; scrollbar-size-vertical: 0; }}
    Dialog.-stacked #buttons Button {{ max-width: 100%; content-align: left middle; text-align: left; }}
    Dialog.-short #box {{ padding: 0 2; }}
    Dialog.-narrow #box {{ padding: 0 1; }}
    Dialog.-narrow #buttons Button {{ padding: 0; text-wrap: nowrap; }}
    Dialog.-narrow Toast, Dialog.-wide Toast {{ visibility: hidden; }}
    {button_css("Dialog")}
    """

    def __init__(self, title: str, *, tone: str = "") -> None:
        super().__init__()
        self._box_title = plain(title, one_line=True)
        self._by_itself = False
        self._seen: float | None = None
        self.set_class(tone == "danger", "-danger")

    # ---- for each dialog to fill in

    def compose_body(self) -> ComposeResult:
        """What is shown above the buttons."""
        raise NotImplementedError

    def choices(self) -> Sequence[Choice]:
        """The buttons, the safe one first."""
        raise NotImplementedError

    def choose(self, choice: str) -> None:
        """A button was pressed."""
        raise NotImplementedError

    # ---- the frame

    def compose(self) -> ComposeResult:
        """The box."""
        with Vertical(id="box") as box:
            box.border_title = Content(self._box_title)
            with VerticalScroll(id="body", can_focus=False):
                yield from self.compose_body()
            with Horizontal(id="buttons"):
                for choice in self.choices():
                    yield Button(
                        Content(choice.label),
                        id=choice.id,
                        compact=True,
                        classes=f"-{choice.tone}" if choice.tone else "",
                    )

    def on_screen_suspend(self) -> None:
        """One box at a time: a question on top of this one hides it, and does not lie in its frame."""
        self.query_one("#box").visible = False

    def on_screen_resume(self) -> None:
        """The box comes back when it is on top again."""
        self.query_one("#box").visible = True

    def on_resize(self) -> None:
        """The buttons stay in sight however small the window is; the text above them scrolls."""
        buttons = self.choices()
        wide = sum(max(len(choice.label) + _BUTTON, 8) for choice in buttons) - _GAP
        sides = 4 if self.has_class("-narrow") else 6  # border and padding
        stacked = wide > min(self.size.width, self.query_one("#box").outer_size.width) - sides
        self.set_class(stacked, "-stacked")
        longest = max(len(choice.label) for choice in buttons) + _BUTTON - _GAP
        for button in self.query("#buttons Button"):
            button.styles.width = longest if stacked else None
        rows = len(buttons) if stacked else 1
        # Border, the gap above the buttons, padding where there is room for it.
        frame = 3 if self.has_class("-narrow") or self.has_class("-short") else 5
        self.query_one("#body").styles.max_height = max(self.size.height - frame - rows, 1)
        # In a tiny window they scroll: nobody must press one that cannot be seen.
        self.query_one("#buttons").styles.max_height = max(self.size.height - frame - 1, 1)

    def on_mount(self) -> None:
        """The keys are for something at once."""
        self.focus_first()
        self.call_after_refresh(self._now_seen)

    def focus_first(self) -> None:
        """The safe answer has the focus, unless there is something to fill in."""
        fields = self.query("#body Input, #body OptionList, #body Select, #body TextArea")
        (fields.first() if fields else self.query("#buttons Button").first()).focus()

    @on(Button.Pressed)
    def _button_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        self.choose(event.button.id or "")

    def action_page(self, pages: int) -> None:
        """What does not fit above the buttons: by pages, keeping one line of the old one."""
        body = self.query_one("#body", VerticalScroll)
        body.scroll_relative(y=pages * max(body.size.height - 1, 1), animate=False)

    # ---- a question that opens by itself

    def opens_by_itself(self) -> Self:
        """It interrupts: what the user was just typing, or about to click, was meant for something else."""
        self._by_itself = True
        return self

    def _now_seen(self) -> None:
        self._seen = time.monotonic()

    def too_early(self, event: events.InputEvent | events.Paste) -> bool:
        """Whether nobody can have read the question yet, so this is not an answer. Escape answers nothing."""
        if not self._by_itself or getattr(event, "key", "") == "escape":
            return False
        return self._seen is None or event.time < self._seen + SEEN

    def action_close_dialog(self) -> None:
        """Escape: nothing is decided."""
        self.dismiss(None)
