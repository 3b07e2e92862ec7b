"""What a draft takes over from a stored message."""

from __future__ import annotations

import pytest

from misfin.store.outgoing.taken_over import file_name


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\x\\report.pdf", "report.pdf"),
        ("\x1b[2Ja\nb.txt", "␛[2Ja⏎b.txt"),
        ("..", "file"),
        ("", "file"),
    ],
)
def test_a_strangers_file_name_names_a_file_and_nothing_else(name, safe):
    assert file_name(name, "file") == safe
