"""Normalizes text for the search table; index and query share this, so that they cannot disagree."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from misfin.store.search.folding import fold_text

_MARKS: Final = re.compile(
    # Accents of Latin, Greek and Cyrillic; points of Hebrew; vowel signs and the stretching of Arabic. Marks
    # of other scripts change the sound so much that they are part of the spelling.
    "[\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u0640\u064b-\u065f\u0670]"
)
_WORDLESS: Final = re.compile(
    # Scripts without spaces between words: Thai, Lao, Burmese, Khmer, kana, Han, Hangul syllables.
    "([\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff"
    "\U00020000-\U0003ffff])"
)


def searchable(text: str) -> str:
    """The text without accents and strokes, and with characters of scripts without spaces separated.

    A query goes through the same function, so that a run of such characters becomes a phrase and is found
    anywhere in a sentence. The tokenizer handles case.
    """
    if text.isascii():
        return text
    bare = _MARKS.sub("", fold_text(text))
    return _WORDLESS.sub(r" \1 ", unicodedata.normalize("NFC", bare))
