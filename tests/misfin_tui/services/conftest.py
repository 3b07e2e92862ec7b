"""What several tests of services share."""

import pytest

from misfin_tui.services import outside


@pytest.fixture
def patient_with_openers(monkeypatch: pytest.MonkeyPatch) -> None:
    """However busy the machine is, an opener has the time to say that it cannot."""
    monkeypatch.setattr(outside, "REFUSES_WITHIN", 60.0)
