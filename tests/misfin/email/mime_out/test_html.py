"""Gemtext as HTML: every kind of line, everything escaped, no link that does something."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from misfin.email.mime_out.html import gemtext_to_html

ELEMENTS = {"html", "head", "meta", "body", "p", "br", "a", "ul", "li", "blockquote", "pre", "h1", "h2", "h3"}


class Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data


def read(text):
    reader = Reader()
    reader.feed(gemtext_to_html(text))
    reader.close()
    return reader


def test_every_kind_of_line():
    html = gemtext_to_html(
        "# One\n## Two\nText\nmore\n\nnext\n* a\n* b\n> q\n"
        "=> https://x.org/?a=1&b=2 L<>\n```alt\n  pre <b>\n```\n"
    )
    body = html.partition("<body>\n")[2].partition("</body>")[0]
    assert body == (
        "<h1>One</h1>\n<h2>Two</h2>\n<p>Text<br>\nmore</p>\n<p>next</p>\n<ul>\n<li>a</li>\n<li>b</li>\n</ul>\n"
        "<blockquote>\n<p>q</p>\n</blockquote>\n"
        '<p><a href="https://x.org/?a=1&amp;b=2">L&lt;&gt;</a></p>\n<pre>\n  pre &lt;b&gt;</pre>\n'
    )


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "JavaScript:x", "data:text/html,x", "file:///etc", "/x"]
)
def test_a_link_that_runs_something_or_leads_nowhere_stays_text(url):
    reader = read(f"=> {url} click")
    assert not any(tag == "a" for tag, _ in reader.tags)
    assert url in reader.text


@given(st.text(max_size=300) | st.text(st.sampled_from("<>&\"'=#*`\n a:/"), max_size=200))
def test_whatever_the_text_only_our_elements_come_out(text):
    reader = read(text)
    assert {tag for tag, _ in reader.tags} <= ELEMENTS
    for tag, attributes in reader.tags:
        assert set(attributes) <= ({"href"} if tag == "a" else {"charset"} if tag == "meta" else set())
    assert "style" not in gemtext_to_html(text.replace("style", ""))
