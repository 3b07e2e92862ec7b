"""Mail servers that are found for a domain, and accept only the tokens of a provider on loopback."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from findable import findable
from mailservers import MailServers, mail_servers
from oauthpeer import LocalProvider

from misfin.email.oauth import provider


class Tokens:
    """The access tokens that a provider has given out so far."""

    def __init__(self, local: LocalProvider) -> None:
        self._local = local

    def __iter__(self) -> Iterator[str]:
        return (f"a{number}" for number in range(1, self._local.count + 1))


@asynccontextmanager
async def world(
    monkeypatch: pytest.MonkeyPatch, local: LocalProvider, *ways: str
) -> AsyncIterator[MailServers]:
    """Servers that are found for ADA, and a provider that this program knows for them."""
    async with (
        mail_servers(Tokens(local)) as servers,
        findable(monkeypatch, servers, *ways),
        local.running(tls=False),
    ):
        known = replace(
            local.provider, name="Example", servers=frozenset({"imap.example.org", "smtp.example.org"})
        )
        monkeypatch.setattr(provider, "OAUTH_PROVIDERS", (known,))
        yield servers
