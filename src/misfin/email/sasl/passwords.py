"""The mechanisms that hand over a password, or a digest of it: PLAIN, LOGIN, CRAM-MD5."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import field

from misfin.email.sasl.authenticator import Authenticator, SASLInputError, SASLServerError, decode, encode
from misfin.valueclass import dataclass


def utf8(text: str, what: str) -> bytes:
    """Text for a mechanism. Raises :class:`SASLInputError` where it cannot be carried."""
    if "\0" in text:
        raise SASLInputError(f"The {what} holds a NUL character, which no mechanism can carry.")
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise SASLInputError(f"The {what} holds half a character.") from None


@dataclass
class PlainAuthenticator(Authenticator):
    """PLAIN (RFC 4616): user name and password as they are, so only over TLS."""

    username: str
    password: str = field(repr=False)
    authorization_id: str = ""

    @property
    def mechanism(self) -> str:
        """PLAIN."""
        return "PLAIN"

    async def authenticate(self) -> AsyncGenerator[str, str]:
        """One message."""
        parts = (
            utf8(self.authorization_id, "authorization name"),
            utf8(self.username, "user name"),
            utf8(self.password, "password"),
        )
        yield encode(b"\0".join(parts))


@dataclass
class LoginAuthenticator(Authenticator):
    """LOGIN (draft-murchison-sasl-login): user name, then password, as they are, so only over TLS."""

    username: str
    password: str = field(repr=False)

    @property
    def mechanism(self) -> str:
        """LOGIN."""
        return "LOGIN"

    async def authenticate(self) -> AsyncGenerator[str, str]:
        """Two answers. The questions are for people: servers word them differently, and so does no client."""
        yield ""
        yield encode(utf8(self.username, "user name"))
        yield encode(utf8(self.password, "password"))


@dataclass
class CramMD5Authenticator(Authenticator):
    """CRAM-MD5 (RFC 2195): a keyed MD5 of a challenge. Weak, and servers keep the password readable."""

    username: str
    password: str = field(repr=False)

    @property
    def mechanism(self) -> str:
        """CRAM-MD5."""
        return "CRAM-MD5"

    async def authenticate(self) -> AsyncGenerator[str, str]:
        """One answer."""
        challenge = decode((yield ""))
        if not challenge:
            raise SASLServerError("The server sent an empty challenge.")
        import hmac  # late: seldom used

        digest = hmac.new(utf8(self.password, "password"), challenge, "md5").hexdigest()
        yield encode(utf8(self.username, "user name") + b" " + digest.encode())
