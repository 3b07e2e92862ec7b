"""Which kind of account reaches a recipient, where that is known. Blocking.

A bare ``name@host`` may be an address of either kind. It counts as one of a kind only when everything known
about it agrees: how it is written, the address book, certificates met, the user's own accounts, and the
domains of big mail providers. No server is asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from misfin.compose.recipients import read_address
from misfin.errors import AddressError
from misfin.model.account import AddressKind
from misfin.model.recipient import mail_address, split_prefix
from misfin.trust.tofu import PinKind

if TYPE_CHECKING:
    from misfin.model.account import Account
    from misfin_tui.services import Services


@dataclass(frozen=True, slots=True)
class Reaching:
    """The account to write from instead; only one of ``kind`` reaches the recipient ``address``."""

    account: Account
    address: str
    kind: AddressKind


def reaching(services: Services, recipients: Sequence[str], kind: AddressKind) -> Reaching | None:
    """For a message to these entries of To lines: the account that reaches them where one of ``kind`` cannot.

    None where an account of ``kind`` may reach them, where they need accounts of both kinds, and where there
    is no other account. Raises :class:`~misfin.errors.StoreError`.
    """
    found: dict[AddressKind, str] = {}
    for text in recipients:
        if (only := only_kind(services, text)) is not None:
            found.setdefault(only, next(iter(_forms(text).values())))
    if len(found) != 1 or kind in found:
        return None
    (wanted, address), *_ = found.items()
    account = services.accounts.writing_to(wanted)
    if account is None or account.kind.address_kind is not wanted:
        return None
    return Reaching(account, address, wanted)


def only_kind(services: Services, text: str) -> AddressKind | None:
    """The kind of one entry of a To line; None where it may be of either, or is not an address."""
    forms = _forms(text)
    said, _ = split_prefix(text)
    if said is not None or not forms:
        return said if forms else None
    kinds = {kind for kind, address in forms.items() if _is_known(services, address, kind)}
    hosts = {address.rpartition("@")[2] for address in forms.values()}
    kinds.update(kind for host in hosts for kind in _kinds_at(services, host.casefold()))
    if forms.keys() == {AddressKind.MAIL} or _has_port(text):
        kinds.update(forms)
    return kinds.pop() if len(kinds) == 1 else None


def _forms(text: str) -> dict[AddressKind, str]:
    """The address that an account of each kind would read."""
    forms = {}
    with suppress(AddressError):
        forms[AddressKind.MISFIN] = read_address(text).address
    with suppress(AddressError):
        forms[AddressKind.MAIL] = mail_address(text)[0]
    return forms


def _has_port(text: str) -> bool:
    with suppress(AddressError):
        return read_address(text).port is not None
    return False


def _is_known(services: Services, address: str, kind: AddressKind) -> bool:
    contact = None
    with suppress(AddressError):  # longer than the address book takes
        contact = services.contact_book.get(address, kind)
    pinned = kind is AddressKind.MISFIN and services.pin_book.get(PinKind.SENDER, address) is not None
    return pinned or (contact is not None and not contact.dead)


def _kinds_at(services: Services, host: str) -> Iterator[AddressKind]:
    """The kinds of addresses that are known at a host."""
    from misfin.email.providers import by_domain  # late: few messages need it

    yield from services.contact_book.kinds_at(host)
    for kind in AddressKind:
        own = services.accounts.own_addresses(kind)
        if any(each.rpartition("@")[2].casefold() == host for each in own):
            yield kind
    pins = services.pin_book.all(PinKind.HOST)
    if host in services.config.hosts or any(pin.name.rpartition(":")[0] == host for pin in pins):
        yield AddressKind.MISFIN
    if by_domain(host) is not None:
        yield AddressKind.MAIL
