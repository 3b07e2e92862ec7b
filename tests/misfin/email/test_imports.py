"""What of e-mail is loaded when: nothing by the rest, and no I/O by the engines."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import misfin

SOURCE = Path(misfin.__file__).parents[1]
IO = {"asyncio", "socket", "ssl", "selectors", "subprocess", "email", "OpenSSL", "cryptography", "misfin.net"}


@pytest.mark.parametrize("module", ["misfin.email.smtp", "misfin.email.sasl"])
def test_the_engines_load_no_io(module):
    program = f"import sys, {module}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) & IO == set()


def test_nothing_of_e_mail_is_imported_by_a_module_outside_of_it_while_that_is_loaded():
    """Inside functions is fine: it is loaded there when it is used. Settings know what an account is."""
    found = []
    for path in SOURCE.rglob("*.py"):
        if any(inside in path.as_posix() for inside in ("misfin/email/", "misfin/post/email/")):
            continue
        for node in ast.parse(path.read_text("utf-8")).body:
            for each in ast.walk(node) if not isinstance(node, ast.FunctionDef | ast.ClassDef) else []:
                names = (
                    [each.module or ""]
                    if isinstance(each, ast.ImportFrom)
                    else [alias.name for alias in each.names]
                    if isinstance(each, ast.Import)
                    else []
                )
                found += [
                    f"{path}: {name}"
                    for name in names
                    if name.startswith("misfin.email") and name != "misfin.email.account"
                ]
    assert found == []
