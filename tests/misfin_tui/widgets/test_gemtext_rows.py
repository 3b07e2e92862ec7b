"""Gemtext drawn as gemtext."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from misfin_tui.widgets.gemtext_rows import lay_out

MESSAGE = """# Title
## Part
### Smaller
Some text.

* an item
> quoted
=> gemini://hive.test/ The hive
=> misfin:bob@hive.test
```alt words
  code  stays
\tas it is
```
"""


def texts(layout):
    return [row.text for row in layout.rows]


def roles(layout):
    return [row.pieces[-1][1] if row.pieces else "" for row in layout.rows]


def test_each_kind_of_line_has_its_look():
    layout = lay_out(MESSAGE, 60)
    assert texts(layout) == [
        "Title",
        "Part",
        "Smaller",
        "Some text.",
        "",
        "• an item",
        "▎ quoted",
        "[1] The hive  gemini://hive.test/",
        "[2] misfin:bob@hive.test",
        "┄ alt words ",
        "  code  stays",
        "        as it is",
        "┄",
    ]
    assert roles(layout)[:4] == ["heading1", "heading2", "heading3", "text"]
    assert roles(layout)[5:8] == ["list", "quote", "target"]
    assert layout.links == ["gemini://hive.test/", "misfin:bob@hive.test"]
    assert [row.link for row in layout.rows if row.link] == [1, 2]


def test_long_lines_wrap_under_their_sign_and_code_does_not():
    layout = lay_out("* one two three\n> four five six\n```\nan unbroken line of code\n```\n", 12)
    assert texts(layout) == [
        "• one two",
        "  three",
        "▎ four five",
        "▎ six",
        "┄",
        "an unbroken line of code",
        "┄",
    ]
    assert layout.width == len("an unbroken line of code")


def test_a_target_is_shown_whole_however_long_it_is():
    target = "https://host.test/" + "x" * 100
    layout = lay_out(f"=> {target} innocent words\n", 40)
    assert all(row.link == 1 for row in layout.rows)
    assert "".join(row.text.strip() for row in layout.rows[1:]) == target


def test_a_target_may_not_hide_what_it_is():
    layout = lay_out("=> https://evil.test/\u202egpj.exe pay\x1b[2Jpal\n", 80)
    assert texts(layout) == ["[1] pay␛[2Jpal  https://evil.test/⇄gpj.exe"]
    assert layout.links == ["https://evil.test/\u202egpj.exe"]


def test_links_go_on_counting_from_where_they_are_told():
    assert texts(lay_out("=> a\n=> b\n", 20, first_link=7)) == ["[7] a", "[8] b"]


def test_rows_know_the_line_they_come_from():
    layout = lay_out("one two three\nfour\n", 7)
    assert [(row.text, row.source) for row in layout.rows] == [("one two", 0), ("three", 0), ("four", 1)]


@given(st.text(max_size=400), st.integers(1, 80))
def test_any_text_at_any_width_is_laid_out_inertly(text, width):
    layout = lay_out(text, width)
    for row in layout.rows:
        assert "\x1b" not in row.text
        assert "\n" not in row.text
    for row in layout.rows:
        if row.fill != "pre" and width >= 16:
            assert cell_len(row.text) <= width
