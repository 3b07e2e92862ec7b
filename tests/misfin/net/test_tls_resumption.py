"""A session that is resumed: both certificates stay known, and the server's is judged again."""

from __future__ import annotations

import pytest
from peers import person

from misfin.net.server_tls import ServerTls
from misfin.net.tls import TlsResumption, TlsSession, client_session

HOST, ADA, BEA = person("host@mail.test"), person("ada@mail.test"), person("bea@mail.test")


def talk(client: TlsSession, server: TlsSession) -> tuple[bytes, bytes]:
    """Carry bytes both ways until nothing is left: what each side has received."""
    got = [b"", b""]
    for _ in range(10):
        out = client.outgoing()
        got[1] += server.receive(out) if out else b""
        out = server.outgoing()
        got[0] += client.receive(out) if out else b""
    return got[0], got[1]


def connected(
    tls: ServerTls, decide, resume: TlsResumption | None = None, identity=ADA
) -> tuple[TlsSession, TlsSession, int]:
    """Both ends, and how many bytes the server's part of the handshake took."""
    client, server = client_session(identity, "mail.test", decide, resume), tls.session()
    server.receive(client.outgoing())
    first = server.outgoing()
    client.receive(first)
    talk(client, server)
    return client, server, len(first)


def test_a_resumed_session_sends_no_certificate_and_knows_both():
    tls = ServerTls(HOST, resume=True)
    judged: list[bytes] = []
    client, server, full = connected(tls, judged.append)
    assert server.peer_der == ADA.info.der
    again, there, short = connected(tls, judged.append, client.resumption)
    assert again.handshake_done
    assert short < full - len(HOST.info.der), "no certificate of the server"
    assert there.peer_der == ADA.info.der, "the client's is known from before"
    assert again.peer_der == HOST.info.der
    assert judged == [HOST.info.der] * 2, "it is judged again all the same"
    again.send(b"hello")
    assert talk(again, there)[1] == b"hello"


def test_a_certificate_that_is_no_longer_trusted_ends_a_resumed_session_before_a_byte_is_sent():
    tls = ServerTls(HOST, resume=True)
    client, _, _ = connected(tls, lambda _der: None)

    def refuse(_der: bytes) -> None:
        raise PermissionError

    with pytest.raises(PermissionError):
        connected(tls, refuse, client.resumption)


def test_another_server_gets_a_whole_handshake():
    client, _, _ = connected(ServerTls(HOST, resume=True), lambda _der: None)
    judged: list[bytes] = []
    again, there, _ = connected(ServerTls(BEA, resume=True), judged.append, client.resumption)
    assert again.handshake_done
    assert judged == [BEA.info.der]
    assert there.peer_der == ADA.info.der


def test_a_receiver_of_messages_resumes_nothing():
    tls = ServerTls(HOST)
    client, _, full = connected(tls, lambda _der: None)
    _, there, size = connected(tls, lambda _der: None, client.resumption)
    assert there.peer_der == ADA.info.der
    assert size > full / 2
