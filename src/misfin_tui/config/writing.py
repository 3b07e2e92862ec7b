"""Writes the settings file: the commented one of ``config init``, or one setting changed in place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from misfin.email.account import SaveSent, SecretRef
from misfin_tui.config import FREE_SECTIONS, SECTIONS, Config, parse

if TYPE_CHECKING:
    from tomlkit import TOMLDocument

    from misfin_tui.config.accounts import AccountConfig
    from misfin_tui.config.filters import FilterConfig


def template() -> str:
    """The text ``config init`` writes: every setting with its default, commented out and explained."""
    lines = [
        "# Settings of misfin-tui. Everything here is optional; remove the # to change a setting.",
        "",
    ]
    for name, cls in SECTIONS.items():
        lines.append(f"[{name}]")
        for item in fields(cls):
            lines.append(f"# {item.metadata['help']}")
            if item.metadata["choices"]:
                lines.append(
                    "# One of: " + ", ".join(choice for choice in item.metadata["choices"] if choice)
                )
            lines.append(f"# {item.name} = {toml_value(item.default)}")
        lines.append("")
    for name, help_text in FREE_SECTIONS.items():
        lines += [f"# {help_text}", f"# [{name}]", ""]
    return "\n".join(lines)


def toml_value(value: object) -> str:
    """A setting's value as TOML writes it."""
    value = simple(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (tuple, list)):
        return "[" + ", ".join(toml_value(item) for item in value) + "]"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_key(key)} = {toml_value(item)}" for key, item in value.items()) + " }"
    if isinstance(value, str):
        escaped = "".join(
            f"\\u{ord(c):04x}" if c in '"\\' or ord(c) < 32 or ord(c) == 127 else c for c in value
        )
        return f'"{escaped}"'
    return str(value)


def _key(name: str) -> str:
    return name if name.replace("-", "").replace("_", "").isalnum() and name.isascii() else toml_value(name)


def simple(value: object) -> object:
    """A value as TOML's own kinds: what the settings of an account make of a table becomes one again."""
    if isinstance(value, SecretRef):
        return {value.place.value: value.name}
    if isinstance(value, SaveSent):
        return {SaveSent.YES: True, SaveSent.NO: False}.get(value, value.value)
    if isinstance(value, Path):
        return {"file": str(value)}
    if isinstance(value, tuple) and value and isinstance(value[0], tuple):
        return dict(value)
    return list(value) if isinstance(value, tuple) else value


def set_values(account: AccountConfig) -> dict[str, object]:
    """What is set for an account, as TOML's own kinds; where a secret is kept, never the secret."""
    values = ((item, getattr(account, item.name)) for item in fields(account))
    return {item.name: simple(value) for item, value in values if value != item.default}


def write_setting(path: Path, section: str, key: str, value: object, *, name: str = "") -> Config:
    """Set one value in the file, keeping its comments and order, and return the new settings.

    ``name`` names a table of ``[hosts]`` or ``[accounts]``. A value of None removes the key. The result is
    checked before anything is written and replaces the file in one step.

    Raises:
        ConfigError: the new value, or something already in the file, cannot be used.
        OSError: the file cannot be written.
    """

    def change(document: TOMLDocument) -> None:
        if section == "searches" and section not in document:
            document[section] = dict(Config().searches)  # a new search is added to the default ones
        outer = table = _table(document, section, outer=bool(name))
        if name:
            table = _table(outer, _spelling(outer, name))
        if value is not None:
            table[key] = _item(value)
            return
        table.pop(key, None)
        if section == "hosts" and not table.as_string().strip():
            outer.pop(_spelling(outer, name))  # nothing is set for this host any more

    return _rewrite(path, change)


def write_account(path: Path, name: str, account: AccountConfig) -> Config:
    """Add ``[accounts.NAME]`` with what differs from the defaults. Raises as :func:`write_setting`."""

    def change(document: TOMLDocument) -> None:
        table = _table(_table(document, "accounts", outer=True), name)
        for key, value in set_values(account).items():
            table[key] = _item(value)

    return _rewrite(path, change)


def write_filter(path: Path, name: str, rule: FilterConfig) -> Config:
    """Add ``[filters.NAME]``, or replace it. Raises as :func:`write_setting`."""

    def change(document: TOMLDocument) -> None:
        outer = _table(document, "filters", outer=True)
        outer.pop(name, None)
        table = _table(outer, name)
        for item in fields(rule):
            if (value := getattr(rule, item.name)) != item.default:
                table[item.name] = _item(value)

    return _rewrite(path, change)


def remove_filter(path: Path, name: str) -> Config:
    """Remove ``[filters.NAME]``, if it is there. Raises as :func:`write_setting`."""

    def change(document: TOMLDocument) -> None:
        outer = document.get("filters", {})
        outer.pop(name, None)
        if not outer:
            document.pop("filters", None)

    return _rewrite(path, change)


def change_account(path: Path, name: str, account: AccountConfig) -> Config:
    """Make ``[accounts.NAME]`` say what ``account`` does, keeping what it says already.

    Raises as :func:`write_setting`.
    """

    def change(document: TOMLDocument) -> None:
        table = _table(_table(document, "accounts", outer=True), name)
        values = set_values(account)
        for key in [each.name for each in fields(account) if each.name not in values]:
            table.pop(key, None)
        for key, value in values.items():
            if key not in table or table[key] != value:
                table[key] = _item(value)

    return _rewrite(path, change)


def remove_account(path: Path, name: str) -> Config:
    """Remove ``[accounts.NAME]``, if it is there. Raises as :func:`write_setting`."""

    def change(document: TOMLDocument) -> None:
        outer = document.get("accounts", {})
        outer.pop(name, None)
        if not outer:
            document.pop("accounts", None)

    return _rewrite(path, change)


def _rewrite(path: Path, change: Callable[[TOMLDocument], None]) -> Config:
    import tomlkit  # late: only a person changing a setting pays for it

    from misfin.files import write_private

    text = path.read_text("utf-8") if path.exists() else template()
    parse(text, path, [])
    document = tomlkit.parse(text)
    change(document)
    changed = tomlkit.dumps(document)
    config = parse(changed, path, [])
    write_private(path, changed.encode("utf-8"))
    return config


def _table(inside: Any, name: str, *, outer: bool = False) -> Any:
    import tomlkit

    return inside.setdefault(name, tomlkit.table(is_super_table=outer))


def _spelling(outer: Any, name: str) -> str:
    """The name of a host as the file spells it."""
    return next((each for each in outer if each.lower() == name), name)


def _item(value: object) -> object:
    import tomlkit

    value = simple(value)
    if isinstance(value, dict):
        table = tomlkit.inline_table()
        table.update(value)
        return table
    return value
