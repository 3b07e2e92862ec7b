"""What may stand in a command: nothing that could end it, begin another one, or be read as a parameter."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import TYPE_CHECKING

from misfin.email.smtp.errors import SMTPArgumentError
from misfin.email.smtp.limits import MAX_PATH
from misfin.errors import AddressError
from misfin.model.address import normal_hostname

if TYPE_CHECKING:
    from email.headerregistry import Address

# Controls of both kinds, and the line ends only Unicode knows.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
_NOT_UNQUOTED = re.compile(r'[\s<>"\\]')
_DOMAIN = re.compile(r"[!-~]{1,255}")
_MECHANISM = re.compile(r"[A-Z0-9_-]{1,20}")
_BASE64 = re.compile(r"[A-Za-z0-9+/]*={0,2}|\*")
NOTIFY = frozenset({"NEVER", "SUCCESS", "FAILURE", "DELAY"})
"""When a delivery status notification may be asked for (RFC 3461 §4.1)."""


def path(address: str | Address) -> str:
    """The address as it stands between ``<`` and ``>``; an international domain becomes ASCII.

    Raises :class:`~misfin.email.smtp.errors.SMTPArgumentError` for everything that would be more than one
    address on the wire.
    """
    text = address if isinstance(address, str) else address.addr_spec
    local, at, domain = text.rpartition("@")
    if not at:  # "postmaster" (RFC 5321 §4.5.1), and what servers within one organisation accept
        local, domain = text, ""
    if (
        _CONTROL.search(text)
        or (_NOT_UNQUOTED.search(local) and not _QUOTED.fullmatch(local))
        or _NOT_UNQUOTED.search(domain)
        or (at and not (local and domain))
    ):
        raise SMTPArgumentError(f"{_shown(text)} is not an e-mail address.")
    if len(text.encode()) > MAX_PATH:
        raise SMTPArgumentError(f"{_shown(text)} is too long for an e-mail address.")
    if not domain.isascii():
        try:
            domain = normal_hostname(domain)
        except AddressError as error:
            raise SMTPArgumentError(f"{_shown(text)} is not an e-mail address: {error}") from None
    return f"{local}{at}{domain}"


def domain_name(domain: str) -> str:
    """The name a client gives itself, or an address in brackets."""
    if not _DOMAIN.fullmatch(domain):
        raise SMTPArgumentError(f"{_shown(domain)} cannot be sent as the name of this computer.")
    return domain


def mechanism_name(mechanism: str) -> str:
    """The name of a log-in mechanism (RFC 4422 §3.1)."""
    if not _MECHANISM.fullmatch(mechanism):
        raise SMTPArgumentError(f"{_shown(mechanism)} is not the name of a log-in mechanism.")
    return mechanism


def login_data(data: str) -> str:
    """Base64, ``=`` for an empty initial response, or ``*`` to give up; errors do not show it."""
    if not _BASE64.fullmatch(data):
        raise SMTPArgumentError("What a log-in mechanism sends has to be base64.")
    return data


def xtext(text: str) -> str:
    """Text as a value of the DSN parameters (RFC 3461 §4)."""
    if not all(" " <= c <= "~" for c in text):
        raise SMTPArgumentError(f"{_shown(text)} cannot be sent: only printable ASCII can.")
    return "".join(c if c not in " +=" else f"+{ord(c):02X}" for c in text)


def one_of(value: str, allowed: Collection[str], what: str) -> str:
    """One of a few words."""
    if value not in allowed:
        raise SMTPArgumentError(
            f"{_shown(value)} is not a value of {what}; {', '.join(sorted(allowed))} are."
        )
    return value


def notify(values: Collection[str]) -> str:
    """The value of NOTIFY: NEVER alone, or some of the others."""
    for value in values:
        one_of(value, NOTIFY, "NOTIFY")
    if not values or ("NEVER" in values and len(values) > 1):
        raise SMTPArgumentError("NOTIFY takes NEVER alone, or at least one of the other words.")
    return ",".join(sorted(values))


def _shown(text: str) -> str:
    """The text for an error message: not endless, and harmless on a terminal."""
    short = text if len(text) <= 80 else text[:80] + "…"
    return f"“{short}”" if short.isprintable() else ascii(short)
