"""TLS without I/O: pyOpenSSL over memory BIOs, for client and server.

The standard ``ssl`` module can neither accept an unknown self-signed certificate from a client nor judge the
server's certificate inside the handshake; OpenSSL can do both (docs/decisions.md §2). Bytes go in with
:meth:`TlsSession.receive` and come out with :meth:`TlsSession.outgoing`; the caller owns the socket.
"""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from OpenSSL import SSL, crypto

from misfin.errors import IdentityError, LocalProtocolError, TlsError

if TYPE_CHECKING:
    from collections.abc import Callable

    from misfin.trust.identity import Identity

_RECORD = 16384  # the most plaintext one TLS record holds, so the most one recv() can return
_CHUNK = 65536  # how much ciphertext one bio_read() takes out
# All of OpenSSL's, but first the one with SHA-256, for which processors have instructions: a handshake hashes
# a lot (docs/decisions.md §24).
_SUITES = b"TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"
CONTEXTS_KEPT = 64  # creating a Context costs more than a handshake step; few identities are in use at once
# The kinds of key with which pyOpenSSL can sign a handshake.
_SIGNING = (
    rsa.RSAPrivateKey,
    ec.EllipticCurvePrivateKey,
    ed25519.Ed25519PrivateKey,
    ed448.Ed448PrivateKey,
    dsa.DSAPrivateKey,
)


class _Judge:
    """Gets the verdict on a server's certificate once, inside the handshake.

    OpenSSL calls back two or more times per certificate (docs/decisions.md §4.2). The exception is kept here
    and not in pyOpenSSL's helper, which belongs to the Context and is shared with other threads' connections.
    """

    __slots__ = ("asked", "decide", "refusal")

    def __init__(self, decide: Callable[[bytes], None]) -> None:
        self.decide = decide
        self.asked = False
        self.refusal: BaseException | None = None

    def accepts(self, der: bytes) -> bool:
        if not self.asked:
            self.asked = True
            try:
                self.decide(der)
            except BaseException as refusal:
                self.refusal = refusal
        return self.refusal is None


class TlsResumption:
    """A session that can be resumed by the same identity with the same server."""

    __slots__ = ("session",)

    def __init__(self, session: SSL.Session) -> None:
        self.session = session


class TlsSession:
    """One TLS connection without its socket.

    Order of calls: write what :meth:`outgoing` returns (a client's first flight is there from the start),
    pass received bytes to :meth:`receive`, which returns plaintext, and write :meth:`outgoing` again after
    **every** call, also after one that raised: it has the alert.
    """

    __slots__ = (
        "_connection",
        "_judge",
        "_peer_der",
        "_sent_close",
        "failed",
        "handshake_done",
        "peer_closed",
    )

    def __init__(self, connection: SSL.Connection, judge: _Judge | None) -> None:
        """Use :func:`client_session` or :meth:`misfin.net.server_tls.ServerTls.session` instead."""
        self._connection = connection
        self._judge = judge
        self._peer_der: bytes | None = None
        self._sent_close = False
        self.handshake_done = False
        self.peer_closed = False  # the peer sent close_notify; we can still send
        self.failed = False
        if judge is not None:
            self._handshake()

    # ---- bytes in ---------------------------------------------------------------------------------

    def receive(self, data: bytes) -> bytes:
        """Process ciphertext from the peer; returns the plaintext it completes, perhaps ``b""``.

        A TLS 1.3 client may send its request in the segment that ends the handshake, so the call that sets
        :attr:`handshake_done` may already return plaintext. Bytes after the peer's close_notify are dropped.

        Raises :class:`misfin.errors.TlsError`, or the exception raised by the client's ``decide``.
        """
        if self.peer_closed or self.failed:
            return b""
        self._connection.bio_write(data)
        if not self.handshake_done and not self._handshake():
            return b""
        return self._read()

    def receive_eof(self) -> None:
        """Note that the peer has closed TCP. Raises :class:`misfin.errors.TlsError` during a handshake.

        The other direction still works: an answer can be sent (docs/decisions.md §4.6).
        """
        if not self.handshake_done and not self.failed:
            self.failed = True
            raise TlsError("The connection was closed during the TLS handshake.")

    def _handshake(self) -> bool:
        try:
            self._connection.do_handshake()
        except SSL.WantReadError:
            self._raise_refusal()
            return False
        except SSL.Error as error:
            self.failed = True
            self._raise_refusal()
            raise _tls_error("The TLS handshake failed", error) from error
        except ValueError as error:  # pyOpenSSL: the certificate cannot be parsed
            self.failed = True
            raise TlsError("The peer's certificate cannot be read.") from error
        judge = self._judge
        if judge is not None:
            # OpenSSL passes every certificate to the callback; should it ever not, it is judged here.
            der = self.peer_der
            if der is None:
                self.failed = True
                raise TlsError("The server presented no certificate.")
            judge.accepts(der)
            self._raise_refusal()
        self.handshake_done = True
        return True

    def _raise_refusal(self) -> None:
        judge = self._judge
        if judge is not None and judge.refusal is not None:
            self.failed = True
            refusal, judge.refusal = judge.refusal, None
            raise refusal

    def _read(self) -> bytes:
        parts: list[bytes] = []
        recv = self._connection.recv
        try:
            while True:
                parts.append(recv(_RECORD))
        except SSL.WantReadError:
            pass
        except SSL.ZeroReturnError:
            self.peer_closed = True
        except SSL.Error as error:
            self.failed = True
            if not parts:
                raise _tls_error("TLS failed", error) from error
            # Complete data before the failure still counts; `failed` says that there will be no more.
        return parts[0] if len(parts) == 1 else b"".join(parts)

    # ---- bytes out --------------------------------------------------------------------------------

    def send(self, plaintext: bytes) -> None:
        """Encrypt ``plaintext``; :meth:`outgoing` then returns the records.

        Raises :class:`misfin.errors.LocalProtocolError` before the handshake is done and after
        :meth:`close_notify`.
        """
        if not self.handshake_done or self._sent_close:
            raise LocalProtocolError("TLS accepts plaintext only between handshake and close_notify.")
        if plaintext:
            try:
                self._connection.sendall(plaintext)
            except SSL.Error as error:
                self.failed = True
                raise _tls_error("TLS failed", error) from error

    def close_notify(self) -> None:
        """Announce that nothing more will be sent; does nothing during the handshake or a second time."""
        if self._sent_close or not self.handshake_done:
            return
        self._sent_close = True
        if not self.failed:
            try:
                self._connection.shutdown()
            except SSL.Error:
                self.failed = True

    def outgoing(self) -> bytes:
        """The bytes to write to the socket now, perhaps ``b""``."""
        read = self._connection.bio_read
        try:
            first = read(_CHUNK)
        except SSL.Error:  # WantReadError: there is nothing
            return b""
        if len(first) < _CHUNK:
            return first
        parts = [first]
        try:
            while True:
                parts.append(read(_CHUNK))
        except SSL.Error:
            return b"".join(parts)

    # ---- facts ------------------------------------------------------------------------------------

    @property
    def peer_der(self) -> bytes | None:
        """The peer's certificate as DER; ``None`` if it has presented none, or not yet."""
        if self._peer_der is None:
            certificate = self._connection.get_peer_certificate()
            if certificate is not None:
                self._peer_der = crypto.dump_certificate(crypto.FILETYPE_ASN1, certificate)
        return self._peer_der

    @property
    def resumption(self) -> TlsResumption | None:
        """What :func:`client_session` takes to resume this session; complete once an answer was received."""
        found = self._connection.get_session() if self.handshake_done else None
        return None if found is None else TlsResumption(found)

    @property
    def version(self) -> str:
        """``"TLSv1.3"`` or ``"TLSv1.2"``; valid once :attr:`handshake_done` is true."""
        return self._connection.get_protocol_version_name()


# ---- client ---------------------------------------------------------------------------------------


def client_session(
    identity: Identity | None,
    server_name: str | None,
    decide: Callable[[bytes], None],
    resume: TlsResumption | None = None,
) -> TlsSession:
    """A client's session; its first flight is already in :meth:`TlsSession.outgoing`.

    ``decide`` gets the server's certificate (DER) inside the handshake and refuses it by raising; the
    exception comes out of :meth:`TlsSession.receive`. Until it has returned, neither our certificate nor a
    byte of a message can have been sent (docs/decisions.md §4). ``server_name`` is sent as SNI unless it is
    an IP literal. ``identity`` is the client certificate to present on request; ``None`` presents none.

    ``resume`` saves most of the handshake if the server agrees: no certificate is sent then, either way.
    ``decide`` judges the server's all the same, before any byte of a message: that of the first session.

    Raises :class:`misfin.errors.IdentityError` for an identity TLS cannot use.
    """
    pair = (identity.cert_pem, identity.key_pem) if identity is not None else (b"", b"")
    connection = SSL.Connection(_client_context(*pair), None)
    judge = _Judge(decide)
    connection.set_app_data(judge)
    if server_name is not None and not _is_ip_literal(server_name):
        connection.set_tlsext_host_name(server_name.encode("ascii"))
    if resume is not None:
        connection.set_session(resume.session)
    connection.set_connect_state()
    return TlsSession(connection, judge)


def _is_ip_literal(name: str) -> bool:
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


def _judge_server(
    connection: SSL.Connection, certificate: crypto.X509, _error: int, depth: int, _ok: int
) -> bool:
    """OpenSSL's verify callback: ignores chains and dates; only ``decide`` judges the leaf certificate."""
    if depth != 0:
        return True
    judge: _Judge = connection.get_app_data()
    return judge.accepts(crypto.dump_certificate(crypto.FILETYPE_ASN1, certificate))


@lru_cache(maxsize=CONTEXTS_KEPT)
def _client_context(cert_pem: bytes, key_pem: bytes) -> SSL.Context:
    context = new_context()
    context.set_verify(SSL.VERIFY_PEER, _judge_server)
    if cert_pem:
        load_identity(context, cert_pem, key_pem)
    return context


# ---- both -----------------------------------------------------------------------------------------


def new_context(*, tickets: bool = False) -> SSL.Context:
    """What client and server have in common; ``tickets`` lets clients resume sessions."""
    context = SSL.Context(SSL.TLS_METHOD)
    context.set_min_proto_version(SSL.TLS1_2_VERSION)
    context.set_options(SSL.OP_NO_RENEGOTIATION | SSL.OP_NO_COMPRESSION | SSL.OP_CIPHER_SERVER_PREFERENCE)
    if hasattr(context, "set_tls13_ciphersuites"):  # older versions of pyOpenSSL do not have it
        context.set_tls13_ciphersuites(_SUITES)
    if not tickets:
        context.set_options(SSL.OP_NO_TICKET)
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    context.set_mode(SSL.MODE_RELEASE_BUFFERS)
    return context


def load_identity(context: SSL.Context, cert_pem: bytes, key_pem: bytes) -> None:
    """Present this certificate. Raises :class:`misfin.errors.IdentityError` for one TLS cannot use."""
    try:
        context.use_certificate(x509.load_pem_x509_certificate(cert_pem))
        key = load_pem_private_key(key_pem, password=None)
        if not isinstance(key, _SIGNING):
            raise TypeError("a key that cannot sign a handshake")
        context.use_privatekey(key)
        context.check_privatekey()
    except (SSL.Error, crypto.Error, ValueError, TypeError) as error:
        raise IdentityError(
            "TLS cannot use this identity: its key is too weak, unsupported, or not the certificate's.",
            remedy="Create a new identity, or import certificate and key again.",
        ) from error


def _tls_error(what: str, error: SSL.Error) -> TlsError:
    """A :class:`TlsError`, with the alert in its own field if the peer sent one."""
    reason = _reason(error)
    _, sign, alert = reason.partition("alert ")
    if sign:
        return TlsError(f"{what}: the other side sent the alert “{alert}”.", alert=alert)
    return TlsError(f"{what}: {reason}." if reason else f"{what}.")


def _reason(error: SSL.Error) -> str:
    if isinstance(error, SSL.SysCallError):
        return "the connection ended unexpectedly"
    stack = error.args[0] if error.args else ()
    if isinstance(stack, list) and stack and isinstance(stack[-1], tuple):
        return str(stack[-1][-1])
    return ""
