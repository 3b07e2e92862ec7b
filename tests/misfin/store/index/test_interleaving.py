"""Any interleaving of deliveries, moves, flag changes and rebuilds ends in the same view."""

from __future__ import annotations

import itertools
import shutil
import tempfile
import time
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, precondition, rule
from mailboxes import ME, NOW, Mailbox, mail, miscounted, whole_view

from misfin.store.filing import Action, Filing
from misfin.store.index import MailIndex
from misfin.store.index.scan import Scan
from misfin.store.rows import View

FOLDERS = ["Inbox", "Archive", "Sent", "Trash", "Held"]
folders = st.sampled_from(FOLDERS)
flags = st.sampled_from(["", "S", "FS", "F", "RS", "Sa", "Sab"])
numbers = st.integers(0, 50)


class Interleaving(RuleBasedStateMachine):
    """One mailbox, changed by other programs, by our filing, and looked at in between."""

    undos = Bundle("undos")

    @initialize()
    def open(self):
        self.tmp = Path(tempfile.mkdtemp(prefix="interleaving-"))
        self.box = Mailbox(self.tmp / "mail")
        self.index = MailIndex(self.tmp / "index.db", self.box.root)
        self.other = MailIndex(self.tmp / "index.db", self.box.root)  # another program of ours
        self.filing = Filing(self.index, self.box.store)
        self.count = itertools.count()
        self.checks = 0

    def teardown(self):
        self.compare()
        self.index.close()
        self.other.close()
        shutil.rmtree(self.tmp)

    def file(self, number):
        files = self.box.files()
        return files[number % len(files)] if files else None

    # ---- what other programs do

    @rule(
        folder=folders,
        flags=st.none() | flags,
        subject=st.sampled_from(["", "Hello", "Re: Hello", "Report"]),
        answers=st.lists(st.integers(0, 6), max_size=2),
        named=st.booleans(),
        day=st.integers(0, 4),
        second=st.integers(0, 2),
        own=st.booleans(),
    )
    def deliver(self, folder, flags, subject, answers, named, day, second, own):
        number = next(self.count)
        data = mail(
            subject,
            f"body {number}",
            date=NOW + 86400 * day + second,
            message_id=f"<{number % 7}@x>" if named else "",
            references=[f"<{answer}@x>" for answer in answers],
            sender=ME if own else "Bob <bob@x.example>",
            to="bob@x.example" if own else ME,
        )
        self.box.put(data, folder, name=f"{int(NOW)}.{number}.x", flags=flags)

    @rule(number=numbers, flags=flags)
    def flag(self, number, flags):
        if file := self.file(number):
            self.box.flag(file, flags)

    @rule(number=numbers, folder=folders)
    def move(self, number, folder):
        if file := self.file(number):
            self.box.move(file, folder)

    @rule(number=numbers, folder=st.none() | folders)
    def rename(self, number, folder):
        """A sync tool gives a message a name of its own, in another folder too."""
        if file := self.file(number):
            key, colon, info = file.name.partition(":")
            key = f"{key.partition(',')[0]},U={next(self.count)}"
            file = file.rename(file.with_name(key + colon + info))
            if folder:
                self.box.move(file, folder)

    @rule(number=numbers)
    def remove(self, number):
        if file := self.file(number):
            file.unlink()

    @rule(folder=st.sampled_from(["Archive", "Trash"]))
    def replace_folder(self, folder):
        """A sync tool puts a fresh copy in the folder's place, without the first message."""
        path, copy = self.box.path(folder), self.tmp / "copy"
        shutil.copytree(path, copy)
        for file in sorted((copy / "cur").iterdir())[:1]:
            file.unlink()
        shutil.rmtree(path)
        copy.rename(path)

    @rule(folder=folders, names=st.permutations(["work", "travel", "later"]))
    def name_tags(self, folder, names):
        lines = [f"{number} {name}\n" for number, name in enumerate(names)]
        (self.box.path(folder) / "dovecot-keywords").write_text("".join(lines))

    @rule()
    def age(self):
        self.box.age()

    # ---- what we do

    @rule()
    def scan(self):
        self.index.scan()

    @rule(
        number=numbers,
        folder=folders,
        flags=flags,
        what=st.sampled_from(["flag", "move", "remove", "both", "rename"]),
    )
    def scan_while_others_work(self, number, folder, flags, what):
        """Something happens after a scan has looked and before it writes down what it saw."""
        scan = Scan(self.index._database, self.box.store, time.time, None)
        found = scan.look()
        if file := self.file(number):
            if what == "remove":
                file.unlink()
            if what == "rename":
                self.rename(number, None)
            if what in ("flag", "both"):
                file = self.box.flag(file, flags)
            if what in ("move", "both"):
                self.box.move(file, folder)
        scan.apply(found)

    @rule(action=st.sampled_from([Action.ARCHIVE, Action.STAR, Action.READ]), folder=folders)
    def scan_while_we_file(self, action, folder):
        scan = Scan(self.index._database, self.box.store, time.time, None)
        found = scan.look()
        self.filing.apply(action, View(ME, folder))
        scan.apply(found)

    @rule()
    def another_program_scans(self):
        self.other.scan()

    @rule()
    def rebuild(self):
        self.index.build()

    @rule()
    def reopen(self):
        self.index.close()

    @rule(
        target=undos,
        action=st.sampled_from(Action),
        number=numbers,
        folder=folders,
        how=st.sampled_from(["message", "thread", "view"]),
    )
    def file_away(self, action, number, folder, how):
        argument = {
            Action.MOVE: folder,
            Action.COPY: folder,
            Action.TAG: "work",
            Action.UNTAG: "work",
        }.get(action, "")
        rows = self.index.messages(View(), 100)
        if not rows:
            return None
        row = rows[number % len(rows)]
        if how == "message":
            return self.filing.apply(action, [row.id], argument)
        if how == "thread":
            return self.filing.apply(action, [row.thread], argument, view=View(ME, folder))
        return self.filing.apply(action, View(ME, folder), argument)

    @rule(undo=undos)
    def take_back(self, undo):
        if undo is not None:
            self.filing.undo(undo)

    # ---- what must hold

    @invariant()
    def counts_are_right(self):
        if hasattr(self, "index"):
            wrong = self.index._database.read(miscounted)
            assert not wrong, wrong

    @precondition(lambda self: self.checks < 3)
    @rule()
    def compare(self):
        """The index that went through all this shows what one built from nothing does."""
        self.checks += 1
        self.index.scan()
        fresh = MailIndex(self.tmp / f"fresh{self.checks}.db", self.box.root)
        fresh.scan()
        try:
            assert whole_view(self.index) == whole_view(fresh)
        finally:
            fresh.close()


Interleaving.TestCase.settings = settings(max_examples=20, stateful_step_count=25)
TestInterleaving = Interleaving.TestCase
