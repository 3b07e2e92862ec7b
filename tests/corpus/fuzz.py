"""Changes messages and HTML at random and reads them, for some minutes: nothing may fail or take long.

Usage: ``fuzz.py SECONDS [FOLDER ...]``; the seeds are the cases in tests/fixtures/reading, and messages
and HTML below the folders. What fails is kept in ``fuzz-failures/``.
"""

from __future__ import annotations

import random
import sys
import time
import traceback
from pathlib import Path

from compare import messages

from misfin.store.message import tnef
from misfin.store.message.html import html_to_text
from misfin.store.message.mime import read_message
from misfin.store.message.structure import parts_of

CASES = Path(__file__).parents[1] / "fixtures" / "reading"
PIECES = [
    *(
        b'--|\n--b\n|--b--|boundary=|\n\n|\r|\0|=?utf-8?q?|?=|"|<|>|(|\nend\n|\x1b$B|\xff\xfe|&#|<!--|-->'.split(
            b"|"
        )
    ),
    *(
        b"charset=utf-16|format=flowed|filename*0*=|begin 644 x\n|=ybegin name=x\n|<style>|<a href='".split(
            b"|"
        )
    ),
    *(
        b"<div style=display:none>|<table><tr><td>|<b style='background:red;color:white'>|<ul><li>".split(
            b"|"
        )
    ),
    b"Content-Type: multipart/mixed; boundary=b\n",
    b"Content-Type: multipart/alternative; boundary=b\n",
    b"Content-Transfer-Encoding: base64\n",
    b"Content-Type: message/rfc822\n\n",
    b"Content-Type: application/ms-tnef\n\n\x78\x9f\x3e\x22",
]
SLOW = 3.0


def changed(data: bytes, rand: random.Random, seeds: list[bytes]) -> bytes:
    """A message with some changes."""
    out = bytearray(data[:200_000])
    for _ in range(rand.choice([1, 2, 4, 8, 30])):
        at = rand.randrange(len(out) + 1)
        how = rand.randrange(7)
        if how == 0 and out:
            out[at % len(out)] = rand.randrange(256)
        elif how == 1:
            del out[at : at + rand.choice([1, 2, 10, 200, 5000])]
        elif how == 2:
            out[at:at] = rand.choice(PIECES) * rand.choice([1, 1, 1, 3, 300])
        elif how == 3:
            first = rand.randrange(len(out) + 1)
            out[at:at] = out[first : first + rand.choice([5, 80, 2000])]
        elif how == 4:
            other = rand.choice(seeds)
            first = rand.randrange(len(other) + 1)
            out[at:at] = other[first : first + rand.choice([20, 300, 3000])]
        elif how == 5:
            out = out.replace(b"\n", rand.choice([b"\r\n", b"\r", b"\n\n"]), rand.choice([1, -1]))
        else:
            out[at : at + 1] = rand.choice(PIECES)
    return bytes(out[:1_000_000])


def read(data: bytes) -> None:
    """Everything that reads a message."""
    message = read_message(data)
    read_message(data, prefer="text/html", as_html=True)
    for file in message.attachments[:20]:
        file.content(data)
    parts_of(data)
    html_to_text(data.decode("latin-1"))
    at = data.find(b"\x78\x9f\x3e\x22")
    if at >= 0:
        tnef.read(data[at:])


def main() -> int:
    seconds, folders = float(sys.argv[1]), [Path(each) for each in sys.argv[2:]]
    seeds = [data for _, data in messages([CASES, *folders])]
    pages = (page for folder in folders for page in folder.rglob("*.htm*") if page.is_file())
    seeds.extend(b"From: a@b\nContent-Type: text/html\n\n" + page.read_bytes()[:200_000] for page in pages)
    seed = random.SystemRandom().randrange(1 << 32)
    rand = random.Random(seed)
    print(f"{len(seeds)} seeds, random seed {seed}", flush=True)
    end, tried, failed, slowest = time.monotonic() + seconds, 0, 0, 0.0
    while time.monotonic() < end:
        data = changed(rand.choice(seeds), rand, seeds)
        began, problem = time.process_time(), ""
        try:
            read(data)
        except Exception:
            problem = traceback.format_exc()
        spent = time.process_time() - began
        slowest = max(slowest, spent)
        tried += 1
        if problem or spent > SLOW:
            failed += 1
            Path("fuzz-failures").mkdir(exist_ok=True)
            (Path("fuzz-failures") / f"{seed}-{tried}.eml").write_bytes(data)
            print(f"{tried}: {problem or f'took {spent:.1f} s'}", flush=True)
    print(f"{tried:,} messages, {failed} failed, the slowest took {slowest:.2f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
