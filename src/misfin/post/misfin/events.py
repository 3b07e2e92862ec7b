"""What only Misfin has to tell beside the deliveries: hosts met, and keys that changed."""

from __future__ import annotations

from dataclasses import dataclass

from misfin.post.events import News
from misfin.trust.certificate import CertificateInfo
from misfin.trust.tofu import Decision


@dataclass(frozen=True, slots=True)
class HostSeen(News):
    """A host was met for the first time, or with a new certificate for its old key; ``name`` is its pin."""

    name: str
    decision: Decision
    certificate: CertificateInfo

    @property
    def text(self) -> str:
        """One sentence."""
        if self.decision is Decision.RENEWED:
            return f"{self.name} has renewed its certificate, with the same key."
        return f"First contact with {self.name}: its certificate is now trusted."


@dataclass(frozen=True, slots=True)
class MailboxKeyChanged(News):
    """After a delivery: the recipient's server named another fingerprint than before (docs/protocol.md §4.4).

    ``before`` and ``now`` are 64 hex digits. It cannot protect the message that was sent.
    """

    address: str
    before: str
    now: str

    @property
    def text(self) -> str:
        """One warning sentence and what to do."""
        return (
            f"The server of {self.address} names another certificate for it than before: {self.now}, before"
            f" {self.before}. The message was delivered. A renewed certificate looks like this, and so does"
            " another key: ask the recipient through another channel which it is."
        )
