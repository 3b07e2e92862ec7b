"""Names in the code: one word for one thing, and one public class per name."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = sorted((ROOT / "src").rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
REPLACED = {
    *("Parcel", "_Errand", "Meeting", "Told", "Presence", "Place", "Places", "Room"),
    *("spread", "question_name", "plainletters", "locating"),
}
"""Names nobody could guess the meaning of; what they stood for has a plainer one."""


def defined(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Every name a module gives to something, with its line."""
    for node in ast.walk(tree):
        match node:
            case ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef():
                yield node.name, node.lineno
            case ast.Name(ctx=ast.Store()):
                yield node.id, node.lineno
            case ast.Attribute(ctx=ast.Store()):
                yield node.attr, node.lineno
            case ast.arg():
                yield node.arg, node.lineno
            case ast.alias(asname=str() as name):
                yield name, node.lineno


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def test_what_somebody_wrote_is_called_a_message():
    """A letter is one of an alphabet's, and such variables are called ``char``."""
    found = [
        f"{path.relative_to(ROOT)}:{line}: {name}"
        for path in (*SOURCES, *TESTS)
        for name, line in defined(parsed(path))
        if not name.startswith("test_") and re.search(r"letters?(?![a-z])|Letter", name, re.IGNORECASE)
    ]
    assert found == []


def test_names_that_were_replaced_are_not_defined_again():
    found = [
        f"{path.relative_to(ROOT)}:{line}: {name}"
        for path in SOURCES
        for name, line in (*defined(parsed(path)), (path.stem, 1))
        if name in REPLACED
    ]
    assert found == []


@pytest.mark.parametrize("package", ["misfin", "misfin_tui"])
def test_a_public_class_has_a_name_of_its_own_in_its_package(package):
    where = defaultdict(list)
    for path in SOURCES:
        if path.relative_to(ROOT / "src").parts[0] != package:
            continue
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                where[node.name].append(f"{path.relative_to(ROOT)}:{node.lineno}")
    assert {name: places for name, places in where.items() if len(places) > 1} == {}
