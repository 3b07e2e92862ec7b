"""The lists a person accepted are kept, private, seen by other programs, and not lost to a damaged file."""

from __future__ import annotations

import stat

import pytest

from misfin.errors import StoreError
from misfin.model.authorship import MailFindings
from misfin.store import accepted_lists
from misfin.store.accepted_lists import FILE, AcceptedLists
from misfin.store.author_results import FILE as RESULTS
from misfin.store.author_results import AuthorResults
from misfin.store.evidence import Evidence
from misfin.store.proofs import Proofs

FOUND = MailFindings(
    "example.org",
    others=("list.example",),
    policy="reject",
    list_id="crew.lists.example",
    listed=("list.example",),
)


@pytest.fixture
def lists(tmp_path):
    return AcceptedLists(tmp_path / FILE)


def test_a_list_counts_from_when_it_is_accepted_until_that_is_taken_back(lists, tmp_path):
    other = AcceptedLists(tmp_path / FILE)
    assert lists.signer_of(FOUND) == other.signer_of(FOUND) == ""
    lists.accept("crew.lists.example", "list.example", 1.0)
    lists.accept("crew.lists.example", "list.example", 2.0)
    assert lists.signer_of(FOUND) == other.signer_of(FOUND) == "list.example"
    assert [each.since for each in other.all()] == [2.0]
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600
    assert other.take_back("crew.lists.example")
    assert not other.take_back("crew.lists.example")
    assert lists.signer_of(FOUND) == ""


def test_neither_another_list_nor_another_domain_is_accepted_with_it(lists):
    lists.accept("crew.lists.example", "evil.example", 1.0)
    lists.accept("other.lists.example", "list.example", 1.0)
    assert lists.signer_of(FOUND) == ""
    assert lists.signer_of(MailFindings()) == ""


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"accepted": [{}]}', "[" * 100_000])
def test_a_damaged_file_accepts_nothing_and_is_not_replaced(lists, tmp_path, text):
    (tmp_path / FILE).write_text(text)
    assert lists.signer_of(FOUND) == ""
    with pytest.raises(StoreError, match="damaged"):
        lists.accept("crew.lists.example", "list.example", 1.0)
    assert (tmp_path / FILE).read_text() == text


def test_there_is_an_end_to_them(lists, monkeypatch):
    monkeypatch.setattr(accepted_lists, "MOST", 1)
    lists.accept("a", "list.example", 1.0)
    with pytest.raises(StoreError):
        lists.accept("b", "list.example", 1.0)


def test_an_index_rates_its_messages_by_it(lists, tmp_path):
    data = b"From: ada@example.org\n\ntext\n"
    results = AuthorResults(tmp_path / RESULTS)
    results.put(data, FOUND, 1.0)
    results.close()
    proofs = Proofs(tmp_path / "mail")
    assert proofs.of_mail(data) is Evidence.DIFFERS
    lists.accept("crew.lists.example", "list.example", 1.0)
    assert proofs.of_mail(data) is Evidence.UNCONFIRMED
    proofs.close()
