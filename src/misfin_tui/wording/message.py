"""What is said about a message: its stations, what to know before believing it, how its sender is known."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from misfin.model.account import AddressKind, kind_in
from misfin.model.folders import holds_mail, is_written
from misfin.store import evidence
from misfin.store.evidence import Evidence
from misfin_tui.screentext import plain, suspicious
from misfin_tui.wording.facts import MONTHS, Fact

if TYPE_CHECKING:
    from pathlib import Path

    from misfin.store.message.mime import ParsedMessage
    from misfin.store.protected import OpenedMail
    from misfin.store.rows import MessageRow

GROUP = 4  # hexadecimal digits of a fingerprint in one group


def minute(at: datetime | float | None) -> str:
    """``12 Nov 2026 14:02`` in local time; what cannot be a date is empty."""
    try:
        local = (datetime.fromtimestamp(at, UTC) if isinstance(at, (int, float)) else at).astimezone()  # type: ignore[union-attr]  # None is caught
    except (OverflowError, OSError, ValueError, AttributeError):
        return ""
    return f"{local.day} {MONTHS[local.month - 1]} {local.year} {local.hour:02}:{local.minute:02}"


def stations(message: ParsedMessage) -> list[str]:
    """Who else received it, who forwarded it, and when it came."""
    said = [f"copy to {', '.join(map(str, message.cc))}"] if message.cc else []
    misfin = message.misfin
    if misfin is not None and len(misfin.hops) > 1:
        for hop in misfin.hops:
            at = f" at {minute(hop.received)}" if hop.received else ""
            said.append(f"forwarded by {hop.sender.long_form}{at}{' (claimed)' if hop.claimed else ''}")
    if misfin is not None and misfin.message.written:
        said.append(f"written {minute(misfin.message.written)}, according to the sender")
    return said


def warnings_of(
    row: MessageRow, message: ParsedMessage | None, decide: str, doubts: Sequence[str] | None
) -> list[str]:
    """What a reader should know before believing the message. ``decide`` says how to decide about it."""
    warnings: list[str] = []
    said = message.misfin.verification if message is not None and message.misfin is not None else {}
    by_misfin = kind_in(row.account) is AddressKind.MISFIN or (message is not None and bool(message.misfin))
    if row.evidence is Evidence.DIFFERS and not by_misfin:
        warnings.append("The domain in From did not sign this message. The details say more.")
    elif row.evidence is Evidence.DIFFERS:
        due = f" {evidence.due_since(said['due'])}" if "due" in said else ""
        held = holds_mail(row.account, row.folder)
        decides = f" {decide}" if decide and held else ""
        warnings.append(f"The sender's certificate is not the pinned one.{due}{decides}")
    elif denied := evidence.denial(said):
        warnings.append(denied)
    if reason := suspicious(row.sender_address):
        warnings.append(f"Look closely at the address: {reason}.")
    if message is not None and not by_misfin:
        from misfin.compose.doubts import SHOWN  # late: not for the first frame

        known = _own_doubts(row, message) if doubts is None else doubts
        warnings += known[: max(SHOWN - len(warnings), 0)]
    if message is not None:
        warnings += [str(remark) for remark in message.remarks]
    return warnings


def _own_doubts(row: MessageRow, message: ParsedMessage) -> Sequence[str]:
    """What to know about a sender without asking anybody."""
    from misfin.compose.doubts import doubts

    if is_written(row.account, row.folder):
        return ()
    replies = [person.address for person in message.reply_to]
    sender = message.sender
    return doubts(sender.name, sender.address, replies, from_list=bool(message.list_id))


def protection_words(
    message: ParsedMessage, opened: OpenedMail | None, unlock: str = ""
) -> list[tuple[str, bool]]:
    """What was found out about its signatures and its encryption, or what there is to check; and whether
    each warns. ``unlock`` says how it is decrypted, where that needs a passphrase."""
    if opened is None:
        kinds = " and ".join(message.protections)
        return [(f"It is {kinds}; that is checked when the conversation is open.", False)]
    said = [(each.text, each.warns) for each in opened.statements]
    if unlock and opened.locked:
        said.append((unlock, False))
    return said or [("It is protected, but nothing in it could be checked.", True)]


def details_of(
    row: MessageRow,
    message: ParsedMessage,
    servers: str = "",
    author: str = "",
    opened: OpenedMail | None = None,
    doubts: Sequence[str] = (),
) -> list[Fact]:
    """Certificate, verification, protocol, size and place on disk; and, where they are known, the ``servers``
    of its sender, and of an e-mail what was found out about its ``author`` and about what is signed or
    encrypted in it (``opened``)."""
    facts: list[tuple[str, str]] = [("Sender", f"{row.evidence.sign} {row.evidence}: {_when(row, message)}.")]
    misfin = message.misfin
    if misfin is not None:
        certificate = misfin.certificate
        facts.append(
            (
                "Certificate",
                certificate.get("subject", "") or ("unnamed" if certificate else "none presented"),
            )
        )
        for name, label in (("sha256", "SHA-256"), ("spki", "Public key")):
            if digits := certificate.get(name, ""):
                facts.append((label, spaced(digits)))
        at = minute(misfin.message.newest)
        if not misfin.written_here:
            said = evidence.explained(misfin.verification, certificate=bool(certificate))
            facts.append(("On arrival", " ".join(said) or "Nothing was checked."))
        if misfin.received_by or misfin.received_from:
            by = f"from {misfin.received_from or 'unknown'} by {misfin.received_by or 'unknown'}"
            facts.append(("Received", f"{at} {by}".strip()))
        for left, hop in enumerate(reversed(misfin.hops)):
            label = "Sent by" if left == 0 else "Forwarded by"
            facts.append((label, f"{hop.sender.long_form}, {minute(hop.received) or 'time unknown'}"))
        if servers:
            facts.append(("Server", servers))
        facts.append(("Protocol", f"Misfin({misfin.version}), {len(misfin.gemmail):,} bytes of gemmail"))
    else:
        if kind_in(row.account) is AddressKind.MAIL:
            facts.append(("Checked", author or "···"))
            if doubts:
                facts.append(("Warnings", " ".join(doubts)))
        facts.append(("Protocol", "e-mail"))
        for each in opened.statements if opened else ():
            facts += [("Protection", each.text), *([("", each.details)] if each.details else [])]
        if message.alternatives:
            facts.append(("Versions", ", ".join(map(text_kind, message.alternatives))))
    facts += [("File", f"{at_home(row.path)}, {message.size:,} bytes"), ("Id", row.id)]
    return facts


def _when(row: MessageRow, message: ParsedMessage) -> str:
    """When the sign of a message applies, in words."""
    here = message.written_here or (message.misfin is None and is_written(row.account, row.folder))
    words = message.misfin.verification if message.misfin is not None else None
    return evidence.clause(row.evidence, message.address_kind, written_here=here, words=words)


def at_home(path: Path) -> str:
    """A path as people and shells write it."""
    home = os.path.expanduser("~")  # noqa: PTH111 - Path's own fails where there is no home
    return f"~/{path.relative_to(home)}" if path.is_relative_to(home) else str(path)


def spaced(digits: str) -> str:
    """A fingerprint in groups people can compare: ``12ab 34cd …``."""
    return " ".join(digits[at : at + GROUP] for at in range(0, len(digits), GROUP))


def text_kind(content_type: str) -> str:
    """What people call a content type of text."""
    names = {"text/plain": "plain text", "text/html": "HTML", "text/gemini": "gemtext"}
    return names.get(content_type) or plain(content_type, one_line=True)
