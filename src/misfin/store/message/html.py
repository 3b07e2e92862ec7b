"""Converts HTML mail to plain text in linear time: the visible text, with link targets after the links.

Tags are parsed here and not by ``html.parser``, which takes quadratic time on unclosed constructs that anyone
can put into a message. Nothing is ever fetched; scripts, styles and hidden text are left out.
"""

from __future__ import annotations

import re
from html import unescape

_NAME = re.compile(r"/?([a-zA-Z][a-zA-Z0-9:-]*)")
_TO_TAG_END = re.compile(r"[^>\"']*")
_ATTRIBUTE = re.compile(r"([a-zA-Z][a-zA-Z0-9:-]*)\s*(?:=\s*(\"[^\"]*\"?|'[^']*'?|[^\s\"'>]+))?")
_SPACES = re.compile(r"[ \t\r\n\f\u00a0]+")
_INVISIBLE = re.compile(r"[\u00ad\u034f\u200b\u2060\ufeff]|(?<!\w)\u200c|\u200c(?!\w)")
"""Break opportunities and fillers; a non-joiner between letters is part of their spelling and stays."""
_HIDING = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*0(?![.1-9])|mso-hide\s*:\s*all",
    re.IGNORECASE,
)

_VOID = frozenset(
    {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"}
)
_UNSEEN = frozenset({"head", "script", "style", "template", "title", "svg", "math", "noframes"})
_RAW = frozenset({"script", "style", "title", "textarea", "noframes", "xmp", "iframe"})
"""Elements whose content is not markup, which only their own end tag ends."""
_LINES = frozenset(
    {
        "address",
        "article",
        "aside",
        "body",
        "center",
        "dd",
        "div",
        "dl",
        "dt",
        "fieldset",
        "figcaption",
        "figure",
    }
    | {"footer", "form", "header", "hr", "li", "main", "nav", "ol", "section", "table", "tr", "ul"}
    | {"caption", "details", "legend", "option", "summary"}
)
_PARAGRAPHS = frozenset({"blockquote", "h1", "h2", "h3", "h4", "h5", "h6", "p", "pre"})
_DEEPEST_QUOTE = 8
_DEEPEST_LIST = 8
_MAX_LISTS = 100
_LARGEST_NUMBER = 1_000_000


def html_to_text(markup: str) -> str:
    """The visible text of an HTML document; a link becomes ``text <target>``, an image its description.

    Detection of hidden text can be wrong: if nothing else remains, hidden text is shown.
    """
    return _Page().read(markup) or _Page(keep_hidden=True).read(markup)


class _Page:
    """The text written so far, and the open elements that decide how more is written."""

    def __init__(self, *, keep_hidden: bool = False) -> None:
        self.keep_hidden = keep_hidden
        self.out: list[str] = []
        self.gap = 0  # separator before the next words: 1 a blank, 2 a line end, 3 a blank line
        self.quotes = self.quotes_before = 0
        self.hidden_by = ""
        self.hidden_depth = 0
        self.preformatted = False
        self.lists: list[int | None] = []  # the number of the last item of each open list; None: a bullet
        self.in_marker = False  # a mark was written and its item has no text yet
        self.target = ""
        self.label_start = 0

    def read(self, markup: str) -> str:
        for kind, value in _pieces(markup):
            if kind == "text":
                self.text(unescape(value) if "&" in value else value)
            else:
                self.tag(value)
        return "".join(self.out).strip("\n")

    def text(self, text: str) -> None:
        if self.hidden_by or not text:
            return
        if self.preformatted:
            self.write(text.replace("\n", "\n" + "> " * self.quotes))
            return
        words = _SPACES.sub(" ", text if text.isascii() else _INVISIBLE.sub("", text))
        if words.startswith(" "):
            self.separate(1)
        if stripped := words.strip(" "):
            self.write(stripped)
            if words.endswith(" "):
                self.separate(1)

    def write(self, text: str) -> None:
        if self.gap > 1 or not self.out:
            blank = "\n" + "> " * min(self.quotes, self.quotes_before) if self.gap == 3 else ""
            self.out.append(blank.rstrip(" ") + "\n" + "> " * self.quotes)
        elif self.gap:
            self.out.append(" ")
        self.out.append(text)
        self.gap, self.quotes_before = 0, self.quotes
        self.in_marker = False

    def separate(self, gap: int) -> None:
        if not self.in_marker:
            self.gap = max(self.gap, gap)

    def tag(self, tag: str) -> None:
        found = _NAME.match(tag)
        if not found:
            return
        name, closing = found[1].lower(), tag.startswith("/")
        if self.hidden_by and not self.ends_hiding(name, closing):
            if name == self.hidden_by:
                self.hidden_depth += -1 if closing else 1
            self.hidden_by = self.hidden_by if self.hidden_depth else ""
            return
        self.hidden_by = ""
        if not closing and name not in _VOID and self.hides(name, tag):
            self.hidden_by, self.hidden_depth = name, 1
            return
        if name in _LINES:
            self.separate(2)
        elif name in _PARAGRAPHS:
            self.separate(3)
        if name == "br":
            self.gap = 3 if self.gap > 1 else 2  # after a line break, a blank line
        elif name == "hr":
            self.write("---")
            self.separate(2)
        elif name == "li" and not closing:
            self.item(tag)
        elif name in ("ol", "ul"):
            self.list_tag(name, tag, closing)
        elif name in ("td", "th"):
            self.separate(1)
        elif name == "pre":
            self.preformatted = not closing
        elif name == "blockquote":
            self.quotes = min(max(0, self.quotes + (-1 if closing else 1)), _DEEPEST_QUOTE)
        elif name == "img":
            if alt := _SPACES.sub(" ", _attributes(tag).get("alt", "")).strip():
                self.write(f"[{alt}]")
        elif name == "a":
            self.end_link()
            if not closing:
                self.target = _SPACES.sub("", _attributes(tag).get("href", ""))
                self.label_start = len(self.out)

    def list_tag(self, name: str, tag: str, closing: bool) -> None:
        if closing:
            if self.lists:
                self.lists.pop()
        elif len(self.lists) < _MAX_LISTS:
            self.lists.append(_number(tag, "start", 1) - 1 if name == "ol" else None)

    def item(self, tag: str) -> None:
        """Write the mark of a list item, indented by the lists around it."""
        self.in_marker = False
        self.separate(2)
        last = self.lists[-1] if self.lists else None
        if last is None:
            mark = "* "
        else:
            self.lists[-1] = number = _number(tag, "value", last + 1)
            mark = f"{number}. "
        self.write("  " * min(len(self.lists) - 1, _DEEPEST_LIST) + mark)
        self.in_marker = True

    def ends_hiding(self, name: str, closing: bool) -> bool:
        """Whether a tag ends a hidden element whose end tag is missing: a block ends a paragraph."""
        if self.hidden_by == "p":
            return not closing and (name in _LINES or name in _PARAGRAPHS)
        return self.hidden_by == "head" and name == "body"

    def end_link(self) -> None:
        """Write the target after the text of a link, unless the text is the target."""
        label = "".join(self.out[self.label_start :]).strip().rstrip("/")
        target, self.target = self.target, ""
        if target and target[0] != "#" and label not in (target.rstrip("/"), target.removeprefix("mailto:")):
            self.separate(1)
            self.write(f"<{target}>")

    def hides(self, name: str, tag: str) -> bool:
        if name in _UNSEEN:
            return True
        if self.keep_hidden or ("hidden" not in tag and "style" not in tag.lower()):
            return False
        attributes = _attributes(tag)
        return "hidden" in attributes or bool(_HIDING.search(attributes.get("style", "")))


def _number(tag: str, attribute: str, otherwise: int) -> int:
    given = _attributes(tag).get(attribute, "").strip()
    if given.isascii() and given.isdecimal() and len(given) < 8:
        return min(int(given), _LARGEST_NUMBER)
    return otherwise


def _attributes(tag: str) -> dict[str, str]:
    name = _NAME.match(tag)
    found: dict[str, str] = {}
    for attribute in _ATTRIBUTE.finditer(tag, name.end() if name else 0):
        value = attribute[2] or ""
        if value[:1] in ('"', "'"):
            value = value[1:].removesuffix(value[0])
        found.setdefault(attribute[1].lower(), unescape(value))
    return found


def _pieces(markup: str) -> list[tuple[str, str]]:
    """Text and tags (without their brackets) in order. A failed search is never repeated."""
    pieces: list[tuple[str, str]] = []
    finder = _Finder(markup)
    lower = markup.lower() if len(markup.lower()) == len(markup) else markup
    position = 0
    while True:
        start = markup.find("<", position)
        if start < 0:
            break
        pieces.append(("text", markup[position:start]))
        if markup.startswith("<!--", start):
            position = finder.after("-->", start + 2)
        elif markup[start + 1 : start + 2] in ("!", "?"):
            position = finder.after(">", start + 2)
        elif _NAME.match(markup, start + 1):
            end = _tag_end(markup, start + 1, finder)
            tag = markup[start + 1 : end]
            pieces.append(("tag", tag))
            position = end + 1
            name = _NAME.match(tag)
            if name and name[1].lower() in _RAW and not tag.startswith("/") and not tag.endswith("/"):
                close = lower.find(f"</{name[1].lower()}", position)
                stop = close if close >= 0 else len(markup)
                pieces.append(("text", markup[position:stop]))
                position = stop
        else:
            pieces.append(("text", "<"))
            position = start + 1
        if position >= len(markup):
            break
    pieces.append(("text", markup[position:]))
    return pieces


def _tag_end(markup: str, position: int, finder: _Finder) -> int:
    """The position of a tag's ``>``, ignoring those inside quotes; an unclosed quote does not count."""
    while True:
        plain = _TO_TAG_END.match(markup, position)
        position = plain.end() if plain else position
        if position >= len(markup) or markup[position] == ">":
            return position
        closing = finder.after(markup[position], position + 1)
        position = closing if closing < len(markup) or markup.endswith(markup[position]) else position + 1


class _Finder:
    """``str.find`` that remembers which strings do not occur again."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.missing: set[str] = set()

    def after(self, wanted: str, start: int) -> int:
        """The position after the next ``wanted``, or the end of the text."""
        if wanted not in self.missing:
            found = self.text.find(wanted, start)
            if found >= 0:
                return found + len(wanted)
            self.missing.add(wanted)
        return len(self.text)
