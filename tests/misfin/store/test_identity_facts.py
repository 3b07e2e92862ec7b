"""Facts about identities: they outlive the program and follow every change of a file."""

from __future__ import annotations

import json
import os
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from misfin.model.address import MisfinAddress
from misfin.store import identities as opening
from misfin.store.identities import IdentityStore
from misfin.store.identity_facts import IdentityFacts, read_remembered
from misfin.trust.identity import Identity, generate

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ADA = IdentityFacts("ada@mail.example", MisfinAddress("ada", "mail.example", "Ada"), is_ca=False)
LINE = {
    "name": "ada@mail.example",
    "mailbox": "ada",
    "host": "mail.example",
    "blurb": "Ada",
    "is_ca": False,
    "mtime": 1,
    "ctime": 1,
    "size": 1,
    "inode": 1,
}


def make(address: str, *, ca: bool = False) -> Identity:
    return generate(MisfinAddress.parse(address), now=NOW, ca=ca)


@pytest.fixture
def remember(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "identities.json"


@pytest.fixture
def store(tmp_path: Path, remember: Path) -> IdentityStore:
    return IdentityStore(tmp_path / "identities", remember)


@pytest.fixture
def opened(monkeypatch) -> list[str]:
    """The names of the files that were opened."""
    names: list[str] = []
    real = opening.identity_from_files

    def counted(path: Path) -> Identity:
        names.append(path.stem)
        return real(path)

    monkeypatch.setattr(opening, "identity_from_files", counted)
    return names


def test_a_saved_identity_is_listed_later_without_opening_its_file(store, remember, opened):
    store.save(make("ada@mail.example Ada"))
    opened.clear()
    assert IdentityStore(store.folder, remember).facts() == [ADA]
    assert opened == []
    assert stat.S_IMODE(remember.stat().st_mode) == 0o600


def test_only_the_file_that_changed_is_opened_again(store, remember, opened):
    store.save(make("ada@mail.example Ada"))
    path = store.save(make("bea@mail.example Bea"))
    opened.clear()
    path.write_bytes(make("bea@mail.example Beatrix").pem)
    other = IdentityStore(store.folder, remember)
    assert [each.address.blurb for each in other.facts()] == ["Ada", "Beatrix"]
    assert opened == ["bea@mail.example"]
    store.remove("ada@mail.example")
    assert [each.name for each in other.facts()] == ["bea@mail.example"]
    assert list(read_remembered(remember)) == ["bea@mail.example"]


def test_a_file_replaced_by_one_of_the_same_size_and_time_is_noticed(store, opened):
    path = store.save(make("ada@mail.example Ada"))
    before = path.stat()
    path.write_bytes(path.read_bytes().replace(b"PRIVATE KEY", b"WHATEVERKEY"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert store.facts() == []
    assert store.all()[0].problem


def test_a_file_without_a_usable_identity_has_no_facts_and_is_tried_again(store, remember, opened):
    store.folder.mkdir()
    (store.folder / "broken.pem").write_text("nothing")
    assert store.facts() == store.facts() == []
    assert opened == ["broken", "broken"]
    assert read_remembered(remember) == {}


def test_without_a_place_to_remember_files_are_opened_each_time(tmp_path, opened):
    store = IdentityStore(tmp_path / "identities")
    store.save(make("host@mail.example Host", ca=True))
    opened.clear()
    assert [each.is_ca for each in (*store.facts(), *store.facts())] == [True, True]
    assert len(opened) == 2


@given(
    damage=st.one_of(
        st.binary(max_size=200),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=9),
            lambda inner: (
                st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3)
            ),
        ).map(lambda value: json.dumps(value).encode()),
        st.sampled_from(["mtime", "is_ca", "mailbox", "host", "name"]).map(
            lambda key: json.dumps([{**LINE, key: None}]).encode()
        ),
        st.just(b"[" * 100_000),
        st.just(json.dumps([{**LINE, "mailbox": "a b"}]).encode()),
    )
)
def test_a_damaged_file_of_facts_holds_nothing(tmp_path_factory, damage):
    file = tmp_path_factory.mktemp("cache") / "identities.json"
    file.write_bytes(damage)
    assert read_remembered(file) == {}


def test_facts_are_read_as_they_were_written(tmp_path):
    file = tmp_path / "identities.json"
    file.write_text(json.dumps([LINE]))
    ((state, facts),) = read_remembered(file).values()
    assert facts == ADA
    assert state.inode == 1
