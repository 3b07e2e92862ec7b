"""What is imported before the first frame: a list, so that nothing joins it unseen."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from desk import ALICE, at_desk, make_profile, on_screen, until
from mailboxes import Mailbox, mail

SCRIPT = """
import json, sys
from pathlib import Path
from misfin_tui.app import MisfinApp
from misfin_tui.config import load
from misfin_tui.paths import profile_at

class Watched(MisfinApp):
    def _after_first_frame(self):
        rows = self.screen.letters.total
        Path(sys.argv[2]).write_text(json.dumps([sorted(sys.modules), rows]))
        self.exit(0)

profile = profile_at(Path(sys.argv[1]))
Watched(profile, load(profile.config)).run(headless=True)
"""

OURS = {
    "misfin",
    "misfin.errors",
    "misfin.model",
    "misfin.model.gemtext",
    "misfin.store",
    "misfin.store.rows",
    "misfin_tui",
    "misfin_tui.app",
    "misfin_tui.config",
    "misfin_tui.keymap",
    "misfin_tui.keymap.spelling",
    "misfin_tui.keymap.table",
    "misfin_tui.messages",
    "misfin_tui.paths",
    "misfin_tui.screens",
    "misfin_tui.screens.inbox",
    "misfin_tui.screens.letter_actions",
    "misfin_tui.screentext",
    "misfin_tui.services",
    "misfin_tui.services.first_page",
    "misfin_tui.services.mail",
    "misfin_tui.theming",
    "misfin_tui.widgets",
    "misfin_tui.widgets.bindings",
    "misfin_tui.widgets.cells",
    "misfin_tui.widgets.gemtext_rows",
    "misfin_tui.widgets.gemtext_view",
    "misfin_tui.widgets.letter_list",
    "misfin_tui.widgets.letter_list_columns",
    "misfin_tui.widgets.letter_rows",
    "misfin_tui.widgets.letter_view",
    "misfin_tui.widgets.preview",
    "misfin_tui.widgets.sidebar",
    "misfin_tui.widgets.statusbar",
}
"""Every module of ours before the first frame, with a first page kept from the last time."""

HEAVY = {
    "cryptography",
    "OpenSSL",
    "cffi",
    "email",
    "tomlkit",
    "watchfiles",
    "sqlite3",
    "misfin.store.index",
    "misfin.net",
    "misfin.post",
    "misfin.trust",
    "textual.widgets._text_area",
    "textual.widgets._markdown",
    "textual.widgets._data_table",
}


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
        await until(pilot, (profile.cache / "first-page.json").exists)
    modules, rows = first_frame(profile, tmp_path)
    assert rows == 1
    assert {name for name in modules if name.partition(".")[0] in ("misfin", "misfin_tui")} == OURS
    assert HEAVY & modules == set()


def test_without_a_kept_page_only_the_index_joins(profile, tmp_path):
    modules, _rows = first_frame(profile, tmp_path)
    extra = {name for name in modules if name.partition(".")[0] in ("misfin", "misfin_tui")} - OURS
    assert all(name.startswith(("misfin.store.", "misfin.model.")) for name in extra), extra
    assert not {"cryptography", "OpenSSL", "email", "tomlkit", "watchfiles"} & modules


@pytest.mark.parametrize(
    "damage", [b"", b"{}", b"[", b'{"version": 1, "view": 3}', b"\xff" * 50, b"[" * 100_000]
)
async def test_a_damaged_first_page_counts_as_none(profile, damage):
    profile.cache.mkdir(parents=True, exist_ok=True)
    (profile.cache / "first-page.json").write_bytes(damage)
    async with at_desk(profile) as (_app, pilot):
        await on_screen(pilot, "Inbox · 1 conversation")
