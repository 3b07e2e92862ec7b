"""The wheel holds what the program needs, and nothing else."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from misfin_tui.cli.parser import parse

ROOT = Path(__file__).parent.parent
PACKAGES = ("src/misfin", "src/misfin_tui")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The names in a wheel built from the files of the checkout."""
    copy = tmp_path_factory.mktemp("checkout") / "misfin-tui"
    ignored = shutil.ignore_patterns("__pycache__", "*.pyc")
    for name in (*PACKAGES, "themes"):
        shutil.copytree(ROOT / name, copy / name, ignore=ignored)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy / name)
    target = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(target)]
    subprocess.run(command, cwd=copy, check=True, capture_output=True)
    (built,) = target.glob("*.whl")
    with zipfile.ZipFile(built) as archive:
        return set(archive.namelist())


def test_every_module_and_data_file_is_in_the_wheel(wheel: set[str]) -> None:
    expected = {
        str(path.relative_to(ROOT / "src"))
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert expected <= wheel
    assert {"misfin/py.typed", "misfin_tui/py.typed", "misfin_tui/demo/stories.toml"} <= wheel


def test_the_themes_in_the_wheel_are_those_of_the_checkout(wheel: set[str]) -> None:
    shipped = {Path(name).name for name in wheel if name.startswith("misfin_tui/themes/")}
    assert shipped - {".gitkeep"} == {path.name for path in (ROOT / "themes").glob("*.toml")}


def test_nothing_else_is_in_the_wheel(wheel: set[str]) -> None:
    assert {name.split("/")[0].partition("-")[0] for name in wheel} == {"misfin", "misfin_tui"}


def test_nothing_committed_names_a_machine_or_a_registry() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    suspects = ("/work/" + "main", "/opt/" + "pypi", "files." + "pythonhosted")
    for name in listed.stdout.splitlines():
        path = ROOT / name
        if path.suffix in {".png", ".svg"} or not path.is_file():
            continue
        text = path.read_text("utf-8", "replace")
        assert not [suspect for suspect in suspects if suspect in text], name


def test_what_is_in_packaging_calls_commands_that_exist() -> None:
    calls = {
        line.partition("=")[2]
        for path in (ROOT / "packaging").rglob("*")
        if path.suffix in {".service", ".desktop"}
        for line in path.read_text("utf-8").splitlines()
        if line.startswith(("ExecStart=", "Exec="))
    }
    assert calls == {"misfin-tui outbox run", "misfin-tui open %u"}
    for call in calls:
        assert parse(call.replace("%u", "mailto:a@b.example").split()[1:]).command
