"""Which of a person's addresses a message was sent to, so that the answer comes from the same one. Pure.

An account has one address of its own and any number of aliases: addresses, or patterns with a star, which
are ``ada+*@example.org`` for tagged addresses and ``*@ada.example`` for a whole domain.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def is_pattern(alias: str) -> bool:
    """Whether an alias stands for many addresses."""
    return "*" in alias


def matches(alias: str, address: str) -> bool:
    """Whether an address is this alias, or one that its pattern stands for, in any case."""
    if address.count("@") != 1 or not alias:
        return False
    head, star, tail = alias.casefold().partition("*")
    written = address.casefold()
    if not star:
        return written == head
    fits = len(written) > len(head) + len(tail)
    return fits and written.startswith(head) and written.endswith(tail) and "@" not in tail[1:]


def is_own(address: str, own: str, aliases: Iterable[str]) -> bool:
    """Whether mail to an address belongs to the account with the address ``own``."""
    return matches(own, address) or any(matches(alias, address) for alias in aliases)


def written_to(recipients: Sequence[str], own: str, aliases: Sequence[str]) -> str:
    """The alias a message was sent to, as it was written; empty for the account's own address, or for none.

    ``recipients`` are the addresses of the message, those that matter most first.
    """
    if any(matches(own, each) for each in recipients):
        return ""
    return next((each for each in recipients if any(matches(alias, each) for alias in aliases)), "")
