"""The text of one body part: its bytes decoded, its line ends unified, flowed lines joined (RFC 3676)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from misfin.store.message import charsets

MAX_TEXT = 1024 * 1024
"""Characters of text shown or indexed of one message."""

_SIGNATURE = "-- "
_DEEPEST_QUOTE = 20


def body_text(raw: bytes, kind: str, parameters: Mapping[str, str]) -> tuple[str, bool]:
    """A part's text, and whether all of it could be read as the character set that it declares."""
    text, clean = charsets.body(raw, parameters.get("charset", ""), html=kind == "text/html")
    if not clean and "\ufffd" not in text:  # nothing was lost, so it matters only if the label was wrong
        clean = raw.isascii() or "charset" not in parameters
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if "\0" in text:
        text = text.replace("\0", "\ufffd")
    if kind in ("text/plain", "") and parameters.get("format", "").lower() == "flowed":
        text = unflowed(text, delete_space=parameters.get("delsp", "").lower() == "yes")
    return text, clean


def unflowed(text: str, *, delete_space: bool = False) -> str:
    """Text in which the lines of a paragraph are joined, and the blanks that only protected lines are gone.

    ``delete_space`` is ``DelSp=yes``: the blank at the end of a line is not part of the text.
    """
    return "\n".join(_paragraphs(text.split("\n"), delete_space))


def _paragraphs(lines: list[str], delete_space: bool) -> Iterator[str]:
    paragraph: list[str] = []
    depth = 0
    for line in lines:
        body = line.lstrip(">")
        quotes = min(len(line) - len(body), _DEEPEST_QUOTE)
        body = body.removeprefix(" ")  # RFC 3676 §4.4: space-stuffing
        if paragraph and (quotes != depth or body in ("", _SIGNATURE)):
            yield _quoted(paragraph, depth)
            paragraph = []
        depth = quotes
        flows = body.endswith(" ") and body != _SIGNATURE
        paragraph.append(body[:-1] if flows and delete_space else body)
        if not flows:
            yield _quoted(paragraph, depth)
            paragraph = []
    if paragraph:
        yield _quoted(paragraph, depth)


def _quoted(paragraph: list[str], depth: int) -> str:
    text = "".join(paragraph)
    return f"{'>' * depth} {text}" if depth and text else ">" * depth + text
