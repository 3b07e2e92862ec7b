"""The first three steps: who the user is, whether mail arrives here, and the settings to look at.

Nothing is written before the last button: whoever quits half-way leaves nothing behind.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Button, ContentSwitcher, Input, RadioButton, RadioSet, Select, Static

from misfin.errors import IdentityEncryptedError, MisfinError
from misfin.model.address import MisfinAddress
from misfin_tui.dialogs.base import button_css
from misfin_tui.dialogs.confirm import ConfirmDialog
from misfin_tui.dialogs.forms import KEYS, problem_with
from misfin_tui.dialogs.prompt import PasswordDialog
from misfin_tui.keymap import KeyContext
from misfin_tui.screens.base import AppScreen
from misfin_tui.screentext import plain
from misfin_tui.widgets.address_input import OneLine
from misfin_tui.widgets.bindings import bindings
from misfin_tui.widgets.facts import text
from misfin_tui.widgets.statusbar import KeyBar

if TYPE_CHECKING:
    from misfin.trust.identity import Identity
    from misfin_tui.services.setup import Start

TITLES = ("Who are you?", "Receive mail here?", "Ready")


class Sign(RadioButton):
    """One of several, chosen or not: shown by its sign, not by its colour alone."""

    BUTTON_LEFT = BUTTON_RIGHT = ""  # Textual draws these in the colour of what lies under the sign

    def render(self) -> Content:
        """The sign and the words."""
        self.BUTTON_INNER = "(●)" if self.value else "( )"
        return super().render()


class WizardScreen(AppScreen):
    """Three steps, back and forth as wanted."""

    BINDINGS = bindings(KeyContext.WIZARD)
    BINDING_GROUP_TITLE = "First steps"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (72, "-wide")]  # noqa: RUF012 - Textual declares it per instance
    VERTICAL_BREAKPOINTS = [(0, "-short"), (28, "-tall")]  # noqa: RUF012 - as above
    DEFAULT_CSS = f"""
    WizardScreen {{
        align: center middle; background: $background;
        #box {{ width: 84; max-width: 100%; height: auto; max-height: 100%; border: round $border;
               border-title-color: $primary; border-title-style: bold; padding: 1 2; background: $surface; }}
        #dots {{ height: 1; color: $text-muted; margin-bottom: 1; }}
        #steps {{ height: auto; }}
        .step {{ height: auto; scrollbar-size: 1 1; }}
        .step > Vertical {{ height: auto; }}
        .step > Static {{ height: auto; }}
        .label {{ color: $text-muted; margin-top: 1; }}
        #problem {{ color: $warning; margin-top: 1; height: auto; max-height: 4; display: none; }}
        #problem.-some {{ display: block; }}
        .muted {{ color: $text-muted; }}
        .strong {{ text-style: bold; }}
        .gap {{ margin-top: 1; }}
        Input {{ border: none; height: 1; padding: 0 1; background: $panel; }}
        RadioSet {{ border: none !important; height: auto; width: 1fr; background: $surface; padding: 0; }}
        RadioSet {{ margin-top: 1; }}
        Sign > .toggle--button {{ color: $foreground !important; background: $surface !important; }}
        #settings {{ height: auto; max-height: 12; background: $panel; padding: 0 1; margin-top: 1; }}
    }}
    WizardScreen.-narrow #box {{ padding: 0 1; }}
    WizardScreen.-short #box {{ padding: 0 2; }}
    WizardScreen.-short #dots {{ margin-bottom: 0; }}
    WizardScreen.-short .label, WizardScreen.-short .gap, WizardScreen.-short RadioSet {{ margin-top: 0; }}
    WizardScreen.-short #steps {{ margin-top: 1; }}
    {button_css("WizardScreen")}
    WizardScreen #buttons Button {{ min-width: 12; }}
    """

    def __init__(self) -> None:
        super().__init__()
        self._step = 0
        self._imported: Identity | None = None

    # ---- the frame

    def compose(self) -> ComposeResult:
        """A box with one step at a time."""
        with Vertical(id="box"):
            yield text("", id="dots")
            with ContentSwitcher(initial="step-0", id="steps"):
                with VerticalScroll(id="step-0", classes="step", can_focus=False):
                    yield from self._who()
                with VerticalScroll(id="step-1", classes="step", can_focus=False):
                    yield from self._receive()
                with VerticalScroll(id="step-2", classes="step", can_focus=False):
                    yield from self._ready()
            yield text("", id="problem")  # where one looks next: above the buttons
            with Horizontal(id="buttons"):
                yield Button(Content("Next"), id="next", compact=True)
                yield Button(Content("Back"), id="back", compact=True)
        yield KeyBar(id="keys")

    def _who(self) -> ComposeResult:
        yield text(
            "On Misfin your address is a certificate that you make yourself; you need nobody's permission."
            " The host is the name of the machine your mail will arrive at."
        )
        with RadioSet(id="how"):
            yield Sign("Create a new address", value=True, id="make")
            yield Sign("Import one from another program", id="import")
        with Vertical(id="making"):
            yield text("Address", classes="label")
            yield OneLine(id="address", placeholder="ada@mail.example", max_length=320)
            yield text("Display name", classes="label")
            yield OneLine(id="name", placeholder="Ada Lovelace", max_length=64)
            yield text("Key", classes="label")
            yield Select[Any](
                [(Content(label), value) for value, label in KEYS],
                value="ec",
                allow_blank=False,
                compact=True,
                id="key",
            )
        with Vertical(id="importing"):
            yield text("PEM file with the certificate (and perhaps the key)", classes="label")
            yield OneLine(id="pem", placeholder="~/alice.pem", max_length=1024)
            yield text("PEM file with the private key, if separate", classes="label")
            yield OneLine(id="pem-key", max_length=1024)

    def _receive(self) -> ComposeResult:
        yield text(
            "This program can receive mail for you while it is open. If another server does that, or you"
            " only want to send, choose Only send. You can change this at any time."
        )
        with RadioSet(id="receiving"):
            yield Sign("Receive mail here", value=True, id="here")
            yield Sign("Only send", id="not-here")
        with Vertical(id="port-part"):
            yield text("TCP port", classes="label")
            yield OneLine("1958", id="port", max_length=5)
            yield text("", id="port-advice", classes="muted gap")

    def _ready(self) -> ComposeResult:
        yield text("", id="summary", classes="strong")
        yield text(
            "This settings file will be written. Every line in it is explained; in the program, press , to"
            " see and change all settings.",
            classes="gap",
        )
        with VerticalScroll(id="settings"):
            yield text("", id="settings-text")

    def on_mount(self) -> None:
        """Begin at the beginning."""
        self._show()

    def on_resize(self) -> None:
        """The buttons stay in sight however small the window is."""
        self.call_after_refresh(self._fit)

    def _fit(self) -> None:
        """What is above the buttons scrolls; a complaint is shown below it, in sight."""
        complaint = self.query_one("#problem")
        below = complaint.outer_size.height + complaint.styles.margin.height if complaint.display else 0
        # Border, dots, two gaps, buttons, keys; in a tall window padding and a gap more.
        frame = (8 if self.has_class("-short") or self.has_class("-narrow") else 11) + below
        for step in self.query(".step"):
            step.styles.max_height = max(self.size.height - frame, 1)

    def _complain(self, problem: str) -> None:
        """Say what is wrong with this step; an empty text clears it."""
        self._set_text("problem", problem)
        self.query_one("#problem").set_class(bool(problem), "-some")
        self.call_after_refresh(self._fit)

    def _show(self) -> None:
        self.query_one("#steps", ContentSwitcher).current = f"step-{self._step}"
        self.query_one("#box").border_title = Content(TITLES[self._step])
        dots = "  ".join("●" if at <= self._step else "○" for at in range(len(TITLES)))
        self._set_text("dots", f"{dots}   step {self._step + 1} of {len(TITLES)}")
        self.query_one("#next", Button).label = Content("Finish" if self._step == 2 else "Next")
        self.query_one("#back", Button).label = Content("Back" if self._step else "Quit")
        self._show_parts()
        (self.query_one("#address"), self.query_one("#receiving"), self.query_one("#next"))[
            self._step
        ].focus()

    def _show_parts(self) -> None:
        importing = self.query_one("#import", RadioButton).value
        self.query_one("#making").display = not importing
        self.query_one("#importing").display = importing
        self.query_one("#port-part").display = self.query_one("#here", RadioButton).value

    def _set_text(self, widget: str, words: str) -> None:
        self.query_one(f"#{widget}", Static).update(Content(plain(words, one_line=False)))

    @on(RadioSet.Changed)
    def _radio(self) -> None:
        self._show_parts()

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        """Enter goes to the next field, from the last one to the next step."""
        event.stop()
        fields = [each for each in self.query(Input) if each.is_on_screen]
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
        steps = (self._check_who, self._check_port, self._finish)
        if await steps[self._step]() and self._step < 2:
            self._step += 1
            if self._step == 2:
                self._summarize()
            self._show()

    @work(group="wizard", exclusive=True, description="step back")
    async def action_wizard_back(self) -> None:
        """One step back; quit the steps from the first one."""
        if self._step:
            self._complain("")
            self._step -= 1
            self._show()
            return
        if await self.app.push_screen_wait(
            ConfirmDialog(
                "Quit the first steps?",
                "Nothing was created or saved. You can look around; to write or receive you need an address:"
                " create one under Identities, or start the program again.",
                yes="Quit",
                no="Stay",
            )
        ):
            self.dismiss()

    async def _check_who(self) -> bool:
        self._complain("")
        self._imported = None
        if self.query_one("#import", RadioButton).value:
            return await self._open_pem()
        problems = {
            "address": problem_with(self._value("address")),
            "name": await self.services.setup.name_problem(self._value("name")),
        }
        for field, problem in problems.items():
            if problem:
                self._complain(problem)
                self.query_one(f"#{field}").focus()
                return False
        address = MisfinAddress.parse(self._value("address"))
        self.query_one("#address", Input).value = address.address  # as it will be in the certificate
        if address.port:
            self.query_one("#port", Input).value = str(address.port)
        self._suggest()
        return True

    async def _open_pem(self) -> bool:
        """Look into the files; a password is asked for when the key wants one."""
        certificate, key = self._value("pem"), self._value("pem-key")
        if not certificate:
            self._complain("Enter the name of a file.")
            self.query_one("#pem").focus()
            return False
        password: str | None = None
        again = False
        while True:
            try:
                self._imported = await self.services.setup.open_identity(
                    Path(certificate), Path(key) if key else None, password
                )
                address = self._imported.address  # raises where the certificate names none
            except IdentityEncryptedError:
                password = await self.app.push_screen_wait(
                    PasswordDialog(Path(key or certificate).name, again=again)
                )
                again = True
                if password is None:
                    return False
            except MisfinError as error:
                self._imported = None
                self._complain(f"{error} {error.remedy}".strip())
                return False
            else:
                self.query_one("#address", Input).value = address.address
                self._suggest()
                return True

    def _suggest(self) -> None:
        """What has to be opened for mail to arrive."""
        host = self._value("address").partition("@")[2].partition(":")[0] or "your host"
        self._set_text(
            "port-advice",
            f"For mail to arrive, {host} must be a name (DNS, A or AAAA record) that points to this machine,"
            " and the firewall and the router must let this TCP port through.",
        )

    async def _check_port(self) -> bool:
        self._complain("")
        if not self.query_one("#here", RadioButton).value:
            return True
        digits = self._value("port")
        problem = "A port is a number from 1 to 65535."
        if digits.isascii() and digits.isdigit():
            problem = await self.services.setup.port_problem(int(digits))
        if problem:
            self._complain(f"{problem} Choose another, or quit the program that uses it.")
            self.query_one("#port").focus()
        return not problem

    def _start(self) -> Start:
        return self.services.setup.start(
            address=self._value("address"),
            name=self._value("name"),
            key=str(self.query_one("#key", Select).value),
            imported=self._imported,
            receive=self.query_one("#here", RadioButton).value,
            port=int(self._value("port") or 1958),
        )

    def _summarize(self) -> None:
        start = self._start()
        receives = f"will receive on port {start.port}" if start.receive else "will only send"
        verb = "will be imported" if start.imported else "will be created"
        self._set_text("summary", f"{start.address} {verb} and {receives}.")
        self._set_text("settings-text", self.services.setup.preview(start))

    async def _finish(self) -> bool:
        try:
            config = await self.services.setup.finish(self._start())
        except MisfinError as error:
            self._complain(f"{error} {error.remedy}".strip())
            return False
        self.misfin.use_config(config)
        self.misfin.say(f"{self._value('address')} is ready. Press c to write your first message.")
        if config.receive.enabled:
            # The receiver starts while this screen closes: a worker of the screen would end with it.
            starting = self.misfin.start_receiver()
            self.app.run_worker(starting, group="wizard", description="start receiving")
        self.dismiss()
        return True

    def _value(self, field: str) -> str:
        return self.query_one(f"#{field}", Input).value.strip()
