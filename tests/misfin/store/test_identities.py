"""The folder of identities: kept whole and private, found by name or address, and never overwritten."""

from __future__ import annotations

import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from misfin.errors import IdentityEncryptedError, IdentityError
from misfin.model.address import MisfinAddress
from misfin.store.identities import IdentityStore, identity_from_files
from misfin.trust.identity import Identity, generate

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def make(address: str) -> Identity:
    return generate(MisfinAddress.parse(address), now=NOW)


def test_a_saved_identity_is_private_and_comes_back_by_name_and_by_address(tmp_path: Path) -> None:
    store = IdentityStore(tmp_path / "identities")
    ada = make("ada@mail.example Ada")
    path = store.save(ada)
    assert path.name == "ada@mail.example.pem"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert store.load("ada@mail.example") == ada
    assert store.load("misfin:ada@MAIL.example") == ada
    assert store.find(MisfinAddress.parse("ada@mail.example")) == ada
    assert [one.address for one in store.addresses()] == ["ada@mail.example"]


def test_neither_a_name_nor_an_address_is_taken_twice(tmp_path: Path) -> None:
    store = IdentityStore(tmp_path)
    store.save(make("ada@mail.example Ada"), "work")
    with pytest.raises(IdentityError, match="already"):
        store.save(make("bea@mail.example Bea"), "work")
    with pytest.raises(IdentityError, match="already"):
        store.save(make("ada@mail.example Ada again"), "home")
    assert store.names() == ["work"]


def test_a_renewed_identity_takes_the_place_of_the_old_one_and_of_no_other(tmp_path: Path) -> None:
    store = IdentityStore(tmp_path)
    store.save(make("ada@mail.example Ada"), "work")
    other = make("ada@mail.example Ada")
    path = store.replace("work", other)
    assert store.load("work") == other
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(IdentityError, match="another address"):
        store.replace("work", make("bea@mail.example Bea"))
    with pytest.raises(IdentityError):
        store.replace("home", other)
    assert store.load("work") == other


@pytest.mark.parametrize("name", ["../out", ".hidden", "a/b", "-x", "a\x1bb", ""])
def test_a_name_cannot_leave_the_folder(tmp_path: Path, name: str) -> None:
    store = IdentityStore(tmp_path / "identities")
    ada = make("ada@mail.example Ada")
    if not name:
        assert store.save(ada, name).parent == store.folder
        return
    with pytest.raises(IdentityError):
        store.save(ada, name)
    assert not (tmp_path / "out.pem").exists()


def test_a_mailbox_with_odd_characters_gets_a_plain_file_name(tmp_path: Path) -> None:
    store = IdentityStore(tmp_path)
    path = store.save(make("ad!a$*@mail.example Ada"))
    assert path.name == "ad_a__@mail.example.pem"


def test_a_broken_file_is_named_and_does_not_hide_the_others(tmp_path: Path) -> None:
    store = IdentityStore(tmp_path)
    store.save(make("ada@mail.example Ada"))
    (tmp_path / "broken.pem").write_text("not pem")
    (tmp_path / "huge.pem").write_bytes(b"x" * 300_000)
    (tmp_path / "notes.txt").write_text("ignored")
    found = {one.name: one for one in store.all()}
    assert set(found) == {"ada@mail.example", "broken", "huge"}
    assert found["broken"].identity is None
    assert "no certificate" in found["broken"].problem
    assert "too large" in found["huge"].problem
    with pytest.raises(IdentityError):
        store.load("broken")


def test_a_certificate_that_names_no_address_is_a_problem_when_it_is_read(tmp_path: Path) -> None:
    from peers import odd_person

    (tmp_path / "nameless.pem").write_bytes(odd_person(users=(), names=("Somebody",)).pem)
    store = IdentityStore(tmp_path)
    (found,) = store.all()
    assert found.identity is None
    assert "no Misfin address" in found.problem
    with pytest.raises(IdentityError):
        store.load("nameless")


def test_no_folder_means_no_identities(tmp_path: Path) -> None:
    store = IdentityStore(tmp_path / "nowhere")
    assert store.names() == []
    with pytest.raises(IdentityError, match="no identity"):
        store.load("ada@mail.example")
    assert store.find(MisfinAddress.parse("ada@mail.example")) is None


def test_removing_takes_only_what_is_there(tmp_path: Path) -> None:
    store = IdentityStore(tmp_path)
    store.save(make("ada@mail.example Ada"), "ada")
    store.remove("ada")
    assert store.names() == []
    with pytest.raises(IdentityError):
        store.remove("ada")


def test_two_files_and_an_encrypted_key_are_read(tmp_path: Path) -> None:
    from cryptography.hazmat.primitives import serialization

    ada = make("ada@mail.example Ada")
    (tmp_path / "cert.pem").write_bytes(ada.cert_pem)
    (tmp_path / "key.pem").write_bytes(
        ada.private_key().private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"pw"),
        )
    )
    with pytest.raises(IdentityEncryptedError):
        identity_from_files(tmp_path / "cert.pem", tmp_path / "key.pem")
    assert identity_from_files(tmp_path / "cert.pem", tmp_path / "key.pem", b"pw").address == ada.address
    with pytest.raises(IdentityError, match="cannot be read"):
        identity_from_files(tmp_path / "nothing.pem")
