"""The configuration file that many providers publish for mail programs (``config-v1.1.xml``), read. Pure.

The format is Thunderbird's (https://wiki.mozilla.org/Thunderbird:Autoconfiguration:ConfigFileFormat).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import urlencode
from xml.parsers import expat

from misfin.email.account import Login, MailProtocol, MailServer, Protection
from misfin.email.discovery.found import DiscoveryError, server_name

MAX_SIZE = 256 * 1024
"""Bytes of a file at most."""
MAX_DEPTH = 16
MAX_ELEMENTS = 2000
MAX_TEXT = 400
"""Characters of a value at most."""
_MAX_SERVERS = 32

_KINDS = {"imap": MailProtocol.IMAP, "pop3": MailProtocol.POP3, "smtp": MailProtocol.SMTP}
_PROTECTIONS = {"SSL": Protection.TLS, "STARTTLS": Protection.STARTTLS}
"""Not ``plain``: a password never travels unprotected."""
_LOGINS = {
    "password-cleartext": Login.PASSWORD,
    "password-encrypted": Login.PASSWORD,
    "plain": Login.PASSWORD,
    "secure": Login.PASSWORD,
    "oauth2": Login.OAUTH,
    "none": Login.NONE,
    "client-ip-address": Login.NONE,
}
_FIELDS = frozenset({"hostname", "port", "socketType", "username", "authentication"})


class Configuration(NamedTuple):
    """What a file says for one address; ``provider`` is the name it gives itself."""

    incoming: MailServer
    outgoing: MailServer
    login: Login
    provider: str


def autoconfig_urls(local: str, domain: str) -> tuple[str, ...]:
    """Where a domain publishes its file, the better place first; only hosts of the domain itself."""
    query = urlencode({"emailaddress": f"{local}@{domain}"})
    return (
        f"https://autoconfig.{domain}/mail/config-v1.1.xml?{query}",
        f"https://{domain}/.well-known/autoconfig/mail/config-v1.1.xml",
    )


def read_autoconfig(data: bytes, local: str, domain: str) -> Configuration:
    """The best servers a file names for ``local@domain``.

    IMAP before POP3, TLS before STARTTLS, then the file's own order. Raises :class:`DiscoveryError`: it is
    not such a file, breaks a bound, has a document type or an entity, or names no servers that can be used.
    """
    servers, provider = _read(data)
    placeholders = {
        "%EMAILADDRESS%": f"{local}@{domain}",
        "%EMAILLOCALPART%": local,
        "%EMAILDOMAIN%": domain,
    }
    usable = [each for raw in servers if (each := _usable(raw, placeholders)) is not None]
    incoming = [each for each in usable if each.server.protocol is not MailProtocol.SMTP]
    outgoing = [each for each in usable if each.server.protocol is MailProtocol.SMTP]
    if not (incoming and outgoing):
        raise DiscoveryError("The configuration file names no servers with TLS that can be used.")
    first, second = min(incoming, key=_rank), min(outgoing, key=_rank)
    login = first.login if first.login is not Login.NONE else second.login
    return Configuration(first.server, second.server, login, provider)


# ---- XML --------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _RawServer:
    kind: str
    values: dict[str, list[str]] = field(default_factory=dict)


@dataclass(slots=True)
class _Collector:
    """Takes what expat reads; keeps servers and a provider's name, and refuses what no file needs."""

    servers: list[_RawServer] = field(default_factory=list)
    provider: str = ""
    _path: list[str] = field(default_factory=list)
    _elements: int = 0
    _text: str = ""

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._path.append(name)
        self._elements += 1
        if len(self._path) > MAX_DEPTH or self._elements > MAX_ELEMENTS:
            raise DiscoveryError("The configuration file is too deep or has too many elements.")
        if len(self._path) == 1 and name != "clientConfig":
            raise DiscoveryError("The file is not a mail configuration.")
        self._text = ""
        if name in ("incomingServer", "outgoingServer") and self._within_provider(3):
            if len(self.servers) >= _MAX_SERVERS:
                raise DiscoveryError("The configuration file names too many servers.")
            kind = attributes.get("type", "").lower()
            self.servers.append(_RawServer(kind if (kind == "smtp") == (name[0] == "o") else ""))

    def text(self, data: str) -> None:
        self._text = (self._text + data)[: MAX_TEXT + 1]

    def end(self, name: str) -> None:
        value, self._text = self._text.strip(), ""
        if len(value) <= MAX_TEXT and value.isprintable():
            if self._within_provider(4) and self._path[2] in ("incomingServer", "outgoingServer"):
                if name in _FIELDS:
                    self.servers[-1].values.setdefault(name, []).append(value)
            elif name == "displayName" and self._within_provider(3) and not self.provider:
                self.provider = value
        self._path.pop()

    def _within_provider(self, depth: int) -> bool:
        return len(self._path) == depth and self._path[1] == "emailProvider"


def _read(data: bytes) -> tuple[list[_RawServer], str]:
    if len(data) > MAX_SIZE:
        raise DiscoveryError("The configuration file is too large.")
    collector = _Collector()
    parser = expat.ParserCreate()
    parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
    parser.StartElementHandler = collector.start
    parser.EndElementHandler = collector.end
    parser.CharacterDataHandler = collector.text
    # Entities are declared in a document type; without one there are none to expand or to load.
    parser.StartDoctypeDeclHandler = _refuse
    parser.EntityDeclHandler = _refuse
    parser.ExternalEntityRefHandler = _refuse
    try:
        parser.Parse(data, True)
    except (expat.ExpatError, ValueError, LookupError) as error:  # also an encoding nobody knows
        raise DiscoveryError("The configuration file is not valid XML.") from error
    return collector.servers, collector.provider


def _refuse(*_: object) -> int:
    raise DiscoveryError("The configuration file declares a document type, which is not allowed.")


# ---- what can be used -------------------------------------------------------------------------------


class _Usable(NamedTuple):
    server: MailServer
    login: Login


def _rank(each: _Usable) -> tuple[bool, bool]:
    return each.server.protocol is MailProtocol.POP3, each.server.protection is not Protection.TLS


def _usable(raw: _RawServer, placeholders: dict[str, str]) -> _Usable | None:
    """A server that can be used, or None."""

    def first(name: str) -> str:
        value = raw.values.get(name, [""])[0]
        for placeholder, meaning in placeholders.items():
            value = value.replace(placeholder, meaning)
        return value

    protocol = _KINDS.get(raw.kind)
    protection = _PROTECTIONS.get(first("socketType"))
    port = first("port")
    login = _login(raw.values.get("authentication", []))
    number = int(port) if port.isascii() and port.isdigit() and len(port) <= 5 else 0
    if protocol is None or protection is None or login is None or not 0 < number < 65536:
        return None
    try:
        host = server_name(first("hostname"))
    except DiscoveryError:
        return None
    user = first("username")
    if user == placeholders["%EMAILADDRESS%"]:
        user = ""  # what an account logs in with anyway
    return _Usable(MailServer(protocol, host, number, protection, user), login)


def _login(named: list[str]) -> Login | None:
    """The way of logging in that a person can use at once; a password, where nothing is said."""
    known = [_LOGINS[each.lower()] for each in named if each.lower() in _LOGINS]
    if not named or Login.PASSWORD in known:
        return Login.PASSWORD
    return known[0] if known else None
