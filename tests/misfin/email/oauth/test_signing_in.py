"""A person signs in at a real provider on loopback, by a browser that comes back and by a device code."""

import asyncio
import json
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest
from oauthpeer import CLIENT, LocalProvider, answer

from misfin.email.http import HttpsClient
from misfin.email.oauth import (
    LoopbackRedirect,
    OAuthClient,
    OAuthError,
    OAuthRefusedError,
    OAuthUnavailableError,
    SignInAgainError,
    sign_in_with_browser,
    sign_in_with_code,
)

BROWSER = HttpsClient(plain_loopback=True, timeout=60.0)


async def browse(local, endpoint, change=lambda url: url, **how):
    """Sign in with a browser that follows where the provider sends it; the token, and the page it got."""
    pages = []

    async def browser(url):
        pages.append(await BROWSER.get(change(local.allow(url))))

    tasks = []
    token = await sign_in_with_browser(
        endpoint, lambda url: tasks.append(asyncio.create_task(browser(url))), **how
    )
    await asyncio.gather(*tasks)
    return token, pages[0]


@pytest.mark.parametrize("tls", [True, False])
async def test_a_browser_brings_the_code_and_the_code_becomes_a_token(tls):
    local = LocalProvider()
    async with local.running(tls=tls) as endpoint:
        token, page = await browse(local, endpoint, address="ada@example.org")
    assert (token.access, token.refresh, token.expires_at) == ("a1", "r1", 4600.0)
    assert page.status == 200
    assert page.body.startswith(b"Thank you")
    assert page.fields["content-type"] == "text/plain; charset=utf-8"
    assert local.forms[0]["redirect_uri"].startswith("http://127.0.0.1:")


async def test_localhost_is_named_where_the_provider_wants_it():
    local = LocalProvider()
    async with local.running() as endpoint:
        endpoint = replace(endpoint, provider=replace(endpoint.provider, redirect_host="localhost"))
        token, _ = await browse(local, endpoint, lambda url: url.replace("localhost", "127.0.0.1"))
    assert token.access == "a1"
    assert local.forms[0]["redirect_uri"].startswith("http://localhost:")


async def test_the_url_carries_what_the_standards_ask_for_and_no_secret():
    shown = []
    local = LocalProvider()
    async with local.running() as endpoint:
        with pytest.raises(OAuthError, match="Nobody signed in"):
            await sign_in_with_browser(endpoint, shown.append, address="ada@example.org", timeout=0.05)
    query = parse_qs(urlsplit(shown[0]).query)
    assert query["login_hint"] == ["ada@example.org"]
    assert len(query["state"][0]) >= 32
    assert len(query["code_challenge"][0]) == 43
    assert CLIENT.secret not in shown[0]
    assert CLIENT.secret not in repr(endpoint)


async def test_a_person_who_declines_is_an_error_in_plain_words():
    local = LocalProvider()

    def declined(url):
        state = parse_qs(urlsplit(url).query)["state"][0]
        return f"{url.split('?')[0]}?error=access_denied&state={state}"

    async with local.running() as endpoint:
        with pytest.raises(OAuthRefusedError, match="declined"):
            await browse(local, endpoint, declined)


async def test_a_client_the_provider_does_not_know_says_what_to_check():
    local = LocalProvider()
    async with local.running() as endpoint:
        with pytest.raises(OAuthRefusedError) as caught:
            await browse(local, replace(endpoint, client=OAuthClient("wrong")))
    assert "client_id" in caught.value.remedy


async def test_access_without_a_refresh_token_is_not_taken_for_a_sign_in():
    local = LocalProvider(scripted=[answer(200, access_token="a", token_type="bearer")])
    async with local.running() as endpoint:
        with pytest.raises(SignInAgainError):
            await browse(local, endpoint)


# ---- who else knocks at the loopback address


async def knock(uri: str, data: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(uri).port)
    writer.write(data)
    try:
        return await asyncio.wait_for(reader.read(), 60)
    finally:
        writer.close()


@pytest.mark.parametrize(
    "request_line",
    [
        "GET /?code=evil&state=wrong HTTP/1.1",
        "GET /?code=evil HTTP/1.1",
        "GET /?code=evil&state=right&state=right HTTP/1.1",
        "GET /?state=right HTTP/1.1",
        "GET /?code=&state=right HTTP/1.1",
        "GET /?error=access_denied&state=wrong HTTP/1.1",
        "GET /?code=evil&state=right%00 HTTP/1.1",
        "GET /other?code=evil&state=right HTTP/1.1",
        "GET /favicon.ico HTTP/1.1",
        "GET / HTTP/1.1",
        "POST /?code=evil&state=right HTTP/1.1",
        "HEAD /?code=evil&state=right HTTP/1.1",
        "GET http://127.0.0.1/?code=evil&state=right HTTP/1.1",
        "GET /?code=evil&state=right",
        "GET /?" + "&".join(f"a{n}=1" for n in range(50)) + "&code=evil&state=right HTTP/1.1",
        "\x16\x03\x01",
    ],
)
async def test_only_the_right_state_counts_and_the_wait_goes_on(request_line):
    async with LoopbackRedirect("right") as redirect:
        page = await knock(redirect.uri, f"{request_line}\r\nHost: x\r\n\r\n".encode())
        assert page.startswith(b"HTTP/1.1 404")
        assert b"evil" not in page
        assert (await BROWSER.get(f"{redirect.uri}?code=good&state=right")).status == 200
        assert await redirect.code(60) == "good"


async def test_a_second_answer_changes_nothing():
    async with LoopbackRedirect("right") as redirect:
        await BROWSER.get(f"{redirect.uri}?code=good&state=right")
        assert (await BROWSER.get(f"{redirect.uri}?code=evil&state=right")).status == 404
        assert await redirect.code(60) == "good"


async def test_endless_and_silent_visitors_do_not_keep_the_browser_out():
    async with LoopbackRedirect("right") as redirect:
        port = urlsplit(redirect.uri).port
        silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(8)]
        assert await knock(redirect.uri, b"GET /?" + b"x" * 100_000) == b""
        assert (await BROWSER.get(f"{redirect.uri}?code=good&state=right")).status == 200
        for _, writer in silent:
            writer.close()
        assert await redirect.code(60) == "good"


async def test_nobody_outside_of_this_machine_can_knock():
    async with LoopbackRedirect("right", "localhost") as redirect:
        names = {sock.getsockname()[0] for server in redirect._servers for sock in server.sockets}
    assert names <= {"127.0.0.1", "::1"}


# ---- device codes


async def with_code(local, endpoint, script):
    """Sign in by a code; ``script`` runs at each pause. The token, the code shown, and the pauses."""
    shown, pauses = [], []

    async def sleep(seconds):
        pauses.append(seconds)
        local.clock += seconds
        script(len(pauses))

    token = await sign_in_with_code(endpoint, shown.append, sleep=sleep)
    return token, shown[0], pauses


async def test_a_code_entered_elsewhere_becomes_a_token():
    local = LocalProvider(interval=7)

    def script(pause):
        local.entered = pause == 3

    async with local.running() as endpoint:
        token, code, pauses = await with_code(local, endpoint, script)
    assert token.refresh == "r1"
    assert (code.user_code, code.url) == ("WDJB-MJHT", "https://login.example/enter")
    assert pauses == [7, 7, 7]
    assert "device-1" not in repr(code)


async def test_the_provider_can_ask_for_longer_pauses_and_be_away_for_a_while():
    local = LocalProvider()
    local.scripted = [answer(400, error="slow_down"), answer(503, error="x"), answer(400, error="slow_down")]

    def script(pause):
        local.entered = pause == 4

    async with local.running() as endpoint:
        _, _, pauses = await with_code(local, endpoint, script)
    assert pauses == [5, 10, 20, 25]


@pytest.mark.parametrize("error", ["access_denied", "expired_token"])
async def test_a_declined_or_expired_code_ends_the_waiting(error):
    local = LocalProvider(scripted=[answer(400, error=error)])
    async with local.running() as endpoint:
        with pytest.raises(OAuthRefusedError) as caught:
            await with_code(local, endpoint, lambda _: None)
    assert caught.value.code == error


async def test_nobody_waits_for_a_code_longer_than_it_lasts():
    local = LocalProvider(interval=100)
    async with local.running() as endpoint:
        with pytest.raises(OAuthRefusedError) as caught:
            await with_code(local, endpoint, lambda _: None)
    assert caught.value.code == "expired_token"


async def test_a_provider_without_device_codes_says_so():
    local = LocalProvider()
    async with local.running() as endpoint:
        with pytest.raises(OAuthUnavailableError, match="no device codes"):
            await sign_in_with_code(replace(endpoint, provider=replace(endpoint.provider, device="")), print)


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"device_code": "d", "user_code": "u", "verification_uri": "javascript:alert(1)"},
        {"device_code": "d", "user_code": "u", "verification_uri": "http://login.example/"},
        {"device_code": "d", "user_code": "u", "verification_uri": "https://login.example/\x1b[2J"},
        {"device_code": "d", "user_code": "", "verification_uri": "https://login.example/"},
        {"device_code": 1, "user_code": "u", "verification_uri": "https://login.example/"},
    ],
)
async def test_a_code_that_leads_nowhere_is_not_shown(values, monkeypatch):
    local = LocalProvider()
    monkeypatch.setattr(local, "_answer", lambda *_: answer(200, **values))
    async with local.running() as endpoint:
        with pytest.raises(OAuthUnavailableError):
            await endpoint.begin_device()


async def test_what_a_provider_calls_its_code_cannot_act_on_the_terminal(monkeypatch):
    local = LocalProvider()
    values = {"device_code": "d", "user_code": "A\x1b[2JB", "verification_uri": "https://login.example/"}
    monkeypatch.setattr(local, "_answer", lambda *_: answer(200, **values))
    async with local.running() as endpoint:
        assert (await endpoint.begin_device()).user_code.isprintable()
    assert json.dumps(values)
