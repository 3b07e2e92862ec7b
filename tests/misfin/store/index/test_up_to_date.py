"""Whether a scan would find anything, without one."""

from __future__ import annotations

import os
import time

import pytest

from misfin.store.index import MailIndex
from misfin.store.index.up_to_date import is_up_to_date
from misfin.store.mail.maildir import MailStore


@pytest.fixture
def mail(tmp_path):
    """Mail that was indexed when its folders had not changed for two hours."""
    store = MailStore(tmp_path / "mail")
    store.create("work")
    store.folder("work").deliver(b"Subject: one\n\ntext\n")
    past = time.time() - 7200
    for folder in store.folders("work"):
        for part in ("new", "cur"):
            os.utime(store.folder("work", folder).path / part, (past, past))
    with MailIndex(tmp_path / "index.db", store.root) as index:
        index.scan()
    return store


def current(store):
    return is_up_to_date(store.root.parent / "index.db", store.root, time.time())


def test_it_is_after_a_scan(mail):
    assert current(mail)


def deliver(store):
    store.folder("work").deliver(b"Subject: two\n\ntext\n")


def reflag(store):
    store.folder("work").change_flags(store.folder("work").list()[0].key, add="F")


def remove(store):
    store.folder("work").list()[0].path.unlink()


def add_folder(store):
    store.create("work", ["Crew"])


def add_account(store):
    store.create("home")


def name_a_tag(store):
    (store.folder("work").path / "dovecot-keywords").write_text("0 crew\n")


def lose_the_index(store):
    (store.root.parent / "index.db").unlink()


def damage_the_index(store):
    (store.root.parent / "index.db").write_bytes(b"nonsense" * 1000)


@pytest.mark.parametrize(
    "change",
    [deliver, reflag, remove, add_folder, add_account, name_a_tag, lose_the_index, damage_the_index],
)
def test_it_is_not_once_anything_has_changed(mail, change):
    change(mail)
    assert not current(mail)
