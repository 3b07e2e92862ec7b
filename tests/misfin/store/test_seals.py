"""The key of a profile: made once by whoever is first, and what lay there before it still counts."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from releases import profile_of_0_1

from misfin.errors import StoreError
from misfin.model.address import MisfinAddress
from misfin.model.gemmail import Version
from misfin.store.evidence import Evidence
from misfin.store.filing import Action, Filing
from misfin.store.index import MailIndex
from misfin.store.mail.maildir import MailStore
from misfin.store.message.envelope import wrap
from misfin.store.rows import View
from misfin.store.seals import FILE, Seals

ADA, CAL = "ada@mail.example", "cal@mail.example"
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def gemmail(subject: str = "Notes", account: str = ADA) -> bytes:
    return wrap(
        f"bea@hive.example Bea\n\n2026-11-20T11:00:00Z\n# {subject}\n\ntext\n".encode(),
        version=Version.C,
        account=MisfinAddress.parse(account),
        now=NOW,
        verification={"sender": "verified", "confirmed": "host", "certificate": "pass", "pin": "match"},
        received_from="192.0.2.7",
        received_by="mail.example",
    )


@pytest.fixture
def store(tmp_path) -> MailStore:
    store = MailStore(tmp_path / "mail")
    for account in (ADA, CAL, "work"):
        store.create(account)
    return store


def shown(store: MailStore) -> dict[str, Evidence]:
    """What a new index shows of each message, by its subject; reading it says the same."""
    with MailIndex(store.root.parent / f"{time.monotonic_ns()}.db", store.root) as index:
        index.scan()
        rows = index.messages(View(), 1000)
        for row in rows:
            misfin = index.read(row).misfin
            believed = misfin is not None and misfin.verification.get("confirmed") == "host"
            assert believed is (row.evidence is Evidence.VERIFIED)
            misfin = index.read(row.row).misfin
            assert believed is (misfin is not None and "confirmed" in misfin.verification)
        return {row.subject: row.evidence for row in rows}


# ---- the key


def test_the_key_is_private_and_stays(store):
    sealed = Seals(store.root).seal(gemmail())
    path = store.root.parent / FILE
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert Seals(store.root).is_sealed(sealed)
    (store.root / ADA / "new" / "later").write_bytes(gemmail())
    assert Seals(store.root).is_sealed(sealed)
    assert not Seals(store.root).counts(b"later", gemmail())


def test_another_profile_has_another_key(store, tmp_path):
    sealed = Seals(store.root).seal(gemmail())
    assert not Seals(tmp_path / "other" / "mail").is_sealed(sealed)


def test_only_stored_misfin_messages_are_sealed(store):
    draft = b"From: ada@mail.example\nMisfin-Draft: {}\n\nhal\n"
    assert Seals(store.root).seal(draft) == draft


RACE = """
import sys, time
from pathlib import Path
from misfin.store.seals import Seals
root, until = Path(sys.argv[1]), float(sys.argv[2])
data = Path(sys.argv[3]).read_bytes()
time.sleep(max(0.0, until - time.time()))
sys.stdout.buffer.write(Seals(root).seal(data))
"""


def test_processes_that_start_together_have_one_key(store, tmp_path):
    for number in range(500):
        (store.root / ADA / "new" / f"{number}").write_bytes(b"")
    (tmp_path / "letter").write_bytes(gemmail())
    args = [sys.executable, "-c", RACE, str(store.root), str(time.time() + 1.5), str(tmp_path / "letter")]
    running = [subprocess.Popen(args, stdout=subprocess.PIPE) for _ in range(4)]
    said = {process.communicate(timeout=300)[0] for process in running}
    assert len(said) == 1
    assert Seals(store.root).is_sealed(said.pop())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["letter", "mail", FILE]


def test_a_crash_before_the_key_is_whole_leaves_none(store, monkeypatch):
    (store.root / ADA / "new" / "1.old").write_bytes(gemmail())

    class Died(BaseException):
        pass

    def die(*_args):
        raise Died

    for step in ("misfin.files.sync_file", "misfin.files._give_name"):
        with monkeypatch.context() as patched:
            patched.setattr(step, die)
            with pytest.raises(Died):
                Seals(store.root).open()
        assert not (store.root.parent / FILE).exists()
    assert Seals(store.root).counts(b"1.old", gemmail())


@pytest.mark.parametrize("broken", [b"", b"x", b"misfin-seal v1 " + b"0" * 64 + b"\nodd", b"\0" * 80])
def test_a_damaged_key_proves_nothing_and_says_what_to_do(store, broken):
    (store.root / ADA / "new" / "1.x").write_bytes(gemmail())
    (store.root.parent / FILE).write_bytes(broken)
    seals = Seals(store.root)
    for act in (seals.open, lambda: seals.seal(gemmail())):
        with pytest.raises(StoreError) as raised:
            act()
        assert "backup" in raised.value.remedy
    assert not seals.counts(b"1.x", gemmail())
    assert shown(store) == {"Notes": Evidence.UNPROVEN}
    assert (store.root.parent / FILE).read_bytes() == broken


def test_where_no_key_can_be_made_mail_is_shown_unproven(store, monkeypatch):
    (store.root / ADA / "new" / "1.x").write_bytes(gemmail())

    def full(*_args, **_more):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("misfin.store.seals.create_private", full)
    with pytest.raises(StoreError, match="No space left"):
        Seals(store.root).open()
    assert shown(store) == {"Notes": Evidence.UNPROVEN}


# ---- what counts


def test_what_another_program_puts_into_an_account_is_unproven_everywhere(store):
    inbox = store.folder(ADA)
    inbox.deliver(gemmail("Old"))
    seals = Seals(store.root)
    seals.open()
    inbox.deliver(seals.seal(gemmail("New")))
    inbox.deliver(gemmail("Planted"))
    inbox.deliver(seals.seal(gemmail("Changed")).replace(b"text", b"test"))
    proven, unproven = Evidence.VERIFIED, Evidence.UNPROVEN
    assert shown(store) == {"Old": proven, "New": proven, "Planted": unproven, "Changed": unproven}


def test_flags_folders_accounts_and_what_imap_programs_add_to_names_change_nothing(store):
    old = store.folder(ADA).deliver(gemmail("Old"))
    seals = Seals(store.root)
    seals.open()
    new = store.folder(ADA).deliver(seals.seal(gemmail("New")))
    for entry in (old, new):
        store.folder(ADA).change_flags(entry.key, add="FSa")
        moved = store.folder(ADA).move(entry.key, store.folder(CAL, "Archive"))
        moved.path.rename(moved.path.with_name(f"{moved.key},U=12:2,RS"))
    assert set(shown(store).values()) == {Evidence.VERIFIED}


def test_a_copy_has_the_proof_of_its_original_and_no_other(store):
    inbox = store.folder(ADA)
    inbox.deliver(gemmail("Old"))
    seals = Seals(store.root)
    seals.open()
    inbox.deliver(seals.seal(gemmail("New")))
    inbox.deliver(gemmail("Planted"))
    before = shown(store)
    with MailIndex(store.root.parent / "index.db", store.root) as index:
        index.scan()
        for row in index.messages(View(), 9):
            Filing(index, store).apply(Action.COPY, [row.id], "Kept")
    with MailIndex(store.root.parent / "again.db", store.root) as index:
        index.scan()
        rows = index.messages(View(ADA, "Kept"), 9)
        assert {row.subject: row.evidence for row in rows} == before
        assert before == {"Old": Evidence.VERIFIED, "New": Evidence.VERIFIED, "Planted": Evidence.UNPROVEN}


def test_a_name_that_was_in_an_email_account_does_not_count(store):
    key = store.folder("work").deliver(gemmail("Mail")).key
    Seals(store.root).open()
    store.folder("work").move(key, store.folder(ADA))
    assert shown(store) == {"Mail": Evidence.UNPROVEN}


def test_sealed_or_not_a_message_in_an_email_account_is_an_email(store):
    store.folder("work").deliver(Seals(store.root).seal(gemmail("Mail")))
    with MailIndex(store.root.parent / "index.db", store.root) as index:
        index.scan()
        (row,) = index.messages(View(), 9)
        assert row.evidence is Evidence.UNPROVEN
        assert index.read(row).misfin is None


def test_many_names_are_found_and_no_others(store):
    names = [f"{1_700_000_000 + n}.M{n}P1.host" for n in range(3000)]
    for name in names:
        os.close(os.open(store.root / ADA / "cur" / f"{name}:2,S", os.O_CREAT))
    seals = Seals(store.root)
    seals.open()
    assert all(seals.counts(f"{name}:2,RS".encode(), b"") for name in names)
    assert not any(seals.counts(f"{name}0".encode(), b"") for name in names)
    assert (store.root.parent / FILE).stat().st_size == 80 + 16 * len(names)


@pytest.mark.skipif(not Path("/proc/self/smaps").exists(), reason="only Linux says what is in memory")
def test_a_file_of_many_names_is_not_kept_in_memory(store):
    def kept() -> int:
        parts = Path("/proc/self/smaps").read_text().split(f"{path}\n")[1:]
        return sum(int(part.partition("\nRss:")[2].split()[0]) for part in parts)

    path = store.root.parent / FILE
    names = [f"{1_700_000_000 + n}.M{n}P1.host" for n in range(3000)]
    for name in names:
        os.close(os.open(store.root / ADA / "cur" / f"{name}:2,S", os.O_CREAT))
    seals = Seals(store.root)
    seals.release_memory()  # also before it is open
    seals.open()
    assert kept() == 0
    assert all(seals.counts(name.encode(), b"") for name in names)
    assert kept() > 0
    seals.release_memory()
    assert kept() == 0
    assert seals.counts(names[0].encode(), b"")


def test_a_profile_of_an_earlier_release_keeps_what_it_had_proven(tmp_path):
    profile = profile_of_0_1(tmp_path)
    store = MailStore(profile.mail)
    before = {path: path.read_bytes() for path in profile.mail.rglob("*") if path.is_file()}
    with MailIndex(profile.index_db, profile.mail) as index:
        index.scan()
        rows = index.messages(View(), 100)
    proven = [row for row in rows if row.evidence is not Evidence.UNPROVEN]
    assert {(row.folder, row.evidence) for row in proven} >= {
        ("Sent", Evidence.VERIFIED),
        ("Held", Evidence.DIFFERS),
    }
    assert {row.evidence for row in rows if row.folder == "Inbox"} <= {
        Evidence.VERIFIED,
        Evidence.UNCONFIRMED,
    }
    assert {path: path.read_bytes() for path in before} == before
    (first, *_) = [row for row in proven if row.folder == "Inbox"]
    copy = Path(first.path).read_bytes()
    store.folder(first.account, "Archive").deliver(copy)  # another program copies it, under another name
    with MailIndex(profile.index_db, profile.mail) as index:
        index.scan()
        rows = [row for row in index.messages(View(), 100) if row.subject == first.subject]
    assert {row.folder: row.evidence for row in rows} == {
        "Inbox": first.evidence,
        "Archive": Evidence.UNPROVEN,
    }
