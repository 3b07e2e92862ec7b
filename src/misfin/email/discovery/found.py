"""What finding an account's servers gives, and whose word it is. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from misfin.email.account import Login, MailServer
from misfin.errors import AddressError, MisfinError
from misfin.model.address import normal_hostname

_MAX_LOCAL_PART = 64  # RFC 5321 §4.5.3.1.1


class FoundBy(StrEnum):
    """How the servers were found, the best way first."""

    AUTOCONFIG = "autoconfig"
    """The domain's own web server says so, over HTTPS."""
    SRV = "srv"
    """The domain's DNS says so (RFC 6186, RFC 8314)."""
    PROVIDER = "provider"
    """It is a domain of a provider this program knows."""
    MX = "mx"
    """The domain's mail goes to a provider this program knows."""
    GUESS = "guess"
    """Servers with the usual names answered, with certificates for these names."""


@dataclass(frozen=True, slots=True)
class Found:
    """Servers for an address, to be shown before anything is saved or any password is sent.

    ``detail`` says in one sentence where this comes from, ``advice`` what a person has to do first at this
    provider, if anything. ``outside`` are servers outside the address's domain that only DNS names, which
    anybody on the way can forge: a person has to agree to them first.
    """

    incoming: MailServer
    outgoing: MailServer
    login: Login
    how: FoundBy
    detail: str
    advice: str = ""
    outside: tuple[str, ...] = ()

    @property
    def question(self) -> str:
        """What a person has to agree to before these servers are used; empty for nothing."""
        if not self.outside:
            return ""
        hosts = " and ".join(self.outside)
        return f"Only DNS says that {hosts} may have your password. Do you know that provider?"


@dataclass(frozen=True, slots=True)
class Failure:
    """One way that found nothing, and why, as a sentence."""

    how: FoundBy
    reason: str


@dataclass(frozen=True, slots=True)
class Discovery:
    """Everything that was found, the best first, and what found nothing."""

    found: tuple[Found, ...]
    failures: tuple[Failure, ...] = ()

    @property
    def best(self) -> Found | None:
        """The first of :attr:`found`."""
        return self.found[0] if self.found else None


class DiscoveryError(MisfinError):
    """One way of finding servers gave nothing that can be used; the text says why."""


def split_address(address: str) -> tuple[str, str]:
    """Local part and domain (in its normal form) of an e-mail address.

    Raises :class:`~misfin.errors.AddressError` for anything else.
    """
    local, at, domain = address.strip().rpartition("@")
    printable = local.isprintable() and not set(local) & set(' "<>()[]:;,\\@')
    if not (at and local and printable and len(local.encode()) <= _MAX_LOCAL_PART):
        raise AddressError(
            f"{address[:80]!a} is not an e-mail address.", remedy="Write it as name@example.org."
        )
    domain = normal_hostname(domain)
    if domain.startswith("["):
        raise AddressError("The servers of an address without a domain cannot be found.")
    return local, domain


def server_name(host: str) -> str:
    """A host name that a stranger gave, in its normal form.

    Raises :class:`DiscoveryError` for what cannot be a mail server out there: an IP address, a name of this
    machine, a name without a dot.
    """
    try:
        name = normal_hostname(host.strip())
    except AddressError:
        raise DiscoveryError("The name of a server is not a host name.") from None
    labels = name.split(".")
    if len(labels) < 2 or labels[-1] == "localhost" or labels[-1].isdigit() or name.startswith("["):
        raise DiscoveryError(f"{name} is not the name of a mail server.")
    return name
