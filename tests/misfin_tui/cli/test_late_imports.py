"""Textual is imported without modules that it hardly ever uses, and gets each once it is used."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import sys
from misfin_tui.cli.late_imports import put_off_imports

put_off_imports()
import misfin_tui.app
unneeded = {"textual.widgets._directory_tree", "textual.widgets._tree", "textual.widgets._placeholder"}
unneeded.add("platform")  # which uuid imports
assert not unneeded & set(sys.modules), unneeded & set(sys.modules)
from misfin_tui.app.notices import ToastNotice
assert ToastNotice("one").identity != ToastNotice("two").identity
assert "platform" not in sys.modules
early = sys.modules["textual.types"]
from textual.suggestions import get_suggestion
assert get_suggestion("wdth", ["width", "height"]) == "width"
from textual.notifications import Notification
assert Notification("one").identity != Notification("two").identity
names = sys.modules["textual.app"].uuid
import difflib, uuid
assert uuid is not names and isinstance(names.uuid4(), uuid.UUID) and names.UUID is uuid.UUID
assert difflib.Differ and isinstance(difflib, type(sys))
from textual.types import DirEntry, IgnoreReturnCallbackType
import textual.types
import textual.command
from textual.widgets import DirectoryTree
from textual.widgets._directory_tree import DirEntry as real
assert DirEntry is real is early.DirEntry
assert IgnoreReturnCallbackType is textual.types.IgnoreReturnCallbackType
assert textual.types is not early
put_off_imports()
assert sys.modules["textual.types"] is textual.types
try:
    early.nothing
except AttributeError:
    print("done")
"""


def test_textual_comes_without_widgets_that_nobody_asked_for():
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], timeout=60, check=True, capture_output=True, text=True
    )
    assert done.stdout == "done\n"
