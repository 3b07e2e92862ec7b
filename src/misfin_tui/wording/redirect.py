"""What is said when a server gives another address for a message, and the answers there are."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from misfin_tui.screentext import suspicious

if TYPE_CHECKING:
    from misfin.store.outgoing.outbox import OutboxRow


class Following(StrEnum):
    """What to do about a redirect."""

    STOP = "stop"
    ONCE = "once"
    ALWAYS = "always"


def title_of(*, permanent: bool) -> str:
    """What happened."""
    return "The address has moved" if permanent else "The server gives another address"


def said_of(row: OutboxRow, *, permanent: bool) -> str:
    """What the server said, as a sentence."""
    host = row.to.rpartition("@")[2]
    said = "has moved for good" if permanent else "should receive this one message somewhere else"
    return f"{host} says that {row.to} {said}. It has seen your message, but did not accept it."


def doubt_of(row: OutboxRow) -> str:
    """What is odd about the new address; empty where nothing is."""
    reason = suspicious(row.target)
    return f"Look closely: {reason}." if reason else ""


CONSEQUENCE = (
    "Sending it there gives it to whoever owns that address. The certificate of that host is checked"
    " like any other before anything is sent."
)
"""What following it means."""


def redirect_offers(*, permanent: bool) -> dict[Following | None, str]:
    """The answers in their order and what they are called; None keeps waiting, which is safe."""
    offers: dict[Following | None, str] = {
        None: "Keep waiting",
        Following.STOP: "Do not send",
        Following.ONCE: "Send there this once",
    }
    return offers | {Following.ALWAYS: "Send, and change the contact"} if permanent else offers
