"""Writes the pages that are made from the program's own tables: settings.md and keys.md.

    python docs/generate.py

Change the explanation in the table and run it again; a test compares the files with the tables.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import Field, fields
from itertools import groupby
from pathlib import Path
from typing import Any

from misfin_tui.config import FREE_SECTIONS, SECTIONS, Config, HostConfig
from misfin_tui.config.accounts import AccountConfig
from misfin_tui.config.filters import FilterConfig
from misfin_tui.config.writing import toml_value
from misfin_tui.keymap import ACTIONS, SETS, STANDARD, keys_of_set, readable
from misfin_tui.keymap.spelling import split

HERE = Path(__file__).parent
_NOTE = "<!-- Made by docs/generate.py; change the tables in the program, not this page. -->"


def settings_page() -> str:
    """Every setting with its default, its limits and its explanation."""
    parts = [
        "# Settings",
        _NOTE,
        "All settings are optional and live in `config.toml` in the profile. `misfin-tui config path` prints"
        " where that is, `config init` writes a commented file, `config show` prints the settings in use,"
        " `config set NAME VALUE` changes one. The settings screen (`,`) changes them too. Both keep"
        " your comments. A value that cannot be used stops the program with its line; an unknown name is"
        " reported and skipped.",
    ]
    for number, (name, section) in enumerate(SECTIONS.items(), 1):
        parts += [f"## {number}. [{name}]", _settings(fields(section))]
    hosts = len(SECTIONS) + 1
    parts += [
        f"## {hosts}. [hosts]",
        "What to do differently for one host, as in `ssh_config`. The host is part of the section's name:",
        '```toml\n[hosts."mail.example"]\nconnect = "192.0.2.7:1959"\nversion = "B"\n```',
        _settings(fields(HostConfig)),
    ]
    for number, (name, explanation) in enumerate(FREE_SECTIONS.items(), hosts):
        if name == "accounts":
            parts += [
                f"## {number}. [accounts]",
                "An e-mail account, with its name in the section's name."
                " [email-accounts.md](email-accounts.md) has examples. What is not set has its default.",
                _settings(fields(AccountConfig)),
            ]
        elif name == "filters":
            parts += [
                f"## {number}. [filters]",
                "A filter for new mail; the section gives its name: `[filters.crew]`."
                " [filters.md](filters.md) has examples. A filter that cannot be used is reported with its"
                " line; the others run.",
                _settings(fields(FilterConfig)),
            ]
        elif name != "hosts":
            parts += [f"## {number}. [{name}]", explanation]
            if set_already := getattr(Config(), name):
                lines = [f"{key} = {toml_value(value)}" for key, value in set_already.items()]
                parts.append("\n".join(["By default:\n", "```toml", f"[{name}]", *lines, "```"]))
            elif name == "keys":
                parts.append("[keys.md](keys.md) lists the names of all actions.")
    return "\n\n".join(parts) + "\n"


def keys_page() -> str:
    """Every action that has a key, by where it works."""
    parts = [
        "# Keys",
        _NOTE,
        "Every key can be changed: on the settings screen, or in `config.toml` with the name of the action,"
        ' `[keys]`, `archive = "e,delete"`. An empty text takes the key away. In the program `?` shows the'
        " keys that work there, and `ctrl+p` finds every command by its name.",
    ]
    for number, (place, actions) in enumerate(groupby(ACTIONS, key=lambda action: action.context), 1):
        rows = [(_keys(action.keys), f"`{action.id}`", action.help) for action in actions]
        parts += [f"## {number}. {str(place).capitalize()}", _table(("key", "action", "does"), rows)]
    number += 1
    parts += [
        f"## {number}. Key sets",
        'For those who know the keys of another mail program: `[keys]`, `set = "mutt"`, `"vim"` (as in aerc)'
        ' or `"emacs"` (as in mu4e), or `keys.set` on the settings screen. A set changes the keys below; all'
        " others stay as they are above. Your own keys go before those of the set.",
        _sets(),
    ]
    return "\n\n".join(parts) + "\n"


def _sets() -> str:
    """What each set changes."""
    others = [name for name in SETS if name != STANDARD]
    theirs = {name: keys_of_set(name) for name in others}
    rows = [
        (f"`{action.id}`", *(_keys(theirs[name].get(action.id, "")) for name in others), _keys(action.keys))
        for action in ACTIONS
        if any(action.id in keys for keys in theirs.values())
    ]
    return _table(("action", *others, STANDARD), rows)


PAGES = {"settings.md": settings_page, "keys.md": keys_page}


def _settings(items: Sequence[Field[Any]]) -> str:
    rows = [(f"`{one.name}`", _default(one), _limits(one), one.metadata["help"]) for one in items]
    return _table(("name", "default", "values", "meaning"), rows)


def _default(item: Field[Any]) -> str:
    own_kind = item.metadata["read"] is not None and item.default in (None, ())
    return "" if own_kind else f"`{toml_value(item.default)}`"


def _limits(item: Field[Any]) -> str:
    limits = item.metadata
    if limits["values"]:
        return str(limits["values"])
    if limits["choices"]:
        return ", ".join(f"`{toml_value(choice)}`" for choice in limits["choices"])
    if isinstance(item.default, bool):
        return "`true`, `false`"
    if limits["low"] is not None:
        return f"{limits['low']:,} to {limits['high']:,}"
    return "a list" if isinstance(item.default, tuple) else "text"


def _keys(keys: str) -> str:
    return " ".join(f"`{readable(key).replace('^', 'ctrl+')}`" for key in split(keys))


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def main() -> None:
    for name, page in PAGES.items():
        (HERE / name).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
