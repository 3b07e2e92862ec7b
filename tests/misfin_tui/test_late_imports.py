"""Threads that import the same package late must not block each other.

A package that imports its own modules locks itself first and them later. A thread that asks for such a module
first locks them the other way round; Python then ends one of the two imports with a ``_DeadlockError``.
"""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import misfin
import misfin_tui

ROOTS = (Path(misfin.__file__).parent, Path(misfin_tui.__file__).parent)


def imported(tree: ast.Module) -> Iterator[tuple[int, str, list[str]]]:
    """Every module imported, with its line and what is taken out of it, in the order of the lines."""
    for node in sorted(ast.walk(tree), key=lambda node: getattr(node, "lineno", 0)):
        match node:
            case ast.Import(names):
                yield from ((node.lineno, each.name, []) for each in names)
            case ast.ImportFrom(str(module), names, 0):
                yield node.lineno, module, [each.name for each in names]
            case ast.Call(ast.Name("import_module"), [ast.Constant(str(module))]):
                yield node.lineno, module, []


def modules_after(*names: str) -> set[str]:
    """What a fresh interpreter has imported after these."""
    program = f"import json, sys, {', '.join(names)}; print(json.dumps(list(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, timeout=300)
    return set(json.loads(done.stdout))


def back_doors(tree: ast.Module, inside: str, started: set[str], whole: dict[str, set[str]]) -> list[str]:
    """Modules that are asked for before the package that imports them itself."""
    found, met = [], set[str]()
    for line, name, taken in imported(tree):
        parts = name.split(".")
        for package in (".".join(parts[:end]) for end in range(1, len(parts))):
            if package in started or inside == package or inside.startswith(f"{package}."):
                continue
            if package not in whole:
                whole[package] = modules_after(package)
            if package not in met and name in whole[package]:
                found.append(f"{inside}:{line}: {name} before {package}")
        met |= {name, *(f"{name}.{each}" for each in taken)}
    return found


def test_no_package_is_entered_by_a_back_door_after_the_start():
    started = modules_after("misfin_tui.app", "misfin_tui.services.mail", "misfin.store.index")
    whole: dict[str, set[str]] = {}
    found = []
    for root in ROOTS:
        for path in sorted(root.rglob("*.py")):
            module = ".".join(path.relative_to(root.parent).with_suffix("").parts)
            found += back_doors(ast.parse(path.read_text("utf-8")), module, started, whole)
    assert found == []


@pytest.mark.parametrize(
    ("source", "shut"),
    [
        ("from watchfiles.main import awatch", False),
        ("import watchfiles.main", False),
        ("def late():\n    from watchfiles.main import awatch", False),
        ("from watchfiles import awatch", True),
        ("import watchfiles\nfrom watchfiles.main import awatch", True),
        ("import_module('watchfiles')\nfrom watchfiles.main import awatch", True),
    ],
)
def test_the_rule_finds_what_it_is_for(source, shut):
    assert bool(back_doors(ast.parse(source), "here", set(), {})) is not shut
