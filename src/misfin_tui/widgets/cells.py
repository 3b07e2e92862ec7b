"""Text measured in terminal cells: cut, padded and wrapped. Takes text that passed ``screentext.plain``."""

from __future__ import annotations

from rich.cells import cell_len, get_character_cell_size

ELLIPSIS = "…"


def cut(text: str, width: int) -> str:
    """``text`` in at most ``width`` cells, with an ellipsis where something is missing."""
    if text.isascii():
        if len(text) <= width:
            return text
        return text[: width - 1] + ELLIPSIS if width > 0 else ""
    if len(text) <= width and cell_len(text) <= width:
        return text
    end, cells = _reach(text, max(width, 0))
    if end == len(text):  # also a mark without a letter, which takes no cell
        return text
    if width < 1:
        return ""
    if cells >= width:
        end, _ = _reach(text, width - 1)
    return text[:end] + ELLIPSIS


def fit(text: str, width: int, *, right: bool = False) -> str:
    """``text`` in exactly ``width`` cells, cut or padded; ``right`` puts the padding before it."""
    text = cut(text, width)
    missing = width - (len(text) if text.isascii() else cell_len(text))
    if missing <= 0:
        return text
    return " " * missing + text if right else text + " " * missing


def wrap(text: str, width: int) -> list[str]:
    """``text`` as lines of at most ``width`` cells, broken at spaces where there are any; linear time.

    Spaces at a break disappear; a word longer than a line is broken anywhere. An empty text is one line.
    """
    width = max(width, 2)  # a wide character needs two cells
    if len(text) <= width and (text.isascii() or cell_len(text) <= width):
        return [text]
    lines: list[str] = []
    start, length = 0, len(text)
    narrow = text.isascii()
    while start < length:
        end = (
            min(start + width, length)
            if narrow
            else start + _reach(text[start : start + 4 * width], width)[0]
        )
        if end < length and not (text[end] == " " or text[end - 1] == " "):
            space = text.rfind(" ", start, end)
            if space > start:
                end = space + 1
        lines.append(text[start:end].rstrip(" "))
        start = max(end, start + 1)
        while start < length and text[start] == " " and len(lines[-1]):
            start += 1
    return lines


def _reach(text: str, width: int) -> tuple[int, int]:
    """How many characters fit into ``width`` cells, marks of the last one included, and their cells."""
    cells = 0
    for index, character in enumerate(text):
        size = 1 if character < "\u0300" else get_character_cell_size(character)
        if cells + size > width:
            return index, cells
        cells += size
    return len(text), cells
