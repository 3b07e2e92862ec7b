"""Where people sign in with OAuth: the addresses and the scopes of providers. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from misfin.email.account import OAuthServer


@dataclass(frozen=True, slots=True)
class OAuthProvider:
    """One authorization server. ``device`` is empty where it offers no device code for mail.

    ``redirect_host`` is how the address that the browser comes back to is written: providers compare it with
    what was registered. ``extra`` are parameters of its own for the authorization request.
    """

    name: str
    authorize: str
    token: str
    scopes: tuple[str, ...]
    device: str = ""
    redirect_host: str = "127.0.0.1"
    extra: tuple[tuple[str, str], ...] = ()
    servers: frozenset[str] = frozenset()
    passwords: bool = True
    """Whether its mail servers take passwords too, if only those made for one program."""


@dataclass(frozen=True, slots=True)
class OAuthClient:
    """A person's own registration with a provider. A secret of an installed program is not one (RFC 8252)."""

    id: str
    secret: str = field(default="", repr=False)


def own_provider(server: OAuthServer) -> OAuthProvider:
    """A provider that somebody's settings name."""
    name = urlsplit(server.token).hostname or "The provider"
    return OAuthProvider(name, server.authorize, server.token, tuple(server.scopes.split()), server.device)


_MICROSOFT = "https://login.microsoftonline.com/common/oauth2/v2.0"

GOOGLE = OAuthProvider(
    "Google",
    authorize="https://accounts.google.com/o/oauth2/v2/auth",
    token="https://oauth2.googleapis.com/token",  # noqa: S106 - an address
    scopes=("https://mail.google.com/",),  # which its device codes cannot grant
    # Without these two a second sign-in brings no refresh token.
    extra=(("access_type", "offline"), ("prompt", "consent")),
    servers=frozenset({"imap.gmail.com", "smtp.gmail.com", "pop.gmail.com", "imap.googlemail.com"}),
)
MICROSOFT = OAuthProvider(
    "Microsoft",
    authorize=f"{_MICROSOFT}/authorize",
    token=f"{_MICROSOFT}/token",
    device=f"{_MICROSOFT}/devicecode",
    scopes=(
        "https://outlook.office.com/IMAP.AccessAsUser.All",
        "https://outlook.office.com/POP.AccessAsUser.All",
        "https://outlook.office.com/SMTP.Send",
        "offline_access",
    ),
    redirect_host="localhost",  # the one form with any port that its registration takes
    servers=frozenset(
        {"outlook.office365.com", "smtp.office365.com", "smtp-mail.outlook.com", "imap-mail.outlook.com"}
    ),
    passwords=False,
)
OAUTH_PROVIDERS = (GOOGLE, MICROSOFT)


def provider_of(host: str) -> OAuthProvider | None:
    """The provider that gives tokens for a mail server, if this program knows it."""
    return next((each for each in OAUTH_PROVIDERS if host in each.servers), None)
