"""``account login``: a person signs in at a provider on loopback, and the account has tokens after that."""

from __future__ import annotations

import asyncio
import io
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pytest
from keyring.backends import fail
from oauthpeer import CLIENT, LocalProvider, answer
from ring import MemoryKeyring, use_keyring

from misfin.email import secrets
from misfin.email.http import HttpsClient
from misfin.email.oauth import SignInAgainError
from misfin.email.secrets import forget_access_token
from misfin_tui import config
from misfin_tui.cli import main
from misfin_tui.config.email import email_account

ENTRY = ("misfin-tui", "work:refresh-token")


@pytest.fixture
def ring() -> Iterator[MemoryKeyring]:
    with use_keyring(MemoryKeyring()) as backend:
        yield backend


class Lines(io.StringIO):
    """Standard output that calls ``seen`` with each line."""

    def __init__(self, seen: Callable[[str], None]) -> None:
        super().__init__()
        self._seen = seen

    def write(self, text: str) -> int:
        if text.strip():
            self._seen(text.strip())
        return super().write(text)


def settings(root: Path, local: LocalProvider) -> config.Config:
    """A profile with one account that signs in at the local provider."""
    provider = local.provider
    text = (
        '[accounts.work]\nkind = "email"\naddress = "ada@example.org"\nauth = "oauth"\n'
        f'imap = "imaps://imap.example.org"\nclient_id = "{CLIENT.id}"\n'
        f'client_secret = {{ command = "{sys.executable} -c \'print(\\"{CLIENT.secret}\\")\'" }}\n'
        f'oauth = {{ authorize = "{provider.authorize}", token = "{provider.token}", '
        f'device = "{provider.device}", scopes = "mail.all offline" }}\n'
    )
    root.mkdir(mode=0o700)
    (root / "config.toml").write_text(text)
    return config.load(root / "config.toml")


async def run(root: Path, *words: str, seen: Callable[[str], None]) -> tuple[int, str, str]:
    """The command in a thread, as its process would run it; ``seen`` gets its lines in this loop."""
    loop = asyncio.get_running_loop()
    out = Lines(lambda line: loop.call_soon_threadsafe(seen, line) and None)
    err = io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        status = await asyncio.to_thread(main, ["--profile", str(root), "account", "login", *words])
    return status, out.getvalue(), err.getvalue()


async def test_a_browser_signs_in_and_log_ins_have_tokens_after_that(tmp_path, ring) -> None:
    local = LocalProvider()
    browsing: list[asyncio.Task[Any]] = []

    def browse(line: str) -> None:
        if line.startswith("http"):
            get = HttpsClient(plain_loopback=True).get(local.allow(line))
            browsing.append(asyncio.create_task(get))

    async with local.running(tls=False):
        work = email_account("work", settings(tmp_path / "p", local).accounts["work"])
        status, out, err = await run(tmp_path / "p", "work", seen=browse)
        await asyncio.gather(*browsing)
        assert (status, ring.kept) == (0, {ENTRY: "r1"})
        assert out.splitlines()[-1] == "Signed in: work can be used now."
        assert "login_hint=ada%40example.org" in out
        assert "browser on this machine" in err
        for each in (out, err):
            assert "r1" not in each
            assert CLIENT.secret not in each

        one, other = await asyncio.gather(secrets.token_source(work), secrets.token_source(work))
        assert one is other, "two would use one refresh token twice"
        found = await secrets.credentials(work, work.servers[0])
        assert found is not None
        assert found.get_token is not None
        assert [await found.get_token(), await found.get_token()] == ["a2", "a2"]
        assert ring.kept == {ENTRY: "r2"}
        forget_access_token(work)
        assert await found.get_token() == "a3"
        forget_access_token(work)
        local.refresh_tokens.clear()
        with pytest.raises(SignInAgainError) as caught:
            await found.get_token()
        assert caught.value.remedy == "Sign in again: misfin-tui account login work"


async def test_a_code_signs_in_from_any_browser_and_scripts_read_it_as_json(tmp_path, ring) -> None:
    local = LocalProvider(interval=0.01, entered=True)
    lines: list[str] = []
    async with local.running(tls=False):
        settings(tmp_path / "p", local)
        status, _, _ = await run(tmp_path / "p", "work", "--code", "--json", seen=lines.append)
        await asyncio.sleep(0)
    assert (status, ring.kept) == (0, {ENTRY: "r1"})
    first, last = map(json.loads, lines)
    assert first == {
        "event": "enter",
        "account_name": "work",
        "provider": "127.0.0.1",
        "url": "https://login.example/enter",
        "code": "WDJB-MJHT",
    }
    assert last == {"event": "signed_in", "account_name": "work", "provider": "127.0.0.1", "released": 0}


async def test_a_refusal_is_one_line_and_keeps_nothing(tmp_path, ring) -> None:
    local = LocalProvider(interval=0.01, scripted=[answer(400, error="access_denied")])
    async with local.running(tls=False):
        settings(tmp_path / "p", local)
        status, _, err = await run(tmp_path / "p", "work", "--code", seen=lambda _: None)
    assert status == 2
    assert err.splitlines()[-1].startswith("misfin-tui: The sign-in was declined.")
    assert ring.kept == {}


async def test_without_a_keyring_nobody_is_sent_to_a_browser(tmp_path) -> None:
    local = LocalProvider()
    async with local.running(tls=False):
        settings(tmp_path / "p", local)
        with use_keyring(fail.Keyring()):
            status, out, err = await run(tmp_path / "p", "work", seen=lambda _: None)
    assert (status, out, local.forms) == (2, "", [])
    assert "command" in err


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ('auth = "password"', "is not an account to sign in to"),
        ('auth = "oauth"\ntoken = { env = "T" }', "is not an account to sign in to"),
        ('auth = "oauth"\nclient_id = "x"', "has no way to get an access token"),
    ],
)
async def test_an_account_that_cannot_be_signed_in_to_says_what_to_set(tmp_path, ring, lines, says) -> None:
    root = tmp_path / "p"
    root.mkdir(mode=0o700)
    text = f'[accounts.work]\nkind = "email"\naddress = "a@b.example"\nimap = "imaps://b.example"\n{lines}\n'
    (root / "config.toml").write_text(text)
    status, _, err = await run(root, "work", seen=lambda _: None)
    assert status == 2
    assert says in err
    assert "docs/oauth.md" in err
