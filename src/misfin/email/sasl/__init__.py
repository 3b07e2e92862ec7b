"""Logging in to mail servers (SASL, RFC 4422), the same for SMTP, IMAP and POP3.

An authenticator is a class with a ``mechanism`` and an async generator ``authenticate``; write your own by
deriving from :class:`Authenticator`. Those here do no I/O, and :func:`strongest` chooses among them.
"""

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
from misfin.email.sasl.oauth import OAuth2Authenticator, OAuthBearerAuthenticator, TokenCache
from misfin.email.sasl.passwords import CramMD5Authenticator, LoginAuthenticator, PlainAuthenticator
from misfin.email.sasl.saslprep import saslprep
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
