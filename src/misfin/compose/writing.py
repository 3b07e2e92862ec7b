"""Converts a draft to the gemmail to send, the same for every recipient (docs/protocol.md §3.2). Pure."""

from __future__ import annotations

from misfin.compose.recipients import read_address
from misfin.errors import AddressError
from misfin.model.address import MisfinAddress
from misfin.model.gemmail import GemmailMessage
from misfin.model.gemtext import compose
from misfin.model.replies import forward_bytes, outgoing_recipients
from misfin.store.outgoing.drafts import Draft


def recipients_of(draft: Draft) -> tuple[MisfinAddress, ...]:
    """The addresses to send to, each mailbox once; raises :class:`AddressError` for an invalid one."""
    found: dict[tuple[str, str], MisfinAddress] = {}
    for text in draft.to:
        if text.strip():
            address = read_address(text)
            found.setdefault(address.key, address)
    if not found:
        raise AddressError("The message has no recipient.", remedy="Add an address to the To line.")
    return tuple(found.values())


def gemmail_of(draft: Draft) -> bytes:
    """The message in the Misfin(C) form.

    The sender and time lines are blank, for the receiving server to fill in; so is the line of recipients if
    there is only one. A forwarded message is sent as it was received. Raises :class:`AddressError`, and
    :class:`GemmailError` for text that a gemmail cannot contain.
    """
    recipients = recipients_of(draft)
    if draft.forwards is not None:
        return forward_bytes(draft.forwards)
    body = compose(draft.subject, draft.body)
    return GemmailMessage(recipients=outgoing_recipients(recipients), body=body).to_bytes()
