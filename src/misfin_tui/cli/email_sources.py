"""The accounts that a fetch command is about, as sources."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING

from misfin.errors import LocalError
from misfin.model.account import Kind

if TYPE_CHECKING:
    from misfin.net.head_start import HeadStart
    from misfin.post.fetching.gmapsource import GmapSource
    from misfin.post.fetching.syncsource import SyncSource
    from misfin_tui.services import Services


def sources_of(
    services: Services, wanted: str | None, begun: Mapping[str, HeadStart] = MappingProxyType({})
) -> list[SyncSource]:
    """The sources of all accounts that are fetched from a server, or of the one that is meant.

    ``begun`` are connections that are being made already, by account.

    Raises :class:`~misfin.errors.AccountError`, and :class:`~misfin.errors.LocalError` where the account that
    is meant receives nothing this way.
    """
    names = [name for name, each in services.config.accounts.items() if each.fetches]
    if wanted is not None:
        account = services.account_book.find(wanted)
        if account.kind is Kind.MISFIN or account.name not in names:
            raise LocalError(
                f"{account.name} has no server to fetch from.",
                remedy="Set `imap` or `pop3` of the account; Misfin mail is delivered by its senders.",
            )
        names = [account.name]
    else:
        names = [name for name in names if not services.config.accounts[name].paused]
    if not names:
        return []
    from misfin.post.fetching.emailsource import EmailSource  # late: the engines and TLS
    from misfin.post.open_drafts import quiet_folders
    from misfin_tui.config.email import email_account

    profile = services.profile
    pins = services.pin_book
    found: list[SyncSource] = []
    for name in names:
        settings = services.config.accounts[name]
        if settings.kind == Kind.GMAP:
            found.append(gmap_source(services, name))
            continue
        found.append(
            EmailSource(
                email_account(name, settings),
                profile.sync,
                profile.mail / name,
                pins,
                quiet=partial(quiet_folders, profile.runtime, name),
                begun=begun.get(name),
            )
        )
    return found


def gmap_source(services: Services, name: str) -> GmapSource:
    """The source of a mailbox kept on somebody's server.

    Raises :class:`~misfin.errors.AccountError` if its identity is missing.
    """
    from misfin.post.fetching.gmapsource import GmapServer, GmapSource
    from misfin.store.seals import Seals

    account = services.account_book.find(name)
    settings, profile = services.config.accounts[name], services.profile
    return GmapSource(
        account,
        GmapServer(settings.host, settings.port, services.config.trust.first_use == "accept"),
        partial(services.identity_store.load, settings.identity),
        profile.sync,
        profile.mail / account.directory,
        services.pin_book,
        Seals(profile.mail),
    )
