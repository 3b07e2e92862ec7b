"""What filters had not run on when their process was killed is run by the next one, and nothing else is."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from mailboxes import ME, Mailbox, mail

from misfin.post.filter_marks import FilterMarks
from misfin.post.filters import ArrivalFilters, FilterRule
from misfin.post.inbox import LocalInbox
from misfin.store.index.digest import Owner

CREW = mail("News", List_Id="<crew.lists.example>")
RULES = (FilterRule("crew", "list:crew", folder="Lists/Crew", tags=("crew",), read=True, star=True),)
KILLED = """
import os, signal, sys, threading
from pathlib import Path
root, point = Path(sys.argv[1]), sys.argv[2]
sys.path[:0] = sys.argv[3:]
import misfin.post.filters as filters
from misfin.post.filter_marks import FilterMarks
from misfin.post.inbox import LocalInbox
from misfin.store.index.digest import Owner
from misfin.store.mail.maildir import MailStore
from test_filter_marks import CREW, ME, RULES

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)
    threading.Event().wait()

def rules():
    if point == "searching" and threading.current_thread() is not threading.main_thread():
        die()
    return RULES

if point == "filing":
    filters.file_by = die
store = MailStore(root / "mail")
marks = FilterMarks(root / "run")
running = filters.ArrivalFilters(rules, store, lambda name: Owner(name, name), marks=marks)
inbox = LocalInbox(store, arrived=die if point == "arrived" else running.arrived, arriving=running.arriving)
inbox.file(ME, "Inbox", [CREW, CREW])
threading.Event().wait()
"""


def filters_at(root: Path, store, rules=RULES) -> ArrivalFilters:
    return ArrivalFilters(
        lambda: rules, store, lambda name: Owner(name, name), marks=FilterMarks(root / "run")
    )


@pytest.fixture
def box(tmp_path):
    return Mailbox(tmp_path / "mail")


@pytest.mark.parametrize("point", ["arrived", "searching", "filing"])
def test_a_kill_at_any_moment_leaves_it_to_the_next_run(tmp_path, box, point):
    box.put(CREW)  # was there before, and a person left it unread
    (old,) = box.files("Inbox")
    old.rename(old.with_name("1000000000.M1P1.elsewhere"))
    command = [sys.executable, "-c", KILLED, tmp_path, point, Path(__file__).parent, *sys.path]
    assert subprocess.run(command, check=False, timeout=300).returncode == -signal.SIGKILL
    assert len(box.files("Inbox")) == 3
    assert len(list((tmp_path / "run").iterdir())) == 1
    filters = filters_at(tmp_path, box.store)
    filters.resume()
    filters.close()
    assert [file.name for file in box.files("Inbox")] == ["1000000000.M1P1.elsewhere"]
    filed = [file.name.partition(":2,")[2] for file in box.files("Lists/Crew")]
    assert filed == ["FSa", "FSa"]
    assert not list((tmp_path / "run").iterdir())


def test_a_mark_is_there_before_the_first_message_and_gone_when_all_is_done(tmp_path, box):
    filters = filters_at(tmp_path, box.store)
    seen = []

    def arriving(account: str, folder: str) -> None:
        filters.arriving(account, folder)
        seen.append((len(list((tmp_path / "run").iterdir())), len(box.files("Inbox"))))

    inbox = LocalInbox(box.store, arrived=filters.arrived, arriving=arriving)
    inbox.file(ME, "Inbox", [CREW])
    assert seen == [(1, 0)]
    filters.close()
    assert not list((tmp_path / "run").iterdir())
    assert len(box.files("Lists/Crew")) == 1


def test_the_mark_of_a_running_process_is_left_alone(tmp_path, box):
    marks = FilterMarks(tmp_path / "run")
    marks.begin()
    box.put(CREW)
    filters = filters_at(tmp_path, box.store)
    filters.resume()
    filters.close()
    assert len(box.files("Inbox")) == 1
    marks.end()
    assert not list((tmp_path / "run").iterdir())


def test_without_filters_nothing_is_marked_and_what_was_left_stays(tmp_path, box):
    box.put(CREW)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "1.1.x-0").write_text("5\n")
    (tmp_path / "run" / "1.1.x-1").write_text("not a time\n")
    filters = filters_at(tmp_path, box.store, rules=())
    filters.resume()
    inbox = LocalInbox(box.store, arrived=filters.arrived, arriving=filters.arriving)
    inbox.file(ME, "Inbox", [CREW])
    filters.close()
    assert len(box.files("Inbox")) == 2
    assert not list((tmp_path / "run").iterdir())


def test_where_no_mark_can_be_made_mail_is_filed_all_the_same(tmp_path, box):
    (tmp_path / "run").write_text("a file where a folder should be")
    filters = filters_at(tmp_path, box.store)
    inbox = LocalInbox(box.store, arrived=filters.arrived, arriving=filters.arriving)
    inbox.file(ME, "Inbox", [CREW])
    filters.close()
    assert len(box.files("Lists/Crew")) == 1
