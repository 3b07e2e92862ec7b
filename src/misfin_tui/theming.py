"""Colour themes from TOML files: read, checked colour by colour, and turned into Textual themes.

Later folders win: Textual's built-ins, then the shipped ``themes/``, then the user's own. A file that
is wrong is left out and every error in it becomes one sentence; a theme never stops the program.
"""

from __future__ import annotations

import asyncio
import re
import tomllib
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from textual.color import Color, ColorParseError
from textual.theme import Theme

from misfin.store.evidence import TABLE, Evidence

DEFAULT = "misfin-dark"
PLAIN = "misfin-ansi"
"""The theme for terminals of 16 colours or none; it uses the terminal's own palette."""
FALLBACK = "textual-dark"
"""What Textual always has, for an installation whose own themes are missing."""

MAX_FILE = 64 * 1024  # a theme is some dozen lines; more is not a theme

COLORS = (
    "primary",
    "secondary",
    "accent",
    "success",
    "warning",
    "error",
    "foreground",
    "background",
    "surface",
    "panel",
    "boost",
)
"""The keys of ``[colors]``; only ``primary`` must be given."""

OWN_VARIABLES: Mapping[str, tuple[str, ...]] = {
    "mail-unread": ("accent", "primary"),
    "mail-star": ("warning", "primary"),
    "mail-tag": ("secondary", "primary"),
    **{f"evidence-{each}": (TABLE[each].color, "primary") for each in Evidence},
    "gemtext-heading": ("primary",),
    "gemtext-link": ("secondary", "primary"),
    "gemtext-quote": ("success", "primary"),
    "gemtext-list": ("accent", "primary"),
    "gemtext-pre": ("accent", "primary"),
}
"""Variables this program adds for its style sheets → the theme colours they take their default from."""


@dataclass(frozen=True, slots=True)
class Themes:
    """What one or more folders gave; ``problems`` are sentences to show."""

    themes: Mapping[str, Theme] = field(default_factory=dict)
    problems: tuple[str, ...] = ()


def shipped_dir() -> Path:
    """The folder of the shipped themes: in the installed package, else in the checkout this runs from.

    An editable install has no ``misfin_tui/themes``: the wheel gets the folder from the top of the
    repository at build time.
    """
    packaged = Path(__file__).parent / "themes"
    return packaged if packaged.is_dir() else Path(__file__).parents[2] / "themes"


def load_all(user: Path) -> Themes:
    """The shipped themes overlaid with the user's own."""
    folders = [load(shipped_dir()), load(user)]
    return Themes(
        {name: theme for folder in folders for name, theme in folder.themes.items()},
        tuple(problem for folder in folders for problem in folder.problems),
    )


def load(folder: Path) -> Themes:
    """Every ``*.toml`` of a folder; a missing folder is an empty one. Never raises."""
    themes: dict[str, Theme] = {}
    problems: list[str] = []
    try:
        paths = sorted(folder.glob("*.toml"))
    except OSError as error:
        return Themes({}, (f"{folder}: cannot be read: {error.strerror}.",))
    for path in paths:
        theme, faults = read(path)
        problems += faults
        if theme is not None:
            themes[theme.name] = theme
    return Themes(themes, tuple(problems))


def read(path: Path) -> tuple[Theme | None, list[str]]:
    """One theme file; ``None`` when it cannot be used; every error found. Unknown keys are only reported."""
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_FILE + 1)
        if len(raw) > MAX_FILE:
            return None, [f"{path.name}: larger than {MAX_FILE:,} bytes, so not a theme."]
        data = tomllib.loads(raw.decode("utf-8"))
    except OSError as error:
        return None, [f"{path.name}: cannot be read: {error.strerror}."]
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        return None, [f"{path.name}: not valid TOML: {_shown(str(error))}."]
    return build(path.stem, data)


def build(name: str, data: Mapping[str, Any]) -> tuple[Theme | None, list[str]]:
    """A theme from parsed TOML. Textual checks nothing and fails late, so each colour is tried here."""
    if not _NAME.fullmatch(name):
        return None, [f"{_shown(name)}: a theme's file name may only contain letters, digits, - and _."]
    usable = True
    colors = data.get("colors", {})
    variables = data.get("variables", {})
    faults = [f"{name}: unknown key `{_shown(key)}`{_nearest(key, _TOP)}" for key in data if key not in _TOP]
    for key, kind in _TOP.items():
        if key in data and not isinstance(data[key], kind):
            return None, [*faults, f"{name}: `{key}` must be a {_KIND_NAMES[kind]}."]
    for key, value in colors.items():
        if key not in COLORS:
            faults.append(f"{name}: unknown colour `{_shown(key)}`{_nearest(key, COLORS)}")
        elif not is_color(value):
            faults.append(f"{name}: {key} = `{_shown(str(value))}` is not a colour; write #rrggbb or a name.")
            usable = False
    if "primary" not in colors:
        faults.append(f"{name}: [colors] needs at least `primary`.")
        usable = False
    for key, value in variables.items():
        if not isinstance(value, str) or not _is_variable(key, value):
            faults.append(f"{name}: variable {_shown(key)} = `{_shown(str(value))}` cannot be used.")
            usable = False
    if not usable:
        return None, faults
    theme = Theme(
        name=name,
        dark=data.get("dark", True),
        ansi=data.get("ansi", False),
        variables=dict(variables),
        **{key: value for key, value in colors.items() if key in COLORS},
    )
    return theme, faults


def variable_defaults(theme: Theme) -> dict[str, str]:
    """Our own variables for any theme, Textual's and users' included; for ``get_theme_variable_defaults``."""
    defaults = {}
    for name, sources in OWN_VARIABLES.items():
        value = next((found for source in sources if (found := getattr(theme, source))), theme.primary)
        defaults[name] = value
    defaults["mail-muted"] = _muted(theme)
    # Textual's own style sheets use these, but its colour table lacks them for some kinds of theme.
    return defaults | {
        "surface-active": theme.surface or "transparent",
        "foreground-disabled": theme.foreground or "ansi_default",
        "ansi-background": "ansi_black" if theme.dark else "ansi_white",
        "ansi-foreground": "ansi_white" if theme.dark else "ansi_black",
    }


def _muted(theme: Theme) -> str:
    """A quieter foreground. Textual's ``$text-muted`` is worked out against a background, which what a widget
    draws line by line does not have: there it comes out white, on any theme."""
    front, back = theme.foreground, theme.background
    if theme.ansi or not front or not back:
        return "ansi_default" if theme.ansi else front or ("#a0a0a0" if theme.dark else "#606060")
    return Color.parse(front).blend(Color.parse(back), 0.35).hex


def choose(wanted: str, known: Iterable[str], environ: Mapping[str, str]) -> tuple[str, str]:
    """The theme to start with, and a problem to show or ``""``.

    ``NO_COLOR`` (whatever its value, https://no-color.org) needs an ANSI theme, and one chosen before the
    app is made; so does a terminal of 16 colours unless the user picked a theme.
    """
    names = set(known)
    if "NO_COLOR" in environ or (wanted in ("", DEFAULT) and few_colors(environ)):
        return (PLAIN if PLAIN in names else "ansi-dark"), ""
    if wanted in names:
        return wanted, ""
    base = DEFAULT if DEFAULT in names else FALLBACK
    if not wanted:
        return base, ""
    return base, f"There is no theme `{_shown(wanted)}`{_nearest(wanted, names)} {base} is used instead."


def few_colors(environ: Mapping[str, str]) -> bool:
    """Whether the terminal says it has 16 colours or fewer."""
    if environ.get("COLORTERM", "").lower() in ("truecolor", "24bit"):
        return False
    term = environ.get("TERM", "")
    return term in _FEW_COLORS or term.endswith("-16color")


async def changes(folder: Path) -> AsyncIterator[None]:
    """Yield whenever a theme file of the folder was saved; for ``--dev``. Ends at once without the folder."""
    if not await asyncio.to_thread(folder.is_dir):
        return
    from misfin.store.index.watch import load_notifier

    await asyncio.to_thread(load_notifier)  # it must not be loaded twice at once
    from watchfiles import awatch  # late: only --dev watches themes

    async for batch in awatch(folder):
        if any(path.endswith(".toml") for _, path in batch):
            yield None


def is_color(value: object) -> bool:
    """Whether a value can be used as a colour in a theme."""
    if not isinstance(value, str) or not value.isprintable():
        return False
    try:
        Color.parse(value)
    except ColorParseError:
        return False
    return True


_NAME = re.compile("[A-Za-z][A-Za-z0-9_-]{0,40}")  # it becomes a CSS class
_TOP: dict[str, type] = {"dark": bool, "ansi": bool, "colors": dict, "variables": dict}
_KIND_NAMES = {bool: "true or false", dict: "section"}
_FEW_COLORS = frozenset({"linux", "ansi", "vt100", "vt220", "cons25", "screen", "xterm", "rxvt", "dumb"})
_STYLES = frozenset({"none", "bold", "b", "dim", "d", "italic", "i", "underline", "u", "reverse", "r", "not"})
_THEME_KEYS = frozenset(item.name for item in fields(Theme))


def _is_variable(name: str, value: str) -> bool:
    """A variable is a colour, perhaps with a percentage, or, where its name says so, a text style."""
    if name in _THEME_KEYS:
        return False  # would hide the theme's own colour of that name
    if name.endswith("-style") or "-style-" in name:
        return bool(value.split()) and all(word in _STYLES for word in value.split())
    color, _, percent = value.partition(" ")
    if percent and not (percent.endswith("%") and percent[:-1].replace(".", "", 1).isdigit()):
        return False
    return color in ("auto", "transparent") or is_color(color)


def _nearest(name: str, known: Iterable[str]) -> str:
    match = get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f"; did you mean `{match[0]}`?" if match else "."


def _shown(text: str) -> str:
    """Text of a file for a message: printable and short."""
    return "".join(c if c.isprintable() else "�" for c in text[:80])
