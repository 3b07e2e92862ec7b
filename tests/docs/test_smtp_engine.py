"""The page about the SMTP engine does what it says, and shows the table of states as it is."""

import asyncio
import re
from contextlib import redirect_stdout
from io import StringIO
from itertools import pairwise
from pathlib import Path

from misfin.email.smtp.states import TABLE, ClientState

PAGE = (Path(__file__).parents[2] / "docs/smtp-engine.md").read_text("utf-8")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ROW = re.compile(r"^\| `(\w+)` \| (.*) \|$", re.MULTILINE)


def test_the_scripts_of_the_page_print_what_it_shows():
    asyncio.set_event_loop(None)  # a script calls asyncio.run()
    scripts = [
        (text, shown) for (kind, text), (_, shown) in pairwise(BLOCK.findall(PAGE)) if kind == "python"
    ]
    assert len(scripts) >= 4
    for script, shown in scripts:
        printed = StringIO()
        with redirect_stdout(printed):
            exec(compile(script, "<page>", "exec"), {"__name__": "__main__"})
        assert printed.getvalue() == shown


def test_the_table_of_states_is_the_table_of_the_engine():
    rows = dict(ROW.findall(PAGE.partition("## 3. ")[2].partition("## 4. ")[0]))
    assert set(rows) == {state.name for state in ClientState}
    for state, steps in TABLE.items():
        wanted = {}
        for command, step in steps.items():
            states = [each.name for each in (step.more, step.ok) if each is not None]
            wanted[command.value] = " or ".join(f"`{name}`" for name in states)
        named = {}
        for part in rows[state.name].split("; "):
            commands, arrow, to = part.partition(" → ")
            if arrow:
                named |= dict.fromkeys((name if "(" not in name else "" for name in commands.split(", ")), to)
        if state is ClientState.data_sent:
            named = {"." if name == "" else name: to for name, to in named.items()}
        assert named == wanted, state
