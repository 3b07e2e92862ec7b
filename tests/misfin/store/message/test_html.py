"""HTML mail as text: what a reader would see, nothing that is hidden, and every link with its target."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from misfin.store.message.html import html_to_text
from misfin.store.message.mime import read_message
from misfin.store.message.parts import ReadingRemark


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
        ("a<b>&#1;</b><i>&#xFDD0;</i>b", "ab"),
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


def test_tags_are_known_again_by_what_they_say_and_not_by_their_targets():
    page = """<a href="u?a=1&amp;b=2" hidden>x</a><a href='v'>one</a> <a class="c" href="w x">two</a>
        <a title="href='q'" href="y">three</a> <a href="">four</a> <img alt="five &lt;" src="s">
        <img src="s" alt=""><img src="s" alt="six" hidden><textarea></b></textarea>
        <a href="a long target"><textarea><b></textarea></a>"""
    shown = "one <v> two <wx> three <y> four [five <] </b> <b> <alongtarget>"
    assert html_to_text(page) == shown
    assert html_to_text(page + page) == shown + shown


def test_blanks_between_tags_that_separate_nothing_else_stay_one_blank():
    assert html_to_text("<b>a</b> \n <i> b</i><b>c </b>\n<i>d</i>") == "a bc d"
    assert html_to_text("<pre>a<b> \n </b> b</pre>") == "a \n  b"
    assert html_to_text("<td>a</td>\n<td>\n<a href='x'>b</a>\n</td>c") == "a b <x> c"


def test_an_unclosed_head_does_not_hide_the_body():
    assert html_to_text("<html><head><meta x><body>text") == "text"


_SIGNS = [
    "<",
    ">",
    "a",
    " ",
    "'",
    '"',
    "=",
    "/",
    "&",
    "#",
    "&#1;",
    "\n",
    "ü",
    "İ",
    "hidden",
    "&lt;",
    "<!--",
    "-->",
]
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


# ---- what a mail hides --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "style",
    [
        "display:none",
        "DISPLAY : none !important",
        "visibility:hidden",
        "font-size:0",
        "font-size:1px",
        "font-size: 0.1px",
        "opacity:0",
        "opacity: 0.0;x:y",
        "max-height:0px;overflow:hidden",
        "overflow: hidden; height: 0",
        "position:absolute;left:-9999px",
        "text-indent:-9999px",
        "clip: rect(0 0 0 0)",
        "color:#ffffff",
        "color: White",
        "color:#123456;background-color:#123456",
        "mso-hide:all",
    ],
)
def test_text_that_a_style_hides_is_not_shown(style):
    assert html_to_text(f'<div style="{style}">preheader</div><p>Hello.</p>') == "Hello."


@pytest.mark.parametrize(
    "style",
    [
        "font-size:15px",
        "font-size:0.9em",
        "font-size:11px",
        "opacity:0.8",
        "opacity:.05",
        "height:0;color:#111",
        "line-height:0",
        "max-height:0.5em;overflow:hidden",
        "left:-10px",
        "color:#fff;background:#06c",
        "background-color:#fff;color:#000",
        "min-height:0;overflow:hidden",
        "border-left:-300px",
    ],
)
def test_text_that_a_style_only_makes_small_or_pale_is_shown(style):
    assert html_to_text(f'<div style="{style}">text</div><p>Hello.</p>') == "text\n\nHello."


@pytest.mark.parametrize(
    ("around", "shown"),
    [
        ('<table bgcolor="#004488"><tr><td>{}</td></tr></table>', True),
        ('<div style="background:url(x.png)">{}</div>', True),
        ('<td background="x.png"><table><tr><td>{}</td></tr></table></td>', True),
        ('<style>.dark { background: #000 }</style><div class="dark">{}</div>', True),
        ('<STYLE type="x"><!-- .dark { BACKGROUND: #000 } --></STYLE><div class="dark">{}</div>', True),
        ("<style>p { color: red }</style><style>.dark { background-color: #000 }</style>{}", True),
        ('<div style="background:#fff">{}</div>', False),
        ('<div style="background:#000"><div>x</div></div>{}', False),
        ("<style>p { background: white }</style>{}", False),
    ],
)
def test_white_text_is_shown_where_the_paper_is_not_white(around, shown):
    page = around.replace("{}", '<font color="#FFFFFF">white</font>') + "<p>Hello.</p>"
    assert ("white" in html_to_text(page).split()) is shown


def test_a_mail_of_nothing_but_hidden_text_is_shown():
    assert html_to_text('<p style="color:#fff">all of it</p>') == "all of it"


@pytest.mark.parametrize(
    "piece",
    [
        "<div>",
        "<",
        '<a href="',
        "<a b='",
        "<!--",
        "&amp;",
        "<style>",
        "<ul><li>",
        "<p style=display:none>",
        '<b style="background:red">',
        "</td>",
        "<blockquote>",
        "<p a=b c=d e=f",
        "<script><",
        "<style",
        "<a href=x>y",
        "&#x41",
        '<p style="background:background:">',
    ],
)
def test_half_a_megabyte_of_anything_takes_little_time(piece):
    page = piece * (500_000 // len(piece))
    began = time.process_time()
    html_to_text(page)
    assert time.process_time() - began < 4


def test_of_a_hundred_megabytes_of_html_the_beginning_is_shown():
    began = time.process_time()
    message = read_message(b"From: a@b\nContent-Type: text/html\n\n" + b"<p>&uuml; x" * 9_000_000)
    assert ReadingRemark.LONG in message.remarks
    assert message.text.startswith("ü x\n")
    assert time.process_time() - began < 10
