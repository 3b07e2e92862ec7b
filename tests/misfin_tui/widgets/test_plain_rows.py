"""Ordinary text on the screen: wrapped, quotes known, links numbered where they stand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from misfin_tui.widgets.plain_rows import lay_out_plain


def texts(layout) -> list[str]:
    return [row.text for row in layout.rows]


def test_a_link_gets_its_number_where_it_stands():
    layout = lay_out_plain("See https://x.test/a, or (gemini://y.test/b).\n> https://z.test/\nEnd", 60)
    assert texts(layout) == [
        "See [1] https://x.test/a, or ([2] gemini://y.test/b).",
        "> [3] https://z.test/",
        "End",
    ]
    assert layout.links == ["https://x.test/a", "gemini://y.test/b", "https://z.test/"]
    assert [row.link for row in layout.rows] == [1, 3, 0]
    assert layout.rows[0].pieces[1:3] == (("[1] ", "link-number"), ("https://x.test/a", "link"))
    assert texts(lay_out_plain("http://a.test http://b.test", 80, first_link=7)) == [
        "[7] http://a.test [8] http://b.test"
    ]


@pytest.mark.parametrize(
    ("text", "links"),
    [
        ("<https://x.test/a?b=c&d=e#f>", ["https://x.test/a?b=c&d=e#f"]),
        ("https://x.test/a_(b)", ["https://x.test/a_(b)"]),
        ("(https://x.test/a)", ["https://x.test/a"]),
        ("HTTPS://X.TEST/", ["HTTPS://X.TEST/"]),
        ("write to misfin:bob@hive.test!", ["misfin:bob@hive.test"]),
        ("mailto:bob@hive.test?subject=Hi", ["mailto:bob@hive.test?subject=Hi"]),
        ("https:// and misfin: and a:b and file:///etc/passwd and javascript:alert(1)", []),
    ],
)
def test_what_is_a_link_and_what_is_not(text, links):
    assert lay_out_plain(text, 80).links == links


def test_a_link_longer_than_a_line_belongs_to_all_its_rows():
    layout = lay_out_plain("go: https://x.test/" + "a" * 30 + " now", 20)
    assert "".join(texts(layout)).replace(" ", "") == "go:[1]https://x.test/" + "a" * 30 + "now"
    assert [row.link for row in layout.rows] == [0, 1, 1, 1]
    assert all(cell_len(row.text) <= 20 for row in layout.rows)


def test_a_number_stands_on_the_line_its_link_begins_on():
    assert texts(lay_out_plain("write to bob https://x.test/", 24)) == ["write to bob", "[1] https://x.test/"]


def test_quotes_look_like_quotes_and_controls_are_visible():
    layout = lay_out_plain("> you wrote\nme\x1b[2J", 40)
    assert layout.rows[0].pieces == (("> you wrote", "quote"),)
    assert texts(layout)[1] == "me␛[2J"


_WORDS = st.lists(
    st.sampled_from(
        ["https://x.test/", "word", " ", "  ", "\n", "é", "写", ")", "(", "misfin:a@b.c", ">", "\x1b"]
    )
)


@given(st.one_of(st.text(max_size=300), _WORDS.map("".join)), st.integers(2, 60))
def test_any_text_at_any_width_loses_nothing_and_is_inert(text, width):
    layout = lay_out_plain(text, width)
    for row in layout.rows:
        assert cell_len(row.text) <= width
        assert "\x1b" not in row.text
        assert "\n" not in row.text
        assert 0 <= row.link <= len(layout.links)
