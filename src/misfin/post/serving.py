"""The working half of a receiver, with TLS: imported once somebody connects (post/reception.py)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from misfin.net.asking import HostAsker
from misfin.net.limits import ProbeBudget
from misfin.net.policies import VerificationMethod
from misfin.net.receiver import Receiver, ReceiverSettings
from misfin.net.verification import VerifyingHandler
from misfin.net.verifiers import CertificateVerifier, CombinedVerifier, ProbeVerifier, SPKIVerifier
from misfin.post.intake import Intake
from misfin.post.quotas import MailboxQuota
from misfin.store.mail.maildir import MailStore

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from misfin.model.address import MisfinAddress
    from misfin.net.directory import Directory
    from misfin.net.incoming import Handler, Incoming
    from misfin.net.limits import Limits
    from misfin.net.served import ServedConnection
    from misfin.net.verification_cache import SenderVerificationCache
    from misfin.net.verifiers import Verifier
    from misfin.post.hosting.duties import HostDuties
    from misfin.post.reception import ReceptionSettings
    from misfin.post.source import Inbox
    from misfin.store.seals import Seals
    from misfin.trust.identity import Identity
    from misfin.trust.pins import PinBook
    from misfin.wire import MisfinResponse

_GRACE = 2.0
"""Seconds for connections that have just begun, where whatever comes later waits for the next receiver."""

__all__ = ["Keeper", "make_intake", "make_receiver"]


class Keeper(Protocol):
    """What takes accepted messages, answers for them, and is closed when the receiver has stopped."""

    async def __call__(self, incoming: Incoming) -> MisfinResponse:
        """Keep one message; see :data:`misfin.net.incoming.Handler`."""
        ...

    async def close(self) -> None:
        """Finish what was taken."""
        ...


def make_intake(
    settings: ReceptionSettings,
    inbox: Inbox,
    seals: Seals,
    identity_of: Callable[[str], Identity | None],
) -> Keeper:
    """What keeps messages: Maildirs, or where the settings name one, a server they are handed over to."""
    if settings.hand_over is None:
        return Intake(inbox, seals, shared=settings.share is not None)
    from misfin.post.handing_over import HandOver  # late: few receivers hand over

    return HandOver(settings.hand_over, identity_of)


def make_receiver(
    settings: ReceptionSettings,
    intake: Keeper,
    directory: Directory,
    pins: PinBook,
    cache: SenderVerificationCache,
    limits: Limits[ServedConnection],
    blocked: Callable[[MisfinAddress], bool],
    now: Callable[[], float],
    duties: HostDuties | None = None,
    outdated: Callable[[], Awaitable[None] | None] | None = None,
) -> Receiver:
    """A receiver that verifies senders as the settings say and passes messages to ``intake``.

    ``duties`` are what it does for lists and mailboxes beyond that; ``outdated`` as in
    :class:`~misfin.net.receiver.Receiver`.

    Raises :class:`~misfin.errors.IdentityError` for an identity TLS cannot use.
    """
    store, kept_here, share = MailStore(settings.mail), settings.hand_over is None, settings.share
    deliver: Handler = intake if duties is None else duties.before_storing(intake)
    if settings.quota and kept_here:  # of the archives of lists, too
        given = None if share is None else share.given
        deliver = MailboxQuota(deliver, store, settings.quota, given=given)
    checking: Handler = VerifyingHandler(
        deliver,
        _verifier(settings, pins, cache, now),
        settings.verification,
        settings.methods[0] if settings.methods else VerificationMethod.CERTIFICATE,
        pins=pins,
        on_sender_change=settings.on_sender_change,
        now=now,
    )
    return Receiver(
        checking if duties is None else duties.before_checking(checking),
        directory,
        ReceiverSettings(
            listen=settings.listen,
            require_certificate=settings.require_certificate,
            grace=_GRACE if settings.sockets else 0.0,
            proxy=settings.proxy,
        ),
        limits=limits,
        blocked=blocked,
        outdated=outdated,
        now=now,
        figures=None if share is None else share.figures,
    )


def _verifier(
    settings: ReceptionSettings, pins: PinBook, cache: SenderVerificationCache, now: Callable[[], float]
) -> Verifier:
    share = settings.share
    asker = HostAsker(
        pins,
        trust_on_first_use=settings.trust_on_first_use,
        hosts=settings.hosts,
        timeout=settings.probe_timeout,
        allow_private=settings.allow_private,
        budget=None if share is None else ProbeBudget(make=share.make_buckets, running=share),
        now=now,
    )
    made: dict[VerificationMethod, Verifier] = {
        VerificationMethod.CERTIFICATE: CertificateVerifier(pins, asker, cache),
        VerificationMethod.PROBE: ProbeVerifier(cache, asker=asker),
        VerificationMethod.SPKI: SPKIVerifier(cache, on_spki_change=settings.spki_on_change, asker=asker),
    }
    wanted = settings.methods or (VerificationMethod.CERTIFICATE,)
    if len(wanted) == 1:
        return made[wanted[0]]
    return CombinedVerifier(verifiers={method: made[method] for method in wanted})
