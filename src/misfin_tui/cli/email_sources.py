"""The accounts that a fetch command is about, as sources."""

from __future__ import annotations

from typing import TYPE_CHECKING

from misfin.errors import LocalError
from misfin.model.account import Kind

if TYPE_CHECKING:
    from misfin.post.fetching.emailsource import EmailSource
    from misfin_tui.services import Services


def sources_of(services: Services, wanted: str | None) -> list[EmailSource]:
    """The sources of all e-mail accounts that can receive, or of the one that is meant.

    Raises :class:`~misfin.errors.AccountError`, and :class:`~misfin.errors.LocalError` where the account that
    is meant receives nothing this way.
    """
    names = [name for name, each in services.config.accounts.items() if each.imap or each.pop3]
    if wanted is not None:
        account = services.account_book.find(wanted)
        if account.kind is not Kind.EMAIL or account.name not in names:
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

    accounts = [services.email_accounts.account(name) for name in names]
    profile = services.profile
    return [EmailSource(each, profile.sync, profile.mail / each.name, services.pin_book) for each in accounts]
