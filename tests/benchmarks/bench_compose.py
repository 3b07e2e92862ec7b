"""Typing in a 16 KiB draft: milliseconds from a key to the repainted screen, and processor time per key.

Figure to reach: under 10 ms per key (issue: every screen finished). Preview, meter and autosave are on.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent / "helpers"), str(HERE.parents[1] / "src")]
os.environ |= {"TERM": "xterm-256color", "COLORTERM": "truecolor", "TEXTUAL_ANIMATIONS": "none"}

from desk import ALICE, at_desk, make_profile, until  # noqa: E402 - found by the path set above
from textual import events  # noqa: E402

from misfin.store.outgoing.drafts import Draft  # noqa: E402

SIZE = 16_000
KEYS = 100
LINE = "Some words of text that make a line of usual length, with *stars* and an end.\n"
TEXTS = {
    "lines": LINE * (SIZE // len(LINE)),
    "paragraphs": ("word " * 120 + "\n\n") * (SIZE // 602),
    "one line": "word " * (SIZE // 5),
    "CJK": "漢字の長い行がここにあります。\n" * (SIZE // 46),
}


async def key(app) -> float:
    """One key, until what it changed is on the screen; seconds."""
    painted = asyncio.Event()
    start = time.perf_counter()
    app.focused.post_message(events.Key("x", "x"))
    app.focused.call_after_refresh(painted.set)
    await painted.wait()
    return time.perf_counter() - start


async def measure(app, pilot, name: str, text: str) -> None:
    """Type into one draft."""
    app.open_composer(Draft(account=ALICE, to=("bob@hive.test",), subject="S", body=text))
    await until(pilot, lambda: getattr(app.screen, "_opened", None) is not None)
    screen = app.screen
    screen.body.focus()
    screen.body.move_cursor((len(screen.body.document.lines) // 2, 10))
    await pilot.pause(0.5)
    before = time.process_time()
    times = sorted([await key(app) * 1000 for _ in range(KEYS)])
    cpu = (time.process_time() - before) / KEYS * 1000
    print(
        f"{name:<12} median {statistics.median(times):5.1f} ms   p95 {times[int(KEYS * 0.95)]:5.1f} ms"
        f"   processor {cpu:5.1f} ms per key"
    )
    await screen.keeper.stop()
    app.pop_screen()
    await pilot.pause(0.2)


async def main() -> None:
    """All drafts, one after the other."""
    with tempfile.TemporaryDirectory() as folder:
        profile = make_profile(Path(folder) / "profile")
        async with at_desk(profile, (120, 40)) as (app, pilot):
            for name, text in TEXTS.items():
                await measure(app, pilot, name, text)


if __name__ == "__main__":
    asyncio.run(main())
