"""The guide to the engines does what it says: its blocks run in order and print what it shows."""

import re
from contextlib import redirect_stdout
from io import StringIO
from itertools import pairwise
from pathlib import Path

GUIDE = Path(__file__).parents[2] / "docs/imap-engine.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_every_block_prints_what_the_guide_shows():
    blocks = BLOCK.findall(GUIDE.read_text("utf-8"))
    shared, shown = {"__name__": "__main__"}, 0
    for (language, code), (next_language, expected) in pairwise([*blocks, ("", "")]):
        if language != "python":
            continue
        printed = StringIO()
        with redirect_stdout(printed):
            exec(compile(code, str(GUIDE), "exec"), shared)
        assert next_language == "text"
        assert printed.getvalue() == expected, code
        shown += 1
    assert shown >= 7
