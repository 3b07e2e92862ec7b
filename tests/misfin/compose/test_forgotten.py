"""An attachment is asked about where its writer speaks of one, and nowhere else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from misfin.compose.forgotten import mentioned

WORDS = ("attached", "attachment", "see the file")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("The plan is attached.", "attached"),
        ("ATTACHED", "ATTACHED"),
        ("see the\nfile", "see the file"),
        ("unattached, reattachment", ""),
        ("> it is attached", ""),
        ("  > it is attached\nthanks", ""),
        ("thanks\n-- \nNo attachment is ever opened here", ""),
        ("fyi\n\n---------- Forwarded message ----------\nit is attached", ""),
        ("fyi\n\n-----Original Message-----\nit is attached", ""),
        ("> what attachment?\nThe attachment.", "attachment"),
    ],
)
def test_only_what_the_writer_wrote_counts(text, found):
    assert mentioned(WORDS, text) == found


def test_without_words_nothing_is_found_and_signs_are_only_signs():
    assert mentioned((), "attached") == mentioned(("", " "), "attached") == ""
    assert mentioned(("c++ file",), "my C++  file") == "C++ file"
    assert mentioned(WORDS, "Attachment of Monday", "text") == "Attachment"


@given(st.lists(st.text(max_size=8), max_size=4), st.text(max_size=80))
def test_any_words_and_any_text_are_taken(words, text):
    assert isinstance(mentioned(words, text), str)
