"""A TLS server that follows a script and remembers all it got; made with pyOpenSSL alone, in threads."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from OpenSSL import SSL

from misfin.trust.identity import Identity

CLIENT_HELLO, ALERT, CIPHERTEXT = "ClientHello", "alert", "ciphertext"
Script = Callable[["Visit"], None]


@dataclass
class Visit:
    """One connection as the server saw it."""

    sock: socket.socket
    tls: SSL.Connection
    raw: bytes = b""
    got: bytes = b""
    client: x509.Certificate | None = None
    server_name: str | None = None
    handshake_done: bool = False
    ended_politely: bool = False
    error: Exception | None = None
    done: threading.Event = field(default_factory=threading.Event)

    @property
    def records(self) -> list[str]:
        """What kinds of TLS records the client sent (RFC 8446 §5.1)."""
        kinds, rest = [], self.raw
        while rest:
            kind, length = rest[0], int.from_bytes(rest[3:5], "big")
            if kind == 22:  # a handshake message in the clear
                kinds.append(CLIENT_HELLO if rest[5] == 1 else f"handshake {rest[5]}")
            else:
                kinds.append({20: "change cipher spec", 21: ALERT, 23: CIPHERTEXT}[kind])
            rest = rest[5 + length :]
        return kinds

    def handshake(self) -> None:
        while True:
            try:
                self.tls.do_handshake()
            except SSL.WantReadError:
                self._flush()
                self._feed()
            except SSL.Error:
                self._flush()
                raise
            else:
                break
        self._flush()
        self.handshake_done = True
        self.client = self.tls.get_peer_certificate(as_cryptography=True)
        name = self.tls.get_servername()
        self.server_name = None if name is None else name.decode()

    def read_request(self) -> bytes:
        """Read until a whole Misfin request is there."""
        while not _whole(self.got):
            self.read_some()
        return self.got

    def read_some(self) -> bytes:
        while True:
            try:
                data = self.tls.recv(16384)
            except SSL.WantReadError:
                self._feed()
            else:
                self.got += data
                return data

    def read_to_end(self) -> None:
        """Read whatever else comes, until the client's close_notify or the end of TCP."""
        try:
            while True:
                self.read_some()
        except SSL.ZeroReturnError:
            self.ended_politely = True
        except (EOFError, OSError, SSL.Error):
            pass

    def say(self, data: bytes) -> None:
        self.tls.sendall(data)
        self._flush()

    def goodbye(self) -> None:
        """close_notify and the end of our direction, then wait for the client's."""
        self.tls.shutdown()
        self._flush()
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_WR)
        self.read_to_end()

    def reset(self) -> None:
        """Cut the connection the hard way (TCP RST)."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def _feed(self) -> None:
        data = self.sock.recv(65536)
        if not data:
            raise EOFError
        self.raw += data
        self.tls.bio_write(data)

    def _flush(self) -> None:
        with contextlib.suppress(SSL.WantReadError):
            while True:
                self.sock.sendall(self.tls.bio_read(65536))


def answer(line: bytes) -> Script:
    """Read the request, give one answer, say goodbye."""

    def script(visit: Visit) -> None:
        visit.read_request()
        visit.say(line)
        visit.goodbye()

    return script


class ScriptedServer:
    """Connection *i* shows ``identities[i]`` and follows ``scripts[i]``; the last of each goes on."""

    def __init__(
        self,
        identities: Sequence[Identity] | Identity,
        scripts: Sequence[Script | bytes] | Script | bytes,
        *,
        mode: int = SSL.VERIFY_PEER,
        accept: bool = True,
        tls_1_2: Sequence[bool] | bool = False,
        family: socket.AddressFamily = socket.AF_INET,
    ) -> None:
        self.identities = [identities] if isinstance(identities, Identity) else list(identities)
        scripts = (
            list(scripts) if isinstance(scripts, Sequence) and not isinstance(scripts, bytes) else [scripts]
        )
        self.scripts = [answer(s) if isinstance(s, bytes) else s for s in scripts]
        self.visits: list[Visit] = []
        self._mode, self._accept = mode, accept
        self._tls_1_2 = [tls_1_2] if isinstance(tls_1_2, bool) else list(tls_1_2)
        self._threads: list[threading.Thread] = []
        host = "127.0.0.1" if family == socket.AF_INET else "::1"
        self._listener = socket.create_server((host, 0), family=family)
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def __enter__(self) -> ScriptedServer:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)
        for visit in self.visits:
            with contextlib.suppress(OSError):
                visit.sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)
        for visit in self.visits:
            visit.sock.close()

    async def wait(self) -> list[Visit]:
        """All visits so far, when the server is through with them."""
        for visit in self.visits:
            assert await asyncio.to_thread(visit.done.wait, 60), "the server still waits for something"
        return self.visits

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self._listener.accept()
                index = len(self.visits)
                tls = SSL.Connection(self._context(index), None)
                tls.set_accept_state()
                visit = Visit(sock, tls)
                self.visits.append(visit)
                script = self.scripts[min(index, len(self.scripts) - 1)]
                thread = threading.Thread(target=self._follow, args=(visit, script), daemon=True)
                self._threads.append(thread)
                thread.start()

    def _follow(self, visit: Visit, script: Script) -> None:
        try:
            visit.handshake()
            script(visit)
        except (SSL.Error, EOFError, OSError) as error:
            visit.error = error
        finally:
            with contextlib.suppress(OSError):
                visit.sock.close()
            visit.done.set()

    def _context(self, index: int) -> SSL.Context:
        identity = self.identities[min(index, len(self.identities) - 1)]
        context = SSL.Context(SSL.TLS_METHOD)
        if self._tls_1_2[min(index, len(self._tls_1_2) - 1)]:
            context.set_max_proto_version(SSL.TLS1_2_VERSION)
        context.set_verify(self._mode, lambda *_: self._accept)
        context.set_session_id(b"scripted")
        context.use_certificate(x509.load_pem_x509_certificate(identity.cert_pem))
        context.use_privatekey(load_pem_private_key(identity.key_pem, None))
        return context


def der_of(certificate: x509.Certificate | None) -> bytes | None:
    return None if certificate is None else certificate.public_bytes(Encoding.DER)


@contextlib.contextmanager
def silent_listener() -> Iterator[int]:
    """A port that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def _whole(data: bytes) -> bool:
    header, crlf, rest = data.partition(b"\r\n")
    if not crlf:
        return False
    _, tab, length = header.partition(b"\t")
    return len(rest) >= int(length) if tab and length.isdigit() else True
