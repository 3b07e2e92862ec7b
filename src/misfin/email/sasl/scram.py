"""SCRAM (RFC 5802, RFC 7677): both sides prove that they know the password, and neither sends it."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import field
from typing import ClassVar, NamedTuple

from misfin.email.sasl.authenticator import Authenticator, SASLInputError, SASLServerError, decode, encode
from misfin.email.sasl.passwords import utf8
from misfin.email.sasl.saslprep import saslprep
from misfin.valueclass import dataclass

MIN_ITERATIONS = 4096
"""RFC 5802 §5.1, RFC 7677 §4: with fewer, what is sent is too easy to guess a password from."""
MAX_ITERATIONS = 1_000_000
"""About half a second of work; a server must not be able to ask for hours."""

Derive = Callable[[str, bytes, bytes, int], Awaitable[bytes]]
"""PBKDF2: name of the hash, password, salt, iterations."""

_NONCE = re.compile(r"[!-+\--~]+")  # printable ASCII but for the comma
_FIRST = re.compile(r"r=([^,]*),s=([^,]*),i=([0-9]{1,9})(?:,.*)?", re.DOTALL)
_BINDING = re.compile(r"[A-Za-z0-9.-]+")


class ChannelBinding(NamedTuple):
    """What ties a log-in to one TLS connection (RFC 5929): ``("tls-server-end-point", hash)``."""

    kind: str
    data: bytes


async def _derive(name: str, password: bytes, salt: bytes, iterations: int) -> bytes:
    return hashlib.pbkdf2_hmac(name, password, salt, iterations)


@dataclass
class ScramAuthenticator(Authenticator):
    """What the SCRAM mechanisms share.

    With ``channel_binding``, the ``-PLUS`` variant is used if the server offers it (``plus``); if not, the
    server learns that it could have been, so that nobody between can hide the offer. ``derive`` does the
    heavy computing, which a program with an event loop gives to a thread. ``nonce`` is for tests.
    """

    username: str
    password: str = field(repr=False)
    authorization_id: str = ""
    channel_binding: ChannelBinding | None = None
    plus: bool = True
    derive: Derive = field(default=_derive, repr=False)
    nonce: Callable[[], str] = field(default=secrets.token_urlsafe, repr=False)

    hash_name: ClassVar[str]
    base_name: ClassVar[str]

    @property
    def mechanism(self) -> str:
        """SCRAM, the hash, and perhaps PLUS."""
        return f"{self.base_name}-PLUS" if self._bound else self.base_name

    @property
    def _bound(self) -> bool:
        return self.channel_binding is not None and self.plus

    async def authenticate(self) -> AsyncGenerator[str, str]:
        """First message, proof, check of the server's signature."""
        binding, nonce = self._binding_header(), self.nonce()
        first_bare = f"n={escaped(saslprep(self.username, 'user name'))},r={nonce}"
        password = utf8(saslprep(self.password, "password"), "password")

        server_first = _text((yield encode(f"{binding}{first_bare}".encode())))
        full_nonce, salt, iterations = _server_first(server_first, nonce)
        bound = self.channel_binding.data if self.channel_binding and self._bound else b""
        without_proof = f"c={encode(binding.encode() + bound)},r={full_nonce}"
        signed = f"{first_bare},{server_first},{without_proof}".encode()
        salted = await self.derive(self.hash_name, password, salt, iterations)
        client_key = self._hmac(salted, b"Client Key")
        signature = self._hmac(hashlib.new(self.hash_name, client_key).digest(), signed)
        proof = bytes(a ^ b for a, b in zip(client_key, signature, strict=True))

        server_final = _text((yield encode(f"{without_proof},p={encode(proof)}".encode())))
        value = server_final.partition(",")[0]
        if value.startswith("e="):
            yield ""  # a refusal, most often of the password; the server says so itself next
            raise SASLServerError("The server refused the log-in and then accepted it.")
        wanted = self._hmac(self._hmac(salted, b"Server Key"), signed)
        if not (value.startswith("v=") and hmac.compare_digest(decode(value[2:]), wanted)):
            raise SASLServerError("The server could not prove that it knows the password.")
        yield ""

    def _binding_header(self) -> str:
        name = (
            f"a={escaped(saslprep(self.authorization_id, 'authorization name'))}"
            if self.authorization_id
            else ""
        )
        if self.channel_binding is None:
            return f"n,{name},"
        if not self._bound:
            return f"y,{name},"
        if not _BINDING.fullmatch(self.channel_binding.kind):
            raise SASLInputError("This is not the name of a channel binding.")
        return f"p={self.channel_binding.kind},{name},"

    def _hmac(self, key: bytes, message: bytes) -> bytes:
        return hmac.digest(key, message, self.hash_name)


class ScramSHA256Authenticator(ScramAuthenticator):
    """SCRAM-SHA-256 (RFC 7677)."""

    hash_name = "sha256"
    base_name = "SCRAM-SHA-256"


class ScramSHA1Authenticator(ScramAuthenticator):
    """SCRAM-SHA-1 (RFC 5802)."""

    hash_name = "sha1"
    base_name = "SCRAM-SHA-1"


def escaped(name: str) -> str:
    """A name within a list of attributes. Raises :class:`~misfin.email.sasl.SASLInputError`."""
    utf8(name, "user name")
    return name.replace("=", "=3D").replace(",", "=2C")


def _text(challenge: str) -> str:
    try:
        return decode(challenge).decode()
    except UnicodeDecodeError:
        raise SASLServerError("The server sent a challenge that is not UTF-8.") from None


def _server_first(text: str, nonce: str) -> tuple[str, bytes, int]:
    """Nonce, salt and iterations the server asks for, all checked."""
    found = _FIRST.fullmatch(text)
    if found is None:  # also an unknown mandatory extension, which would come first
        raise SASLServerError("The server sent a challenge that is not SCRAM.")
    full_nonce, salt, iterations = found[1], decode(found[2]), int(found[3])
    if not (full_nonce.startswith(nonce) and len(full_nonce) > len(nonce) and _NONCE.fullmatch(full_nonce)):
        raise SASLServerError("The server answered another log-in than this one.")
    if not salt or not MIN_ITERATIONS <= iterations <= MAX_ITERATIONS:
        raise SASLServerError(
            f"The server asks for {iterations:,} iterations;"
            f" from {MIN_ITERATIONS:,} to {MAX_ITERATIONS:,} are reasonable."
        )
    return full_nonce, salt, iterations
