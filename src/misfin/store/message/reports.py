"""Says in words what is reported about a message: delivery (RFC 3464), reading (RFC 8098), its header."""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import StrEnum

from misfin.store.message import fields
from misfin.store.message.fields import Headers

_MAX_RECIPIENTS = 100
_MAX_LINE = 500
_BLANK_LINE = re.compile(rb"\r?\n[ \t]*\r?\n")


class ReportKind(StrEnum):
    """What a part reports, by the part of its content type after the slash."""

    DELIVERY = "delivery-status"
    READING = "disposition-notification"
    HEADERS = "rfc822-headers"


KINDS = {
    "message/delivery-status": ReportKind.DELIVERY,
    "message/global-delivery-status": ReportKind.DELIVERY,
    "message/disposition-notification": ReportKind.READING,
    "message/global-disposition-notification": ReportKind.READING,
    "text/rfc822-headers": ReportKind.HEADERS,
    "message/global-headers": ReportKind.HEADERS,
}

_ACTIONS = {
    "failed": "could not be delivered",
    "delayed": "is not delivered yet",
    "delivered": "was delivered",
    "relayed": "was passed on to a server that does not report delivery",
    "expanded": "was passed on to several recipients",
}
_DISPOSITIONS = {
    "displayed": "was displayed",
    "deleted": "was deleted without being displayed",
    "dispatched": "was passed on",
    "processed": "was processed",
    "denied": "is not to be reported on",
    "failed": "could not be processed",
}


def in_words(kind: ReportKind, raw: bytes) -> str:
    """A report as sentences; empty if it says nothing that is known."""
    if kind is ReportKind.HEADERS:
        headers, _ = fields.split(raw, fields.beginning(raw))
        return heading("Returned message:", headers) if headers else ""
    if kind is ReportKind.READING:
        return _reading(fields.split(raw, fields.beginning(raw))[0])
    return "\n".join(_deliveries(raw))


def heading(title: str, headers: Headers) -> str:
    """The lines that stand above an attached message: its author and recipients, when, about what."""
    date = fields.moment(fields.one(headers, "date"))
    lines = {
        "From": ", ".join(map(str, fields.people(headers.get("from", [])))),
        "To": ", ".join(map(str, fields.people(headers.get("to", [])))),
        "Date": f"{date:%Y-%m-%d %H:%M} UTC" if date else "",
        "Subject": fields.text(fields.one(headers, "subject")),
    }
    return "\n".join([title, *(f"{name}: {_short(text)}" for name, text in lines.items() if text)])


def _deliveries(raw: bytes) -> Iterator[str]:
    blocks = [block for block in _BLANK_LINE.split(raw) if block.strip()]
    for block in blocks[: _MAX_RECIPIENTS + 1]:
        headers, _ = fields.split(block.lstrip(b"\r\n"), 0)
        who = _typed(headers, "final-recipient") or _typed(headers, "original-recipient")
        action = _ACTIONS.get(fields.text(fields.one(headers, "action")).lower())
        if not who or not action:
            continue
        status = fields.text(fields.one(headers, "status")).partition(" ")[0]
        sentence = f"To {who}: the message {action}{f' ({_short(status)})' if status else ''}."
        if until := fields.moment(fields.one(headers, "will-retry-until")):
            sentence += f" The server tries until {until:%Y-%m-%d %H:%M} UTC."
        if reason := _typed(headers, "diagnostic-code"):
            server = _typed(headers, "remote-mta") or "The server"
            sentence += f" {server} said: {reason}"
        yield sentence
    if len(blocks) > _MAX_RECIPIENTS + 1:
        yield f"The report names more than {_MAX_RECIPIENTS} recipients."


def _reading(headers: Headers) -> str:
    disposition = fields.text(fields.one(headers, "disposition")).rpartition(";")[2]
    what = _DISPOSITIONS.get(re.split(r"[/,\s]", disposition.strip().lower())[0])
    who = _typed(headers, "final-recipient") or _typed(headers, "original-recipient")
    return f"{who or 'The recipient'} reports: the message {what}." if what else ""


def _typed(headers: Headers, name: str) -> str:
    """The value of a field such as ``rfc822; ada@mail.example``, without its type."""
    value = fields.text(fields.one(headers, name))
    return _short((value.partition(";")[2] or value).strip())


def _short(text: str) -> str:
    return text if len(text) <= _MAX_LINE else text[: _MAX_LINE - 1] + "…"
