"""Private files: replaced whole, never half, never readable by others."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from misfin.store import files


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
