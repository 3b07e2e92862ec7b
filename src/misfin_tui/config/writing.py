"""Writes the settings file: the commented one of ``config init``, or one setting changed in place."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

from misfin_tui.config import FREE_SECTIONS, SECTIONS, Config, parse


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
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (tuple, list)):
        return "[" + ", ".join(toml_value(item) for item in value) + "]"
    if isinstance(value, str):
        escaped = "".join(
            f"\\u{ord(c):04x}" if c in '"\\' or ord(c) < 32 or ord(c) == 127 else c for c in value
        )
        return f'"{escaped}"'
    return str(value)


def write_setting(path: Path, section: str, key: str, value: object, *, host: str = "") -> Config:
    """Set one value in the file, keeping its comments and order, and return the new settings.

    ``host`` names a table of ``[hosts]``. A value of None removes the key. The result is checked before
    anything is written and replaces the file in one step.

    Raises:
        ConfigError: the new value, or something already in the file, cannot be used.
        OSError: the file cannot be written.
    """
    import tomlkit  # late: only a person changing a setting pays for it

    from misfin.files import write_private

    text = path.read_text("utf-8") if path.exists() else template()
    parse(text, path, [])
    document = tomlkit.parse(text)
    if section == "searches" and section not in document:
        document[section] = dict(Config().searches)  # a new search is added to the default ones
    outer = table = document.setdefault(section, tomlkit.table(is_super_table=bool(host)))
    if host:
        host = next((name for name in outer if name.lower() == host), host)  # as the file spells it
        table = outer.setdefault(host, tomlkit.table())
    if value is None:
        table.pop(key, None)
        if host and not table.as_string().strip():
            outer.pop(host)  # nothing is set for this host any more
    else:
        table[key] = list(value) if isinstance(value, tuple) else value
    changed = tomlkit.dumps(document)
    config = parse(changed, path, [])
    write_private(path, changed.encode("utf-8"))
    return config
