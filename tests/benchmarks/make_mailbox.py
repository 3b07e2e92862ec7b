"""Make a mailbox of any size to measure on: invented people, threads, gemmails among ordinary mail.

Usage: ``python tests/benchmarks/make_mailbox.py FOLDER MESSAGES [--seed N]``. ``FOLDER`` becomes a mail root
with one account. The same arguments give the same messages. A hundredth is unread; one word (``xylocarpine``)
is in exactly three messages, the most common one in nearly all.
"""

from __future__ import annotations

import argparse
import base64
import bisect
import itertools
import os
import random
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import formatdate
from pathlib import Path

from misfin.model.address import MisfinAddress
from misfin.model.gemmail import Version
from misfin.store.mail.maildir import MailStore
from misfin.store.message.envelope import wrap, wrap_sent

ACCOUNT = "ada@mail.example"
END = 1_790_000_000
SPAN = 5 * 365 * 86400
RARE = "xylocarpine"
GEMMAILS = 0.4
FOLDERS = (("Inbox", 0.72), ("Archive", 0.94), ("Lists/Crew", 1.0))


def _split(words: str) -> list[str]:
    return words.split()


_SYLLABLES = _split("ka lo mi ren tos ul va we ny der ah sil gor pen tam riv ost el qua bri")
_FIRST = _split("Bea Cal Dot Eli Fen Gil Hui Ida Jon Kim Lee Mia Ned Oda Pim Ren Sól Ty Uma Vik Wyn Åsa")
_LAST = _split("Abend Birch Cole Dune Elm Frost Grove Hill Iver Jung Kern Lake Moor North Oak Park Reed")
_HOSTS = _split("hive.test remote.test capsule.test lists.test garden.test mail.example")
_COMMON = _split("the of and to in is it was for on are with as at be this from have or by one had not but")


@dataclass(slots=True)
class Planned:
    """One message, before its text: ``parent`` is the one it answers."""

    date: int
    thread: int
    parent: Planned | None
    sender: int = 0
    subject: str = ""
    name: str = ""
    lines: list[str] = field(default_factory=list)


class Generator:
    """Everything random comes from one seeded source; ``gemmails`` is their share among the messages."""

    def __init__(self, messages: int, seed: int, gemmails: float = GEMMAILS) -> None:
        self.gemmails = gemmails
        self.random = random.Random(f"{seed}/{messages}")
        choose = self.random.choice
        words = ["".join(choose(_SYLLABLES) for _ in range(choose((2, 3, 3, 4)))) for _ in range(8000)]
        self.vocabulary = [*_COMMON, *words]
        # Frequencies fall with the rank, as they do in every language.
        self.weights = list(itertools.accumulate(1 / (rank + 3) for rank in range(len(self.vocabulary))))
        people = max(40, messages // 50)
        self.people = [f"{choose(_FIRST)} {choose(_LAST)}" for _ in range(people)]
        self.addresses = [
            f"{name.split()[0].lower().encode('ascii', 'ignore').decode()}{number}@{choose(_HOSTS)}"
            for number, name in enumerate(self.people)
        ]

    def words(self, count: int) -> str:
        top = self.weights[-1]
        picked = (bisect.bisect(self.weights, self.random.random() * top) for _ in range(count))
        return " ".join(self.vocabulary[place] for place in picked)

    def plan(self, messages: int) -> list[Planned]:
        """Threads: half of one message, the rest longer, answers minutes to days apart; oldest first."""
        planned: list[Planned] = []
        for thread in itertools.count():
            length = 1
            if self.random.random() < 0.5:
                length = 2
                while length < 60 and self.random.random() < 0.78:
                    length += 1
            members: list[Planned] = []
            date = END - SPAN + int(self.random.random() * SPAN)
            for _ in range(min(length, messages - len(planned))):
                parent = self.random.choice(members[-4:]) if members else None
                members.append(Planned(min(date, END), thread, parent))
                date += 60 + int(self.random.expovariate(1 / 30_000))
            planned += members
            if len(planned) == messages:
                return sorted(planned, key=lambda one: one.date)
        raise AssertionError("unreachable")

    def write(self, number: int, message: Planned, rare: bool) -> tuple[str, bytes]:
        """The folder and the file of a message."""
        draw = self.random.random
        if message.parent is None:
            message.subject = f"{self.words(self.random.randint(2, 6))} {message.thread}".capitalize()
        else:
            message.subject = f"Re: {message.parent.subject.removeprefix('Re: ')}"
        message.sender = self.random.randrange(len(self.people))
        message.lines = [self.words(12) for _ in range(self.random.randint(8, 45))]
        if draw() < 0.08:
            message.lines.append("Grüße aus der Ferne – 東京の天気は良い ✓")
        if rare:
            message.lines.append(f"here {RARE} is named")
        if message.parent is not None:
            quoted = [f"> {line}" for line in message.parent.lines[:5]]
            message.lines = [*quoted, *message.lines]
        if draw() < self.gemmails:
            return self.gemmail(message)
        return self.mail(number, message)

    def gemmail(self, message: Planned) -> tuple[str, bytes]:
        ada, now = MisfinAddress.parse(ACCOUNT), datetime.fromtimestamp(message.date, UTC)
        body = f"# {message.subject}\n\n" + "\n".join(message.lines)
        if message.parent is not None and message.parent.name:
            body += f"\n=> mid:{message.parent.name} In reply to"
        if self.random.random() < 0.15:
            to = [MisfinAddress.parse(self.addresses[message.sender])]
            return "Sent", wrap_sent(
                f"\n\n\n{body}\n".encode(), version=Version.C, account=ada, to=to, now=now
            )
        stamp = now.strftime("%Y-%m-%dT%H:%M:%SZ")
        head = f"{self.addresses[message.sender]} {self.people[message.sender]}\n\n{stamp}\n"
        return self.folder(), wrap(
            f"{head}{body}\n".encode(),
            version=Version.C,
            account=ada,
            now=now,
            verification={"certificate": "pass", "pin": "match"},
            received_from="192.0.2.7",
            received_by="mail.example",
        )

    def mail(self, number: int, message: Planned) -> tuple[str, bytes]:
        message.name = f"{message.date}.{number}@{self.addresses[message.sender].partition('@')[2]}"
        head = [
            f"Return-Path: <{self.addresses[message.sender]}>",
            f"Received: from mx.test (mx.test [192.0.2.{number % 250}])\n\tby mail.example;"
            f" {formatdate(message.date)}",
            f"From: {_encoded(self.people[message.sender])} <{self.addresses[message.sender]}>",
            f"To: Ada Example <{ACCOUNT}>",
            f"Subject: {_encoded(message.subject)}",
            f"Date: {formatdate(message.date)}",
            f"Message-ID: <{message.name}>",
            "MIME-Version: 1.0",
        ]
        references, parent = [], message.parent
        while parent is not None and len(references) < 10:
            references.insert(0, f"<{parent.name}>" if parent.name else "")
            parent = parent.parent
        if known := [name for name in references if name]:
            head += [f"In-Reply-To: {known[-1]}", "References: " + "\n\t".join(known)]
        text = "\n".join(message.lines) + "\n"
        plain = f"Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n{text}"
        kind = self.random.random()
        if kind < 0.05:
            html = f"<html><body><p>{text.replace(chr(10), '<br>')}</p></body></html>"
            other = f"Content-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n{html}\n"
            plain = _multipart("alternative", plain, other)
        elif kind < 0.08:
            data = base64.encodebytes(self.random.randbytes(2000)).decode()
            other = (
                f'Content-Type: application/pdf; name="plan {number}.pdf"\n'
                "Content-Transfer-Encoding: base64\n"
                f'Content-Disposition: attachment; filename="plan {number}.pdf"\n\n{data}'
            )
            plain = _multipart("mixed", plain, other)
        return self.folder(), ("\n".join(head) + "\n" + plain).encode()

    def folder(self) -> str:
        place = self.random.random()
        return next(name for name, until in FOLDERS if place <= until)

    def flags(self, message: Planned) -> str:
        draw = self.random.random()
        if draw < 0.01 or message.date > END - 86400:
            return ""
        return "FS" if draw < 0.04 else "RS" if draw < 0.13 else "S"


def _multipart(kind: str, *parts: str) -> str:
    inside = "".join(f"--=_part\n{part}\n" for part in parts)
    return f'Content-Type: multipart/{kind}; boundary="=_part"\n\n{inside}--=_part--\n'


def _encoded(text: str) -> str:
    return text if text.isascii() else f"=?utf-8?B?{base64.b64encode(text.encode()).decode()}?="


def make(root: Path, messages: int, seed: int = 1) -> None:
    """Fill ``root`` with one account of so many messages."""
    generator = Generator(messages, seed)
    store = MailStore(root)
    store.create(ACCOUNT)
    paths = {
        name: store.folder(ACCOUNT, name).create().path for name in ("Sent", *(name for name, _ in FOLDERS))
    }
    planned = generator.plan(messages)
    rare = {messages // 10, messages // 2, messages * 9 // 10}
    for number, message in enumerate(planned):
        folder, data = generator.write(number, message, number in rare)
        flags = "S" if folder == "Sent" else generator.flags(message)
        name = f"{message.date}.M{number:06d}P1.bench"
        path = paths[folder] / ("cur" if flags else "new") / (f"{name}:2,{flags}" if flags else name)
        path.write_bytes(data)
        os.utime(path, (message.date, message.date))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("messages", type=int)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    make(given.folder, given.messages, given.seed)
