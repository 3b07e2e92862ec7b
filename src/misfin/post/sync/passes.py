"""Runs a pass over an account: look at both sides, plan, do. The only place from which anything changes.

Use: open the state with :func:`misfin.post.sync.state.open_state`, hold a
:class:`misfin.post.sync.lock.SyncLock`, connect a remote, and call :func:`run_pass` whenever something may
have changed, again while :attr:`PassResult.again` says so.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import Final

from misfin.errors import StoreError
from misfin.post.source import Inbox
from misfin.post.sync.attic import clean
from misfin.post.sync.base import Doubt, FolderState, SyncedFolder
from misfin.post.sync.doer import do
from misfin.post.sync.drop import make_drop_plan
from misfin.post.sync.gathering import Looks, gather, identified
from misfin.post.sync.here import HereView, look_here, without
from misfin.post.sync.journal import forget_old
from misfin.post.sync.linking import link
from misfin.post.sync.planner import make_plan
from misfin.post.sync.remote import FolderGoneError, Remote, StepRefusedError
from misfin.post.sync.settings import PassResult, SyncMemory, SyncSettings
from misfin.post.sync.situation import Situation
from misfin.post.sync.state import SyncState
from misfin.post.sync.steps import FetchNew, SyncPlan
from misfin.post.sync.values import START, RemoteFolder, Seen, SyncPoint
from misfin.post.sync.work import Work

_CLEANED_EVERY: Final = 86400.0
"""Seconds between two looks for what has been in the attic for long enough."""
_FACTS: Final = 5000
"""Files whose facts are remembered; reading them again costs only time."""
_ROUNDS: Final = 4
"""How often a pass plans again because folders were created or something moved meanwhile."""


async def run_pass(
    remote: Remote,
    state: SyncState,
    inbox: Inbox,
    settings: SyncSettings,
    memory: SyncMemory,
    *,
    only: Collection[bytes] | None = None,
    quiet: Collection[str] = (),
    now: Callable[[], float] = time.time,
    on_arrival: Callable[[int], object] = lambda _count: None,
    on_plan: Callable[[int], object] = lambda _count: None,
) -> PassResult:
    """One pass over all folders, or over those whose raw names are in ``only`` and what changed here.

    What changed here in ``quiet`` folders (by their names here) waits for another pass: drafts, while one is
    being written.

    ``on_plan`` is called with the number of messages to fetch, before that begins; ``on_arrival`` in a thread
    with the number of messages whenever some have been stored.

    Raises :class:`~misfin.errors.RemoteError` if the connection or the server fails, and
    :class:`~misfin.errors.StoreError` if the disk does or the account's mail is not there at all; what was
    done until then is written down, and the next pass goes on.
    """
    run = _Pass(remote, state, inbox, settings, memory, frozenset(quiet), now, on_arrival)
    return await run.run(only, on_plan)


class _Pass:
    def __init__(
        self,
        remote: Remote,
        state: SyncState,
        inbox: Inbox,
        settings: SyncSettings,
        memory: SyncMemory,
        quiet: frozenset[str],
        now: Callable[[], float],
        on_arrival: Callable[[int], object],
    ) -> None:
        self.remote = remote
        self.state = state
        self.inbox = inbox
        self.settings = settings
        self.memory = memory
        self.quiet = quiet
        self.now = now
        self.on_arrival = on_arrival
        self.seen: dict[int, Seen] = {}
        self.looked: dict[int, SyncPoint] = {}
        """Every folder whose present state is known, with the moment it describes."""
        self.gone_there: set[int] = set()
        self.checked = False
        self.refused: set[int] = set()
        self.unseen: list[str] = []
        """Why folders could not be looked at."""

    async def run(self, only: Collection[bytes] | None, on_plan: Callable[[int], object]) -> PassResult:
        there = await self.remote.folders()
        missing = await asyncio.to_thread(link, self.state, there)
        self.gone_there = {folder.id for folder in missing}
        plan, here, situation = await self._plan(there, only)
        for _ in range(_ROUNDS):
            known: HereView | None = None
            if plan.folders:
                work = self._work(situation)
                await do(work, plan)
                self.memory.refused |= work.refused
                there = await self.remote.folders()
                missing = await asyncio.to_thread(link, self.state, there)
                self.gone_there = {folder.id for folder in missing}
            elif plan.unsure and not self.checked:
                await self._forget_stale()
                only, known = None, here
            else:
                break
            plan, here, situation = await self._plan(there, only, known)
        work = self._work(situation)
        if not plan.folders and not plan.empty:
            on_plan(sum(len(step.listed) for step in plan.creates if isinstance(step, FetchNew)))
            await do(work, plan)
        self.memory.absent = plan.absent
        self.memory.postponed |= dict.fromkeys(work.postponed, self.now())
        if len(self.memory.facts) > _FACTS:
            self.memory.facts.clear()
        await asyncio.to_thread(self._finish, work, plan, here)
        result = self._result(work, plan)
        if only is None and not (result.again or result.problems) and result.again_in is None:
            await asyncio.to_thread(self.state.set_in_step, self.now())
        return result

    # ---- looking

    async def _plan(
        self,
        there: Sequence[RemoteFolder],
        only: Collection[bytes] | None,
        known: HereView | None = None,
    ) -> tuple[SyncPlan, HereView, Situation]:
        here = known if known is not None else await asyncio.to_thread(self._look_here)
        statuses = {folder.raw: folder.status for folder in there}
        busy = {here.rows[row].folder for row in here.here.changed.keys() | here.here.gone}
        busy |= {here.rows[row].folder for row in here.here.moved.keys() | here.here.edited.keys()}
        targets = {file.folder for file in (*here.here.new, *here.here.moved.values())}
        for folder in await asyncio.to_thread(self.state.folders):
            if folder.id in self.looked or folder.id in self.gone_there:
                continue
            wanted = folder.id in busy or folder.local in targets
            if only is not None and folder.remote.raw not in only and not wanted:
                continue
            if not wanted and self._unchanged(folder, statuses.get(folder.remote.raw)):
                self.looked[folder.id] = folder.point
                continue
            await self._look(folder)
        situation = await asyncio.to_thread(
            gather,
            self.state,
            self.inbox,
            self.settings,
            self.memory,
            self.remote.abilities,
            here,
            Looks(self.seen, self.looked, self.gone_there, self.refused),
            self.quiet,
            self.now(),
        )
        situation = await identified(self.remote, situation)
        if not self.remote.abilities.mirrors:
            leave = self.settings.leave
            before = -1.0 if leave is None else self.now() - leave
            due = await asyncio.to_thread(self.state.stored_before, before)
            rows = await asyncio.to_thread(self.state.rows, due)
            situation = replace(situation, rows={**rows, **situation.rows})
            return make_drop_plan(situation, due), here, situation
        return make_plan(situation), here, situation

    def _look_here(self) -> HereView:
        home = self.state.home()
        if home and not self.inbox.identity(self.settings.account):
            raise StoreError(
                f"The mail folder of {self.settings.account} is missing. Nothing was changed.",
                remedy="Is its disk mounted?",
            )
        view = look_here(self.state, self.inbox, self.settings.account, self.memory.facts)
        return without(view, self.quiet, self.state.folders())

    def _unchanged(self, folder: SyncedFolder, status: SyncPoint | None) -> bool:
        return (
            status is not None
            and status == folder.point
            and status.modseq > 0
            and folder.state is FolderState.OK
            and folder.doubt is Doubt.NONE
            and not self._loosened(folder)
        )

    def _loosened(self, folder: SyncedFolder) -> bool:
        """Whether older messages are kept here than at the last pass."""
        keep = self.settings.keep_in(folder.local)
        return folder.kept > 0 and (keep is None or keep > folder.kept)

    async def _look(self, folder: SyncedFolder) -> None:
        keep = self.settings.keep_in(folder.local)
        base = folder.point
        if folder.state is not FolderState.OK or self._loosened(folder):
            base = replace(base, modseq=0)
        try:
            seen = await self.remote.look(folder.remote, base, dates=keep is not None)
            went_back = 0 < seen.point.next < base.next  # 0: some servers leave it out now and then
            if base.epoch and (seen.point.epoch != base.epoch or went_back):
                folder = await asyncio.to_thread(self._renumber, folder, seen.point)
                if seen.point.epoch == base.epoch:
                    seen = await self.remote.look(folder.remote, START, dates=keep is not None)
        except FolderGoneError:
            self.gone_there.add(folder.id)
            return
        except StepRefusedError as error:  # this folder only: the next pass looks again
            self.refused.add(folder.id)
            sentence = f"{folder.local} could not be checked: {error}"
            if sentence not in self.unseen:
                self.unseen.append(sentence)
            return
        if not folder.epoch_since:
            await asyncio.to_thread(self._begin_epoch, folder, seen.point)
        self.seen[folder.id] = seen
        self.looked[folder.id] = replace(seen.point, next=seen.point.next or folder.point.next)

    def _begin_epoch(self, folder: SyncedFolder, point: SyncPoint) -> None:
        """Write down the epoch before any id of it."""
        with self.state.write():
            start = SyncPoint(point.epoch)
            self.state.save_folder(replace(folder, point=start, epoch_since=self.now()))

    def _renumber(self, folder: SyncedFolder, point: SyncPoint) -> SyncedFolder:
        """The ids of a folder mean nothing any more: its messages keep their keys and are found again."""
        doubt = Doubt.RENUMBERED if point.epoch != folder.point.epoch else Doubt.WENT_BACK
        state = folder.state if folder.state is FolderState.KEEPING else FolderState.OK
        now = replace(
            folder, point=SyncPoint(point.epoch), doubt=doubt, state=state, epoch_since=self.now(), stamp=""
        )
        with self.state.write():
            self.state.unnumber(folder.id)
            self.state.save_folder(now)
        return now

    async def _forget_stale(self) -> None:
        """Before a message counts as deleted on the server: what was looked at before may have it by now."""
        self.checked = True
        there = {folder.raw: folder.status for folder in await self.remote.folders()}
        for folder in await asyncio.to_thread(self.state.folders):
            point = self.looked.get(folder.id)
            if point is not None and there.get(folder.remote.raw) != point:
                self.looked.pop(folder.id)
                self.seen.pop(folder.id, None)

    # ---- the end

    def _work(self, situation: Situation) -> Work:
        return Work(
            account=self.settings.account,
            remote=self.remote,
            state=self.state,
            inbox=self.inbox,
            now=self.now,
            folders={folder.id: folder for folder in situation.folders},
            points=self.looked,
            keeps=situation.there.keeps,
            on_arrival=self.on_arrival,
        )

    def _finish(self, work: Work, plan: SyncPlan, here: HereView) -> None:
        """Write down the moments of the looks, last of all: a crash repeats work and skips none."""
        state, now = self.state, self.now()
        changed: list[SyncedFolder] = []
        for folder in state.folders():
            new = folder
            seen = work.folders.get(folder.id, folder)
            if folder.id in plan.states and folder.state is seen.state:  # else it was answered meanwhile
                status, doubt = plan.states[folder.id]
                new = replace(new, state=status, doubt=doubt, doubted=plan.doubted.get(folder.id, 0))
            if folder.id in work.renumbered:
                self._renumber(new, replace(new.point, epoch=""))
                continue
            if folder.id in self.seen and folder.id not in work.incomplete and not plan.folders:
                keep = self.settings.keep_in(folder.local)
                new = replace(new, point=self.looked[folder.id], kept=keep or 0.0)
            new = replace(new, stamp=here.stamps.get(folder.id, new.stamp))
            if new != folder:
                changed.append(replace(new, synced_at=now))
        home = self._home(plan)
        if now - self.memory.cleaned > _CLEANED_EVERY:
            clean(state, self.inbox, self.settings.account, now)
            self.memory.cleaned = now
        if changed or home:
            with state.write():
                for folder in changed:
                    state.save_folder(folder)
                if home:
                    state.set_home(home)
                forget_old(state, now)

    def _home(self, plan: SyncPlan) -> str:
        """The identity to remember of the account's mail; empty to leave it as it is."""
        asking = any(folder.doubt is not Doubt.NONE for folder in self.state.folders())
        if asking or any(doubt is not Doubt.NONE for _, doubt in plan.states.values()):
            return ""
        identity = self.inbox.identity(self.settings.account, create=True)
        return identity if identity != self.state.home() else ""

    def _result(self, work: Work, plan: SyncPlan) -> PassResult:
        asking = tuple(folder for folder in self.state.folders() if folder.state is FolderState.ASKING)
        said = tuple(each for each in dict.fromkeys(plan.notices) if each not in self.memory.said)
        self.memory.said.update(said)
        again = work.again or bool(work.incomplete) or bool(plan.folders)
        return PassResult(
            work.arrived,
            work.here,
            work.there,
            asking,
            again,
            plan.again_in,
            said,
            (*self.unseen, *work.problems),
        )
