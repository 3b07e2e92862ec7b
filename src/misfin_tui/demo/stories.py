"""The invented mail of the demo mailbox: who wrote what and how long ago, read from ``stories.toml``."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from misfin.model.folders import INBOX


@dataclass(frozen=True, slots=True)
class DemoPerson:
    """A correspondent: address and the name on the certificate."""

    address: str
    name: str


@dataclass(frozen=True, slots=True)
class Written:
    """One message, ``hours`` old."""

    sender: DemoPerson | None
    """None: we wrote it."""
    hours: float
    body: str
    place: str = INBOX
    unread: bool = False
    starred: bool = False
    certificate: bool = True
    """False: it came without any certificate, so nothing says who wrote it."""


@dataclass(frozen=True, slots=True)
class Story:
    """A conversation: its subject and its messages, oldest first; ``others`` got a copy of each."""

    subject: str
    messages: tuple[Written, ...]
    others: tuple[str, ...] = ()


ME = DemoPerson("ada@harbour.test", "Ada Harbour")
MAIL_ACCOUNT = "seamail"
"""The name of our e-mail account."""
MAIL_ME = DemoPerson("ada@seamail.test", "Ada Harbour")
STRANGER = DemoPerson("nobody@bench.test", "")
FIRST_CONTACTS = frozenset({"noor@atlas.test"})
"""People who wrote for the first time while their host could not be asked."""


def people() -> dict[str, DemoPerson]:
    """The correspondents by the mailbox part of their address."""
    found = (DemoPerson(entry["address"], entry["name"]) for entry in _data()["person"])
    return {person.address.partition("@")[0]: person for person in found}


def stories() -> tuple[Story, ...]:
    """The conversations of the demo mailbox."""
    known = people() | {"stranger": STRANGER}
    return tuple(
        Story(
            subject=story["subject"],
            others=tuple(story.get("others", ())),
            messages=tuple(_written(message, known) for message in story["message"]),
        )
        for story in _data()["story"]
    )


def first_written() -> dict[str, float]:
    """Everybody who wrote to us with a certificate, and how many hours ago first."""
    found: dict[str, float] = {}
    for story in stories():
        for message in story.messages:
            if message.sender not in (None, STRANGER) and message.certificate:
                assert message.sender is not None
                address = message.sender.address
                found[address] = max(found.get(address, 0.0), message.hours)
    return found


def _written(message: dict[str, Any], known: dict[str, DemoPerson]) -> Written:
    values = dict(message)
    sender = values.pop("from")
    return Written(sender=known[sender] if sender else None, **values)


def _data() -> dict[str, Any]:
    return tomllib.loads((files("misfin_tui.demo") / "stories.toml").read_text("utf-8"))
