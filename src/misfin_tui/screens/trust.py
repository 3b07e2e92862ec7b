"""Pinned hosts and senders, keys of recipients, accepted mailing lists; and what waits for an answer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textual import work

from misfin.store.evidence import Evidence, of_pin
from misfin.trust.tofu import PinKind, change_due, due_since
from misfin_tui.dialogs.base import Choice
from misfin_tui.dialogs.certificate import CertificateDialog
from misfin_tui.dialogs.confirm import ConfirmDialog
from misfin_tui.dialogs.prompt import PromptDialog
from misfin_tui.dialogs.text import FactsDialog
from misfin_tui.keymap import KeyContext
from misfin_tui.messages import MailChanged, OutboxChanged, TrustAsked
from misfin_tui.screens.list_screen import ListScreen
from misfin_tui.screentext import plain
from misfin_tui.services.accepted_lists import ListSigner, acceptance_of
from misfin_tui.widgets.bindings import bindings
from misfin_tui.widgets.facts import day, many, needing, short
from misfin_tui.widgets.row_columns import Column
from misfin_tui.widgets.row_list import Cell, RowList
from misfin_tui.wording.certificate import Answer
from misfin_tui.wording.trust_list import (
    KINDS,
    PinFilter,
    TrustEntry,
    facts_of,
    forgetting,
    log_facts,
    taking_back,
)

if TYPE_CHECKING:
    from misfin.store.accepted_lists import AcceptedList


class TrustScreen(ListScreen):
    """Pins and open questions; what waits is on top."""

    BINDINGS = bindings(KeyContext.LIST, KeyContext.TRUST)
    BINDING_GROUP_TITLE = TITLE_TEXT = "Trust"
    ROWS = ("certificate", "certificates")

    def __init__(self) -> None:
        super().__init__()
        self._kind = 0

    def make_list(self) -> RowList[TrustEntry]:
        """Name, fingerprint, use."""
        columns = (
            Column("", 1),
            Column("", 1),
            Column("Kind", 9, spare=3),
            Column("Name"),
            Column("SHA-256", 17, spare=1),
            Column("Uses", 6, right=True, spare=2),
            Column("Last", 11, spare=2),
            Column("Trusted by", 24, spare=4),
        )
        return RowList(
            columns,
            self._cells,
            lambda entry: (entry.kind, entry.name, entry.domain),
            empty=KINDS[self._kind].empty,
        )

    def _cells(self, entry: TrustEntry) -> Sequence[Cell]:
        waiting = entry.offer is not None
        fingerprint, uses, seen, how = entry.shown
        return (
            ("!" if waiting else "", "warn"),
            sign_of(entry),
            (str(entry.kind), "muted"),
            (entry.name, "strong" if waiting else "normal"),
            (short(fingerprint) if fingerprint else "", "muted"),
            (uses, "muted"),
            (day(seen) if seen else "", "muted"),
            ("needs your decision", "warn") if waiting else (how, "muted"),
        )

    async def load(self) -> Iterable[TrustEntry]:
        """Pins, what waits, recipients, and accepted lists."""
        accepted = await self.attempt(acceptance_of(self.services).all()) or ()
        found = await self.services.trust.entries(accepted)
        wanted = KINDS[self._kind].kind
        return [entry for entry in found if wanted in (None, entry.kind)]

    def matches(self, item: TrustEntry, words: list[str]) -> bool:
        """By name, fingerprint and how it came to be trusted."""
        fingerprint, _, _, how = item.shown
        text = f"{item.kind} {item.name} {fingerprint} {how}".casefold()
        return all(word in text for word in words)

    def detail(self, item: TrustEntry) -> str:
        """What waits, and what to do about it: in a small window the column that says so is left out."""
        if item.offer is None:
            return ""
        day_due = change_due(item.pin, item.offer.shown)
        due = f" {due_since(day_due)}" if day_due else ""
        which = "A new" if item.pin else "Its"
        key = self.misfin.keys.shown("approve")
        return f"{which} certificate is waiting for your decision. Press {key}.{due}"

    def news(self) -> list[tuple[str, str]]:
        """How many certificates need a decision."""
        asking = sum(entry.offer is not None for entry in self.everything)
        return [(needing(asking), "warning")] if asking else []

    def on_trust_asked(self, message: TrustAsked) -> None:
        """There is a new question."""
        self.reload()

    def on_outbox_changed(self, message: OutboxChanged) -> None:
        """A delivery may have pinned a host."""
        self.reload()

    def on_mail_changed(self, message: MailChanged) -> None:
        """A message may have pinned its sender, or be held."""
        self.reload()

    def choose(self, item: Any) -> None:
        """A double click shows everything."""
        self.action_pin_details()

    @property
    def entry(self) -> TrustEntry | None:
        """The one under the cursor."""
        return self.rows.current

    # ---- what can be done

    @work(group="trust", description="show a pin")
    async def action_pin_details(self) -> None:
        """Certificate, history and use."""
        entry = self.entry
        if entry is None:
            return
        more = [Choice("decide", "Decide …")] if entry.offer else []
        if entry.accepted:
            more += [Choice("forget", "Take back …", "danger")]
        elif entry.pin or entry.keys:
            more += [Choice("forget", "Forget …", "danger")]
        choice = await self.app.push_screen_wait(FactsDialog(entry.name, facts_of(entry), more=more))
        if choice == "decide":
            self.action_approve()
        elif choice == "forget":
            self.action_forget()

    @work(group="trust", description="decide about a certificate")
    async def action_approve(self) -> None:
        """Decide about the certificate that waits."""
        entry = self.entry
        if entry is None or entry.offer is None:
            self.misfin.say("No certificate here needs your decision.")
            return
        trust = self.services.trust
        kind = PinKind(entry.kind)
        question = await self.attempt(trust.question(kind, entry.name))
        if question is None:
            self.reload()
            return
        answer = await self.app.push_screen_wait(CertificateDialog(question))
        if answer is Answer.TRUST:
            wanted = question.shown.fingerprints.cert
            freed = await self.attempt(trust.approve(kind, entry.name, wanted))
            if freed is not None:
                self.misfin.say(f"{entry.name} is trusted; {many(freed, 'message')} released.")
        elif answer is Answer.REFUSE:
            stopped = await self.attempt(trust.refuse(kind, entry.name))
            if stopped is not None:
                self.misfin.say(f"The pin of {entry.name} is unchanged; {many(stopped, 'message')} stopped.")
        self.reload()

    @work(group="trust", description="forget a pin")
    async def action_forget(self) -> None:
        """Forget a pin, after asking."""
        entry = self.entry
        if entry is None:
            return
        if entry.accepted is not None:
            await self._take_back(entry.accepted)
            return
        trust, key = self.services.trust, entry.kind is PinFilter.RECIPIENT
        title, question = forgetting(entry)
        if not await self.app.push_screen_wait(
            ConfirmDialog(title, question, yes="Forget", no="Keep it", danger=True)
        ):
            return
        work = trust.forget_recipient(entry.name) if key else trust.forget(PinKind(entry.kind), entry.name)
        if await self.attempt(work) is not None:
            self.misfin.say(f"{entry.name} is forgotten.")
        self.reload()

    async def _take_back(self, accepted: AcceptedList) -> None:
        """No longer accept a mailing list, after asking."""
        name = plain(accepted.list_id, one_line=True)
        question = taking_back(name, plain(accepted.domain, one_line=True))
        if not await self.app.push_screen_wait(ConfirmDialog("Accepted list", question, yes="Take back")):
            return
        signer = ListSigner(accepted.list_id, accepted.domain, accepted=True)
        if await self.attempt(acceptance_of(self.services).take_back(signer)) is not None:
            self.misfin.say(f"{name} is no longer accepted.")
        self.reload()

    def action_trust_kind(self) -> None:
        """Hosts, senders, mail servers, recipients, accepted lists, or all."""
        self._kind = (self._kind + 1) % len(KINDS)
        self.TITLE_TEXT, self._empty = KINDS[self._kind].title, KINDS[self._kind].empty
        self.reload()

    @work(group="trust", description="show the trust log")
    async def action_trust_log(self) -> None:
        """What was decided, and when."""
        log = await self.attempt(self.services.trust.log())
        if log is None:
            return
        await self.app.push_screen_wait(FactsDialog("Trust log", log_facts(log)))

    @work(group="trust", description="export the pins")
    async def action_export_pins(self) -> None:
        """Write all pins to a file."""
        path = await self.app.push_screen_wait(
            PromptDialog(
                "Export all pins",
                "As JSON, with their history. The file must not exist yet.",
                value="misfin-pins.json",
                yes="Export",
                check=lambda name: "" if name.strip() else "Enter a file name.",
            )
        )
        if path is None:
            return
        count = await self.attempt(self.services.trust.export(Path(path.strip())))
        if count is not None:
            self.misfin.say(f"{many(count, 'pin')} written to {path.strip()}.")


def sign_of(entry: TrustEntry) -> Cell:
    """The sign of a sender, as everywhere else; the others have none, because they write no mail."""
    if entry.kind is PinFilter.SENDER:
        known = of_pin(entry.pin) if entry.pin is not None else Evidence.UNPROVEN
        return known.sign, known
    return "·", "muted"
