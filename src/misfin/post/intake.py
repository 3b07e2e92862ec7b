"""Takes messages from the receiver and answers 20 once they are safely on disk, not a moment sooner.

Messages go through one writer thread, which stores whatever has queued up meanwhile as one batch: each file
is fsynced, the folder once for all of them (store/maildir.py). The event loop only waits. A second writer
would make the batches smaller and the threads wait for each other.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import queue
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from misfin.errors import StoreError
from misfin.model import gemmail
from misfin.model.folders import HELD, INBOX
from misfin.model.status import StatusCode
from misfin.net.incoming import Checks, Incoming, accepted
from misfin.store.accounts import misfin_account
from misfin.store.evidence import Findings, stamp
from misfin.store.message.envelope import wrap
from misfin.trust.tofu import Decision
from misfin.wire import MisfinResponse

if TYPE_CHECKING:
    from collections.abc import Iterable

    from misfin.post.source import Inbox
    from misfin.store.seals import Seals

logger = logging.getLogger("misfin.intake")

_MOST_AT_ONCE = 64
"""Messages in one batch: more would make the first of them wait for long."""
_FOLDERS_AT_ONCE = 8
"""Folders written to at the same time: each waits for the disk, which syncs several as soon as one."""
_REMEMBERED = 2048
"""Messages a new one is compared with; a message sent twice within one second is all this is for."""

# Not 40, which some clients take for "does not speak C" and then repeat the message mutilated, as B.
NOT_STORED = MisfinResponse(StatusCode.SERVER_UNAVAILABLE, "The message could not be stored; try again later")

_PIN_WORDS = {
    Decision.FIRST_USE: "first",
    Decision.TRUSTED: "match",
    Decision.RENEWED: "renewed",
    Decision.CHANGED: "changed",
}


@dataclass(slots=True)
class _Fate:
    """What becomes of one message, and who waits to hear it; for the event loop only."""

    stored: bool = False
    waiting: list[asyncio.Future[None]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Job:
    incoming: Incoming
    digest: bytes
    fate: _Fate


_Result = tuple[_Job, Exception | None]


class Intake:
    """A handler for :class:`~misfin.net.receiver.Receiver` that keeps messages in Maildirs.

    The mailbox of ``ada@mail.example`` is the account of that name. A message a person has to look at first
    (``checks.hold``) goes to its Held folder. What cannot be stored is answered with 41, and nothing of it is
    left behind. Everything is sealed (docs/trust.md §8). The same message by the same sender twice in the
    same second is one message (docs/protocol.md §3.6): same chain, times and body.

    With ``shared``, other processes keep messages of the same receiver: a file is then named after what makes
    two messages one, so that both come to the same file.

    Use it on one event loop, and :meth:`close` it when the receiver has stopped.
    """

    def __init__(self, inbox: Inbox, seals: Seals, *, shared: bool = False) -> None:
        self._inbox = inbox
        self._seals = seals
        self._shared = shared
        self._taken: list[_Job] = []
        self._batches: queue.SimpleQueue[list[_Job]] = queue.SimpleQueue()
        self._recent: dict[bytes, _Fate] = {}
        self._writer: threading.Thread | None = None
        self._threads = ThreadPoolExecutor(_FOLDERS_AT_ONCE, "misfin-intake-folder")
        self._loop: asyncio.AbstractEventLoop | None = None

    async def __call__(self, incoming: Incoming) -> MisfinResponse:
        """Store one message; see :data:`misfin.net.incoming.Handler`."""
        digest = digest_of(incoming)
        fate = self._recent.get(digest) or self._take(incoming, digest)
        if not fate.stored:
            # A future for each who waits: cancelling one sender must not cancel the other.
            stored = asyncio.get_running_loop().create_future()
            fate.waiting.append(stored)
            try:
                await stored
            except StoreError as error:
                logger.error("A message could not be stored: %s %s", error, error.remedy)
                return NOT_STORED
        return accepted(incoming)

    async def close(self) -> None:
        """Store what has been taken, then end the writer."""
        self._hand_over()
        writer, self._writer = self._writer, None
        if writer is not None:
            self._batches.put([])  # the end, behind all the messages
            await asyncio.to_thread(writer.join)
        await asyncio.to_thread(self._threads.shutdown)

    # ---- on the event loop ------------------------------------------------------------------------

    def _take(self, incoming: Incoming, digest: bytes) -> _Fate:
        if self._loop is None or self._writer is None:
            self._loop = asyncio.get_running_loop()
            self._writer = threading.Thread(target=self._write, name="misfin-intake", daemon=True)
            self._writer.start()
        if not self._taken:
            self._loop.call_soon(self._hand_over)  # all that came in one turn of the loop go together
        fate = _Fate()
        self._taken.append(_Job(incoming, digest, fate))
        if len(self._recent) >= _REMEMBERED:
            for oldest in list(self._recent)[: _REMEMBERED // 2]:
                del self._recent[oldest]
        self._recent[digest] = fate
        return fate

    def _hand_over(self) -> None:
        if self._taken:
            self._batches.put(self._taken)
            self._taken = []

    def _settle(self, results: Iterable[_Result]) -> None:
        for job, error in results:
            fate = job.fate
            fate.stored = error is None
            if error is not None and self._recent.get(job.digest) is fate:
                del self._recent[job.digest]  # when it comes again, it is not a duplicate
            for stored in fate.waiting:
                if stored.done():  # the receiver gave up waiting
                    continue
                if error is None:
                    stored.set_result(None)
                else:
                    stored.set_exception(error)
            fate.waiting.clear()

    # ---- in the writer thread ---------------------------------------------------------------------

    def _write(self) -> None:
        while jobs := self._batches.get():
            while len(jobs) < _MOST_AT_ONCE and not self._batches.empty():
                more = self._batches.get()
                if not more:
                    self._batches.put(more)  # the end comes after these
                    break
                jobs += more
            for start in range(0, len(jobs), _MOST_AT_ONCE):
                self._store_batch(jobs[start : start + _MOST_AT_ONCE])

    def _store_batch(self, jobs: list[_Job]) -> None:
        folders: dict[tuple[str, str], list[_Job]] = {}
        for job in jobs:
            account = misfin_account(job.incoming.recipient).directory
            folder = HELD if job.incoming.checks.hold else INBOX
            folders.setdefault((account, folder), []).append(job)
        groups = list(folders.items())
        parts = (
            map(self._store_group, groups)
            if len(groups) == 1
            else self._threads.map(self._store_group, groups)
        )
        results = [result for part in parts for result in part]
        assert self._loop is not None
        try:
            self._loop.call_soon_threadsafe(self._settle, results)
        except RuntimeError:  # the loop is gone, and with it whoever waited for the answer
            logger.warning("%d messages were stored after their senders had gone.", len(results))

    def _store_group(self, group: tuple[tuple[str, str], list[_Job]]) -> list[_Result]:
        (account, folder), jobs = group
        return self._store_in(account, folder, jobs)

    def _store_in(self, account: str, folder: str, jobs: list[_Job]) -> list[_Result]:
        """Store what goes into one folder; what became of each message. A bug, too, reaches whoever waits."""
        files: list[bytes] = []
        sound: list[_Job] = []
        results: list[_Result] = []
        for job in jobs:
            try:
                files.append(self._seals.seal(file_of(job.incoming)))
                sound.append(job)
            except Exception as error:  # one message that cannot be filed must not fail the others
                results.append((job, error))
        failure: Exception | None = None
        try:
            self._inbox.file(account, folder, files, [_key(job) for job in sound] if self._shared else ())
        except Exception as error:
            failure = error
        return results + [(job, failure) for job in sound]


def _key(job: _Job) -> str:
    """The key of a message's file, the same for a copy that another process has taken."""
    return f"{int(job.incoming.received)}.D{job.digest[:16].hex()}.misfin"


def verification_of(checks: Checks) -> dict[str, str]:
    """What ``Misfin-Verification`` says: the verdict about the sender, then each check and the pin.

    What proves what is decided in :mod:`misfin.store.evidence`. Why a message is held, or a check did not
    pass, stands with it in words.
    """
    return stamp(
        Findings(
            pin="" if checks.pin is None else _PIN_WORDS[checks.pin],
            confirmed=checks.confirmed or ("host" if checks.verified else ""),
            checks={name: (result.outcome, result.reason) for name, result in checks.results.items()},
            held=checks.hold,
            due=checks.due,
        )
    )


def file_of(incoming: Incoming) -> bytes:
    """The message as it goes to disk: stamped as servers do (docs/protocol.md §3.2), in its envelope."""
    now = datetime.fromtimestamp(incoming.received, UTC)
    request, certificate = incoming.request, incoming.certificate
    account = incoming.recipient.address
    sender = None if certificate is None else certificate.address
    return wrap(
        gemmail.stamp(request.message, request.version, sender, now),
        version=request.version,
        account=account,
        now=now,
        certificate=certificate,
        verification=verification_of(incoming.checks),
        received_from=incoming.peer_address,
        received_by=account.hostname,
    )


def digest_of(incoming: Incoming) -> bytes:
    """Equal for messages whose chain, times and body will be equal once stamped, in the same mailbox."""
    certificate = incoming.certificate
    facts = (
        incoming.recipient.info.fingerprints.cert,
        "" if certificate is None else certificate.fingerprints.cert,
        incoming.request.version,
        str(int(incoming.received)),
    )
    return hashlib.sha256("\n".join(facts).encode() + b"\n" + incoming.request.message).digest()
