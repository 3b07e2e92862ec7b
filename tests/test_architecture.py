"""What keeps the program readable: classes and modules of a size one can hold in mind, and no circles."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

SRC = Path(__file__).parent.parent / "src"
METHODS = 40
"""Methods of a class at most, those inherited from classes of ours counted once; Textual's not at all."""
LINES = 400
"""Lines of a module at most."""


@dataclass(frozen=True)
class Module:
    name: str
    tree: ast.Module
    package: bool


@cache
def modules() -> dict[str, Module]:
    found = {}
    for path in sorted(SRC.rglob("*.py")):
        name = ".".join(path.relative_to(SRC).with_suffix("").parts).removesuffix(".__init__")
        found[name] = Module(name, ast.parse(path.read_text()), path.name == "__init__.py")
    return found


def imported(module: Module) -> Iterator[tuple[str, str, str]]:
    """What a module imports anywhere in it: the name there, the module it comes from, the name in that."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                yield alias.asname or alias.name, node.module, alias.name
        elif isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.asname or alias.name, alias.name, ""


# ---- classes


@cache
def classes() -> dict[str, ast.ClassDef]:
    return {
        f"{module.name}.{node.name}": node
        for module in modules().values()
        for node in module.tree.body
        if isinstance(node, ast.ClassDef)
    }


def bases(name: str) -> Iterator[str]:
    """The classes of ours a class is derived from."""
    home = name.rpartition(".")[0]
    names = {here: f"{module}.{there}" for here, module, there in imported(modules()[home])}
    for base in classes()[name].bases:
        bare = base.value if isinstance(base, ast.Subscript) else base
        if isinstance(bare, ast.Name):
            full = names.get(bare.id, f"{home}.{bare.id}")
            if full in classes():
                yield full


def methods(name: str) -> set[str]:
    own = {
        node.name
        for node in classes()[name].body
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    }
    return own.union(*map(methods, bases(name)))


def test_no_class_has_too_many_methods():
    assert "misfin_tui.screens.base.AppScreen" in set(bases("misfin_tui.screens.list_screen.ListScreen"))
    too_many = {name: len(methods(name)) for name in classes() if len(methods(name)) > METHODS}
    assert too_many == {}


# ---- modules


def test_no_module_is_too_long():
    lengths = {path.relative_to(SRC): len(path.read_text().splitlines()) for path in SRC.rglob("*.py")}
    too_long = {path: length for path, length in lengths.items() if length > LINES}
    assert too_long == {}


def circles() -> Iterator[set[str]]:
    """Groups of modules each of which imports the others in the end, also late or for their types only."""
    known = modules()
    graph = {
        name: {
            target
            for _, home, there in imported(module)
            if (target := f"{home}.{there}" if f"{home}.{there}" in known else home) in known
        }
        - {name}
        for name, module in known.items()
    }
    reach: dict[str, set[str]] = {}
    for name in graph:
        seen: set[str] = set()
        todo = [name]
        while todo:
            for target in graph[todo.pop()] - seen:
                seen.add(target)
                todo.append(target)
        reach[name] = seen
    left = set(graph)
    while left:
        name = left.pop()
        circle = {name} | {other for other in left if other in reach[name] and name in reach[other]}
        left -= circle
        if len(circle) > 1:
            yield circle


def test_modules_import_each_other_only_inside_a_package_they_are_the_front_of():
    """A package may know its own modules, which know it; nothing else goes in circles."""
    wrong = []
    for circle in circles():
        front = min(circle, key=len)
        if not modules()[front].package or not all(
            name == front or name.startswith(front + ".") for name in circle
        ):
            wrong.append(sorted(circle))
    assert wrong == []


def test_nobody_casts_the_app():
    for path in SRC.rglob("*.py"):
        assert not re.search(r"\bcast\([^)]*\bapp\)", path.read_text()), path


# ---- accounts

SHOWN = ("misfin_tui.screens", "misfin_tui.dialogs", "misfin_tui.widgets")


def asks_the_kind(tree: ast.Module) -> Iterator[str]:
    """Places that decide by the kind of an account: they name it, or compare it to something."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "misfin.model.account":
            yield from (f"{node.lineno}: imports Kind" for alias in node.names if alias.name == "Kind")
        parts: list[ast.expr] = []
        if isinstance(node, ast.Compare):
            parts = [node.left, *node.comparators]
        elif isinstance(node, ast.Match):
            parts = [node.subject]
        for part in parts:
            for inner in ast.walk(part):
                if isinstance(inner, ast.Attribute) and inner.attr == "kind":
                    owner = ast.unparse(inner.value)
                    if re.search(r"account|sender\b", owner):
                        yield f"{node.lineno}: compares {owner}.kind"
                elif isinstance(inner, ast.Attribute) and inner.attr == "address_kind":
                    yield f"{node.lineno}: compares an address_kind"


def test_screens_ask_what_an_account_can_do_and_never_its_kind():
    wrong = [
        f"{module.name}:{place}"
        for module in modules().values()
        if module.name.startswith(SHOWN)
        for place in asks_the_kind(module.tree)
    ]
    assert wrong == []
    bad = (
        "from misfin.model.account import Kind\nif self.account.kind == 'misfin' or x.address_kind != 1: pass"
    )
    assert len(list(asks_the_kind(ast.parse(bad)))) == 3
