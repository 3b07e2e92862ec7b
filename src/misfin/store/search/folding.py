"""Folds text to the letters of a plain keyboard, by which mail is searched and people are found.

Unicode decomposition removes accents from letters, but not strokes, hooks and ligatures: ``ø`` does not
become ``o``. It also keeps invisible characters that nobody types, such as soft hyphens.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_SMALL: Final = {"æ": "ae", "œ": "oe", "ß": "ss", "þ": "th"} | dict(
    # The second half are letters of African and Turkic languages.
    zip("łøđðħıŧŋĸȷ" + "ɓɖɗəǝɛƒɠǥɨƙɲƞɔɵƭʉʋƴƶ", "loddhitnkj" + "bddeeefggiknnootuvyz", strict=True)
)
PLAIN: Final = (
    _SMALL
    | {small.upper(): plain.upper() for small, plain in _SMALL.items() if small not in "ßıĸȷ"}
    | {"ẞ": "SS", "ʻ": "'", "ʼ": "'"}  # the last two are letters, but people type what they look like
)
_UNSEEN: Final = "\u00ad\u200d\u2060\ufeff\ufe00-\ufe0f\U000e0100-\U000e01ef"
"""Characters that allow or prevent breaks, join characters, or select a variant."""
_ODD: Final = re.compile(f"[{_UNSEEN}\u200b\u200c{''.join(PLAIN)}]")
_DIVIDED: Final = re.compile(
    "[\u0620-\u063f\u0641-\u064a\u066e\u066f\u0671-\u08ff\u1700-\u177f\u1900-\u1cff\ua980-\ua9df]"
)
"""Letters before which U+200B and U+200C separate words, such as Persian endings."""


def fold_text(text: str) -> str:
    """The text decomposed (NFKD), with special letters as plain ones and invisible characters removed."""
    return _ODD.sub(_plain, unicodedata.normalize("NFKD", text))


def bare(text: str) -> str:
    """The text without case, accents and strokes, for comparing names."""
    if not text.isascii():
        text = "".join(sign for sign in fold_text(text) if not unicodedata.combining(sign))
    return text.casefold()


def _plain(odd: re.Match[str]) -> str:
    if odd[0] in "\u200b\u200c" and _DIVIDED.match(odd.string, odd.end()):
        return odd[0]
    return PLAIN.get(odd[0], "")
