"""A small OAuth provider on loopback: codes with PKCE, refresh tokens that rotate, device codes."""

from __future__ import annotations

import contextlib
import hashlib
import json
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from urllib.parse import parse_qs, urlencode, urlsplit

from namedpeers import Hosts, https_server, ok, tls_for

from misfin.email.http import HttpsClient
from misfin.email.oauth import OAuthClient, OAuthProvider, TokenEndpoint

HOST = "login.example"
_EXAMPLE = OAuthProvider("Example", "", "", ("mail.all", "offline"))
CLIENT = OAuthClient("client-1", "not a secret")


def answer(status: int, **values: object) -> bytes:
    body = json.dumps(values).encode()
    if status == 200:
        return ok(body, Content_Type="application/json")
    return f"HTTP/1.1 {status} No\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


@dataclass
class LocalProvider:
    """What it has given out, and how it answers next: first what is ``scripted`` for the token endpoint."""

    codes: dict[str, str] = field(default_factory=dict)
    redirects: dict[str, str] = field(default_factory=dict)
    refresh_tokens: set[str] = field(default_factory=set)
    rotates: bool = True
    life: object = 3600
    scripted: list[bytes] = field(default_factory=list)
    entered: bool = False
    interval: object = 5
    forms: list[dict[str, str]] = field(default_factory=list)
    count: int = 0
    clock: float = 1000.0
    port: int = 0
    provider: OAuthProvider = _EXAMPLE

    @contextlib.asynccontextmanager
    async def running(self, *, tls: bool = True) -> AsyncIterator[TokenEndpoint]:
        """Serve, over HTTPS or (only on loopback) HTTP; a client that knows where."""
        async with https_server(self._answer, tls_for(HOST)[0] if tls else None) as self.port:
            base = f"https://{HOST}" if tls else f"http://127.0.0.1:{self.port}"
            self.provider = replace(
                self.provider, authorize=f"{base}/authorize", token=f"{base}/token", device=f"{base}/device"
            )
            reach = Hosts({(HOST, 443): self.port, ("127.0.0.1", self.port): self.port})
            http = HttpsClient(context=tls_for(HOST)[1], reach=reach, plain_loopback=not tls)
            yield TokenEndpoint(self.provider, CLIENT, http, clock=lambda: self.clock)

    def allow(self, url: str) -> str:
        """What the browser is sent to after the person has agreed at ``url``."""
        asked = {name: value[0] for name, value in parse_qs(urlsplit(url).query).items()}
        assert asked["response_type"] == "code"
        assert asked["code_challenge_method"] == "S256"
        assert asked["scope"] == "mail.all offline"
        code = f"code-{len(self.codes)}"
        self.codes[code] = asked["code_challenge"]
        self.redirects[code] = asked["redirect_uri"]
        return f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}"

    def _answer(self, host: str, path: str, body: bytes) -> bytes:
        form = {name: value[0] for name, value in parse_qs(body.decode()).items()}
        self.forms.append(form)
        if form.get("client_id") != CLIENT.id or form.get("client_secret") != CLIENT.secret:
            return answer(401, error="invalid_client")
        if path == "/device":
            return answer(
                200,
                device_code="device-1",
                user_code="WDJB-MJHT",
                verification_uri=f"https://{HOST}/enter",
                expires_in=600,
                interval=self.interval,
            )
        if self.scripted:
            return self.scripted.pop(0)
        match form["grant_type"]:
            case "authorization_code":
                return self._exchange(form)
            case "refresh_token":
                return self._refresh(form["refresh_token"])
            case "urn:ietf:params:oauth:grant-type:device_code":
                return self._token() if self.entered else answer(400, error="authorization_pending")
        return answer(400, error="unsupported_grant_type")

    def _exchange(self, form: dict[str, str]) -> bytes:
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        proof = urlsafe_b64encode(digest).decode().rstrip("=")
        good = self.codes.pop(form["code"], None) == proof
        if not good or self.redirects.pop(form["code"]) != form["redirect_uri"]:
            return answer(400, error="invalid_grant")
        return self._token()

    def _refresh(self, token: str) -> bytes:
        if token not in self.refresh_tokens:
            return answer(400, error="invalid_grant", error_description="Token has been revoked.")
        if not self.rotates:
            self.count += 1
            return answer(200, access_token=f"a{self.count}", token_type="Bearer", expires_in=self.life)
        self.refresh_tokens.discard(token)
        return self._token()

    def _token(self) -> bytes:
        self.count += 1
        self.refresh_tokens.add(f"r{self.count}")
        return answer(
            200,
            access_token=f"a{self.count}",
            refresh_token=f"r{self.count}",
            token_type="bearer",
            expires_in=self.life,
        )
