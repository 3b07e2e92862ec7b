"""Gemmails as the receiver stores them, for screens to show."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from misfin.model.address import MisfinAddress
from misfin.model.gemmail import GemmailMessage, Version
from misfin.store.message.envelope import wrap
from misfin.trust.certificate import CertificateInfo

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def gemmail(
    body: str,
    *,
    senders: Sequence[str] = ("bob@hive.test Bob Jones",),
    to: Sequence[str] = (),
    account: str = "alice@mail.example",
    at: datetime = NOW,
    certificate: CertificateInfo | None = None,
    verification: dict[str, str] | None = None,
) -> bytes:
    """The file of a received gemmail; ``senders`` are newest first."""
    message = GemmailMessage(
        senders=[MisfinAddress.parse(sender) for sender in senders],
        recipients=[MisfinAddress.parse(each) for each in to],
        timestamps=[at] * len(senders),
        body=body,
    )
    return wrap(
        message.to_bytes(),
        version=Version.C,
        account=MisfinAddress.parse(account),
        now=at,
        certificate=certificate,
        verification=verification,
        received_from="192.0.2.7",
        received_by="mail.example",
    )
