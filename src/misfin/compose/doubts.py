"""What a reader should know about the sender of an e-mail that its signatures cannot say. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

SHOWN: Final = 2
"""Doubts that stand at the head of a message; the details have all."""
_ADDRESS: Final = re.compile(
    r"[^\s<>\"'(),;:@]{1,64}@(?:[^\s<>\"'(),;:@.]{1,63}\.){1,10}[^\s<>\"'(),;:@.]{1,63}"
)
_MAX_NAME: Final = 500


def doubts(
    name: str,
    address: str,
    reply_to: Sequence[str] = (),
    *,
    from_list: bool = False,
    resembled: str = "",
    first: bool = False,
) -> tuple[str, ...]:
    """Sentences about whoever is named in From, the gravest first.

    ``reply_to`` are the addresses replies go to; those of a mailing list (``from_list``) are expected to
    differ. ``resembled`` is a known address or host whose name this one looks like, ``first`` whether nothing
    came from this address before. Addresses are a stranger's words: make them safe for display.
    """
    found = []
    if resembled:
        found.append(f"This is not {resembled}, although the names look alike.")
    if (claimed := claimed_address(name)) and claimed != address.casefold():
        found.append(f"The sender calls itself {claimed}, but the address is {address or 'missing'}.")
    elsewhere = [each for each in reply_to if _domain(each) != _domain(address)]
    if elsewhere and not from_list:
        found.append(f"Replies go to another domain than the sender's: {elsewhere[0]}.")
    if first and not from_list:
        found.append("This is the first message from this address.")
    return tuple(found)


def claimed_address(name: str) -> str:
    """The address that a display name contains, in lower case; empty if there is none."""
    found = _ADDRESS.search(name[:_MAX_NAME])
    return found[0].casefold() if found else ""


def _domain(address: str) -> str:
    return address.rpartition("@")[2].casefold().rstrip(".")
