"""Makes text from strangers safe to display: characters that could act on a terminal become visible. Pure.

Control characters, escape sequences, bidirectional overrides, zero-width and tag characters, lone surrogates
and floods of combining marks become harmless marks one cell wide, so what is displayed is what is there.
"""

from __future__ import annotations

import re
import unicodedata

MAX_MARKS = 4
"""Combining marks drawn on one letter: enough for Vietnamese and vocalised Hebrew, not for "zalgo" text."""

REPLACED = "\N{REPLACEMENT CHARACTER}"
HIDDEN = "\N{MIDDLE DOT}"
TURNED = "\N{RIGHTWARDS ARROW OVER LEFTWARDS ARROW}"
NEWLINE = "\N{RETURN SYMBOL}"

# Code points that draw nothing or change how neighbours are drawn, as ranges of a character class.
# Bidirectional controls: ALM, LRM, RLM, embeddings, overrides, isolates.
_BIDI = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
# Zero width or blank without being a space: soft hyphen, grapheme joiner, Hangul, Khmer and Mongolian
# fillers, zero-width space and joiners, invisible operators, deprecated format characters, BOM, musical and
# shorthand format controls, halfwidth filler.
_HIDDEN = (
    "\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200d\u2060-\u2065\u206a-\u206f\u3164"
    "\ufeff\uffa0\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
)
# C1 controls, lone surrogates, interlinear annotation, noncharacters, tag characters and the rest of plane
# 14: enough of them can hide a whole second message.
_REPLACED = (
    "\x80-\x9f\ud800-\udfff\ufdd0-\ufdef\ufff0-\ufffb\ufffe\uffff\U0001fffe\U0001ffff\U000e0000-\U000e0fff"
    "\U000efffe-\U0010ffff"
)
# Variation selectors: which of two glyphs to draw. Terminals disagree about their width.
_DROPPED = "\ufe00-\ufe0f"

UNSAFE = re.compile(
    f"(?P<control>[\x00-\x08\x0b-\x1f\x7f])|(?P<bidi>[{_BIDI}])|(?P<hidden>[{_HIDDEN}]+)"
    f"|(?P<replaced>[{_REPLACED}]+)|(?P<dropped>[{_DROPPED}]+)"
)
"""Characters that act on a terminal, are invisible, or change how neighbours are drawn."""
_ACTIVE = re.compile(f"[\x7f\u2028\u2029{_BIDI}{_HIDDEN}{_REPLACED}]")
_LINES = re.compile("[\u2028\u2029]|\r\n")
_FOREIGN_RUN = re.compile(rf"[^\x00-\x7f]{{{MAX_MARKS + 1},}}")
_MARKS = {"control": "", "bidi": TURNED, "hidden": HIDDEN, "replaced": REPLACED, "dropped": ""}


def plain(text: str, *, one_line: bool) -> str:
    """``text`` made safe to draw; all remote text must pass through here before it reaches the screen.

    Newlines and tabs stay, unless ``one_line``: then a newline becomes a visible mark and a tab a space. A
    run of hidden characters becomes one mark, so a flood of them cannot push the rest off the screen.
    """
    if text.isascii() and text.isprintable():
        return text
    text = _LINES.sub("\n", text)
    text = UNSAFE.sub(_visible, text)
    if not text.isascii():
        text = _FOREIGN_RUN.sub(_bound_marks, text)
    if one_line:
        text = text.replace("\n", NEWLINE).replace("\t", " ")
    return text


def escaped(json_text: str) -> str:
    """JSON with every character that could act on a terminal or is invisible written as ``\\uXXXX``.

    The value stays the same: outside strings JSON has only ASCII characters, which are not changed.
    """
    if json_text.isascii() and json_text.isprintable():
        return json_text
    return _ACTIVE.sub(_json_escape, json_text)


def _json_escape(match: re.Match[str]) -> str:
    units = match.group().encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))


def _visible(match: re.Match[str]) -> str:
    kind = match.lastgroup or "replaced"
    if kind != "control":
        return _MARKS[kind]
    code = ord(match.group())
    return "\N{SYMBOL FOR DELETE}" if code == 0x7F else chr(0x2400 + code)


def _bound_marks(match: re.Match[str]) -> str:
    """Keep ``MAX_MARKS`` combining marks in a row; a replacement character stands for the rest."""
    run = match.group()
    kept: list[str] = []
    marks = 0
    for char in run:
        if unicodedata.category(char) in ("Mn", "Me"):
            marks += 1
            if marks > MAX_MARKS:
                if marks == MAX_MARKS + 1:
                    kept.append(REPLACED)
                continue
        else:
            marks = 0
        kept.append(char)
    return "".join(kept)
