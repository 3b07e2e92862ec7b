"""Misfin addresses: read leniently, checked strictly, always in one normal form."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import field

from misfin.errors import AddressError
from misfin.valueclass import dataclass

DEFAULT_PORT = 1958
"""The TCP port of Misfin (docs/protocol.md §1.1)."""

MAX_HOSTNAME = 253
"""Longest host name in characters, as in DNS (docs/protocol.md §1.5)."""

_NOT_IN_MAILBOX = re.compile(r"[\s@:/?#\[\],<>]")
_is_plain_mailbox = re.compile(r"[A-Za-z0-9._-]+").fullmatch
# DNS host names have no "_", but such hosts exist and mail from them must stay readable.
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_is_hostname = re.compile(rf"{_LABEL}(?:\.{_LABEL})*").fullmatch
_STOPS = re.compile(r"[.\u3002\uff0e\uff61]")  # the full stops UTS #46 knows
_PREFIX = re.compile(r"misfin:(?://)?", re.IGNORECASE)
_PORT = re.compile(r"[0-9]{1,5}")
_PERCENT = re.compile(rb"%([0-9A-Fa-f]{2})")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_SHOWN = 80  # characters of a wrong address that an error message quotes
# These four would end an item or a line of metadata, or look like another address.
_NOT_IN_WRITTEN_BLURB = str.maketrans(dict.fromkeys(",@\r\n\t", " "))


@dataclass(frozen=True, slots=True)
class MisfinAddress:
    """One mailbox, with its owner's display name (``blurb``) and the port to connect to.

    Construction normalises the host name (IDN to A-label, lower case, no trailing dot) and checks both
    parts (docs/protocol.md §1.5); it raises :class:`~misfin.errors.AddressError`. The mailbox keeps its case.
    A port is only used to connect and never written into a message, so comparisons ignore it.
    """

    mailbox: str
    hostname: str
    blurb: str = ""
    port: int | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        if not _is_plain_mailbox(self.mailbox):
            _check_mailbox(self.mailbox)
        hostname = self.hostname
        if len(hostname) > MAX_HOSTNAME or not _is_hostname(hostname):
            object.__setattr__(self, "hostname", normal_hostname(hostname))
        if self.blurb:
            object.__setattr__(self, "blurb", self.blurb.strip())
        if self.port is not None and not 0 < self.port < 65536:
            raise AddressError(
                f"{self.port} is not a port number.", remedy="A port is a number from 1 to 65535."
            )

    @classmethod
    def parse(cls, text: str) -> MisfinAddress:
        """Read ``mailbox@host[:port][ blurb]``, with or without ``misfin:`` or ``misfin://`` in front.

        Raises :class:`~misfin.errors.AddressError` if it does not start with exactly one valid address.
        """
        token, _, blurb = text.strip().partition(" ")
        if not token.isprintable():  # a TAB or other white space ended the address
            parts = text.split(None, 1)
            token, blurb = parts[0], "".join(parts[1:])
        if token[:7].lower() == "misfin:" and (prefix := _PREFIX.match(token)):
            token = token[prefix.end() :]
        return parse_token(token, blurb)

    @property
    def address(self) -> str:
        """``mailbox@host``, as it goes into requests and metadata lines."""
        return f"{self.mailbox}@{self.hostname}"

    @property
    def with_port(self) -> str:
        """``mailbox@host``, plus the port unless it is the default: as people write it and files store it."""
        return self.address if self.server_port == DEFAULT_PORT else f"{self.address}:{self.port}"

    @property
    def server_port(self) -> int:
        """The port of its server; the default port if none was given."""
        return self.port or DEFAULT_PORT

    @property
    def long_form(self) -> str:
        """``Blurb (mailbox@host)`` for display; just the address when there is no blurb.

        See docs/protocol.md §1.5.
        """
        return f"{self.blurb} ({self.address})" if self.blurb else self.address

    @property
    def key(self) -> tuple[str, str]:
        """Equal for addresses of the same mailbox: mailbox compared exactly, host in any case.

        See docs/protocol.md §3.6.
        """
        return self.mailbox, self.hostname

    def __str__(self) -> str:
        """``mailbox@host blurb`` for a metadata line: no comma, ``@`` or line end in the blurb."""
        if not self.blurb:
            return self.address
        return f"{self.address} {self.blurb.translate(_NOT_IN_WRITTEN_BLURB).strip()}".rstrip()


def parse_token(token: str, blurb: str = "") -> MisfinAddress:
    """Read exactly ``mailbox@host[:port]`` (docs/protocol.md §3.4).

    Raises :class:`~misfin.errors.AddressError`.
    """
    mailbox, at, host = token.partition("@")
    if not at:
        raise AddressError(f"{_shown(token)} is not a Misfin address: it has no @.")
    if "@" in host:
        raise AddressError(f"{_shown(token)} is not a Misfin address: it has more than one @.")
    port = None
    if ":" in host and not host.endswith("]"):
        host, _, digits = host.rpartition(":")
        if not _PORT.fullmatch(digits):
            raise AddressError(
                f"{_shown(token)} has no port number after the colon.",
                remedy="Write mailbox@host, or mailbox@host:1958.",
            )
        port = int(digits)
    return MisfinAddress(mailbox, host, blurb, port)


def parse_uri(uri: str) -> tuple[MisfinAddress, str]:
    """Read a ``misfin:mailbox@host?text`` link (or the older ``misfin://mailbox@host``).

    Returns the address and the percent-decoded text, made safe for a draft: LF line ends, no control
    characters. It is only a draft and must never be sent automatically (docs/protocol.md §1.5).
    Raises :class:`~misfin.errors.AddressError` for any other link.
    """
    prefix = _PREFIX.match(uri.strip())
    if not prefix:
        raise AddressError(f"{_shown(uri)} is not a misfin: link.")
    rest, _, _ = uri.strip()[prefix.end() :].partition("#")
    target, _, query = rest.partition("?")
    mailbox, at, host = target.removesuffix("/").partition("@")
    address = parse_token(_percent_decoded(mailbox) + at + host)
    text = _percent_decoded(query).replace("\r\n", "\n").replace("\r", "\n")
    return address, _CONTROLS.sub("", text)


def same_person(a: MisfinAddress, b: MisfinAddress) -> bool:
    """Whether an address is one's own: as :attr:`MisfinAddress.key`, but the mailbox in any case.

    See docs/protocol.md §3.6.
    """
    return a.hostname == b.hostname and a.mailbox.casefold() == b.mailbox.casefold()


def normal_hostname(hostname: str) -> str:
    """The one form of a host name for DNS, SNI, requests and pins (docs/protocol.md §1.5).

    International names become A-labels as in browsers (no transitional mapping: ``ß`` stays ``ß``);
    ``[IPv6]`` literals are compressed. Raises :class:`~misfin.errors.AddressError`.
    """
    if hostname.startswith("[") and hostname.endswith("]"):
        return _normal_ipv6(hostname)
    # Limited before any Unicode work: an address may come from anyone.
    if hostname and len(hostname) <= MAX_HOSTNAME + 1:
        host = hostname if hostname.isascii() else _a_labels(hostname)
        host = host.lower().removesuffix(".")
        if len(host) <= MAX_HOSTNAME and _is_hostname(host):
            return host
    raise AddressError(f"{_shown(hostname)} is not a host name.")


def _normal_ipv6(hostname: str) -> str:
    from ipaddress import IPv6Address  # rarely needed, and 3 ms of start-up

    try:
        if "%" not in hostname:  # a zone means something on this machine only
            return f"[{IPv6Address(hostname[1:-1])}]"
    except ValueError:
        pass
    raise AddressError(f"{_shown(hostname)} is not an IPv6 address.")


def _a_labels(hostname: str) -> str:
    return ".".join(map(_a_label, _STOPS.split(hostname)))


def _a_label(label: str) -> str:
    # Lower-casing each character alone keeps a final sigma from depending on its position (UTS #46).
    lower = "".join(map(str.lower, unicodedata.normalize("NFKC", label)))
    label = unicodedata.normalize("NFKC", lower)
    if label.isascii() and "." not in label:  # no look-alike of a full stop may start a new label
        return label
    kinds = [unicodedata.category(c)[0] for c in label]
    if kinds[0] == "M" or any(kind not in "LMN" and c != "-" for kind, c in zip(kinds, label, strict=True)):
        raise AddressError(f"{_shown(label)} cannot be part of a host name.")
    return "xn--" + label.encode("punycode").decode("ascii")


def _check_mailbox(mailbox: str) -> None:
    # isprintable() excludes controls, bidirectional overrides, invisible and unassigned characters.
    if not mailbox or not mailbox.isprintable() or _NOT_IN_MAILBOX.search(mailbox):
        raise AddressError(f"{_shown(mailbox)} is not a mailbox name.")


def _percent_decoded(text: str) -> str:
    data = text.encode("utf-8", "replace")
    return _PERCENT.sub(lambda m: bytes((int(m[1], 16),)), data).decode("utf-8", "replace")


def _shown(text: str) -> str:
    """The text for an error message: shortened, and harmless on a terminal."""
    short = text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
    return f"“{short}”" if short.isprintable() else ascii(short)
