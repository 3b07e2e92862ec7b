"""What a token endpoint answers (RFC 6749 §5): a token, or why there is none. Pure."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field

from misfin.errors import LocalError, MisfinError, RemoteError
from misfin.model.safetext import plain

_TOKEN = re.compile(r"[!-~]{1,16384}")
_CODE = re.compile(r"[!-~]{1,60}")
_UNSAID = 300.0
"""Seconds that a token is used whose life the provider does not state."""
_LONGEST = 86_400.0
_SHOWN = 200  # characters of a provider's own words


class OAuthError(MisfinError):
    """Signing in, or a token after that, did not succeed. Nothing was sent to a mail server."""


class OAuthUnavailableError(OAuthError, RemoteError):
    """The provider cannot be reached or does not answer properly: it can be tried again later."""

    remedy = "Try again later."


class SignInAgainError(OAuthError, LocalError):
    """The provider no longer takes the refresh token: it was revoked, is too old, or never was there."""


class OAuthRefusedError(OAuthError, LocalError):
    """The provider refuses; ``code`` is its reason as RFC 6749 or RFC 8628 name it."""

    def __init__(self, message: str, code: str, *, remedy: str = "") -> None:
        super().__init__(message, remedy=remedy)
        self.code = code


@dataclass(frozen=True, slots=True)
class Token:
    """An access token, good until ``expires_at`` (Unix seconds); ``refresh`` is empty where none came."""

    access: str = field(repr=False)
    expires_at: float
    refresh: str = field(default="", repr=False)


_SIGN_IN_AGAIN = frozenset({"invalid_grant", "interaction_required", "login_required", "consent_required"})
_SENTENCES = {
    "access_denied": ("The sign-in was declined.", "Start again, and allow access to your mail."),
    "expired_token": ("Nobody entered the code in time.", "Start again."),
    "invalid_client": ("The provider does not know this client.", "Check client_id and client_secret."),
    "unauthorized_client": (
        "This client may not sign in this way.",
        "Check how it is registered.",
    ),
    "invalid_scope": (
        "This client may not read and send mail.",
        "Add these permissions where it is registered.",
    ),
}


def read_token(status: int, body: bytes, now: float) -> Token:
    """The token in an answer that came at ``now`` (Unix seconds).

    Raises :class:`SignInAgainError`, :class:`OAuthRefusedError` or :class:`OAuthUnavailableError`.
    """
    values = read_values(status, body)
    access, kind = values.get("access_token"), values.get("token_type")
    if not (isinstance(access, str) and _TOKEN.fullmatch(access)):
        raise OAuthUnavailableError("The provider's answer holds no access token.")
    if not (isinstance(kind, str) and kind.lower() == "bearer"):
        raise OAuthUnavailableError("The provider's token is not a bearer token.")
    refresh = values.get("refresh_token", "")
    if refresh and not (isinstance(refresh, str) and _TOKEN.fullmatch(refresh)):
        raise OAuthUnavailableError("The provider's refresh token cannot be used.")
    return Token(access, now + seconds(values.get("expires_in"), _UNSAID), str(refresh))


def read_values(status: int, body: bytes) -> dict[str, object]:
    """The values of a JSON answer. Raises as :func:`read_token`."""
    try:
        values = json.loads(body)
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, dict):
        raise OAuthUnavailableError(f"The provider's answer (status {status}) cannot be understood.")
    if status != 200:
        _refuse(status, values)
    return values


def _refuse(status: int, values: dict[str, object]) -> None:
    code = values.get("error")
    if not (isinstance(code, str) and _CODE.fullmatch(code)) or status == 429 or status >= 500:
        raise OAuthUnavailableError(f"The provider cannot answer at the moment (status {status}).")
    raise refusal(code, values.get("error_description"))


def refusal(code: str, description: object = "") -> OAuthError:
    """The exception for an error code of a provider; what it says itself is a stranger's text."""
    if code in _SIGN_IN_AGAIN:
        return SignInAgainError("The provider no longer accepts the earlier sign-in.")
    if code in {"temporarily_unavailable", "server_error"}:
        return OAuthUnavailableError("The provider cannot answer at the moment.")
    sentence, remedy = _SENTENCES.get(code, (f"The provider refuses ({shown(code)}).", ""))
    said = shown(description) if isinstance(description, str) else ""
    return OAuthRefusedError(f"{sentence} It says: {said}" if said else sentence, code, remedy=remedy)


def seconds(value: object, otherwise: float) -> float:
    """A number of seconds in an answer, within reason."""
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value[:12])  # Microsoft's older endpoints quote it
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
        return otherwise
    return float(min(value, _LONGEST))


def shown(text: str) -> str:
    """A provider's words, shortened and harmless on a terminal."""
    return plain(" ".join(text[: _SHOWN * 2].split())[:_SHOWN], one_line=True)
