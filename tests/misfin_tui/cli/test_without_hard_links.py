"""A profile on a file system without hard links (exFAT, some SMB and FUSE): everything works there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import Shell

REFUSING = """
import errno, os

def refuse(*args, **options):
    raise OSError(errno.EPERM, os.strerror(errno.EPERM))

os.link = refuse
"""


@pytest.fixture
def no_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every command finds that the system refuses hard links."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(REFUSING)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"))


def test_mail_is_sent_received_exported_and_imported(
    no_links: None, two: tuple[Shell, Shell], tmp_path: Path
) -> None:
    ada, bea = two
    probe = subprocess.run(
        [sys.executable, "-c", "import os; os.link('a', 'b')"], capture_output=True, check=False
    )
    assert b"Operation not permitted" in probe.stderr
    bea.receive()
    ada.run("send", "bea@hive.test", "--body", "# One\n\ntext")
    ada.run("send", "bea@hive.test", "--body", "# Two\n\ntext")
    assert sorted(row["subject"] for row in bea.json("list")) == ["One", "Two"]  # both may be of one second
    for words in ((str(tmp_path / "out.mbox"),), (str(tmp_path / "out"), "--format", "gmi")):
        (report,) = bea.json("export", *words)
        assert (report["written"], report["skipped"]) == (2, 0)
    bea.run("export", str(tmp_path / "out.mbox"), check=2)
    assert len(list((tmp_path / "out").iterdir())) == 2
    (report,) = ada.json("import", str(tmp_path / "out.mbox"))
    assert report["added"] == 2
    ada.run("identity", "export", "ada@harbour.test", "--output", str(tmp_path / "ada.pem"))
    ada.run("identity", "export", "ada@harbour.test", "--output", str(tmp_path / "ada.pem"), check=2)
