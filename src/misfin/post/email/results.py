"""What an SMTP reply or a failed connection means for a delivery (docs/sending-email.md §4). Pure."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

from misfin.email.account import EmailAccount, MailServer
from misfin.email.mime_out import AttachmentChangedError
from misfin.email.sasl import SASLError
from misfin.email.smtp import (
    SMTPArgumentError,
    SMTPConnectionLost,
    SMTPLoginError,
    SMTPMessageTooLarge,
    SMTPMissingExtension,
    SMTPRemoteViolation,
    SMTPResponse,
    SMTPResponseError,
    SMTPSourceError,
)
from misfin.email.smtp.transaction import RecipientResult, SubmissionResult
from misfin.errors import AccountError, DeliveryError, LocalError, MisfinError, StoreError
from misfin.model.safetext import plain
from misfin.post.email.accounts import ASKS_ACCOUNT
from misfin.post.settling import sentence_of
from misfin.post.transport import Accepted, Ask, Pace, Permanent, Result, Temporary, Unknown
from misfin.store.outgoing.deliveries import Question
from misfin.trust.refusal import CertificateChangedError, TrustError

AWAY = Temporary(Pace.SOON, whole_route=True)
"""No such name, no connection, no TLS, silence, or not SMTP, all before the end of the message."""
REFUSES = Temporary(Pace.MINUTES, whole_route=True)
"""The server takes nothing from anybody just now."""

_CLOSING = 421
_NO_LOGIN = frozenset({530, 534, 535, 538})
_MAX_META = 300

_SENTENCES = MappingProxyType(
    {
        (1, 0): "The server does not accept this address.",
        (1, 1): "There is no such mailbox.",
        (1, 2): "The domain of the address does not exist, or accepts no mail.",
        (1, 3): "The server says that the address is malformed.",
        (1, 6): "The mailbox has moved and left no new address.",
        (1, 7): "The server does not accept your address as the sender's.",
        (1, 8): "The server does not accept the domain of your address.",
        (1, 10): "The domain of the address accepts no mail at all.",
        (2, 0): "The mailbox cannot take the message.",
        (2, 1): "The mailbox is disabled.",
        (2, 2): "The mailbox is full.",
        (2, 3): "The message is too large for the mailbox.",
        (3, 1): "The server has no space left.",
        (3, 2): "The server accepts no mail at present.",
        (3, 4): "The message is too large for the server.",
        (4, 1): "The recipient's server does not answer.",
        (4, 2): "The connection to the recipient's server failed.",
        (4, 4): "The server does not know where to send mail for this address.",
        (4, 7): "The recipient's server took too long.",
        (5, 3): "There are too many recipients for one message.",
        (6, 7): "The recipient's server cannot handle addresses outside ASCII.",
        (7, 0): "The server refuses the message for reasons of security.",
        (7, 1): "The server's rules do not allow this message.",
        (7, 23): "The recipient's server does not accept mail of your domain from your server (SPF).",
        (7, 25): "The recipient's server does not accept your server: its IP address has no name.",
        (7, 26): "The message is not authenticated as the recipient's server requires (SPF, DKIM or DMARC).",
        (7, 27): "The domain of your address accepts no mail, so nothing is accepted from it.",
    }
)
"""By the last two numbers of an enhanced status code (RFC 3463, RFC 7372, RFC 7505)."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What something means for a delivery, in words for a person."""

    result: Result
    words: str


def asks_account(account: EmailAccount, state: str, words: str) -> Judged:
    """Everything the account sends waits until its password or its settings have changed."""
    return Judged(Ask(Question.ACCOUNT, f"{ASKS_ACCOUNT}{account.name}", state), words)


# ---- after the envelope was sent


def of_recipient(found: RecipientResult, server: MailServer) -> Judged:
    """What became of a message for one recipient. A refused log-in is the caller's: see :func:`no_login`."""
    response = found.response
    match found.result:
        case SubmissionResult.ACCEPTED:
            return Judged(Accepted(), f"Accepted by {server.host}.")
        case SubmissionResult.UNKNOWN:
            return Judged(
                Unknown(),
                f"{server.host} got the whole message and did not say whether it accepts it; it may have"
                " arrived. Ask the recipient before you send it again.",
            )
        case SubmissionResult.TEMPORARY if response is None:
            return Judged(AWAY, f"{found.reason} Nothing was accepted.")
        case SubmissionResult.PERMANENT if response is None:
            return Judged(Ask(Question.PERSON), found.reason)
    assert response is not None
    return of_refusal(response, server)


def of_refusal(response: SMTPResponse, server: MailServer) -> Judged:
    """A 4yz or 5yz reply to MAIL, RCPT, DATA or the message."""
    what = response.enhanced[1:] if response.enhanced else None
    words = f"{_sentence(response, what)} ({server.host} said {said(response)})"
    if response.code == _CLOSING:
        return Judged(AWAY, f"{server.host} ended the session: {said(response)}")
    if response.is_temporary:
        pace = {(2, 2): Pace.HOURS, (5, 3): Pace.SOON}.get(what or (0, 0), Pace.MINUTES)
        return Judged(Temporary(pace), words)
    if what in ((2, 3), (3, 4)) or (response.code in (523, 552) and what != (2, 2)):
        return Judged(Ask(Question.TOO_LARGE), f"{words} Send fewer or smaller attachments.")
    return Judged(Permanent(), words)


def no_login(response: SMTPResponse | None) -> bool:
    """Whether a refusal means that the server does not let us in: everything of the account waits then."""
    return response is not None and response.code in _NO_LOGIN


def said(response: SMTPResponse) -> str:
    """A server's reply on one short line, safe to show."""
    text = plain(f"{response.code} {response.message}", one_line=True).strip()
    return text if len(text) <= _MAX_META else text[: _MAX_META - 1] + "…"


def _sentence(response: SMTPResponse, what: tuple[int, int] | None) -> str:
    if what is not None and what in _SENTENCES:
        return _SENTENCES[what]
    return _OTHERWISE[response.command == "RCPT", response.is_temporary]


_OTHERWISE = MappingProxyType(
    {
        (True, True): "The server does not accept this recipient at present.",
        (True, False): "The server does not accept this recipient.",
        (False, True): "The server cannot take the message now.",
        (False, False): "The server refuses the message.",
    }
)
"""By whether it is the answer to RCPT, and whether it is temporary."""


# ---- before anything was sent


def of_connecting(error: MisfinError, account: EmailAccount, server: MailServer, state: str) -> Judged:
    """Why there is no connection over which a message could be sent.

    ``state`` is that of the account's log-in and settings (``EmailTransport``).
    """
    words = sentence_of(error)
    match error:
        case CertificateChangedError():
            return Judged(Ask(Question.CHANGED_CERTIFICATE, server.name, error.pin.spki_sha256), words)
        case TrustError():
            return Judged(Ask(Question.UNTRUSTED_SERVER, server.name), words)
        case SMTPLoginError(response=response):
            if response.is_permanent:
                return asks_account(account, state, words)
            return Judged(REFUSES, f"{server.host} cannot check the log-in now: {said(response)}")
        case SMTPResponseError(response=response):
            if no_login(response):
                return asks_account(account, state, words)
            return Judged(REFUSES, f"{server.host} refuses connections: {said(response)}")
        case SMTPMissingExtension() | SASLError():
            return asks_account(account, state, words)
        case SMTPConnectionLost() | SMTPRemoteViolation() | DeliveryError() | StoreError():
            return Judged(AWAY, words)
        case LocalError():
            return asks_account(account, state, words)
        case _:
            return Judged(AWAY, words)


def of_sending(error: MisfinError, server: MailServer) -> Judged:
    """Why a message could not be handed over, though the connection was there; nothing was accepted."""
    match error:
        case SMTPMessageTooLarge():
            return Judged(Ask(Question.TOO_LARGE), too_large(server, error.size, error.limit))
        case SMTPMissingExtension(extension="SMTPUTF8"):
            words = f"{server.host} cannot send to or from addresses outside ASCII (no SMTPUTF8)."
            return Judged(Ask(Question.PERSON), words)
        case SMTPMissingExtension(extension="8BITMIME"):
            words = f"{server.host} accepts only ASCII, and an attached message has other characters."
            return Judged(Ask(Question.PERSON), f"{words} Put it into an archive.")
        case AttachmentChangedError() | SMTPSourceError() | StoreError() | AccountError():
            return Judged(Ask(Question.PERSON), f"{sentence_of(error)} Nothing was sent.")
        case SMTPArgumentError() | LocalError():
            return Judged(Permanent(), sentence_of(error))
        case _:
            return Judged(AWAY, sentence_of(error))


def too_large(server: MailServer, size: int, limit: int) -> str:
    """What a person reads about a message over the limit of a server."""
    return (
        f"{server.host} accepts at most {megabytes(limit)}, and this message has {megabytes(size)}."
        " Send fewer or smaller attachments."
    )


def megabytes(size: int) -> str:
    """A size as people say it: ``20 MB``."""
    return f"{size / 1e6:,.1f} MB".replace(".0 MB", " MB") if size >= 100_000 else f"{size:,} bytes"
