"""Folders other programs made under odd names: each is found again, and none twice."""

from __future__ import annotations

import os

import pytest

from misfin.errors import StoreError
from misfin.store.index import MailIndex
from misfin.store.mail.foldernames import folder_name, folder_path
from misfin.store.mail.maildir import Maildir, MailStore
from misfin.store.rows import View

MESSAGE = b"From: bea@hive.test\nSubject: %s\nMessage-ID: <%s@x>\n\nHello.\n"


@pytest.mark.parametrize(
    ("directory", "name"),
    [
        (b".Priv\xe9", "Priv\\xe9"),
        (b".&AOk-t\xe9.\xff", "ét\\xe9/\\xff"),
        (b".back\\xe9", "back\\xe9"),
        (b".INBOX", "./INBOX"),
        (b".Inbox", "./Inbox"),
        (b".inbox.Sent", "inbox/Sent"),
        (b".line\nend", "line\nend"),
    ],
)
def test_a_foreign_directory_has_a_name_every_database_takes_and_is_found_by_it(tmp_path, directory, name):
    (tmp_path / os.fsdecode(directory)).mkdir()
    assert folder_name(os.fsdecode(directory)) == name
    assert name.encode()
    assert os.fsencode(folder_path(tmp_path, name).name) == directory


def test_messages_in_folders_of_any_name_are_in_the_index_once(tmp_path):
    store = MailStore(tmp_path / "mail")
    store.create("ada@mail.example")
    home = store.folder("ada@mail.example").path
    for directory in (b"", b".Priv\xe9", b".INBOX", b".Inbox", b".line\nend"):
        box = Maildir(home / os.fsdecode(directory)).create()
        box.deliver(MESSAGE % (b"in " + directory.hex().encode(), directory.hex().encode() or b"home"))
    with MailIndex(tmp_path / "index.db", store.root) as index:
        assert index.scan().added == 5
        rows = index.messages(View(), limit=10)
        assert sorted(row.folder for row in rows) == [
            "./INBOX",
            "./Inbox",
            "Inbox",
            "Priv\\xe9",
            "line\nend",
        ]
        assert not index.scan()


@pytest.mark.parametrize(
    ("directories", "names"),
    [
        ((".台北", ".&U,BTFw-"), {"台北", "./台北"}),
        ((".&U,BTFw-", ".台北"), {"台北", "./台北"}),
        ((".Lists.台北", ".Lists.&U,BTFw-"), {"Lists/台北", "./Lists/台北"}),
        ((".A&-B", ".A&B"), {"A&B", "./A&B"}),
        ((".台北",), {"台北"}),
    ],
)
def test_folders_whose_names_read_the_same_are_both_there(tmp_path, directories, names):
    store = MailStore(tmp_path / "mail")
    store.create("ada@mail.example", ["Inbox"])
    home = store.folder("ada@mail.example").path
    for number, directory in enumerate(directories):
        Maildir(home / directory).create().deliver(MESSAGE % (b"x", b"%d" % number))
    assert set(store.folders("ada@mail.example")) == {"Inbox", *names}
    assert {store.folder("ada@mail.example", name).path.name for name in names} == set(directories)
    with MailIndex(tmp_path / "index.db", store.root) as index:
        assert index.scan().added == len(directories)
        assert {row.folder for row in index.messages(View(), limit=10)} == names
        assert not index.scan()


@pytest.mark.parametrize("name", ["./", "./.", "./..", ".//", "./x", "./../x", "././x", "./x\0"])
def test_a_name_as_it_stands_on_disk_leads_nowhere_else(tmp_path, name):
    home = tmp_path / "home"
    (tmp_path / "x").mkdir()
    home.mkdir()
    with pytest.raises(StoreError):
        folder_path(home, name)


def test_an_account_whose_name_is_no_text_does_not_hide_the_others(tmp_path):
    store = MailStore(tmp_path)
    store.create("ada@mail.example")
    Maildir(tmp_path / os.fsdecode(b"caf\xe9@mail.example")).create()
    assert store.accounts() == ["ada@mail.example"]
