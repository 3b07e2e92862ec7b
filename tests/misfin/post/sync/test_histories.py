"""Any history of changes on both sides, with a crash anywhere, ends in sync and loses nothing."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from modelserver import ALL, Lies, ModelRemote, ModelServer

from misfin.post.inbox import LocalInbox
from misfin.post.sync.answering import SyncAnswer, answer
from misfin.post.sync.base import Doing, DoingKind
from misfin.post.sync.journal import begin
from misfin.post.sync.lineends import sent_bytes
from misfin.post.sync.passes import run_pass
from misfin.post.sync.settings import SyncMemory, SyncSettings
from misfin.post.sync.state import SyncState
from misfin.post.sync.values import FlagSet
from misfin.store.mail.keywords import tags_of
from misfin.store.mail.maildir import MailStore, split_name

ROOM = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # where syncing costs nothing
PLACES = {"Inbox": b"INBOX", "Archive": b"archive", "Trash": b"trash", "Drafts": b"drafts"}
NAMES = sorted(PLACES)
ANSWERS = [SyncAnswer.DELETE, SyncAnswer.KEEP]


class Crash(BaseException):
    """The process dies here."""


class Ticking:
    """An inbox each of whose calls may be the last, before or after it has done its work."""

    def __init__(self, inbox, tick) -> None:
        self._inbox = inbox
        self._tick = tick

    def __getattr__(self, name: str) -> object:
        method = getattr(self._inbox, name)

        def ticking(*args, **kwargs):
            self._tick(name)
            result = method(*args, **kwargs)
            self._tick(name)
            return result

        return ticking


class Histories(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="histories", dir=ROOM))
        self.loop = asyncio.new_event_loop()
        self.store = MailStore(self.folder / "mail")
        self.store.create("work")
        self.server = ModelServer()
        self.left = None
        """Ticks until the crash."""
        self.meanwhile = None
        """Ticks until somebody else changes something, and what."""
        self.clock = 1_000_000.0
        self.state = SyncState(None)
        write = self.state.write

        @contextmanager
        def ticking_write():
            self.tick("begin")
            with write():
                yield
                self.tick("commit")
            self.tick("committed")

        self.state.write = ticking_write
        self.remote = ModelRemote(self.server, tick=self.tick)
        self.inbox = Ticking(LocalInbox(self.store), self.tick)
        self.memory = SyncMemory()
        self.number = 0
        self.born = Counter()
        self.may_vanish = set()
        self.kept = False

    def teardown(self):
        try:
            self.settle()
        finally:
            self.state.close()
            self.loop.close()
            shutil.rmtree(self.folder)

    def tick(self, _what):
        if self.meanwhile is not None:
            self.meanwhile = (self.meanwhile[0] - 1, self.meanwhile[1])
            if self.meanwhile[0] < 0:
                change, self.meanwhile = self.meanwhile[1], None
                change()
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                raise Crash

    # ---- what there is

    def files(self, name):
        return self.store.folder("work", name).list()

    def here(self):
        return {self.content(each) for name in NAMES for each in self.files(name)} | self.attic()

    def attic(self):
        attic = self.folder / "attic" / "work"
        return {
            sent_bytes(path.read_bytes())
            for part in ("cur", "new")
            if (attic / part).is_dir()
            for path in (attic / part).iterdir()
        }

    def content(self, entry):
        return sent_bytes(entry.path.read_bytes())

    def flags_of(self, entry, name):
        from misfin.store.mail.keywords import read_keywords

        flags = split_name(entry.name)[1]
        tags = tags_of(flags, read_keywords(self.store.folder("work", name).path))
        return FlagSet("".join(sorted(set(flags) & set("DFPRST"))), frozenset(tags))

    def message(self, same_id):
        self.number += 1
        mid = 0 if same_id else self.number
        data = b"Message-ID: <%d@x>\r\nSubject: %d\r\n\r\nText %d\r\n" % (mid, self.number, self.number)
        self.born[data] += 1
        return data

    # ---- changes

    places = st.sampled_from(NAMES)
    flags = st.sampled_from(["", "S", "F", "FS", "RS"])
    pick = st.integers(0, 1000)

    @initialize(
        lies=st.sampled_from([Lies(), Lies(), Lies(no_append_id=True, no_move_ids=True, no_status=True)]),
        counting=st.booleans(),
        keep=st.booleans(),
    )
    def begin(self, lies, counting, keep):
        from dataclasses import replace

        self.remote.lies = lies
        self.remote.abilities = replace(ALL, changes_since=counting)
        self.choice = SyncAnswer.KEEP if keep else SyncAnswer.DELETE

    @rule(place=places, flags=flags, same_id=st.booleans())
    def new_there(self, place, flags, same_id):
        self.server[PLACES[place]].add(self.message(same_id), FlagSet(flags))

    @rule(place=places, flags=flags, same_id=st.booleans())
    def new_here(self, place, flags, same_id):
        data = self.message(same_id).replace(b"\r\n", b"\n")
        self.store.folder("work", place).deliver(data, flags=flags)

    def some_there(self, place, pick):
        there = self.server[PLACES[place]]
        uids = sorted(there.messages)
        return (there, uids[pick % len(uids)]) if uids else (there, None)

    def some_here(self, place, pick):
        entries = self.files(place)
        return entries[pick % len(entries)] if entries else None

    @rule(place=places, pick=pick)
    def delete_there(self, place, pick):
        there, uid = self.some_there(place, pick)
        if uid is not None:
            data = there.remove(uid).data
            if place == "Trash" or data not in self.here():
                self.may_vanish.add(data)  # a person there deleted it, and it never was here

    @rule(place=places, to=places, pick=pick)
    def move_there(self, place, to, pick):
        _, uid = self.some_there(place, pick)
        if uid is not None and place != to:
            self.server.move(uid, PLACES[place], PLACES[to])

    @rule(place=places, flags=flags, tag=st.booleans(), pick=pick)
    def flag_there(self, place, flags, tag, pick):
        there, uid = self.some_there(place, pick)
        if uid is not None:
            there.flag(uid, FlagSet(flags, frozenset({"work"}) if tag else frozenset()))

    @rule(place=places, pick=pick)
    def renumber(self, place, pick):
        if pick % 5 == 0:
            there = self.server[PLACES[place]]
            there.renumber(there.epoch + 1)

    @rule(place=places, pick=pick, meant=st.booleans())
    def delete_here(self, place, pick, meant):
        entry = self.some_here(place, pick)
        if entry is None:
            return
        if meant:
            folder = self.state.folder(place)
            if folder is not None:
                with self.state._db.write():
                    begin(self.state, [Doing(0, DoingKind.DELETE, folder.id, entry.key, begun=self.clock)])
        self.may_vanish.add(self.content(entry))  # a person here deleted it
        entry.path.unlink()

    @rule(place=places, to=places, pick=pick, new_key=st.booleans())
    def move_here(self, place, to, pick, new_key):
        entry = self.some_here(place, pick)
        if entry is None or place == to:
            return
        source, target = self.store.folder("work", place), self.store.folder("work", to)
        if new_key:  # as mutt does
            self.kept = True  # a copy of what a crash left half uploaded may stay beside it
            target.deliver(entry.path.read_bytes(), flags="".join(c for c in entry.flags if c.isupper()))
            entry.path.unlink()
        else:
            source.move(entry.key, target)

    @rule(place=places, pick=pick, flags=flags)
    def flag_here(self, place, pick, flags):
        entry = self.some_here(place, pick)
        if entry is not None:
            self.store.folder("work", place).set_flags(entry.key, flags)

    @rule(place=places, pick=pick)
    def tag_here(self, place, pick):
        entry = self.some_here(place, pick)
        if entry is not None:
            (char,) = LocalInbox(self.store).tag_flags("work", place, ["home"]).values()
            self.store.folder("work", place).change_flags(entry.key, add=char)

    # ---- passes

    @rule(after=st.integers(0, 60))
    def crash(self, after):
        self.left = after
        try:
            self.one_pass()
        except Crash:
            self.memory = SyncMemory()
        finally:
            self.left = None

    @rule(
        after=st.integers(0, 60),
        what=st.sampled_from(["delete_there", "new_there", "move_there", "flag_there", "flag_here"]),
        place=places,
        to=places,
        pick=pick,
        flags=flags,
    )
    def sync_while_others_work(self, after, what, place, to, pick, flags):
        changes = {
            "delete_there": lambda: self.delete_there(place=place, pick=pick),
            "new_there": lambda: self.new_there(place=place, flags=flags, same_id=False),
            "move_there": lambda: self.move_there(place=place, to=to, pick=pick),
            "flag_there": lambda: self.flag_there(place=place, flags=flags, tag=False, pick=pick),
            "flag_here": lambda: self.flag_here(place=place, pick=pick, flags=flags),
        }
        self.meanwhile = (after, changes[what])
        self.one_pass()
        self.meanwhile = None

    @rule()
    def sync(self):
        self.one_pass()

    def one_pass(self):
        self.clock += 3
        return self.loop.run_until_complete(
            run_pass(
                self.remote, self.state, self.inbox, SyncSettings("work"), self.memory, now=lambda: self.clock
            )
        )

    def settle(self):
        if not hasattr(self, "choice"):
            return
        for _ in range(25):
            self.clock += 61
            result = self.one_pass()
            for folder in result.asking:
                answer(self.state, folder.local, self.choice)
                self.kept = self.choice is SyncAnswer.KEEP
            if not (
                result.again
                or result.again_in
                or result.asking
                or result.arrived
                or result.here
                or result.there
            ):
                break
        else:
            raise AssertionError(f"never in sync: {result}")
        self.check()

    def check(self):
        assert self.state.read("SELECT * FROM doing") == []
        left = Counter()
        for name, raw in PLACES.items():
            here = Counter((self.content(each), self.flags_of(each, name)) for each in self.files(name))
            there = Counter((each.data, each.flags) for each in self.server[raw].messages.values())
            assert here == there, name
            left.update(content for content, _ in here.elements())
        kept = self.attic()
        for data, births in self.born.items():
            assert left[data] or data in kept or data in self.may_vanish, data
            # A person who wants to keep what is gone gets a copy of what was on its way to another folder.
            assert left[data] <= births or self.kept, (data, left[data])


TestHistories = Histories.TestCase
TestHistories.settings = settings(
    suppress_health_check=list(HealthCheck), deadline=None, stateful_step_count=30
)
