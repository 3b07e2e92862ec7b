"""The user's own addresses: create, import, export, choose the default, and see what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textual import work

from misfin.errors import IdentityEncryptedError, MisfinError
from misfin_tui.dialogs.base import Choice
from misfin_tui.dialogs.confirm import ConfirmDialog
from misfin_tui.dialogs.forms import HOST, ITSELF, IdentityForm, ImportDialog, NewIdentityDialog
from misfin_tui.dialogs.prompt import ChooseDialog, PasswordDialog, PromptDialog
from misfin_tui.dialogs.text import FactsDialog
from misfin_tui.keymap import KeyContext
from misfin_tui.screens.base import AppScreen
from misfin_tui.screens.list_screen import ListScreen
from misfin_tui.widgets.bindings import bindings
from misfin_tui.widgets.facts import day, grouped, short, span
from misfin_tui.widgets.row_columns import Column
from misfin_tui.widgets.row_list import Cell, RowList
from misfin_tui.wording.facts import Fact

if TYPE_CHECKING:
    from misfin_tui.services.identities import OwnIdentity


class IdentitiesScreen(ListScreen):
    """The identities of the profile."""

    BINDINGS = bindings(KeyContext.LIST, KeyContext.IDENTITIES)
    BINDING_GROUP_TITLE = TITLE_TEXT = "Identities"
    ROWS = ("identity", "identities")

    def make_list(self) -> RowList[OwnIdentity]:
        """Address, name, key, state."""
        columns = (
            Column("", 1),
            Column("Address", 32),
            Column("Name", 20, spare=2),
            Column("Key", 8, spare=3),
            Column("SHA-256", 17, spare=1),
            Column("State"),
        )
        new, imported = map(self.misfin.keys.shown, ("new-identity", "import-identity"))
        empty = "You have no Misfin address; e-mail needs none."
        empty += f" Press {new} to create one, {imported} to import one."
        return RowList(columns, self._cells, lambda row: row.name, empty=empty)

    def _cells(self, row: OwnIdentity) -> Sequence[Cell]:
        state: Cell = ("OK", "good")
        if row.problems:
            state = (row.problems[0], "warn" if row.info else "bad")
        return (
            ("●", "accent") if row.default else ("", "normal"),
            (row.address or row.name, "strong" if row.default else "normal"),
            (row.info.blurb if row.info else "", "normal"),
            (row.info.key if row.info else "", "muted"),
            (short(row.info.fingerprints.cert) if row.info else "", "muted"),
            state,
        )

    async def load(self) -> Iterable[OwnIdentity]:
        """All of them."""
        return await self.services.identities.all()

    def matches(self, item: OwnIdentity, words: list[str]) -> bool:
        """By address and name."""
        text = f"{item.name} {item.address} {item.info.blurb if item.info else ''}".casefold()
        return all(word in text for word in words)

    def detail(self, item: OwnIdentity) -> str:
        """Everything that is wrong with it."""
        return "\n".join(item.problems)

    def choose(self, item: Any) -> None:
        """A double click shows everything."""
        self.action_identity_details()

    @property
    def row(self) -> OwnIdentity | None:
        """The one under the cursor."""
        return self.rows.current

    # ---- what can be done

    @work(group="identities", description="show an identity")
    async def action_identity_details(self) -> None:
        """Certificate, fingerprints, problems."""
        row = self.row
        if row is None:
            return
        more = (
            [Choice("copy", "Copy fingerprint"), Choice("export", "Export …"), Choice("renew", "Renew …")]
            if row.info
            else []
        )
        choice = await self.app.push_screen_wait(
            FactsDialog(row.address or row.name, facts_of(row), more=more)
        )
        if choice == "copy":
            self.action_copy_fingerprint()
        elif choice == "export":
            self.action_export_identity()
        elif choice == "renew":
            self.action_renew_identity()

    @work(group="identities", description="create an identity")
    async def action_new_identity(self) -> None:
        """Create a new one."""
        if await make_identity(self):
            self.reload()

    @work(group="identities", description="import an identity")
    async def action_import_identity(self) -> None:
        """Read another program's PEM."""
        if await import_identity(self):
            self.reload()

    @work(group="identities", description="export an identity")
    async def action_export_identity(self) -> None:
        """Write it to a file."""
        row = self.row
        if row is None or row.info is None:
            return
        chosen = await self.app.push_screen_wait(
            ChooseDialog(
                f"Export {row.address}",
                [
                    ("certificate", "Certificate", "to give to others"),
                    ("both", "Certificate and private key", "a backup: whoever has it can act as you"),
                ],
            )
        )
        if chosen is None:
            return
        path = await self.app.push_screen_wait(
            PromptDialog(
                "Export to which file?",
                "The file must not exist yet.",
                value=f"{row.name}.pem",
                yes="Write",
                check=lambda name: "" if name.strip() else "Enter a file name.",
            )
        )
        if path is None:
            return
        exporting = self.services.identities.export(row.name, Path(path.strip()), with_key=chosen == "both")
        try:
            await exporting
        except MisfinError as error:
            self.misfin.report(error)
        else:
            self.misfin.say(f"Exported to {path.strip()}.")

    @work(group="identities", description="renew an identity")
    async def action_renew_identity(self) -> None:
        """Make a new certificate for the same key, after asking."""
        row = self.row
        if row is None or row.info is None:
            return
        question = (
            f"{row.address} gets a new certificate with the same names and the same key. Whoever checks your"
            " key will see that it is still yours; whoever checks only the certificate will see that it"
            " has changed, so tell your correspondents the new fingerprint."
        )
        if not await self.app.push_screen_wait(
            ConfirmDialog("Renew this identity?", question, yes="Renew", no="Keep it")
        ):
            return
        renewed = await self.attempt(self.services.identities.renew(row.name))
        if renewed is not None and renewed.info is not None:
            self.misfin.say(
                f"{renewed.address} is now valid until {day(renewed.info.not_after.timestamp())}."
            )
            self.reload()

    def action_copy_fingerprint(self) -> None:
        """Copy the fingerprint."""
        row = self.row
        if row is not None and row.info is not None:
            self.app.copy_to_clipboard(row.info.fingerprints.cert)
            self.misfin.say("The fingerprint was copied to the clipboard.")

    @work(group="identities", description="set the default identity")
    async def action_default_identity(self) -> None:
        """Write from this address by default."""
        row = self.row
        if row is None or not row.address:
            return
        config = await self.attempt(self.services.identities.set_default(row.address))
        if config is not None:
            self.misfin.use_config(config)
            self.misfin.say(f"New messages will be written from {row.address}.")
            self.reload()


async def make_identity(screen: AppScreen) -> OwnIdentity | None:
    """Ask for an address and create an identity for it; a problem is shown and the form comes back."""
    form = IdentityForm()
    complaint = ""
    own = await screen.attempt(screen.services.identities.all()) or []
    before = await screen.attempt(screen.services.identities.default()) or ""
    signers = [(each.name, each.address) for each in own if each.info and each.info.is_ca]
    while True:
        dialog = NewIdentityDialog(form, signers=signers, complaint=complaint)
        answer = await screen.app.push_screen_wait(dialog)
        if answer is None:
            return None
        form = answer
        try:
            made = await screen.services.identities.create(
                form.address,
                name=form.name,
                key=form.key,
                host=form.signer == HOST,
                signer="" if form.signer in (ITSELF, HOST) else form.signer,
            )
        except MisfinError as error:
            complaint = f"{error} {error.remedy}".strip()
        else:
            await _tell_added(screen, f"{made.address} is now yours.", before)
            if not own:
                await screen.misfin.start_receiver()  # nothing could arrive before
            return made


async def import_identity(screen: AppScreen) -> OwnIdentity | None:
    """Ask for PEM files and take the identity over; asks for a password when the key wants one."""
    files = ("", "")
    complaint = ""
    before = await screen.attempt(screen.services.identities.default()) or ""
    while True:
        answer = await screen.app.push_screen_wait(ImportDialog(*files, complaint=complaint))
        if answer is None:
            return None
        files = answer
        try:
            got = await _import_with_password(screen, files)
        except MisfinError as error:
            complaint = f"{error} {error.remedy}".strip()
        else:
            if got is not None:
                await _tell_added(screen, f"{got.address} was imported.", before)
                return got


async def _tell_added(screen: AppScreen, words: str, before: str) -> None:
    """One more address; the one to write from stays what it was."""
    config = await screen.attempt(screen.services.identities.keep_default(before))
    if config is not None:
        screen.misfin.use_config(config)
    screen.misfin.say(f"{words} The default is still {before}." if before else words)


async def _import_with_password(screen: AppScreen, files: tuple[str, str]) -> OwnIdentity | None:
    certificate, key = Path(files[0].strip()), Path(files[1].strip()) if files[1].strip() else None
    password: str | None = None
    again = False
    while True:
        try:
            return await screen.services.identities.import_pem(certificate, key, password)
        except IdentityEncryptedError:
            dialog = PasswordDialog((key or certificate).name, again=again)
            password = await screen.app.push_screen_wait(dialog)
            again = True
            if password is None:
                return None


def facts_of(row: OwnIdentity) -> list[Fact]:
    """Everything about an identity, with what other servers may refuse."""
    facts: list[Fact] = [("", f"⚠ {problem}") for problem in row.problems]
    if info := row.info:
        facts += [
            ("name", info.blurb or "none"),
            ("SHA-256", grouped(info.fingerprints.cert, 8)),
            ("public key", f"{info.key}\n{grouped(info.fingerprints.spki, 8)}"),
            ("subject", info.subject or "none"),
            ("signed by", "itself" if info.issuer == info.subject else info.issuer),
            *([("signs", "the mailboxes of this host")] if info.is_ca else []),
            ("hosts", ", ".join(info.hosts) or "none"),
            ("valid", span(info.not_before.timestamp(), info.not_after.timestamp())),
        ]
    facts.append(("file", str(row.path)))
    if row.info and not row.problems:
        facts.append(("", "No problems were found."))
    return facts
