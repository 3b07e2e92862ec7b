"""What a message to a list becomes: who may write, what the subscribers get, what is a repetition. Pure."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from misfin.errors import GemmailError
from misfin.model import gemmail
from misfin.model.address import MisfinAddress
from misfin.model.gemmail import MAX_MESSAGE, GemmailMessage
from misfin.model.status import StatusCode
from misfin.net.incoming import HandlerOutcome
from misfin.post.hosting.wording import is_automatic
from misfin.store.hosting.lists import MailingList, Posting
from misfin.wire import MisfinResponse

if TYPE_CHECKING:
    from misfin.net.incoming import Checks, Incoming

_LOOP: Final = MisfinResponse(StatusCode.PERMANENT_FAILURE, "This message has been through the list already")
_AUTOMATIC: Final = MisfinResponse(StatusCode.PERMANENT_FAILURE, "The list takes no automatic answers")
_TOO_LARGE: Final = MisfinResponse(StatusCode.PERMANENT_FAILURE, "The message is too large for the list")
_NOT_SUBSCRIBED: Final = MisfinResponse(
    StatusCode.UNAUTHORIZED_SENDER, "Only subscribers can write to this list; send it: subscribe"
)
_MODERATORS_ONLY: Final = MisfinResponse(
    StatusCode.UNAUTHORIZED_SENDER, "Only the moderators can write to this list"
)
_UNPROVEN: Final = MisfinResponse(
    StatusCode.UNAUTHORIZED_SENDER, "It could not be verified that this message is from its sender"
)
_LATER: Final = MisfinResponse(
    StatusCode.SERVER_UNAVAILABLE, "The sender cannot be verified now; try again later"
)


def is_proven(checks: Checks) -> bool:
    """Whether the sender's host vouches for the certificate, now or when it was pinned."""
    if checks.hold or any(each.outcome is HandlerOutcome.FAIL for each in checks.results.values()):
        return False
    return checks.verified or checks.confirmed is not None


def unproven(checks: Checks) -> MisfinResponse:
    """The answer to a sender who is not proven: later may help where their host could not be asked."""
    results = checks.results.values()
    if not checks.hold and any(
        each.outcome is HandlerOutcome.UNKNOWN and not each.lasting for each in results
    ):
        return _LATER
    return _UNPROVEN


def refusal(
    found: MailingList, message: GemmailMessage, author: MisfinAddress, *, subscribed: bool, moderates: bool
) -> MisfinResponse | None:
    """Why a list does not take a message, whoever its author is known to be; None where it does."""
    own = MisfinAddress.parse(found.address)
    if own.key in {each.key for each in (author, *message.senders)}:
        return _LOOP
    if is_automatic(message.subject or ""):
        return _AUTOMATIC
    if moderates or found.posting is Posting.ANYONE:
        return None
    if found.posting is Posting.MODERATORS:
        return _MODERATORS_ONLY
    return None if subscribed else _NOT_SUBSCRIBED


def distributed(incoming: Incoming, found: MailingList) -> bytes | MisfinResponse:
    """What the subscribers are sent: the author's line and time as our server stamps them, then the text.

    Their own servers put the list's line above it. The list itself is left out of the recipients: a list
    that subscribes to this one may take that for a loop.
    """
    assert incoming.certificate is not None
    now = datetime.fromtimestamp(incoming.received, UTC)
    request, own = incoming.request, MisfinAddress.parse(found.address)
    stamped = gemmail.stamp(request.message, request.version, incoming.certificate.address, now)
    message = GemmailMessage.from_bytes(stamped)
    others = [each for each in message.recipients if each.key != own.key]
    copy = GemmailMessage(message.senders, others, message.timestamps, message.body)
    try:
        data = copy.to_bytes()
    except GemmailError:
        return _TOO_LARGE
    return data if len(data) <= MAX_MESSAGE else _TOO_LARGE


def digest_of(message: GemmailMessage) -> str:
    """Equal for messages with the same text, whatever a list between put above it or in front of it."""
    lines = [line.strip() for line in message.body.splitlines()]
    text = "\n".join(line for line in lines if line and not line.startswith("#"))
    return hashlib.sha256((text or message.subject or "").encode("utf-8", "replace")).hexdigest()
