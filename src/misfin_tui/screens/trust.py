"""Pinned hosts and senders and keys of recipients, each with its history; and what waits for an answer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textual import work

from misfin.model.account import AddressKind
from misfin.store.evidence import Evidence, of_pin
from misfin.trust.tofu import Confirmed, MailboxKey, Pin, PinKind, change_due, due_since
from misfin_tui.dialogs.base import Choice
from misfin_tui.dialogs.certificate import Answer, CertificateDialog
from misfin_tui.dialogs.confirm import ConfirmDialog
from misfin_tui.dialogs.prompt import PromptDialog
from misfin_tui.dialogs.text import Fact, FactsDialog
from misfin_tui.keymap import KeyContext
from misfin_tui.messages import MailChanged, OutboxChanged, TrustAsked
from misfin_tui.screens.list_screen import ListScreen
from misfin_tui.screentext import suspicious
from misfin_tui.widgets.bindings import bindings
from misfin_tui.widgets.facts import day, grouped, many, moment, needing, short, span
from misfin_tui.widgets.row_list import Cell, Column, RowList

if TYPE_CHECKING:
    from misfin.trust.records import Offer


class PinFilter(StrEnum):
    """The kind of a row: one of three kinds of pins, or what a server said about a mailbox written to."""

    HOST = "host"
    SENDER = "sender"
    MAIL = "mail"
    """A mail server that is trusted without an authority."""
    RECIPIENT = "recipient"


@dataclass(frozen=True, slots=True)
class Choosing:
    """What the list can be narrowed to; ``empty`` is shown when there is nothing in it."""

    kind: PinFilter | None
    title: str
    empty: str


KINDS = (
    Choosing(
        None,
        "Trust",
        "Nothing is pinned yet. The first message to a host, or from a sender, pins its certificate.",
    ),
    Choosing(
        PinFilter.HOST,
        "Trust · hosts",
        "No host is pinned yet. The first message to a host pins its certificate.",
    ),
    Choosing(
        PinFilter.SENDER,
        "Trust · senders",
        "No sender is pinned yet. The first message from somebody pins their certificate.",
    ),
    Choosing(
        PinFilter.MAIL,
        "Trust · mail servers",
        "No mail server is pinned. One is only if you trust it although no authority vouches for it.",
    ),
    Choosing(
        PinFilter.RECIPIENT,
        "Trust · recipients",
        "No server has reported the key of a recipient yet. It does so when it accepts a message.",
    ),
)
EVENTS = {"refused": "presented, not accepted"}
"""Words of the trust log that say too little by themselves."""


@dataclass(frozen=True, slots=True)
class TrustEntry:
    """A host or a sender: its pin, or the certificate that waits, or both. Or a recipient's ``keys``.

    The ``pin`` of a recipient is the one they have as a sender.
    """

    kind: PinFilter
    name: str
    pin: Pin | None
    offer: Offer | None
    keys: tuple[MailboxKey, ...] = ()

    @property
    def shown(self) -> tuple[str, str, float, str]:
        """Fingerprint, uses, when it was last seen, and how it came to be here."""
        if self.keys:
            key = self.keys[-1]
            how = f"since {day(key.first_seen)}" if len(self.keys) > 1 else "reported by their server"
            return key.fingerprint, "", key.last_seen, f"changed, {how}" if len(self.keys) > 1 else how
        if self.pin is not None:
            how = vouched_by(self.pin) if self.kind is PinFilter.SENDER else self.pin.how
            return self.pin.cert_sha256, f"{self.pin.uses:,}", self.pin.last_seen, how
        return "", "", 0.0, ""


class TrustScreen(ListScreen):
    """Pins and open questions; what waits is on top."""

    BINDINGS = bindings(KeyContext.LIST, KeyContext.TRUST)
    BINDING_GROUP_TITLE = TITLE_TEXT = "Trust"

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
            columns, self._cells, lambda entry: (entry.kind, entry.name), empty=KINDS[self._kind].empty
        )

    def _cells(self, entry: TrustEntry) -> Sequence[Cell]:
        waiting = entry.offer is not None
        fingerprint, uses, seen, how = entry.shown
        return (
            ("!" if waiting else "", "warn"),
            _sign(entry),
            (str(entry.kind), "muted"),
            (entry.name, "strong" if waiting else "normal"),
            (short(fingerprint) if fingerprint else "", "muted"),
            (uses, "muted"),
            (day(seen) if seen else "", "muted"),
            ("needs your decision", "warn") if waiting else (how, "muted"),
        )

    async def load(self) -> Iterable[TrustEntry]:
        """Pins, what waits, and recipients."""
        trust = self.services.trust
        pins = await trust.pins()
        senders = {pin.name: pin for pin in pins if pin.kind is PinKind.SENDER}
        offers = {(offer.kind, offer.name): offer for offer in await trust.offers()}
        found = [
            TrustEntry(PinFilter(pin.kind), pin.name, pin, offers.pop((pin.kind, pin.name), None))
            for pin in pins
        ]
        found += [TrustEntry(PinFilter(kind), name, None, offer) for (kind, name), offer in offers.items()]
        found += [
            TrustEntry(PinFilter.RECIPIENT, name, senders.get(name), None, tuple(keys))
            for name, keys in (await trust.recipients()).items()
        ]
        wanted = KINDS[self._kind].kind
        shown = [entry for entry in found if wanted in (None, entry.kind)]
        return sorted(shown, key=lambda entry: (entry.offer is None, entry.kind, entry.name))

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
        return f"{which} certificate is waiting for your decision. Press a.{due}"

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
        more += [Choice("forget", "Forget …", "danger")] if entry.pin or entry.keys else []
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
        trust, key = self.services.trust, entry.kind is PinFilter.RECIPIENT
        what = "The next key reported for it" if key else "The next certificate it presents"
        question = (
            f"Forget {entry.name} and its history? {what} will count as the first one:"
            " a change will not be noticed."
        )
        if not await self.app.push_screen_wait(
            ConfirmDialog(
                "Forget this key?" if key else "Forget this pin?",
                question,
                yes="Forget",
                no="Keep it",
                danger=True,
            )
        ):
            return
        work = trust.forget_recipient(entry.name) if key else trust.forget(PinKind(entry.kind), entry.name)
        if await self.attempt(work) is not None:
            self.misfin.say(f"{entry.name} is forgotten.")
        self.reload()

    def action_trust_kind(self) -> None:
        """Hosts, senders, recipients, or all."""
        self._kind = (self._kind + 1) % len(KINDS)
        self.TITLE_TEXT, self._empty = KINDS[self._kind].title, KINDS[self._kind].empty
        self.reload()

    @work(group="trust", description="show the trust log")
    async def action_trust_log(self) -> None:
        """What was decided, and when."""
        log = await self.attempt(self.services.trust.log())
        if log is None:
            return
        facts: list[Fact] = []
        for each in log:
            event = EVENTS.get(each.event, each.event)
            facts.append(
                (moment(each.at), f"{event}: {each.name}\n{short(each.cert_sha256)}  {each.how}".rstrip())
            )
        await self.app.push_screen_wait(
            FactsDialog("Trust log", facts or [("", "Nothing has been decided yet.")])
        )

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


def vouched_by(pin: Pin) -> str:
    """Who vouched for the pin of a sender."""
    said = {Confirmed.HOST: "their host", Confirmed.PERSON: "you"}
    return said[pin.confirmed] if pin.confirmed else "nobody yet"


def _sign(entry: TrustEntry) -> Cell:
    """The sign of a sender, as everywhere else; hosts and keys have none, because they write no mail."""
    if entry.kind is PinFilter.SENDER:
        known = of_pin(entry.pin) if entry.pin is not None else Evidence.UNPROVEN
        return known.sign, known
    return "·", "muted"


def facts_of(entry: TrustEntry) -> list[Fact]:
    """Everything known about a host or a sender."""
    facts: list[Fact] = []
    odd = suspicious(f"x@{entry.name.rpartition(':')[0]}" if entry.kind is PinFilter.HOST else entry.name)
    if odd:
        facts.append(("", f"⚠ Look closely: {odd}."))
    if entry.keys:
        return facts + list(_facts_of_keys(entry))
    if pin := entry.pin:
        if entry.kind is PinFilter.SENDER:
            known = of_pin(pin)
            facts.append(("sender", f"{known.sign} {known}: {known.when_for(AddressKind.MISFIN)}"))
        facts += [
            ("first seen", moment(pin.first_seen)),
            ("trusted by", vouched_by(pin) if entry.kind is PinFilter.SENDER else pin.how),
            ("used", f"{many(pin.uses, 'time')}, last {moment(pin.last_seen)}"),
            ("SHA-256", grouped(pin.cert_sha256, 8)),
            ("public key", grouped(pin.spki_sha256, 8)),
            ("valid", span(pin.not_before, pin.not_after)),
        ]
    if entry.offer:
        info = entry.offer.certificate
        facts.append(("Needs your decision", ""))
        if day_due := change_due(entry.pin, entry.offer.shown):
            facts.append(("", due_since(day_due)))
        facts += [
            ("presented", moment(entry.offer.shown)),
            ("SHA-256", grouped(info.fingerprints.cert, 8)),
            ("public key", f"{info.key}\n{grouped(info.fingerprints.spki, 8)}"),
            ("subject", info.subject or "none"),
            ("hosts", ", ".join(info.hosts) or "none"),
            ("valid", span(info.not_before.timestamp(), info.not_after.timestamp())),
        ]
        facts += [("", f"⚠ {problem}") for problem in info.problems]
    for past in reversed(entry.pin.history if entry.pin else ()):
        facts += [
            (f"Until {day(past.replaced)}", ""),
            ("trusted", f"{day(past.first_seen)}, {past.how}"),
            ("used", f"{many(past.uses, 'time')}, last {day(past.last_seen)}"),
            ("SHA-256", grouped(past.cert_sha256, 8)),
            ("valid", span(past.not_before, past.not_after)),
        ]
    return facts


def _facts_of_keys(entry: TrustEntry) -> Iterator[Fact]:
    """The fingerprints servers reported for a mailbox written to, the present one first."""
    yield (
        "",
        "The key their server reported after a delivery. It blocks nothing, as the mail is delivered by then;"
        " a change is reported.",
    )
    pin = entry.pin
    if pin is not None and entry.keys[-1].fingerprint in (pin.cert_sha256, pin.spki_sha256):
        yield "", "It is the key pinned for them as a sender."
    elif pin is not None:
        yield "", "It is not the certificate pinned for them as a sender."
    for number, key in enumerate(reversed(entry.keys)):
        if number:
            yield f"Until {day(key.last_seen)}", ""
        yield "named", f"{moment(key.first_seen)}, last {moment(key.last_seen)}"
        yield "SHA-256", grouped(key.fingerprint, 8)
