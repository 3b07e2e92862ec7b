"""Names that differ only in case, with a file system that takes them for one: its answer is substituted."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from misfin.errors import StoreError
from misfin.store.mail import casing
from misfin.store.mail.casing import own_name, read_back, spelled_out
from misfin.store.mail.foldernames import folder_name
from misfin.store.mail.maildir import FOLDERS, MailStore

names = st.text(st.characters(exclude_characters="/\0.", exclude_categories=["Cs"]), min_size=1, max_size=20)


@pytest.fixture
def one_case(monkeypatch):
    monkeypatch.setattr(casing, "ignores_case", lambda _folder: True)


def folded(directories) -> set[str]:
    return {directory.name.casefold() for directory in directories}


@given(names)
def test_a_spelled_out_name_reads_back(name):
    assert read_back(spelled_out(name)) == name


@given(names, names)
def test_two_names_are_never_spelled_alike_in_any_case(one, other):
    if one != other:
        assert spelled_out(one).casefold() != spelled_out(other).casefold()


def test_accounts_that_differ_only_in_case_have_folders_that_differ(tmp_path, one_case):
    store = MailStore(tmp_path / "mail")
    accounts = ["Ada@mail.example", "ada@mail.example", "ADA@mail.example", "bea@mail.example"]
    for account in accounts:
        store.create(account)
    made = list((tmp_path / "mail").iterdir())
    assert len(made) == len(folded(made)) == 4
    assert store.accounts() == sorted(accounts)
    for account in accounts:
        store.folder(account).deliver(account.encode())
    assert [store.folder(account).list()[0].path.read_bytes().decode() for account in accounts] == accounts


def test_mail_folders_that_differ_only_in_case_have_directories_that_differ(tmp_path, one_case):
    store = MailStore(tmp_path / "mail")
    own = ["Lists/Crew", "lists/crew", "LISTS/Crew", "archive", "Čaj", "čaj", "R&D", "r&d"]
    store.create("ada@mail.example", (*FOLDERS, *own))
    home = tmp_path / "mail" / "ada@mail.example"
    assert set(store.folders("ada@mail.example")) == {*FOLDERS, *own}
    directories = [entry for entry in home.iterdir() if entry.name.startswith(".")]
    assert len(directories) == len(folded(directories)) == len(FOLDERS) - 1 + len(own)
    for name in own:
        store.folder("ada@mail.example", name).deliver(name.encode())
    assert {store.folder("ada@mail.example", n).list()[0].path.read_bytes().decode() for n in own} == set(own)


def test_mail_made_on_such_a_disk_is_found_on_any_other(tmp_path, monkeypatch):
    store = MailStore(tmp_path / "mail")
    with monkeypatch.context() as other:
        other.setattr(casing, "ignores_case", lambda _folder: True)
        for account in ("Ada@mail.example", "ada@mail.example"):
            store.create(account, ("Inbox", "Lists", "lists"))
            store.folder(account, "lists").deliver(account.encode())
    assert store.accounts() == ["Ada@mail.example", "ada@mail.example"]
    for account in store.accounts():
        assert store.folders(account) == ["Inbox", "Lists", "lists"]
        assert store.folder(account, "lists").list()[0].path.read_bytes() == account.encode()


def test_where_case_counts_names_stay_as_they_are(tmp_path):
    store = MailStore(tmp_path / "mail")
    store.create("Ada@mail.example", ("Inbox", "Lists", "lists"))
    store.create("ada@mail.example")
    assert not casing.ignores_case(tmp_path / "mail")
    assert sorted(p.name for p in (tmp_path / "mail").iterdir()) == ["Ada@mail.example", "ada@mail.example"]
    home = tmp_path / "mail" / "Ada@mail.example"
    assert {".Lists", ".lists"} < {entry.name for entry in home.iterdir()}


@pytest.mark.parametrize("answers", [True, False])
def test_whether_case_counts_is_asked_of_the_folder_itself(tmp_path, monkeypatch, answers):
    (tmp_path / "Ada@mail.example").mkdir()
    asked: list[Path] = []
    monkeypatch.setattr(casing.os.path, "lexists", lambda path: (asked.append(path), answers)[1])
    assert casing.ignores_case(tmp_path) is answers
    assert asked == [tmp_path / "aDA@MAIL.EXAMPLE"]
    assert own_name(tmp_path, "ada@mail.example", lambda: "x") == ("x" if answers else "ada@mail.example")


def test_a_folder_whose_name_looks_like_a_spelling_keeps_its_name(tmp_path):
    store = MailStore(tmp_path / "mail")
    store.create("ada@mail.example", ("Inbox", "a,41,b", ",41,da"))
    assert store.folders("ada@mail.example") == ["Inbox", ",41,da", "a,41,b"]
    assert folder_name(".a,41,b") == "aAb"


def test_a_name_too_long_to_be_spelled_out_stays_as_it_is(tmp_path, one_case):
    store = MailStore(tmp_path / "mail")
    for name in ("A" * 100, "a" * 100, "B" * 200):
        store.create("ada@mail.example", ("Inbox", name))
    store.create("ada@mail.example", ("b" * 200,))
    assert {"A" * 100, "B" * 200, "b" * 200} < set(store.folders("ada@mail.example"))
    with pytest.raises(StoreError, match="too long"):
        store.folder("ada@mail.example", ",41,da" * 40)
