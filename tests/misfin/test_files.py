"""Private files: replaced whole, never half, never readable by others."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from misfin import files
from misfin.store.mail.maildir import Maildir


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


# ---- one new file


@pytest.fixture(params=["hard links", "EPERM", "ENOTSUP", "ENOSYS"])
def links(request, monkeypatch) -> str:
    """A file system with hard links, or one that refuses them as exFAT, SMB and FUSE do."""

    def refuse(*_: object, **__: object) -> None:
        number = getattr(errno, request.param)
        raise OSError(number, os.strerror(number))

    if request.param != "hard links":
        monkeypatch.setattr(os, "link", refuse)
    return str(request.param)


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def test_a_new_file_appears_whole_and_private_under_any_umask(tmp_path: Path, links: str) -> None:
    old = os.umask(0)
    try:
        with files.new_private(tmp_path / "out") as file:
            file.write(b"half")
            file.flush()
            assert "out" not in names(tmp_path)
            file.write(b" and half")
        files.create_private(tmp_path / ("n" * 255), b"the longest name")
    finally:
        os.umask(old)
    assert (tmp_path / "out").read_bytes() == b"half and half"
    assert names(tmp_path) == ["n" * 255, "out"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}


@pytest.mark.parametrize("when", ["before", "meanwhile"])
@pytest.mark.parametrize("what", ["file", "link to nowhere", "folder"])
def test_whatever_has_the_name_stays(tmp_path: Path, links: str, when: str, what: str) -> None:
    path = tmp_path / "out"

    def appear() -> None:
        if what == "file":
            path.write_bytes(b"theirs")
        elif what == "folder":
            path.mkdir()
        else:
            path.symlink_to("nowhere")

    if when == "before":
        appear()
    with pytest.raises(FileExistsError), files.new_private(path) as file:  # noqa: PT012 - one thing
        file.write(b"ours")
        appear()
    assert names(tmp_path) == ["out"]
    if what == "file":
        assert path.read_bytes() == b"theirs"


@pytest.mark.parametrize("fails", ["the block", "fsync", "rename"])
def test_a_failure_leaves_no_file(
    tmp_path: Path, links: str, fails: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if fails == "rename" and links == "hard links":
        pytest.skip("nothing is renamed where there are hard links")

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    if fails == "fsync":
        monkeypatch.setattr(os, "fsync", refuse)
    elif fails == "rename":
        monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(OSError, match="No space"), files.new_private(tmp_path / "out") as file:  # noqa: PT012 - one thing
        file.write(b"data")
        if fails == "the block":
            refuse()
    assert names(tmp_path) == []


@pytest.mark.parametrize("links", ["hard links", "EPERM"], indirect=True)
def test_a_crash_before_the_end_leaves_nothing_under_the_name(tmp_path: Path, links: str) -> None:
    code = f"""
import os, sys
from pathlib import Path
from misfin import files
from misfin.store.mail.maildir import Maildir
if {links != "hard links"}:
    def refuse(*_):
        raise PermissionError(1, "Operation not permitted")
    os.link = refuse
with files.new_private(Path({str(tmp_path)!r}, "out")) as file:
    file.write(b"data" * 100_000)
    file.flush()
    os.kill(os.getpid(), 9)
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -9
    assert not (tmp_path / "out").exists()
    files.create_private(tmp_path / "out", b"the next try")
    assert (tmp_path / "out").read_bytes() == b"the next try"


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOTSUP, errno.EPERM])
def test_a_file_system_that_cannot_sync_folders_is_used_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    real = os.fsync

    def fsync(handle: int) -> None:
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            raise OSError(number, os.strerror(number))
        real(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    files.create_private(tmp_path / "new", b"data")
    files.write_private(tmp_path / "new", b"other data")
    assert (tmp_path / "new").read_bytes() == b"other data"


# ---- many files


@pytest.fixture
def synced(monkeypatch):
    """The inodes of the files that were synced."""
    inodes = []
    lock = threading.Lock()
    real = os.fsync

    def counting(handle):
        real(handle)
        with lock:
            inodes.append(os.fstat(handle).st_ino)

    monkeypatch.setattr("misfin.files.os.fsync", counting)
    return inodes


@pytest.mark.parametrize("hint", ["works", "is refused", "is missing"])
@pytest.mark.parametrize("count", [1, 2, 20, 100])
def test_every_file_is_whole_private_and_synced_once(tmp_path, synced, monkeypatch, count, hint):
    def refuse(*_):
        raise OSError(22, "Invalid argument")

    if hint == "is refused":
        monkeypatch.setattr(os, "posix_fadvise", refuse, raising=False)
    elif hint == "is missing":
        monkeypatch.delattr(os, "posix_fadvise", raising=False)
    wanted = [(tmp_path / f"{n}", b"%d " % n * 1000, 1_800_000_000.0 + n) for n in range(count)]
    files.write_new(wanted)
    for path, data, time in wanted:
        facts = path.stat()
        assert path.read_bytes() == data
        assert facts.st_mode & 0o777 == 0o600
        assert facts.st_mtime == time
    assert sorted(synced) == sorted(path.stat().st_ino for path, _, _ in wanted)


@pytest.mark.parametrize("count", [3, 20])
def test_one_file_the_disk_refuses_fails_them_all(tmp_path, monkeypatch, count):
    refused = []
    real = os.fsync

    def fsync(handle):
        if not refused:
            refused.append(handle)
            raise OSError(28, "No space left on device")
        real(handle)

    monkeypatch.setattr("misfin.files.os.fsync", fsync)
    with pytest.raises(OSError, match="No space"):
        files.write_new((tmp_path / f"{n}", b"data", None) for n in range(count))


def test_an_existing_file_is_never_written_over(tmp_path):
    (tmp_path / "old").write_bytes(b"old")
    with pytest.raises(FileExistsError):
        files.write_new([(tmp_path / "new", b"new", None), (tmp_path / "old", b"new", None)])
    assert (tmp_path / "old").read_bytes() == b"old"


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
