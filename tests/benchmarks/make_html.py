"""Invented HTML mail in the shapes that real senders use, with what a good rendering of each must show.

Deterministic: the same number always gives the same document. Every visible word is unique in its
document, for a check to look for.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

KINDS = ("newsletter", "receipt", "thread", "notice", "flyer")


@dataclass
class Page:
    """A document, and facts about its right rendering."""

    kind: str
    html: str = ""
    words: list[str] = field(default_factory=list)
    """Visible words, in the order in which a person reads them."""
    hidden: list[str] = field(default_factory=list)
    links: list[tuple[str, str]] = field(default_factory=list)
    """The text of a link and its target."""
    cells: list[tuple[str, str]] = field(default_factory=list)
    """Words of neighbouring cells: something must stand between them."""
    rows: list[tuple[str, str]] = field(default_factory=list)
    """The last word of a row or block and the first of the next, which belongs on another line."""
    items: list[tuple[str, int, str]] = field(default_factory=list)
    """The word of a list item, how deep it is, and its number or nothing."""
    quotes: list[tuple[str, int]] = field(default_factory=list)
    images: list[str] = field(default_factory=list)
    """Descriptions of pictures that say something."""


class Writer:
    """Writes one document, and notes what it must show."""

    def __init__(self, kind: str, seed: int) -> None:
        self.random = random.Random(f"{kind} {seed}")
        self.page = Page(kind)
        self.out: list[str] = []
        self.count = 0

    def name(self) -> str:
        self.count += 1
        syllables = "".join(
            self.random.choice("bdfgklmnprstvz") + self.random.choice("aeiou") for _ in range(3)
        )
        return f"{syllables}{self.count}"

    def word(self) -> str:
        word = self.name()
        self.page.words.append(word)
        return word

    def words(self, count: int) -> str:
        return " ".join(self.word() for _ in range(count))

    def hide(self) -> str:
        word = "hid" + self.name()
        self.page.hidden.append(word)
        return word

    def add(self, *markup: str) -> None:
        self.out.extend(markup)

    # ---- pieces -----------------------------------------------------------------------------------

    def head(self) -> None:
        rule = self.hide()
        self.add(
            '<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Transitional//EN"><html xmlns:o="urn:x"><head>',
            '<meta http-equiv="Content-Type" content="text/html; charset=utf-8">',
            f"<title>{self.hide()}</title>",
            f"<style>.{rule} {{ color: #123; }} @media (max-width: 600px) {{ td > .x {{ width: 100% }} }}",
            "a:hover { text-decoration: underline } /* </div> */</style>",
            f"<!--[if mso]><xml><o:OfficeDocumentSettings>{self.hide()}</o:OfficeDocumentSettings></xml>",
            f"<style>td {{ mso-{self.hide()}: 0 }}</style><![endif]-->",
            f'<script>var {self.hide()} = "<p>";</script>',
            '</head><body style="margin:0;padding:0" bgcolor="#ffffff">',
        )

    def preheader(self) -> None:
        style = self.random.choice(
            [
                "display:none;font-size:1px;color:#fff;line-height:1px;max-height:0px;opacity:0;overflow:hidden",
                "display: none !important; visibility: hidden; mso-hide: all",
                "font-size:0;line-height:0;max-height:0;mso-hide:all",
                "visibility:hidden",
                "max-height:0;overflow:hidden",
                "opacity:0;font-size:1px",
                "color:#ffffff;font-size:1px;line-height:1px",
                "position:absolute;left:-9999px",
            ]
        )
        filler = "&#847;&zwnj;&nbsp;&#8199;&shy;" * 20
        self.add(f'<div style="{style}">{self.hide()} {self.hide()} {filler}</div>')

    def conditional(self) -> None:
        self.add(
            f"<!--[if (gte mso 9)|(IE)]><table><tr><td>{self.hide()}<![endif]-->",
            f"<!--[if !mso]><!--><p>{self.words(3)}</p><!--<![endif]-->",
            "<!--[if (gte mso 9)|(IE)]></td></tr></table><![endif]-->",
        )

    def layout(self, *inner: Callable[[], None], depth: int = 3) -> None:
        opening = (
            '<table role="presentation" width="600" border="0" cellpadding="0" cellspacing="0" '
            'style="border-collapse:collapse;mso-table-lspace:0pt"><tbody><tr>'
            '<td align="center" valign="top" '
            'style="padding:0 20px;font-family:Arial,sans-serif;font-size:15px">'
        )
        self.add(opening * depth)
        for each in inner:
            each()
        self.add("</td></tr></tbody></table>" * depth)

    def heading(self) -> None:
        level = self.random.randint(1, 3)
        self.add(f'<h{level} style="margin:0;font-size:24px">{self.words(4)}</h{level}>')

    def paragraph(self) -> None:
        first = len(self.page.words)
        last = self.page.words[-1] if self.page.words else ""
        text = self.words(self.random.randint(6, 14))
        if last:
            self.page.rows.append((last, self.page.words[first]))
        bold = f"<b>{self.word()}</b>&nbsp;<em>{self.word()}</em>"
        self.add(
            f'<p style="margin:0 0 1em 0;color:#333">\n   {text}\n   {bold} &amp; caf&eacute; &#8212; x</p>'
        )

    def link(self) -> None:
        first = len(self.page.words)
        text = self.words(2)
        target = f"https://track.sender.example/c/{self.name()}?u=1&v={self.count}"
        self.page.links.append((self.page.words[first], target))
        href = target.replace("&", "&amp;")
        style = "display:inline-block;background:#06c;color:#fff;padding:12px 24px;border-radius:4px"
        self.add(f'<a href="{href}" style="{style}" target="_blank"><span>{text}</span></a><br>')

    def picture(self) -> None:
        alt = self.name()
        self.page.images.append(alt)
        self.add(
            f'<img src="https://cdn.sender.example/{self.count}.png" width="600" alt="{alt}" border="0">'
        )

    def pixel(self) -> None:
        self.add(
            f'<img src="https://open.sender.example/o.gif?{self.hide()}" width="1" height="1" alt="" '
            'style="display:none">'
        )

    def cells(self) -> None:
        self.add('<table class="t" border="1"><thead><tr>')
        columns = self.random.randint(2, 4)
        for row in range(self.random.randint(3, 7)):
            if row == 1:
                self.add("</tr></thead><tbody><tr>")
            elif row:
                self.add("</tr><tr>")
            before = ""
            for column in range(columns):
                last = self.page.words[-1] if self.page.words else ""
                word = self.word()
                if column:
                    self.page.cells.append((before, word))
                elif row:
                    self.page.rows.append((last, word))
                tag = "td" if row else "th"
                self.add(f'<{tag} style="padding:4px">{word}</{tag}>')
                before = word
        self.add("</tr></tbody></table>")

    def list(self, depth: int = 0, ordered: bool | None = None) -> None:
        numbered = self.random.random() < 0.5 if ordered is None else ordered
        start = self.random.choice([1, 1, 1, 5]) if numbered else 1
        begins = f' start="{start}"' if start > 1 else ""
        tag = "ol" if numbered else "ul"
        self.add(f"<{tag}{begins}>")
        for number in range(start, start + self.random.randint(2, 4)):
            first = len(self.page.words)
            text = self.words(3)
            self.page.items.append((self.page.words[first], depth, f"{number}." if numbered else ""))
            self.add(f"<li>{text}")
            if depth < 2 and self.random.random() < 0.4:
                self.list(depth + 1)
            self.add("</li>" if self.random.random() < 0.7 else "")
        self.add(f"</{tag}>")

    def quote(self, depth: int = 1) -> None:
        style = "margin:0 0 0 .8ex;border-left:1px solid #ccc;padding-left:1ex"
        first = len(self.page.words)
        self.add(
            f'<div class="gmail_quote"><div dir="ltr" class="gmail_attr">{self.words(4)} wrote:<br></div>',
            f'<blockquote class="gmail_quote" style="{style}"><div dir="ltr">',
        )
        self.page.quotes += [(word, depth - 1) for word in self.page.words[first:]]
        first = len(self.page.words)
        self.add(f"<div>{self.words(6)}</div><div><br></div><div>{self.words(5)}</div>")
        self.page.quotes += [(word, depth) for word in self.page.words[first:]]
        if depth < 4 and self.random.random() < 0.7:
            self.quote(depth + 1)
        self.add("</div></blockquote></div>")

    def right_to_left(self) -> None:
        hebrew = ["שלום", "לכולם", "הזמנה", "מספר", "תודה", "רבה"]
        arabic = ["مرحبا", "بكم", "طلب", "رقم", "شكرا", "جزيلا"]
        words = self.random.choice([hebrew, arabic])
        self.page.words += words
        self.add(f'<div dir="rtl" style="text-align:right"><p>{" ".join(words[:3])}</p>')
        self.add(f"<p>{' '.join(words[3:])}</p></div>")

    def code(self) -> None:
        self.add(f"<pre>{self.word()}\n    {self.word()}\n</pre>")

    def footer(self) -> None:
        self.add('<div style="font-size:11px;color:#999999">')
        self.paragraph()
        first = len(self.page.words)
        text = self.word()
        self.page.links.append((self.page.words[first], f"https://sender.example/unsubscribe/{self.count}"))
        self.add(f'<a href="https://sender.example/unsubscribe/{self.count}">{text}</a></div>')

    def done(self) -> Page:
        self.add("</body></html>")
        self.page.html = "".join(self.out)
        return self.page


def make_page(kind: str, number: int, *, sections: int = 8) -> Page:
    """One document: newsletter, receipt, thread, notice or flyer."""
    write = Writer(kind, number)
    write.head()
    pieces: Iterable[Callable[[], None]]
    if kind == "thread":
        write.add('<div dir="ltr">')
        write.paragraph()
        if number % 2:
            write.list()
        write.add("</div><br>")
        write.quote()
    elif kind == "receipt":
        write.preheader()
        pieces = (write.heading, write.paragraph, write.cells, write.link, write.footer, write.pixel)
        write.layout(*pieces, depth=4)
    elif kind == "notice":
        pieces = [write.heading, write.paragraph, write.list, write.code, write.link]
        if number % 3 == 0:
            pieces.append(write.right_to_left)
        write.layout(*pieces, write.footer, depth=1)
    elif kind == "flyer":
        write.preheader()
        for _ in range(sections):
            write.layout(write.picture, write.heading, write.link, depth=5)
        write.layout(write.footer, write.pixel)
    else:
        write.preheader()
        write.conditional()
        for number_ in range(sections):
            pieces = [write.picture, write.heading, write.paragraph, write.link]
            if number_ % 3 == 2:
                pieces.append(write.list)
            if number_ % 4 == 3:
                pieces.append(write.cells)
            write.layout(*pieces)
        write.layout(write.footer, write.pixel)
    return write.done()


def make_pages(count: int = 200) -> list[Page]:
    """Documents of every kind."""
    return [make_page(KINDS[number % len(KINDS)], number) for number in range(count)]


def long_page(size: int, number: int = 0) -> str:
    """A newsletter of about that many bytes."""
    sections = 4
    while len(html := make_page("newsletter", number, sections=sections).html) < size:
        sections = sections * size // len(html) + 1
    return html
