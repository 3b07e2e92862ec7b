"""Checks the values of a settings file against the dataclasses, and finds the line of what is wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field, fields
from pathlib import Path
from typing import Any, TypeVar

from misfin.errors import LocalError, MisfinError

T = TypeVar("T")


class ConfigError(LocalError, ValueError):
    """A setting that cannot be used; ``line`` is 1-based, 0 when it belongs to no single line."""

    def __init__(self, path: Path | str, line: int, problem: str, *, remedy: str = "") -> None:
        where = f"{path}, line {line}" if line else str(path)
        super().__init__(f"{where}: {problem}", remedy=remedy or "Correct the line, then start again.")
        self.line = line
        self.problem = problem


def setting(
    default: Any,
    explanation: str,
    *,
    choices: tuple[str, ...] = (),
    low: float | None = None,
    high: float | None = None,
    check: Callable[[str], object] | None = None,
    read: Callable[[object], object] | None = None,
    values: str = "",
) -> Any:
    """``check`` raises :class:`ValueError` with a sentence for a text that cannot be used, or a
    :class:`~misfin.errors.MisfinError`, which has a remedy too.

    ``read`` makes the value from what TOML gives, where that is not a plain one, and raises the same.
    ``values`` says in the documentation what it can be.
    """
    return field(
        default=default,
        metadata={
            "help": explanation,
            "choices": choices,
            "low": low,
            "high": high,
            "check": check,
            "read": read,
            "values": values,
        },
    )


class Reader:
    """Checks values against the dataclasses and finds the line of what is wrong."""

    def __init__(self, text: str, path: Path | str, unknown: list[str] | None) -> None:
        self._text = text
        self._path = path
        self._unknown = unknown

    def error(self, where: tuple[str, ...], problem: str, *, remedy: str = "") -> ConfigError:
        return ConfigError(self._path, _line_of(self._text, where), problem, remedy=remedy)

    def unknown(self, where: tuple[str, ...], problem: str, known: list[str]) -> None:
        error = self.error(where, problem + _nearest(where[-1], known))
        if self._unknown is None:
            raise error
        self._unknown.append(f"{error}{'' if str(error).endswith('?') else '.'} It is ignored.")

    def remark(self, problems: list[str]) -> None:
        """Report what is left out, where somebody wants to know."""
        if self._unknown is not None:
            self._unknown.extend(problems)

    def text(self, value: object, where: tuple[str, ...]) -> str:
        if not isinstance(value, str):
            raise self.error(where, f"`{where[-1]}` must be text in quotes")
        return value

    def choice(self, value: object, choices: tuple[str, ...], where: tuple[str, ...]) -> str:
        if value not in choices:
            allowed = ", ".join(f'"{choice}"' for choice in choices)
            raise self.error(where, f"`{where[-1]}` must be one of {allowed}")
        return self.text(value, where)

    def section(self, cls: type[T], table: object, where: tuple[str, ...]) -> T:
        if not isinstance(table, dict):
            raise self.error(where, f"[{'.'.join(where)}] must be a section")
        known = {item.name: item for item in fields(cls)}  # type: ignore[arg-type]  # every cls here is a dataclass
        values: dict[str, Any] = {}
        for key, value in table.items():
            if key not in known:
                self.unknown((*where, key), f"unknown key `{key}`", list(known))
                continue
            values[key] = self._value(known[key].default, known[key].metadata, value, (*where, key))
        return cls(**values)

    def _value(
        self, default: object, limits: Mapping[str, Any], value: object, where: tuple[str, ...]
    ) -> object:
        name = where[-1]
        if limits["read"]:
            return self._checked(limits["read"], value, where)
        if isinstance(default, bool):
            if not isinstance(value, bool):
                raise self.error(where, f"`{name}` must be true or false")
            return value
        if isinstance(default, (int, float)):
            wanted = (int, float) if isinstance(default, float) else (int,)
            if isinstance(value, bool) or not isinstance(value, wanted):
                raise self.error(
                    where, f"`{name}` must be a {'number' if float in wanted else 'whole number'}"
                )
            if not limits["low"] <= value <= limits["high"]:
                raise self.error(where, f"`{name}` must be between {limits['low']} and {limits['high']}")
            return value
        if isinstance(default, tuple):
            items = value if isinstance(value, list) else [value]
            return tuple(self._choice(self.text(item, where), limits, where) for item in items)
        return self._choice(self.text(value, where), limits, where)

    def _choice(self, value: str, limits: Mapping[str, Any], where: tuple[str, ...]) -> str:
        if limits["choices"] and value not in limits["choices"]:
            allowed = ", ".join(f'"{choice}"' for choice in limits["choices"])
            raise self.error(where, f"`{where[-1]}` must be one of {allowed}")
        if limits["check"]:
            self._checked(limits["check"], value, where)
        return value

    def _checked(self, check: Callable[[Any], T], value: object, where: tuple[str, ...]) -> T:
        try:
            return check(value)
        except MisfinError as error:
            raise self.error(where, str(error).rstrip("."), remedy=error.remedy) from error
        except ValueError as error:
            raise self.error(where, str(error)) from error


def _nearest(name: str, known: list[str]) -> str:
    from difflib import get_close_matches  # late: few files have a wrong name in them

    match = get_close_matches(name, known, n=1)
    return f"; did you mean `{match[0]}`?" if match else ""


def line_in(message: str, text: str) -> int:
    """The line number tomllib put into its message; the last line where it says "at end of document"."""
    _, found, rest = message.rpartition("at line ")
    digits = rest.split(",")[0]
    return int(digits) if found and digits.isdigit() else len(text.rstrip().splitlines())


def _line_of(text: str, where: tuple[str, ...]) -> int:
    """The line of a section header or key; 0 when it is written in a form this simple search misses."""
    named = len(where) == 2 and where[0] in ("hosts", "accounts", "filters")
    if len(where) == 1 or named:
        return _line(text, where, "") or (_line(text, where[:1], where[1]) if named else 0)
    return _line(text, where[:-1], where[-1]) or _line(text, where, "") or _line(text, where[:1], where[1])


def _line(text: str, header: tuple[str, ...], key: str) -> int:
    inside = False
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if stripped.startswith("["):
            name = stripped.strip("[]").split("#")[0].strip().rstrip("]")
            most = 1 if header[0] == "hosts" else -1  # the name of a host contains dots
            inside = [part.strip(" \"'") for part in name.split(".", most)] == list(header)
            if inside and not key:
                return number
        elif stripped.split("=")[0].strip(" \"'") == (key or header[0]) and (inside or not key):
            return number
    return 0
