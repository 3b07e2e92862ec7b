"""Everything a receiver of a profile needs to know, as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from misfin.net.limits import LimitSettings
from misfin.net.policies import SenderChange, VerificationMethod, VerificationMode

if TYPE_CHECKING:
    import socket

    from misfin.net.client import HostOverride
    from misfin.net.proxy import ProxyTrust
    from misfin.post.hosting.settings import HostingSettings
    from misfin.post.process_share import ProcessShare


@dataclass(frozen=True, slots=True)
class HandOverSettings:
    """``lmtp`` is the path of a Unix socket, or host and port; ``timeout`` (seconds) is for each message."""

    lmtp: str | tuple[str, int]
    timeout: float = 30.0


@dataclass(frozen=True, slots=True)
class ReceptionSettings:
    """Everything a receiver of a profile needs to know; times are seconds.

    ``listen`` are (host, port) pairs as in :class:`~misfin.net.receiver.ReceiverSettings`. ``runtime`` is the
    folder of the lock that lets only one receiver run per profile. ``remembered`` is the file with what is
    known of the identities (:class:`~misfin.store.identities.IdentityStore`); without it TLS is imported at
    the start. ``verification`` and ``methods`` are docs/trust.md §6; ``cache`` None remembers their results
    only while the receiver runs. ``hosts`` gives hosts that are asked about senders another place; with
    ``trust_on_first_use`` off they are not pinned for it. ``quota`` is how many bytes a mailbox may hold, 0
    for no limit (post/quotas.py). ``aliases`` are as in :class:`~misfin.net.directory.Directory`.
    ``hand_over`` says to which server messages go instead of to ``mail`` (post/handing_over.py).
    ``proxy`` are balancers that say whose connections they pass on. ``sockets`` listen already, and take the
    place of ``listen``; they are closed in the end. ``share`` makes this one of several processes that
    receive for the profile, from the same ``sockets``; who started them holds the lock.
    ``hosting`` is what it needs for lists and away messages; without it there are none. ``certificates`` are
    mailboxes whose key only the owner has (store/hosting/served.py).
    """

    listen: tuple[tuple[str, int], ...]
    identities: Path
    mail: Path
    trust_db: Path
    contacts_db: Path
    runtime: Path
    require_certificate: bool = True
    on_sender_change: SenderChange = SenderChange.HOLD
    limits: LimitSettings = field(default_factory=LimitSettings)
    verification: VerificationMode = VerificationMode.OPTIONAL
    methods: tuple[VerificationMethod, ...] = (VerificationMethod.CERTIFICATE,)
    cache: Path | None = None
    cache_ttl: float = 7 * 86400.0
    probe_timeout: float = 10.0
    spki_on_change: str = "reject"
    allow_private: bool = False
    hosts: Mapping[str, HostOverride] = field(default_factory=dict)
    trust_on_first_use: bool = True
    remembered: Path | None = None
    quota: int = 0
    aliases: Mapping[str, str] = field(default_factory=dict)
    hand_over: HandOverSettings | None = None
    proxy: ProxyTrust | None = None
    sockets: tuple[socket.socket, ...] = ()
    share: ProcessShare | None = None
    hosting: HostingSettings | None = None
    certificates: Path | None = None
