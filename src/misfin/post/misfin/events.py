"""What only Misfin reports beside the deliveries: hosts seen, and keys that changed."""

from __future__ import annotations

from misfin.post.events import News
from misfin.trust.certificate import CertificateInfo
from misfin.trust.tofu import Decision
from misfin.valueclass import dataclass


@dataclass(frozen=True, slots=True)
class HostSeen(News):
    """A host was seen for the first time, or with a new certificate for its old key; ``name`` is its pin."""

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
    """After a delivery: the recipient's server gave another fingerprint than before (docs/protocol.md §4.4).

    ``before`` and ``now`` are 64 hex digits. It cannot protect the message that was sent.
    """

    address: str
    before: str
    now: str

    @property
    def text(self) -> str:
        """One warning sentence and what to do."""
        return (
            f"The server of {self.address} gave a different certificate for it than before:"
            f" {self.now} instead of {self.before}. The message was delivered. The certificate may have been"
            " renewed, or the key may be another one: check with the recipient through another channel."
        )
