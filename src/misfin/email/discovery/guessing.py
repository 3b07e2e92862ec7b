"""The usual names of a domain's mail servers, to be tried where nobody says better. Pure."""

from __future__ import annotations

from misfin.email.account import MailProtocol, MailServer, Protection

_INCOMING = (
    ("imap", MailProtocol.IMAP, 993),
    ("mail", MailProtocol.IMAP, 993),
    ("pop", MailProtocol.POP3, 995),
)
_OUTGOING = (
    ("smtp", 465, Protection.TLS),
    ("mail", 465, Protection.TLS),
    ("smtp", 587, Protection.STARTTLS),
    ("mail", 587, Protection.STARTTLS),
)


def incoming_guesses(domain: str) -> tuple[MailServer, ...]:
    """Servers to receive from, the best first."""
    return tuple(MailServer(protocol, f"{label}.{domain}", port) for label, protocol, port in _INCOMING)


def outgoing_guesses(domain: str) -> tuple[MailServer, ...]:
    """Servers to send by, the best first."""
    return tuple(
        MailServer(MailProtocol.SMTP, f"{label}.{domain}", port, protection)
        for label, port, protection in _OUTGOING
    )
