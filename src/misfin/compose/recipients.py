"""How addresses are written on a To line, and read from there. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from misfin.errors import AddressError
from misfin.model.account import AddressKind
from misfin.model.address import DEFAULT_PORT, MisfinAddress
from misfin.model.recipient import without_prefix


def typed(address: MisfinAddress) -> str:
    """An address as it stands on a To line: with its port where that is unusual, and the name."""
    port = f":{address.port}" if address.port not in (None, DEFAULT_PORT) else ""
    return f"{address.address}{port} {address.blurb}".strip()


def read_address(text: str) -> MisfinAddress:
    """A Misfin address as a person writes it. Raises :class:`AddressError`, also for one of another kind."""
    return MisfinAddress.parse(without_prefix(text, AddressKind.MISFIN))


def routes_of(recipients: Sequence[str]) -> list[MisfinAddress]:
    """The addresses among what stands in the To line; unfinished ones are left out, each mailbox once."""
    found: dict[tuple[str, str], MisfinAddress] = {}
    for text in recipients:
        try:
            address = read_address(text)
        except AddressError:
            continue
        found.setdefault(address.key, address)
    return list(found.values())
