"""SASLprep (RFC 4013): user names and passwords in the one form both ends compute with."""

from __future__ import annotations

import stringprep
import unicodedata

from misfin.email.sasl.authenticator import SASLInputError

_PROHIBITED = (
    stringprep.in_table_c12,
    stringprep.in_table_c21_c22,
    stringprep.in_table_c3,
    stringprep.in_table_c4,
    stringprep.in_table_c5,
    stringprep.in_table_c6,
    stringprep.in_table_c7,
    stringprep.in_table_c8,
    stringprep.in_table_c9,
)


def saslprep(text: str, what: str = "text") -> str:
    """The text prepared as a query: characters that Unicode 3.2 did not know pass as they are.

    Raises :class:`~misfin.email.sasl.SASLInputError`, naming ``what`` it is, for control characters and for
    text whose direction is mixed (RFC 3454 §6).
    """
    if text.isascii() and text.isprintable():
        return text
    mapped = "".join(" " if stringprep.in_table_c12(c) else c for c in text if not stringprep.in_table_b1(c))
    # Stringprep is defined on Unicode 3.2 (RFC 3454 §1.1).
    text = unicodedata.ucd_3_2_0.normalize("NFKC", mapped)
    if any(prohibited(c) for c in text for prohibited in _PROHIBITED):
        raise SASLInputError(f"The {what} holds a character that cannot be typed everywhere.")
    if any(map(stringprep.in_table_d1, text)) and (
        any(map(stringprep.in_table_d2, text))
        or not (stringprep.in_table_d1(text[0]) and stringprep.in_table_d1(text[-1]))
    ):
        raise SASLInputError(f"The {what} mixes directions of writing in a way that is not allowed.")
    return text
