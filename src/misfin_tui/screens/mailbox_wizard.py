"""Adding a Misfin mailbox that somebody keeps on a server: its file, the server, does it work.

Nothing is saved before the last button, and the server's certificate is shown before it gets ours.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from textual import work
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widget import Widget
from textual.widgets import Input

from misfin.errors import AddressError, IdentityEncryptedError, MisfinError
from misfin.model.address import normal_hostname
from misfin.trust.refusal import TrustError
from misfin_tui.dialogs.confirm import ConfirmDialog
from misfin_tui.dialogs.prompt import PasswordDialog
from misfin_tui.screens.steps import StepsScreen
from misfin_tui.services.mailboxes import remote_mailboxes
from misfin_tui.widgets.address_input import OneLine
from misfin_tui.widgets.facts import text
from misfin_tui.wording.first_steps import MAILBOX, MAILBOX_PORT, mailbox_of

if TYPE_CHECKING:
    from misfin.trust.identity import Identity
    from misfin_tui.services.mailboxes import MailboxFound, RemoteMailboxes


class MailboxWizardScreen(StepsScreen):
    """Three steps to a mailbox on a server."""

    BINDING_GROUP_TITLE = "Add a mailbox on a server"
    TITLES = ("Your mailbox", "Its server", "Does it work?")
    FINISH = "Save"

    def __init__(self) -> None:
        super().__init__()
        self._identity: Identity | None = None
        self._opened = ("", "")
        self._works: tuple[str, int, str] | None = None

    @property
    def _mailboxes(self) -> RemoteMailboxes:
        return remote_mailboxes(self.services)

    # ---- the steps

    def compose_step(self, step: int) -> ComposeResult:
        """The widgets of a step."""
        yield from (self._who, self._server, self._test)[step]()

    def _who(self) -> ComposeResult:
        yield text(MAILBOX)
        yield text("PEM file with the certificate (and perhaps the key)", classes="label")
        yield OneLine(id="pem", placeholder="~/ada.pem", max_length=1024)
        yield text("PEM file with the private key, if separate", classes="label")
        yield OneLine(id="pem-key", max_length=1024)

    def _server(self) -> ComposeResult:
        yield text("", id="found")
        yield text("Server", classes="label")
        yield OneLine(id="host", placeholder="mail.example", max_length=255)
        yield text(MAILBOX_PORT, classes="label")
        yield OneLine(id="port", max_length=5)
        with Vertical():
            yield text("Name of the account", classes="label")
            yield OneLine(id="name", max_length=40)

    def _test(self) -> ComposeResult:
        yield text("", id="summary", classes="strong")
        yield text("", id="details", classes="gap")

    def first_field(self, step: int) -> Widget:
        """What has the focus when a step begins."""
        return self.query_one(("#pem", "#next", "#next")[step])

    async def step_done(self, step: int) -> bool:
        """Whether a step is in order; the last one saves the account."""
        return await (self._check_who, self._check_server, self._save)[step]()

    async def may_quit(self) -> bool:
        """Nothing was saved so far; ask only where something was typed."""
        if not self.value("pem"):
            return True
        quits: bool | None = await self.app.push_screen_wait(
            ConfirmDialog("Quit without a mailbox?", "Nothing was saved.", yes="Quit", no="Stay")
        )
        return bool(quits)

    # ---- who

    async def _check_who(self) -> bool:
        files = (self.value("pem"), self.value("pem-key"))
        if not files[0]:
            return self.complain("Enter the name of a file.", "pem")
        if self._identity is not None and files == self._opened:
            return True
        identity = await self._open(*files)
        if identity is None:
            return False
        if problem := await self._mailboxes.problem_with(identity):
            return self.complain(problem, "pem")
        self._identity, self._opened, self._works = identity, files, None
        await self._show(identity)
        return True

    async def _open(self, certificate: str, key: str) -> Identity | None:
        """Look into the files; a password is asked for when the key wants one."""
        password: str | None = None
        again = False
        while True:
            try:
                found = await self._mailboxes.open(Path(certificate), Path(key) if key else None, password)
                _ = found.address  # raises where the certificate names none
            except IdentityEncryptedError:
                name = Path(key or certificate).name
                password = await self.app.push_screen_wait(PasswordDialog(name, again=again))
                again = True
                if password is None:
                    return None
            except MisfinError as error:
                self.complain(f"{error} {error.remedy}".strip(), "pem")
                return None
            else:
                return found

    async def _show(self, identity: Identity) -> None:
        address = identity.address
        self.set_text("found", mailbox_of(identity))
        self.query_one("#host", Input).value = address.hostname
        accounts = self.services.email_accounts
        self.query_one("#name", Input).value = await accounts.suggested_name(address.address)

    # ---- the server

    async def _check_server(self) -> bool:
        try:
            host = normal_hostname(self.value("host"))
        except AddressError as error:
            return self.complain(f"{error} {error.remedy}".strip(), "host")
        digits = self.value("port")
        if digits and not (digits.isascii() and digits.isdigit() and 0 < int(digits) < 65536):
            return self.complain("A port is a number from 1 to 65535.", "port")
        if problem := await self.services.email_accounts.problem_with_name(self.value("name")):
            return self.complain(problem, "name")
        self.query_one("#host", Input).value = host
        return True

    def _place(self) -> tuple[str, int]:
        return self.value("host"), int(self.value("port") or 0)

    # ---- testing

    def began(self, step: int) -> None:
        """Test at once."""
        if step == 2 and (self._works is None or self._works[:2] != self._place()):
            self._test_it()

    @work(group="mailbox", exclusive=True, description="ask the server for the mailbox")
    async def _test_it(self) -> None:
        assert self._identity is not None  # the step before has opened it
        host, port = self._place()
        self._works = None
        self.set_text("summary", f"Asking {host} …")
        self.set_text("details", "")
        while True:
            try:
                found = await self._mailboxes.look(host, port, self._identity, trust_on_first_use=False)
            except TrustError as error:
                self.set_text("summary", "A certificate needs your decision.")
                if not await self._decided(f"{error.hostname}:{error.port}"):
                    self.set_text(
                        "summary", "Not tested: a certificate is not trusted. Go back, or save it as it is."
                    )
                    return
            except MisfinError as error:
                self.set_text("summary", "It does not work. Go back to change it, or save it as it is.")
                self.set_text("details", f"✗ {error} {error.remedy}".strip())
                return
            else:
                self._works = (host, port, found.server)
                self._show_found(found)
                return

    async def _decided(self, server: str) -> bool:
        """Ask about a certificate; whether it is trusted now."""
        if await self.attempt(self.misfin.ask_trust("host", server)) is None:
            return False
        return await self._mailboxes.trusts(server)

    def _show_found(self, found: MailboxFound) -> None:
        many = "message" if found.inbox == 1 else "messages"
        self.set_text("summary", "Everything works.")
        self.set_text(
            "details",
            f"✓ {found.server} opens the mailbox.\n"
            f"✓ {found.inbox:,} {many} in the inbox, {found.unread:,} unread in all folders.\n"
            f"Its certificate has the fingerprint {found.fingerprint}.",
        )

    # ---- saving

    async def _save(self) -> bool:
        assert self._identity is not None  # as above
        name, (host, port) = self.value("name"), self._place()
        if not self._works and not await self.app.push_screen_wait(
            ConfirmDialog(
                "Save a mailbox that does not work?",
                "Its server did not open it. You can save it now and correct it in the settings.",
                yes="Save",
                no="Back",
            )
        ):
            return False
        try:
            config = await self._mailboxes.add(name, host, port, self._identity)
        except MisfinError as error:
            return self.complain(f"{error} {error.remedy}".strip())
        self.misfin.use_config(config)
        self.misfin.say(f"{self._identity.address.address} is ready. Press c to write a message.")
        self.dismiss()
        return True
