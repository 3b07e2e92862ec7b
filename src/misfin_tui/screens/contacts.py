"""The address book: write to people, name them, block them; and what is known about their certificates."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from textual import work

from misfin.errors import MisfinError
from misfin.model.recipient import on_to_line
from misfin.store.people.contacts import Contact
from misfin.store.search.folding import bare
from misfin_tui.dialogs.confirm import ConfirmDialog
from misfin_tui.dialogs.forms import ContactDialog, ContactForm
from misfin_tui.keymap import KeyContext, readable
from misfin_tui.screens.list_screen import ListScreen
from misfin_tui.screentext import suspicious
from misfin_tui.widgets.bindings import bindings
from misfin_tui.widgets.facts import day
from misfin_tui.widgets.row_columns import Column
from misfin_tui.widgets.row_list import Cell, RowList

if TYPE_CHECKING:
    from misfin_tui.services.contacts import Known


class ContactsScreen(ListScreen):
    """Everybody, the likeliest first."""

    BINDINGS = bindings(KeyContext.LIST, KeyContext.CONTACTS)
    BINDING_GROUP_TITLE = TITLE_TEXT = "Contacts"
    ROWS = ("person", "people")

    def __init__(self) -> None:
        super().__init__()
        self._undo: Contact | None = None

    def make_list(self) -> RowList[Known]:
        """Name, address, messages, trust."""
        columns = (
            Column("", 1),
            Column("Name", 24),
            Column("Address"),
            Column("Sent", 6, right=True, spare=2),
            Column("Received", 8, right=True, spare=2),
            Column("Last", 11, spare=1),
            Column("Sender", 12, spare=3),
            Column("Since", 11, spare=2),
        )
        key = self.misfin.keys.shown("new-contact")
        empty = (
            f"No contacts yet. Everyone you write to or hear from appears here; press {key} to add somebody."
        )
        return RowList(columns, self._cells, lambda known: known.contact.address, empty=empty)

    def on_people_changed(self) -> None:
        """Messages came from or went to somebody."""
        self.reload()

    def _cells(self, known: Known) -> Sequence[Cell]:
        contact, standing = known.contact, known.standing
        sign: Cell = (standing.evidence.sign, standing.evidence)
        state: Cell = (standing.evidence, standing.evidence)
        if contact.blocked:
            state = ("blocked", "bad")
        elif contact.dead:
            state = ("gone", "warn")
        last = max(contact.last_sent, contact.last_received)
        odd = suspicious(contact.address)
        return (
            ("⊘", "bad") if contact.blocked else sign,
            (contact.name, "strong" if contact.own_name else "normal"),
            (f"⚠ {contact.address}" if odd else contact.address, "warn" if odd else "normal"),
            (f"{contact.sent:,}" if contact.sent else "", "muted"),
            (f"{contact.received:,}" if contact.received else "", "muted"),
            (day(last) if last else "", "muted"),
            state,
            (day(standing.since) if standing.since else "", "muted"),
        )

    async def load(self) -> Iterable[Known]:
        """All of them."""
        return await self.services.contacts.all()

    def matches(self, item: Known, words: list[str]) -> bool:
        """By names, addresses and notes."""
        contact = item.contact
        names = f"{contact.own_name} {contact.learnt_name} {contact.notes}"
        text = bare(f"{names} {contact.address} {' '.join(contact.aliases)}")
        return all(bare(word) in text for word in words)

    def detail(self, item: Known) -> str:
        """What waits for a decision, notes and earlier addresses."""
        contact, warning = item.contact, item.standing.warning
        earlier = f"Formerly {', '.join(contact.aliases)}." if contact.aliases else ""
        odd = suspicious(contact.address)
        gone = f"Gone: {contact.dead}." if contact.dead else ""
        parts = (f"⚠ {odd}." if odd else "", warning, gone, contact.notes, earlier)
        return " ".join(part for part in parts if part)

    def choose(self, item: Any) -> None:
        """A double click edits."""
        self.action_edit_contact()

    @property
    def contact(self) -> Contact | None:
        """The one under the cursor; a blocked host is not a contact."""
        known = self.rows.current
        return known.contact if known is not None and not known.contact.address.startswith("@") else None

    # ---- what can be done

    @work(group="contacts", description="write to a contact")
    async def action_compose(self) -> None:
        """Write to this person."""
        contact = self.contact
        to = [on_to_line(contact.address, contact.name, contact.kind)] if contact else []
        kind = contact.kind if contact else None
        draft = await self.attempt(self.services.sending.new(to, kind=kind))
        if draft is not None:
            self.misfin.open_composer(draft)

    @work(group="contacts", description="add a contact")
    async def action_new_contact(self) -> None:
        """Somebody new."""
        await self._edit(None)

    @work(group="contacts", description="edit a contact")
    async def action_edit_contact(self) -> None:
        """Change one."""
        if self.contact is not None:
            await self._edit(self.contact)

    async def _edit(self, contact: Contact | None) -> None:
        form = ContactForm(contact.address, contact.name, contact.notes, contact.kind) if contact else None
        complaint = ""
        while True:
            form = await self.app.push_screen_wait(ContactDialog(form, complaint=complaint))
            if form is None:
                return
            changed = replace(
                contact or Contact(form.address, kind=form.kind),
                address=form.address,
                own_name=form.name,
                notes=form.note,
            )
            try:
                saved = await self.services.contacts.save(
                    changed, replaces=contact.address if contact else ""
                )
            except MisfinError as error:
                complaint = f"{error} {error.remedy}".strip()
                continue
            await self.read_again()
            self.rows.go_to(saved.address)
            return

    @work(group="contacts", description="delete a contact")
    async def action_delete_contact(self) -> None:
        """Remove one; z puts it back."""
        contact = self.contact
        if contact is None:
            return
        gone = await self.attempt(self.services.contacts.delete(contact.address, contact.kind))
        if gone is not None:
            self._undo = gone
            keys = self.misfin.keys.of("contact-undo")
            undo = f"  {readable(keys[0])} undo" if keys else ""
            self.misfin.say(f"{gone.name or gone.address} was removed.{undo}", about="contact")
        self.reload()

    @work(group="contacts", description="put a contact back")
    async def action_undo(self) -> None:
        """Put back what was removed."""
        gone, self._undo = self._undo, None
        if gone is None:
            self.misfin.say("There is nothing to undo.")
            return
        self.misfin.withdraw("contact")
        await self.attempt(self.services.contacts.save(gone))
        await self.read_again()
        self.rows.go_to(gone.address)

    @work(group="contacts", description="block a contact")
    async def action_block_contact(self) -> None:
        """Refuse mail from this address, or allow it again."""
        if self.rows.current is None:
            return
        contact = self.rows.current.contact
        if contact.blocked:
            gone = await self.attempt(self.services.contacts.unblock(contact.address, contact.kind))
            host = f"@{contact.address.rpartition('@')[2]}"
            if gone:
                self.misfin.say(f"Mail from {contact.address} is accepted again.")
            elif gone is not None:
                key = self.misfin.keys.shown("block-contact")
                self.misfin.say(f"Everybody at {host[1:]} is blocked; press {key} on {host} to unblock them.")
                self.rows.go_to(host)
        elif await self.app.push_screen_wait(
            ConfirmDialog(
                f"Block {contact.address}?",
                "Your receiver will refuse their mail (status 61) before it is stored."
                f" {self.misfin.keys.shown('block-contact')} unblocks them.",
                yes="Block",
                danger=True,
            )
        ):
            await self.attempt(self.services.contacts.block(contact.address, contact.kind))
            self.misfin.say(f"{contact.address} is blocked.")
        self.reload()
