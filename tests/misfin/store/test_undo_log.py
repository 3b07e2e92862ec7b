"""What takes the last actions back outlives the program, however it ended."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from contextlib import closing

import kill_undo
import pytest
from kill_undo import ACTIONS, MESSAGES, looks
from mailboxes import ME, NOW, Mailbox, mail, scanned

from misfin.errors import StoreError
from misfin.store import undo_log
from misfin.store.filing import Action, Change, Filing, Undo
from misfin.store.index import MailIndex
from misfin.store.rows import View
from misfin.store.undo_log import FORGOTTEN_AFTER, UndoLog, open_log

ENDED = "1.1.some-other-boot"


def action(name: str, count: int = 1, argument: str = "") -> Undo:
    change = Change(7, ME, "Inbox", f"cur/{name}:2,S", to="Archive", add="F", remove="S")
    return Undo(Action.MOVE, argument, (change,) * count, missed=2)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "cache" / "undo.db"


def test_the_last_comes_first_as_it_came_out(path):
    log = UndoLog(path, NOW)
    assert log.last() is None
    assert log.newest() == 0.0
    log.add(action("one"), NOW)
    second = log.add(action("two"), NOW + 1)
    log.settle(second, action("two", 3, "Büro \udcff/x"))
    assert log.last() == (second, action("two", 3, "Büro \udcff/x"))
    assert log.newest() == NOW + 1
    log.remove(second)
    assert log.last()[1] == action("one")
    log.close()
    assert path.stat().st_mode & 0o777 == 0o600


def test_each_program_has_its_own_until_it_ends(path, monkeypatch):
    other = UndoLog(path, NOW)
    other._owner = "someone running"
    other.add(action("theirs"), NOW)
    monkeypatch.setattr(undo_log, "is_alive", lambda owner: owner == "someone running")
    log = UndoLog(path, NOW)
    assert log.last() is None
    log.add(action("ours"), NOW)
    assert other.last()[1] == action("theirs")
    other._owner = ENDED
    other.add(action("dead"), NOW)
    other.close()
    log.close()
    again = UndoLog(path, NOW)
    assert again.last()[1] == action("dead")
    again.close()


@pytest.mark.parametrize("ago", [FORGOTTEN_AFTER + 1, -FORGOTTEN_AFTER - 1])
def test_what_nobody_remembers_is_not_taken_back_by_a_later_run(path, ago):
    log = UndoLog(path, NOW)
    log.add(action("long ago"), NOW - ago)
    assert log.last()[1] == action("long ago")  # the same run may
    log._owner = ENDED
    log.add(action("long ago"), NOW - ago)
    log.add(action("just now"), NOW - ago / 2)
    log.close()
    again = UndoLog(path, NOW)
    again.remove(again.last()[0])
    assert again.last()[1] == action("long ago")  # of this very process
    again.close()


def test_it_keeps_so_many_actions_and_messages_and_the_last_in_any_case(path, monkeypatch):
    monkeypatch.setattr(undo_log, "MAX_ACTIONS", 3)
    monkeypatch.setattr(undo_log, "MAX_MESSAGES", 10)
    log = UndoLog(path, NOW)

    def kept() -> list[str]:
        found = log._db.execute("SELECT undo FROM undo ORDER BY id").fetchall()
        return [undo_log._unpacked(data).done[0].seen[4:-4] for (data,) in found]

    for name in "abcd":
        log.add(action(name), NOW)
    assert kept() == ["b", "c", "d"]
    log.add(action("e", 9), NOW)
    assert kept() == ["d", "e"]
    log.add(action("f", 50), NOW)
    assert kept() == ["f"]
    log.close()


def test_a_spoilt_file_is_made_again_and_one_in_use_is_left_alone(path):
    path.parent.mkdir()
    path.write_bytes(b"no database at all " * 500)
    with pytest.raises(StoreError):
        UndoLog(path, NOW)
    log = open_log(path, NOW)
    log.add(action("one"), NOW)
    log.close()
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("PRAGMA user_version = 99")
    database.close()
    before = path.read_bytes()
    log = open_log(path, NOW)
    assert log.last() is None
    log.add(action("two"), NOW)
    assert log.last()[1] == action("two")
    log.close()
    assert path.read_bytes() == before


def test_a_folder_that_cannot_be_made_costs_nothing_but_the_restart(tmp_path):
    (tmp_path / "file").write_text("")
    log = open_log(tmp_path / "file" / "undo.db", NOW)
    log.add(action("one"), NOW)
    assert log.last()[1] == action("one")
    log.close()


# ---- killed in the middle -------------------------------------------------------------------------


@pytest.mark.parametrize("number", range(len(ACTIONS)))
@pytest.mark.parametrize("renames", [0, 5, MESSAGES - 1])
def test_after_a_kill_in_the_middle_what_was_done_is_taken_back(tmp_path, number, renames):
    box = Mailbox(tmp_path / "mail")
    for each in range(MESSAGES):
        box.put(mail(f"message {each}"), name=f"{each}.x", flags="RS" if number == 4 else "R")
    with MailIndex(tmp_path / "index.db", box.root) as index:
        scanned(index)
        if ACTIONS[number][0] is Action.UNTAG:
            Filing(index, box.store).apply(Action.TAG, View(ME, "Inbox"), "kept")
    before = looks(box)
    killed = subprocess.run(
        [sys.executable, kill_undo.__file__, tmp_path, str(number), str(renames)], check=False
    )
    assert killed.returncode == -signal.SIGKILL
    assert sum(now != before[name] for name, now in looks(box).items()) == renames
    with MailIndex(tmp_path / "index.db", box.root) as index:
        log = UndoLog(tmp_path / "undo.db", NOW)
        found = log.last()
        assert found is not None
        # Before any scan: the index does not know yet what was done.
        assert Filing(index, box.store).undo(found[1]) == renames
        assert looks(box) == before
        log.close()
        shown = {row.id for row in scanned(index).messages(View(ME, "Inbox"), 99)}
        assert shown == before.keys()
