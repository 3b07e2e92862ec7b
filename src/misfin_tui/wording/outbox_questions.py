"""What is asked, and answered, when somebody does something with a delivery in the outbox."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from misfin.store.outgoing.deliveries import TAKEN, DeliveryState, Question
from misfin_tui.wording.sending import YesNo

if TYPE_CHECKING:
    from misfin.store.outgoing.deliveries import OutboxRow

FINISHED: Final = frozenset({*TAKEN, DeliveryState.FAILED, DeliveryState.CANCELLED})
"""States from which nothing goes on by itself: such a delivery can be removed from the list."""
REDIRECTS: Final = frozenset({Question.REDIRECT_ONCE, Question.REDIRECT_ALWAYS})

NOT_TRIED: Final = "It cannot be tried now: it is being sent, or was delivered."
NOT_EDITED: Final = "It was already sent and cannot be edited."
NOT_STOPPED: Final = "It is being sent right now and cannot be stopped."
NOT_REMOVED: Final = "It stays until its copy is in Sent."
NO_DECISION: Final = "This message needs no decision."


def send_again(row: OutboxRow) -> YesNo:
    """Whether to try again what may have arrived."""
    return YesNo(
        "Send it again?",
        f"The last attempt to reach {row.to} was cut off after the message was sent. It may have arrived;"
        " sending again may deliver it twice. Ask the recipient if you can.",
        yes="Send again",
        no="Leave it",
        danger=True,
    )


def edit_anyway() -> YesNo:
    """Whether to edit what may have arrived."""
    return YesNo("Edit it?", "It may already have arrived unchanged.", yes="Edit", no="Leave it")


def cancel_it(row: OutboxRow) -> YesNo:
    """Whether not to send it."""
    text = f"Do not send “{row.subject or 'no subject'}” to {row.to}?"
    return YesNo("Cancel it?", text, yes="Do not send", no="Keep it", danger=True)


def mark_as_gone(row: OutboxRow) -> YesNo:
    """Whether to remember that a mailbox is gone."""
    text = f"The server says that {row.to} is gone for good. Its contact is kept, but offered last."
    return YesNo("Mark the mailbox as gone?", text, yes="Mark it")
