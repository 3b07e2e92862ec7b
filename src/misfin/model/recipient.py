"""One recipient as a value, and the prefix that gives the kind of an address."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Mapping

from misfin.errors import AddressError
from misfin.model.account import AddressKind
from misfin.model.address import MisfinAddress
from misfin.model.mailaddress import read_mail_address
from misfin.valueclass import dataclass


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
        form = FORMS[kind]
        super().__init__(
            f"{text.strip()} is {form.address}, and this message is not sent from {form.account}.",
            remedy=f"Send it from {form.account}.",
        )
        self.kind = kind


def split_prefix(text: str) -> tuple[AddressKind | None, str]:
    """The kind given by ``misfin:`` or ``mailto:`` before an address (None without), and the rest."""
    found = _PREFIX.match(text)
    return (_BY_PREFIX[found[1].lower()], text[found.end() :]) if found else (None, text)


def on_to_line(address: str, name: str, kind: AddressKind) -> str:
    """An address and a name as they stand on a To line: ``a@b Name``, and for e-mail ``Name <a@b>``.

    A name that could be taken for something else there, such as two entries, is quoted: ``"Doe, J." <a@b>``.
    """
    name = " ".join(name.split())
    if not name:
        return address
    if FORMS[kind].special.search(name):
        escaped = name.replace("\\", r"\\").replace('"', r"\"")
        return f'"{escaped}" <{address}>'
    return FORMS[kind].on_to_line(address, name)


def with_prefix(text: str, kind: AddressKind) -> str:
    """An entry of a To line that says by itself of which kind it is; :func:`split_prefix` reads it."""
    if split_prefix(text)[0] is not None:
        return text
    return f"{FORMS[kind].prefix}:{text}"


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
    return FORMS[kind].normal(text)


def address_key(text: str, kind: AddressKind) -> Hashable:
    """A value that is the same for two addresses of this kind if they are one mailbox.

    Raises :class:`AddressError` if the text is not an address of this kind.
    """
    return FORMS[kind].key(text)


def mail_address(text: str) -> tuple[str, str]:
    """An e-mail address and its name, from what mailaddress.py reads, with or without ``mailto:``.

    Raises :class:`AddressError`.
    """
    return read_mail_address(without_prefix(text, AddressKind.MAIL))


# ---- what differs between the kinds --------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AddressForm:
    """How addresses of one kind are called, written and compared. ``prefix`` is without its colon."""

    prefix: str
    address: str
    """What such an address is called, with its article."""
    account: str
    """What an account is called that sends to such addresses, with its article."""
    normal: Callable[[str], str]
    """See :func:`normal_address`."""
    key: Callable[[str], Hashable]
    """See :func:`address_key`."""
    special: re.Pattern[str]
    """What a name on a To line may only have between quotes."""
    on_to_line: Callable[[str, str], str]
    """An address and its name on a To line, where the name needs no quotes."""
    names_recipients: bool
    """Whether a message names its recipients beside their addresses."""


FORMS: Mapping[AddressKind, AddressForm] = {
    AddressKind.MISFIN: AddressForm(
        prefix="misfin",
        address="a Misfin address",
        account="a Misfin account",
        normal=lambda text: MisfinAddress.parse(text).address,
        key=lambda text: MisfinAddress.parse(text).key,
        special=re.compile(r'[,;"()<>\\]'),
        on_to_line=lambda address, name: f"{address} {name}",
        names_recipients=False,
    ),
    AddressKind.MAIL: AddressForm(
        prefix="mailto",
        address="an e-mail address",
        account="an e-mail account",
        normal=lambda text: mail_address(text)[0],
        key=lambda text: mail_address(text)[0].casefold(),
        special=re.compile(r'[,;"()<>\\:@\[\]]'),
        on_to_line=lambda address, name: f"{name} <{address}>",
        names_recipients=True,
    ),
}
"""All that has to be added for another kind of address."""
_BY_PREFIX = {form.prefix: kind for kind, form in FORMS.items()}
_PREFIX = re.compile(rf"\s*({'|'.join(_BY_PREFIX)}):(?://)?", re.IGNORECASE)
