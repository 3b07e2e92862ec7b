"""Messages that arrive at a server every minute, and flags that change on both sides meanwhile."""

from __future__ import annotations

import contextlib
import imaplib
import itertools
import os
import re
import smtplib
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

_WORDS = {"F": "\\Flagged", "R": "\\Answered"}
_NUMBER = re.compile(rb"Message-ID: <(\d+)\.(\d+)\.")


@dataclass
class Side:
    """One of the two Maildirs, as its files say: flags of each number, once per copy.

    Only copies of the ``accepted`` attempt to send a message count: of an earlier one the answer was lost.
    """

    maildir: Path
    accepted: dict[int, int]
    numbers: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Number and attempt, of each file name before ``:2,``."""

    def look(self) -> dict[int, list[str]]:
        found: dict[int, list[str]] = {}
        for part in ("new", "cur"):
            with contextlib.suppress(FileNotFoundError), os.scandir(self.maildir / part) as entries:
                for entry in entries:
                    key, _, info = entry.name.partition(":2,")
                    number, attempt = self._number(key, entry.path)
                    if self.accepted.get(number) == attempt:
                        flags = "".join(
                            char for char in info if char in "FRS"
                        )  # as P and T and tags are nobody's
                        found.setdefault(number, []).append(flags)
        return found

    def _number(self, key: str, path: str) -> tuple[int, int]:
        if key not in self.numbers:
            try:
                found = _NUMBER.search(Path(path).read_bytes())
            except FileNotFoundError:  # renamed just now, and seen next time
                found = None
            if found is None:
                return -1, -1
            self.numbers[key] = int(found[1]), int(found[2])
        return self.numbers[key]

    def is_number(self, key: str, number: int) -> bool:
        """Whether the file of this name is that message."""
        return self.numbers.get(key) == (number, self.accepted.get(number))


@dataclass(frozen=True)
class FlagChange:
    """A flag that one side got or lost, and when; it must be on the other side, too."""

    number: int
    flag: str
    on: bool
    here: bool
    at: float

    def done(self, here: dict[int, list[str]], there: dict[int, list[str]]) -> bool:
        flags = (there if self.here else here).get(self.number)
        return flags is not None and all((self.flag in each) == self.on for each in flags)


class MailFlow:
    """Sends messages, changes flags on both sides, and watches both Maildirs."""

    def __init__(self, lmtp: Path, here: Path, there: Path, imap: int, user: str, password: str) -> None:
        self._lmtp, self._imap, self._login = lmtp, imap, (user, password)
        self._accepted: dict[int, int] = {}
        self._here, self._there = Side(here, self._accepted), Side(there, self._accepted)
        self.sent: dict[int, float] = {}
        self.came: dict[int, float] = {}
        self.flagged: list[tuple[FlagChange, float]] = []
        """Changes that reached the other side, and when."""
        self._waiting: list[FlagChange] = []
        self._expected: dict[int, set[str]] = {}
        self._lock = threading.Lock()

    def send(self, number: int) -> None:
        for attempt in itertools.count():  # a server that is away takes it later
            text = (
                f"From: bea@example.org\nTo: ada@localhost\nSubject: Message {number}\n"
                f"Message-ID: <{number}.{attempt}.endurance@example.org>\n\n{'word ' * 300}\n"
            )
            with contextlib.suppress(OSError, smtplib.SMTPException), smtplib.LMTP(str(self._lmtp)) as lmtp:
                lmtp.sendmail("bea@example.org", ["ada"], text)
                self.sent[number] = time.monotonic()
                self._expected[number] = set()
                self._accepted[number] = attempt
                return
            time.sleep(0.5)

    def change_flags(self, number: int) -> None:
        """As messages come, some get flags there; older ones are read, and no longer starred, here."""
        self._change_there(number, "F", on=True)
        self._change_there(number - 2, "R", on=True)
        self._change_here("S", on=True, beyond=1)
        self._change_here("F", on=False, beyond=3)

    def _change_there(self, number: int, flag: str, *, on: bool) -> None:
        if number not in self.sent:
            return
        name = f'"<{number}.{self._accepted[number]}.endurance@example.org>"'
        while True:  # a server that is away is told later
            began = time.monotonic()
            with (
                contextlib.suppress(OSError, imaplib.IMAP4.error),
                imaplib.IMAP4("127.0.0.1", self._imap, timeout=20) as imap,
            ):
                imap.login(*self._login)
                imap.select("INBOX")
                (found,) = imap.search(None, "HEADER", "Message-ID", name)[1]
                imap.store(found.decode(), "+FLAGS.SILENT" if on else "-FLAGS.SILENT", _WORDS[flag])
                self._changed(FlagChange(number, flag, on, here=False, at=began))
                return
            time.sleep(0.5)

    def _change_here(self, flag: str, *, on: bool, beyond: int) -> None:
        """As mutt does: rename the oldest of the files where it is otherwise, if more than ``beyond`` are."""
        found = self._here.look()
        wanted = [
            number for number, flags in sorted(found.items()) if [flag in each for each in flags] == [not on]
        ]
        if len(wanted) <= beyond:
            return
        for path in [*self._here.maildir.glob("cur/*"), *self._here.maildir.glob("new/*")]:
            key, _, info = path.name.partition(":2,")
            if self._here.is_number(key, wanted[0]):
                flags = "".join(sorted({*info, flag} if on else {*info} - {flag}))
                began = time.monotonic()
                with contextlib.suppress(FileNotFoundError):  # renamed in between
                    path.rename(self._here.maildir / "cur" / f"{key}:2,{flags}")
                    self._changed(FlagChange(wanted[0], flag, on, here=True, at=began))
                return

    def _changed(self, change: FlagChange) -> None:
        with self._lock:
            flags = self._expected[change.number]
            (flags.add if change.on else flags.discard)(change.flag)
            same = (change.number, change.flag)
            self._waiting = [each for each in self._waiting if (each.number, each.flag) != same]
            self._waiting.append(change)

    def watch(self, stop: threading.Event) -> None:
        while not stop.wait(0.02):
            with contextlib.suppress(OSError):
                here = self._here.look()
                for number in here:
                    self.came.setdefault(number, time.monotonic())
                with self._lock:
                    there = self._there.look() if self._waiting else {}
                    now = time.monotonic()
                    done = [each for each in self._waiting if each.done(here, there)]
                    self._waiting = [each for each in self._waiting if each not in done]
                    self.flagged += [(each, now) for each in done]

    @property
    def settled(self) -> bool:
        """Whether every message and every flag has arrived."""
        return set(self.sent) <= set(self.came) and not self._waiting

    def faults(self) -> list[str]:
        """What is not on both sides once, as it was sent and flagged. Call it when all is quiet."""
        sides = {"here": self._here.look(), "there": self._there.look()}
        said = []
        for number, flags in sorted(self._expected.items()):
            wanted = ["".join(sorted(flags))]
            said += [
                f"message {number} {where}: {found.get(number, 'LOST')}, not {wanted}"
                for where, found in sides.items()
                if found.get(number) != wanted
            ]
        return said
