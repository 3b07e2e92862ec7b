"""What every test shares: nobody's own profile, settings or colours reach into a test."""

from __future__ import annotations

import gc
import itertools
import os
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "suite",
    max_examples=60,
    deadline=None,  # speed is measured in tests/benchmarks, never asserted here
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
# A change is judged by the same examples as the one before it; new ones are found at every run by hand.
settings.register_profile("ci", settings.get_profile("suite"), derandomize=True)
settings.register_profile(
    "thorough", settings.get_profile("suite"), max_examples=10_000
)  # --hypothesis-profile
settings.load_profile("ci" if os.environ.get("CI") else "suite")


_numbers = itertools.count()


def pytest_collection_finish() -> None:
    """Look for garbage as seldom as the app does, and not among what stays to the end."""
    gc.freeze()
    gc.set_threshold(5000, 10, 10)


@pytest.fixture(scope="session")
def _room(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the folders of tests are made: pytest looks through all it has made for each that it makes."""
    return tmp_path_factory.mktemp("tests")


@pytest.fixture
def tmp_path(_room: Path, request: pytest.FixtureRequest) -> Path:
    """An empty folder of the test's own."""
    path = _room / f"{re.sub(r'[^A-Za-z0-9_]', '_', request.node.name)[:30]}{next(_numbers)}"
    path.mkdir(mode=0o700)
    return path


@pytest.fixture(autouse=True)
def _nobodys_profile(monkeypatch: pytest.MonkeyPatch, _room: Path) -> None:
    """Point everything that looks for a home at an empty folder."""
    home = _room / f"home{next(_numbers)}"
    home.mkdir(mode=0o700)
    monkeypatch.setenv("MISFIN_TUI_HOME", str(home / "profile"))
    monkeypatch.setenv("HOME", str(home))
    own = ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "NO_COLOR", "VISUAL", "EDITOR", "BROWSER")
    for name in own:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TEXTUAL_ANIMATIONS", "none")
    monkeypatch.setenv("TZ", "UTC")


@pytest.fixture
def profile_root(tmp_path: Path) -> Path:
    """A folder for a profile that does not exist yet."""
    return tmp_path / "profile"
