"""Status codes: every row of the table in docs/protocol.md §2."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from misfin.model.status import (
    DEFAULT_DELAY,
    MAX_DELAY,
    Advice,
    StatusCode,
    advice,
    delay_of,
    explain,
    interpret_status,
    is_auth_failure,
    is_error,
    is_redirect,
    is_success,
)

TABLE = {
    10: Advice.VIOLATION,
    20: Advice.DELIVERED,
    30: Advice.REDIRECT_ONCE,
    31: Advice.REDIRECT_ALWAYS,
    40: Advice.RETRY,
    41: Advice.RETRY,
    42: Advice.RETRY,
    43: Advice.RETRY,
    44: Advice.WAIT,
    45: Advice.RETRY_SLOWLY,
    50: Advice.STOP,
    51: Advice.STOP,
    52: Advice.STOP,
    53: Advice.STOP,
    59: Advice.STOP,
    60: Advice.NEED_IDENTITY,
    61: Advice.STOP,
    62: Advice.STOP,
    63: Advice.STOP,
    64: Advice.STOP,
    # unknown ones, by their first digit
    29: Advice.DELIVERED,
    39: Advice.REDIRECT_ONCE,
    47: Advice.RETRY,
    58: Advice.STOP,
    69: Advice.STOP,
    70: Advice.VIOLATION,
    99: Advice.VIOLATION,
    0: Advice.VIOLATION,
}


@pytest.mark.parametrize(("status", "expected"), TABLE.items())
def test_advice_follows_the_table(status, expected):
    assert advice(status) is expected


@pytest.mark.parametrize("status", TABLE)
def test_every_status_is_explained_by_what_happened_and_what_to_do(status):
    text = explain(status, "")
    assert text.endswith(".")
    assert text[0].isupper()
    assert interpret_status(status)


def test_an_explanation_repeats_the_words_of_the_server_without_control_characters():
    assert explain(51, "\x1b[2Jgone").endswith("The server says: 51 [2Jgone")
    assert "says" not in explain(51, " \x07")
    assert explain(20, "ab" * 32) == "The message was delivered."
    assert explain(20, "Subscribed") == "The message was delivered. The server says: 20 Subscribed"


def test_every_known_code_has_words_and_a_class():
    for code in StatusCode:
        assert interpret_status(code) != interpret_status(code // 10 * 10 + 8)
        classes = [is_success(code), is_redirect(code), is_error(code), is_auth_failure(code)]
        assert classes.count(True) == 1
    assert interpret_status(99) == "Unknown"
    assert StatusCode.MESSAGE_DELIVERED is StatusCode.SUCCESS


@pytest.mark.parametrize(
    ("meta", "seconds"),
    [
        ("Slow Down. Retry after 30s", 30),
        ("120", 120),
        (" 120 ", 120),
        ("later", DEFAULT_DELAY),
        ("", DEFAULT_DELAY),
        ("2 min", 120),
        ("2m", 120),
        ("2 minutes", 120),
        ("1 MINUTE", 60),
        ("wait 90 seconds, or 2 minutes", 90),
        ("1 sec", 1),
        ("99999", MAX_DELAY),
        ("0", 1),
        ("000", 1),
        ("0s", 1),
        ("-5", DEFAULT_DELAY),
        ("5 minutiae", DEFAULT_DELAY),
        ("5 sheep, 7 s", 7),
        ("9" * 5000, MAX_DELAY),
        ("9" * 5000 + " min", MAX_DELAY),
        ("0" * 5000 + "7", 7),
        ("١٢", DEFAULT_DELAY),
    ],
)
def test_the_delay_of_a_44(meta, seconds):
    assert delay_of(meta) == seconds


@given(st.text())
def test_any_delay_is_within_its_bounds(meta):
    assert 1 <= delay_of(meta) <= MAX_DELAY


@pytest.mark.parametrize(
    "meta", ["1" * 200_000 + "x", "1 " * 100_000, "1" + " " * 200_000 + "x"], ids=range(3)
)
def test_reading_a_delay_is_linear(meta):
    """No time at all; a quadratic reader would need minutes."""
    delay_of(meta)
