"""What is trusted, as rows: pins, recipients' keys, accepted mailing lists; and what is said of each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from misfin.model.account import AddressKind
from misfin.store.evidence import of_pin
from misfin.trust.tofu import Confirmed, MailboxKey, Pin, change_due, due_since
from misfin_tui.screentext import suspicious
from misfin_tui.wording.facts import Fact, day, grouped, many, moment, short, span

if TYPE_CHECKING:
    from misfin.store.accepted_lists import AcceptedList
    from misfin.trust.records import LogEntry, Offer


class PinFilter(StrEnum):
    """The kind of a row: one of three kinds of pins, what a server said about a mailbox written to, or a
    mailing list that was accepted.
    """

    HOST = "host"
    SENDER = "sender"
    MAIL = "mail"
    """A mail server that is trusted without an authority."""
    RECIPIENT = "recipient"
    LIST = "list"


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
        "Nothing is pinned yet. The first message to a Misfin host, or from a sender, pins its certificate"
        " here: if it changes, you are asked. Mail servers are pinned only where no authority vouches.",
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
    Choosing(
        PinFilter.LIST,
        "Trust · lists",
        "No mailing list is accepted. Accept one at a message that is marked ⚠ because a list changed it.",
    ),
)
EVENTS = {"refused": "presented, not accepted"}
"""Words of the trust log that say too little by themselves."""


@dataclass(frozen=True, slots=True)
class TrustEntry:
    """A host or a sender: its pin, or the certificate that waits, or both. Or a recipient's ``keys``, or an
    ``accepted`` mailing list.

    The ``pin`` of a recipient is the one they have as a sender.
    """

    kind: PinFilter
    name: str
    pin: Pin | None
    offer: Offer | None
    keys: tuple[MailboxKey, ...] = ()
    accepted: AcceptedList | None = None

    @property
    def domain(self) -> str:
        """The one that signs for an accepted list."""
        return self.accepted.domain if self.accepted else ""

    @property
    def shown(self) -> tuple[str, str, float, str]:
        """Fingerprint, uses, when it was last seen, and how it came to be here."""
        if self.accepted:
            return "", "", self.accepted.since, f"you, signed by {self.accepted.domain}"
        if self.keys:
            key = self.keys[-1]
            how = f"since {day(key.first_seen)}" if len(self.keys) > 1 else "reported by their server"
            return key.fingerprint, "", key.last_seen, f"changed, {how}" if len(self.keys) > 1 else how
        if self.pin is not None:
            how = vouched_by(self.pin) if self.kind is PinFilter.SENDER else self.pin.how
            return self.pin.cert_sha256, f"{self.pin.uses:,}", self.pin.last_seen, how
        return "", "", 0.0, ""


def vouched_by(pin: Pin) -> str:
    """Who vouched for the pin of a sender."""
    said = {Confirmed.HOST: "their host", Confirmed.PERSON: "you"}
    return said[pin.confirmed] if pin.confirmed else "nobody yet"


def facts_of(entry: TrustEntry) -> list[Fact]:
    """Everything known about a host or a sender."""
    facts: list[Fact] = []
    named = {PinFilter.HOST: f"x@{entry.name.rpartition(':')[0]}", PinFilter.LIST: f"x@{entry.name}"}
    odd = suspicious(named.get(entry.kind, entry.name))
    if odd:
        facts.append(("", f"⚠ Look closely: {odd}."))
    if accepted := entry.accepted:
        explained = (
            "You accepted this mailing list: a message that its domain signed for it is unconfirmed (◐), and"
            " not marked ⚠ because the author's domain asks for proof."
        )
        return [*facts, ("", explained), ("signed by", accepted.domain), ("since", moment(accepted.since))]
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


def taking_back(name: str, domain: str) -> str:
    """The question before a list is no longer accepted; both are safe to show."""
    return (
        f"You accepted {name} as {domain} signs it. Take that back?\n\nMessages from it whose authors"
        " ask for proof will be marked ⚠ again."
    )


def forgetting(entry: TrustEntry) -> tuple[str, str]:
    """Title and text of the question before a pin, or a recipient's keys, are forgotten."""
    key = entry.kind is PinFilter.RECIPIENT
    what = "The next key reported for it" if key else "The next certificate it presents"
    return (
        "Forget this key?" if key else "Forget this pin?",
        f"Forget {entry.name} and its history? {what} will count as the first one: a change will not be"
        " noticed.",
    )


def log_facts(log: Iterable[LogEntry]) -> list[Fact]:
    """What was decided, and when."""
    facts: list[Fact] = []
    for each in log:
        event = EVENTS.get(each.event, each.event)
        facts.append(
            (moment(each.at), f"{event}: {each.name}\n{short(each.cert_sha256)}  {each.how}".rstrip())
        )
    return facts or [("", "Nothing has been decided yet.")]
