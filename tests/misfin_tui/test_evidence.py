"""One truth about who wrote: every place says the same, and nothing better than was proven."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from peers import person

from misfin.compose.recipients import TypedRecipient
from misfin.model.account import AddressKind
from misfin.model.address import MisfinAddress
from misfin.model.gemmail import Version
from misfin.model.recipient import Recipient
from misfin.model.status import StatusCode
from misfin.net.asking import HostAnswer
from misfin.net.checks import judge_sender
from misfin.net.directory import Directory
from misfin.net.incoming import Checks, Incoming, accepted
from misfin.net.verification import (
    CertificateVerifier,
    CombinedVerifier,
    ProbeVerifier,
    SenderVerificationCache,
    VerificationMode,
    VerifyingHandler,
)
from misfin.post.intake import verification_of
from misfin.store import evidence
from misfin.store.evidence import ORDER, Evidence, standing
from misfin.store.index.digest import Owner, digest_message
from misfin.store.index.file_place import FilePlace
from misfin.store.index.listing import Meaning
from misfin.store.message import envelope
from misfin.store.message.mime import read_message
from misfin.store.people.contacts import Contact
from misfin.store.rows import ConversationRow, MessageRow
from misfin.trust.identity import CertificateInfo, generate, renew
from misfin.trust.pins import PinBook
from misfin.trust.tofu import PinKind
from misfin.wire import MisfinRequest, MisfinResponse
from misfin_tui.cli.mail import _line, _page, record_of
from misfin_tui.cli.trust import _record
from misfin_tui.screens.contacts import ContactsScreen
from misfin_tui.screens.sending import people_line
from misfin_tui.screens.trust import TrustScreen
from misfin_tui.services.contacts import Known, KnownRecipient
from misfin_tui.widgets.message_list_columns import Palette, columns, parts
from misfin_tui.widgets.message_rows import detail_rows, folded_row, head_rows
from misfin_tui.wording.sending import standing_words
from misfin_tui.wording.trust_list import PinFilter, TrustEntry, facts_of

BOB = "bob@peer.example"
ADA = person("ada@mail.example Ada")
START = datetime(2026, 11, 20, tzinfo=UTC)
DAY = 86_400.0
_TRUE = generate(MisfinAddress.parse(f"{BOB} Bob"), now=START, days=30)
_OTHER = generate(MisfinAddress.parse(f"{BOB} Bob"), now=START, days=30)
CERTIFICATES = {
    "first": _TRUE.info,
    "renewed": renew(_TRUE, now=START, days=90).info,
    "other": _OTHER.info,
    "other renewed": renew(_OTHER, now=START, days=90).info,
    "third": generate(MisfinAddress.parse(f"{BOB} Bob"), now=START, days=90).info,
}
_RANK = {Evidence.VERIFIED: 3, Evidence.UNCONFIRMED: 2, Evidence.UNPROVEN: 1, Evidence.DIFFERS: 0}


class Host:
    """The sender's host, as far as a receiver sees it: it names a certificate, another one, or nothing."""

    port = 1958

    def __init__(self, pins: PinBook) -> None:
        self.pins = pins
        self.names: CertificateInfo | None = None
        self.up = False

    def recall(self, *_: object) -> HostAnswer | None:
        return None

    async def ask(self, *_: object) -> HostAnswer:
        if not self.up:
            return HostAnswer()
        if self.names is None:
            return HostAnswer(MisfinResponse(StatusCode.MAILBOX_NOT_FOUND, ""))
        return HostAnswer(MisfinResponse(StatusCode.SUCCESS, self.names.fingerprints.cert))

    async def answers_all_alike(self, *_: object) -> bool:
        return False


@dataclass(frozen=True)
class Came:
    """A stored message: with which certificate, what was said of it, the pinned key before and after."""

    name: str
    words: dict[str, str]
    proven: Evidence
    before: str
    after: str
    era: int
    """How often a person had decided something by then."""


@dataclass
class History:
    """One receiver and one sender, and what a person decides in between."""

    mode: VerificationMode
    method: str
    pins: PinBook = field(default_factory=lambda: PinBook(None))
    now: float = START.timestamp() + 60
    era: int = 0
    came: list[Came] = field(default_factory=list)
    held: list[Came] = field(default_factory=list)
    vouched: set[str] = field(default_factory=set)
    """Keys that their host vouched for, or a person approved."""

    def __post_init__(self) -> None:
        self.host = Host(self.pins)
        self.cache = SenderVerificationCache(None, now=lambda: self.now)
        certificate = CertificateVerifier(self.pins, self.host, self.cache)  # type: ignore[arg-type]
        probe = ProbeVerifier(self.cache, asker=self.host)  # type: ignore[arg-type]
        both = CombinedVerifier(verifiers={"certificate": certificate, "probe": probe})
        verifiers = {"certificate": certificate, "probe": probe, "both": both}
        self.handler = VerifyingHandler(
            self._keep,
            verifiers[self.method],
            self.mode,
            "certificate" if self.method == "both" else self.method,
            pins=self.pins,
            now=lambda: self.now,
        )

    @property
    def key(self) -> str:
        """The pinned key, or nothing."""
        pin = self.pins.get(PinKind.SENDER, BOB)
        return pin.spki_sha256 if pin else ""

    async def _keep(self, incoming: Incoming) -> MisfinResponse:
        self._kept.append(incoming)
        return accepted(incoming)

    async def message(self, name: str) -> Came | None:
        """One message comes; None when the receiver refuses it."""
        certificate = CERTIFICATES.get(name)
        request = MisfinRequest("ada", "mail.example", b"\n\n\n# Hello\n", Version.C)
        directory = Directory([ADA])
        judged = judge_sender(
            request, certificate, self.now, directory=directory, require_certificate=False, blocked=None
        )
        if not isinstance(judged, Checks):
            return None
        before = self.key
        self._kept: list[Incoming] = []
        await self.handler(Incoming(request, "192.0.2.1", certificate, ADA, self.now, judged))
        if not self._kept:
            return None
        words = verification_of(self._kept[0].checks)
        if certificate and self.host.up and self.host.names is certificate and self.mode != "off":
            self.vouched.add(certificate.fingerprints.spki)
        came = Came(name, words, evidence.read(words), before, self.key, self.era)
        self.came.append(came)
        if self._kept[0].checks.hold:
            self.held.append(came)
        return came

    def decide(self, what: str) -> None:
        """A person decides."""
        self.era += 1
        offer = self.pins.offered(PinKind.SENDER, BOB)
        if what == "forget":
            self.pins.forget(PinKind.SENDER, BOB, now=self.now)
        elif what == "refuse":
            self.pins.withdraw(PinKind.SENDER, BOB)
        elif offer is not None:
            self.pins.replace(PinKind.SENDER, BOB, offer.certificate, how="approved in the app", now=self.now)
            self.vouched.add(offer.certificate.fingerprints.spki)


def stored(words: dict[str, str], certificate: CertificateInfo | None) -> bytes:
    """The file of a message from Bob with these words on it."""
    return envelope.wrap(
        f"{BOB} Bob\n\n2026-11-20T08:00:00Z\n# Hello\n".encode(),
        version=Version.C,
        account=ADA.address,
        now=START,
        certificate=certificate,
        verification=words,
        received_from="192.0.2.1",
        received_by="mail.example",
    )


def said_of_message(words: dict[str, str], certificate: CertificateInfo | None) -> dict[str, str]:
    """What each place that shows a message says about it, as the word."""
    data = stored(words, certificate)
    message = read_message(data, AddressKind.MISFIN, counts=lambda _data: True)
    digest = digest_message(
        message,
        FilePlace(1, b"new/1.x"),
        Owner("ada@mail.example", "ada@mail.example"),
        Meaning(True, False, ""),
        1.0,
        9,
        1,
    )
    proven = ORDER[digest.evidence]
    row = MessageRow(
        row=1,
        id="1.x",
        account="ada@mail.example",
        folder="Inbox",
        sender="Bob",
        sender_address=BOB,
        to=("Ada",),
        subject="Hello",
        date=1.0,
        unread=True,
        starred=False,
        tags=(),
        evidence=proven,
        thread=1,
        size=9,
        path=Path("/mail/1.x"),
    )
    line = ConversationRow(
        1, 1, "1.x", "Bob", "Hello", "", 1, 1, False, 1.0, proven, (), False, "held" in words
    )
    palette = Palette(**dict.fromkeys(Palette.__slots__) | {"evidence": {each: each for each in Evidence}})
    list_sign, list_colour = parts(line, columns(100), palette, cursor=False, marked=False, now=2.0)[4]
    folded_sign, folded_colour = folded_row(row, "", 80, focused=False).pieces[2]
    open_sign, open_colour = next(
        piece for piece in head_rows(row, message, 80, lead=((" ", "bar"),))[0].pieces if piece[0] in SIGNS
    )
    details = "\n".join(each.text for each in detail_rows(row, message, 400))
    page = "\n".join(_page(row, message))
    return {
        "list sign": SIGNS[list_sign.strip()],
        "list colour": str(list_colour),
        "conversation sign": SIGNS[open_sign],
        "conversation colour": str(open_colour),
        "folded sign": SIGNS[folded_sign],
        "folded colour": str(folded_colour),
        "details": next(
            str(each)
            for each in Evidence
            if f"{each.sign} {each}: {each.when_for(AddressKind.MISFIN)}." in details
        ),
        "--json": str(record_of(row, {})["trust"]),
        "show": next(
            str(each)
            for each in Evidence
            if f"{each.sign} {each}: {each.when_for(AddressKind.MISFIN)}" in page
        ),
        "list at the shell": next(SIGNS[each] for each in _line(row) if each in SIGNS),
    }


SIGNS = {each.sign: str(each) for each in Evidence}


def said_of_person(pins: PinBook, *, held: bool) -> dict[str, str]:
    """What each place that shows a person says about them."""
    pin, offer = pins.get(PinKind.SENDER, BOB), pins.offered(PinKind.SENDER, BOB)
    known = standing(pin, claimed=pin is not None and offer is not None, held=held)
    entry = TypedRecipient(BOB, Recipient(BOB, "hive.test:1958"))
    composer = people_line([entry], {entry: KnownRecipient(known)})
    cells = ContactsScreen._cells(None, Known(Contact(BOB), known))  # type: ignore[arg-type]
    said = {
        "contacts sign": SIGNS[cells[0][0]],
        "contacts sign's colour": cells[0][1],
        "contacts word": cells[6][0],
        "contacts word's colour": cells[6][1],
        "composer sign": SIGNS[composer.plain[0]],
        "composer word": next(word for word in Evidence if f"{BOB} {word}" in composer.plain),
        "composer colour": str(composer.spans[0].style).removeprefix("$evidence-"),
        "completion": standing_words(known).partition(",")[0].partition(":")[0],
    }
    if pin is not None or offer is not None:
        entry = TrustEntry(PinFilter.SENDER, BOB, pin, offer)
        sign = TrustScreen._cells(None, entry)[1]  # type: ignore[arg-type]
        said |= {"trust sign": SIGNS[sign[0]], "trust colour": sign[1]}
    if pin is not None:
        said |= {
            "trust --json": str(_record(pin, offer)["trust"]),
            "trust details": facts_of(entry)[0][1].split(" ")[1].rstrip(":"),
        }
    return {place: str(word) for place, word in said.items()}


STEPS = st.one_of(
    st.tuples(st.just("message"), st.sampled_from([*CERTIFICATES, "none"])),
    st.tuples(st.just("message"), st.sampled_from(["first", "first", "renewed", "other"])),
    st.tuples(st.just("host"), st.sampled_from([*CERTIFICATES, "down", "denies"])),
    st.tuples(st.just("person"), st.sampled_from(["approve", "refuse", "forget"])),
    st.tuples(st.just("days"), st.sampled_from(["1", "8", "31"])),
)


def messages(*names: str) -> list[tuple[str, str]]:
    return [("message", name) for name in names]


@pytest.fixture(scope="module")
def loop():
    with asyncio.Runner() as runner:
        yield runner


@given(
    st.sampled_from([VerificationMode.OPTIONAL, VerificationMode.OFF, VerificationMode.REQUIRED]),
    st.sampled_from(["certificate", "probe", "both"]),
    st.lists(STEPS, min_size=1, max_size=10),
)
@example(mode=VerificationMode.OPTIONAL, method="certificate", steps=messages("first", "first", "renewed"))
@example(
    mode=VerificationMode.OFF,
    method="certificate",
    steps=[*messages("first", "other"), ("person", "approve"), *messages("other", "other renewed")],
)
@example(
    mode=VerificationMode.OPTIONAL,
    method="both",
    steps=[("host", "first"), *messages("first"), ("days", "8"), ("host", "down"), *messages("first")],
)
@example(
    mode=VerificationMode.OPTIONAL,
    method="certificate",
    steps=[*messages("other"), ("host", "first"), *messages("first", "other"), ("person", "forget")],
)
def test_every_place_says_the_same_and_never_more_than_was_proven(loop, mode, method, steps):
    loop.run(_live(History(mode, method), steps))


async def _live(history: History, steps: list[tuple[str, str]]) -> None:
    for kind, what in steps:
        if kind == "host":
            history.host.up = what != "down"
            history.host.names = CERTIFICATES.get(what)
        elif kind == "days":
            history.now += int(what) * DAY
        elif kind == "person":
            waiting = list(history.held)
            offer = history.pins.offered(PinKind.SENDER, BOB)
            history.decide(what)
            if what == "approve" and offer is not None:
                for came in waiting:
                    if CERTIFICATES[came.name].fingerprints.spki == offer.certificate.fingerprints.spki:
                        words = evidence.approved(came.words)
                        assert set(said_of_message(words, CERTIFICATES[came.name]).values()) == {"verified"}
                        history.held.remove(came)
                assert set(said_of_person(history.pins, held=False).values()) == {"verified"}
        else:
            before = said_of_person(history.pins, held=False)
            came = await history.message(what)
            if came is not None:
                _judge(history, came, before)


def _judge(history: History, came: Came, before: dict[str, str]) -> None:
    certificate = CERTIFICATES.get(came.name)
    assert came.words["sender"] == came.proven
    assert set(said_of_message(came.words, certificate).values()) == {str(came.proven)}
    after = said_of_person(history.pins, held=bool(history.held))
    # Never better than what was proven.
    key = certificate.fingerprints.spki if certificate else ""
    assert came.proven is not Evidence.VERIFIED or key in history.vouched
    assert came.proven is not Evidence.UNCONFIRMED or key
    assert came.proven is not Evidence.DIFFERS or (key and came.before and key != came.before)
    assert (came in history.held) == (came.proven is Evidence.DIFFERS)
    # The person and the message are the same person.
    assert len(set(after.values())) == 1
    if came.proven in (Evidence.VERIFIED, Evidence.UNCONFIRMED):
        assert set(after.values()) == {str(came.proven)}
    else:
        assert {*after.values()} == {*before.values()}
    # A second message with the same certificate is never worse than the first.
    earlier = [each for each in history.came[:-1] if each.name == came.name and each.era == came.era]
    for each in earlier:
        if _RANK[came.proven] < _RANK[each.proven]:
            between = history.came[history.came.index(each) + 1 : -1]
            others = {other.after for other in between} - {each.after}
            assert others, f"{came.name} fell from {each.proven} to {came.proven}"
            # Somebody else was pinned: their host vouched for them, or had denied the first one.
            assert others <= history.vouched or each.proven is Evidence.UNPROVEN
