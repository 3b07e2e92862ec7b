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

from misfin.email.account import Login, MailServer, SecretPlace
from misfin.email.secrets import own_entry
from misfin.errors import MisfinError
from misfin_tui.config.email import check_address, conflicts, secret_reader, server_for
from misfin_tui.dialogs.confirm import ConfirmDialog
from misfin_tui.screens.account_test import AccountTest
from misfin_tui.screens.email_oauth import OAuthPart
from misfin_tui.screens.steps import StepsScreen
from misfin_tui.services.email import account_config
from misfin_tui.widgets.address_input import OneLine
from misfin_tui.widgets.check_list import CheckList
from misfin_tui.widgets.facts import text
from misfin_tui.wording.first_steps import EMAIL, LOOKING, NOTHING, UNTESTED, WITHOUT_KEYRING, found_words

if TYPE_CHECKING:
    from textual.worker import Worker

    from misfin.email.discovery import Discovery, Found
    from misfin_tui.config.accounts import AccountConfig


class EmailWizardScreen(StepsScreen):
    """Three steps to an e-mail account; ``edited`` names one that there is already."""

    BINDING_GROUP_TITLE = "Add an e-mail account"
    TITLES = ("Your e-mail account", "Its servers", "Does it work?")
    FINISH = "Save"

    def __init__(self, edited: str = "") -> None:
        super().__init__()
        self._edited = edited
        self._before: AccountConfig | None = None
        self._keyring_problem = ""
        self._keyring_look: Worker[None]
        self._search: Worker[Discovery | None] | None = None
        self._searched = ""
        self._test_run = AccountTest(self)
        self._oauth = OAuthPart(self)

    # ---- the steps

    def compose_step(self, step: int) -> ComposeResult:
        """The widgets of a step."""
        yield from (self._who, self._servers, self._test)[step]()

    def _who(self) -> ComposeResult:
        if self._edited:
            yield text(
                f"The account {self._edited}. Its other settings are on the settings screen (press"
                f" {self.misfin.keys.shown('show-settings')})."
            )
        else:
            yield text(EMAIL)
        yield text("E-mail address", classes="label")
        yield OneLine(id="address", placeholder="ada@example.org", max_length=320)
        yield text("Display name", classes="label")
        yield OneLine(id="title", placeholder="Ada Lovelace", max_length=64)
        empty = "empty: as before" if self._edited else "empty to sign in with a browser"
        label = f"{'New password' if self._edited else 'Password'} (kept in the keyring); {empty}"
        with Vertical(id="typing"):
            yield text(label, classes="label")
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
        yield from self._oauth.fields()
        with Vertical(id="naming"):
            yield text("Name of the account", classes="label")
            yield OneLine(self._edited, id="name", max_length=40)

    def _test(self) -> ComposeResult:
        yield text("", id="summary", classes="strong")
        yield CheckList()

    def first_field(self, step: int) -> Widget:
        """What has the focus when a step begins."""
        if step == 1 and not self.value("incoming"):  # nothing was found
            return self.query_one("#incoming")
        if step == 1 and self._oauth.problem() is not None:
            return self.query_one("#client-id")
        return self.query_one(("#address", "#next", "#next")[step])

    def show_parts(self) -> None:
        """A field for the password, or for a command where there is no keyring."""
        self.query_one("#typing").display = not self._keyring_problem
        self.query_one("#commanding").display = bool(self._keyring_problem)
        self.query_one("#naming").display = not self._edited
        self._oauth.keyring = not self._keyring_problem
        self._oauth.arrange()

    def on_mount(self) -> None:
        """Ask whether there is a keyring, meanwhile."""
        if self._edited:
            self._before = before = self.misfin.config.accounts[self._edited]
            self._searched = before.address  # the servers are known
            shown = {"address": before.address, "title": before.name, "outgoing": before.smtp}
            shown["incoming"] = before.imap or before.pop3
            if before.password is not None and before.password.place is SecretPlace.COMMAND:
                shown["command"] = before.password.name
            for field, value in shown.items():
                self.query_one(f"#{field}", Input).value = value
            self.set_text("found", "Change what is out of date.")
            self.query_one("#advice").display = False
            self._oauth.edit(before)
        super().on_mount()
        self._keyring_look = self._look_for_keyring()

    @work(group="keyring", description="look for a keyring")
    async def _look_for_keyring(self) -> None:
        self._keyring_problem = await self.services.email_accounts.keyring_problem()
        if self._keyring_problem and self.standing:
            self.set_text(
                "no-keyring",
                f"{self._keyring_problem} {WITHOUT_KEYRING}",
            )
            password = self.query_one("#password", Input)
            typing = password.has_focus
            password.value = ""
            self.show_parts()
            if typing:
                self.query_one("#command").focus()

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
        with suppress(WorkerCancelled):
            await self._keyring_look.wait()  # a quick person may be done before it
        if self._keyring_problem and not self.value("command") and not self._edited:
            return self.complain("Enter a command.", "command")
        self._look(address)
        if self._search is not None:
            await self._show_servers(address)
        if not (self._keyring_problem or self._edited or self._oauth.offered or self._password()):
            return self.complain("Enter the password.", "password")
        return True

    async def _show_servers(self, address: str) -> None:
        """Wait for what is found, and fill it in."""
        search, self._search = self._search, None
        self.complain(LOOKING.format(address=address))
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
            self.set_text("found", NOTHING.format(address=address))
            self.set_text("advice", "")
        else:
            incoming, outgoing = str(found.incoming), str(found.outgoing)
            self.set_text("found", found_words(found, address))
            self.set_text("advice", f"{found.advice} {found.question}".strip())
        self.query_one("#advice").display = bool(found and (found.advice or found.question))
        self._oauth.offer(found, self.query_one("#password", Input).value)
        self.query_one("#incoming", Input).value = incoming
        self.query_one("#outgoing", Input).value = outgoing

    # ---- servers

    async def _check_servers(self) -> bool:
        try:
            self._server("incoming")
            self._server("outgoing")
        except _WrongFieldError as wrong:
            return self.complain(str(wrong), wrong.field)
        name = self.value("name")
        if not self._edited and (problem := await self.services.email_accounts.problem_with_name(name)):
            return self.complain(problem, "name")
        if (missing := self._oauth.problem()) is not None:
            return self.complain(*missing)
        try:
            settings = self._settings()
        except MisfinError as error:
            return self.complain(f"{error} {error.remedy}".strip())
        if settings.auth == Login.PASSWORD and not settings.password:
            return self.complain("Go back and enter the password.")
        if (conflict := conflicts(settings)) is not None:
            return self.complain(f"{conflict[1]}.")
        try:
            return await self._oauth.signed_in(name, settings)
        except MisfinError as error:
            return self.complain(f"{error} {error.remedy}".strip())

    def _server(self, field: str) -> MailServer:
        url = self.value(field)
        if not url:
            raise _WrongFieldError(f"Enter the {field} server.", field)
        try:
            return server_for(url, incoming=field == "incoming")
        except MisfinError as error:
            raise _WrongFieldError(f"{error} {error.remedy}".strip(), field) from None

    def _settings(self) -> AccountConfig:
        """The account as it is typed."""
        settings = account_config(
            self.value("address"),
            title=self.value("title"),
            incoming=self._server("incoming"),
            outgoing=self._server("outgoing"),
        )
        if (before := self._before) is not None:
            changed = {each: getattr(settings, each) for each in ("address", "name", "imap", "pop3", "smtp")}
            settings = replace(before, **changed)
        name, command = self.value("name"), self.value("command")
        settings = self._oauth.settings(settings, name, command)
        if settings.auth != Login.PASSWORD:
            return settings
        if self._keyring_problem and command:
            return replace(settings, password=secret_reader("password")({SecretPlace.COMMAND.value: command}))
        return replace(settings, password=own_entry(name)) if self._password() else settings

    # ---- testing

    def began(self, step: int) -> None:
        """Test at once."""
        if step == 2:
            self._test_run.begin(self.value("name"), self._settings(), self._password(), self._access)

    @property
    def _access(self) -> str | None:
        """The access token of a sign-in that was just done."""
        return self._oauth.token.access if self._oauth.chosen and self._oauth.token else None

    def _password(self) -> str | None:
        """What is typed, where it goes into the keyring; None where it is read from where it is kept."""
        typed = self.query_one("#password", Input).value
        return None if self._keyring_problem or not typed else typed

    async def _save(self) -> bool:
        settings, password, name = self._settings(), self._password(), self.value("name")
        works = self._test_run.passed(settings, password, self._access)
        if not works and not await self.app.push_screen_wait(ConfirmDialog(*UNTESTED, yes="Save", no="Back")):
            return False
        accounts = self.services.email_accounts
        save = accounts.change if self._edited else accounts.add
        try:
            config = await save(name, settings, password=password, more=self._oauth.secrets(name))
        except MisfinError as error:
            return self.complain(f"{error} {error.remedy}".strip())
        self.misfin.use_config(config)
        said = f"The account {name} was changed." if self._edited else f"{settings.address} is ready."
        self.misfin.say(
            said if self._edited else f"{said} Press {self.misfin.keys.shown('compose')} to write a message."
        )
        self.dismiss()
        return True

    async def may_quit(self) -> bool:
        """Nothing was saved so far; ask only where something was typed."""
        if self._before is not None and self._password() is None:
            with suppress(MisfinError, _WrongFieldError):
                if self._settings() == self._before:
                    return True
        if not self.value("address"):
            return True
        quits: bool | None = await self.app.push_screen_wait(
            ConfirmDialog(
                "Quit without saving?" if self._edited else "Quit without an account?",
                "The account stays as it was." if self._edited else "Nothing was saved.",
                yes="Quit",
                no="Stay",
            )
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
