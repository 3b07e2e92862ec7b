"""An e-mail account as values: its servers, how it logs in, how it writes. Pure."""

from __future__ import annotations

import ipaddress
import re
from enum import StrEnum
from typing import NamedTuple
from urllib.parse import quote, unquote, urlsplit

from misfin.errors import AccountError
from misfin.model.address import normal_hostname
from misfin.valueclass import dataclass


class MailProtocol(StrEnum):
    """What is spoken with a mail server."""

    IMAP = "imap"
    POP3 = "pop3"
    SMTP = "smtp"


class Protection(StrEnum):
    """How a connection to a mail server is protected."""

    TLS = "tls"
    """TLS from the first byte (RFC 8314)."""
    STARTTLS = "starttls"
    """In the clear until both agree to TLS, and nothing goes on without it."""
    NONE = "none"
    """Not at all; only for a server on this machine."""


class Login(StrEnum):
    """How an account logs in to its servers."""

    PASSWORD = "password"  # noqa: S105 - the name of a method, not a secret
    OAUTH = "oauth"
    NONE = "none"


class SendHTML(StrEnum):
    """When a message gets an HTML alternative beside its text."""

    AUTO = "auto"
    """When the text contains a heading, a list or a link."""
    NEVER = "never"
    ALWAYS = "always"


class SaveSent(StrEnum):
    """Whether the program keeps a copy of what was sent in Sent."""

    AUTO = "auto"
    """Yes, except where the provider is known to keep one by itself."""
    YES = "yes"
    NO = "no"


class SecretPlace(StrEnum):
    """Where a password, a token or the secret of an OAuth client is kept."""

    KEYRING = "keyring"
    COMMAND = "command"
    ENV = "env"


@dataclass(frozen=True, slots=True)
class SecretRef:
    """Where a secret is kept; never the secret itself. :mod:`misfin.email.secrets` reads it.

    ``name`` is an entry of the keyring as ``service/user name``, a command line whose output begins with the
    secret, or the name of an environment variable.
    """

    place: SecretPlace
    name: str


@dataclass(frozen=True, slots=True)
class OAuthServer:
    """Where people sign in to a provider that the program does not know, such as a company's own.

    ``authorize``, ``token`` and ``device`` (empty where there is none) are HTTPS addresses; ``scopes`` are
    separated by spaces.
    """

    authorize: str
    token: str
    scopes: str
    device: str = ""


class _Scheme(NamedTuple):
    protocol: MailProtocol
    protection: Protection
    port: int


_SCHEMES = {
    "imaps": _Scheme(MailProtocol.IMAP, Protection.TLS, 993),
    "imap": _Scheme(MailProtocol.IMAP, Protection.STARTTLS, 143),
    "pop3s": _Scheme(MailProtocol.POP3, Protection.TLS, 995),
    "pop3": _Scheme(MailProtocol.POP3, Protection.STARTTLS, 110),
    "smtps": _Scheme(MailProtocol.SMTP, Protection.TLS, 465),
    "smtp": _Scheme(MailProtocol.SMTP, Protection.STARTTLS, 587),
}


@dataclass(frozen=True, slots=True)
class MailServer:
    """One server of an account. ``user`` is the user name to log in with; empty for the account's address."""

    protocol: MailProtocol
    host: str
    port: int
    protection: Protection = Protection.TLS
    user: str = ""

    @property
    def name(self) -> str:
        """``host:port``, the name of its pin."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def __str__(self) -> str:
        """The URL that :func:`parse_server` reads; without the port where that is the usual one."""
        scheme = self.protocol.value + ("s" if self.protection is Protection.TLS else "")
        host = f"[{self.host}]" if ":" in self.host else self.host
        user = f"{quote(self.user, safe='')}@" if self.user else ""
        port = "" if self.port == _SCHEMES[scheme].port else f":{self.port}"
        return f"{scheme}://{user}{host}{port}"


def parse_server(url: str, *, plaintext: bool = False) -> MailServer:
    """A server from ``imaps://user@host:port`` and the like; ``plaintext`` makes STARTTLS unprotected.

    Raises :class:`~misfin.errors.AccountError`: an unknown scheme, a password in the URL, anything after the
    port, or a host or port that cannot be one.
    """
    try:
        parts = urlsplit(url.strip())
    except ValueError:  # brackets that do not match
        parts = urlsplit("")
    if parts.password is not None:
        raise AccountError(
            "A password does not belong in the address of a server.",
            remedy="Set `password` of the account instead: a keyring, a command or a variable.",
        )
    if parts.scheme not in _SCHEMES or not parts.netloc:
        *most, last = (f"{each}://" for each in _SCHEMES)
        raise AccountError(
            f"{url!a} is not the address of a mail server.",
            remedy=f"Begin it with {', '.join(most)} or {last}.",
        )
    try:
        host, port = parts.hostname or "", parts.port
    except ValueError:
        host, port = "", None
    if not host or parts.path not in ("", "/") or parts.query or parts.fragment:
        raise AccountError(
            f"{url!a} is not the address of a mail server.", remedy="Write scheme://user@host:port."
        )
    scheme = _SCHEMES[parts.scheme]
    protection = scheme.protection
    if plaintext and protection is Protection.STARTTLS:
        protection = Protection.NONE
    user = unquote(parts.username or "")
    if not user.isprintable():
        raise AccountError("The user name of a server contains a control character.")
    return MailServer(scheme.protocol, _hostname(host), port or scheme.port, protection, user)


def _hostname(host: str) -> str:
    return host if ":" in host else normal_hostname(host)


def is_loopback(host: str) -> bool:
    """Whether a host is this machine itself, by a name or address that nobody else can answer for."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


_DAYS = {"d": 1, "w": 7, "m": 30, "y": 365}
_PERIOD = re.compile(r"([1-9][0-9]{0,3})([dwmy])")


def period_days(text: str) -> int | None:
    """Days in a period such as ``14d``, ``8w``, ``6m`` or ``1y``; None for any other word, such as ``all``.

    A month counts as 30 days and a year as 365.
    """
    found = _PERIOD.fullmatch(text)
    return int(found[1]) * _DAYS[found[2]] if found else None


@dataclass(frozen=True, slots=True)
class EmailAccount:
    """An e-mail account: everything that sending, receiving and writing need to know, but no secret itself.

    ``name`` identifies the account and names the directory of its mail. ``title`` is the display name.
    ``incoming`` is an IMAP or POP3 server, ``outgoing`` an SMTP server; either can be missing. ``ca_file`` is
    the path of a PEM with authorities besides the system's. ``aliases`` are further addresses of the person:
    addresses, ``+`` forms and ``*@domain`` patterns. ``folders`` maps our folder names to the server's.
    ``fetch_up_to`` is the largest message fetched without being asked, in bytes; None for no limit.
    ``keep`` and ``keep_folders`` (by our folder names) are ``all`` or a period (:func:`period_days`);
    ``pop3_leave`` is ``forever``, ``delete`` or a period. ``password``, ``token`` (an OAuth access token that
    another program makes) and ``client_secret`` say where those are kept; ``client_id`` is the person's own
    registration with an OAuth provider, and ``oauth`` that provider, where its servers do not say it.
    """

    name: str
    address: str
    title: str = ""
    incoming: MailServer | None = None
    outgoing: MailServer | None = None
    login: Login = Login.PASSWORD
    password: SecretRef | None = None
    token: SecretRef | None = None
    client_id: str = ""
    client_secret: SecretRef | None = None
    oauth: OAuthServer | None = None
    ca_file: str = ""
    min_tls: str = "1.2"
    cram_md5: bool = False
    aliases: tuple[str, ...] = ()
    signature: str = ""
    send_html: SendHTML = SendHTML.AUTO
    save_sent: SaveSent = SaveSent.AUTO
    folders: tuple[tuple[str, str], ...] = ()
    keep: str = "all"
    keep_folders: tuple[tuple[str, str], ...] = ()
    fetch_up_to: int | None = None
    pop3_leave: str = "forever"
    authserv_id: str = ""

    def user(self, server: MailServer) -> str:
        """The user name to log in to one of its servers with."""
        return server.user or self.address

    @property
    def servers(self) -> tuple[MailServer, ...]:
        """Its servers, the incoming one first."""
        return tuple(each for each in (self.incoming, self.outgoing) if each is not None)
