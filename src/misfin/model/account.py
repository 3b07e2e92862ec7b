"""Accounts as values: where messages come from and are sent from, and the kind of address they use."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final, assert_never

from misfin.valueclass import dataclass

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]*")


class AddressKind(StrEnum):
    """Which network an address belongs to. The same text may be a different person in each.

    What differs between them is one table, in ``recipient.py``.
    """

    MISFIN = "misfin"
    """``mailbox@host[:port]``, reached by Misfin."""
    MAIL = "mail"
    """An ordinary e-mail address (RFC 5322)."""


class Kind(StrEnum):
    """How an account sends and receives."""

    MISFIN = "misfin"
    """A Misfin identity on this machine."""
    EMAIL = "email"
    """Ordinary e-mail: SMTP out, IMAP or POP3 in."""
    GMAP = "gmap"
    """A Misfin mailbox kept on somebody's server, read over GMAP."""

    @property
    def address_kind(self) -> AddressKind:
        """The kind of address this account writes to; for a GMAP account these are Misfin addresses."""
        match self:
            case Kind.MISFIN | Kind.GMAP:
                return AddressKind.MISFIN
            case Kind.EMAIL:
                return AddressKind.MAIL
            case _:
                assert_never(self)


def is_account_name(text: str) -> bool:
    """Whether an account in the settings may have this name."""
    return _NAME.fullmatch(text) is not None


def kind_in(directory: str) -> AddressKind:
    """The kind of mail in an account's directory, which is one name below the mail root.

    Only one with Misfin messages has an ``@`` in its name. All other mail came by way of other servers, so
    strangers may have written any of its fields, and this program none of them (docs/trust.md §8).
    """
    return AddressKind.MISFIN if "@" in directory else AddressKind.MAIL


@dataclass(frozen=True, slots=True)
class Account:
    """One account of a profile. ``name`` identifies it and is unique across all kinds.

    ``address`` is ``mailbox@host``; ``title`` is the display name others see, or empty.
    """

    name: str
    kind: Kind
    address: str
    title: str = ""

    @property
    def directory(self) -> str:
        """The directory of its mail below the mail root.

        A Misfin account's is named after its address, any other after its name. A name contains no ``@``,
        so the two cannot collide, even when one address is both Misfin and e-mail. That of a mailbox kept
        elsewhere ends in ``@``, which no address does.
        """
        match self.kind:
            case Kind.MISFIN:
                return self.address
            case Kind.GMAP:
                return f"{self.name}@"
            case Kind.EMAIL:
                return self.name
            case _:
                assert_never(self.kind)
