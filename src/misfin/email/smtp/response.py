"""One reply of a server, and the errors that carry one."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import NamedTuple, NoReturn

from misfin.email.smtp.errors import SMTPException
from misfin.errors import RemoteError
from misfin.model.safetext import plain

_ENHANCED = re.compile(r"([245])\.([0-9]{1,3})\.([0-9]{1,3})(?:[ \t]+|$)")


class EnhancedCode(NamedTuple):
    """The status code of RFC 3463 that may begin a reply's text, such as ``5.1.1``."""

    kind: int
    subject: int
    detail: int

    def __str__(self) -> str:
        return f"{self.kind}.{self.subject}.{self.detail}"


@dataclass(frozen=True)
class SMTPResponse:
    """One reply of the server.

    ``message`` is its text, lines joined by LF, bytes that are not UTF-8 replaced; it is a stranger's text.
    ``command`` names what it answers: the verb, ``"."`` for the message itself, ``""`` for the greeting and
    for what nobody asked. ``recipient`` is the address of an answered RCPT, and of each answer after the
    message in LMTP.
    """

    code: int
    message: str
    command: str = field(default="", compare=False)
    recipient: str | None = field(default=None, compare=False)

    def is_error(self) -> bool:
        """Whether it refuses, for now or for good."""
        return self.code >= 400

    @property
    def is_temporary(self) -> bool:
        """Whether it refuses for now: the same may be accepted later."""
        return 400 <= self.code < 500

    @property
    def is_permanent(self) -> bool:
        """Whether it refuses for good."""
        return self.code >= 500

    @property
    def enhanced(self) -> EnhancedCode | None:
        """The enhanced status code, if there is one and it says the same as ``code``."""
        found = _ENHANCED.match(self.message)
        if found is None or found[1] != str(self.code)[0]:
            return None
        return EnhancedCode(*map(int, found.groups()))

    @property
    def text(self) -> str:
        """``message`` without the enhanced status codes at the beginning of its lines."""
        return "\n".join(_ENHANCED.sub("", line, count=1) for line in self.message.split("\n"))

    def raise_as_exception(self) -> NoReturn:
        """Raise it as a :class:`SMTPResponseError`."""
        raise SMTPResponseError(f"{self.code} {plain(self.message, one_line=True)}", self)


class SMTPResponseError(SMTPException, RemoteError):
    """The server refused what was asked; ``response`` is what it said."""

    def __init__(self, message: str, response: SMTPResponse) -> None:
        super().__init__(message)
        self.response = response


class SMTPLoginError(SMTPResponseError):
    """The server refused to log us in by ``mechanism``; ``detail`` is what that mechanism knows besides."""

    remedy = "Check your user name and password."

    def __init__(self, response: SMTPResponse, mechanism: str, detail: str = "") -> None:
        words = plain(response.text, one_line=True)
        super().__init__(f"The server refused the log-in: {response.code} {words.rstrip('.')}.", response)
        self.mechanism = mechanism
        self.detail = detail
