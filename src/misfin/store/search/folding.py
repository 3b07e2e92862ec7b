"""Letters as people type them who have no such key: by these alone mail is searched and people are found.

Unicode takes accents off a letter but knows of no strokes, hooks and double letters: to it ``ø`` is not a
kind of ``o``. And it keeps signs that nobody sees or types, such as the hyphens where a word may be broken.
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
    | {"ẞ": "SS", "ʻ": "'", "ʼ": "'"}  # the last two are letters, but typed as what they look like
)
_UNSEEN: Final = "\u00ad\u200d\u2060\ufeff\ufe00-\ufe0f\U000e0100-\U000e01ef"
"""Where a word may be broken or not, how signs are joined, and which variant of a sign is meant."""
_ODD: Final = re.compile(f"[{_UNSEEN}\u200b\u200c{''.join(PLAIN)}]")
_DIVIDED: Final = re.compile(
    "[\u0620-\u063f\u0641-\u064a\u066e\u066f\u0671-\u08ff\u1700-\u177f\u1900-\u1cff\ua980-\ua9df]"
)
"""Letters before which U+200B and U+200C divide what is searched for by itself, as endings in Persian."""


def fold_text(text: str) -> str:
    """The text with every letter in its parts (NFKD), odd letters as plain ones, unseen signs gone."""
    return _ODD.sub(_plain, unicodedata.normalize("NFKD", text))


def bare(text: str) -> str:
    """The text without case, accents and strokes, as names are compared."""
    if not text.isascii():
        text = "".join(sign for sign in fold_text(text) if not unicodedata.combining(sign))
    return text.casefold()


def _plain(odd: re.Match[str]) -> str:
    if odd[0] in "\u200b\u200c" and _DIVIDED.match(odd.string, odd.end()):
        return odd[0]
    return PLAIN.get(odd[0], "")
