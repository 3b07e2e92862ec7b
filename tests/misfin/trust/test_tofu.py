"""The trust decision: each state of docs/protocol.md §5.2, and the remarks beside it."""

from datetime import UTC, datetime, timedelta

import pytest
from certificates import build

from misfin.trust.pinfile import new_pin
from misfin.trust.tofu import Decision, PinKind, Remark, decide, pin_name

NOW = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
SHOWN = build(key="k").info


def pin(info):
    return new_pin(PinKind.HOST, "mail.example:1958", info, how="test", now=0.0, uses=1)


def test_nobody_knows_a_host_the_first_time():
    assert decide(None, SHOWN, NOW.timestamp()).decision is Decision.FIRST_USE


def test_the_same_certificate_is_trusted():
    assert decide(pin(SHOWN), SHOWN, NOW.timestamp()).decision is Decision.TRUSTED


def test_the_same_key_in_another_certificate_is_a_renewal():
    other = build(key="k", serial=2).info
    assert decide(pin(other), SHOWN, NOW.timestamp()).decision is Decision.RENEWED


def test_another_key_is_a_change_whatever_the_names_say():
    verdict = decide(pin(build().info), SHOWN, NOW.timestamp())
    assert verdict.decision is Decision.CHANGED
    assert verdict.remarks == set()


def test_a_change_after_the_pinned_certificate_expired_is_still_a_change_but_remarked():
    old = build(start=NOW - 2 * DAY, end=NOW - DAY).info
    verdict = decide(pin(old), SHOWN, NOW.timestamp())
    assert verdict.decision is Decision.CHANGED
    assert verdict.remarks == {Remark.PIN_EXPIRED}


@pytest.mark.parametrize(
    ("start", "end", "remarks"),
    [
        (NOW - 2 * DAY, NOW - DAY, {Remark.EXPIRED}),
        (NOW + DAY, NOW + 2 * DAY, {Remark.NOT_YET_VALID}),
        (NOW - DAY, NOW + DAY, set()),
    ],
)
def test_dates_are_remarks_and_no_reason_to_distrust(start, end, remarks):
    info = build(start=start, end=end).info
    verdict = decide(pin(info), info, NOW.timestamp())
    assert verdict.decision is Decision.TRUSTED
    assert verdict.remarks == remarks


def test_a_certificate_for_another_host_is_remarked():
    assert decide(None, SHOWN, NOW.timestamp(), host="mail.example").remarks == set()
    assert decide(None, SHOWN, NOW.timestamp(), host="else.example").remarks == {Remark.HOST_MISMATCH}


@pytest.mark.parametrize(
    ("host", "name"),
    [("Mail.Example", "mail.example:1958"), ("[::1]", "[::1]:1958"), ("::1", "[::1]:1958")],
)
def test_the_name_of_a_host_pin(host, name):
    assert pin_name(host, 1958) == name
