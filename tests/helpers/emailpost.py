"""An e-mail account with outbox and courier in a folder, for tests that send for real."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from ipaddress import ip_address
from pathlib import Path

from certificates import KEYS
from certificates import build as build_certificate
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

from misfin.email.account import EmailAccount, Login, MailProtocol, MailServer, Protection
from misfin.email.sasl import Credentials
from misfin.email.smtp.transaction import SMTPTimeouts
from misfin.errors import AccountError
from misfin.post.courier import Courier
from misfin.post.email import EmailTransport
from misfin.post.submission import submit
from misfin.store.mail.maildir import MailStore
from misfin.store.outgoing.attachments import AttachmentFiles
from misfin.store.outgoing.drafts import Draft
from misfin.store.outgoing.outbox import Outbox, OutboxRow
from misfin.trust.pins import PinBook

QUICK = SMTPTimeouts(connect=5, greeting=0.3, command=0.3, data=0.3, block=0.3, end=0.3, quit=0.2)
"""For servers that hang."""
PATIENT = SMTPTimeouts(connect=60, greeting=60, command=60, data=60, block=60, end=60, quit=2)


class EmailDesk:
    """Everything one e-mail account needs to send; its server is on this machine, at ``port``."""

    def __init__(
        self,
        folder: Path,
        port: int = 1,
        *,
        protection: Protection = Protection.NONE,
        login: Login = Login.NONE,
        password: str = "secret",
        timeouts: SMTPTimeouts = PATIENT,
        host: str = "127.0.0.1",
        **account: object,
    ) -> None:
        server = MailServer(MailProtocol.SMTP, host, port, protection, "ada")
        self.account = EmailAccount(
            "work", "ada@example.org", "Ada Example", outgoing=server, login=login, **account
        )
        self.password: str | Exception = password
        self.now = 1_800_000_000.0
        self.pins = PinBook(folder / "trust.db")
        self.files = AttachmentFiles(folder / "attachments")
        self.transport = EmailTransport(
            self.account_of,
            self.credentials,
            self.pins,
            self.files,
            timeouts=timeouts,
            now=lambda: self.now,
            zone=UTC,
        )
        self.outbox = Outbox(folder / "outbox.db")
        self.store = MailStore(folder / "mail")
        self.events: list[object] = []

    def account_of(self, name: str) -> EmailAccount:
        if name != self.account.name:
            raise AccountError(f"There is no account {name}.")
        return self.account

    async def credentials(self, account: EmailAccount, server: MailServer) -> Credentials:
        if isinstance(self.password, Exception):
            raise self.password
        return Credentials(account.user(server), self.password)

    def at(self, port: int, **changes: object) -> None:
        """The server is at another port from now on."""
        assert self.account.outgoing is not None
        self.account = replace(self.account, outgoing=replace(self.account.outgoing, port=port, **changes))

    def put(self, *to: str, **draft: object) -> list[OutboxRow]:
        """Queue a message."""
        written = {"subject": "Hi", "body": "Hello\n", **draft}
        ids = submit(self.outbox, None, Draft(account="work", to=to, **written), self.transport, now=self.now)
        return [self.row(each) for each in ids]

    def row(self, number: int) -> OutboxRow:
        row = self.outbox.row(number)
        assert row is not None
        return row

    async def run(self, *, courier: Courier | None = None) -> list[OutboxRow]:
        """Send what is due; all rows afterwards, in the order they were queued."""
        await (courier or self.courier()).run_once()
        return sorted(self.outbox.rows(), key=lambda row: row.id)

    def courier(self) -> Courier:
        return Courier(
            self.outbox,
            [self.transport],
            self.store,
            on_event=self.events.append,
            now=lambda: self.now,
            rand=lambda: 0.0,
        )

    def sent(self) -> list[bytes]:
        return [each.path.read_bytes() for each in self.store.folder("work", "Sent").list()]

    def close(self) -> None:
        self.outbox.close()
        self.pins.close()


@contextmanager
def email_desk(folder: Path, *args: object, **more: object) -> Iterator[EmailDesk]:
    desk = EmailDesk(folder, *args, **more)
    try:
        yield desk
    finally:
        desk.close()


@cache
def server_certificate(case: str = "good") -> tuple[bytes, bytes]:
    """A server's key and certificate in one PEM, and the certificate alone, in several ways.

    ``good`` names localhost and 127.0.0.1, and stands for itself as an authority (give it as ``ca_file``).
    ``renewed`` has the key of ``good``, ``other key`` is like ``good``.
    """
    names: list[x509.GeneralName] = [x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]
    if case == "other name":
        names = [x509.DNSName("mx.other.example")]
    times = {}
    if case == "expired":
        times = {"start": datetime(2020, 1, 1, tzinfo=UTC), "end": datetime(2021, 1, 1, tzinfo=UTC)}
    made = build_certificate(names=("localhost",), users=(), san=names, key="p256", ca=True, **times)
    key = load_pem_private_key(made.key_pem, None)
    certificate = x509.load_pem_x509_certificate(made.cert_pem)
    if case == "renewed":
        key = load_pem_private_key(server_certificate("good")[0], None)
    if case in ("renewed", "unknown issuer"):
        issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Somebody")])
        signer, issued_by = (key, certificate.subject) if case == "renewed" else (KEYS["p256"](), issuer)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(certificate.subject)
            .issuer_name(issued_by)
            .public_key(key.public_key())
            .serial_number(2)
            .not_valid_before(certificate.not_valid_before_utc)
            .not_valid_after(certificate.not_valid_after_utc)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .sign(signer, SHA256())
        )
    alone = certificate.public_bytes(Encoding.PEM)
    return alone + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), alone


def server_context(pem: bytes, folder: Path) -> ssl.SSLContext:
    path = folder / "server.pem"
    path.write_bytes(pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context
