"""What the pin book stores besides pins: its log, offers waiting for a decision, and facts about hosts."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final

from misfin.trust.tofu import PinKind
from misfin.valueclass import dataclass

if TYPE_CHECKING:
    from misfin.model.gemmail import Version
    from misfin.trust.identity import CertificateInfo

# A remembered protocol version expires after a month (docs/protocol.md §8).
VERSION_MEMORY: Final = 30 * 86400.0
_FRESH: Final = 86400.0


class LogEvent(StrEnum):
    """What happened to a pin."""

    FIRST_USE = "first use"
    RENEWED = "renewed"
    REFUSED = "refused"  # a certificate was presented and not accepted
    APPROVED = "approved"
    FORGOTTEN = "forgotten"
    MAILBOX_KEY = "recipient's key changed"  # after a message; nothing was refused


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One line of the trust log; ``at`` is Unix seconds."""

    at: float
    kind: PinKind
    name: str
    event: LogEvent
    cert_sha256: str
    spki_sha256: str
    how: str


@dataclass(frozen=True, slots=True)
class Offer:
    """A certificate that was presented and not accepted; the user may still approve it."""

    kind: PinKind
    name: str
    certificate: CertificateInfo
    shown: float


@dataclass(frozen=True, slots=True)
class HostMemory:
    """What was learnt about the server of a host (docs/protocol.md §3.3, §8).

    ``speaks`` is the version it answered in at ``since`` (Unix seconds); ``sender_line`` says that
    it wants our address on line 1; ``size_limit`` is its limit for a message in bytes, if known.
    """

    speaks: Version | None = None
    since: float = 0.0
    sender_line: bool = False
    size_limit: int | None = None

    def version(self, now: float) -> Version | None:
        """The remembered version, or None if it is too old, or from the future by a clock set back since."""
        return self.speaks if -_FRESH <= now - self.since <= VERSION_MEMORY else None

    def knows(self, speaks: Version, now: float) -> bool:
        """Whether this version was stored so recently that storing it again is not worth it."""
        return self.speaks is speaks and -_FRESH <= now - self.since <= _FRESH


@dataclass(frozen=True, slots=True)
class MailServerFacts:
    """What a mail server said about itself when it was last used.

    ``size_limit`` is the largest message it takes, in bytes, if it named one; ``extensions`` are the names it
    gave in its answer to EHLO, in upper case.
    """

    size_limit: int | None = None
    extensions: frozenset[str] = frozenset()
