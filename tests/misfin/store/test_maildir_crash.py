"""``kill -9`` at any point of delivery, move, flagging or tagging: nothing is lost, doubled or torn.

The work is done by children of a small process of its own (this file, run as a program). A child counts the
system calls that change anything and kills itself before or after one of them: each point is hit in turn.
"""

import os
import random
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from types import FrameType

import pytest

from misfin.store.mail import keywords
from misfin.store.mail.maildir import Maildir

ROUNDS = 600
STEPS = {"open", "write", "utime", "fsync", "close", "rename", "replace", "link", "unlink", "mkdir", "chmod"}


def main(root: Path, seed: int) -> None:
    """Have children killed at ever later points and look at the folders after each."""
    chance = random.Random(seed)
    boxes = [Maildir(root / name).create() for name in ("one", "two")]
    tagged = Maildir(root / "tagged").create()
    tags: set[tuple[bytes, str]] = set()  # contents, and a tag a child has reported they bear
    keywords.STALE_AFTER = 0.0  # a lock left behind is a dead child's
    promised: set[bytes] = set()  # contents whose delivery a child has reported
    possible: set[bytes] = set()
    point = killed = passes = 0
    for round_number in range(ROUNDS):
        batch = [b"%d/%d " % (round_number, part) * chance.choice((1, 3000)) for part in range(2)]
        possible.update(batch)
        reading, writing = os.pipe()
        child = os.fork()
        if not child:
            os.close(reading)
            _die_at(point)
            if passes % 2:
                _tag(tagged, batch[0], f"tag{round_number}", writing)
            else:
                _work(boxes, batch, writing, chance)
            os._exit(0)
        os.close(writing)
        reported = b""
        while said := os.read(reading, 9):
            reported += said
        if b"!" in reported:
            promised.update(batch)
        if b"t" in reported:
            tags.add((batch[0], f"tag{round_number}"))
        os.close(reading)
        _, status = os.waitpid(child, 0)
        # A child that got to its end was not killed early: start again with the first call.
        point = 0 if status == 0 else point + 1
        passes += status == 0
        killed += status != 0
        _check(boxes, promised, possible)
        _check_tags(tagged, tags)
        for old in tagged.list()[:-5]:  # a Maildir names 26 tags
            tags = {(content, tag) for content, tag in tags if content != old.path.read_bytes()}
            old.path.unlink()
    print(killed, passes)


def _work(boxes: list[Maildir], batch: list[bytes], report: int, chance: random.Random) -> None:
    one, two = boxes if chance.random() < 0.5 else boxes[::-1]
    delivered = one.deliver_many(batch)
    os.write(report, b"!")
    one.set_flags(delivered[0].key, "S")
    one.change_flags(chance.choice(one.list()).key, add="F")
    one.move(chance.choice(one.list()).key, two)
    one.move(chance.choice(one.list()).key, two, flags=chance.choice(("", "RS", "T")))


def _tag(box: Maildir, content: bytes, tag: str, report: int) -> None:
    entry = box.deliver(content)
    flag = keywords.name_keywords(
        box.path, [tag], lambda: {flag for entry in box.list() for flag in entry.flags}
    )[tag]
    box.change_flags(entry.key, add=flag)
    os.write(report, b"t")


def _check_tags(box: Maildir, tags: set[tuple[bytes, str]]) -> None:
    named = keywords.read_keywords(box.path)
    borne = {
        (entry.path.read_bytes(), tag) for entry in box.list() for tag in keywords.tags_of(entry.flags, named)
    }
    assert tags <= borne, "a tag is lost"
    assert all(named.get(flag) for entry in box.list() for flag in entry.flags), "a tag has no name"


def _check(boxes: list[Maildir], promised: set[bytes], possible: set[bytes]) -> None:
    found = Counter(entry.path.read_bytes() for box in boxes for entry in box.list())
    assert promised <= found.keys(), "a message is lost"
    assert found.keys() <= possible, "a message is torn"
    assert set(found.values()) <= {1}, "a message is there twice"


def _die_at(point: int) -> None:
    calls = 0

    def count(frame: FrameType, event: str, argument: object) -> None:
        nonlocal calls
        if event in ("c_call", "c_return") and getattr(argument, "__name__", "") in STEPS:
            calls += 1
            if calls > point:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.setprofile(count)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_killed_at_six_hundred_points_no_message_or_tag_is_lost_torn_or_doubled():
    # What a killed process has written stays, synced or not: memory will do, and spares the disk 3,000 syncs.
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as root:
        done = subprocess.run(
            [sys.executable, __file__, root, "1958"], capture_output=True, text=True, timeout=900, check=False
        )
    assert done.returncode == 0, done.stderr
    killed, passes = map(int, done.stdout.split())
    assert killed > 500
    assert passes >= 3  # every point was hit in each


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
