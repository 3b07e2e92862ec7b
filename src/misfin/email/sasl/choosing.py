"""Which of the mechanisms a server offers is used, strongest first."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterator
from dataclasses import dataclass, field

from misfin.email.sasl.authenticator import Authenticator, NoMechanismError
from misfin.email.sasl.oauth import OAuth2Authenticator, OAuthBearerAuthenticator
from misfin.email.sasl.passwords import CramMD5Authenticator, LoginAuthenticator, PlainAuthenticator
from misfin.email.sasl.scram import (
    ChannelBinding,
    Derive,
    ScramAuthenticator,
    ScramSHA1Authenticator,
    ScramSHA256Authenticator,
)


@dataclass(frozen=True)
class Credentials:
    """What somebody can log in with: a password, a way to get an OAuth token, or both.

    ``cram_md5`` allows that mechanism, which is weaker than a password over TLS. ``channel_binding`` and
    ``derive`` are for SCRAM, ``host`` and ``port`` for OAUTHBEARER.
    """

    username: str
    password: str | None = field(default=None, repr=False)
    get_token: Callable[[], Awaitable[str]] | None = field(default=None, repr=False)
    authorization_id: str = ""
    cram_md5: bool = False
    channel_binding: ChannelBinding | None = None
    derive: Derive | None = field(default=None, repr=False)
    host: str = ""
    port: int = 0


def ranked(offered: Collection[str], credentials: Credentials) -> list[Authenticator]:
    """What of the offered mechanisms the credentials are good for, strongest first.

    Mechanisms that hand over the password are among them: offer it only what came over TLS.
    """
    names = {name.upper() for name in offered}
    return [each for each in _in_order(names, credentials) if each.mechanism in names]


def strongest(offered: Collection[str], credentials: Credentials) -> Authenticator:
    """The first of :func:`ranked`. Raises :class:`~misfin.email.sasl.NoMechanismError`."""
    found = ranked(offered, credentials)
    if found:
        return found[0]
    names = frozenset(name.upper() for name in offered)
    have = [
        *(["a password"] if credentials.password is not None else []),
        *(["a token"] if credentials.get_token is not None else []),
    ]
    offer = ", ".join(sorted(names)) or "no way to log in"
    raise NoMechanismError(
        f"The server offers {offer}; none of it works with {' or '.join(have) or 'nothing'}.", names
    )


def _in_order(names: set[str], c: Credentials) -> Iterator[Authenticator]:
    if c.password is not None:
        yield _scram(ScramSHA256Authenticator, names, c, c.password)
    if c.get_token is not None:
        yield OAuthBearerAuthenticator(c.username, c.get_token, host=c.host, port=c.port)
        yield OAuth2Authenticator(c.username, c.get_token)
    if c.password is not None:
        yield _scram(ScramSHA1Authenticator, names, c, c.password)
        yield PlainAuthenticator(c.username, c.password, c.authorization_id)
        yield LoginAuthenticator(c.username, c.password)
        if c.cram_md5:
            yield CramMD5Authenticator(c.username, c.password)


def _scram(kind: type[ScramAuthenticator], names: set[str], c: Credentials, password: str) -> Authenticator:
    made = kind(
        c.username,
        password,
        c.authorization_id,
        c.channel_binding,
        plus=f"{kind.base_name}-PLUS" in names,
    )
    if c.derive is not None:
        made.derive = c.derive
    return made
