"""Which of a server's mechanisms is used, strongest first; those it does not offer are not loaded."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterator
from dataclasses import field
from typing import TYPE_CHECKING

from misfin.email.sasl.authenticator import Authenticator, NoMechanismError
from misfin.email.sasl.passwords import CramMD5Authenticator, LoginAuthenticator, PlainAuthenticator
from misfin.valueclass import dataclass

if TYPE_CHECKING:
    from misfin.email.sasl.scram import ChannelBinding, Derive


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
        yield from _scram("SCRAM-SHA-256", names, c, c.password)
    if c.get_token is not None and names & {"OAUTHBEARER", "XOAUTH2"}:
        from misfin.email.sasl.oauth import OAuth2Authenticator, OAuthBearerAuthenticator

        yield OAuthBearerAuthenticator(c.username, c.get_token, host=c.host, port=c.port)
        yield OAuth2Authenticator(c.username, c.get_token)
    if c.password is not None:
        yield from _scram("SCRAM-SHA-1", names, c, c.password)
        yield PlainAuthenticator(c.username, c.password, c.authorization_id)
        yield LoginAuthenticator(c.username, c.password)
        if c.cram_md5:
            yield CramMD5Authenticator(c.username, c.password)


def _scram(name: str, names: set[str], c: Credentials, password: str) -> Iterator[Authenticator]:
    if names.isdisjoint((name, f"{name}-PLUS")):
        return
    from misfin.email.sasl.scram import ScramSHA1Authenticator, ScramSHA256Authenticator

    kind = ScramSHA1Authenticator if name == ScramSHA1Authenticator.base_name else ScramSHA256Authenticator
    made = kind(
        c.username,
        password,
        c.authorization_id,
        c.channel_binding,
        plus=f"{name}-PLUS" in names,
    )
    if c.derive is not None:
        made.derive = c.derive
    yield made
