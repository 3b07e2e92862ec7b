"""Any history of changes on both sides, with a crash anywhere, ends in sync and loses nothing."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from modelserver import ALL, Lies, ModelFolder, ModelRemote, ModelServer

from misfin.post.inbox import LocalInbox
from misfin.post.sync.answering import SyncAnswer, answer
from misfin.post.sync.base import OperationKind, PendingOperation
from misfin.post.sync.identify import facts_of
from misfin.post.sync.journal import begin, pending
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
OWN = {"Garden": b"Garden", "Hedge": b"Hedge"}
"""Folders of a person, which come to be when something is put there, and may be renamed here."""
DAY = 86400.0
KEPT = 30 * DAY
"""How long messages are kept here, in histories where they are not kept for ever."""

MEANWHILE = [
    *("delete_there", "new_there", "move_there", "copy_there", "flag_there"),
    *("delete_here", "move_here", "copy_here", "edit_here", "flag_here"),
]


ALONE = [
    *("new_there", "delete_there", "move_there", "copy_there", "flag_there"),
    *("new_here", "delete_here", "delete_here for good", "move_here", "move_here under another name"),
    *("copy_here", "flag_here", "edit_here", "edit_here under another name"),
]


class Crash(BaseException):
    """The process dies here."""


async def at_once(function, *args, **kwargs):
    """Instead of in a thread: a history happens the same way each time."""
    return function(*args, **kwargs)


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
        self.clock = 1_000_000_000.0
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
        self.days = 0
        self.settings = SyncSettings("work")
        self.born = Counter()
        """How many messages of these bytes people, servers and other programs made."""
        self.lost = Counter()
        """How many of them may be gone: somebody deleted them."""
        self.copied = {"here": set(), "there": set()}
        self.own = False
        """Whether there are such folders in this history."""
        self.aging = set()
        """What may become too old to be kept here."""

    def teardown(self):
        try:
            self.settle()
        finally:
            self.state.close()
            self.loop.close()
            shutil.rmtree(self.folder)

    def tick(self, what):
        if self.meanwhile is not None and what != "commit":  # in a transaction nobody else can write
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

    def into(self, name):
        """A folder here, which is made if there is none."""
        name = name if self.own or name in PLACES else "Archive"
        self.store.create("work", [name])
        return self.store.folder("work", name)

    def at(self, name):
        """The same on the server."""
        name = name if self.own or name in PLACES else "Archive"
        raw = (PLACES | OWN)[name]
        if raw not in self.server.folders:
            self.server.folders[raw] = ModelFolder(raw, epoch=next(self.server.epochs))
        return self.server[raw]

    def here(self):
        return Counter(self.content(each) for name in (*NAMES, *OWN) for each in self.files(name))

    def there(self):
        return Counter(
            each.data for folder in self.server.folders.values() for each in folder.messages.values()
        )

    def attic(self):
        attic = self.folder / "attic" / "work"
        return Counter(
            sent_bytes(path.read_bytes())
            for part in ("cur", "new")
            if (attic / part).is_dir()
            for path in (attic / part).iterdir()
        )

    def picture(self):
        """What is here, by folder: bytes and flags, but for what may become too old."""
        return {
            name: Counter(
                (content, self.flags_of(each, name))
                for each in self.files(name)
                if (content := self.content(each)) not in self.aging
            )
            for name in (*NAMES, *OWN)
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

    places = st.sampled_from([*NAMES, "Garden"])
    flags = st.sampled_from(["", "S", "F", "FS", "RS"])
    pick = st.integers(0, 1000)

    @initialize(
        lies=st.sampled_from([Lies(), Lies(), Lies(no_append_id=True, no_move_ids=True, no_status=True)]),
        counting=st.booleans(),
        keep=st.booleans(),
        lasting=st.booleans(),
        forgets=st.booleans(),
        own=st.booleans(),
    )
    def begin(self, lies, counting, keep, lasting=False, forgets=False, own=False):
        from dataclasses import replace

        self.own = own
        if forgets:
            self.settings = SyncSettings("work", keep=KEPT)
        self.remote.lies, self.remote.lasting = lies, lasting
        self.remote.abilities = replace(ALL, changes_since=counting)
        self.choice = SyncAnswer.KEEP if keep else SyncAnswer.DELETE

    @rule(place=places, flags=flags, same_id=st.booleans(), age=st.sampled_from([0, 0, 29, 40]))
    def new_there(self, place, flags, same_id, age=0):
        data = self.message(same_id)
        if age and self.settings.keep:
            self.aging.add(data)
        self.at(place).add(data, FlagSet(flags), self.clock - age * DAY)

    @rule()
    def days_pass(self):
        if self.days < 10:  # by then only what is ``aging`` is too old
            self.days += 2
            self.clock += 2 * DAY

    @rule(place=places, flags=flags, same_id=st.booleans())
    def new_here(self, place, flags, same_id):
        data = self.message(same_id).replace(b"\r\n", b"\n")
        self.into(place).deliver(data, flags=flags)

    def some_there(self, place, pick):
        there = self.at(place)
        uids = sorted(there.messages)
        return (there, uids[pick % len(uids)]) if uids else (there, None)

    def some_here(self, place, pick):
        entries = self.files(place)
        return entries[pick % len(entries)] if entries else None

    @rule(place=places, pick=pick)
    def delete_there(self, place, pick):
        there, uid = self.some_there(place, pick)
        if uid is not None:
            data = there.messages[uid].data
            alone = self.there()[data] == self.here()[data] == 1
            if place == "Trash" or not alone or data in map(self.content, self.files("Trash")):
                # A person there deleted it, and it never was here, or one like it is left; or it was in the
                # trash when both sides last agreed, so that where it was in between cannot be seen.
                self.lost[data] += 1
            there.remove(uid)

    @rule(place=places, to=places, pick=pick)
    def move_there(self, place, to, pick):
        _, uid = self.some_there(place, pick)
        if uid is not None and self.at(place) is not self.at(to):
            self.server.move(uid, self.at(place).raw, self.at(to).raw)

    @rule(place=places, flags=flags, tag=st.booleans(), pick=pick)
    def flag_there(self, place, flags, tag, pick):
        there, uid = self.some_there(place, pick)
        if uid is not None:
            there.flag(uid, FlagSet(flags, frozenset({"work"}) if tag else frozenset()))

    @rule(place=places, pick=pick)
    def renumber(self, place, pick):
        if pick % 5 == 0:
            there = self.at(place)
            there.renumber(there.epoch + 1)

    @rule(place=places, pick=pick, meant=st.booleans())
    def delete_here(self, place, pick, meant, entry=None):
        entry = entry or self.some_here(place, pick)
        if entry is None:
            return
        if meant:
            folder = self.state.folder(place)
            if folder is not None:
                with self.state._db.write():
                    begin(
                        self.state,
                        [PendingOperation(0, OperationKind.DELETE, folder.id, entry.key, begun=self.clock)],
                    )
        data = self.content(entry)
        alone = self.there()[data] == self.here()[data] == 1 and not self.outlives(entry)
        trash = [each.data for each in self.server[b"trash"].messages.values()]
        if meant or place == "Trash" or data in trash or not alone:
            self.lost[data] += 1  # else it goes to the trash: another program removed it
        entry.path.unlink()

    def outlives(self, entry):
        """Whether this file is a copy the server never had, of what a person here has done away with.

        Each message of these bytes that the program knows, from both sides or from an upload that was cut
        off, was deleted for good or has another version now: it is going to be deleted there. So what is
        there is not this file's message, and if the file goes, nothing is left for the trash.
        """
        digest = facts_of(entry.path.read_bytes()).digest
        known = "SELECT key FROM message WHERE digest = ?"
        begun = "SELECT key FROM doing WHERE digest = ? AND kind = 'append'"
        keys = {key for (key,) in self.state.read(f"{known} UNION {begun}", (digest, digest))}
        going = {each.key for each in pending(self.state, [OperationKind.DELETE])}
        going |= {each.key for name in (*NAMES, *OWN) for each in self.files(name)} - {entry.key}
        return bool(keys) and keys <= going

    @rule(place=places, to=places, pick=pick, new_key=st.booleans())
    def move_here(self, place, to, pick, new_key):
        entry = self.some_here(place, pick)
        if entry is None or self.into(place).path == self.into(to).path:
            return
        source, target = self.store.folder("work", place), self.into(to)
        if new_key:  # as mutt does
            target.deliver(entry.path.read_bytes(), flags="".join(c for c in entry.flags if c.isupper()))
            entry.path.unlink()
        else:
            source.move(entry.key, target)

    @rule(pick=pick, new_key=st.booleans())
    def edit_here(self, pick, new_key):
        entry = self.some_here("Drafts", pick)
        if entry is not None:
            self.edit(entry, new_key)

    def edit(self, entry, new_key):
        """Write another version of a draft; its bytes as sent."""
        old = entry.path.read_bytes()
        self.number += 1
        # A version has a Date of its own: without it nobody could tell two versions outside the drafts.
        head = old.partition(b"\n\n")[0].partition(b"\nDate: ")[0]
        new = head + b"\nDate: %d\n\nAnother text %d\n" % (self.number, self.number)
        self.born[sent_bytes(new)] += 1
        if new_key:  # as this program does
            self.store.folder("work", "Drafts").deliver(new, flags=entry.flags)
            self.delete_here(place="Drafts", pick=0, meant=True, entry=entry)
        else:
            self.lost[sent_bytes(old)] += 1
            entry.path.write_bytes(new)
        return sent_bytes(new)

    @rule(place=places, to=places, pick=pick)
    def copy_here(self, place, to, pick):
        entry = self.some_here(place, pick)
        if entry is not None:  # a second message from now on, wherever the first one is
            self.into(to).deliver(entry.path.read_bytes(), flags="S")
            self.born[self.content(entry)] += 1
            self.copied["here"].add(self.content(entry))

    @rule(place=places, to=places, pick=pick)
    def copy_there(self, place, to, pick):
        there, uid = self.some_there(place, pick)
        if uid is not None:
            message = there.messages[uid]
            self.at(to).add(message.data, message.flags, message.received, message.lasting)
            self.born[message.data] += 1
            self.copied["there"].add(message.data)

    @rule(place=places, pick=pick, flags=flags)
    def flag_here(self, place, pick, flags):
        entry = self.some_here(place, pick)
        if entry is not None:
            self.store.folder("work", place).set_flags(entry.key, flags)

    @rule()
    def rename_here(self):
        paths = [self.store.folder("work", name).path for name in OWN]
        if [path.exists() for path in paths] in ([True, False], [False, True]):
            old, new = paths if paths[0].exists() else paths[::-1]
            old.rename(new)

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
        what=st.sampled_from(MEANWHILE),
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
            "copy_there": lambda: self.copy_there(place=place, to=to, pick=pick),
            "delete_here": lambda: self.delete_here(place=place, pick=pick, meant=pick % 2 == 0),
            "move_here": lambda: self.move_here(place=place, to=to, pick=pick, new_key=pick % 2 == 0),
            "copy_here": lambda: self.copy_here(place=place, to=to, pick=pick),
            "edit_here": lambda: self.edit_here(pick=pick, new_key=pick % 2 == 0),
            "flag_here": lambda: self.flag_here(place=place, pick=pick, flags=flags),
        }
        self.meanwhile = (after, changes[what])
        self.one_pass()
        self.meanwhile = None

    @rule()
    def sync(self):
        self.one_pass()

    @rule(
        what=st.sampled_from(ALONE),
        place=places,
        to=places,
        pick=pick,
        flags=flags,
        passes=st.integers(0, 2),
        after=st.integers(0, 60),
    )
    def one_change_alone(self, what, place, to, pick, flags, passes, after):
        """After a change to what both sides agree about it is known exactly what each side has in the end."""
        place, to = ("Archive" if each in OWN and not self.own else each for each in (place, to))
        place = "Drafts" if what.startswith("edit") else place
        if what.startswith("move") and place == to:
            return
        for _ in range(2):  # one would be the only one: an empty folder is a question
            self.new_there(place=place, flags=flags, same_id=False)
        self.settle()
        entries = [each for each in self.files(place) if self.sure(self.content(each))]
        if "under another name" in what:  # a mover leaves its tags behind, or not
            entries = [each for each in entries if not self.flags_of(each, place).tags]
        if not entries:
            return  # their folder was renamed here meanwhile, and they are in it
        entry = entries[pick % len(entries)]
        data = self.content(entry)
        wanted, attic = self.picture(), self.attic()
        added, removed = self.alone(what, place, to, flags, entry, data)
        for name, change in removed:
            wanted[name] -= Counter([change])
        for name, change in added:
            wanted[name] += Counter([change])
        if what == "delete_there" and place != "Trash":
            attic[data] += 1
        for _ in range(passes):
            self.clock += 11
            self.one_pass()
        self.crash(after)
        self.settle()
        assert self.picture() == wanted, what
        assert self.attic() == attic, what

    def sure(self, data):
        """Whether a message is on both sides once, and nothing else is like it."""
        return (
            self.here()[data] == self.there()[data] == 1
            and data not in self.attic()
            and data not in self.aging
        )

    def alone(self, what, place, to, flags, entry, data):
        """Make a change; what is more and what is less after it, by folder: bytes and flags."""
        folder, there = self.into(place), self.at(place)
        was = (data, self.flags_of(entry, place))
        (uid,) = [uid for uid, each in there.messages.items() if each.data == data]
        match what:
            case "new_there" | "new_here":
                made = self.message(same_id=False)
                if what == "new_there":
                    there.add(made, FlagSet(flags), self.clock)
                else:
                    folder.deliver(made.replace(b"\r\n", b"\n"), flags=flags)
                return [(place, (made, FlagSet(flags)))], []
            case "delete_there":
                there.remove(uid)
                self.lost[data] += place == "Trash"
                return [], [(place, was)]
            case "move_there":
                self.server.move(uid, self.at(place).raw, self.at(to).raw)
                return [(to, was)], [(place, was)]
            case "copy_there":
                message = there.messages[uid]
                self.at(to).add(data, message.flags, message.received, message.lasting)
                self.born[data] += 1
                return [(to, was)], []
            case "flag_there" | "flag_here":
                if what == "flag_there":
                    there.flag(uid, FlagSet(flags, was[1].tags))
                else:
                    folder.set_flags(
                        entry.key, flags + "".join(char for char in entry.flags if char.islower())
                    )
                return [(place, (data, FlagSet(flags, was[1].tags)))], [(place, was)]
            case "delete_here" | "delete_here for good":
                self.delete_here(place, 0, what == "delete_here for good", entry)
                return [] if "good" in what or place == "Trash" else [("Trash", was)], [(place, was)]
            case "move_here":
                folder.move(entry.key, self.into(to))
                return [(to, was)], [(place, was)]
            case "move_here under another name":
                chars = was[1].chars
                self.into(to).deliver(entry.path.read_bytes(), flags=chars)
                entry.path.unlink()
                return [(to, (data, FlagSet(chars)))], [(place, was)]
            case "copy_here":
                self.into(to).deliver(entry.path.read_bytes(), flags="S")
                self.born[data] += 1
                return [(to, (data, FlagSet("S")))], []
            case _:
                made = self.edit(entry, new_key="another" in what)
                return [(place, (made, was[1]))], [(place, was)]

    def one_pass(self):
        self.clock += 3
        with mock.patch("asyncio.to_thread", at_once):
            return self.loop.run_until_complete(
                run_pass(
                    *(self.remote, self.state, self.inbox, self.settings, self.memory),
                    now=lambda: self.clock,
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
        waiting = self.state.read("SELECT * FROM doing")
        assert waiting == []
        left = Counter()
        for name, raw in (PLACES | OWN).items():
            here = Counter((self.content(each), self.flags_of(each, name)) for each in self.files(name))
            messages = self.server[raw].messages.values() if raw in self.server.folders else ()
            there = Counter((each.data, each.flags) for each in messages)
            missing = there - here
            assert not here - there, name
            assert {content for content, _ in missing} <= self.aging, name
            left.update(content for content, _ in there.elements())
        kept = self.attic()
        for data, births in self.born.items():
            wanted = births - self.lost[data]
            if data in self.copied["here"] and data in self.copied["there"]:
                wanted = min(wanted, 1)  # two who copy one message may have made the same copy
            assert left[data] + kept[data] >= wanted, (data, left[data], kept[data], wanted)
            assert left[data] <= births, (data, left[data])


TestHistories = Histories.TestCase
TestHistories.settings = settings(
    suppress_health_check=list(HealthCheck), deadline=None, stateful_step_count=30
)


# ---- histories that once ended with a copy too many, or one too few

TRUTHFUL, VAGUE = Lies(), Lies(no_append_id=True, no_move_ids=True, no_status=True)
SERVERS = pytest.mark.parametrize("lies", [TRUTHFUL, VAGUE], ids=["truthful", "vague"])


@contextmanager
def history(lies=TRUTHFUL, *, counting=True, keep=False):
    """A history that is told step by step; at its end both sides are compared."""
    state = Histories()
    state.begin(lies=lies, counting=counting, keep=keep)
    try:
        yield state
    except BaseException:
        state.settle = lambda: None
        raise
    finally:
        state.teardown()


def crash_when(state, what):
    """Passes until this happens on the server, where the program ends; whether it came to that."""

    def tick(done):
        if done == what:
            raise Crash

    state.remote.tick = tick
    try:
        for _ in range(2):
            state.one_pass()
    except Crash:
        state.memory = SyncMemory()
        return True
    finally:
        state.remote.tick = state.tick
    return False


def meanwhile(state, what, change):
    """One pass during which somebody changes something, when this happens on the server."""

    def tick(done):
        if done == what:
            state.remote.tick = state.tick
            change()

    state.remote.tick = tick
    state.one_pass()


@SERVERS
@pytest.mark.parametrize("to", NAMES)
@pytest.mark.parametrize("place", ["Inbox", "Drafts"])
def test_an_upload_that_was_cut_off_is_known_under_the_name_another_program_gives_it(lies, place, to):
    with history(lies) as state:
        state.sync()
        state.new_here(place=place, flags="S", same_id=False)
        assert crash_when(state, "appended")
        state.move_here(place=place, to=to, pick=0, new_key=True)


@SERVERS
def test_an_upload_that_was_cut_off_and_copied_is_two_messages_and_not_three(lies):
    with history(lies) as state:
        state.sync()
        state.new_here(place="Inbox", flags="S", same_id=False)
        assert crash_when(state, "appended")
        state.copy_here(place="Inbox", to="Archive", pick=0)
        state.settle()
        assert len(state.files("Inbox")) == len(state.files("Archive")) == 1
        assert len(state.server[b"archive"].messages) == 1


@SERVERS
@pytest.mark.parametrize("meant", [True, False])
def test_an_upload_that_was_cut_off_and_deleted_here_comes_back_only_if_nobody_meant_it(lies, meant):
    with history(lies) as state:
        state.sync()
        state.new_here(place="Inbox", flags="S", same_id=False)
        assert crash_when(state, "appended")
        state.delete_here(place="Inbox", pick=0, meant=meant)
        state.settle()
        assert len(state.server[b"INBOX"].messages) == len(state.files("Inbox")) == (not meant)


@SERVERS
def test_a_program_that_removes_first_and_writes_later_makes_no_copy_of_a_cut_off_upload(lies):
    with history(lies) as state:
        state.sync()
        state.new_here(place="Inbox", flags="S", same_id=False)
        assert crash_when(state, "appended")
        (entry,) = state.files("Inbox")
        data = entry.path.read_bytes()
        entry.path.unlink()
        state.sync()
        state.sync()
        state.store.folder("work", "Archive").deliver(data, flags="S")


@SERVERS
def test_a_program_that_writes_first_and_removes_later_makes_no_copy(lies):
    with history(lies) as state:
        state.new_there(place="Inbox", flags="S", same_id=False)
        state.sync()
        state.store.folder("work", "Archive").deliver(state.files("Inbox")[0].path.read_bytes(), flags="S")
        state.sync()
        state.sync()
        state.files("Inbox")[0].path.unlink()
        state.settle()
        assert len(state.server[b"archive"].messages) == 1
        assert not state.server[b"trash"].messages


@SERVERS
@pytest.mark.parametrize("new_key", [True, False])
@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("at", ["appended", "removed"])
@pytest.mark.parametrize("again", [True, False])
def test_of_a_draft_that_was_cut_off_only_the_newest_version_is_left(lies, new_key, known, at, again):
    if at == "removed" and not known:
        return  # nothing is removed
    with history(lies) as state:
        state.sync()
        state.new_here(place="Drafts", flags="S", same_id=False)
        if known:
            state.sync()
            state.sync()
        state.edit_here(pick=0, new_key=new_key)
        assert crash_when(state, at)
        if again:
            state.edit_here(pick=0, new_key=new_key)
        state.settle()
        assert len(state.files("Drafts")) == 1


@SERVERS
@pytest.mark.parametrize("new_key", [True, False])
@pytest.mark.parametrize("crashes_first", [True, False, None])
def test_a_draft_that_was_edited_and_then_filed_keeps_its_newest_version(lies, new_key, crashes_first):
    with history(lies) as state:
        state.new_there(place="Drafts", flags="", same_id=False)
        state.sync()
        state.edit_here(pick=0, new_key=False)
        if crashes_first is True:
            assert crash_when(state, "appended")
        state.move_here(place="Drafts", to="Archive", pick=0, new_key=new_key)
        if crashes_first is False:
            assert crash_when(state, "appended")
        state.settle()
        assert b"Another text" in state.files("Archive")[0].path.read_bytes()


@SERVERS
def test_what_was_moved_on_the_server_is_not_brought_back_with_what_was_deleted_there(lies):
    with history(lies, keep=True) as state:
        state.new_there(place="Inbox", flags="", same_id=False)
        state.new_there(place="Inbox", flags="", same_id=False)
        state.sync()
        state.new_there(place="Archive", flags="", same_id=False)
        state.flag_there(place="Inbox", flags="S", tag=False, pick=0)

        def change():
            state.move_there(place="Inbox", to="Archive", pick=0)
            state.delete_there(place="Inbox", pick=0)

        meanwhile(state, "look archive", change)


def test_a_message_moved_just_before_everything_is_numbered_again_stays_one():
    with history(counting=False, keep=True) as state:
        state.new_here(place="Archive", flags="", same_id=False)
        state.sync()
        state.sync_while_others_work(
            after=21, flags="", pick=0, place="Archive", to="Drafts", what="move_there"
        )
        state.renumber(place="Archive", pick=0)


def test_a_file_moved_between_two_listings_is_not_a_copy():
    with history(counting=False) as state:
        state.new_there(place="Inbox", flags="", same_id=False)
        state.new_there(place="Archive", flags="", same_id=False)
        state.sync()
        state.delete_here(place="Archive", pick=0, meant=False)
        state.sync_while_others_work(
            after=29, flags="", pick=0, place="Inbox", to="Archive", what="move_here"
        )


@SERVERS
@pytest.mark.parametrize("to", ["Drafts", "Archive"])
def test_a_draft_fetched_just_before_a_crash_and_then_edited_is_uploaded(lies, to):
    with history(lies) as state:
        state.sync()
        state.new_there(place="Drafts", flags="", same_id=False)
        state.inbox._tick = raise_after("deliver_many")
        with pytest.raises(Crash):  # after the file is there, and before its row is
            state.one_pass()
        state.inbox._tick, state.memory = state.tick, SyncMemory()
        state.edit_here(pick=0, new_key=False)
        state.move_here(place="Drafts", to=to, pick=0, new_key=False)
        state.settle()
        assert len(state.files("Drafts")) + len(state.files("Archive")) == 1


def raise_after(what):
    """A tick that ends the program once this has been done."""
    begun = []

    def tick(done):
        if done == what:
            begun.append(done)
            if len(begun) == 2:
                raise Crash

    return tick


def test_what_left_the_trash_on_the_server_and_was_deleted_before_a_look_is_deleted():
    with history() as told:
        told.new_there(flags="", place="Trash", same_id=False)
        told.sync()
        told.move_there(pick=0, place="Trash", to="Archive")
        told.delete_there(pick=0, place="Archive")
        told.sync()
        assert not told.files("Trash")
        assert not told.attic()


@contextmanager
def fetched_twice(lies):
    """A message moved on the server from the inbox to the archive during a pass that fetched it again."""
    with history(lies) as told:
        told.new_there(flags="", place="Inbox", same_id=False)
        told.sync()
        told.new_there(flags="S", place="Archive", same_id=False)
        meanwhile(told, "look archive", lambda: told.move_there(place="Inbox", to="Archive", pick=0))
        assert (len(told.files("Inbox")), len(told.files("Archive"))) == (1, 2)
        yield told


@SERVERS
@pytest.mark.parametrize("new_key", [True, False])
@pytest.mark.parametrize("to", ["Archive", "Drafts", "Trash"])
def test_of_a_message_fetched_twice_the_older_copy_that_was_moved_here_is_not_another_message(
    lies, new_key, to
):
    with fetched_twice(lies) as told:
        told.flag_here(place="Inbox", pick=0, flags="F")
        told.move_here(place="Inbox", to=to, pick=0, new_key=new_key)
        told.settle()
        left = {name: len(told.files(name)) for name in ("Inbox", "Archive", "Drafts", "Trash")}
        assert left == {"Inbox": 0, "Archive": 1, "Drafts": 0, "Trash": 0} | (
            {to: 1} if to != "Archive" else {to: 2}
        )
        assert "F" in {flag for entry in told.files(to) for flag in entry.flags}


@SERVERS
@pytest.mark.parametrize("new_key", [True, False])
def test_of_a_message_fetched_twice_the_newer_copy_can_be_moved_here(lies, new_key):
    with fetched_twice(lies) as told:
        told.move_here(place="Archive", to="Drafts", pick=0, new_key=new_key)
        told.move_here(place="Archive", to="Drafts", pick=0, new_key=new_key)
        told.settle()
        assert (len(told.files("Inbox")), len(told.files("Drafts"))) == (0, 2)


@SERVERS
def test_flags_given_here_to_the_older_of_two_copies_are_kept(lies):
    with fetched_twice(lies) as told:
        told.flag_here(place="Inbox", pick=0, flags="F")
        told.settle()
        assert not told.files("Inbox")
        assert sorted(entry.flags for entry in told.files("Archive")) == ["F", "S"]


@SERVERS
def test_what_was_changed_here_and_moved_there_while_this_program_looked_is_not_uploaded_again(lies):
    with history(lies) as told:
        told.new_there(flags="", place="Trash", same_id=False)
        told.sync()
        told.flag_here(place="Trash", pick=0, flags="S")
        told.new_here(place="Inbox", flags="S", same_id=False)
        meanwhile(told, "look trash", lambda: told.move_there(place="Trash", to="Inbox", pick=0))
        told.settle()
        assert (len(told.files("Inbox")), len(told.files("Trash"))) == (2, 0)
        assert [entry.flags for entry in told.files("Inbox")] == ["S", "S"]
        assert not any(call.startswith("append trash") for call in told.remote.calls)


@SERVERS
def test_a_draft_edited_here_after_it_was_fetched_twice_is_kept(lies):
    with history(lies) as told:
        told.new_there(flags="", place="Drafts", same_id=False)
        told.sync()
        told.new_there(flags="", place="Trash", same_id=False)
        meanwhile(told, "look trash", lambda: told.move_there(place="Drafts", to="Trash", pick=0))
        told.edit_here(pick=0, new_key=False)
        told.settle()
        assert [b"Another text" in entry.path.read_bytes() for entry in told.files("Drafts")] == [True]


@SERVERS
def test_flags_given_here_to_a_message_that_was_moved_here_too_are_kept(lies):
    with history(lies) as told:
        told.new_there(flags="", place="Inbox", same_id=False)
        told.sync()
        told.flag_here(place="Inbox", pick=0, flags="FS")
        told.move_here(place="Inbox", to="Archive", pick=0, new_key=False)
        told.settle()
        assert [entry.flags for entry in told.files("Archive")] == ["FS"]


@SERVERS
@pytest.mark.parametrize("moment", ["heads drafts", "look drafts", "look archive"])
@pytest.mark.parametrize("unsure", [True, False])
def test_a_cut_off_upload_moved_there_while_this_program_looks_for_it_stays_one(lies, moment, unsure):
    with history(lies) as told:
        told.sync()
        told.new_here(place="Drafts", flags="S", same_id=True)
        assert crash_when(told, "appended")
        if unsure:
            told.new_here(place="Archive", flags="S", same_id=False)
        meanwhile(told, moment, lambda: told.move_there(place="Drafts", to="Inbox", pick=0))


@SERVERS
@pytest.mark.parametrize("nth", range(1, 14))
def test_what_is_moved_there_at_any_look_of_a_pass_is_not_brought_back(lies, nth):
    with history(lies) as told:
        told.new_there(place="Trash", flags="", same_id=False)
        told.new_there(place="Drafts", flags="", same_id=False)
        told.sync()
        told.flag_here(place="Trash", pick=0, flags="S")
        told.flag_here(place="Drafts", pick=0, flags="S")
        told.delete_there(place="Drafts", pick=0)
        looks = []

        def tick(done):
            looks.extend([done] if done.startswith("look ") else [])
            if len(looks) == nth:
                looks.append("")
                told.move_there(place="Trash", to="Inbox", pick=0)

        told.remote.tick = tick
        told.one_pass()
        told.remote.tick = told.tick


@SERVERS
@pytest.mark.parametrize("moved_there", [False, True])
@pytest.mark.parametrize("to", ["Archive", "Drafts", "Trash"])
def test_a_message_fetched_just_before_a_crash_is_known_under_another_name(lies, moved_there, to):
    with history(lies) as told:
        told.sync()
        told.new_there(place="Inbox", flags="", same_id=False)
        told.inbox._tick = raise_after("deliver_many")
        with pytest.raises(Crash):
            told.one_pass()
        told.inbox._tick, told.memory = told.tick, SyncMemory()
        told.move_here(place="Inbox", to=to, pick=0, new_key=True)
        if moved_there:
            told.move_there(place="Inbox", to="Archive", pick=0)
        told.settle()
        assert sum(len(told.files(name)) for name in NAMES) == 1
        assert len(told.files(to)) == 1


@SERVERS
def test_a_tagged_message_moved_here_and_deleted_there_keeps_its_tag(lies):
    with history(lies, keep=True) as told:
        told.new_here(place="Inbox", flags="", same_id=False)
        told.tag_here(place="Inbox", pick=0)
        told.sync()
        told.move_here(place="Inbox", to="Archive", pick=0, new_key=False)
        told.delete_there(place="Inbox", pick=0)


@pytest.mark.parametrize("syncs", [1, 2])
def test_the_lasting_id_of_an_older_version_of_a_draft_is_not_that_of_the_newer(syncs):
    with history(counting=False) as told:
        told.remote.lasting = True
        told.new_here(place="Drafts", flags="", same_id=False)
        for _ in range(syncs):  # the second learns its lasting id
            told.sync()
        for _ in range(2):
            told.edit_here(pick=0, new_key=False)
            told.sync()
        (older, _newer) = sorted(told.server[b"drafts"].messages)
        told.server.move(older, b"drafts", b"archive")


@SERVERS
@pytest.mark.parametrize("new_key", [True, False])
@pytest.mark.parametrize("tags", [["home"], ["home", "garden"], []])
def test_a_tag_the_server_gave_is_kept_in_a_folder_here_where_its_flag_means_another(lies, tags, new_key):
    with history(lies) as told:
        for _ in tags:
            told.new_here(place="Drafts", flags="", same_id=False)
        LocalInbox(told.store).tag_flags("work", "Drafts", tags)
        told.new_there(place="Archive", flags="", same_id=False)
        told.flag_there(place="Archive", pick=0, flags="", tag=True)
        told.sync()
        told.move_here(place="Archive", to="Drafts", pick=0, new_key=new_key)
        told.settle()
        moved = told.files("Drafts")[-1]  # with another key it may have lost its tag, then on both sides
        assert new_key or "work" in told.flags_of(moved, "Drafts").tags


@pytest.mark.parametrize("edited", [False, True])
def test_a_draft_with_a_lasting_id_fetched_just_before_a_crash_is_known_again(edited):
    with history() as told:
        told.remote.lasting = True
        told.new_here(place="Archive", flags="", same_id=False)
        told.sync()
        told.copy_there(place="Archive", to="Drafts", pick=0)
        told.inbox._tick = raise_after("deliver_many")
        with pytest.raises(Crash):
            told.one_pass()
        told.inbox._tick, told.memory = told.tick, SyncMemory()
        if edited:
            told.edit_here(pick=0, new_key=False)
            told.copy_here(place="Drafts", to="Inbox", pick=0)
        told.settle()
        assert len(told.files("Drafts")) == 1


@SERVERS
def test_a_draft_edited_here_and_moved_there_before_a_crash_is_on_both_sides_in_both_versions(lies):
    with history(lies) as told:
        told.new_here(place="Drafts", flags="S", same_id=False)
        told.sync()
        told.edit_here(pick=0, new_key=False)
        told.move_there(place="Drafts", to="Trash", pick=0)
        assert crash_when(told, "appended")
        told.settle()
        assert (len(told.files("Drafts")), len(told.files("Trash"))) == (1, 1)


@SERVERS
def test_of_a_cut_off_draft_in_a_folder_that_was_renumbered_only_the_newest_version_is_left(lies):
    with history(lies) as told:
        told.new_here(place="Drafts", flags="S", same_id=False)
        told.new_here(place="Drafts", flags="S", same_id=False)
        told.sync()
        told.sync()
        told.edit_here(pick=0, new_key=False)
        assert crash_when(told, "appended")
        told.renumber(place="Drafts", pick=0)
        told.settle()
        assert len(told.files("Drafts")) == 2


@SERVERS
@pytest.mark.parametrize("passes", [0, 1])
def test_nothing_stays_noted_of_a_move_that_was_cut_off_once_it_is_known_to_be_done(lies, passes):
    with history(lies) as told:
        told.new_there(place="Archive", flags="", same_id=False)
        told.sync()
        told.move_here(place="Archive", to="Drafts", pick=0, new_key=True)
        assert crash_when(told, "moved")
        for _ in range(passes):
            told.sync()
        told.clock += 61
        told.sync()
        assert told.state.read("SELECT * FROM doing") == []


@SERVERS
@pytest.mark.parametrize("moved", [True, False])
def test_a_message_too_old_to_be_kept_that_a_person_moves_or_flags_just_then_is_moved_and_flagged_there(
    lies, moved
):
    with history(lies) as told:
        told.settings = SyncSettings("work", keep=KEPT)
        told.new_there(place="Inbox", flags="", same_id=False, age=29)
        told.sync()
        told.days_pass()
        told.new_there(place="Inbox", flags="", same_id=False)

        def tick(_done):
            if told.state.read("SELECT * FROM doing WHERE kind = 'expire'"):
                told.inbox._tick = lambda _done: None
                if moved:
                    told.move_here(place="Inbox", to="Archive", pick=0, new_key=False)
                else:
                    told.flag_here(place="Inbox", pick=0, flags="F")

        told.inbox._tick = tick
        told.sync()
        told.settle()
        (old,) = [
            (name, each.flags.chars)
            for name, folder in told.server.folders.items()
            for each in folder.messages.values()
            if each.data in told.aging
        ]
        assert old == ((b"archive", "") if moved else (b"INBOX", "F"))


@SERVERS
@pytest.mark.parametrize("when", ["append drafts", "begin"])
def test_a_draft_written_into_while_it_is_uploaded_is_not_another_message(lies, when):
    with history(lies) as told:
        told.new_here(place="Drafts", flags="", same_id=False)
        told.sync()
        told.edit_here(pick=0, new_key=False)

        def tick(done):
            if done == when:
                told.remote.tick = told.tick = lambda _done: None
                told.edit_here(pick=0, new_key=False)

        told.remote.tick = told.tick = tick
        told.sync()
        told.settle()
        assert len(told.files("Drafts")) == 1


@SERVERS
def test_a_draft_cut_off_then_moved_here_and_its_older_version_deleted_there_is_one_message(lies):
    with history(lies) as told:
        told.new_here(place="Drafts", flags="", same_id=False)
        told.sync()
        told.edit_here(pick=0, new_key=False)
        assert crash_when(told, "appended")
        told.move_here(place="Drafts", to="Archive", pick=0, new_key=False)
        told.delete_there(place="Drafts", pick=0)
        told.settle()
        assert (len(told.files("Drafts")), len(told.files("Archive"))) == (0, 1)


@SERVERS
def test_a_folder_whose_renaming_there_was_cut_off_can_be_renamed_back(lies):
    with history(lies) as told:
        told.own = True
        told.new_there(place="Garden", flags="", same_id=False)
        told.sync()
        told.rename_here()
        assert crash_when(told, "renamed")
        told.settle()
        told.rename_here()
        told.settle()
        assert len(told.files("Garden")) == len(told.at("Garden").messages) == 1


AWAY_WITH = pytest.mark.parametrize("edited", [None, True, False], ids=["deleted", "renewed", "edited"])


@SERVERS
@AWAY_WITH
@pytest.mark.parametrize("cut_off", [False, True])
def test_of_a_draft_done_away_with_here_a_copy_that_was_not_uploaded_yet_can_go_as_well(
    lies, edited, cut_off
):
    with history(lies) as told:
        told.new_here(place="Drafts", flags="", same_id=False)
        if cut_off:
            assert crash_when(told, "appended")
        else:
            told.sync()
        told.copy_here(place="Drafts", to="Archive", pick=0)
        if edited is None:
            told.delete_here(place="Drafts", pick=0, meant=True)
        else:
            told.edit_here(pick=0, new_key=edited)
        told.delete_here(place="Archive", pick=0, meant=False)
        told.settle()
        assert len(told.files("Drafts")) == (edited is not None)
        assert told.files("Archive") == told.files("Trash") == []


@SERVERS
@AWAY_WITH
def test_of_a_draft_done_away_with_here_a_copy_that_was_uploaded_goes_to_the_trash(lies, edited):
    with history(lies) as told:
        told.new_here(place="Drafts", flags="", same_id=False)
        told.sync()
        told.copy_here(place="Drafts", to="Archive", pick=0)
        told.settle()
        if edited is None:
            told.delete_here(place="Drafts", pick=0, meant=True)
        else:
            told.edit_here(pick=0, new_key=edited)
        told.delete_here(place="Archive", pick=0, meant=False)
        told.settle()
        assert len(told.files("Trash")) == 1


@SERVERS
def test_of_a_draft_and_its_copy_both_removed_here_before_an_upload_one_goes_to_the_trash(lies):
    with history(lies) as told:
        told.new_here(place="Drafts", flags="", same_id=False)
        told.sync()
        told.copy_here(place="Drafts", to="Archive", pick=0)
        told.delete_here(place="Drafts", pick=0, meant=False)
        told.delete_here(place="Archive", pick=0, meant=False)
        (lost,) = told.lost.values()
        told.settle()
        assert (lost, len(told.files("Trash"))) == (1, 1)


@SERVERS
@pytest.mark.parametrize("to", ["Inbox", "Trash"])
@pytest.mark.parametrize("when", ["move", "deliver_many"])
def test_a_draft_written_into_just_before_it_is_moved_here_is_on_both_sides_in_both_versions(lies, to, when):
    with history(lies) as told:
        told.new_there(place="Drafts", flags="RS", same_id=False)
        told.sync()
        told.move_there(place="Drafts", to=to, pick=0)
        told.new_there(place="Archive", flags="", same_id=False)  # so that something is delivered first

        def tick(done):
            if done == when:
                told.inbox._tick = told.tick
                told.edit_here(pick=0, new_key=False)

        told.inbox._tick = tick
        told.sync()
        told.settle()
        assert len(told.files(to)) == 2


@SERVERS
def test_a_draft_written_into_during_a_pass_that_had_looked_at_it_is_noticed_by_the_next(lies):
    with history(lies) as told:
        told.new_there(place="Drafts", flags="", same_id=False)
        told.sync()
        (draft,) = told.files("Drafts")
        told.new_there(place="Drafts", flags="", same_id=False)

        def tick(done):
            if done == "deliver_many":
                told.inbox._tick = told.tick
                told.clock += 1
                told.edit(draft, new_key=False)
                os.utime(draft.path, (told.clock, told.clock))
                told.clock += 1

        told.inbox._tick = tick
        told.sync()
        told.settle()
        assert sorted(b"Another" in each.data for each in told.server[b"drafts"].messages.values()) == [
            False,
            True,
        ]
