"""Converts HTML mail to plain text in linear time: the visible text, with link targets after the links.

Nothing is ever fetched; scripts, styles and hidden text are left out. tests/benchmarks/bench_html.py compares
it with the libraries for it: none of them leaves out what a mail hides and keeps lists, quotes and tables.
"""

from __future__ import annotations

import re
from html import unescape

from misfin.store.message.html_tags import (
    GIVEN,
    HtmlRun,
    HtmlTag,
    alt_of,
    has_coloured_styles,
    runs,
    target_of,
)

_SPACES = re.compile(r"[ \t\r\n\f\u00a0]+")
_INVISIBLE = re.compile(r"[\u00ad\u034f\u200b\u2060\ufeff]|(?<!\w)\u200c|\u200c(?!\w)")
"""Break opportunities and fillers; a non-joiner between letters is part of their spelling and stays."""

_SEPARATION = ("", " ", "\n", "\n\n")
_DEEPEST_QUOTE = 8
_DEEPEST_LIST = 8
_MAX_LISTS = 100
_MAX_GROUNDS = 200
_NEVER_CLOSED = {"body"}
"""Elements whose background is behind all that follows."""
_LARGEST_NUMBER = 1_000_000


def html_to_text(markup: str) -> str:
    """The visible text of an HTML document; a link becomes ``text <target>``, an image its description.

    Detection of hidden text can be wrong: if nothing else remains, hidden text is shown.
    """
    return _Page(white_paper=not has_coloured_styles(markup)).read(markup) or _Page(keep_hidden=True).read(
        markup
    )


def _wrapping(text: str) -> str:
    """Text with one blank for several, and without what is not seen."""
    if not text.isascii():
        return _SPACES.sub(" ", _INVISIBLE.sub("", text))
    words = " ".join(text.split())  # much faster than a pattern, but knows more blanks
    before = " " if text[:1].isspace() else ""
    return f"{before}{words} " if words and text[-1].isspace() else before + words


class _Page:
    """The text written so far, and the open elements that decide how more is written."""

    def __init__(self, *, keep_hidden: bool = False, white_paper: bool = False) -> None:
        self.keep_hidden = keep_hidden
        self.white_paper = white_paper
        self.out: list[str] = []
        self.gap = 0  # separator before the next words: 1 a blank, 2 a line end, 3 a blank line
        self.quotes = self.quotes_before = 0
        self.hidden_by = ""
        self.hidden_depth = 0
        self.preformatted = False
        self.lists: list[int | None] = []  # the number of the last item of each open list; None: a bullet
        self.grounds: list[list[str | int]] = []  # open elements with a background: name, depth, ground
        self.ground_names: set[str] = set()
        self.in_marker = False  # a mark was written and its item has no text yet
        self.given = ""  # what stands for GIVEN in the tags being read
        self.target = ""
        self.label_start = 0

    def read(self, markup: str) -> str:
        for text, run, self.given in runs(markup):
            if text and not self.hidden_by:
                self.text(text)
            if run is None:
                continue
            if (
                run.careful
                or self.hidden_by
                or self.preformatted
                or (self.ground_names and not self.ground_names.isdisjoint(run.names))
            ):
                self.each_tag(run)
            elif run.steps:
                for step in run.steps:
                    self.shown(step)
            elif run.gap > self.gap and not self.in_marker:
                self.gap = run.gap
        return "".join(self.out).strip("\n")

    def each_tag(self, run: HtmlRun) -> None:
        for tag, blanks in run.tags:
            if tag.plain and not self.hidden_by and tag.name not in self.ground_names:
                self.separate(tag.gap)
            else:
                self.tag(tag)
            if blanks and not self.hidden_by:
                self.text(blanks)

    def text(self, text: str) -> None:
        if "&" in text:
            text = unescape(text)
        if self.preformatted:
            self.write(text.replace("\n", "\n" + "> " * self.quotes))
            return
        if "  " in text or not text.isprintable() or "\u034f" in text:  # seldom
            text = _wrapping(text)
        if text[:1] == " ":
            text = text[1:]
            if not self.gap and not self.in_marker:
                self.gap = 1
        if not text:
            return
        gap = 0
        if text[-1] == " ":
            text, gap = text[:-1], 1
        if self.quotes or self.quotes_before or not self.out:
            self.write(text)
        else:
            self.out.append(_SEPARATION[self.gap] + text)
            self.in_marker = False
        self.gap = gap

    def write(self, text: str) -> None:
        if self.quotes or self.quotes_before or not self.out:
            if self.gap > 1 or not self.out:
                blank = "\n" + "> " * min(self.quotes, self.quotes_before) if self.gap == 3 else ""
                self.out.append(blank.rstrip(" ") + "\n" + "> " * self.quotes + text)
            else:
                self.out.append(_SEPARATION[self.gap] + text)
            self.quotes_before = self.quotes
        else:
            self.out.append(_SEPARATION[self.gap] + text)
        self.gap = 0
        self.in_marker = False

    def separate(self, gap: int) -> None:
        if gap > self.gap and not self.in_marker:
            self.gap = gap

    def tag(self, tag: HtmlTag) -> None:
        name = tag.name
        if self.hidden_by:
            if not self.ends_hiding(tag):
                if name == self.hidden_by:
                    self.hidden_depth += -1 if tag.closing else 1
                self.hidden_by = self.hidden_by if self.hidden_depth else ""
                return
            self.hidden_by = ""
        if tag.ground or name in self.ground_names:
            self.on_ground(tag)
        if not tag.closing and self.hides(tag):
            self.hidden_by, self.hidden_depth = name, 1
            return
        self.shown(tag)

    def shown(self, tag: HtmlTag) -> None:
        """Do what a tag says that is neither hidden nor hides anything."""
        if tag.gap > self.gap and not self.in_marker:
            self.gap = tag.gap
        if tag.plain:
            return
        name = tag.name
        if name == "br":
            self.gap = 3 if self.gap > 1 else 2  # after a line break, a blank line
        elif name == "a":
            self.end_link()
            if not tag.closing:
                self.target = target_of(self.given) if tag.target == GIVEN else tag.target
                self.label_start = len(self.out)
        elif name == "img":
            if alt := alt_of(self.given) if tag.alt == GIVEN else tag.alt:
                self.write(f"[{alt}]")
        elif name == "li" and not tag.closing:
            self.item(tag)
        elif name in ("ol", "ul"):
            self.list_tag(tag)
        elif name == "blockquote":
            self.quotes = min(max(0, self.quotes + (-1 if tag.closing else 1)), _DEEPEST_QUOTE)
        elif name == "pre":
            self.preformatted = not tag.closing
        elif name == "hr":
            self.write("---")
            self.separate(2)

    def list_tag(self, tag: HtmlTag) -> None:
        if tag.closing:
            if self.lists:
                self.lists.pop()
        elif len(self.lists) < _MAX_LISTS:
            first = 1 if tag.start is None else min(tag.start, _LARGEST_NUMBER)
            self.lists.append(first - 1 if tag.name == "ol" else None)

    def item(self, tag: HtmlTag) -> None:
        """Write the mark of a list item, indented by the lists around it."""
        self.in_marker = False
        self.gap = max(self.gap, 2)
        last = self.lists[-1] if self.lists else None
        if last is None:
            mark = "* "
        else:
            number = last + 1 if tag.value is None else min(tag.value, _LARGEST_NUMBER)
            self.lists[-1] = number
            mark = f"{number}. "
        self.write("  " * min(len(self.lists) - 1, _DEEPEST_LIST) + mark)
        self.in_marker = True

    def end_link(self) -> None:
        """Write the target after the text of a link, unless the text is the target."""
        target, self.target = self.target, ""
        if not target or target[0] == "#":
            return
        label = "".join(self.out[self.label_start :]).strip().rstrip("/")
        if label not in (target.rstrip("/"), target.removeprefix("mailto:")):
            self.separate(1)
            self.write(f"<{target}>")

    # ---- what is not meant to be seen -------------------------------------------------------------

    def hides(self, tag: HtmlTag) -> bool:
        if tag.unseen or self.keep_hidden:
            return tag.unseen
        return tag.hides or (tag.white and self.white_paper and not self.is_coloured())

    def is_coloured(self) -> bool:
        """Whether something around has a background other than white, so that white text can be read."""
        return any(ground == "colour" for _, _, ground in self.grounds)

    def on_ground(self, tag: HtmlTag) -> None:
        """Follow which elements with a background are open."""
        if tag.void or (tag.name == "body" and tag.closing):
            return
        if tag.closing:
            for at in range(len(self.grounds) - 1, max(-1, len(self.grounds) - 9), -1):
                if self.grounds[at][0] == tag.name:
                    self.grounds[at][1] -= 1  # type: ignore[operator]
                    if not self.grounds[at][1]:
                        del self.grounds[at:]
                        self.ground_names = {str(ground[0]) for ground in self.grounds} - _NEVER_CLOSED
                    return
        elif tag.ground:
            if len(self.grounds) < _MAX_GROUNDS:
                self.grounds.append([tag.name, 1, tag.ground])
                self.ground_names |= {tag.name} - _NEVER_CLOSED
        else:
            for ground in reversed(self.grounds[-8:]):
                if ground[0] == tag.name:
                    ground[1] += 1  # type: ignore[operator]
                    return

    def ends_hiding(self, tag: HtmlTag) -> bool:
        """Whether a tag ends a hidden element whose end tag is missing: a block ends a paragraph."""
        if self.hidden_by == "p":
            return not tag.closing and tag.gap > 1
        return self.hidden_by == "head" and tag.name == "body"
