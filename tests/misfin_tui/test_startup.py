"""What is imported before the first frame: a list, so that nothing joins it unseen."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from desk import ALICE, at_desk, make_profile, on_screen
from mailboxes import Mailbox, mail

SCRIPT = """
import json, sys
from pathlib import Path
from misfin_tui.app import MisfinApp
from misfin_tui.config import load
from misfin_tui.paths import profile_at

class Watched(MisfinApp):
    def _after_first_frame(self):
        rows = self.screen.messages.total
        Path(sys.argv[2]).write_text(json.dumps([sorted(sys.modules), rows]))
        self.exit(0)

profile = profile_at(Path(sys.argv[1]))
Watched(profile, load(profile.config)).run(headless=True)
"""

OURS = {
    "misfin",
    "misfin.errors",
    "misfin.valueclass",
    "misfin.files",
    "misfin.model",
    "misfin.model.account",
    "misfin.model.folders",
    "misfin.model.gemtext",
    "misfin.model.safetext",
    "misfin.store",
    "misfin.store.evidence",
    "misfin.store.rows",
    "misfin_tui",
    "misfin_tui.app",
    "misfin_tui.app.background",
    "misfin_tui.app.base",
    "misfin_tui.app.carrying",
    "misfin_tui.app.controller",
    "misfin_tui.app.ending",
    "misfin_tui.app.notices",
    "misfin_tui.app.pictures",
    "misfin_tui.app.sync_follower",
    "misfin_tui.app.questions",
    "misfin_tui.app.switcher",
    "misfin_tui.app.terminal",
    "misfin_tui.app.terminal_input",
    "misfin_tui.app.themes",
    "misfin_tui.config",
    "misfin_tui.config.hosting",
    "misfin_tui.config.reading",
    "misfin_tui.config.values",
    "misfin_tui.host",
    "misfin_tui.keymap",
    "misfin_tui.keymap.action",
    "misfin_tui.keymap.boxes",
    "misfin_tui.keymap.server_mail",
    "misfin_tui.keymap.everyday",
    "misfin_tui.keymap.going",
    "misfin_tui.keymap.helping",
    "misfin_tui.keymap.spelling",
    "misfin_tui.keymap.table",
    "misfin_tui.messages",
    "misfin_tui.paths",
    "misfin_tui.screens",
    "misfin_tui.screens.base",
    "misfin_tui.screens.folder_actions",
    "misfin_tui.screens.going",
    "misfin_tui.screens.inbox",
    "misfin_tui.screens.inbox_list",
    "misfin_tui.screens.inbox_news",
    "misfin_tui.screens.inbox_search",
    "misfin_tui.screens.message_actions",
    "misfin_tui.screens.message_screen",
    "misfin_tui.screens.more_actions",
    "misfin_tui.screens.prompts",
    "misfin_tui.screens.selection",
    "misfin_tui.screens.whole_list",
    "misfin_tui.screentext",
    "misfin_tui.services",
    "misfin_tui.services.mail",
    "misfin_tui.theming",
    "misfin_tui.widgets",
    "misfin_tui.widgets.bindings",
    "misfin_tui.widgets.cells",
    "misfin_tui.widgets.controller",
    "misfin_tui.widgets.gemtext_rows",
    "misfin_tui.widgets.gemtext_view",
    "misfin_tui.widgets.hold",
    "misfin_tui.widgets.message_list",
    "misfin_tui.widgets.message_list_columns",
    "misfin_tui.widgets.message_list_look",
    "misfin_tui.widgets.message_rows",
    "misfin_tui.widgets.message_view",
    "misfin_tui.widgets.message_list_lines",
    "misfin_tui.widgets.pages",
    "misfin_tui.widgets.preview",
    "misfin_tui.widgets.quick_scroll",
    "misfin_tui.widgets.sidebar",
    "misfin_tui.widgets.statusbar",
    "misfin_tui.widgets.typeahead",
    "misfin_tui.wording",
    "misfin_tui.wording.facts",
    "misfin_tui.wording.message",
}
"""Every module of ours before the first frame, but for those of the index."""

HEAVY = {
    "cryptography",
    "OpenSSL",
    "cffi",
    "email",
    "tomlkit",
    "watchfiles",
    "misfin.email",
    "misfin.net",
    "misfin.post",
    "misfin.trust",
    "textual.widgets._text_area",
    "textual.widgets._markdown",
    "textual.widgets._data_table",
}


AT_REST = """
import sys
from importlib import import_module
from misfin_tui.services.late_tls import import_asyncio

import_asyncio()
import_module("misfin_tui.app.switcher").import_ahead()
for name in (
    "misfin.post.courier", "misfin.post.email", "misfin.post.misfin", "misfin.store.index",
    "misfin.store.index.scan", "misfin.store.index.write", "misfin.store.people.acquaintance",
    "misfin_tui.app", "misfin_tui.app.terminal", "misfin_tui.config.accounts", "misfin_tui.services.accounts",
    "misfin_tui.services.fetching", "misfin_tui.services.mail", "misfin_tui.services.receiving",
    "misfin.post.sync.left_there", "misfin.post.sync.state", "misfin.post.sync.waiting",
    "misfin_tui.services.authorship",
    "misfin_tui.services.syncing",
):
    import_module(name)
print(*sorted({"_hashlib", "_ssl", "OpenSSL", "cryptography", "dns"} & set(sys.modules)))
"""


PAINTING = """
import json, sys
from misfin_tui.picture import Picture

class Painted(Exception):
    pass

def paint(self):
    print(json.dumps(sorted(sys.modules)))
    raise Painted

Picture._paint = paint
from misfin_tui.cli import main
try:
    main(["--profile", sys.argv[1]])
except Painted:
    pass
"""


@pytest.fixture
def profile(profile_root):
    made = make_profile(profile_root)
    Mailbox(made.mail, ALICE).put(mail("hello"))
    return made


def first_frame(profile, tmp_path) -> tuple[set[str], int]:
    out = tmp_path / "modules.json"
    subprocess.run(
        [sys.executable, "-c", SCRIPT, str(profile.root), str(out)],
        check=True,
        timeout=60,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    modules, rows = json.loads(out.read_text())
    return set(modules), rows


async def test_modules_before_the_first_frame(profile, tmp_path):
    async with at_desk(profile) as (_app, pilot):
        await on_screen(pilot, "Inbox · 1 conversation")
    modules, rows = first_frame(profile, tmp_path)
    assert rows == 1
    ours = {name for name in modules if name.partition(".")[0] in ("misfin", "misfin_tui")}
    assert {name for name in ours if not name.startswith("misfin.store.index")} == OURS
    assert "misfin.store.index.scan" not in ours
    assert HEAVY & modules == set()


def test_an_app_at_rest_has_neither_openssl_nor_dns():
    done = subprocess.run(
        [sys.executable, "-c", AT_REST], timeout=60, check=True, capture_output=True, text=True
    )
    assert done.stdout == "\n"


def test_modules_before_the_picture_of_the_first_screen(profile):
    done = subprocess.run(
        [sys.executable, "-c", PAINTING, str(profile.root)],
        check=True,
        timeout=60,
        capture_output=True,
        text=True,
    )
    modules = set(json.loads(done.stdout))
    ours = {name for name in modules if name.partition(".")[0] in ("misfin", "misfin_tui")}
    assert ours == {
        "misfin_tui",
        "misfin_tui.cli",
        "misfin_tui.paths",
        "misfin_tui.picture",
        "misfin",
        "misfin.errors",
        "misfin.valueclass",
    }
    assert modules & {"textual", "rich", "asyncio", "argparse", "sqlite3", "tomllib", "ssl"} == set()
