"""Access tokens come from memory while they are good; a new refresh token is kept before anything else."""

import asyncio

import pytest
from oauthpeer import LocalProvider, answer

from misfin.email.oauth import OAuthUnavailableError, SignInAgainError, TokenSource
from misfin.email.sasl import Conversation, OAuthBearerAuthenticator
from misfin.errors import StoreError


class Ring:
    """Where the refresh token is kept."""

    def __init__(self, token: str) -> None:
        self.token = token
        self.loads = 0
        self.broken = False

    async def load(self) -> str:
        self.loads += 1
        return self.token

    async def store(self, token: str) -> None:
        if self.broken:
            raise StoreError("The keyring is locked.")
        self.token = token


def source(endpoint, ring) -> TokenSource:
    return TokenSource(endpoint, "work", load=ring.load, store=ring.store)


async def test_a_token_is_kept_until_shortly_before_its_end():
    local, ring = LocalProvider(refresh_tokens={"r0"}), Ring("r0")
    async with local.running() as endpoint:
        get = source(endpoint, ring)
        assert [await get(), await get()] == ["a1", "a1"]
        local.clock += 3600 - 121
        assert await get() == "a1"
        local.clock += 2
        assert await get() == "a2"
    assert ring.token == "r2"


async def test_a_provider_that_keeps_its_refresh_token_gets_the_same_again():
    local, ring = LocalProvider(refresh_tokens={"r0"}, rotates=False), Ring("r0")
    async with local.running() as endpoint:
        get = source(endpoint, ring)
        await get()
        get.forget()
        assert await get() == "a2"
    assert ring.token == "r0"


async def test_many_who_wait_cost_one_request():
    local, ring = LocalProvider(refresh_tokens={"r0"}), Ring("r0")
    async with local.running() as endpoint:
        get = source(endpoint, ring)
        assert set(await asyncio.gather(*(get() for _ in range(20)))) == {"a1"}
    assert len(local.forms) == 1


async def test_who_gives_up_waiting_does_not_lose_the_new_refresh_token():
    local, ring = LocalProvider(refresh_tokens={"r0"}), Ring("r0")
    async with local.running() as endpoint:
        get = source(endpoint, ring)
        impatient = asyncio.create_task(get())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        impatient.cancel()
        with pytest.raises(asyncio.CancelledError):
            await impatient
        assert await get() == "a1"
    assert ring.token == "r1"
    assert len(local.forms) == 1


async def test_a_refresh_token_that_another_process_renewed_is_used():
    local, ring = LocalProvider(refresh_tokens={"r0"}), Ring("r0")
    async with local.running() as endpoint:
        one, other = source(endpoint, ring), source(endpoint, ring)
        assert [await one(), await other()] == ["a1", "a2"]
        local.clock += 4000
        assert [await one(), await other()] == ["a3", "a4"]


async def test_a_revoked_account_says_how_to_sign_in_again():
    ring = Ring("revoked")
    async with LocalProvider().running() as endpoint:
        with pytest.raises(SignInAgainError) as caught:
            await source(endpoint, ring)()
    assert caught.value.remedy == "Sign in again: misfin-tui account login work"
    assert ring.token == "revoked"


async def test_nobody_signed_in_yet_says_the_same_without_asking():
    local = LocalProvider()
    async with local.running() as endpoint:
        with pytest.raises(SignInAgainError, match="Nobody has signed in"):
            await source(endpoint, Ring(""))()
    assert local.forms == []


async def test_a_provider_that_is_away_is_no_reason_to_drop_a_token_that_is_still_good():
    local, ring = LocalProvider(refresh_tokens={"r0"}), Ring("r0")
    async with local.running() as endpoint:
        get = source(endpoint, ring)
        await get()
        local.clock += 3600 - 60
        local.scripted = [answer(503, error="x")]
        assert await get() == "a1"
        local.clock += 61
        local.scripted = [answer(503, error="x")]
        with pytest.raises(OAuthUnavailableError):
            await get()
        assert await get() == "a2"


async def test_a_refresh_token_that_cannot_be_kept_is_an_error_until_it_is():
    local, ring = LocalProvider(refresh_tokens={"r0"}), Ring("r0")
    async with local.running() as endpoint:
        get = source(endpoint, ring)
        ring.broken = True
        for _ in range(2):
            with pytest.raises(StoreError):
                await get()
        ring.broken = False
        assert await get() == "a1"
    assert ring.token == "r1"
    assert len(local.forms) == 1  # nothing was asked for twice


async def test_it_is_what_a_log_in_asks_for_its_token():
    local, ring = LocalProvider(refresh_tokens={"r0"}), Ring("r0")
    async with local.running() as endpoint:
        log_in = Conversation(OAuthBearerAuthenticator("ada", source(endpoint, ring)))
        assert await log_in.start()
        await log_in.close()
