"""How keys are spelled: by people, by config files, and by the terminal layer."""

from __future__ import annotations

import unicodedata

MODIFIERS = ("ctrl", "alt", "shift", "super", "meta", "hyper")


def split(keys: str) -> tuple[str, ...]:
    """Comma separated keys as Textual names them (``?`` → ``question_mark``)."""
    return tuple(normal_key(key.strip()) for key in keys.split(",") if key.strip())


def normal_key(key: str) -> str:
    """One key in the spelling the terminal layer reports; unknown names come back unchanged."""
    if key == "+" or key.endswith("++"):
        head, base = key[:-2], "+"
    else:
        head, _, base = key.rpartition("+")
    names = {name.strip().lower() for name in head.split("+") if name.strip()}
    base = base.strip()
    if len(base) == 1:
        if "shift" in names and base.isalpha():
            base, names = base.upper(), names - {"shift"}
        elif names:
            base = base.lower()
        base = base if base.isalnum() else _name_of(base)
    else:
        base = _SPELLINGS.get(base.lower(), base.lower())
    whole = "+".join([*sorted(names, key=_order), base])
    return _SAME_BYTE.get(whole, whole)


def _order(modifier: str) -> tuple[int, str]:
    return (MODIFIERS.index(modifier) if modifier in MODIFIERS else len(MODIFIERS), modifier)


def readable(key: str) -> str:
    """A key as people write it: ``question_mark`` → ``?``, ``ctrl+s`` → ``^s``, ``escape`` → ``esc``."""
    head, plus, base = key.rpartition("+")
    base = _READABLE.get(base, base)
    return f"^{base}" if head == "ctrl" else f"{head}{plus}{base}"


def is_key(base: str) -> bool:
    """Whether a normalised key, without modifiers, is one some terminal can send."""
    return base in NAMED or (len(base) == 1 and base.isprintable())


def is_typed(key: str) -> bool:
    """Whether pressing the key would put a character into a text field."""
    return len(key) == 1 or key == "space" or key in _PUNCTUATION


_RENAMED = {
    "solidus": "slash",
    "reverse_solidus": "backslash",
    "commercial_at": "at",
    "hyphen_minus": "minus",
    "plus_sign": "plus",
    "low_line": "underscore",
}  # the few names Textual spells its own way


def _name_of(character: str) -> str:
    name = unicodedata.name(character, character).lower().replace("-", "_").replace(" ", "_")
    return _RENAMED.get(name, name)


_PUNCTUATION = {_name_of(chr(code)): chr(code) for code in range(33, 127) if not chr(code).isalnum()}
NAMED = frozenset(
    (
        *("escape", "enter", "tab", "space", "backspace", "delete", "insert", "home", "end"),
        *("pageup", "pagedown", "up", "down", "left", "right"),
        *(f"f{n}" for n in range(1, 25)),
        *_PUNCTUATION,
    )
)
"""Every named key, without modifiers."""

_SPELLINGS = {
    "esc": "escape",
    "return": "enter",
    "del": "delete",
    "ins": "insert",
    "pgup": "pageup",
    "page_up": "pageup",
    "pgdn": "pagedown",
    "pgdown": "pagedown",
    "page_down": "pagedown",
    "period": "full_stop",
    "dot": "full_stop",
    "hash": "number_sign",
    "pipe": "vertical_line",
    "backtab": "shift+tab",
}
_SAME_BYTE = {
    "ctrl+i": "tab",
    "ctrl+m": "enter",
    "ctrl+left_square_bracket": "escape",
}  # one byte on the wire
_READABLE = {
    **_PUNCTUATION,
    "escape": "esc",
    "pageup": "PgUp",
    "pagedown": "PgDn",
    "up": "↑",
    "down": "↓",
    "left": "←",
    "right": "→",
    "delete": "del",
}
