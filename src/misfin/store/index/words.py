"""Texts as the search table sees them. Index and query share this, so that they cannot disagree."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

SEPARATOR: Final = "\x1f"
"""Between several names in one value; control characters are taken out of every name."""

_WORDLESS: Final = re.compile(
    # Scripts without spaces between words: Thai, Lao, Burmese, Khmer, kana, Han, Hangul syllables.
    "([\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff"
    "\U00020000-\U0003ffff])"
)


def searchable(text: str) -> str:
    """Signs of scripts without spaces stand apart, and forms of one character are unified.

    A query goes through the same function, so that a run of signs becomes a phrase of single ones and is
    found anywhere inside a sentence. Case and accents are the tokenizer's part.
    """
    if text.isascii():
        return text
    return _WORDLESS.sub(r" \1 ", unicodedata.normalize("NFKC", text))
