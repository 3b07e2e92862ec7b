"""HTML mail as text: what a reader would see, nothing that is hidden, and every link with its target."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from misfin.store.message.html import html_to_text


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("plain words", "plain words"),
        ("<p>one</p><p>two</p>", "one\n\ntwo"),
        ("<div>one</div><div>two</div>", "one\ntwo"),
        ("one<br>two<br><br>three", "one\ntwo\n\nthree"),
        ("a  \n b <b> c</b>d", "a b cd"),
        ("<h1>Title</h1>text", "Title\n\ntext"),
        ("<ul><li>one<li>two</ul>", "* one\n* two"),
        ("<table><tr><td>a<td>b<tr><td>c</table>", "a b\nc"),
        ("<pre>x\n  y</pre>", "x\n  y"),
        ("before<blockquote><p>q</p><p>r</blockquote>after", "before\n\n> q\n>\n> r\n\nafter"),
        ("a<hr>b", "a\n---\nb"),
        ("&lt;b&gt; &amp; &uuml;&#8364;", "<b> & ü€"),
        ("1 < 2 and <3", "1 < 2 and <3"),
        ("<details><summary>More</summary>text</details>", "More\ntext"),
        ("<select><option>one<option>two</select>", "one\ntwo"),
        ("Donau&shy;dampf&#8203;schiff&#xfeff;fahrt", "Donaudampfschifffahrt"),
        ("hello &zwnj;&nbsp;&zwnj;&nbsp;&#847; <p>x", "hello\n\nx"),
        ("می&zwnj;خواهم", "می\u200cخواهم"),
        ("<img alt='a cat' src=x>", "[a cat]"),
        ("", ""),
    ],
)
def test_layout_becomes_lines(markup, text):
    assert html_to_text(markup) == text


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("<a href='https://x.example/p'>here</a>.", "here <https://x.example/p>."),
        ("<a href='https://x.example/'>https://x.example</a>", "https://x.example"),
        ("<a href='mailto:a@b.example'>a@b.example</a>", "a@b.example"),
        (
            "<a href='https://evil.example'>https://bank.example</a>",
            "https://bank.example <https://evil.example>",
        ),
        ("<a href='#top'>top</a><a name=x>x</a>", "topx"),
        ("<a href=u>one<a href=v>two</a>", "one <u>two <v>"),
        ("<a href=' java\nscript:x '>x</a>", "x <javascript:x>"),
        ("<a href='?a=1&amp;b=2'><img alt='go'></a>", "[go] <?a=1&b=2>"),
    ],
)
def test_a_link_shows_where_it_leads(markup, text):
    assert html_to_text(markup) == text


@pytest.mark.parametrize(
    "hidden",
    [
        "<script>evil('</p>')</script>",
        "<style>p { }</style>",
        "<head><title>x</title><meta></head>",
        "<!-- comment > -->",
        "<!DOCTYPE html>",
        "<div style='display: none'>x<div>y</div>z</div>",
        '<span hidden>x</span>',
        "<p style=\"FONT-SIZE:0px\">x</p>",
        "<template>x</template>",
    ],
)  # fmt: skip
def test_what_is_not_seen_is_not_shown(hidden):
    assert html_to_text(f"a{hidden}b").split() in (["ab"], ["a", "b"])


def test_if_all_is_hidden_it_is_shown_after_all():
    assert html_to_text("<div style='display:none'>the whole message</div>") == "the whole message"


def test_a_hidden_paragraph_ends_where_the_next_block_begins():
    assert html_to_text("<p hidden>x<p>seen<div>too</div>") == "seen\ntoo"
    assert html_to_text("<p style='display:none'>x<b>y</b><div>seen</div>") == "seen"
    assert html_to_text("<div hidden>x<p>y</p><div>z</div>w</div>seen") == "seen"


def test_an_unclosed_head_does_not_hide_the_body():
    assert html_to_text("<html><head><meta x><body>text") == "text"


_SIGNS = ["<", ">", "a", " ", "'", '"', "=", "/", "&", "#", "\n", "ü", "İ", "hidden", "&lt;", "<!--", "-->"]
_TAGS = ["<p>", "</p>", "<pre>", "<a href=", "</a>", "<script>", "</SCRIPT", "<br>", "<td", "<blockquote>"]


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(_SIGNS + _TAGS), max_size=40).map("".join))
def test_no_markup_makes_it_fail(markup):
    assert isinstance(html_to_text(markup), str)


_OPEN = [
    "<",
    "<a ",
    "<!--",
    "<a href='",
    "<a href=x>t",
    "<p hidden>",
    "<script>",
    "&#",
    "</a>",
    "<a b=\"'",
    "<!",
]


@pytest.mark.parametrize("piece", _OPEN)
def test_hostile_markup_takes_no_longer_than_its_length(piece):
    start = time.process_time()
    html_to_text(piece * 60_000)
    assert time.process_time() - start < 3.0  # a quadratic reader needs minutes
