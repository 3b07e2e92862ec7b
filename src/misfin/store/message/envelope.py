"""Converts a gemmail to an RFC 5322 message and back, byte for byte (docs/mail-on-disk.md §3).

The file begins with ``Misfin-Version:``. An e-mail may too, since a stranger writes its fields: only in a
Misfin account is such a file one of ours (docs/trust.md §8), so callers must know where it lies.

Each metadata line of the gemmail becomes one ``Misfin-Senders``, ``-Recipients`` or ``-Timestamps`` field, in
the order of the lines and exactly as received: three for Misfin(C), with their markers for the marker form,
none for a message without metadata. The lines and the body together are the original message.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING

from misfin.errors import StoreError
from misfin.model.address import MisfinAddress
from misfin.model.gemmail import GemmailMessage, Version
from misfin.model.gemtext import preview_of
from misfin.store.message.headers import (
    address_field,
    format_date,
    id_field,
    one_line,
    quoted_printable,
    text_field,
    verbatim_field,
    verbatim_value,
)
from misfin.valueclass import dataclass

if TYPE_CHECKING:
    from misfin.trust.certificate import CertificateInfo

_FIRST = b"Misfin-Version:"
_METADATA = ("Misfin-Senders", "Misfin-Recipients", "Misfin-Timestamps")
_MARKED = {b"<": _METADATA[0], b":": _METADATA[1], b"@": _METADATA[2]}
_CONTENT = b"MIME-Version: 1.0\nContent-Type: %s; charset=utf-8\nContent-Transfer-Encoding: %s\n\n"
_FIELD = re.compile(rb"^([!-9;-~]+):(.*(?:\n[ \t].*)*)", re.MULTILINE)
_VERIFICATION = re.compile(rb"^Misfin-Verification:.*\n(?:[ \t].*\n)*", re.MULTILINE | re.IGNORECASE)
_MID_LINK = re.compile(r"^=>[ \t]*mid:<?([!-;=?-~]{1,120}@[!-;=?-~]{1,120}?)>?(?:[ \t]|$)", re.MULTILINE)
_ESCAPED = re.compile(r"%([0-9A-F]{2})")
_NOT_IN_PARAMETER = re.compile(rb"[^ -$&-:<-~]")
_RECEIVED = re.compile(r"from (\S+) by (\S+) with MISFIN")

UNKNOWN_SENDER = ("Unknown sender", "unknown@misfin.invalid")
"""``From`` of a message without a sender: RFC 5322 requires an address, and this one cannot exist."""

SUBJECT_FROM_TEXT = 60
"""Characters of text used as ``Subject`` for other programs if a message has no heading."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """The header of a stored gemmail. ``verification`` and ``certificate`` were written by our receiver.

    ``certificate`` has ``sha256``, ``spki`` and ``subject`` of the certificate that delivered the message, or
    is empty; ``fields`` has each header field, raw, by lower-case name; of repeated names the first.
    """

    gemmail: bytes
    version: str
    certificate: Mapping[str, str]
    verification: Mapping[str, str]
    received_from: str
    received_by: str
    fields: Mapping[str, bytes]


def wrap(
    gemmail: bytes,
    *,
    version: Version,
    account: MisfinAddress,
    now: datetime,
    certificate: CertificateInfo | None = None,
    verification: Mapping[str, str] | None = None,
    received_from: str = "",
    received_by: str = "",
) -> bytes:
    """The file for a message that ``account`` received: ``gemmail`` as stamped by our receiver.

    Accepts any bytes and never raises; ``now`` (aware) dates a message without a readable time.
    """
    message, fields, body = _opened(gemmail, version)
    sender = _person(message.senders[0]) if message.senders else UNKNOWN_SENDER
    parents = _MID_LINK.findall(message.body) if "mid:" in message.body else []
    head = [
        *fields,
        _certificate_field(certificate),
        _parameters_field("Misfin-Verification", verification or {}),
        _received_field(received_from, received_by, now),
        address_field("Delivered-To", [("", account.address)]),
        address_field("From", [sender]),
        address_field("To", [_person(one) for one in message.recipients or (account,)]),
        *_common(message, message.newest or now, _author(message, None)),
        id_field("In-Reply-To", [f"<{parent}>" for parent in parents[-1:]]),
    ]
    return b"".join([*head, *_body(body)])


def wrap_sent(
    gemmail: bytes,
    *,
    version: Version,
    account: MisfinAddress,
    to: Sequence[MisfinAddress],
    now: datetime,
    in_reply_to: str = "",
    references: Sequence[str] = (),
) -> bytes:
    """The file for a message that ``account`` sent to ``to`` at ``now``: ``gemmail`` as it was sent."""
    message, fields, body = _opened(gemmail, version)
    head = [
        *fields,
        address_field("From", [_person(account)]),
        address_field("To", [_person(one) for one in to]),
        *_common(message, now, _author(message, account)),
        id_field("In-Reply-To", [in_reply_to]),
        id_field("References", references[-20:]),
    ]
    return b"".join([*head, *_body(body)])


def build(fields: Iterable[bytes], body: str, *, gemtext: bool = True) -> bytes:
    """A message with the given header fields, as drafts are stored (store/outgoing/drafts.py).

    ``gemtext``: its text is declared to be that, and not plain text.
    """
    return b"".join([*fields, *_body(body.encode("utf-8", "replace"), gemtext=gemtext)])


def message_id(author: MisfinAddress | None, body: str) -> str:
    """``<hash@misfin>``, the same for every copy of the message, regardless of what servers prepended.

    Blank lines around the body are ignored: Misfin(B) adds and removes them.
    """
    import hashlib  # late: it loads OpenSSL, and lists of messages do not need it

    name = f"{author.mailbox}@{author.hostname}" if author else ""
    digest = hashlib.sha256(f"{name}\n{body.strip()}".encode("utf-8", "replace"))
    return f"<{digest.hexdigest()[:40]}@misfin>"


def is_gemmail(data: bytes) -> bool:
    """Whether these bytes (the first 16 are enough) begin a message stored by this module."""
    return data.startswith(_FIRST)


def to_gemmail(data: bytes) -> bytes:
    """The gemmail inside a stored message, byte for byte with LF line ends.

    Raises :class:`~misfin.errors.StoreError` for a file that is not one of ours.
    """
    return read(data).gemmail


def read(data: bytes) -> Envelope:
    """Read a stored message; tolerates line ends and fields that other programs changed or added.

    Raises :class:`~misfin.errors.StoreError` for a file that is not one of ours.
    """
    if not is_gemmail(data):
        raise StoreError("This message is not a Misfin message stored by this program.")
    head, body = halves(data)
    lines: list[bytes] = []
    fields: dict[str, bytes] = {}
    for found in _FIELD.finditer(head):
        name = found[1].decode("ascii").lower()
        if name in _METADATA_LOWER:
            lines.append(verbatim_value(found[2]) + b"\n")
        fields.setdefault(name, found[2])
    if b"quoted-printable" in fields.get("content-transfer-encoding", b"").lower():
        body = binascii.a2b_qp(body)
    received = _RECEIVED.search(_plain(fields.get("received", b"")))
    return Envelope(
        b"".join([*lines, body]),
        _plain(fields.get("misfin-version", b"")),
        _parameters(fields.get("misfin-certificate", b"")),
        _parameters(fields.get("misfin-verification", b"")),
        received[1] if received else "",
        received[2] if received else "",
        fields,
    )


def halves(data: bytes) -> tuple[bytes, bytes]:
    """The header and the body as they are read: header lines end in LF, whatever another program made of
    them.
    """
    head, _, body = data.partition(b"\n\n")
    if b"\r\n" in head:  # a sync tool stored it with CRLF; a CR of the message itself is always encoded here
        head, _, body = data.replace(b"\r\n", b"\n").partition(b"\n\n")
    return head, body


def with_verification(data: bytes, verification: Mapping[str, str]) -> bytes:
    """The same stored message with another ``Misfin-Verification``; everything else stays byte for byte.

    Raises :class:`~misfin.errors.StoreError` for a file that is not one of ours.
    """
    if not is_gemmail(data):
        raise StoreError("This message is not a Misfin message stored by this program.")
    head, blank, body = data.partition(b"\n\n")
    head = _VERIFICATION.sub(b"", head + b"\n", count=1)
    first, newline, rest = head.partition(b"\n")
    field = _parameters_field("Misfin-Verification", verification)
    return b"".join([first, newline, field, rest.removesuffix(b"\n"), blank, body])


def vouched_for(data: bytes, host: str) -> bytes:
    """The same stored message, whose words about its sender are those of ``host``; empty: our own."""
    if not host:
        return data
    return with_verification(data, {**read(data).verification, "by": host})


_METADATA_LOWER = frozenset(map(str.lower, _METADATA))


# ---- writing --------------------------------------------------------------------------------------


def _opened(gemmail: bytes, version: Version) -> tuple[GemmailMessage, list[bytes], bytes]:
    """The parsed message, the fields with its version and metadata lines, and its body as received."""
    text = gemmail.replace(b"\r\n", b"\n") if b"\r" in gemmail else gemmail
    message = GemmailMessage.from_bytes(text)
    # The body begins after the lines it does not have of the whole: three, those with markers, or none.
    count = text.count(b"\n") - message.body.count("\n")
    *metadata, body = text.split(b"\n", count)
    fields = [b"%s %s\n" % (_FIRST, version.value.encode())]
    for number, line in enumerate(metadata):
        marker = line.lstrip(b"\xef\xbb\xbf \t")[:1]
        fields.append(verbatim_field(_MARKED.get(marker) or _METADATA[min(number, 2)], line))
    return message, fields, body


def _body(body: bytes, *, gemtext: bool = True) -> tuple[bytes, bytes]:
    kind = b"text/gemini" if gemtext else b"text/plain"
    if b"\r" in body or b"\0" in body:  # other programs would turn them into line ends, or stop reading there
        return _CONTENT % (kind, b"quoted-printable"), quoted_printable(body)
    return _CONTENT % (kind, b"8bit"), body


def _common(message: GemmailMessage, date: datetime, author: MisfinAddress | None) -> tuple[bytes, ...]:
    subject = message.subject
    if subject is None:
        subject = one_line(preview_of(message.body), SUBJECT_FROM_TEXT)
    return (
        b"Date: %s\n" % format_date(date.astimezone(UTC)).encode(),
        text_field("Subject", subject),
        id_field("Message-ID", [message_id(author, message.body)]),
    )


def _author(message: GemmailMessage, ourselves: MisfinAddress | None) -> MisfinAddress | None:
    return message.senders[-1] if message.senders else ourselves


def _person(address: MisfinAddress) -> tuple[str, str]:
    return address.blurb, address.address


def _received_field(sender: str, receiver: str, now: datetime) -> bytes:
    if not sender and not receiver:
        return b""
    date = format_date(now.astimezone(UTC))
    return f"Received: from {_host_word(sender)} by {_host_word(receiver)} with MISFIN;\n {date}\n".encode()


@lru_cache(maxsize=128)
def _host_word(host: str) -> str:
    return re.sub(r"[^!-'*-:<-~]", "", one_line(host)) or "unknown"


def _certificate_field(certificate: CertificateInfo | None) -> bytes:
    if certificate is None:
        return b""
    address = certificate.address
    facts = {
        "sha256": certificate.fingerprints.cert,
        "spki": certificate.fingerprints.spki,
        "subject": address.address if address else one_line(certificate.subject),
    }
    return _parameters_field("Misfin-Certificate", facts)


def _parameters_field(name: str, values: Mapping[str, str]) -> bytes:
    """``key=value; key=value``, with percent-encoding for special characters."""
    return _parameters_line(name, tuple(values.items())) if values else b""


@lru_cache(maxsize=256)  # a correspondent's certificate is the same in every message
def _parameters_line(name: str, values: tuple[tuple[str, str], ...]) -> bytes:
    text = "; ".join(f"{_escaped(key).replace('=', '%3D')}={_escaped(value)}" for key, value in values)
    return verbatim_field(name, text.encode())


def _escaped(text: str) -> str:
    coded = _NOT_IN_PARAMETER.sub(
        lambda found: b"%%%02X" % found[0][0], text.strip().encode("utf-8", "replace")
    )
    return coded.decode("ascii")


# ---- reading --------------------------------------------------------------------------------------


def _parameters(raw: bytes) -> dict[str, str]:
    found: dict[str, str] = {}
    for item in verbatim_value(raw).decode("ascii", "replace").split(";"):
        key, equals, value = item.partition("=")
        if equals:
            found[_unescaped(key.strip())] = _unescaped(value.strip())
    return found


def _unescaped(text: str) -> str:
    if "%" not in text:
        return text
    raw = _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text)
    return raw.encode("latin-1", "replace").decode("utf-8", "replace")


def _plain(raw: bytes) -> str:
    return raw.decode("ascii", "replace").replace("\n", "").strip()
