"""Finds where a text speaks of an attachment, in what its writer wrote and not in what is quoted. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

_SIGNATURE = "-- "
_FORWARDED = re.compile(r"[-\s]*(?:begin\s+)?(?:forwarded|original)\s+message\s*:?[-\s]*", re.IGNORECASE)


def mentioned(words: Sequence[str], *texts: str) -> str:
    """The first of these words in the texts, as it is written there; empty where there is none.

    A word is found whole, in any case; spaces in it match any white space.
    """
    patterns = (r"\s+".join(map(re.escape, word.split())) for word in words if word.strip())
    either = "|".join(patterns)
    if not either:
        return ""
    pattern = re.compile(rf"(?<!\w)(?:{either})(?!\w)", re.IGNORECASE)
    found = (pattern.search("\n".join(own_lines(text.split("\n")))) for text in texts)
    return next((" ".join(each[0].split()) for each in found if each), "")


def own_lines(lines: Iterable[str]) -> list[str]:
    """What the writer of a text wrote: without quoted lines, a signature, and a message forwarded below."""
    own: list[str] = []
    for line in lines:
        if line == _SIGNATURE or _FORWARDED.fullmatch(line.strip()):
            break
        if not line.lstrip().startswith(">"):
            own.append(line)
    return own
