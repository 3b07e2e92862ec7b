"""Adding an e-mail account: who, which servers, does it work. Nothing is saved before the last button.

The servers are looked for while the password is typed.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widget import Widget
from textual.widgets import Input
from textual.worker import WorkerCancelled

from misfin.email.account import MailProtocol, MailServer, SecretPlace, parse_server
from misfin.errors import MisfinError
from misfin_tui.config.email import check_address, conflicts, secret_reader
from misfin_tui.dialogs.confirm import ConfirmDialog
from misfin_tui.screens.account_test import AccountTest
from misfin_tui.screens.steps import StepsScreen
from misfin_tui.services.email import account_config
from misfin_tui.widgets.address_input import OneLine
from misfin_tui.widgets.check_list import CheckList
from misfin_tui.widgets.facts import text

if TYPE_CHECKING:
    from textual.worker import Worker

    from misfin.email.discovery import Discovery, Found
    from misfin_tui.config.accounts import AccountConfig

_LOOKING = "Looking for the servers of {address} …"
_NOTHING = "No servers were found for {address}. Enter them; your provider's help pages list them."


class EmailWizardScreen(StepsScreen):
    """Three steps to an e-mail account."""

    BINDING_GROUP_TITLE = "Add an e-mail account"
    TITLES = ("Your e-mail account", "Its servers", "Does it work?")
    FINISH = "Save"

    def __init__(self) -> None:
        super().__init__()
        self._keyring_problem = ""
        self._search: Worker[Discovery | None] | None = None
        self._searched = ""
        self._test_run = AccountTest(self)

    # ---- the steps

    def compose_step(self, step: int) -> ComposeResult:
        """The widgets of a step."""
        yield from (self._who, self._servers, self._test)[step]()

    def _who(self) -> ComposeResult:
        yield text("An account you have with an e-mail provider. The program finds its servers.")
        yield text("E-mail address", classes="label")
        yield OneLine(id="address", placeholder="ada@example.org", max_length=320)
        yield text("Display name", classes="label")
        yield OneLine(id="title", placeholder="Ada Lovelace", max_length=64)
        with Vertical(id="typing"):
            yield text("Password (kept in this computer's keyring)", classes="label")
            yield OneLine(id="password", password=True, max_length=1024)
        with Vertical(id="commanding"):
            yield text("", id="no-keyring", classes="gap")
            yield text("Command that prints the password", classes="label")
            yield OneLine(id="command", placeholder="pass show mail", max_length=1024)

    def _servers(self) -> ComposeResult:
        yield text("", id="found")
        yield text("", id="advice", classes="muted gap")
        yield text("Incoming: imaps:// or pop3s://, or imap:// for STARTTLS", classes="label")
        yield OneLine(id="incoming", placeholder="imaps://imap.example.org", max_length=512)
        yield text("Outgoing: smtps://, or smtp:// for STARTTLS", classes="label")
        yield OneLine(id="outgoing", placeholder="smtps://smtp.example.org", max_length=512)
        yield text("Name of the account in this program", classes="label")
        yield OneLine(id="name", max_length=40)

    def _test(self) -> ComposeResult:
        yield text("", id="summary", classes="strong")
        yield CheckList()

    def first_field(self, step: int) -> Widget:
        """What has the focus when a step begins."""
        if step == 1 and not self.value("incoming"):  # nothing was found
            return self.query_one("#incoming")
        return self.query_one(("#address", "#next", "#next")[step])

    def show_parts(self) -> None:
        """A field for the password, or for a command where there is no keyring."""
        self.query_one("#typing").display = not self._keyring_problem
        self.query_one("#commanding").display = bool(self._keyring_problem)

    def on_mount(self) -> None:
        """Ask whether there is a keyring, meanwhile."""
        super().on_mount()
        self._look_for_keyring()

    @work(group="keyring", description="look for a keyring")
    async def _look_for_keyring(self) -> None:
        self._keyring_problem = await self.services.email_accounts.keyring_problem()
        if self._keyring_problem and self.standing:
            self.set_text(
                "no-keyring",
                f"{self._keyring_problem} Your password is never written to a file. Enter a command that"
                " prints it, such as pass show mail, or printenv VARIABLE.",
            )
            self.show_parts()

    # ---- who

    @on(Input.Blurred, "#address")
    @on(Input.Submitted, "#address")
    def _address_typed(self) -> None:
        """Look for the servers while the rest is typed."""
        address = self.value("address")
        if address and not _problem(address):
            self._look(address)

    def _look(self, address: str) -> None:
        if address != self._searched:
            self._searched = address
            self._search = self._find(address)

    @work(group="discovery", exclusive=True, description="find the servers")
    async def _find(self, address: str) -> Discovery | None:
        try:
            return await self.services.email_accounts.find(address)
        except MisfinError:
            return None  # the next step says that nothing was found

    async def step_done(self, step: int) -> bool:
        """Whether a step is in order; the last one saves the account."""
        return await (self._check_who, self._check_servers, self._save)[step]()

    async def _check_who(self) -> bool:
        address = self.value("address")
        if problem := _problem(address):
            return self.complain(problem, "address")
        if not self.value("title").isprintable():
            return self.complain("A name cannot contain control characters.", "title")
        if self._keyring_problem and not self.value("command"):
            return self.complain("Enter a command.", "command")
        if not self._keyring_problem and not self.query_one("#password", Input).value:
            return self.complain("Enter the password.", "password")
        self._look(address)
        if self._search is not None:
            await self._show_servers(address)
        return True

    async def _show_servers(self, address: str) -> None:
        """Wait for what is found, and fill it in."""
        search, self._search = self._search, None
        self.complain(_LOOKING.format(address=address))
        discovery = None
        if search is not None:
            with suppress(WorkerCancelled):
                discovery = await search.wait()
        self.complain("")
        found = discovery.best if discovery is not None else None
        self._fill_in(address, found)
        if not self.value("name"):
            name = await self.services.email_accounts.suggested_name(address)
            self.query_one("#name", Input).value = name

    def _fill_in(self, address: str, found: Found | None) -> None:
        incoming = outgoing = ""
        if found is None:
            self.set_text("found", _NOTHING.format(address=address))
            self.set_text("advice", "")
        else:
            incoming, outgoing = str(found.incoming), str(found.outgoing)
            self.set_text(
                "found",
                f"{found.detail} Change what is wrong. You log in as {found.incoming.user or address}.",
            )
            self.set_text("advice", f"{found.advice} {found.question}".strip())
        self.query_one("#advice").display = bool(found and (found.advice or found.question))
        self.query_one("#incoming", Input).value = incoming
        self.query_one("#outgoing", Input).value = outgoing

    # ---- servers

    async def _check_servers(self) -> bool:
        try:
            self._server("incoming", MailProtocol.IMAP, MailProtocol.POP3)
            self._server("outgoing", MailProtocol.SMTP)
        except _WrongFieldError as wrong:
            return self.complain(str(wrong), wrong.field)
        name = self.value("name")
        if problem := await self.services.email_accounts.problem_with_name(name):
            return self.complain(problem, "name")
        try:
            settings = self._settings()
        except MisfinError as error:
            return self.complain(f"{error} {error.remedy}".strip())
        if (conflict := conflicts(settings)) is not None:
            return self.complain(f"{conflict[1]}.")
        return True

    def _server(self, field: str, *protocols: MailProtocol) -> MailServer:
        url = self.value(field)
        if not url:
            raise _WrongFieldError(f"Enter the {field} server.", field)
        try:
            server = parse_server(url)
        except MisfinError as error:
            raise _WrongFieldError(f"{error} {error.remedy}".strip(), field) from None
        if server.protocol not in protocols:
            raise _WrongFieldError(f"{server.protocol.value.upper()} is not for {field} mail.", field)
        return server

    def _settings(self) -> AccountConfig:
        """The account as it is typed."""
        settings = account_config(
            self.value("address"),
            title=self.value("title"),
            incoming=self._server("incoming", MailProtocol.IMAP, MailProtocol.POP3),
            outgoing=self._server("outgoing", MailProtocol.SMTP),
        )
        place, kept = SecretPlace.KEYRING, f"misfin-tui/{self.value('name')}"
        if self._keyring_problem:
            place, kept = SecretPlace.COMMAND, self.value("command")
        return replace(settings, password=secret_reader("password")({place.value: kept}))

    # ---- testing

    def began(self, step: int) -> None:
        """Test at once."""
        if step == 2:
            self._test_run.begin(self.value("name"), self._settings(), self._password())

    def _password(self) -> str | None:
        return None if self._keyring_problem else self.query_one("#password", Input).value

    async def _save(self) -> bool:
        settings, password, name = self._settings(), self._password(), self.value("name")
        if not self._test_run.passed(settings, password) and not await self.app.push_screen_wait(
            ConfirmDialog(
                "Save an account that does not work?",
                "Its test did not pass. You can save it now and correct it later in the settings.",
                yes="Save",
                no="Back",
            )
        ):
            return False
        try:
            config = await self.services.email_accounts.add(name, settings, password=password)
        except MisfinError as error:
            return self.complain(f"{error} {error.remedy}".strip())
        self.misfin.use_config(config)
        self.misfin.say(f"{settings.address} is ready. Press c to write a message.")
        self.dismiss()
        return True

    async def may_quit(self) -> bool:
        """Nothing was saved so far; ask only where something was typed."""
        if not self.value("address"):
            return True
        quits: bool | None = await self.app.push_screen_wait(
            ConfirmDialog("Quit without an account?", "Nothing was saved.", yes="Quit", no="Stay")
        )
        return bool(quits)


class _WrongFieldError(Exception):
    def __init__(self, problem: str, field: str) -> None:
        super().__init__(problem)
        self.field = field


def _problem(address: str) -> str:
    try:
        check_address(address)
    except ValueError as error:
        return f"{error}."
    return "" if address else "Enter your address."
