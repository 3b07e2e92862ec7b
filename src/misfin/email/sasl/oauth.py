"""Logging in with an OAuth access token: OAUTHBEARER (RFC 7628) and Google's older XOAUTH2."""

from __future__ import annotations

import json
import re
from abc import abstractmethod
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import field

from misfin.email.sasl.authenticator import Authenticator, SASLInputError, SASLServerError, decode, encode
from misfin.email.sasl.passwords import utf8
from misfin.email.sasl.scram import escaped
from misfin.valueclass import dataclass

_TOKEN = re.compile(r"[!-~]+")
_STATUS = re.compile(r"[ -~]{1,100}")


@dataclass
class _TokenAuthenticator(Authenticator):
    """``get_token`` gives the access token; ``refusal`` is why the server refused the last one."""

    username: str
    get_token: Callable[[], Awaitable[str]] = field(repr=False)
    refusal: str = field(default="", init=False)

    async def _credentials(self) -> tuple[str, str]:
        username, token = self.username, await self.get_token()
        utf8(username, "user name")
        if "\x01" in username:
            raise SASLInputError("The user name holds a control character.")
        if not _TOKEN.fullmatch(token):
            raise SASLInputError("The access token is empty, or holds spaces or line ends.")
        return username, token

    @abstractmethod
    def _first(self, username: str, token: str) -> str: ...

    async def authenticate(self) -> AsyncGenerator[str, str]:
        """One message; a refusal comes with a reason that has to be answered before the server says no."""
        self.refusal = ""
        challenge = yield encode(self._first(*await self._credentials()).encode())
        if challenge:
            self.refusal = _reason(decode(challenge))
            yield self._to_refusal
            raise SASLServerError("The server refused the token and then accepted the log-in.")

    _to_refusal = ""


class OAuth2Authenticator(_TokenAuthenticator):
    """XOAUTH2, as Google defined it and Microsoft took it over."""

    @property
    def mechanism(self) -> str:
        """XOAUTH2."""
        return "XOAUTH2"

    def _first(self, username: str, token: str) -> str:
        return f"user={username}\x01auth=Bearer {token}\x01\x01"


@dataclass
class OAuthBearerAuthenticator(_TokenAuthenticator):
    """OAUTHBEARER (RFC 7628). ``host`` and ``port`` are the server's, if it wants to know."""

    host: str = ""
    port: int = 0

    _to_refusal = "AQ=="  # a single 0x01 (RFC 7628 §3.2.3)

    @property
    def mechanism(self) -> str:
        """OAUTHBEARER."""
        return "OAUTHBEARER"

    def _first(self, username: str, token: str) -> str:
        where = f"host={self.host}\x01" if self.host else ""
        where += f"port={self.port}\x01" if self.port else ""
        return f"n,a={escaped(username)},\x01{where}auth=Bearer {token}\x01\x01"


class TokenCache:
    """Keeps an access token until it is about to expire: a ``get_token`` for the classes above.

    ``fetch`` gets a new one and says for how many seconds it is good. ``now`` is a clock in seconds that
    never goes back, such as ``time.monotonic``; ``grace`` is how long before its end a token is too old.
    """

    def __init__(
        self,
        fetch: Callable[[], Awaitable[tuple[str, float]]],
        *,
        now: Callable[[], float],
        grace: float = 60.0,
    ) -> None:
        self._fetch = fetch
        self._now = now
        self._grace = grace
        self._token = ""
        self._good_until = 0.0

    async def __call__(self) -> str:
        """The token."""
        if not self._token or self._now() >= self._good_until:
            asked = self._now()
            self._token, seconds = await self._fetch()
            self._good_until = asked + seconds - self._grace
        return self._token

    def clear(self) -> None:
        """Forget the token, as after a refusal."""
        self._token = ""


def _reason(data: bytes) -> str:
    """The status of the JSON a server refuses with (RFC 7628 §3.2.2), or ``"refused"``."""
    try:
        status = json.loads(data)["status"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return "refused"
    return status if isinstance(status, str) and _STATUS.fullmatch(status) else "refused"
