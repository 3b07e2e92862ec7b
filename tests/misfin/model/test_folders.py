"""The standard folders are named in one place."""

from __future__ import annotations

import ast
from pathlib import Path

import misfin
import misfin_tui
from misfin.model import folders

ROOTS = (Path(misfin.__file__).parent, Path(misfin_tui.__file__).parent)
NAMES = frozenset(folders.FOLDERS) - {folders.INBOX, folders.SENT, folders.ARCHIVE, folders.TRASH}
"""Those whose names are not also a label on the screen."""


def test_every_standard_folder_is_shown_once_with_the_outbox_among_them():
    assert sorted(folders.SHOWN) == sorted([*folders.FOLDERS, folders.OUTBOX])


def test_only_bins_and_what_waits_for_a_person_introduce_nobody():
    assert {"Drafts", "Held", "Junk", "Trash"} == folders.INTRODUCES_NOBODY
    assert {"Junk", "Trash"} == folders.BINS
    assert {"Sent", "Drafts"} == folders.WRITTEN


def test_the_names_stand_nowhere_else_in_the_code():
    found = [
        f"{path}:{node.lineno}"
        for root in ROOTS
        for path in root.rglob("*.py")
        if path != Path(folders.__file__)
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Constant) and node.value in NAMES
    ]
    assert found == []
