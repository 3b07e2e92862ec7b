"""Writes and reads the addresses of a To line. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from misfin.errors import AddressError
from misfin.model.account import AddressKind
from misfin.model.address import MisfinAddress
from misfin.model.recipient import without_prefix

SEPARATOR = re.compile(r"[,;\n]")
"""Separates two entries."""


def typed(address: MisfinAddress) -> str:
    """An address as a To line shows it: with the port unless it is the default, and the name."""
    return f"{address.with_port} {address.blurb}".strip()


def read_address(text: str) -> MisfinAddress:
    """A Misfin address as a person types it. Raises :class:`AddressError`, also for another kind."""
    return MisfinAddress.parse(without_prefix(text, AddressKind.MISFIN))


def routes_of(recipients: Sequence[str]) -> list[MisfinAddress]:
    """The valid addresses of a To line, each mailbox once; unfinished ones are left out."""
    found: dict[tuple[str, str], MisfinAddress] = {}
    for text in recipients:
        try:
            address = read_address(text)
        except AddressError:
            continue
        found.setdefault(address.key, address)
    return list(found.values())


@dataclass(frozen=True, slots=True)
class TypedRecipient:
    """One entry of a To line: its text, and its address or what is wrong with it."""

    text: str
    address: MisfinAddress | None
    problem: str = ""

    @property
    def written(self) -> str:
        """The entry in the form every other module reads: ``mailbox@host[:port] Name``."""
        if self.address is None:
            return self.text
        return typed(self.address)


def read_recipients(text: str) -> list[TypedRecipient]:
    """Every entry of a To line; accepts ``a@b``, ``a@b Name``, ``Name <a@b>`` and ``Name (a@b)``."""
    found = []
    for part in SEPARATOR.split(text):
        entry = part.strip()
        if not entry:
            continue
        try:
            address = read_address(_unbracketed(entry))
        except AddressError as error:
            found.append(TypedRecipient(entry, None, str(error)))
        else:
            found.append(TypedRecipient(entry, address))
    return found


def _unbracketed(entry: str) -> str:
    """``Name <a@b>`` and ``Name (a@b)`` as ``a@b Name``."""
    opening = {">": "<", ")": "("}.get(entry[-1])
    name, bracket, address = entry[:-1].rpartition(opening) if opening else ("", "", "")
    return f"{address.strip()} {name.strip()}" if bracket and "@" in address else entry
