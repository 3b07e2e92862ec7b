"""How fast messages are read, against Titlani's reader of the same bytes (target: 3 times its rate).

Titlani is looked for here, in ``$TITLANI_PYTHON``, in ``python3.13`` and under pyenv's versions.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

HEAD = (
    "crew@hive.example Crew list, bea@hive.example Bea Worker\n"
    "ada@mail.example, cal@x.example, dan@far.example\n"
    "2024-05-01T11:00:00Z, 2024-05-01T10:00:00Z\n"
)
PARAGRAPH = (
    "## Minutes of the meeting\n\nWe spoke about the garden, the bees, the weather.\n\n* water\n* honey\n\n"
    "=> gemini://hive.example/minutes.gmi The minutes\n> what was said before, quoted\n\n"
)
MESSAGES = {
    "1 KiB": (HEAD + PARAGRAPH * 9)[:1024],
    "4 KiB": (HEAD + PARAGRAPH * 40)[:4096],
    "16 KiB": (HEAD + PARAGRAPH * 160)[:16384],
}
TARGET = 3.0

# Run by both sides: %s is what imports GemmailMessage. The best of some rounds is the least disturbed.
MEASURE = """
import json, sys, time
%s
rates = {}
for name, text in json.load(sys.stdin).items():
    data, best = text.encode(), 0.0
    read = GemmailMessage.from_bytes
    for _ in range(7):
        count, start = 0, time.perf_counter()
        while (spent := time.perf_counter() - start) < 0.15:
            for _ in range(20):
                read(data)
            count += 20
        best = max(best, count / spent)
    rates[name] = best
print(json.dumps(rates))
"""


def rates(python: str, imports: str) -> dict[str, float] | None:
    """Messages read per second, by size; None when that interpreter has not got the reader."""
    done = subprocess.run(
        [python, "-c", MEASURE % imports],
        input=json.dumps(MESSAGES),
        capture_output=True,
        text=True,
        check=False,
    )
    return json.loads(done.stdout) if done.returncode == 0 else None


def interpreters() -> list[str]:
    """Every Python that may have Titlani, likeliest first."""
    found = [os.environ.get("TITLANI_PYTHON"), sys.executable, shutil.which("python3.13")]
    found += map(str, sorted((Path.home() / ".pyenv" / "versions").glob("*/bin/python"), reverse=True))
    return [python for python in found if python]


def main() -> None:
    """Print our rates, and the ratio to Titlani's where it can be found."""
    ours = rates(sys.executable, "from misfin.model.gemmail import GemmailMessage")
    if ours is None:
        sys.exit("misfin cannot be imported here")
    peer = "from titlani.content.gemmail import GemmailMessage"
    theirs = next(filter(None, (rates(python, peer) for python in interpreters())), None)
    for name, rate in ours.items():
        line = f"{name:>7}: {rate:>9,.0f} messages/s"
        if theirs:
            ratio = rate / theirs[name]
            line += f"   Titlani {theirs[name]:>9,.0f}   ratio {ratio:.1f} (target {TARGET})"
        print(line)
    if not theirs:
        print("Titlani was not found; set TITLANI_PYTHON to the Python that has it.")


if __name__ == "__main__":
    main()
