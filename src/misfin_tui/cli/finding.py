"""What ``misfin-tui doctor`` found: a topic, a verdict, a sentence, and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class CheckVerdict(StrEnum):
    """The result of one check."""

    GOOD = "good"
    NOTE = "note"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was checked, what was found, and what to do about it."""

    topic: str
    verdict: CheckVerdict
    text: str
    remedy: str = ""
