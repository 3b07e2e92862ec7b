"""A screen that goes through a few steps, back and forth as wanted, with what is wrong in sight."""

from __future__ import annotations

from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Button, ContentSwitcher, Input, RadioButton, RadioSet, Static

from misfin_tui.dialogs.base import button_css
from misfin_tui.keymap import KeyContext
from misfin_tui.screens.base import AppScreen
from misfin_tui.screentext import plain
from misfin_tui.widgets.bindings import bindings
from misfin_tui.widgets.facts import text
from misfin_tui.widgets.statusbar import KeyBar


class Sign(RadioButton):
    """One of several, chosen or not: shown by its sign, not by its colour alone."""

    BUTTON_LEFT = BUTTON_RIGHT = ""  # Textual draws these in the colour of what lies under the sign

    def render(self) -> Content:
        """The sign and the words."""
        self.BUTTON_INNER = "(●)" if self.value else "( )"
        return super().render()


FILE_KEY = "wizard-file"
"""The key that shows the settings file: only for the steps that write one (wizard.py)."""


class StepsScreen(AppScreen):
    """A box with one step at a time. Nothing may be kept before the last step is done."""

    TITLES: ClassVar[tuple[str, ...]] = ()
    """What each step is about."""
    FINISH: ClassVar[str] = "Finish"
    """The label of the button of the last step."""
    BINDINGS: ClassVar[list[BindingType]] = [
        each for each in bindings(KeyContext.WIZARD) if isinstance(each, Binding) and each.id != FILE_KEY
    ]
    always_writing = True
    """The key line names keys that work in a field too, on each step the same."""
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (72, "-wide")]  # noqa: RUF012 - Textual declares it per instance
    VERTICAL_BREAKPOINTS = [(0, "-short"), (28, "-tall")]  # noqa: RUF012 - as above
    DEFAULT_CSS = f"""
    StepsScreen {{
        align: center middle; background: $background;
        #box {{ width: 84; max-width: 100%; height: auto; max-height: 100%; border: round $border;
               border-title-color: $primary; border-title-style: bold; padding: 1 2; background: $surface; }}
        #dots {{ height: 1; color: $text-muted; margin-bottom: 1; }}
        #steps {{ height: auto; }}
        .step {{ height: auto; scrollbar-size: 1 1; }}
        .step Vertical {{ height: auto; }}
        .step > Static {{ height: auto; }}
        .label {{ color: $text-muted; margin-top: 1; }}
        #problem {{ color: $warning; margin-top: 1; height: auto; max-height: 4; display: none; }}
        #problem.-some {{ display: block; }}
        .muted {{ color: $text-muted; }}
        .strong {{ text-style: bold; }}
        .gap {{ margin-top: 1; }}
        .item {{ height: auto; }}
        .item > Static {{ width: 1fr; height: auto; }}
        .item > .bullet {{ width: 2; }}
        Input {{ border: none; height: 1; padding: 0 1; background: $panel; }}
        RadioSet {{ border: none !important; height: auto; width: 1fr; background: $surface; padding: 0; }}
        RadioSet {{ margin-top: 1; }}
        Sign > .toggle--button {{ color: $foreground !important; background: $surface !important; }}
    }}
    StepsScreen.-narrow #box {{ padding: 0 1; }}
    StepsScreen.-short #box {{ padding: 0 2; }}
    StepsScreen.-short #dots {{ margin-bottom: 0; }}
    StepsScreen.-short .label, StepsScreen.-short .gap, StepsScreen.-short RadioSet {{ margin-top: 0; }}
    StepsScreen.-short .-airy .label, StepsScreen.-short .-airy .gap, StepsScreen.-short .-airy RadioSet {{
        margin-top: 1;
    }}
    StepsScreen.-short #steps {{ margin-top: 1; }}
    {button_css("StepsScreen")}
    StepsScreen #buttons Button {{ min-width: 12; }}
    """

    def __init__(self) -> None:
        super().__init__()
        self._step = 0

    # ---- what each screen says

    def compose_step(self, step: int) -> ComposeResult:
        """The widgets of a step."""
        raise NotImplementedError

    def first_field(self, step: int) -> Widget:
        """What has the focus when a step begins."""
        raise NotImplementedError

    async def step_done(self, step: int) -> bool:
        """Whether a step is in order and the next one may begin; :meth:`complain` says what is wrong."""
        raise NotImplementedError

    async def may_quit(self) -> bool:
        """Ask whether to quit from the first step."""
        return True

    def show_parts(self) -> None:
        """Show the parts of a step that belong to what is chosen."""

    def began(self, step: int) -> None:
        """A step is shown."""

    # ---- the frame

    def compose(self) -> ComposeResult:
        """A box with one step at a time."""
        with Vertical(id="box"):
            yield text("", id="dots")
            with ContentSwitcher(initial="step-0", id="steps"):
                for step in range(len(self.TITLES)):
                    with VerticalScroll(id=f"step-{step}", classes="step", can_focus=False):
                        yield from self.compose_step(step)
            yield text("", id="problem")  # where one looks next: above the buttons
            with Horizontal(id="buttons"):
                yield Button(Content("Next"), id="next", compact=True, classes="-primary")
                yield Button(Content("Back"), id="back", compact=True)
        yield KeyBar(id="keys")

    def on_mount(self) -> None:
        """Begin at the beginning."""
        for step in self.query(".step"):
            self.watch(step, "virtual_size", self.on_resize, init=False)
        self.show_step()

    def on_resize(self) -> None:
        """The buttons stay in sight however small the window is."""
        self.call_after_refresh(self._fit)

    def _fit(self) -> None:
        """What is above the buttons scrolls; a complaint is shown below it, in sight."""
        complaint = self.query_one("#problem")
        below = complaint.outer_size.height + complaint.styles.margin.height if complaint.display else 0
        # Border, dots, two gaps, buttons, keys; in a tall window padding and a gap more.
        frame = (8 if self.has_class("-short") or self.has_class("-narrow") else 11) + below
        room = max(self.size.height - frame, 1)
        for step in self.query(".step"):
            step.styles.max_height = room
        step = self.query_one(f"#step-{self._step}")
        step.set_class(self.has_class("-short") and _fits_with_gaps(step, room), "-airy")

    def complain(self, problem: str, field: str = "") -> bool:
        """Say what is wrong with this step, and go to a field; an empty text clears it. Always False."""
        self.set_text("problem", problem)
        self.query_one("#problem").set_class(bool(problem), "-some")
        self.call_after_refresh(self._fit)
        if field:
            self.query_one(f"#{field}").focus()
        return False

    def show_step(self) -> None:
        """Show the present step."""
        step, last = self._step, len(self.TITLES) - 1
        self.query_one("#steps", ContentSwitcher).current = f"step-{step}"
        self.query_one("#box").border_title = Content(self.TITLES[step])
        dots = "  ".join("●" if at <= step else "○" for at in range(last + 1))
        self.set_text("dots", f"{dots}   step {step + 1} of {last + 1}")
        self.query_one("#next", Button).label = Content(self.FINISH if step == last else "Next")
        self.query_one("#back", Button).label = Content("Back" if step else "Quit")
        self.show_parts()
        self.first_field(step).focus()
        self.began(step)
        self.call_after_refresh(self._fit)

    def set_text(self, widget: str, words: str) -> None:
        """Show other words in a text."""
        self.query_one(f"#{widget}", Static).update(Content(plain(words, one_line=False)))

    def value(self, field: str) -> str:
        """What is typed in a field."""
        return self.query_one(f"#{field}", Input).value.strip()

    @on(RadioSet.Changed)
    def _radio(self) -> None:
        self.show_parts()

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        """Enter goes to the next field, from the last one to the next step."""
        event.stop()
        fields = [each for each in self.query(f"#step-{self._step} Input") if each.is_on_screen]
        if event.input not in fields:
            return  # the second of two quick ones: its step is done
        place = fields.index(event.input)
        if place + 1 < len(fields):
            fields[place + 1].focus()
        else:
            self.action_wizard_next()

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        event.stop()
        if event.button.id == "next":
            self.action_wizard_next()
        else:
            self.action_wizard_back()

    # ---- moving on

    @work(group="wizard", exclusive=True, description="next step")
    async def action_wizard_next(self) -> None:
        """Go on, if this step is in order."""
        step = self._step
        self.complain("")
        if await self.step_done(step) and step + 1 < len(self.TITLES):
            self._step = step + 1
            self.show_step()

    @work(group="wizard", exclusive=True, description="step back")
    async def action_wizard_back(self) -> None:
        """One step back; quit from the first one."""
        if self._step:
            self.complain("")
            self._step -= 1
            self.show_step()
        elif await self.may_quit():
            self.dismiss()


def _fits_with_gaps(step: Widget, room: int) -> bool:
    """Whether a step fits into a short window with the gaps that it has in a tall one."""
    gaps = sum(
        all(each.display for each in widget.ancestors_with_self if isinstance(each, Widget))
        for widget in step.query(".label, .gap, RadioSet")
    )
    bare = step.virtual_size.height - (gaps if step.has_class("-airy") else 0)
    return bare + gaps <= room
