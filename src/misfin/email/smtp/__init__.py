"""SMTP and LMTP without any I/O, for both ends of a connection (RFC 5321, RFC 2033).

The names are those of smtpproto, so that what was written about driving that library holds here:

1. open the connection, over TLS if the port wants it; ``protocol = SMTPClientProtocol()``;
2. read, and give what came to ``protocol.feed_bytes()`` until it returns the server's greeting;
3. for each command: call its method, write ``protocol.get_outgoing_data()``, then read and feed again until a
   response comes back; after each read write out again, for a reply can have queued a command;
4. look at ``response.is_error()``: a refusal is a response, not an exception;
5. for TLS on a plain connection: ``start_tls()``, the handshake, ``send_greeting()`` once more.

Nothing here times out, opens files or decides about trust. ``misfin.email.smtp.client`` does that with
asyncio; docs/smtp-engine.md explains all of it for an I/O layer of your own.
"""

from misfin.email.sasl import Authenticator as SMTPAuthenticator
from misfin.email.smtp.errors import (
    SMTPArgumentError,
    SMTPCertificateError,
    SMTPConnectionLost,
    SMTPException,
    SMTPLocalViolation,
    SMTPMessageTooLarge,
    SMTPMissingExtension,
    SMTPProtocolViolation,
    SMTPRemoteViolation,
    SMTPSourceError,
    SMTPUnsupportedAuthMechanism,
)
from misfin.email.smtp.protocol import SMTPClientProtocol
from misfin.email.smtp.response import EnhancedCode, SMTPLoginError, SMTPResponse, SMTPResponseError
from misfin.email.smtp.server import ServerState, SMTPServerProtocol
from misfin.email.smtp.states import ClientState
from misfin.email.smtp.stuffing import LineEnds, MessageFacts, survey

__all__ = [
    "ClientState",
    "EnhancedCode",
    "LineEnds",
    "MessageFacts",
    "SMTPArgumentError",
    "SMTPAuthenticator",
    "SMTPCertificateError",
    "SMTPClientProtocol",
    "SMTPConnectionLost",
    "SMTPException",
    "SMTPLocalViolation",
    "SMTPLoginError",
    "SMTPMessageTooLarge",
    "SMTPMissingExtension",
    "SMTPProtocolViolation",
    "SMTPRemoteViolation",
    "SMTPResponse",
    "SMTPResponseError",
    "SMTPServerProtocol",
    "SMTPSourceError",
    "SMTPUnsupportedAuthMechanism",
    "ServerState",
    "survey",
]
