"""Names that other programs give: two messages with one key, and flags after other signs than a colon."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from mailboxes import ME, Mailbox, mail, scanned

from misfin.store.index import MailIndex
from misfin.store.mail.maildir import Maildir, MailStore
from misfin.store.rows import View


@pytest.fixture
def inbox(tmp_path: Path) -> Maildir:
    Mailbox(tmp_path / "mail")
    return MailStore(tmp_path / "mail").folder(ME)


@pytest.fixture
def index(tmp_path: Path):
    opened = MailIndex(tmp_path / "index.db", tmp_path / "mail")
    yield opened
    opened.close()


def subjects(index: MailIndex) -> dict[str, str]:
    """What is read by each id: different messages, if they are told apart."""
    scanned(index)
    found = {row.id: index.read(index.message(row.id)).subject for row in index.messages(View(), 100)}
    assert sorted(found.values()) == sorted(row.subject for row in index.messages(View(), 100))
    return found


@pytest.mark.parametrize("known", ["", "new", "cur"], ids=["together", "new first", "cur first"])
def test_one_key_in_cur_and_new_is_two_messages(inbox: Maildir, index: MailIndex, known: str) -> None:
    files = {
        "new": (inbox.path / "new" / "1790000000.k", "One"),
        "cur": (inbox.path / "cur" / "1790000000.k:2,S", "Two"),
    }
    for subdir, (path, subject) in sorted(files.items(), key=lambda each: each[0] != known):
        path.write_bytes(mail(subject))
        if subdir == known:
            scanned(index)
    assert sorted(subjects(index).values()) == ["One", "Two"]
    for entry in inbox.list():
        inbox.change_flags(entry.key, add="F")
    assert sorted(subjects(index).values()) == ["One", "Two"]


def test_a_hard_link_that_a_program_is_about_to_remove_is_not_another_message(
    inbox: Maildir, index: MailIndex
) -> None:
    (inbox.path / "new" / "1790000000.k").write_bytes(mail("One"))
    os.link(inbox.path / "new" / "1790000000.k", inbox.path / "cur" / "1790000000.k:2,S")
    scanned(index)
    assert inbox.keys() == {"1790000000.k"}


@pytest.mark.parametrize("mark", [";", "!", "-"])
def test_flags_after_another_sign_are_read_and_changed_in_place(
    inbox: Maildir, index: MailIndex, mark: str
) -> None:
    path = inbox.path / "cur" / f"1790000000.k-2{mark}2,FS"
    path.write_bytes(mail("One"))
    scanned(index)
    (row,) = index.messages(View(), 100)
    assert (row.id, row.unread, row.starred) == ("1790000000.k-2", False, True)
    changed = inbox.change_flags(row.id, add="R", remove="F")
    assert changed.name == f"1790000000.k-2{mark}2,RS"
    scanned(index)
    (again,) = index.messages(View(), 100)
    assert (again.row, again.starred) == (row.row, False)
    moved = inbox.move(row.id, MailStore(inbox.path.parent).folder(ME, "Archive"), "S")
    assert moved.name == f"1790000000.k-2{mark}2,S"


@pytest.mark.parametrize(
    "name", ["1790000000.M1.host,S=12,W=13", "1790000000.host-2,x1", "2,", ";2,S", "a!2,é"]
)
def test_a_key_that_looks_a_little_like_flags_stays_a_key(
    inbox: Maildir, index: MailIndex, name: str
) -> None:
    (inbox.path / "new" / name).write_bytes(mail("One"))
    scanned(index)
    (row,) = index.messages(View(), 100)
    assert row.unread
    assert inbox.keys() == {name}
