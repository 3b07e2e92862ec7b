"""An account that signed in with OAuth sends with access tokens, and says what to do when those end."""

from __future__ import annotations

from base64 import b64decode

import pytest
from aiosmtpd.smtp import AuthResult
from emailpost import EmailDesk
from oauthpeer import CLIENT, LocalProvider, answer
from ring import MemoryKeyring, use_keyring
from smtppeers import Inbox, aiosmtpd

from misfin.email import secrets
from misfin.email.account import Login, OAuthServer, SecretPlace, SecretRef
from misfin.store.outgoing.deliveries import Question
from misfin.store.outgoing.outbox import DeliveryState

ENTRY = ("misfin-tui", "work:refresh-token")


class TokenInbox(Inbox):
    """A server that knows the access tokens in ``good``."""

    def __init__(self, good: set[str]) -> None:
        super().__init__()
        self.good = good

    async def auth_XOAUTH2(self, server, args) -> AuthResult:
        user, bearer, *_ = b64decode(args[1]).decode().split("\x01")
        good = user == "user=ada" and bearer.removeprefix("auth=Bearer ") in self.good
        return AuthResult(success=good, handled=False)


class OAuthDesk(EmailDesk):
    """Logs in with what is really kept for the account."""

    async def credentials(self, account, server):
        return await secrets.credentials(account, server)


@pytest.fixture
def ring():
    with use_keyring(MemoryKeyring()) as backend:
        backend.set_password(*ENTRY, "r0")
        yield backend


@pytest.fixture
def desk(tmp_path, ring, monkeypatch):
    monkeypatch.setenv("CLIENT_SECRET", CLIENT.secret)
    desk = OAuthDesk(
        tmp_path,
        login=Login.OAUTH,
        client_id=CLIENT.id,
        client_secret=SecretRef(SecretPlace.ENV, "CLIENT_SECRET"),
    )
    yield desk
    desk.close()


def sign_in_at(desk: EmailDesk, local: LocalProvider) -> dict[str, object]:
    provider = local.provider
    return {"oauth": OAuthServer(provider.authorize, provider.token, "mail.all", provider.device)}


async def send(desk: EmailDesk, local: LocalProvider, inbox: TokenInbox):
    async with aiosmtpd(inbox, auth_require_tls=False) as port:
        desk.account = desk.account.__class__(**{**_fields(desk), **sign_in_at(desk, local)})
        desk.at(port)
        desk.put("bea@example.org")
        return (await desk.run())[-1]


def _fields(desk: EmailDesk) -> dict[str, object]:
    return {name: getattr(desk.account, name) for name in desk.account.__slots__}


async def test_a_message_goes_out_with_a_token_and_the_new_refresh_token_is_kept(desk, ring):
    local = LocalProvider(refresh_tokens={"r0"})
    async with local.running(tls=False):
        row = await send(desk, local, TokenInbox({"a1"}))
    assert row.state is DeliveryState.ACCEPTED
    assert ring.kept[ENTRY] == "r1"


async def test_a_token_the_server_refuses_is_not_used_again(desk, ring):
    local = LocalProvider(refresh_tokens={"r0"})
    async with local.running(tls=False):
        first = await send(desk, local, TokenInbox(set()))
        assert (first.state, first.question) == (DeliveryState.HELD, Question.ACCOUNT)
        second = await send(desk, local, TokenInbox({"a2"}))
    assert second.state is DeliveryState.ACCEPTED


async def test_a_revoked_sign_in_holds_the_message_and_says_what_to_do(desk, ring):
    local = LocalProvider()
    async with local.running(tls=False):
        row = await send(desk, local, TokenInbox(set()))
    assert (row.state, row.question) == (DeliveryState.HELD, Question.ACCOUNT)
    assert "misfin-tui account login work" in row.why


async def test_a_provider_that_is_away_is_tried_again_later(desk, ring):
    local = LocalProvider(refresh_tokens={"r0"}, scripted=[answer(503)])
    async with local.running(tls=False):
        row = await send(desk, local, TokenInbox(set()))
    assert row.state is DeliveryState.DEFERRED
