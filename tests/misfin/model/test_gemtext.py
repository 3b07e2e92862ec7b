"""Gemtext: lines, subjects, previews and compositions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from misfin.model.gemtext import PREVIEW_LENGTH, Line, LineKind, compose, parse, preview_of, subject_of
from vectors import ids, load

VECTORS = load("messages")


@pytest.mark.parametrize("vector", VECTORS["subject"], ids=ids(VECTORS["subject"]))
def test_the_subject_of_a_vector(vector):
    assert subject_of(vector["body"]) == vector.get("subject")


@pytest.mark.parametrize("vector", VECTORS["composed"], ids=ids(VECTORS["composed"]))
def test_the_composition_of_a_vector(vector):
    assert compose(vector["subject"], vector["body"]) == vector["text"]


@pytest.mark.parametrize(
    ("line", "kind", "text", "url"),
    [
        ("", LineKind.TEXT, "", ""),
        ("plain", LineKind.TEXT, "plain", ""),
        ("  plain ", LineKind.TEXT, "  plain ", ""),
        ("=> gemini://x.example/ A  label ", LineKind.LINK, "A  label", "gemini://x.example/"),
        ("=>gemini://x.example/", LineKind.LINK, "gemini://x.example/", "gemini://x.example/"),
        ("=>\tx\ty", LineKind.LINK, "y", "x"),
        ("=>", LineKind.TEXT, "=>", ""),
        ("=>  ", LineKind.TEXT, "=>  ", ""),
        ("= > x", LineKind.TEXT, "= > x", ""),
        ("# One", LineKind.HEADING1, "One", ""),
        ("#One", LineKind.HEADING1, "One", ""),
        ("## Two", LineKind.HEADING2, "Two", ""),
        ("### Three", LineKind.HEADING3, "Three", ""),
        ("#### Four", LineKind.HEADING3, "# Four", ""),
        ("#", LineKind.HEADING1, "", ""),
        (" # One", LineKind.TEXT, " # One", ""),
        ("* item", LineKind.LIST, "item", ""),
        ("*item", LineKind.TEXT, "*item", ""),
        ("> quoted", LineKind.QUOTE, "quoted", ""),
        (">quoted", LineKind.QUOTE, "quoted", ""),
        ("> > twice", LineKind.QUOTE, "> twice", ""),
        ("a\x0bb\u2028c\x85d", LineKind.TEXT, "a\x0bb\u2028c\x85d", ""),
    ],
)
def test_a_line_is_known_by_its_first_characters(line, kind, text, url):
    assert parse(line + "\n") == ([Line(kind, text, url, line)])
    assert parse(line + "\r\n") == ([Line(kind, text, url, line)])


def test_a_preformatted_block_is_left_alone():
    lines = parse("``` alt text\n# code\n  => x\n```ignored\n# Heading\n```\nopen\n")
    assert [(line.kind, line.text) for line in lines] == [
        (LineKind.PRE_OPEN, "alt text"),
        (LineKind.PRE, "# code"),
        (LineKind.PRE, "  => x"),
        (LineKind.PRE_CLOSE, ""),
        (LineKind.HEADING1, "Heading"),
        (LineKind.PRE_OPEN, ""),
        (LineKind.PRE, "open"),
    ]


def test_blank_lines_count_and_the_last_line_end_starts_no_line():
    assert len(parse("a\n\nb\n")) == len(parse("a\n\nb")) == 3
    assert parse("") == []
    assert len(parse("\n")) == 1


@pytest.mark.parametrize(
    ("body", "preview"),
    [
        ("# Hi\n\nHello there,\nhow are you?\n", "Hello there, how are you?"),
        ("\n\n  first   words \n", "first words"),
        ("=> gemini://x.example/ a link\n", "a link"),
        ("> quoted\nanswer\n", "answer"),
        ("> only\n> quoted\n", "only quoted"),
        ("# only a heading\n", "only a heading"),
        ("```\ncode\n```\n", "code"),
        ("", ""),
        ("\n\n", ""),
        ("#\n```alt\n", ""),
        ("word " * 500, ("word " * 500)[:PREVIEW_LENGTH].rstrip()),
    ],
)
def test_the_preview_is_the_first_words(body, preview):
    assert preview_of(body) == preview


@given(st.text())
def test_any_text_is_gemtext_and_its_lines_are_all_there(text):
    lines = parse(text)
    assert "\n".join(line.raw for line in lines) == text.replace("\r\n", "\n").removesuffix(
        "\n"
    ).removesuffix("\r" if text.endswith("\r") else "")
    assert "\n" not in preview_of(text)
    assert len(preview_of(text)) <= PREVIEW_LENGTH


@given(st.text(), st.text())
def test_a_composed_message_has_its_subject_and_its_body(subject, body):
    text = compose(subject, body)
    assert "\r" not in text
    wanted = " ".join(subject.replace("\r", "\n").split("\n")).strip()
    if wanted:
        assert subject_of(text) == wanted
        assert text.endswith("\n")
    else:
        assert text == body.replace("\r\n", "\n").replace("\r", "\n")


pieces = st.lists(
    st.sampled_from(["```", "\n", "#", "##", " ", "x", "> ", "* ", "=> a b", "\r\n"]), max_size=30
)


@given(pieces.map("".join))
def test_the_subject_is_the_first_heading_with_words(text):
    headings = {LineKind.HEADING1, LineKind.HEADING2, LineKind.HEADING3}
    found = [line.raw.lstrip("#").strip() for line in parse(text) if line.kind in headings]
    assert subject_of(text) == next(filter(None, found), None)
