"""Accounts as values: where messages come from and go out by, and which kind of address they use."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class AddressKind(StrEnum):
    """Which network an address belongs to. The same text may name two people, one in each."""

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
        """The addresses people of this account have: a GMAP account's people are Misfin people."""
        return AddressKind.MAIL if self is Kind.EMAIL else AddressKind.MISFIN


@dataclass(frozen=True, slots=True)
class Account:
    """One account of a profile. ``name`` identifies it and is unique over all kinds.

    ``address`` is ``mailbox@host``, ``title`` the name other people see beside it, or empty.
    """

    name: str
    kind: Kind
    address: str
    title: str = ""

    @property
    def directory(self) -> str:
        """The directory of its mail below the mail root.

        A Misfin account's is named after its address, every other one after its name. A name holds no
        ``@``, so the two cannot collide, even where one address is both Misfin and e-mail.
        """
        return self.address if self.kind is Kind.MISFIN else self.name
