"""The first three steps: who the user is, whether mail arrives here, and the settings to look at.

Nothing is written before the last button: whoever quits half-way leaves nothing behind.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input, RadioButton, RadioSet, Select

from misfin.errors import IdentityEncryptedError, MisfinError
from misfin.model.address import MisfinAddress
from misfin_tui.dialogs.confirm import ConfirmDialog
from misfin_tui.dialogs.forms import KEYS, problem_with
from misfin_tui.dialogs.prompt import PasswordDialog
from misfin_tui.keymap import KeyContext
from misfin_tui.screens.steps import Sign, StepsScreen
from misfin_tui.widgets.address_input import OneLine
from misfin_tui.widgets.bindings import bindings
from misfin_tui.widgets.facts import text
from misfin_tui.wording.first_steps import OTHER_PORT, PORT, RECEIVE, WHO, port_advice, will_do

if TYPE_CHECKING:
    from misfin.trust.identity import Identity
    from misfin_tui.services.setup import Start


class WizardScreen(StepsScreen):
    """Three steps, back and forth as wanted."""

    BINDING_GROUP_TITLE = "First steps"
    TITLES = ("Who are you?", "Receive mail here?", "Ready")
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(KeyContext.WIZARD)]

    def __init__(self) -> None:
        super().__init__()
        self._imported: Identity | None = None

    # ---- the steps

    def compose_step(self, step: int) -> ComposeResult:
        """The widgets of a step."""
        yield from (self._who, self._receive, self._ready)[step]()

    def _who(self) -> ComposeResult:
        yield text(WHO)
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
        yield text(RECEIVE)
        with RadioSet(id="receiving"):
            yield Sign("Receive mail here", value=True, id="here")
            yield Sign("Only send", id="not-here")
        with Vertical(id="port-part"):
            yield text("TCP port", classes="label")
            yield OneLine("1958", id="port", max_length=5)
            yield text("", id="port-advice", classes="muted gap")

    def _ready(self) -> ComposeResult:
        yield text("When you press Finish:")
        for fact in ("address", "mail", "file"):
            with Horizontal(classes="item gap"):
                yield text("•", classes="bullet")
                yield text("", id=f"fact-{fact}")
        yield text("", id="fact-later", classes="muted gap")

    def first_field(self, step: int) -> Widget:
        """What has the focus when a step begins."""
        return self.query_one(("#address", "#receiving", "#next")[step])

    def show_parts(self) -> None:
        """What belongs to creating or importing, and to receiving."""
        importing = self.query_one("#import", RadioButton).value
        self.query_one("#making").display = not importing
        self.query_one("#importing").display = importing
        self.query_one("#port-part").display = self.query_one("#here", RadioButton).value

    # ---- moving on

    async def step_done(self, step: int) -> bool:
        """Whether a step is in order; the last one does what was decided."""
        done = await (self._check_who, self._check_port, self._finish)[step]()
        if done and step == 1:
            self._summarize()
        return done

    async def may_quit(self) -> bool:
        """Nothing was made so far."""
        quits: bool | None = await self.app.push_screen_wait(
            ConfirmDialog(
                "Quit the first steps?",
                "Nothing was created or saved. You can look around; to write or receive you need an address:"
                " create one under Identities, or start the program again.",
                yes="Quit",
                no="Stay",
            )
        )
        return bool(quits)

    async def _check_who(self) -> bool:
        self._imported = None
        if self.query_one("#import", RadioButton).value:
            return await self._open_pem()
        problems = {
            "address": problem_with(self.value("address")),
            "name": await self.services.setup.name_problem(self.value("name")),
        }
        for field, problem in problems.items():
            if problem:
                self.complain(problem)
                self.query_one(f"#{field}").focus()
                return False
        address = MisfinAddress.parse(self.value("address"))
        self.query_one("#address", Input).value = address.address  # as it will be in the certificate
        if address.port:
            self.query_one("#port", Input).value = str(address.port)
        self._suggest()
        return True

    async def _open_pem(self) -> bool:
        """Look into the files; a password is asked for when the key wants one."""
        certificate, key = self.value("pem"), self.value("pem-key")
        if not certificate:
            self.complain("Enter the name of a file.")
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
                self.complain(f"{error} {error.remedy}".strip())
                return False
            else:
                self.query_one("#address", Input).value = address.address
                self._suggest()
                return True

    def _suggest(self) -> None:
        """What has to be opened for mail to arrive."""
        self.set_text("port-advice", port_advice(self.value("address")))

    async def _check_port(self) -> bool:
        if not self.query_one("#here", RadioButton).value:
            return True
        digits = self.value("port")
        problem = PORT
        if digits.isascii() and digits.isdigit():
            problem = await self.services.setup.port_problem(int(digits))
        if problem:
            self.complain(f"{problem} {OTHER_PORT}")
            self.query_one("#port").focus()
        return not problem

    def _start(self) -> Start:
        return self.services.setup.start(
            address=self.value("address"),
            name=self.value("name"),
            key=str(self.query_one("#key", Select).value),
            imported=self._imported,
            receive=self.query_one("#here", RadioButton).value,
            port=int(digits) if (digits := self.value("port")).isdecimal() else 1958,
        )

    def _summarize(self) -> None:
        start = self._start()
        keys = self.misfin.keys.shown
        facts = will_do(
            start.address, imported=start.imported is not None, receive=start.receive, port=start.port
        )
        for name, fact in zip(("address", "mail", "file"), facts, strict=True):
            self.set_text(f"fact-{name}", fact)
        self.set_text(
            "fact-later",
            f"{keys('wizard-file')} shows that file. You can change it later on the settings screen"
            f" ({keys('show-settings')}).",
        )

    def action_show_file(self) -> None:
        """Show the settings file that will be written, as chosen so far."""
        from misfin_tui.dialogs.text import FactsDialog  # late: few look at it

        text = self.services.setup.preview(self._start())
        self.app.push_screen(FactsDialog(str(self.services.profile.config), [("", text)]))

    async def _finish(self) -> bool:
        try:
            config = await self.services.setup.finish(self._start())
        except MisfinError as error:
            self.complain(f"{error} {error.remedy}".strip())
            return False
        self.misfin.use_config(config)
        key = self.misfin.keys.shown("compose")
        self.misfin.say(f"{self.value('address')} is ready. Press {key} to write your first message.")
        if config.receive.enabled:
            # The receiver starts while this screen closes: a worker of the screen would end with it.
            starting = self.misfin.start_receiver()
            self.app.run_worker(starting, group="wizard", description="start receiving")
        self.dismiss()
        return True
