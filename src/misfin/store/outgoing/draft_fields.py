"""What other programs see of a draft: its people, its text, its files, and whether they changed any of it."""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterable
from contextlib import suppress
from typing import Final

from misfin.errors import AddressError
from misfin.model.address import MisfinAddress
from misfin.model.recipient import mail_address

_SHOWN: Final = re.compile(rb"^(?:To|Cc|Bcc|Subject):.*(?:\n[ \t].*)*", re.MULTILINE | re.IGNORECASE)
_WHOLE: Final = re.compile(rb"^Content-Type: multipart/", re.MULTILINE | re.IGNORECASE)


def mark_of(data: bytes) -> str:
    """A number for what other programs show of a draft, and may change."""
    head, _, body = data.partition(b"\n\n")
    return f"{binascii.crc32(body.rstrip(), mark_of_head(head)):08x}"


def mark_of_head(head: bytes) -> int:
    """The part of it that the header makes."""
    return binascii.crc32(b"".join(b"".join(found[0].split()) for found in _SHOWN.finditer(head)))


def is_whole(data: bytes) -> bool:
    """Whether the attached files are in the message itself (its first bytes are enough)."""
    return bool(_WHOLE.search(data.partition(b"\n\n")[0]))


def writes_gemtext(account: str) -> bool:
    """Whether the account with this directory is a Misfin one; programs for e-mail cannot edit gemtext."""
    try:
        MisfinAddress.parse(account)
    except AddressError:
        return False
    return True


def people(texts: Iterable[str]) -> list[tuple[str, str]]:
    """Names and addresses for a header that other programs read; what is not an address yet is left out."""
    found = []
    for text in texts:
        with suppress(AddressError):
            found.append(_person(text))
    return found


def _person(text: str) -> tuple[str, str]:
    try:
        address = MisfinAddress.parse(text)
    except AddressError:
        mailbox, name = mail_address(text)
        return name, mailbox
    return address.blurb, address.address
