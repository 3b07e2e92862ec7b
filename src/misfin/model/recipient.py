"""One recipient as a value, and the prefix that says of which kind an address is."""

from __future__ import annotations

import re
from dataclasses import dataclass

from misfin.errors import AddressError
from misfin.model.account import AddressKind
from misfin.model.address import MisfinAddress, normal_hostname

_KINDS = {"misfin": AddressKind.MISFIN, "mailto": AddressKind.MAIL}
_PREFIX = re.compile(r"\s*(misfin|mailto):(?://)?", re.IGNORECASE)
_IN_BRACKETS = re.compile(r"(.*?)\s*<([^<>]*)>\s*")
_NOT_IN_LOCAL_PART = re.compile(r"[\s<>,;:\"()\[\]\\@]")
KIND_WORDS = {AddressKind.MISFIN: "a Misfin address", AddressKind.MAIL: "an e-mail address"}
"""What an address of each kind is called."""
_ACCOUNTS = {AddressKind.MISFIN: "a Misfin account", AddressKind.MAIL: "an e-mail account"}


@dataclass(frozen=True, slots=True)
class Recipient:
    """Where one copy goes. ``address`` is in its one normal form, ``route`` names the server it goes through.

    ``name`` is what stood beside the address, for a person.
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
    """The kind that ``misfin:`` or ``mailto:`` before an address says (None without), and the rest."""
    found = _PREFIX.match(text)
    return (_KINDS[found[1].lower()], text[found.end() :]) if found else (None, text)


def on_to_line(address: str, name: str, kind: AddressKind) -> str:
    """An address and a name as they stand on a To line: ``a@b Name``, and for e-mail ``Name <a@b>``."""
    if kind is AddressKind.MAIL:
        return f"{name} <{address}>" if name else address
    return f"{address} {name}".strip()


def with_prefix(text: str, kind: AddressKind) -> str:
    """An entry of a To line that says by itself of which kind it is; :func:`split_prefix` reads it."""
    if split_prefix(text)[0] is not None:
        return text
    return f"{next(prefix for prefix, each in _KINDS.items() if each is kind)}:{text}"


def without_prefix(text: str, kind: AddressKind) -> str:
    """An address as an account of ``kind`` reads it: a prefix that says the same is taken off.

    Raises :class:`AddressKindError` for one that says otherwise. Without a prefix it is of that kind.
    """
    said, rest = split_prefix(text)
    if said is not None and said is not kind:
        raise AddressKindError(text, said)
    return rest


def kind_of(texts: tuple[str, ...]) -> AddressKind | None:
    """The kind that the prefixes of a message's recipients ask for; None where none of them has one.

    Raises :class:`AddressKindError` where they ask for both.
    """
    kind: AddressKind | None = None
    for text in texts:
        said, _ = split_prefix(text)
        if kind is not None and said is not None and said is not kind:
            raise AddressKindError(text, said)
        kind = kind or said
    return kind


def normal_address(text: str, kind: AddressKind) -> str:
    """The one form in which an address of this kind is kept and compared, without a name.

    Raises :class:`AddressError` for what is not an address of this kind.
    """
    if kind is AddressKind.MISFIN:
        return MisfinAddress.parse(text).address
    return mail_address(text)[0]


def mail_address(text: str) -> tuple[str, str]:
    """An e-mail address and the name beside it, from ``local@host`` or ``Name <local@host>`` (RFC 5322 §3.4).

    The host is lower case and in its ASCII form; the local part stays as written. Quoted local parts and
    address literals are not supported. Raises :class:`AddressError`.
    """
    rest = without_prefix(text, AddressKind.MAIL).strip()
    found = _IN_BRACKETS.fullmatch(rest)
    name, address = (found[1].strip().strip('"'), found[2].strip()) if found else ("", rest)
    local, at, host = address.rpartition("@")
    if not at or not local or not local.isprintable() or _NOT_IN_LOCAL_PART.search(local):
        raise AddressError(
            f"{address[:80]!a} is not an e-mail address.",
            remedy="Write it as name@host, for example ada@example.org.",
        )
    return f"{local}@{normal_hostname(host)}", name
