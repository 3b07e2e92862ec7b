"""Logging in to mail servers (SASL, RFC 4422), the same for SMTP, IMAP and POP3.

An authenticator is a class with a ``mechanism`` and an async generator ``authenticate``; write your own by
deriving from :class:`Authenticator`. Those here do no I/O, and :func:`strongest` chooses among them.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from misfin.email.sasl.authenticator import (
    Authenticator,
    Conversation,
    NoMechanismError,
    SASLError,
    SASLInputError,
    SASLServerError,
    decode,
    encode,
    without_waiting,
)
from misfin.email.sasl.choosing import Credentials, ranked, strongest
from misfin.email.sasl.passwords import CramMD5Authenticator, LoginAuthenticator, PlainAuthenticator
from misfin.email.sasl.saslprep import saslprep

if TYPE_CHECKING:
    from misfin.email.sasl.oauth import OAuth2Authenticator, OAuthBearerAuthenticator, TokenCache
    from misfin.email.sasl.scram import ChannelBinding, ScramSHA1Authenticator, ScramSHA256Authenticator

__all__ = [
    "Authenticator",
    "ChannelBinding",
    "Conversation",
    "CramMD5Authenticator",
    "Credentials",
    "LoginAuthenticator",
    "NoMechanismError",
    "OAuth2Authenticator",
    "OAuthBearerAuthenticator",
    "PlainAuthenticator",
    "SASLError",
    "SASLInputError",
    "SASLServerError",
    "ScramSHA1Authenticator",
    "ScramSHA256Authenticator",
    "TokenCache",
    "decode",
    "encode",
    "ranked",
    "saslprep",
    "strongest",
    "without_waiting",
]

_LATE = {
    "OAuth2Authenticator": "oauth",
    "OAuthBearerAuthenticator": "oauth",
    "TokenCache": "oauth",
    "ChannelBinding": "scram",
    "ScramSHA1Authenticator": "scram",
    "ScramSHA256Authenticator": "scram",
}
"""What is loaded when it is first asked for, and the module it is in: most log-ins need none of it."""


def __getattr__(name: str) -> object:
    if name not in _LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: object = getattr(import_module(f"{__name__}.{_LATE[name]}"), name)
    globals()[name] = found
    return found
