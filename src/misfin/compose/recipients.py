"""Writes and reads the addresses of a To line. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Protocol

from misfin.compose.addresslist import entries_of
from misfin.errors import AddressError
from misfin.model.account import AddressKind
from misfin.model.address import MisfinAddress
from misfin.model.mailaddress import unquoted_name
from misfin.model.recipient import (
    FORMS,
    AddressKindError,
    Recipient,
    normal_address,
    on_to_line,
    split_prefix,
    without_prefix,
)
from misfin.model.safetext import plain
from misfin.valueclass import dataclass


def to_entry(address: MisfinAddress) -> str:
    """An address as a To line shows it: with the port unless it is the default, and the name."""
    return on_to_line(address.with_port, address.blurb, AddressKind.MISFIN)


def completed_entry(address: str, name: str, kind: AddressKind) -> str:
    """What a To line gets for somebody known: with the name where messages of this kind have names.

    A name that came with a message may be anything: one that hides characters, or would be read as
    something else, is left out.
    """
    name = " ".join(name.split())
    if (
        FORMS[kind].names_recipients
        and name.casefold() != address.casefold()
        and plain(name, one_line=True) == name
    ):
        entry = on_to_line(address, name, kind)
        with suppress(AddressError):
            if entries_of(entry) == [entry] and normal_address(entry, kind) == normal_address(address, kind):
                return entry
    return address


def read_address(text: str) -> MisfinAddress:
    """A Misfin address as a person types it: ``a@b``, ``a@b Name``, ``Name <a@b>`` or ``Name (a@b)``.

    Raises :class:`AddressError`, also for an address of another kind.
    """
    return MisfinAddress.parse(without_prefix(_unbracketed(text.strip()), AddressKind.MISFIN))


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


class AddressReader(Protocol):
    """How the account in From reads addresses; every transport is one."""

    @property
    def kind(self) -> AddressKind:
        """The kind of an address without a prefix."""

    def parse(self, text: str) -> Recipient:
        """One entry of a To line; raises :class:`AddressError`."""


@dataclass(frozen=True, slots=True)
class TypedRecipient:
    """One entry of a To line: its text, and who that is or what is wrong with it.

    ``other`` is the kind that the entry asks for by its prefix where From sends to another one.
    """

    text: str
    recipient: Recipient | None
    problem: str = ""
    other: AddressKind | None = None
    kind: AddressKind = AddressKind.MISFIN

    @property
    def address(self) -> str:
        """Who it is, without a port; empty for what is not an address."""
        if self.recipient is None:
            return ""
        return normal_address(self.recipient.address, self.kind)

    @property
    def written(self) -> str:
        """The entry in the form every other module reads."""
        if self.recipient is None:
            return self.text
        return on_to_line(self.recipient.address, self.recipient.name, self.kind)


def read_recipients(text: str, reader: AddressReader) -> list[TypedRecipient]:
    """Every entry of a To line, as the account in From reads it."""
    return [read_recipient(entry, reader) for entry in entries_of(text)]


def read_recipient(entry: str, reader: AddressReader) -> TypedRecipient:
    """One entry of a To line, as the account in From reads it."""
    try:
        return TypedRecipient(entry, reader.parse(entry), kind=reader.kind)
    except AddressKindError as error:
        return TypedRecipient(entry, None, str(error), error.kind)
    except AddressError as error:
        return TypedRecipient(entry, None, str(error))


def reread(text: str, before: AddressReader, after: AddressReader) -> str:
    """A To line for another account in From: each entry in the form that account writes.

    What it cannot read, and what says by a prefix that it is of another kind, stays as it was; everything
    stays where both read the same kind.
    """
    if before.kind is after.kind:
        return text
    return ", ".join(_reread(entry, before, after) for entry in entries_of(text))


def _reread(entry: str, before: AddressReader, after: AddressReader) -> str:
    if split_prefix(entry)[0] not in (None, after.kind):
        return entry
    with suppress(AddressError):
        found = after.parse(entry)
        return on_to_line(found.address, found.name, after.kind)
    with suppress(AddressError):
        found = before.parse(entry)
        found = after.parse(on_to_line(found.address, found.name, after.kind))
        return on_to_line(found.address, found.name, after.kind)
    return entry


def _unbracketed(entry: str) -> str:
    """``Name <a@b>`` and ``Name (a@b)`` as ``a@b Name``."""
    opening = {">": "<", ")": "("}.get(entry[-1:])
    name, bracket, address = entry[:-1].rpartition(opening) if opening else ("", "", "")
    return f"{address.strip()} {unquoted_name(name)}" if bracket and "@" in address else entry
