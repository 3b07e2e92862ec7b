"""TLS sessions against each other and bare pyOpenSSL, without a socket: the facts of docs/decisions.md §4."""

import contextlib

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given, settings
from hypothesis import strategies as st
from OpenSSL import SSL
from peers import odd_person, person

from misfin.errors import IdentityError, LocalProtocolError, TlsError
from misfin.net.server_tls import ServerTls
from misfin.net.tls import client_session
from misfin.trust.identity import Identity, KeyKind

ADA = person("ada@mail.example")
BEA = person("bea@hive.test")
CAL = person("cal@second.example")


def take(_der: bytes) -> None:
    """Trust anything."""


def exchange(client, server):
    """Carry bytes until neither has any; the plaintext each got."""
    to_client, to_server = [], []
    while True:
        up, down = client.outgoing(), server.outgoing()
        if not up and not down:
            return b"".join(to_client), b"".join(to_server)
        if up:
            to_server.append(server.receive(up))
        if down:
            to_client.append(client.receive(down))


def connected(identity=BEA, server=ADA, name="mail.example"):
    client, peer = client_session(identity, name, take), ServerTls(server).session()
    exchange(client, peer)
    return client, peer


@pytest.mark.parametrize("server", list(KeyKind))
@pytest.mark.parametrize("client", list(KeyKind))
def test_every_kind_of_key_works_on_both_ends(server, client):
    ours, theirs = connected(person("bea@hive.test", client), person("ada@mail.example", server))
    assert ours.handshake_done
    assert theirs.handshake_done
    assert ours.version == theirs.version == "TLSv1.3"
    ours.send(b"up")
    theirs.send(b"down")
    assert exchange(ours, theirs) == (b"down", b"up")


def test_a_client_may_show_no_certificate():
    _, server = connected(None)
    assert server.handshake_done
    assert server.peer_der is None


def test_both_ends_know_the_others_certificate_to_the_byte():
    client, server = connected()
    assert client.peer_der == ADA.info.der
    assert server.peer_der == BEA.info.der


def test_the_verdict_falls_once_and_before_anything_of_ours_leaves():
    seen = []
    client = client_session(BEA, "mail.example", seen.append)
    server = ServerTls(ADA).session()
    server.receive(client.outgoing())
    assert seen == []
    client.receive(server.outgoing())
    assert seen == [ADA.info.der]
    exchange(client, server)
    assert seen == [ADA.info.der]


class RefusedError(Exception):
    """Somebody's own."""


def test_a_refusal_comes_out_as_itself_and_leaves_only_an_alert():
    def refuse(_der: bytes) -> None:
        raise RefusedError

    client = client_session(BEA, "mail.example", refuse)
    server = ServerTls(ADA).session()
    server.receive(client.outgoing())
    with pytest.raises(RefusedError):
        client.receive(server.outgoing())
    alert = client.outgoing()
    assert alert[0] == 21
    assert len(alert) == 7
    assert client.receive(b"anything") == b""
    with pytest.raises(TlsError) as caught:
        server.receive(alert)
    assert caught.value.alert == "unknown ca"
    assert server.peer_der is None
    assert not server.handshake_done


def test_refusals_of_one_connection_do_not_touch_another_with_the_same_identity():
    def refuse(_der: bytes) -> None:
        raise RefusedError

    refused, fine = client_session(BEA, None, refuse), client_session(BEA, None, take)
    first, second = ServerTls(ADA).session(), ServerTls(ADA).session()
    first.receive(refused.outgoing())
    with pytest.raises(RefusedError):
        refused.receive(first.outgoing())
    exchange(fine, second)
    assert fine.handshake_done


@pytest.mark.parametrize(
    "server",
    [
        odd_person(users=(), names=(), san=()),
        odd_person(eku=ExtendedKeyUsageOID.CLIENT_AUTH),
        odd_person(padding=60_000),
        odd_person(san=tuple(x509.DNSName(f"h{i}.test") for i in range(3000))),
    ],
    ids=["nameless", "for clients only", "huge", "many names"],
)
def test_odd_certificates_are_for_the_verdict_and_not_for_openssl_to_refuse(server):
    client, peer = connected(server, server)
    assert client.peer_der == server.info.der
    assert peer.peer_der == server.info.der


# ---- names ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "sent", "shown"),
    [
        ("mail.example", "mail.example", ADA),
        ("second.example", "second.example", CAL),
        ("SECOND.example", "second.example", CAL),
        ("third.example", "third.example", ADA),
        ("127.0.0.1", None, ADA),
        ("[::1]", None, ADA),
        ("::1", None, ADA),
        (None, None, ADA),
    ],
)
def test_the_certificate_follows_the_name_asked_for(name, sent, shown):
    asked = []

    def choose(name: str):
        asked.append(name)
        return {"mail.example": ADA, "second.example": CAL}.get(name)

    server = ServerTls(ADA, choose).session()
    client = client_session(BEA, name, take)
    exchange(client, server)
    assert client.peer_der == shown.info.der
    assert asked == ([] if sent is None else [sent])
    assert server.peer_der == BEA.info.der


def test_a_name_whose_identity_cannot_be_used_gets_the_default():
    broken = Identity(CAL.info, CAL.cert_pem, ADA.key_pem)
    server = ServerTls(ADA, {"second.example": broken}.get).session()
    client = client_session(BEA, "second.example", take)
    exchange(client, server)
    assert client.peer_der == ADA.info.der


def test_protocol_names_a_client_offers_are_ignored():
    context = SSL.Context(SSL.TLS_METHOD)
    context.set_alpn_protos([b"h2", b"misfin"])
    assert handshake_of(SSL.Connection(context, None)).handshake_done


# ---- versions and resumption ----------------------------------------------------------------------


def handshake_of(raw: SSL.Connection, server: ServerTls | None = None):
    """Shake hands with a bare pyOpenSSL client; returns the server's session."""
    session = (server or ServerTls(ADA)).session()
    raw.set_connect_state()
    for _ in range(6):
        with contextlib.suppress(SSL.WantReadError):
            raw.do_handshake()
        move(raw, session)
    return session


def move(raw: SSL.Connection, session) -> bytes:
    try:
        data = raw.bio_read(65536)
    except SSL.WantReadError:
        data = b""
    got = session.receive(data) if data else b""
    out = session.outgoing()
    if out:
        raw.bio_write(out)
    return got


def test_tls_1_2_is_spoken_and_1_1_is_not():
    context = SSL.Context(SSL.TLS_METHOD)
    context.set_max_proto_version(SSL.TLS1_2_VERSION)
    session = handshake_of(SSL.Connection(context, None))
    assert session.handshake_done
    assert session.version == "TLSv1.2"
    old = SSL.Context(SSL.TLS_METHOD)
    old.set_min_proto_version(SSL.TLS1_VERSION)
    old.set_max_proto_version(SSL.TLS1_1_VERSION)
    old.set_cipher_list(b"DEFAULT:@SECLEVEL=0")
    with pytest.raises((TlsError, SSL.Error)):
        handshake_of(SSL.Connection(old, None))


@pytest.mark.parametrize("version", [SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION])
def test_a_client_that_tries_to_resume_gets_a_whole_handshake(version):
    context = SSL.Context(SSL.TLS_METHOD)
    context.set_max_proto_version(version)
    context.set_min_proto_version(version)
    context.set_session_cache_mode(SSL.SESS_CACHE_CLIENT)
    context.use_certificate(x509.load_pem_x509_certificate(BEA.cert_pem))
    context.use_privatekey(serialization.load_pem_private_key(BEA.key_pem, None))
    server = ServerTls(ADA)
    first = SSL.Connection(context, None)
    session = handshake_of(first, server)
    session.send(b"bye")
    move(first, session)
    assert first.recv(10) == b"bye"
    second = SSL.Connection(context, None)
    second.set_session(first.get_session())
    again = handshake_of(second, server)
    assert again.handshake_done
    assert again.peer_der == BEA.info.der
    assert second.get_peer_certificate(as_cryptography=True) is not None


# ---- bytes ----------------------------------------------------------------------------------------


def test_the_request_may_come_with_the_end_of_the_handshake():
    client, server = client_session(BEA, None, take), ServerTls(ADA).session()
    server.receive(client.outgoing())
    client.receive(server.outgoing())
    client.send(b"misfin://")
    client.send(b"ada@mail.example")
    client.close_notify()
    assert server.receive(client.outgoing()) == b"misfin://ada@mail.example"
    assert server.peer_closed


def test_an_answer_arrives_after_the_peers_close_notify_and_tcp_end():
    client, server = connected()
    client.send(b"question")
    client.close_notify()
    server.receive(client.outgoing())
    server.receive_eof()
    server.send(b"20 answer\r\n")
    server.close_notify()
    assert client.receive(server.outgoing()) == b"20 answer\r\n"
    assert client.peer_closed
    assert server.receive(b"late") == b""


def test_messages_longer_than_a_record_arrive_whole():
    client, server = connected()
    client.send(b"x" * 100_000)
    assert exchange(client, server) == (b"", b"x" * 100_000)


def test_there_is_no_plaintext_before_the_handshake_nor_after_the_goodbye():
    client = client_session(BEA, None, take)
    with pytest.raises(LocalProtocolError):
        client.send(b"early")
    client, _ = connected()
    client.close_notify()
    client.close_notify()
    with pytest.raises(LocalProtocolError):
        client.send(b"late")


def test_a_goodbye_in_mid_handshake_says_nothing():
    client = client_session(BEA, None, take)
    client.outgoing()
    client.close_notify()
    assert client.outgoing() == b""


def test_the_end_of_tcp_in_mid_handshake_is_an_error_and_later_is_not():
    with pytest.raises(TlsError, match="during the TLS handshake"):
        client_session(BEA, None, take).receive_eof()
    client, _ = connected()
    client.receive_eof()


@pytest.mark.parametrize(
    "garbage", [b"GET / HTTP/1.1\r\n\r\n", b"misfin://ada@mail.example\t0\r\n", b"\x16\x03\x01\x00\x05hello"]
)
def test_what_is_not_tls_is_a_tls_error(garbage):
    server = ServerTls(ADA).session()
    with pytest.raises(TlsError):
        server.receive(garbage)
    assert server.failed
    assert server.receive(b"more") == b""


@settings(max_examples=60, deadline=None)
@given(st.binary(min_size=1, max_size=400), st.booleans())
def test_any_bytes_at_all_either_wait_or_fail_as_tls_errors(data, after_handshake):
    server = connected()[1] if after_handshake else ServerTls(ADA).session()
    try:
        server.receive(data)
    except TlsError:
        assert server.failed
    server.outgoing()


def test_a_damaged_record_is_a_tls_error_with_an_alert_to_send():
    client, server = connected()
    client.send(b"question")
    record = bytearray(client.outgoing())
    record[-1] ^= 1
    with pytest.raises(TlsError):
        server.receive(bytes(record))
    with pytest.raises(TlsError) as caught:
        client.receive(server.outgoing())
    assert "mac" in caught.value.alert


# ---- identities -----------------------------------------------------------------------------------


def test_an_identity_whose_key_is_another_ones_is_refused():
    broken = Identity(BEA.info, BEA.cert_pem, ADA.key_pem)
    with pytest.raises(IdentityError):
        client_session(broken, None, take)
    with pytest.raises(IdentityError):
        ServerTls(broken)


@pytest.mark.skipif(not hasattr(SSL.Context, "set_tls13_ciphersuites"), reason="this pyOpenSSL cannot choose")
def test_the_suite_that_processors_hash_fastest_is_chosen_and_others_still_work():
    _, server = connected()
    assert server._connection.get_cipher_name() == "TLS_AES_128_GCM_SHA256"
    for only in (b"TLS_AES_256_GCM_SHA384", b"TLS_CHACHA20_POLY1305_SHA256"):
        context = SSL.Context(SSL.TLS_METHOD)
        context.set_tls13_ciphersuites(only)
        client, server = SSL.Connection(context, None), ServerTls(ADA).session()
        client.set_connect_state()
        while not server.handshake_done:
            with contextlib.suppress(SSL.WantReadError):
                client.do_handshake()
            server.receive(client.bio_read(65536))
            with contextlib.suppress(SSL.Error):
                client.bio_write(server.outgoing())
        assert server._connection.get_cipher_name() == only.decode()
