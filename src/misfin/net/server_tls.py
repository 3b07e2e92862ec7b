"""The server's side of TLS: which certificate is presented, and that any client certificate is accepted."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from OpenSSL import SSL, crypto

from misfin.errors import IdentityError
from misfin.net.tls import CONTEXTS_KEPT, TlsSession, load_identity, new_context

if TYPE_CHECKING:
    from collections.abc import Callable

    from misfin.trust.identity import Identity


class ServerTls:
    """Creates server sessions that present the certificate of the host the client asks for.

    ``default`` is presented without SNI and for a name for which ``choose`` returns ``None``; a new
    ``ServerTls`` may take over at any time, and sessions keep what they began with. Any client certificate is
    requested and accepted, but not required; no session can be resumed, and a client that tries gets a full
    handshake (docs/decisions.md §4.1, §4.4). With ``resume`` there are tickets that hold the client's
    certificate: for clients that connect many times in a row.

    Raises :class:`misfin.errors.IdentityError` for an identity TLS cannot use.
    """

    __slots__ = ("_choose", "_context")

    def __init__(
        self,
        default: Identity,
        choose: Callable[[str], Identity | None] | None = None,
        *,
        resume: bool = False,
    ) -> None:
        make = _resuming_context if resume else _server_context
        self._context = make(default.cert_pem, default.key_pem, choose is not None)
        self._choose = choose

    def session(self) -> TlsSession:
        """A session that waits for a ClientHello."""
        connection = SSL.Connection(self._context, None)
        if self._choose is not None:
            connection.set_app_data(self._choose)
        connection.set_accept_state()
        return TlsSession(connection, None)


def _take_any(
    _connection: SSL.Connection, _certificate: crypto.X509, _error: int, _depth: int, _ok: int
) -> bool:
    """Accept any client certificate: our own checks judge it; OpenSSL still verifies that it has the key."""
    return True


def _by_server_name(connection: SSL.Connection) -> None:
    """Switch to the certificate of the host named by SNI. An exception here would abort the handshake."""
    choose: Callable[[str], Identity | None] | None = connection.get_app_data()
    name = connection.get_servername()
    if choose is None or not name:
        return
    try:
        identity = choose(name.decode("ascii").rstrip(".").lower())
        if identity is not None:
            context = _server_context(identity.cert_pem, identity.key_pem, True)
            if context is not connection.get_context():
                connection.set_context(context)
    except (UnicodeDecodeError, IdentityError):
        return  # keep the default certificate


@lru_cache(maxsize=CONTEXTS_KEPT)
def _server_context(cert_pem: bytes, key_pem: bytes, by_name: bool) -> SSL.Context:
    return _new_server_context(cert_pem, key_pem, by_name, new_context())


@lru_cache(maxsize=CONTEXTS_KEPT)
def _resuming_context(cert_pem: bytes, key_pem: bytes, by_name: bool) -> SSL.Context:
    return _new_server_context(cert_pem, key_pem, by_name, new_context(tickets=True))


def _new_server_context(cert_pem: bytes, key_pem: bytes, by_name: bool, context: SSL.Context) -> SSL.Context:
    context.set_verify(SSL.VERIFY_PEER, _take_any)
    # Without it the handshake of a client that tries to resume fails (docs/decisions.md §4.4)
    context.set_session_id(b"misfin")
    if by_name:  # a server of one host can save this call from C into Python
        context.set_tlsext_servername_callback(_by_server_name)
    load_identity(context, cert_pem, key_pem)
    return context
