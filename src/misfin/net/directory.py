"""What a receiver serves: hosts and their certificates, mailboxes, and those that have moved or are gone."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from misfin.errors import IdentityError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from misfin.model.address import MisfinAddress
    from misfin.trust.identity import Identity


@dataclass(frozen=True, slots=True)
class ServedMailbox:
    """The mailbox is here and has this identity."""

    identity: Identity


@dataclass(frozen=True, slots=True)
class Moved:
    """The mailbox has moved to ``address``; ``permanent`` means status 31 instead of 30."""

    address: MisfinAddress
    permanent: bool = True


class Missing(Enum):
    """Why an address is not served."""

    GONE = 52
    UNKNOWN_MAILBOX = 51
    UNKNOWN_HOST = 53


class Directory:
    """An immutable table of addresses; to change it, give the receiver a new one.

    ``identities`` are the mailboxes served. The certificate presented for a host is ``hosts[host]`` if given,
    else the host's own identity (a CA) among its mailboxes, else the first of them. ``moved`` and ``gone``
    are addresses of former mailboxes; they take precedence over an identity that still exists. ``aliases``
    are more addresses of mailboxes on the hosts served here, ``*@host`` any that has no mailbox; they only
    receive. Host names are compared without case, mailboxes exactly (docs/protocol.md §1.5).

    Raises :class:`misfin.errors.IdentityError` if there is no identity, or if one names no address.
    """

    __slots__ = ("_aliases", "_entries", "_hosts", "default")

    def __init__(
        self,
        identities: Iterable[Identity],
        *,
        hosts: Mapping[str, Identity] | None = None,
        moved: Mapping[MisfinAddress, Moved] | None = None,
        gone: Iterable[MisfinAddress] = (),
        aliases: Mapping[str, str] | None = None,
    ) -> None:
        self._entries: dict[tuple[str, str], ServedMailbox | Moved | Missing] = {}
        self._hosts: dict[str, Identity] = {}
        for identity in identities:
            address = identity.address
            self._entries.setdefault(address.key, ServedMailbox(identity))
            known = self._hosts.get(address.hostname)
            if known is None or (identity.info.is_ca and not known.info.is_ca):
                self._hosts[address.hostname] = identity
        if not self._hosts:
            raise IdentityError(
                "A receiver needs at least one identity.",
                remedy="Create one with `misfin-tui identity new ADDRESS`.",
            )
        for name, identity in (hosts or {}).items():
            self._hosts[_normal(name)] = identity
        for address, where in (moved or {}).items():
            self._entries[address.key] = where
        for address in gone:
            self._entries[address.key] = Missing.GONE
        # A host whose mailboxes have all moved away is still served: it answers 31 and 52, not 53.
        self.default = next(iter(self._hosts.values()))
        for _, name in self._entries:
            self._hosts.setdefault(name, self.default)
        self._aliases: dict[tuple[str, str], ServedMailbox] = {}
        for alias, target in (aliases or {}).items():
            mailbox, _, host = target.rpartition("@")
            entry = self._entries.get((mailbox, _normal(host)))
            if isinstance(entry, ServedMailbox):
                mailbox, _, host = alias.rpartition("@")
                self._aliases[mailbox, _normal(host)] = entry

    @property
    def hosts(self) -> tuple[str, ...]:
        """Every host served."""
        return tuple(self._hosts)

    def certificate_for(self, host: str) -> Identity | None:
        """The identity to present to a client that asks for ``host`` by SNI; None for a host not served."""
        return self._hosts.get(host) or self._hosts.get(_normal(host))

    @property
    def shows_one(self) -> bool:
        """Whether every host presents the same certificate, so that SNI does not matter."""
        return all(identity is self.default for identity in self._hosts.values())

    def serves(self, host: str) -> bool:
        """Whether ``host`` is served here."""
        return self.certificate_for(host) is not None

    def lookup(self, mailbox: str, host: str) -> ServedMailbox | Moved | Missing:
        """What is known about ``mailbox@host``."""
        entry = self._entries.get((mailbox, host)) or self._entries.get((mailbox, _normal(host)))
        if entry is not None:
            return entry
        return Missing.UNKNOWN_MAILBOX if self.serves(host) else Missing.UNKNOWN_HOST

    def recipient(self, mailbox: str, host: str) -> ServedMailbox | Moved | Missing:
        """The same for an address that somebody writes to, which may be an alias."""
        entry = self.lookup(mailbox, host)
        if entry is not Missing.UNKNOWN_MAILBOX or not self._aliases:
            return entry
        name = _normal(host)
        return self._aliases.get((mailbox, name)) or self._aliases.get(("*", name)) or entry


def _normal(host: str) -> str:
    return host.rstrip(".").lower()
