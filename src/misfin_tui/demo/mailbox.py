"""Fills the demo mailbox with its invented messages, as if they had arrived over the last months."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from misfin.model import gemmail
from misfin.model.address import MisfinAddress
from misfin.model.folders import HELD
from misfin.model.gemmail import GemmailMessage, Version
from misfin.model.gemtext import compose
from misfin.store.evidence import Findings, stamp
from misfin.store.mail.maildir import MailStore
from misfin.store.message.envelope import wrap, wrap_sent
from misfin.store.seals import Seals
from misfin.trust.identity import Identity
from misfin_tui.demo.stories import FIRST_CONTACTS, STRANGER, DemoPerson, Story, Written, stories
from misfin_tui.paths import Profile

VERIFIED = stamp(Findings(pin="match", confirmed="host", checks={"certificate": ("pass", "")}))
FIRST_TIME = stamp(Findings(pin="first", checks={"certificate": ("unknown", "The host could not be asked.")}))
DIFFERS = stamp(
    Findings(
        pin="changed",
        checks={"certificate": ("pass", "")},
        held="The sender presents another certificate than the pinned one.",
    )
)
NO_PROOF = stamp(Findings())


def fill(profile: Profile, identities: Mapping[str, Identity], now: float) -> None:
    """Write every message of every story into our Maildir."""
    me = identities["me"].address
    by_address = {identity.address.address: identity for identity in identities.values()}
    store, seals = MailStore(profile.mail), Seals(profile.mail)
    store.create(me.address)
    for story in stories():
        for at, message in enumerate(story.messages):
            moment = datetime.fromtimestamp(now - message.hours * 3600, UTC)
            subject = story.subject if at == 0 else _reply(story.subject)
            if message.sender is None:
                data = _sent(message, subject, story, me, moment)
            else:
                data = _received(message, subject, story, me, moment, by_address)
            flags = ("" if message.unread else "S") + ("F" if message.starred else "")
            maildir = store.folder(me.address, message.place)
            maildir.deliver(seals.seal(data), flags=flags, now=moment.timestamp())


def _received(
    message: Written,
    subject: str,
    story: Story,
    me: MisfinAddress,
    moment: datetime,
    identities: Mapping[str, Identity],
) -> bytes:
    assert message.sender is not None
    identity = identities.get(message.sender.address) if message.certificate else None
    others = tuple(MisfinAddress.parse(other) for other in story.others)
    written = GemmailMessage(recipients=(me, *others) if others else (), body=compose(subject, message.body))
    stamped = gemmail.stamp(written.to_bytes(), Version.C, identity.address if identity else None, moment)
    return wrap(
        stamped,
        version=Version.C,
        account=me,
        now=moment,
        certificate=identity.info if identity else None,
        verification=_checks(message, message.sender),
        received_from="127.0.0.1",
        received_by=me.hostname,
    )


def _sent(message: Written, subject: str, story: Story, me: MisfinAddress, moment: datetime) -> bytes:
    partner = next((one.sender for one in story.messages if one.sender), None)
    first = MisfinAddress.parse(partner.address if partner else "dora@garden.test")
    to = (first, *(MisfinAddress.parse(other) for other in story.others))
    written = GemmailMessage(recipients=to if len(to) > 1 else (), body=compose(subject, message.body))
    return wrap_sent(written.to_bytes(), version=Version.C, account=me, to=to, now=moment)


def _checks(message: Written, sender: DemoPerson) -> Mapping[str, str]:
    if sender == STRANGER or not message.certificate:
        return NO_PROOF
    if message.place == HELD:
        return DIFFERS
    return FIRST_TIME if sender.address in FIRST_CONTACTS else VERIFIED


def _reply(subject: str) -> str:
    return subject if subject.startswith("Re: ") else f"Re: {subject}"
