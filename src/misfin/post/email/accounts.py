"""What is asked of an e-mail account while it sends."""

from __future__ import annotations

import os
from types import MappingProxyType

from misfin.email.account import EmailAccount, MailServer
from misfin.errors import AccountError
from misfin.model.account import AddressKind
from misfin.store.outgoing.outbox import Outbox

ASKS_ACCOUNT = "account:"
"""How the name of a question about an account's log-in or settings begins; the account's name follows."""

_KEEPING = MappingProxyType(
    {
        "smtp.gmail.com": "Gmail",
        "smtp.googlemail.com": "Gmail",
        "smtp-relay.gmail.com": "Gmail",
        "smtp.office365.com": "Outlook",
        "smtp-mail.outlook.com": "Outlook",
        "smtp.outlook.com": "Outlook",
    }
)
"""Servers that put what is sent by them into the account's own Sent folder."""


def keeps_sent_mail(account: EmailAccount) -> bool:
    """Whether the provider files a copy of what is sent, which comes back from there with other mail."""
    return (
        account.incoming is not None
        and account.outgoing is not None
        and account.outgoing.host.lower() in _KEEPING
    )


def settings_state(account: EmailAccount) -> str:
    """A short text that is another one once the settings of the account have changed."""
    import hashlib  # late: it loads OpenSSL, and the app is open for days before it sends an e-mail

    return hashlib.sha256(repr(account).encode()).hexdigest()[:16]


def server_of(account: EmailAccount) -> MailServer:
    """The server an account sends by. Raises :class:`~misfin.errors.AccountError` where it has none."""
    if account.outgoing is None:
        raise AccountError(
            f"The account {account.name} has no server for sending.", remedy="Set `smtp` in its settings."
        )
    return account.outgoing


def login_changed(outbox: Outbox, account: str, *, now: float) -> int:
    """The password or the sign-in of an account (its name) has changed: what was held for it is tried again.

    Returns how many deliveries. Blocking. Raises :class:`~misfin.errors.StoreError`.
    """
    return outbox.release(AddressKind.MAIL, f"{ASKS_ACCOUNT}{account}", os.urandom(8).hex(), now)
