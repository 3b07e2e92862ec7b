"""``doctor`` says whether the seal and the accepted lists can be used, and creates neither."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.misfin_tui.cli.conftest import Shell

from misfin.store.accepted_lists import FILE as LISTS
from misfin.store.accepted_lists import AcceptedLists
from misfin.store.seals import FILE as SEAL_KEY
from misfin.store.seals import Seals


def proofs(shell: Shell) -> dict[str, tuple[str, str]]:
    """Each finding with its verdict and its remedy."""
    found = [each for each in shell.json("doctor", check=None) if each["topic"] == "proofs"]
    return {each["text"]: (each["verdict"], each["remedy"]) for each in found}


@pytest.fixture
def root(shell: Shell) -> Path:
    shell.root.mkdir(parents=True, exist_ok=True)
    return shell.root


def test_a_sound_seal_and_the_accepted_lists_are_named(shell: Shell, root: Path) -> None:
    Seals(root / "mail").open()
    AcceptedLists(root / LISTS).accept("crew.lists.example", "list.example", 1.0)
    list_said = "The mailing list crew.lists.example is accepted, signed by list.example."
    assert proofs(shell) == {SEAL_KEY: ("good", ""), list_said: ("good", "")}


@pytest.mark.parametrize("data", [b"", b"misfin-seal v1 " + b"0" * 64 + b"\nodd"])
def test_a_damaged_seal_is_bad_and_says_what_to_do(shell: Shell, root: Path, data: bytes) -> None:
    (root / SEAL_KEY).write_bytes(data)
    ((text, (verdict, remedy)),) = proofs(shell).items()
    assert str(root / SEAL_KEY) in text
    assert verdict == "bad"
    assert "backup" in remedy
    assert (root / SEAL_KEY).read_bytes() == data


def test_a_seal_that_cannot_be_read_is_bad(shell: Shell, root: Path) -> None:
    (root / SEAL_KEY).mkdir()  # unreadable for everybody, root too
    ((text, (verdict, remedy)),) = proofs(shell).items()
    assert "cannot be used" in text
    assert (verdict, bool(remedy)) == ("bad", True)


def test_damaged_lists_are_bad(shell: Shell, root: Path) -> None:
    (root / LISTS).write_text("{")
    found = {text: verdict for text, (verdict, remedy) in proofs(shell).items() if remedy}
    assert found == {f"{root / LISTS} is damaged.": "bad"}
