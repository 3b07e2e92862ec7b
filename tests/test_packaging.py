"""The wheel holds what the program needs, the source archive everything, and packaging fits the program."""

from __future__ import annotations

import re
import runpy
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from misfin_tui.cli.parser import parse

ROOT = Path(__file__).parent.parent
PACKAGES = ("src/misfin", "src/misfin_tui")
FILES = tuple(
    path.name
    for path in sorted(ROOT.glob("*"))
    if path.suffix in {".md", ".toml"} or path.name in {"LICENSE", "Makefile"}
)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a wheel and a source archive, built from the files of the checkout."""
    copy = tmp_path_factory.mktemp("checkout") / "misfin-tui"
    ignored = shutil.ignore_patterns("__pycache__", "*.pyc", "_build")
    for name in (*PACKAGES, "themes", "packaging", "docs", "tests", "screenshots", ".ci"):
        shutil.copytree(ROOT / name, copy / name, ignore=ignored)
    for name in FILES:
        shutil.copy(ROOT / name, copy / name)
    target = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-t", "sdist", "-d", str(target)]
    subprocess.run(command, cwd=copy, check=True, capture_output=True)
    return target


@pytest.fixture(scope="module")
def wheel(built: Path) -> set[str]:
    """The names in the wheel."""
    (path,) = built.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
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
    assert calls >= {"misfin-tui", "misfin-tui outbox run", "misfin-tui open %u", "misfin-tui fetch --follow"}
    for call in calls - {"misfin-tui"}:
        assert parse(call.replace("%u", "mailto:a@b.example").split()[1:]).command


def test_the_wheel_brings_manual_completions_and_desktop_entries(wheel: set[str]) -> None:
    data = {name.partition(".data/data/")[2] for name in wheel if ".data/data/" in name}
    assert data >= {
        "share/man/man1/misfin-tui.1",
        "share/bash-completion/completions/misfin-tui",
        "share/fish/vendor_completions.d/misfin-tui.fish",
        "share/zsh/site-functions/_misfin-tui",
        "share/applications/misfin-tui.desktop",
        "share/applications/misfin-tui-open.desktop",
        "share/icons/hicolor/scalable/apps/misfin-tui.svg",
    }


def test_the_source_archive_is_the_whole_project(built: Path) -> None:
    (path,) = built.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert set(FILES) <= names
    for folder in (".ci", "docs", "packaging", "screenshots", "src", "tests", "themes"):
        assert any(name.startswith(f"{folder}/") for name in names), folder


def test_the_description_on_an_index_links_to_nothing_relative(built: Path) -> None:
    (path,) = built.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        text = archive.read(name).decode()
    links = re.findall(r"\]\(([^)\s]+)\)", text)
    assert links
    assert [link for link in links if not link.startswith(("https://", "gemini://", "#"))] == []
    assert text.count("Project-URL:") >= 4


def test_prebuilt_manual_and_completions_are_in_step_with_the_program() -> None:
    made = runpy.run_path(str(ROOT / "packaging" / "generate.py"))["FILES"]
    for name, make in made.items():
        written = (ROOT / "packaging" / name).read_text("utf-8")
        assert written == make(), "run: python packaging/generate.py"


def test_every_library_the_program_needs_is_in_the_list_of_licences() -> None:
    needed = runpy.run_path(str(ROOT / "packaging" / "licences.py"))["needed"]()
    listed = (ROOT / "docs" / "licences.md").read_text("utf-8")
    missing = [name for name in needed if f"| {name} |" not in listed]
    assert missing == [], "run: python packaging/licences.py > docs/licences.md"


def test_one_version_is_named_everywhere() -> None:
    from misfin_tui import __version__

    (metainfo,) = (ROOT / "packaging").glob("*.metainfo.xml")
    assert f'<release version="{__version__}"' in metainfo.read_text("utf-8")
    assert (ROOT / "packaging/debian/changelog").read_text("utf-8").startswith(f"misfin-tui ({__version__})")
