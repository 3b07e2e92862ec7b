"""A message edited with its header: read back as it was, and nothing that was written is lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from misfin.compose.headeredit import HeaderField, read_header, with_header

LINES = st.text(st.characters(exclude_categories=["C", "Zl", "Zp"]), max_size=40)
BODIES = st.text(st.characters(exclude_characters="\r", exclude_categories=["Cs"]), max_size=80)


@given(st.dictionaries(st.sampled_from(HeaderField), LINES, min_size=1), BODIES)
def test_what_was_not_edited_comes_back_as_it_was(fields, body):
    found = read_header(with_header(fields, body))
    assert found.fields == {field: " ".join(value.split()) for field, value in fields.items()}
    assert (found.body, found.unread) == (body, ())


def test_the_header_is_read_as_people_edit_it():
    text = "from: ada@x\nTO:a@b,\n  c@d\nto: e@f\nSubject: one\nSubject:  two \n\ntext\n\nmore"
    found = read_header(text)
    assert found.fields == {
        HeaderField.FROM: "ada@x",
        HeaderField.TO: "a@b, c@d, e@f",
        HeaderField.SUBJECT: "two",
    }
    assert found.body == "text\n\nmore"


@pytest.mark.parametrize(
    ("text", "fields", "body", "unread"),
    [
        ("To: a@b\nX-Mine: 1\nhello\n\ntext", {"To": "a@b"}, "X-Mine: 1\nhello\n\ntext", 2),
        ("To: a@b\nX-Mine: 1\n", {"To": "a@b"}, "X-Mine: 1\n", 1),
        ("To: a@b", {"To": "a@b"}, "", 0),
        ("To:\n\n", {"To": ""}, "", 0),
        ("just a text", {}, "just a text", 0),
        ("\nTo: a@b\n\ntext", {}, "\nTo: a@b\n\ntext", 0),
        ("", {}, "", 0),
        ("To: a@b\r\n\r\ntext\r\n", {"To": "a@b"}, "text\n", 0),
    ],
)
def test_what_cannot_be_read_is_kept_above_the_text(text, fields, body, unread):
    found = read_header(text)
    assert (dict(found.fields), found.body, len(found.unread)) == (fields, body, unread)


@given(st.text("Tocu: \n\tX@,bject", max_size=60))
def test_every_word_that_comes_back_is_in_a_field_or_in_the_text(text):
    found = read_header(text)
    kept = " ".join([*found.fields.values(), *found.fields, found.body]).split()
    lists = {HeaderField.TO, HeaderField.CC, HeaderField.BCC}
    if set(found.fields) <= lists:
        for word in text.replace(":", " ").replace(",", " ").split():
            assert any(word.lower() in each.lower() for each in kept), (word, kept)
