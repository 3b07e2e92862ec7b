"""Who a reply goes to, and what a reply or a forwarded message looks like (docs/protocol.md §3.6)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from misfin.model.address import MisfinAddress, same_person
from misfin.model.gemmail import MAX_METADATA_LINE, Flag, Form, GemmailMessage, Version
from misfin.model.metadata import read_three

_PREFIX = "Re:"


def reply_targets(message: GemmailMessage, me: Sequence[MisfinAddress]) -> tuple[MisfinAddress, ...]:
    """The newest sender; for our own mail (a copy in Sent) its recipients. ``me`` is all our addresses.

    Empty when only we are left; the caller should then refuse.
    """
    if _is_ours(message, me):
        return _others(message.recipients, me)
    return _others(message.senders[:1], me)


def reply_all_targets(message: GemmailMessage, me: Sequence[MisfinAddress]) -> tuple[MisfinAddress, ...]:
    """The newest sender, then the recipients: each mailbox once, never ourselves.

    Empty when only we are left; the caller should then refuse.
    """
    if _is_ours(message, me):
        return _others(message.recipients, me)
    return _others((*message.senders[:1], *message.recipients), me)


def author(message: GemmailMessage) -> MisfinAddress | None:
    """The original author: the last sender, only a claim when there is more than one."""
    return message.senders[-1] if message.senders else None


def outgoing_recipients(targets: Sequence[MisfinAddress]) -> tuple[MisfinAddress, ...]:
    """The recipients line of a new message: everybody, or nobody for a single recipient."""
    return tuple(targets) if len(targets) > 1 else ()


def reply_subject(subject: str | None) -> str:
    """The subject with exactly one ``Re: ``; empty when there was no subject."""
    rest = (subject or "").strip()
    while rest[: len(_PREFIX)].lower() == _PREFIX.lower():
        rest = rest[len(_PREFIX) :].lstrip()
    return f"{_PREFIX} {rest}" if rest else ""


def quote(text: str) -> str:
    """Prefix each line with ``> ``; the result always ends with a line end."""
    lines = text.replace("\r\n", "\n").split("\n")
    if not lines[-1]:
        lines.pop()
    return "".join([f"> {line}\n" if line else ">\n" for line in lines])


def forward_bytes(stored: bytes, version: Version = Version.C) -> bytes:
    """The message to send when ``stored`` is forwarded: its senders, times, recipients and body unchanged.

    The next server prepends us. A clean Misfin(C) message goes out byte for byte, with LF line ends, if it
    has as many times as senders; any other is rewritten through :func:`paired`. Raises
    :class:`~misfin.errors.GemmailError` as :meth:`GemmailMessage.to_bytes`.
    """
    message = GemmailMessage.from_bytes(stored)
    unclean = message.flags & {Flag.NOT_UTF8, Flag.LONE_CR}
    if version is Version.C and message.form is Form.C and not unclean:
        clean = stored.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n")
        first, second, third, _ = clean.decode().split("\n", 3)
        written = read_three(first, second, third)  # as written, before adjacent repeats are merged
        fits = max(map(len, clean.split(b"\n", 3)[:3])) < MAX_METADATA_LINE
        if fits and (written is None or written.unread_times or len(written.senders) == len(written.times)):
            return clean
    return paired(message).to_bytes(version)


def paired(message: GemmailMessage) -> GemmailMessage:
    """The message with as many times as senders, as required for forwarding (docs/protocol.md §3.6).

    With more times than senders, the oldest, from the author's own clock, are dropped. With fewer, the hops
    without a time get the oldest known one, since they happened no later. If no time is known, or one cannot
    be read, nothing changes.
    """
    times, count = message.timestamps[: len(message.senders)], len(message.senders)
    if message.raw_timestamps or (count and not times):
        return message
    return replace(message, timestamps=(*times, *times[-1:] * (count - len(times))))


def _is_ours(message: GemmailMessage, me: Sequence[MisfinAddress]) -> bool:
    # Our copy of a sent message has no sender line: the receiving server would have written it.
    return not message.senders or _among(message.senders[0], me)


def _others(candidates: Iterable[MisfinAddress], me: Sequence[MisfinAddress]) -> tuple[MisfinAddress, ...]:
    found: dict[tuple[str, str], MisfinAddress] = {}
    for address in candidates:
        if not _among(address, me):
            found.setdefault(address.key, address)
    return tuple(found.values())


def _among(address: MisfinAddress, me: Sequence[MisfinAddress]) -> bool:
    return any(same_person(address, mine) for mine in me)
