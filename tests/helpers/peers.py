"""Peers for tests of the net room: people with certificates, honest and odd, and a raw TLS client."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from misfin.errors import IdentityError
from misfin.model.address import MisfinAddress
from misfin.net.incoming import Checks
from misfin.net.tls import client_session
from misfin.trust.identity import Identity, KeyKind, generate, read_certificate

NOW = datetime.now(UTC)


@cache
def person(address: str, key: KeyKind = KeyKind.EC, number: int = 0) -> Identity:
    """An ordinary identity; another ``number`` is another key for the same address."""
    return generate(MisfinAddress.parse(address), now=NOW, key=key)


def odd_person(
    *,
    users: tuple[str, ...] = ("bea",),
    names: tuple[str, ...] = ("Bea",),
    san: tuple[x509.GeneralName, ...] = (x509.DNSName("hive.test"),),
    start: datetime = NOW - timedelta(days=1),
    end: datetime = NOW + timedelta(days=1),
    padding: int = 0,
    eku: x509.ObjectIdentifier | None = None,
) -> Identity:
    """An identity with a self-signed certificate that says anything at all, ``padding`` bytes longer."""
    private = ec.generate_private_key(ec.SECP256R1())
    attributes = [x509.NameAttribute(NameOID.USER_ID, u, _validate=False) for u in users]
    attributes += [x509.NameAttribute(NameOID.COMMON_NAME, n, _validate=False) for n in names]
    name = x509.Name(attributes)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(7)
        .not_valid_before(start)
        .not_valid_after(end)
    )
    if san:
        builder = builder.add_extension(x509.SubjectAlternativeName(list(san)), critical=False)
    if padding:
        oid = x509.ObjectIdentifier("1.3.6.1.4.1.99999.1")
        builder = builder.add_extension(x509.UnrecognizedExtension(oid, bytes(padding)), critical=False)
    if eku is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage([eku]), critical=True)
    certificate = builder.sign(private, hashes.SHA256())
    try:
        info = read_certificate(certificate.public_bytes(serialization.Encoding.DER))
    except IdentityError:  # too odd to be read at all; it can still be shown to others
        info = person("bea@hive.test").info
    return Identity(
        info=info,
        cert_pem=certificate.public_bytes(serialization.Encoding.PEM),
        key_pem=private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
    )


def message(to: str, text: str = "Hi", *, lines: str = "\n\n\n") -> bytes:
    """A Misfin(C) request; ``lines`` are its three metadata lines."""
    body = f"{lines}{text}\n".encode()
    return b"misfin://%s\t%d\r\n%s" % (to.encode(), len(body), body)


class Peer:
    """A client that does exactly what it is told, over real TLS and real TCP."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.server_der = b""
        self.plaintext = b""
        self.ended = False

    @classmethod
    async def dial(cls, port: int, host: str = "127.0.0.1", source: str = "") -> Peer:
        """Only TCP; ``source`` is the address to come from."""
        local = (source, 0) if source else None
        return cls(*await asyncio.open_connection(host, port, local_addr=local))

    @classmethod
    async def connect(
        cls,
        port: int,
        identity: Identity | None = None,
        sni: str | None = "mail.example",
        host: str = "127.0.0.1",
        source: str = "",
    ) -> Peer:
        """TCP and a whole handshake."""
        peer = await cls.dial(port, host, source)
        peer.begin(identity, sni)
        try:
            await peer.handshake()
        except BaseException:
            await peer.close()
            raise
        return peer

    def begin(self, identity: Identity | None = None, sni: str | None = "mail.example") -> None:
        """Make the ClientHello."""

        def look(der: bytes) -> None:
            self.server_der = der

        self.session = client_session(identity, sni, look)

    async def handshake(self) -> None:
        """Run it to its end on our side; in TLS 1.3 our last flight is then only queued."""
        self.flush()
        while not self.session.handshake_done:
            await self.hear()
            if not self.session.handshake_done:
                self.flush()

    def flush(self) -> None:
        """Write everything TLS has to say."""
        self.writer.write(self.session.outgoing())

    async def hear(self) -> None:
        """Take what comes next."""
        data = await asyncio.wait_for(self.reader.read(65536), 120)
        if data:
            self.plaintext += self.session.receive(data)
        else:
            self.ended = True
            self.session.receive_eof()

    def say(self, plaintext: bytes) -> None:
        """Send one record (or more, when it is long)."""
        self.session.send(plaintext)
        self.flush()

    async def answer(self) -> bytes:
        """Everything the server says up to its TCP end."""
        while not self.ended:
            await self.hear()
        return self.plaintext

    async def ask(self, plaintext: bytes) -> bytes:
        """Send a request, get the answer, go."""
        self.say(plaintext)
        try:
            return await self.answer()
        finally:
            await self.close()

    async def close(self) -> None:
        """Hang up."""
        self.writer.close()
        with contextlib.suppress(OSError):
            await self.writer.wait_closed()


async def ask(port: int, request: bytes, identity: Identity | None = None, **how: object) -> bytes:
    """One whole exchange."""
    peer = await Peer.connect(port, identity, **how)
    return await peer.ask(request)


def renewed(identity: Identity) -> Identity:
    """The same key and names in a new certificate."""
    private = identity.private_key()
    old = x509.load_pem_x509_certificate(identity.cert_pem)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(old.subject)
        .issuer_name(old.subject)
        .public_key(private.public_key())
        .serial_number(old.serial_number + 1)
        .not_valid_before(old.not_valid_before_utc)
        .not_valid_after(old.not_valid_after_utc)
        .add_extension(old.extensions.get_extension_for_class(x509.SubjectAlternativeName).value, False)
        .sign(private, hashes.SHA256())
    )
    info = read_certificate(certificate.public_bytes(serialization.Encoding.DER))
    return Identity(info, certificate.public_bytes(serialization.Encoding.PEM), identity.key_pem)


def words_of(checks: Checks) -> dict[str, str]:
    """Check → word: ``{"certificate": "pass", "pin": "trusted"}``."""
    words = {method: result.outcome.value for method, result in checks.results.items()}
    return words if checks.pin is None else {**words, "pin": checks.pin.value}
