"""Names of mailboxes between people and servers: modified UTF-7, or UTF-8 once it is enabled."""

from __future__ import annotations

from typing import TypeAlias

from misfin.email.imap.limits import MAX_QUOTED
from misfin.errors import CommandError
from misfin.model.utf7 import from_utf7, to_utf7

MailboxName: TypeAlias = str | bytes
"""A name as people write it, or the bytes a server uses: names that are neither UTF-7 nor UTF-8 exist."""


def encode_name(name: MailboxName, *, utf8: bool) -> bytes:
    """The bytes a server takes; ``utf8`` after ``ENABLE UTF8=ACCEPT``. Raises :class:`CommandError`."""
    try:
        data = name if isinstance(name, bytes) else (name if utf8 else to_utf7(name)).encode("utf-8")
    except UnicodeEncodeError:
        raise CommandError(f"{name!r} cannot name a mailbox.") from None
    if not data or len(data) > MAX_QUOTED or {0, 10, 13} & set(data):
        raise CommandError(f"{name!r} cannot name a mailbox.")
    return data


def decode_name(raw: bytes) -> str:
    """A name for people. Bytes that are neither modified UTF-7 nor UTF-8 are shown as ``\\\\xe9``."""
    if raw.upper() == b"INBOX":
        return "INBOX"
    text = raw.decode("utf-8", "backslashreplace")
    if not text.isascii():
        return text
    plain = from_utf7(text)
    return text if plain is None or not plain.isprintable() else plain
