"""Private files: replaced whole, never half, never readable by others."""

from __future__ import annotations

import fcntl
import os
import stat
from pathlib import Path

import pytest

from misfin.store import files
from misfin.store.maildir import Maildir


def test_a_private_file_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        files.write_private(tmp_path / "new" / "key.pem", b"secret")
    finally:
        os.umask(old)
    assert (tmp_path / "new" / "key.pem").read_bytes() == b"secret"
    assert stat.S_IMODE((tmp_path / "new" / "key.pem").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700


def test_a_failed_write_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "key.pem"
    files.write_private(path, b"old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        files.write_private(path, b"new")
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["key.pem"]


def test_no_folder_made_on_the_way_lets_others_in(tmp_path: Path) -> None:
    old = os.umask(0o022)
    try:
        files.private_folder(tmp_path / "a" / "b" / "c")
    finally:
        os.umask(old)
    for made in ("a", "a/b", "a/b/c"):
        assert stat.S_IMODE((tmp_path / made).stat().st_mode) == 0o700


def test_a_folder_that_exists_keeps_its_mode_and_a_file_in_the_way_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir(mode=0o755)
    files.private_folder(tmp_path / "open" / "new")
    assert stat.S_IMODE((tmp_path / "open").stat().st_mode) == 0o755
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="exists"):
        files.private_folder(tmp_path / "file")
    with pytest.raises(OSError, match="exists"):
        files.private_folder(tmp_path / "file" / "below")


class Drive:
    """macOS's fcntl, where fsync only reaches the drive's cache; ``refuses`` like a network file system."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, refuses: bool = False) -> None:
        self.emptied: list[int] = []
        self.synced: list[int] = []
        self.refuses = refuses
        monkeypatch.setattr(fcntl, "F_FULLFSYNC", 51, raising=False)
        monkeypatch.setattr(fcntl, "fcntl", self.fcntl)
        real = os.fsync
        monkeypatch.setattr(os, "fsync", lambda handle: (self.synced.append(handle), real(handle))[1])

    def fcntl(self, handle: int, command: int) -> int:
        assert command == 51
        if self.refuses:
            raise OSError(45, "Operation not supported")
        self.emptied.append(handle)
        return 0


def test_where_fsync_is_not_enough_the_drive_is_told_to_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drive = Drive(monkeypatch)
    files.write_private(tmp_path / "key.pem", b"key")
    assert len(drive.emptied) == 2  # the file, then its folder
    Maildir(tmp_path / "mail").create()
    drive.emptied.clear()
    Maildir(tmp_path / "mail").deliver_many([b"one\n", b"two\n", b"three\n"])
    assert len(drive.emptied) == 2  # the batch, then its folder
    assert len(drive.synced) == 3


def test_a_file_system_that_does_not_know_how_gets_an_fsync(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drive = Drive(monkeypatch, refuses=True)
    files.write_private(tmp_path / "key.pem", b"key")
    assert len(drive.synced) == 2
    drive.synced.clear()
    Maildir(tmp_path / "mail").create().deliver(b"one\n")
    assert len(drive.synced) >= 2
