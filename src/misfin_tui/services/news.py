"""What the courier reports, as messages for the app: a sentence to read, and the question there may be."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from misfin_tui.messages import AppNews, OutboxChanged, Problem, TrustAsked

if TYPE_CHECKING:
    from misfin.post.events import Event


def messages_of(event: Event) -> Iterator[AppNews]:
    """The messages for an event. "Delivered" is said of what is in the mailbox, and of nothing else."""
    from misfin.model.status import StatusCode
    from misfin.post import events
    from misfin.post.decisions import SERVER_PINS
    from misfin.post.misfin.events import HostSeen, MailboxKeyChanged
    from misfin.store.outgoing.deliveries import ABOUT_TRUST

    match event:
        case events.Sent(row):
            words = "" if row.fingerprint or not row.meta else f" Its server says: {row.meta}"
            yield OutboxChanged(f"Delivered to {row.to}.{words}")
        case events.TakenOn(row):
            yield OutboxChanged(f"Accepted by {row.server} for {row.to}.")
        case events.Deferred(row):
            # Said once; the outbox shows every further try.
            yield OutboxChanged(f"Not delivered to {row.to} yet: {row.why}" if row.attempts <= 1 else "")
        case events.Held(row):
            yield OutboxChanged(f"The message to {row.to} needs your decision: {row.why}", "warning")
            if row.question in ABOUT_TRUST:
                yield TrustAsked(SERVER_PINS[row.kind].value, row.pin_name)
        case events.Failed(row):
            offer = " You can mark it as gone in the outbox." if row.status == StatusCode.MAILBOX_GONE else ""
            yield OutboxChanged(f"Not delivered to {row.to}: {row.why}{offer}", "error")
        case events.Uncertain(row):
            yield OutboxChanged(
                f"It is not known whether {row.to} received the message: {row.why}", "warning"
            )
        case HostSeen():
            yield OutboxChanged(event.text)
        case MailboxKeyChanged(address):
            yield OutboxChanged(
                f"The server of {address} now reports another certificate for it. It may be a renewed one, or"
                " one with another key: Trust shows both.",
                "warning",
            )
        case events.CourierNotice(text):
            yield OutboxChanged(text, "warning")
        case events.Trouble(text):
            yield Problem(text)
        case _:
            yield OutboxChanged()
