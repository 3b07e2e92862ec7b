"""What every test shares: nobody's own profile, settings or colours reach into a test."""

from __future__ import annotations

import os
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
settings.load_profile("ci" if os.environ.get("CI") else "suite")


@pytest.fixture(autouse=True)
def _nobodys_profile(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Point everything that looks for a home at an empty folder."""
    home = tmp_path_factory.mktemp("home", numbered=True)
    monkeypatch.setenv("MISFIN_TUI_HOME", str(home / "profile"))
    monkeypatch.setenv("HOME", str(home))
    for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "NO_COLOR", "VISUAL", "EDITOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TEXTUAL_ANIMATIONS", "none")
    monkeypatch.setenv("TZ", "UTC")


@pytest.fixture
def profile_root(tmp_path: Path) -> Path:
    """A folder for a profile that does not exist yet."""
    return tmp_path / "profile"
