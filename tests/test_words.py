"""Texts and code are in plain English: phrases that were replaced by natural ones do not come back."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SUFFIXES = {".md", ".py", ".tcss", ".toml"}

FOLDERS = [
    *("src/misfin", "src/misfin_tui", "docs"),
    *("README.md", "CHANGELOG.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md"),
]
"""Where the texts are done; a further one (a folder or a file) is added once it is."""

NOUNS = (
    "account|address|certificate|conversation|date|field|file|folder|host|identity|key|link|mailbox|mail|message"
    "|name|number|option|password|promise|recipient|sender|status|tag|text|time|verdict|word"
)
INSTEAD = {
    rf"(?<!there\s)\b(?:is|are|was|were|be) no (?:{NOUNS})s?\b": "is not a",
    r"\b(?:what|which|that) (?:is|are) (?:none\b|no (?!evidence|longer|proof))": "is not one",
    r"\bapart by\b": "separated by",
    r"\b(?:are|been|be|being|is|was|were) told\b": "is reported",
    r"\banew\b": "again",
    r"\bas a rule\b": "usually",
    r"\b(?:bears?|bore|borne|bearing) (?:a|an|any|no|the)\b": "has",
    r"\bby another way\b": "through another channel",
    r"\bby hand of\b": "by",
    r"\bha(?:d|s|ve) (?:its|their) turn\b": "comes next",
    r"\bin so many words\b": "literally",
    r"\bl(?:ies|ay|ying) (?:at|below|beside|in)\b": "is in",
    r"\bmend(?:s|ed|ing)?\b": "fix",
    r"\b(?:access|file|folder|its|the) rights\b": "permissions",
    r"\b(?:un(?:asked|bidden)|tellings?|thereof)\b": "(rephrase)",
    r"\bwhom(?:ever)?\b": "who",
}
"""Patterns (any case; a space also matches a line break) and what to write instead."""

ALLOWED: dict[tuple[str, str], str] = {}
"""By path and words found (lower case): why they may stay there."""


def files(folder: str) -> Iterator[Path]:
    top = ROOT / folder
    for path in [top] if top.is_file() else sorted(top.rglob("*")):
        if path.suffix in SUFFIXES:
            yield path


def found_in(path: Path, pattern: str) -> Iterator[tuple[str, int]]:
    """The words that match, with their lines."""
    text = path.read_text(encoding="utf-8")
    for match in re.finditer(pattern.replace(" ", r"\s+(?:#\s+)?"), text, re.IGNORECASE):
        yield " ".join(match[0].lower().split()), text.count("\n", 0, match.start()) + 1


@pytest.mark.parametrize("folder", FOLDERS)
@pytest.mark.parametrize("pattern", INSTEAD)
def test_a_phrase_that_was_replaced_does_not_come_back(folder, pattern):
    found = [
        f"{path.relative_to(ROOT)}:{line}: {words!r}; write: {INSTEAD[pattern]}"
        for path in files(folder)
        for words, line in found_in(path, pattern)
        if (path.relative_to(ROOT).as_posix(), words) not in ALLOWED
    ]
    assert found == []


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("The text is no address.", next(iter(INSTEAD))),
        ("It is made\n# anew here.", r"\banew\b"),
        ("where mail lies\n    in a folder", r"\bl(?:ies|ay|ying) (?:at|below|beside|in)\b"),
    ],
)
def test_a_phrase_is_found_in_any_line_of_a_file(tmp_path, text, pattern):
    file = tmp_path / "text.py"
    file.write_text(text, encoding="utf-8")
    assert len(list(found_in(file, pattern))) == 1


def test_every_exception_is_still_needed():
    kept = {
        (path, words)
        for path, _ in ALLOWED
        for pattern in INSTEAD
        for words, _line in found_in(ROOT / path, pattern)
    }
    assert set(ALLOWED) <= kept
