"""One recipient as a value, and the prefix that gives the kind of an address."""

from __future__ import annotations

import re
from dataclasses import dataclass

from misfin.errors import AddressError
from misfin.model.account import AddressKind
from misfin.model.address import MisfinAddress
from misfin.model.mailaddress import read_mail_address

_KINDS = {"misfin": AddressKind.MISFIN, "mailto": AddressKind.MAIL}
_PREFIX = re.compile(r"\s*(misfin|mailto):(?://)?", re.IGNORECASE)
_SPECIAL = {
    AddressKind.MISFIN: re.compile(r'[,;"()<>\\]'),
    AddressKind.MAIL: re.compile(r'[,;"()<>\\:@\[\]]'),
}
KIND_WORDS = {AddressKind.MISFIN: "a Misfin address", AddressKind.MAIL: "an e-mail address"}
"""What an address of each kind is called."""
_ACCOUNTS = {AddressKind.MISFIN: "a Misfin account", AddressKind.MAIL: "an e-mail account"}


@dataclass(frozen=True, slots=True)
class Recipient:
    """Where one copy goes. ``address`` is in its normal form, ``route`` names the server it goes through.

    ``name`` is the display name given with the address.
    """

    address: str
    route: str
    name: str = ""


class AddressKindError(AddressError):
    """An address of another kind than its account sends to; ``kind`` is the address's own.

    One message has one kind of address, and its account decides which.
    """

    def __init__(self, text: str, kind: AddressKind) -> None:
        super().__init__(
            f"{text.strip()} is {KIND_WORDS[kind]}, and this message is not sent from {_ACCOUNTS[kind]}.",
            remedy=f"Send it from {_ACCOUNTS[kind]}.",
        )
        self.kind = kind


def split_prefix(text: str) -> tuple[AddressKind | None, str]:
    """The kind given by ``misfin:`` or ``mailto:`` before an address (None without), and the rest."""
    found = _PREFIX.match(text)
    return (_KINDS[found[1].lower()], text[found.end() :]) if found else (None, text)


def on_to_line(address: str, name: str, kind: AddressKind) -> str:
    """An address and a name as they stand on a To line: ``a@b Name``, and for e-mail ``Name <a@b>``.

    A name that could be taken for something else there, such as two entries, is quoted: ``"Doe, J." <a@b>``.
    """
    name = " ".join(name.split())
    if not name:
        return address
    if _SPECIAL[kind].search(name):
        escaped = name.replace("\\", r"\\").replace('"', r"\"")
        return f'"{escaped}" <{address}>'
    return f"{name} <{address}>" if kind is AddressKind.MAIL else f"{address} {name}"


def with_prefix(text: str, kind: AddressKind) -> str:
    """An entry of a To line that says by itself of which kind it is; :func:`split_prefix` reads it."""
    if split_prefix(text)[0] is not None:
        return text
    return f"{next(prefix for prefix, each in _KINDS.items() if each is kind)}:{text}"


def without_prefix(text: str, kind: AddressKind) -> str:
    """An address for an account of ``kind``, without its prefix if it has one.

    Raises :class:`AddressKindError` for the prefix of another kind. Without a prefix it is of this kind.
    """
    said, rest = split_prefix(text)
    if said is not None and said is not kind:
        raise AddressKindError(text, said)
    return rest


def kind_of(texts: tuple[str, ...]) -> AddressKind | None:
    """The kind given by the prefixes of a message's recipients; None if none has a prefix.

    Raises :class:`AddressKindError` if there are prefixes of both kinds.
    """
    kind: AddressKind | None = None
    for text in texts:
        said, _ = split_prefix(text)
        if kind is not None and said is not None and said is not kind:
            raise AddressKindError(text, said)
        kind = kind or said
    return kind


def normal_address(text: str, kind: AddressKind) -> str:
    """The normal form in which an address of this kind is stored and compared, without a name.

    Raises :class:`AddressError` if it is not an address of this kind.
    """
    if kind is AddressKind.MISFIN:
        return MisfinAddress.parse(text).address
    return mail_address(text)[0]


def mail_address(text: str) -> tuple[str, str]:
    """An e-mail address and its name, from what mailaddress.py reads, with or without ``mailto:``.

    Raises :class:`AddressError`.
    """
    return read_mail_address(without_prefix(text, AddressKind.MAIL))
