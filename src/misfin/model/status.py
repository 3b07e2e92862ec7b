"""What each Misfin status code means and what a good client does about it (docs/protocol.md §2)."""

from __future__ import annotations

import re
from enum import IntEnum, StrEnum

from misfin.model.fingerprint import normalize_fingerprint


class StatusCode(IntEnum):
    """The status codes of Misfin(B), unchanged in Misfin(C) (docs/protocol.md §2)."""

    SUCCESS = 20
    MESSAGE_DELIVERED = 20
    REDIRECT_TEMPORARY = 30
    REDIRECT_PERMANENT = 31
    TEMPORARY_FAILURE = 40
    SERVER_UNAVAILABLE = 41
    CGI_ERROR = 42
    PROXY_ERROR = 43
    SLOW_DOWN = 44
    MAILBOX_FULL = 45
    PERMANENT_FAILURE = 50
    MAILBOX_NOT_FOUND = 51
    MAILBOX_GONE = 52
    DOMAIN_NOT_SERVICED = 53
    BAD_REQUEST = 59
    CERTIFICATE_REQUIRED = 60
    UNAUTHORIZED_SENDER = 61
    CERTIFICATE_INVALID = 62
    CERTIFICATE_CHANGED = 63
    PROVE_IT = 64


class Advice(StrEnum):
    """What a sender does next; :mod:`misfin.post.retry` has the timing."""

    DELIVERED = "delivered"
    REDIRECT_ONCE = "redirect-once"
    """Ask, then send this one message there; leave the contact unchanged."""
    REDIRECT_ALWAYS = "redirect-always"
    """Ask, then send there and offer to update the contact."""
    RETRY = "retry"
    """Try again after some minutes."""
    WAIT = "wait"
    """Try again after :func:`delay_of` seconds; never counts as a failure."""
    RETRY_SLOWLY = "retry-slowly"
    """Try again after hours, a few times at most."""
    STOP = "stop"
    NEED_IDENTITY = "need-identity"
    """Send the same message again, with an identity."""
    VIOLATION = "violation"
    """An unknown status: the peer broke the protocol; do not retry."""


_SHORT = {
    20: "Message delivered",
    30: "Send here instead",
    31: "Send here from now on",
    40: "Temporary error",
    41: "Server unavailable",
    42: "Server script failed",
    43: "Proxy error",
    44: "Slow down",
    45: "Mailbox full",
    50: "Permanent error",
    51: "No such mailbox",
    52: "Mailbox gone",
    53: "Domain not served here",
    59: "Bad request",
    60: "Certificate required",
    61: "Sender not allowed",
    62: "Certificate invalid",
    63: "Certificate changed",
    64: "Prove it",
}
_SHORT_BY_DIGIT = {
    2: "Success",
    3: "Redirect",
    4: "Temporary failure",
    5: "Permanent failure",
    6: "Certificate refused",
}

_ADVICE = {
    31: Advice.REDIRECT_ALWAYS,
    44: Advice.WAIT,
    45: Advice.RETRY_SLOWLY,
    60: Advice.NEED_IDENTITY,
}
_ADVICE_BY_DIGIT = {
    2: Advice.DELIVERED,
    3: Advice.REDIRECT_ONCE,
    4: Advice.RETRY,
    5: Advice.STOP,
    6: Advice.STOP,
}

_SENTENCES = {
    30: "The mailbox wants this message sent to another address. Check that address before you follow it.",
    31: "The mailbox has moved for good. Check the new address, then send there and update the contact.",
    41: "The server is not available just now. The message will be sent again later.",
    42: "A script on the server failed. The message will be sent again later.",
    43: "The server could not pass the message on to that domain. The message will be sent again later.",
    44: "The server asks us to slow down. The message will be sent after the time it asked for.",
    45: "The mailbox is full. The message will be sent again a few more times, hours apart.",
    51: "There is no such mailbox. Check the spelling before the @.",
    52: "The mailbox is gone for good. Remove the contact or find a new address.",
    53: "This server does not serve that host name. Check the host and the port.",
    59: "The server could not read the request. It may speak another version or allow only shorter messages.",
    60: "The server requires a certificate from the sender. Choose an identity and send again.",
    61: "The server refuses mail from this sender. Contact the owner another way, or use another identity.",
    62: "The server does not accept our certificate. Check the identity: its dates, mailbox and host name.",
    63: "The server remembers another certificate for this sender. Ask its owner to forget the old one.",
    64: "The server requires a proof of work, which is not supported. Contact the owner another way.",
}
_SENTENCES_BY_DIGIT = {
    2: "The message was delivered.",
    3: _SENTENCES[30],
    4: "The server has a temporary problem. The message will be sent again later.",
    5: "The server refused the message for good. It will not be sent again.",
    6: "The server did not accept the sender's certificate. Check the identity and send again.",
}
_NO_STATUS = "The server's answer is not part of Misfin. The message will not be sent again automatically."

DEFAULT_DELAY = 60
"""Seconds to wait after a 44 that names no time (docs/protocol.md §2.1)."""
MAX_DELAY = 3600
"""The longest wait, in seconds, a 44 can ask for: a hostile server must not delay mail for years."""

# The look-behind anchors it at the start of a run of digits; otherwise every digit would start a scan.
_DELAY = re.compile(
    r"(?<![0-9])([0-9]+)\s*(?:(s|sec|secs|second|seconds)|m|min|mins|minute|minutes)\b",
    re.ASCII | re.IGNORECASE,
)
_LONGEST_NUMBER = 9  # digits; more is over MAX_DELAY anyway, and int() of thousands of digits is slow


def interpret_status(status: int) -> str:
    """A few words for a status (docs/protocol.md §2), by the first digit for unknown ones. Never raises."""
    return _SHORT.get(status) or _SHORT_BY_DIGIT.get(status // 10, "Unknown")


def is_success(status: int) -> bool:
    """2x: delivered, regardless of META (docs/protocol.md §2)."""
    return 20 <= status < 30


def is_redirect(status: int) -> bool:
    """3x: META is another address; nothing was delivered (docs/protocol.md §2)."""
    return 30 <= status < 40


def is_error(status: int) -> bool:
    """4x or 5x: temporary or permanent failure; a refused certificate (6x) is :func:`is_auth_failure`."""
    return 40 <= status < 60


def is_auth_failure(status: int) -> bool:
    """6x: the sender's certificate is missing, not allowed or not valid (docs/protocol.md §2)."""
    return 60 <= status < 70


def advice(status: int) -> Advice:
    """What to do, by the table of docs/protocol.md §2; a code not in it counts by its first digit."""
    return _ADVICE.get(status) or _ADVICE_BY_DIGIT.get(status // 10, Advice.VIOLATION)


def explain(status: int, meta: str) -> str:
    """One or two sentences: what happened and what to do, with the server's own words if it sent any.

    Control characters are removed from those words, but they still come from a stranger.
    """
    sentence = _SENTENCES.get(status) or _SENTENCES_BY_DIGIT.get(status // 10, _NO_STATUS)
    words = "".join(filter(str.isprintable, meta)).strip()
    if not words or (is_success(status) and normalize_fingerprint(words)):
        return sentence
    return f"{sentence} The server says: {status} {words}"


def delay_of(meta: str) -> int:
    """Seconds a 44 asks to wait, between 1 and :data:`MAX_DELAY` (docs/protocol.md §2.1)."""
    text = meta.strip()
    if text.isascii() and text.isdigit():
        return _clamped(text, 1)
    if found := _DELAY.search(text):
        return _clamped(found[1], 1 if found[2] else 60)
    return DEFAULT_DELAY


def _clamped(digits: str, unit: int) -> int:
    significant = digits.lstrip("0")
    seconds = MAX_DELAY if len(significant) > _LONGEST_NUMBER else int(significant or "0") * unit
    return min(max(seconds, 1), MAX_DELAY)
