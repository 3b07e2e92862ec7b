"""The sources in ``doctor``: each account has a section, whatever its kind, and nothing is started."""

from __future__ import annotations

import socket

import pytest

from misfin.model.account import Account, Kind
from misfin.post.receiver_lock import ReceiverLock
from misfin.post.source import SourceState, SourceStatus
from misfin_tui.cli import doctor, doctor_sources
from misfin_tui.cli.doctor_sources import SourceReport, look_at_sources
from misfin_tui.config import load
from misfin_tui.paths import profile_at

ADA = Account("ada@mail.example", Kind.MISFIN, "ada@mail.example")
BEA = Account("bea@mail.example", Kind.MISFIN, "bea@mail.example")
WORK = Account("work", Kind.EMAIL, "ada@example.org")


@pytest.fixture
def profile(tmp_path):
    return profile_at(tmp_path / "profile")


def look(profile, *accounts, settings='[receive]\nlisten = ["127.0.0.1:0"]\n'):
    profile.root.mkdir(exist_ok=True)
    profile.config.write_text(settings)
    return list(look_at_sources(profile, load(profile.config), accounts))


def test_all_misfin_accounts_share_the_receiver(profile):
    (report,) = look(profile, ADA, BEA)
    assert report.status.account == ""
    assert report.status.state is SourceState.STOPPED
    assert "127.0.0.1:0 is free" in report.status.sentence


def test_a_receiver_at_work_is_reported_with_its_process(profile):
    lock = ReceiverLock(profile.runtime)
    try:
        lock.note((("127.0.0.1", 1958),))
        (report,) = look(profile, ADA)
    finally:
        lock.release()
    assert report.status.state is SourceState.RUNNING
    assert "127.0.0.1:1958" in report.status.sentence
    assert report.remedy == ""


def test_a_port_that_another_program_uses_has_a_remedy(profile):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        (report,) = look(profile, ADA, settings=f'[receive]\nlisten = ["127.0.0.1:{port}"]\n')
    assert report.status.state is SourceState.WAITING
    assert "choose another port" in report.remedy


def test_receiving_that_is_switched_off_is_one_report(profile):
    (report,) = look(profile, ADA, settings='[receive]\nenabled = false\nlisten = ["127.0.0.1:0"]\n')
    assert "receive.enabled is false" in report.status.sentence


def test_an_account_whose_kind_has_no_source_says_so_under_its_name(profile, monkeypatch):
    monkeypatch.setattr(doctor_sources, "CHECKS", {})
    (report,) = look(profile, WORK)
    assert (report.status.account, report.status.state) == ("work", SourceState.STOPPED)


def test_another_kind_adds_one_row_and_each_of_its_accounts_has_a_section(profile, monkeypatch):
    def mailboxes(_profile, _settings, accounts):
        for account in accounts:
            yield SourceReport(
                SourceStatus(account.name, SourceState.FAILED, "the password is wrong"), "Ask."
            )

    monkeypatch.setattr(doctor_sources, "CHECKS", {**doctor_sources.CHECKS, Kind.EMAIL: mailboxes})
    found = look(profile, WORK, ADA)
    assert [each.status.account for each in found] == ["", "work"]


def test_every_state_of_a_source_has_its_verdict():
    assert set(doctor.SOURCE_VERDICTS) == set(SourceState)
