"""Many new files at once: each is whole, its owner's alone and synced, whatever the system offers for it."""

import os
import threading

import pytest

from misfin.store import durable


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

    monkeypatch.setattr("misfin.store.durable.os.fsync", counting)
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
    files = [(tmp_path / f"{n}", b"%d " % n * 1000, 1_800_000_000.0 + n) for n in range(count)]
    durable.write_new(files)
    for path, data, time in files:
        facts = path.stat()
        assert path.read_bytes() == data
        assert facts.st_mode & 0o777 == 0o600
        assert facts.st_mtime == time
    assert sorted(synced) == sorted(path.stat().st_ino for path, _, _ in files)


@pytest.mark.parametrize("count", [3, 20])
def test_one_file_the_disk_refuses_fails_them_all(tmp_path, monkeypatch, count):
    refused = []
    real = os.fsync

    def fsync(handle):
        if not refused:
            refused.append(handle)
            raise OSError(28, "No space left on device")
        real(handle)

    monkeypatch.setattr("misfin.store.durable.os.fsync", fsync)
    with pytest.raises(OSError, match="No space"):
        durable.write_new((tmp_path / f"{n}", b"data", None) for n in range(count))


def test_an_existing_file_is_never_written_over(tmp_path):
    (tmp_path / "old").write_bytes(b"old")
    with pytest.raises(FileExistsError):
        durable.write_new([(tmp_path / "new", b"new", None), (tmp_path / "old", b"new", None)])
    assert (tmp_path / "old").read_bytes() == b"old"
