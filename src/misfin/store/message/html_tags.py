"""Divides HTML into text and tags in linear time, and says what each tag means for its text.

Tags are parsed here and not by ``html.parser``, which takes quadratic time on unclosed constructs that anyone
can put into a message. A mail repeats few different tags many times, so what a tag means is worked out once.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from html import unescape
from typing import NamedTuple

_NAME = re.compile(r"/?([a-zA-Z][a-zA-Z0-9:-]*)")
_REST = r"[^<>\"']*+(?:(?:\"[^\"]*+\"|'[^']*+')[^<>\"']*+)*+"
"""A tag after the first letter of its name, as nearly all are written; other quotes are for _tag_end."""
_BLANKS = r"[ \t\r\n\f]*+"
_TAGS = re.compile(f"<(/?[a-zA-Z]{_REST})>({_BLANKS})")
_PIECE = re.compile(
    f"([^<]*+)(</?[a-zA-Z]{_REST}>{_BLANKS}(?:<(?:/[a-zA-Z]|[b-hj-zB-HJ-Z]){_REST}>{_BLANKS}){{0,15}})?"
)
"""Text, and the tags that follow each other after it, of which only the first is a link or a picture: a mail
repeats most of such runs. The first letter tells links and pictures, at the price of a few other tags."""
_GIVEN = r"<%s(?:\s+[a-zA-Z-]++=(?:\"[^\"]*+\"|'[^']*+'))*?\s+%s=\"([^\"]*+)\""
_HREF, _ALT, _SRC = (re.compile(_GIVEN % each) for each in (("a", "href"), ("img", "alt"), ("img", "src")))
_TO_TAG_END = re.compile(r"[^>\"']*")
_ATTRIBUTE = re.compile(r"([a-zA-Z][a-zA-Z0-9:-]*)\s*(?:=\s*(\"[^\"]*\"?|'[^']*'?|[^\s\"'>]+))?")
_SPACES = re.compile(r"[ \t\r\n\f\u00a0]+")
_LONGEST_KEPT = 1000
"""Characters of tags that are remembered."""

GIVEN = "\0"
"""Stands for what is different in nearly every tag of its kind, so that the others are worked out once."""

_VOID = frozenset(
    {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"}
)
_UNSEEN = frozenset({"head", "script", "style", "template", "title", "svg", "math", "noframes"})
_RAW = frozenset({"script", "style", "title", "textarea", "noframes", "xmp", "iframe"})
"""Elements whose content is not markup, which only their own end tag ends."""
_SPECIAL = frozenset(["br", "a", "img", "li", "ol", "ul", "blockquote", "pre", "hr"])
_LINES = (
    "address article aside body caption center dd details div dl dt fieldset figcaption figure footer form "
    "header hr legend li main nav ol option section summary table tr ul"
)
_PARAGRAPHS = "blockquote h1 h2 h3 h4 h5 h6 p pre"
_GAPS = dict.fromkeys(_LINES.split(), 2) | dict.fromkeys(_PARAGRAPHS.split(), 3) | {"td": 1, "th": 1}
"""What separates an element from what is around it: 1 a blank, 2 a line end, 3 a blank line."""

_HIDING = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*(?:0(?![.1-9])|(?:1|0?\.[0-9]+)p[xt])"
    r"|mso-hide\s*:\s*all|opacity\s*:\s*0(?:\.0*)?(?![.0-9])|(?<![\w-])(?:left|top|text-indent)\s*:\s*-[0-9]{3}"
    r"|clip\s*:\s*rect\((?:\s*[01](?:px)?[\s,]*){4}\)",
    re.IGNORECASE,
)
_FLAT = re.compile(
    r"(?<![\w-])(?:max-)?(?:height|width)\s*:\s*0(?:px)?\s*(?:!important\s*)?(?:;|$)", re.IGNORECASE
)
_OVERFLOW = re.compile(r"overflow\s*:\s*hidden", re.IGNORECASE)
_COLOUR = re.compile(r"(?<![\w-])color\s*:\s*([^;]{1,60})", re.IGNORECASE)
_GROUND = re.compile(r"(?<![\w-])background(?:-color|-image)?\s*:\s*([^;}]{1,200})", re.IGNORECASE)
_WHITE = frozenset({"#fff", "#ffffff", "white", "rgb(255,255,255)", "#fefefe", "#fdfdfd"})
_NO_GROUND = frozenset({"none", "transparent", "inherit", "initial"})
_LARGEST_SHEET = 200_000


@dataclass(frozen=True, slots=True)
class HtmlTag:
    """What a tag means for the text around it."""

    name: str
    closing: bool = False
    void: bool = False
    gap: int = 0
    plain: bool = False
    """Whether it does nothing but separate what is around it."""
    hides: bool = False
    """Whether what is inside is not meant to be read: it holds no words, or its style hides it."""
    unseen: bool = False
    """Whether that is so for every element of this name."""
    raw: bool = False
    """Whether what is inside is not markup, and only its own end tag ends it."""
    white: bool = False
    """Whether its text has the colour of white paper."""
    ground: str = ""
    """``paper`` or ``colour``, where it has a background."""
    target: str = ""
    """Where a link leads; :data:`GIVEN` if that is given beside the tag, and likewise:"""
    alt: str = ""
    start: int | None = None
    value: int | None = None


class HtmlRun(NamedTuple):
    """Tags with nothing but blanks between them, worked out once for every place that repeats them."""

    tags: tuple[tuple[HtmlTag, str], ...]
    """Each tag with the blanks after it."""
    steps: tuple[HtmlTag, ...]
    """The same for text that is seen and wraps: tags and blanks that only separate are one tag."""
    gap: int
    """What it does if it only separates what is around it."""
    careful: bool
    """Whether a tag may hide or colour what follows or keeps its blanks, so that only ``tags`` are right."""
    names: frozenset[str]
    raw: str = ""
    """The name of its last tag if what follows is not markup."""
    length: int = 0
    """Characters up to the end of that tag."""


_SEPARATORS = tuple(HtmlTag("", gap=gap, plain=True) for gap in range(4))


def runs(markup: str) -> Iterator[tuple[str, HtmlRun | None, str]]:
    """Text with the tags after it, and what stands for :data:`GIVEN` in them, in order.

    Character references are not yet replaced. The text may be empty; the tags are None where there are none
    after all, as at the end. A failed search is never repeated.
    """
    finder = _Finder(markup)
    lower: str | None = None
    remembered = _remembered
    position = 0
    while position < len(markup):
        run = None
        for found in _PIECE.finditer(markup, position):
            text, source = found.groups()
            if source is None:
                position = found.end()
                break
            given, start = "", source[:3]
            if start == "<a ":
                source, given = _without(_HREF, source)
            elif start == "<im":
                source, given = _without(_ALT, _without(_SRC, source)[0])
            run = remembered(source) if len(source) <= _LONGEST_KEPT else _run(source)
            yield text, run, given
            if run.raw:
                position = found.end() - len(source) + run.length
                break
        if run is None or not run.raw:
            if position == len(markup):
                if text:
                    yield text, None, ""
                return
            tag, position = _unusual(markup, position, finder)
            if not tag:
                if text:
                    yield text, None, ""
                if tag is None:  # a bracket that begins nothing
                    yield "<", None, ""
                continue
            run = _joined([(tag, "")])
            yield text, run, ""
            if not run.raw:
                continue
        if lower is None:
            lower = markup.lower()
            lower = lower if len(lower) == len(markup) else markup
        close = lower.find(f"</{run.raw}", position)
        stop = close if close >= 0 else len(markup)
        if stop > position:
            yield markup[position:stop], None, ""
        position = stop


def _without(pattern: re.Pattern[str], source: str) -> tuple[str, str]:
    """Tags without the value of an attribute that the first of them has, and that value."""
    if not (found := pattern.match(source)):
        return source, ""
    return f"{source[: found.start(1)]}{GIVEN}{source[found.end(1) :]}", found[1]


def _unusual(markup: str, start: int, finder: _Finder) -> tuple[str | None, int]:
    """What is at a bracket that begins no usual tag: a tag, "" for a comment, None for neither; and its
    end.
    """
    if markup.startswith("<!--", start):
        return "", finder.after("-->", start + 2)
    if markup[start + 1 : start + 2] in ("!", "?"):
        return "", finder.after(">", start + 2)
    if _NAME.match(markup, start + 1):
        end = _tag_end(markup, start + 1, finder)
        return markup[start + 1 : end], end + 1
    return None, start + 1


def has_coloured_styles(markup: str) -> bool:
    """Whether a style sheet gives something a background: what is white on it cannot be known then."""
    return any(
        _ground(ground[1]) == "colour"
        for sheet in _sheets(markup)
        if "background" in sheet
        for ground in _GROUND.finditer(sheet)
    )


def _sheets(markup: str) -> Iterator[str]:
    """The style sheets in lower case; found as strings, which is much faster than by a pattern."""
    for mark in ("<style", "<STYLE"):
        position = 0
        while (start := markup.find(mark, position)) >= 0:
            position = start + len(mark)
            if begins := markup.find(">", position, position + 200) + 1:
                last = begins + _LARGEST_SHEET
                ends = markup.find("</", begins, last)
                position = ends if ends >= 0 else last
                yield markup[begins:position].lower()


def _tag(source: str) -> HtmlTag:
    found = _NAME.match(source)
    name = found[1].lower() if found else ""
    gap = _GAPS.get(name, 0)
    if source.startswith("/"):
        return HtmlTag(name, closing=True, gap=gap, plain=name == "li" or name not in _SPECIAL)
    void, unseen, raw = name in _VOID, name in _UNSEEN, name in _RAW
    plain = name not in _SPECIAL and not unseen
    if found is None or found.end() == len(source):
        return HtmlTag(name, void=void, gap=gap, plain=plain, hides=unseen, unseen=unseen, raw=raw)
    given = _attributes(source, found.end())
    style = _style(given.get("style", ""))
    hidden = "hidden" in given or style.hides
    colour = style.colour if style.coloured else _plain(given.get("color", ""))
    grounds = (*style.grounds, _ground(given.get("bgcolor", "")))
    ground = next((each for each in ("colour", "paper") if each in grounds), "")
    if "background" in given:  # a picture
        ground = "colour"
    hides = unseen or (not void and (hidden or (bool(style.grounds) and colour == style.last_ground)))
    white = colour in _WHITE and not void
    return HtmlTag(
        name,
        void=void,
        gap=gap,
        plain=plain and not (hides or white or ground),
        hides=hides,
        unseen=unseen,
        raw=raw,
        white=white,
        ground=ground,
        target=target_of(given.get("href", "")) if name == "a" else "",
        alt=alt_of(given.get("alt", "")) if name == "img" and not hidden else "",
        start=_number(given.get("start", "")),
        value=_number(given.get("value", "")),
    )


def target_of(href: str) -> str:
    """Where a link leads, from the value of its attribute."""
    if not href.isprintable() or " " in href or "&" in href:
        return _SPACES.sub("", unescape(href))
    return href


def alt_of(alt: str) -> str:
    """The description of a picture, from the value of its attribute."""
    return _SPACES.sub(" ", unescape(alt)).strip()


class _Style(NamedTuple):
    """What a style means; colours are as :func:`_plain` writes them."""

    hides: bool
    coloured: bool
    colour: str
    grounds: tuple[str, ...]
    last_ground: str


@lru_cache(maxsize=2048)  # links differ, their styles seldom do
def _style(source: str) -> _Style:
    if not source:
        return _Style(False, False, "", (), "")
    style = unescape(source)
    found = _COLOUR.search(style)
    own = [each[1] for each in _GROUND.finditer(style)]
    return _Style(
        bool(_HIDING.search(style) or _is_flat(style)),
        found is not None,
        _plain(found[1]) if found else "",
        tuple(map(_ground, own)),
        _plain(own[-1]) if own else "",
    )


_remembered_tag = lru_cache(maxsize=2048)(_tag)


def _run(source: str) -> HtmlRun:
    return _joined(_TAGS.findall(source))


_remembered = lru_cache(maxsize=2048)(_run)


def _joined(sources: Iterable[tuple[str, str]]) -> HtmlRun:
    """Tags, each with the blanks after it, as one run, which ends early where markup ends."""
    tags, steps, gap, length, raw = [], [], 0, 0, ""
    for source, blanks in sources:
        tag = _remembered_tag(source) if len(source) <= _LONGEST_KEPT else _tag(source)
        length += len(source) + len("<>")
        if tag.raw and not source.endswith("/"):
            raw, blanks = tag.name, ""
        length += len(blanks)
        tags.append((tag, blanks))
        if tag.plain:
            gap = max(gap, tag.gap)
        else:
            steps += [_SEPARATORS[gap], tag] if gap else [tag]
            gap = 0
        gap = max(gap, 1) if blanks else gap
        if raw:
            break
    return HtmlRun(
        tags=tuple(tags),
        steps=(*steps, _SEPARATORS[gap]) if steps and gap else tuple(steps),
        gap=gap,
        careful=any(tag.hides or tag.white or tag.ground or tag.name == "pre" for tag, _ in tags),
        names=frozenset(tag.name for tag, _ in tags),
        raw=raw,
        length=length,
    )


def _attributes(source: str, position: int) -> dict[str, str]:
    found: dict[str, str] = {}
    for attribute in _ATTRIBUTE.finditer(source, position):
        value = attribute[2] or ""
        if value[:1] in ('"', "'"):
            value = value[1:].removesuffix(value[0])
        found.setdefault(attribute[1].lower(), value)
    return found


def _is_flat(style: str) -> bool:
    return bool(_OVERFLOW.search(style) and _FLAT.search(style))


def _plain(colour: str) -> str:
    return "".join(colour.lower().replace("!important", "").split())


def _ground(value: str) -> str:
    plain = _plain(value)
    if not plain or plain in _NO_GROUND:
        return ""
    return "paper" if plain in _WHITE else "colour"


def _number(given: str) -> int | None:
    given = given.strip()
    return int(given) if given.isascii() and given.isdecimal() and len(given) < 8 else None


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
