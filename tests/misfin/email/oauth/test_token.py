"""What a provider answers becomes a token or a sentence, whatever it is."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from misfin.email.oauth import (
    OAUTH_PROVIDERS,
    OAuthError,
    OAuthRefusedError,
    OAuthUnavailableError,
    SignInAgainError,
    challenge,
    provider_of,
    read_token,
)
from misfin.email.providers import by_domain
from misfin.model.safetext import plain


def body(**values) -> bytes:
    return json.dumps({"access_token": "a.b-c_d", "token_type": "Bearer", **values}).encode()


def test_a_token_has_an_end():
    token = read_token(200, body(expires_in=3600, refresh_token="r"), now=1000.0)
    assert (token.access, token.refresh, token.expires_at) == ("a.b-c_d", "r", 4600.0)


@pytest.mark.parametrize(
    ("life", "seconds"),
    [
        ("3599", 3599),
        (3599.5, 3599.5),
        (None, 300),
        (0, 300),
        (-5, 300),
        (True, 300),
        ("soon", 300),
        ([1], 300),
        (float("inf"), 86400),
        (float("nan"), 300),
        (1e30, 86400),
        ("9" * 100, 86400),
    ],
)
def test_a_life_out_of_reason_is_put_right(life, seconds):
    assert read_token(200, body(expires_in=life), now=0.0).expires_at == seconds


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"null",
        b"<html>",
        b"[" * 100_000,
        b"\xff",
        body(access_token=""),
        body(access_token="a b"),
        body(access_token="a\r\nb"),
        body(access_token=5),
        body(access_token="x" * 20_000),
        body(token_type="mac"),
        body(token_type=None),
        body(refresh_token="r\n"),
        body(refresh_token={"a": 1}),
    ],
)
def test_an_answer_without_a_usable_token_can_be_tried_again(data):
    with pytest.raises(OAuthUnavailableError):
        read_token(200, data, now=0.0)


@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        (400, "invalid_grant", SignInAgainError),
        (400, "interaction_required", SignInAgainError),
        (401, "invalid_client", OAuthRefusedError),
        (400, "invalid_scope", OAuthRefusedError),
        (400, "whatever", OAuthRefusedError),
        (400, "temporarily_unavailable", OAuthUnavailableError),
        (503, "invalid_grant", OAuthUnavailableError),
        (429, "slow", OAuthUnavailableError),
        (400, "a b\x1b", OAuthUnavailableError),
        (400, 5, OAuthUnavailableError),
        (302, None, OAuthUnavailableError),
    ],
)
def test_a_refusal_says_what_to_do(status, error, kind):
    with pytest.raises(kind):
        read_token(status, json.dumps({"error": error}).encode(), now=0.0)


def test_the_words_of_a_provider_cannot_act_on_the_terminal():
    said = "Bad\x1b[2J\u202e client " + "x" * 10_000
    with pytest.raises(OAuthRefusedError) as caught:
        read_token(400, json.dumps({"error": "odd", "error_description": said}).encode(), now=0.0)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 300


def test_a_token_does_not_show_itself():
    token = read_token(200, body(refresh_token="secret-refresh"), now=0.0)
    assert "a.b-c_d" not in repr(token)
    assert "secret-refresh" not in repr(token)


@given(
    st.integers(100, 599),
    st.binary(max_size=80)
    | st.dictionaries(
        st.sampled_from(
            ["access_token", "token_type", "expires_in", "refresh_token", "error", "error_description"]
        ),
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.just("bearer"),
    ).map(lambda values: json.dumps(values).encode()),
)
def test_any_answer_is_a_token_or_one_kind_of_error(status, data):
    try:
        token = read_token(status, data, now=0.0)
    except OAuthError as error:
        assert plain(str(error), one_line=True) == str(error)  # there is nothing left to make safe
        return
    assert 0 < token.expires_at <= 86400
    assert token.access.isprintable()


def test_the_challenge_is_that_of_the_standard():
    """RFC 7636, appendix B."""
    assert challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk") == (
        "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
    )


def test_every_provider_speaks_https_and_knows_the_servers_that_finding_gives():
    for each in OAUTH_PROVIDERS:
        for url in (each.authorize, each.token, each.device):
            assert url.startswith("https://") or not url
    for domain in ("gmail.com", "outlook.com"):
        known = by_domain(domain)
        assert provider_of(known.incoming.host) is provider_of(known.outgoing.host) is not None
    assert provider_of("imap.example.org") is None
