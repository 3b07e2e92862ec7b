"""What is asked of an e-mail account while it sends. Pure."""

from __future__ import annotations

import hashlib
from types import MappingProxyType

from misfin.email.account import EmailAccount

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
    return hashlib.sha256(repr(account).encode()).hexdigest()[:16]
