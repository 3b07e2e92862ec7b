"""What is said of a mail beside its text: what was wrong with the file, and how its text is drawn."""

from __future__ import annotations

from enum import StrEnum

MAX_PARTS = 500
"""Parts of a mail that are read."""


class TextKind(StrEnum):
    """How to draw :attr:`ParsedMessage.text`."""

    GEMTEXT = "gemtext"
    PLAIN = "plain"
    HTML = "html"
    """HTML converted to plain text."""


class ReadingRemark(StrEnum):
    """What was wrong with a file, as a sentence for the user."""

    EMPTY = "This file is empty."
    NO_MAIL = "This file is not mail: it has no header."
    CUT = "This file is very large; only its beginning was read."
    ENCODING = "Some characters could not be decoded."
    CONFUSED = "The structure of this mail is broken; it is shown as far as it could be read."
    DEEP = "This mail is nested very deeply; its innermost parts are not shown."
    MANY = f"This mail has more than {MAX_PARTS} parts; only the first of them are shown."
    LONG = "The text is very long; only its beginning is shown."
