"""A pass in full: look at both sides, plan, do. The only place from which anything changes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import Final

from misfin.post.source import Inbox
from misfin.post.sync.attic import clean
from misfin.post.sync.base import AskReason, FolderState, SyncedFolder
from misfin.post.sync.batches import FIRST
from misfin.post.sync.doer import do
from misfin.post.sync.drop import make_drop_plan
from misfin.post.sync.gathering import ServerView, gather, identified
from misfin.post.sync.here import HereView, present_view
from misfin.post.sync.journal import forget_old
from misfin.post.sync.linking import link
from misfin.post.sync.opening import fetch_opened
from misfin.post.sync.planner import make_plan
from misfin.post.sync.remote import FolderGoneError, Remote, StepRefusedError
from misfin.post.sync.settings import CLEANED_EVERY, PassResult, SyncMemory, SyncSettings
from misfin.post.sync.situation import Situation
from misfin.post.sync.state import SyncState
from misfin.post.sync.steps import FetchNew, SyncPlan
from misfin.post.sync.unchanged import loosened, unchanged
from misfin.post.sync.values import START, RemoteFolder, Role, Seen, SyncPoint
from misfin.post.sync.work import Work

_FACTS: Final = 5000
"""Files whose facts are remembered; reading them again costs only time."""
_ROUNDS: Final = 4
"""How often a pass plans again because folders were created or something moved meanwhile."""


class PlannedPass:
    """One pass that found something, or cannot rule it out; :func:`misfin.post.sync.passes.run_pass` is the
    way in.
    """

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
        self.reread = False
        """Everything was looked at again, as a message had left its folder before its header was read."""
        self.refused: set[int] = set()
        """Folders that cannot, or shall not, be looked at: nothing waits for them."""
        self.unseen: list[str] = []
        """Why folders could not be looked at."""
        self.lasting: dict[tuple[int, str], str] = {}
        """Lasting ids that are not written down yet."""
        self.arrived = 0
        """Messages that were fetched before the rest was planned."""
        self.began = 0.0

    async def run(
        self,
        there: Sequence[RemoteFolder],
        missing: Collection[SyncedFolder],
        here: HereView | None,
        only: Collection[bytes] | None,
        on_plan: Callable[[int], object],
        began: float,
    ) -> PassResult:
        """See :func:`misfin.post.sync.passes.run_pass`.

        ``there`` is the server's list of folders, ``missing`` those that it has no longer, and ``here`` what
        was found on this side, if it was looked at already; ``began`` is a moment before that look.
        """
        self.began = began
        self.gone_there = {folder.id for folder in missing}
        view = here if here is not None else await asyncio.to_thread(self._look_here)
        await self._newest_first(view)
        plan, view, situation = await self._plan(there, only, view)
        steady = False
        for _ in range(_ROUNDS):
            known: HereView | None = None
            before: dict[int, SyncPoint] = {}
            if plan.folders:
                work = self._work(situation)
                await do(work, plan)
                self.memory.refused |= work.refused
                there = await self.remote.folders()
                missing = await asyncio.to_thread(link, self.state, there)
                self.gone_there = {folder.id for folder in missing}
            elif plan.unsure and not steady:
                points = {each.id: each.point for each in await asyncio.to_thread(self.state.folders)}
                before = {**points, **self.looked}
                there = await self._forget_stale()
                only, known = None, view
            else:
                break
            plan, view, situation = await self._plan(there, only, known)
            steady = self.looked.items() <= before.items()  # nothing has changed while we looked again
        work = self._work(situation)
        if not plan.folders:
            await fetch_opened(work)  # before the rest, which may end the connection to a drop
        if not plan.folders and not plan.empty:
            on_plan(sum(len(step.listed) for step in plan.creates if isinstance(step, FetchNew)))
            await do(work, plan)
        self.memory.absent = plan.absent
        self.memory.postponed |= dict.fromkeys(work.postponed, self.now())
        if len(self.memory.facts) > _FACTS:
            self.memory.facts.clear()
        await asyncio.to_thread(self._finish, work, plan, view)
        result = self._result(work, plan)
        if only is None and not (result.again or result.problems) and result.again_in is None:
            await asyncio.to_thread(self.state.set_in_step, self.now())
        return result

    # ---- looking

    async def _newest_first(self, here: HereView) -> None:
        """At the first pass of all, a screen of the inbox, before any other folder is looked at.

        Not where a message may be known already.
        """
        folders = await asyncio.to_thread(self.state.folders)
        inbox = next((each for each in folders if each.role is Role.INBOX and each.point == START), None)
        if inbox is None or inbox.local in self.quiet:
            return
        if not self.remote.abilities.mirrors or here.here.new:
            return
        if await asyncio.to_thread(self.state.knows_messages):
            return
        await self._look(inbox)
        situation = await self._situation(here)
        plan = make_plan(situation)
        newest = tuple(
            step._replace(listed=step.listed[:FIRST]) for step in plan.creates if isinstance(step, FetchNew)
        )
        if newest and not plan.folders:
            work = self._work(situation)
            await do(work, SyncPlan(creates=newest))
            self.arrived = work.arrived
            self.unseen += work.problems

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
        busy |= set(here.here.renamed.values())
        targets = {file.folder for file in (*here.here.new, *here.here.moved.values())}
        for folder in await asyncio.to_thread(self.state.folders):
            if folder.id in self.looked or folder.id in self.gone_there:
                continue
            if folder.local in self.quiet:
                self.refused.add(folder.id)
                continue
            wanted = folder.id in busy or folder.local in targets
            if only is not None and folder.remote.raw not in only and not wanted:
                continue
            if not wanted and unchanged(folder, statuses.get(folder.remote.raw), self.settings):
                self.looked[folder.id] = folder.point
                continue
            await self._look(folder)
        situation = await identified(self.remote, await self._situation(here))
        self.lasting |= situation.there.lasting
        if situation.there.headless and not self.reread:  # moved since the look, perhaps
            self.reread = True
            return await self._plan(await self._forget_stale(situation.there.headless), None, here)
        if not self.remote.abilities.mirrors:
            leave = self.settings.leave
            before = -1.0 if leave is None else self.now() - leave
            due = await asyncio.to_thread(self.state.stored_before, before)
            rows = await asyncio.to_thread(self.state.rows, due)
            situation = replace(situation, rows={**rows, **situation.rows})
            return make_drop_plan(situation, due), here, situation
        return make_plan(situation), here, situation

    async def _situation(self, here: HereView) -> Situation:
        return await asyncio.to_thread(
            gather,
            self.state,
            self.inbox,
            self.settings,
            self.memory,
            self.remote.abilities,
            here,
            ServerView(self.seen, self.looked, self.gone_there, self.refused),
            self.quiet,
            self.now(),
        )

    def _look_here(self) -> HereView:
        return present_view(self.state, self.inbox, self.settings.account, self.memory.facts, self.quiet)

    async def _look(self, folder: SyncedFolder) -> None:
        keep = self.settings.keep_in(folder.local)
        base = folder.point
        if folder.state is not FolderState.OK or loosened(folder, self.settings):
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
        reason = AskReason.RENUMBERED if point.epoch != folder.point.epoch else AskReason.WENT_BACK
        state = folder.state if folder.state is FolderState.KEEPING else FolderState.OK
        now = replace(
            folder, point=SyncPoint(point.epoch), reason=reason, state=state, epoch_since=self.now(), stamp=""
        )
        with self.state.write():
            self.state.unnumber(folder.id)
            self.state.save_folder(now)
        return now

    async def _forget_stale(self, stale: Collection[int] = ()) -> Sequence[RemoteFolder]:
        """Before a message counts as deleted on the server: what was looked at before may have it by now.

        Forgets what has changed since, and ``stale`` folders; returns the server's list of folders.
        """
        listed = await self.remote.folders()
        there = {folder.raw: folder.status for folder in listed}
        for folder in await asyncio.to_thread(self.state.folders):
            point = self.looked.get(folder.id)
            if point is not None and (folder.id in stale or there.get(folder.remote.raw) != point):
                self.looked.pop(folder.id)
                self.seen.pop(folder.id, None)
        return listed

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
                status, reason = plan.states[folder.id]
                new = replace(
                    new, state=status, reason=reason, asked_about=plan.asked_about.get(folder.id, 0)
                )
            if folder.id in work.renumbered:
                self._renumber(new, replace(new.point, epoch=""))
                continue
            undone = folder.id in work.incomplete or folder.id in plan.waiting
            if folder.id in self.seen and not (undone or plan.folders):
                keep = self.settings.keep_in(folder.local)
                new = replace(new, point=self.looked[folder.id], kept=keep or 0.0)
            new = replace(new, stamp=here.stamps.get(folder.id, new.stamp))
            if new != folder:
                # A draft changed since the look has not been seen: the next pass compares its bytes.
                changed.append(replace(new, synced_at=self.began))
        home = self._home(plan)
        if now - self.memory.cleaned > CLEANED_EVERY:
            clean(state, self.inbox, self.settings.account, now)
            self.memory.cleaned = now
        if changed or home or self.lasting:
            with state.write():
                state.set_lasting(self.lasting.items())
                for folder in changed:
                    state.save_folder(folder)
                if home:
                    state.set_home(home)
                forget_old(state, now)

    def _home(self, plan: SyncPlan) -> str:
        """The identity to remember of the account's mail; empty to leave it as it is."""
        asking = any(folder.reason is not AskReason.NONE for folder in self.state.folders())
        if asking or any(reason is not AskReason.NONE for _, reason in plan.states.values()):
            return ""
        identity = self.inbox.identity(self.settings.account, create=True)
        return identity if identity != self.state.home() else ""

    def _result(self, work: Work, plan: SyncPlan) -> PassResult:
        asking = tuple(folder for folder in self.state.folders() if folder.state is FolderState.ASKING)
        said = tuple(each for each in dict.fromkeys(plan.notices) if each not in self.memory.said)
        self.memory.said.update(said)
        again = work.again or bool(work.incomplete) or bool(plan.folders)
        return PassResult(
            self.arrived + work.arrived,
            work.here,
            work.there,
            asking,
            again,
            plan.again_in,
            said,
            (*self.unseen, *work.problems),
        )
