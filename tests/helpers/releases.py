"""Profiles that released versions of the program wrote, unpacked for a test."""

from __future__ import annotations

import tarfile
from pathlib import Path

from misfin_tui.paths import Profile, profile_at

FIXTURES = Path(__file__).parents[1] / "fixtures"


def profile_of_0_1(folder: Path) -> Profile:
    """A profile of version 0.1.0 below ``folder``; the README beside the fixture says what is in it."""
    with tarfile.open(FIXTURES / "profile-0.1" / "profile.tar.gz") as packed:
        packed.extractall(folder, filter="data")
    return profile_at(folder / "profile")
