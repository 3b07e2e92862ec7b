"""What a key sends to the terminal stays small: over a serial line every byte is waited for."""

from __future__ import annotations

from pathlib import Path

from keybytes import measured

AT_MOST = {
    "down one row": 4096,
    "up one row": 4096,
    "down a page": 12_000,
    "up a page": 12_000,
    "open a message": 60_000,
    "a line down in it": 8192,
    "a page down in it": 8192,
    "type a character": 2048,
    "take one back": 2048,
    "a new line": 8192,
}
"""Bytes in a window of 80x24, loosely: twice what is sent now, or what a whole screen takes."""
SAVED_MEANWHILE = {"type a character", "take one back"}
"""On average only: that the draft was saved is drawn in between, after some of the keys."""


def test_no_key_sends_far_more_than_what_it_changes(tmp_path: Path) -> None:
    found = {each.what: each for each in measured(tmp_path)}
    assert set(AT_MOST) <= set(found)
    sent = {what: found[what].mean if what in SAVED_MEANWHILE else found[what].most for what in AT_MOST}
    assert not {what: size for what, size in sent.items() if size > AT_MOST[what]}
