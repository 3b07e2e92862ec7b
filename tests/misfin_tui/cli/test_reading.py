"""``misfin-tui show`` prints mail that many programs read wrong as it is meant."""

from __future__ import annotations

from pathlib import Path

import pytest
from readingcases import CASES, Case

from misfin.store.mail.maildir import MailStore
from misfin_tui.cli import main
from misfin_tui.screentext import plain

ADA = "ada@mail.example"


@pytest.fixture(scope="module")
def profile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A profile with all the cases in its inbox."""
    root = tmp_path_factory.mktemp("profile")
    assert main(["--profile", str(root), "identity", "new", ADA]) == 0
    store = MailStore(root / "mail")
    for case in CASES:
        (store.folder(ADA, "Inbox").path / "new" / case.name).write_bytes(case.data)
    return root


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_show_prints_it_as_it_is_meant(profile: Path, case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--profile", str(profile), "show", case.name]) == 0
    head, _, text = capsys.readouterr().out.partition("\n\n")
    assert text.strip("\n") == plain(case.above + case.text, one_line=False)
    assert f"From     {case.sender}\n" in head
    assert f"Date     {case.date}" in head
    for name in case.files:
        assert f"File     {plain(name, one_line=True)} (" in head
