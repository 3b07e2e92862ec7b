"""The sending side against scripted servers: what leaves, over which certificate, what an answer means."""

import asyncio
import socket
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from OpenSSL import SSL
from peers import person
from scripted import ALERT, CLIENT_HELLO, ScriptedServer, Visit, der_of, silent_listener

from misfin.errors import (
    ConnectError,
    DeliveryTimeoutError,
    GemmailError,
    HandshakeError,
    HostUnknownError,
    IdentityError,
    MessageTooLargeError,
    OutcomeUnknownError,
    RedirectError,
    StoreError,
)
from misfin.model.address import MisfinAddress
from misfin.model.gemmail import Version
from misfin.net.client import HostOverride, MisfinClient, Try
from misfin.net.delivery import next_version, shows_version, with_sender_line
from misfin.net.dialing import Timeouts
from misfin.trust.identity import identity_from_pem
from misfin.trust.pins import PinBook
from misfin.trust.refusal import CertificateChangedError, FirstUseRefusedError
from misfin.trust.tofu import Decision, PinKind

BEA = person("bea@hive.test Bea Worker")
HOST = person("hostmaster@mail.example")
OTHER = person("hostmaster@mail.example", number=1)
OK = b"20 " + HOST.info.fingerprints.cert.encode() + b"\r\n"
MESSAGE = b"\n\n\nHello\n"
AS_C = b"misfin://ada@mail.example\t9\r\n" + MESSAGE
AS_B = b"misfin://ada@mail.example Hello\r\n"


@pytest.fixture(scope="module")
def renewed_pair():
    """Two certificates over one key."""
    key = load_pem_private_key(HOST.key_pem, None)
    certificate = x509.load_pem_x509_certificate(HOST.cert_pem)
    again = (
        x509.CertificateBuilder()
        .subject_name(certificate.subject)
        .issuer_name(certificate.subject)
        .public_key(key.public_key())
        .serial_number(4711)
        .not_valid_before(certificate.not_valid_before_utc)
        .not_valid_after(certificate.not_valid_after_utc)
        .sign(key, hashes.SHA256())
    )
    return HOST, identity_from_pem(again.public_bytes(Encoding.PEM), HOST.key_pem)


@pytest.fixture
def pins():
    with PinBook(None) as book:
        yield book


def client(server, pins, **options):
    """A client that finds mail.example at the scripted server."""
    port = server if isinstance(server, int) else server.port
    options.setdefault("hosts", {"mail.example": HostOverride(("127.0.0.1", port))})
    return MisfinClient(**{"identity": BEA, "pins": pins, "timeout": 60, **options})


async def seen(server):
    return [visit.got for visit in await server.wait()]


def assert_learnt_nothing(visit: Visit) -> None:
    """The server saw neither an application byte nor the client's certificate."""
    assert visit.got == b""
    assert visit.client is None
    assert not visit.handshake_done
    assert visit.error is not None
    assert visit.records == [CLIENT_HELLO, ALERT]


# ---- the ordinary way -----------------------------------------------------------------------------


async def test_a_message_leaves_as_c_with_blank_lines_for_sender_and_time(pins):
    with ScriptedServer(HOST, OK) as server:
        response = await client(server, pins).send("ada@mail.example", "Hello\n", "Hi")
        (visit,) = await server.wait()
    assert response.status == 20
    assert response.fingerprint == HOST.info.fingerprints.cert
    assert response.address == MisfinAddress.parse("ada@mail.example")
    assert visit.got == b"misfin://ada@mail.example\t15\r\n\n\n\n# Hi\n\nHello\n"
    assert der_of(visit.client) == BEA.info.der
    assert visit.server_name == "mail.example"
    assert visit.ended_politely, "close_notify came from the client"


async def test_a_port_in_the_address_is_dialled_and_never_written(pins):
    with ScriptedServer(person("ada@localhost"), OK) as server:
        delivery = await MisfinClient(pins=pins, timeout=60).deliver(f"ada@localhost:{server.port}", MESSAGE)
        (visit,) = await server.wait()
    assert visit.got == b"misfin://ada@localhost\t9\r\n" + MESSAGE
    assert delivery.port == server.port
    assert pins.get(PinKind.HOST, f"localhost:{server.port}") is not None


async def test_recipients_are_listed_only_when_there_are_several(pins):
    with ScriptedServer(HOST, OK) as server:
        bea = client(server, pins)
        await bea.send("ada@mail.example", "x\n", recipients=["ada@mail.example"])
        await bea.send("ada@mail.example", "x\n", recipients=["ada@mail.example Ada", "cal@x.example:1999"])
        assert await seen(server) == [
            b"misfin://ada@mail.example\t5\r\n\n\n\nx\n",
            b"misfin://ada@mail.example\t36\r\n\nada@mail.example, cal@x.example\n\nx\n",
        ]


async def test_a_sender_given_by_the_caller_is_written(pins):
    with ScriptedServer(HOST, OK) as server:
        await client(server, pins).send("ada@mail.example", "x\n", sender="bea@hive.test Bea")
        assert await seen(server) == [b"misfin://ada@mail.example\t22\r\nbea@hive.test Bea\n\n\nx\n"]


async def test_the_record_of_a_delivery_says_all_about_it(pins):
    clock = iter(range(1_800_000_000, 1_800_000_100)).__next__
    with ScriptedServer(HOST, OK) as server:
        delivery = await client(server, pins, now=clock).deliver("ada@mail.example", MESSAGE)
    assert delivery.request == AS_C
    assert delivery.version is Version.C
    assert (delivery.hostname, delivery.port) == ("mail.example", 1958)
    assert delivery.certificate == HOST.info
    assert delivery.decision is Decision.FIRST_USE
    assert delivery.remarks == frozenset()
    assert 1_800_000_000 <= delivery.started < delivery.ended
    assert [(t.version, t.request, t.response) for t in delivery.tries] == [
        (Version.C, AS_C, delivery.response)
    ]


async def test_the_answer_is_taken_without_waiting_for_the_end_of_the_connection(pins):
    def stay(visit):
        visit.read_request()
        visit.say(OK)
        visit.read_to_end()  # only the client's goodbye ends this

    with ScriptedServer(HOST, stay) as server:
        async with asyncio.timeout(30):
            delivery = await client(server, pins, timeout=120).deliver("ada@mail.example", MESSAGE)
        (visit,) = await server.wait()
    assert delivery.response.status == 20
    assert visit.ended_politely


async def test_an_answer_in_pieces_and_one_without_its_end_are_read(pins):
    def in_pieces(visit):
        visit.read_request()
        for index in range(len(OK)):
            visit.say(OK[index : index + 1])
        visit.goodbye()

    with ScriptedServer(HOST, [in_pieces, b"20 abc", b"20 abc\n"]) as server:
        bea = client(server, pins)
        assert not (await bea.send_raw("ada@mail.example", MESSAGE)).truncated
        assert (await bea.send_raw("ada@mail.example", MESSAGE)).truncated
        assert (await bea.send_raw("ada@mail.example", MESSAGE)).truncated


async def test_before_write_runs_after_trust_and_can_stop_the_message(pins):
    def check():
        calls.append(pins.get(PinKind.HOST, "mail.example:1958") is not None)

    async def refuse():
        raise RuntimeError("stop")

    calls: list[bool] = []
    with ScriptedServer(HOST, OK) as server:
        bea = client(server, pins)
        await bea.deliver("ada@mail.example", MESSAGE, before_write=check)
        with pytest.raises(RuntimeError, match="stop"):
            await bea.deliver("ada@mail.example", MESSAGE, before_write=refuse)
        assert await seen(server) == [AS_C, b""]
    assert calls == [True]


async def test_between_a_refusal_and_the_next_try_it_is_told_that_nothing_is_outstanding(pins):
    calls: list[str] = []

    def told(what):
        return lambda: calls.append(what)

    with ScriptedServer(HOST, [b"59 what?\r\n", OK]) as server:
        bea = client(server, pins)
        for _ in range(2):  # the second message needs no other try
            await bea.deliver(
                "ada@mail.example", MESSAGE, before_write=told("write"), on_refused=told("refused")
            )
        assert await seen(server) == [AS_C, AS_B, AS_B]
    assert calls == ["write", "refused", "write", "write"]


def cut_off_with(line: bytes):
    """The answer and the end of TCP in one packet, and no goodbye of TLS."""

    def script(visit):
        visit.read_request()
        visit.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
        visit.say(line)
        visit.sock.shutdown(socket.SHUT_WR)
        visit.read_to_end()

    return script


@pytest.mark.skipif(not hasattr(socket, "TCP_CORK"), reason="answer and end cannot be sent together here")
@pytest.mark.parametrize(
    ("script", "noted"),
    [
        (OK, []),
        (cut_off_with(OK), ["without a TLS close_notify"]),
        (cut_off_with(b"20 abc"), ["did not end with CRLF", "without a TLS close_notify"]),
        (b"20 abc\n", ["did not end with CRLF"]),
    ],
    ids=["proper", "no close_notify", "no line end either", "bare LF"],
)
async def test_an_end_that_is_not_the_proper_one_is_noted_and_the_answer_counts(pins, script, noted):
    with ScriptedServer(HOST, script) as server:
        delivery = await client(server, pins).deliver("ada@mail.example", MESSAGE)
    assert delivery.response.status == 20
    assert len(delivery.notes) == len(noted)
    for words, note in zip(noted, delivery.notes, strict=True):
        assert words in note


async def test_many_messages_can_be_under_way_at_once(pins):
    with ScriptedServer(HOST, OK) as server:
        bea = client(server, pins)
        answers = await asyncio.gather(*(bea.send_raw("ada@mail.example", MESSAGE) for _ in range(8)))
    assert [a.status for a in answers] == [20] * 8


async def test_without_an_identity_a_message_leaves_anonymously(pins):
    with ScriptedServer(HOST, b"60 who are you?\r\n") as server:
        response = await client(server, pins, identity=None).send_raw("ada@mail.example", MESSAGE)
        (visit,) = await server.wait()
    assert response.status == 60
    assert visit.client is None


# ---- trust ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("tls_1_2", [False, True])
async def test_t1_a_changed_host_gets_no_byte_and_not_our_certificate(pins, tls_1_2):
    with ScriptedServer([HOST, OTHER], OK, tls_1_2=tls_1_2) as server:
        bea = client(server, pins)
        await bea.send_raw("ada@mail.example", MESSAGE)
        tries: list[Try] = []
        with pytest.raises(CertificateChangedError) as caught:
            await bea.deliver("ada@mail.example", MESSAGE, on_attempt=tries.append)
        assert_learnt_nothing((await server.wait())[1])
    error = caught.value
    assert (error.hostname, error.port) == ("mail.example", 1958)
    assert error.expected_fingerprint == HOST.info.fingerprints.cert
    assert error.actual_fingerprint == OTHER.info.fingerprints.cert
    assert error.certificate == OTHER.info
    assert [(each.certificate, each.request) for each in tries] == [(OTHER.info, b"")]
    offer = pins.offered(PinKind.HOST, "mail.example:1958")
    assert offer is not None
    assert offer.certificate == OTHER.info


async def test_after_approval_the_message_goes(pins):
    with ScriptedServer([HOST, OTHER], OK) as server:
        bea = client(server, pins)
        await bea.send_raw("ada@mail.example", MESSAGE)
        with pytest.raises(CertificateChangedError) as caught:
            await bea.send_raw("ada@mail.example", MESSAGE)
        pins.replace(
            PinKind.HOST, "mail.example:1958", caught.value.certificate, how="approved", now=time.time()
        )
        assert (await bea.send_raw("ada@mail.example", MESSAGE)).status == 20


async def test_t2_a_new_certificate_with_the_same_key_is_taken_and_recorded(pins, renewed_pair):
    first, second = renewed_pair
    with ScriptedServer([first, second], OK) as server:
        bea = client(server, pins)
        await bea.deliver("ada@mail.example", MESSAGE)
        delivery = await bea.deliver("ada@mail.example", MESSAGE)
    assert delivery.decision is Decision.RENEWED
    pin = pins.get(PinKind.HOST, "mail.example:1958")
    assert pin.cert_sha256 == second.info.fingerprints.cert
    assert [past.cert_sha256 for past in pin.history] == [first.info.fingerprints.cert]


async def test_t3_the_fallback_meets_another_certificate_and_stops(pins):
    with ScriptedServer([HOST, OTHER], [b"59 what?\r\n", OK]) as server:
        tries: list[Try] = []
        with pytest.raises(CertificateChangedError):
            await client(server, pins).deliver("ada@mail.example", MESSAGE, on_attempt=tries.append)
        assert_learnt_nothing((await server.wait())[1])
    assert [each.version for each in tries] == [Version.C, Version.B]
    assert tries[0].response.status == 59


async def test_t3_even_a_renewed_certificate_stops_the_fallback(pins, renewed_pair):
    with ScriptedServer(renewed_pair, [b"59 what?\r\n", OK]) as server:
        with pytest.raises(CertificateChangedError):
            await client(server, pins).send_raw("ada@mail.example", MESSAGE)
        assert_learnt_nothing((await server.wait())[1])


async def test_the_fallback_meets_weaker_tls_and_stops(pins):
    with ScriptedServer(HOST, [b"59 what?\r\n", OK], tls_1_2=[False, True]) as server:
        with pytest.raises(HandshakeError, match="weaker TLS"):
            await client(server, pins).send_raw("ada@mail.example", MESSAGE)
        assert await seen(server) == [AS_C, b""]


async def test_the_repeat_with_a_sender_line_meets_another_certificate_and_stops(pins):
    with ScriptedServer([HOST, OTHER], [b"61 Sender required for verification\r\n", OK]) as server:
        with pytest.raises(CertificateChangedError):
            await client(server, pins).send_raw("ada@mail.example", MESSAGE)
        assert_learnt_nothing((await server.wait())[1])


async def test_a_redirect_to_a_changed_host_gets_nothing(pins):
    far = person("x@far.example")
    pins.record(PinKind.HOST, "far.example:1958", person("x@far.example", number=2).info, now=time.time())
    with ScriptedServer(HOST, b"31 ada@far.example\r\n") as server, ScriptedServer(far, OK) as changed:
        hosts = {
            "mail.example": HostOverride(("127.0.0.1", server.port)),
            "far.example": HostOverride(("127.0.0.1", changed.port)),
        }
        with pytest.raises(CertificateChangedError) as caught:
            await client(server, pins, hosts=hosts).send_raw("ada@mail.example", MESSAGE)
        assert caught.value.hostname == "far.example"
        assert_learnt_nothing((await changed.wait())[0])


async def test_another_process_that_met_another_certificate_first_wins(pins, monkeypatch):
    real = pins.record

    def late(kind, name, info, **more):
        pins.replace(kind, name, OTHER.info, how="by another process", now=time.time())
        return real(kind, name, info, **more)

    monkeypatch.setattr(pins, "record", late)
    with ScriptedServer(HOST, OK) as server:
        with pytest.raises(CertificateChangedError):
            await client(server, pins).deliver("ada@mail.example", MESSAGE)
        assert await seen(server) == [b""]
    assert pins.get(PinKind.HOST, "mail.example:1958").cert_sha256 == OTHER.info.fingerprints.cert


async def test_a_probe_too_must_pass_the_pin(pins):
    pins.record(PinKind.HOST, "mail.example:1958", OTHER.info, now=time.time())
    with ScriptedServer(HOST, OK) as server:
        with pytest.raises(CertificateChangedError):
            await client(server, pins).probe("ada@mail.example")
        assert_learnt_nothing((await server.wait())[0])


async def test_an_unknown_host_is_refused_where_first_use_is_not_trusted(pins):
    with ScriptedServer(HOST, OK) as server:
        with pytest.raises(FirstUseRefusedError) as caught:
            await client(server, pins, trust_on_first_use=False).send_raw("ada@mail.example", MESSAGE)
        assert_learnt_nothing((await server.wait())[0])
    assert caught.value.actual_fingerprint == HOST.info.fingerprints.cert
    assert pins.get(PinKind.HOST, "mail.example:1958") is None
    assert pins.offered(PinKind.HOST, "mail.example:1958").certificate == HOST.info


async def test_the_trust_of_earlier_runs_is_read_from_the_file(tmp_path):
    with ScriptedServer([HOST, OTHER], OK) as server:
        options = {"tofu_db_path": tmp_path / "known_hosts.db"}
        async with client(server, None, **options) as bea:
            await bea.send_raw("ada@mail.example", MESSAGE)
        async with client(server, None, **options) as bea:
            with pytest.raises(CertificateChangedError):
                await bea.send_raw("ada@mail.example", MESSAGE)


# ---- B or C (docs/protocol.md §8) -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("tried", "status", "known", "forced", "expected"),
    [
        (Version.C, 59, None, False, Version.B),
        (Version.C, 40, None, False, Version.B),
        (Version.C, 59, Version.C, False, None),
        (Version.C, 40, Version.C, False, None),
        (Version.C, 59, None, True, None),
        (Version.B, 59, Version.B, False, Version.C),
        (Version.B, 40, Version.B, False, None),
        (Version.B, 59, None, True, None),
        *[
            (Version.C, status, None, False, None)
            for status in (20, 29, 30, 31, 41, 42, 43, 44, 45, 50, 51, 52, 53, 58, 60, 61, 62, 63, 64)
        ],
    ],
)
def test_the_fallback_table(tried, status, known, forced, expected):
    assert next_version(tried, status, known=known, forced=forced) is expected


def test_what_proves_a_version():
    proving = {status for status in range(100) if shows_version(status)}
    assert proving == set(range(20, 70)) - {40, 50, 59}


@pytest.mark.parametrize("status", [59, 40])
async def test_an_unknown_host_that_refuses_c_is_asked_in_b_and_remembered(pins, status):
    with ScriptedServer(HOST, [b"%d what?\r\n" % status, OK]) as server:
        bea = client(server, pins)
        delivery = await bea.deliver("ada@mail.example", MESSAGE)
        assert delivery.response.status == 20
        assert delivery.version is Version.B
        assert [t.version for t in delivery.tries] == [Version.C, Version.B]
        await bea.deliver("ada@mail.example", MESSAGE)
        assert await seen(server) == [AS_C, AS_B, AS_B]


async def test_a_host_known_to_speak_c_is_believed_when_it_refuses(pins):
    with ScriptedServer(HOST, [OK, b"40 later\r\n", b"59 no\r\n", b"59 no\r\n", OK]) as server:
        bea = client(server, pins)
        statuses = [(await bea.deliver("ada@mail.example", MESSAGE)).response.status for _ in range(3)]
        assert statuses == [20, 40, 59]
        # That 59 ended the memory, so the next refusal is again a reason to ask in B.
        assert (await bea.deliver("ada@mail.example", MESSAGE)).response.status == 20
        assert await seen(server) == [AS_C, AS_C, AS_C, AS_C, AS_B]


async def test_a_remembered_b_that_is_refused_is_followed_by_one_c(pins):
    pins.remember("mail.example", 1958, now=time.time(), speaks=Version.B)
    with ScriptedServer(HOST, [b"59 what?\r\n", OK]) as server:
        delivery = await client(server, pins).deliver("ada@mail.example", MESSAGE)
        assert await seen(server) == [AS_B, AS_C]
    assert delivery.version is Version.C
    assert pins.recall("mail.example", 1958).speaks is Version.C


async def test_two_refusals_end_the_matter(pins):
    with ScriptedServer(HOST, b"59 what?\r\n") as server:
        delivery = await client(server, pins).deliver("ada@mail.example", MESSAGE)
        assert await seen(server) == [AS_C, AS_B]
    assert delivery.response.status == 59
    assert pins.recall("mail.example", 1958).speaks is None


async def test_a_40_to_c_is_believed_where_b_is_refused_as_unreadable(pins):
    with ScriptedServer(HOST, [b"40 busy\r\n", b"59 no\r\n"]) as server:
        delivery = await client(server, pins).deliver("ada@mail.example", MESSAGE)
    assert (delivery.response.status, delivery.version, len(delivery.tries)) == (40, Version.C, 2)
    assert pins.recall("mail.example", 1958).speaks is None


async def test_the_memory_of_a_version_fades(pins):
    pins.remember("mail.example", 1958, now=time.time() - 31 * 86400, speaks=Version.B)
    with ScriptedServer(HOST, OK) as server:
        await client(server, pins).deliver("ada@mail.example", MESSAGE)
        assert await seen(server) == [AS_C]


@pytest.mark.parametrize("version", list(Version))
async def test_a_version_chosen_by_somebody_is_final(pins, version):
    with ScriptedServer(HOST, b"59 what?\r\n") as server:
        hosts = {"mail.example": HostOverride(("127.0.0.1", server.port), version)}
        await client(server, pins, hosts=hosts).deliver("ada@mail.example", MESSAGE)
        await client(server, pins).deliver("ada@mail.example", MESSAGE, version=version)
        assert await seen(server) == [AS_C if version is Version.C else AS_B] * 2


async def test_without_permission_there_is_no_fallback(pins):
    with ScriptedServer(HOST, b"59 what?\r\n") as server:
        bea = client(server, pins, misfin_b_fallback=False)
        assert (await bea.deliver("ada@mail.example", MESSAGE)).response.status == 59
        assert await seen(server) == [AS_C]


@pytest.mark.parametrize(
    ("message", "error"),
    [
        (b"\n\n\n" + b"x" * 2100 + b"\n", MessageTooLargeError),
        (b"\n\n\na\tb\n", GemmailError),
    ],
)
async def test_what_b_cannot_carry_unchanged_is_not_tried_and_said_why(pins, message, error):
    with ScriptedServer(HOST, b"59 what?\r\n") as server:
        delivery = await client(server, pins).deliver("ada@mail.example", message)
        assert len(await server.wait()) == 1
    assert delivery.response.status == 59
    assert isinstance(delivery.b_impossible, error)
    assert any("Misfin(B)" in note for note in delivery.notes)


async def test_too_large_for_a_host_that_speaks_only_b_is_said_before_connecting(pins):
    pins.remember("mail.example", 1958, now=time.time(), speaks=Version.B)
    with ScriptedServer(HOST, OK) as server:
        with pytest.raises(MessageTooLargeError):
            await client(server, pins).deliver("ada@mail.example", b"\n\n\n" + b"x" * 2100)
        assert await server.wait() == []


async def test_the_fallback_keeps_line_ends_and_recipients(pins):
    message = b"\nada@mail.example, cal@x.example\n\n# Plan\n\nMeet?\n"
    with ScriptedServer(HOST, [b"59 what?\r\n", OK]) as server:
        await client(server, pins).deliver("ada@mail.example", message)
        b = b"misfin://ada@mail.example : ada@mail.example cal@x.example\n# Plan\n\nMeet?\r\n"
        assert (await seen(server))[1] == b


async def test_a_60_is_no_reason_to_change_the_version(pins):
    with ScriptedServer(HOST, b"60 show yourself\r\n") as server:
        assert (await client(server, pins).deliver("ada@mail.example", MESSAGE)).response.status == 60
        assert await seen(server) == [AS_C]
    assert pins.recall("mail.example", 1958).speaks is Version.C


async def test_an_answer_counts_even_if_nothing_can_be_remembered(pins, monkeypatch):
    def full(*_, **__):
        raise StoreError("The disk is full.")

    monkeypatch.setattr(pins, "remember", full)
    monkeypatch.setattr(pins, "unlearn", full)
    pins.replace(PinKind.HOST, "mail.example:1958", HOST.info, how="test", now=time.time())
    with ScriptedServer(HOST, [OK, b"59 what?\r\n", OK]) as server:
        bea = client(server, pins)
        for _ in range(2):
            assert (await bea.deliver("ada@mail.example", MESSAGE)).response.status == 20


async def test_a_first_use_that_cannot_be_written_down_sends_nothing(pins, monkeypatch):
    def full(*_, **__):
        raise StoreError("The disk is full.")

    monkeypatch.setattr(pins, "record", full)
    with ScriptedServer(HOST, OK) as server:
        with pytest.raises(StoreError):
            await client(server, pins).deliver("ada@mail.example", MESSAGE)
        assert await seen(server) == [b""]


async def test_a_probe_asks_in_c_then_in_b_and_teaches_nothing_about_messages(pins):
    with ScriptedServer(HOST, [b"59 empty?\r\n", OK]) as server:
        response = await client(server, pins).probe("ada@mail.example")
        assert await seen(server) == [b"misfin://ada@mail.example\t0\r\n", b"misfin://ada@mail.example \r\n"]
    assert response.fingerprint == HOST.info.fingerprints.cert
    assert pins.recall("mail.example", 1958).speaks is None


# ---- the sender line (docs/protocol.md §3.3) ------------------------------------------------------

NAMED_C = b"misfin://ada@mail.example\t33\r\nbea@hive.test Bea Worker" + MESSAGE
SENDER_REQUIRED = b"61 Sender required for verification\r\n"


async def test_a_server_that_wants_the_sender_in_the_message_gets_it_once_and_is_remembered(pins):
    with ScriptedServer(HOST, [SENDER_REQUIRED, OK]) as server:
        bea = client(server, pins)
        delivery = await bea.deliver("ada@mail.example", MESSAGE)
        assert delivery.response.status == 20
        await bea.deliver("ada@mail.example", MESSAGE)
        assert await seen(server) == [AS_C, NAMED_C, NAMED_C]
    assert pins.recall("mail.example", 1958).sender_line


async def test_a_server_that_still_refuses_is_not_asked_again_and_not_remembered(pins):
    with ScriptedServer(HOST, SENDER_REQUIRED) as server:
        delivery = await client(server, pins).deliver("ada@mail.example", MESSAGE)
        assert len(await server.wait()) == 2
    assert delivery.response.status == 61
    assert not pins.recall("mail.example", 1958).sender_line


async def test_in_b_the_sender_stands_in_a_marker_line(pins):
    pins.remember("mail.example", 1958, now=time.time(), speaks=Version.B)
    with ScriptedServer(HOST, [SENDER_REQUIRED, OK]) as server:
        await client(server, pins).deliver("ada@mail.example", MESSAGE)
        named_b = b"misfin://ada@mail.example < bea@hive.test Bea Worker\nHello\r\n"
        assert await seen(server) == [AS_B, named_b]


@pytest.mark.parametrize("reason", [b"61 Sender blocked\r\n", b"61 go away\r\n"])
async def test_any_other_61_is_final(pins, reason):
    with ScriptedServer(HOST, reason) as server:
        assert (await client(server, pins).deliver("ada@mail.example", MESSAGE)).response.status == 61
        assert len(await server.wait()) == 1


async def test_an_anonymous_sender_has_no_line_to_add(pins):
    with ScriptedServer(HOST, SENDER_REQUIRED) as server:
        bea = client(server, pins, identity=None)
        assert (await bea.deliver("ada@mail.example", MESSAGE)).response.status == 61
        assert len(await server.wait()) == 1


def test_a_message_that_has_a_sender_keeps_it():
    assert with_sender_line(b"x@y.example\n\n\nHi\n", BEA.address) is None
    assert with_sender_line(b"no metadata", BEA.address) is None
    assert with_sender_line(b"  \n\n\nHi\n", BEA.address) == b"bea@hive.test Bea Worker\n\n\nHi\n"


# ---- redirects ------------------------------------------------------------------------------------


async def test_a_redirect_is_followed_with_the_message_unchanged(pins):
    with ScriptedServer(person("x@far.example"), OK) as far:
        with ScriptedServer(HOST, b"31 misfin://ada@far.example:%d\r\n" % far.port) as server:
            hosts = {
                "mail.example": HostOverride(("127.0.0.1", server.port)),
                "far.example": HostOverride(("127.0.0.1", far.port)),
            }
            response = await client(server, pins, hosts=hosts).send_raw("ada@mail.example", MESSAGE)
        assert await seen(far) == [b"misfin://ada@far.example\t9\r\n" + MESSAGE]
    assert response.status == 20
    assert response.address == MisfinAddress.parse("ada@far.example")


async def test_redirects_can_be_left_to_the_caller(pins):
    with ScriptedServer(HOST, b"30 ada@far.example\r\n") as server:
        bea = client(server, pins, follow_redirects=False)
        response = await bea.send_raw("ada@mail.example", MESSAGE)
        assert response.redirect_address == MisfinAddress.parse("ada@far.example")
        assert (await bea.deliver("ada@mail.example", MESSAGE)).response.status == 30


@pytest.mark.parametrize(
    ("lines", "visits", "words"),
    [
        ([b"30 \r\n"], 1, "not an address"),
        ([b"30 nonsense\r\n"], 1, "not an address"),
        ([b"30 ada@mail.example\r\n"], 1, "already"),
        ([b"30 eve@mail.example\r\n", b"30 ada@mail.example\r\n"], 2, "already"),
        ([b"31 BEA@hive.test\r\n"], 1, "back to its sender"),
        ([b"30 m%d@mail.example\r\n" % i for i in range(9)], 6, "5 redirects"),
    ],
)
async def test_a_redirect_that_leads_nowhere_is_an_error(pins, lines, visits, words):
    with ScriptedServer(HOST, lines) as server:
        with pytest.raises(RedirectError, match=words) as caught:
            await client(server, pins).send_raw("ada@mail.example", MESSAGE)
        assert len(await server.wait()) == visits
    assert caught.value.status in {30, 31}


async def test_five_redirects_are_followed(pins):
    lines = [b"30 m%d@mail.example\r\n" % i for i in range(5)] + [OK]
    with ScriptedServer(HOST, lines) as server:
        response = await client(server, pins).send_raw("ada@mail.example", MESSAGE)
    assert response.status == 20
    assert response.address.mailbox == "m4"


# ---- when something goes wrong --------------------------------------------------------------------


async def test_a_44_is_left_to_the_caller(pins):
    with ScriptedServer(HOST, b"44 Slow Down. Retry after 30s\r\n") as server:
        assert (await client(server, pins).send_raw("ada@mail.example", MESSAGE)).status == 44
        assert len(await server.wait()) == 1


def _hang_up(visit):
    visit.read_request()
    visit.goodbye()


def _reset(visit):
    visit.read_request()
    visit.reset()


@pytest.mark.parametrize(
    "script",
    [_hang_up, _reset, b"hello\r\n", b"200 ok\r\n", b" 20 x\r\n", b"2 ok\r\n", b"20 " + b"x" * 2100],
)
async def test_no_usable_answer_after_the_request_is_an_unknown_outcome(pins, script):
    with ScriptedServer(HOST, script) as server:
        tries: list[Try] = []
        with pytest.raises(OutcomeUnknownError):
            await client(server, pins).deliver("ada@mail.example", MESSAGE, on_attempt=tries.append)
        assert await seen(server) == [AS_C]
    assert [each.request for each in tries] == [AS_C]


async def test_silence_after_the_request_is_an_unknown_outcome(pins, monkeypatch):
    monkeypatch.setattr(Timeouts, "of", lambda seconds: Timeouts(response=seconds))  # the handshake has time

    def keep_silent(visit):
        visit.read_request()
        visit.read_to_end()

    unknown = pytest.raises(OutcomeUnknownError, match=r"within 0\.3 seconds")
    with ScriptedServer(HOST, keep_silent) as server, unknown:
        await client(server, pins, timeout=0.3).send_raw("ada@mail.example", MESSAGE)


async def test_a_server_that_leaves_before_the_request_got_nothing(pins):
    gone = asyncio.Event()
    loop = asyncio.get_running_loop()

    def leave(visit):
        visit.tls.shutdown()
        visit._flush()
        loop.call_soon_threadsafe(gone.set)
        visit.read_to_end()

    async def wait():
        await gone.wait()
        await asyncio.sleep(0.05)  # the end has to cross the loopback and reach the client's loop

    with ScriptedServer(HOST, leave) as server:
        tries: list[Try] = []
        with pytest.raises(ConnectError, match="before the message was sent"):
            await client(server, pins).deliver(
                "ada@mail.example", MESSAGE, before_write=wait, on_attempt=tries.append
            )
        assert await seen(server) == [b""]
    assert [each.request for each in tries] == [b""]


async def test_a_refusal_that_comes_before_the_request_keeps_it_at_home(pins):
    said = asyncio.Event()
    loop = asyncio.get_running_loop()

    def busy(visit):
        visit.say(b"44 busy\r\n")
        loop.call_soon_threadsafe(said.set)
        visit.goodbye()

    async def wait():
        await said.wait()
        await asyncio.sleep(0.05)

    with ScriptedServer(HOST, busy) as server:
        delivery = await client(server, pins).deliver("ada@mail.example", MESSAGE, before_write=wait)
        assert await seen(server) == [b""]
    assert delivery.response.status == 44
    assert delivery.request == b""
    assert pins.recall("mail.example", 1958).speaks is None


async def test_a_server_that_demands_a_certificate_in_tls_answers_60(pins):
    mode = SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT
    with ScriptedServer(HOST, OK, mode=mode) as server:
        delivery = await client(server, pins, identity=None).deliver("ada@mail.example", MESSAGE)
        assert await seen(server) == [b""]
    assert delivery.response.status == 60
    assert pins.recall("mail.example", 1958).speaks is None


@pytest.mark.parametrize("tls_1_2", [False, True])
async def test_a_server_that_refuses_our_certificate_in_tls_answers_62(pins, tls_1_2):
    with ScriptedServer(HOST, OK, accept=False, tls_1_2=tls_1_2) as server:
        delivery = await client(server, pins).deliver("ada@mail.example", MESSAGE)
        assert await seen(server) == [b""]
    assert delivery.response.status == 62
    assert delivery.tries[0].failure


async def test_tls_1_2_is_noted_because_it_shows_our_certificate_on_the_way(pins):
    with ScriptedServer(HOST, OK, tls_1_2=True) as server:
        delivery = await client(server, pins).deliver("ada@mail.example", MESSAGE)
    assert any("TLS 1.2" in note for note in delivery.notes)
    assert delivery.tls_version == "TLSv1.2"


async def test_a_closed_port_is_told_apart(pins):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(ConnectError, match=r"mail\.example:1958 refuses connections\."):
        await client(port, pins).send_raw("ada@mail.example", MESSAGE)


async def test_silence_instead_of_tls_is_told_apart(pins, monkeypatch):
    monkeypatch.setattr(Timeouts, "of", lambda seconds: Timeouts(handshake=seconds))
    with silent_listener() as port, pytest.raises(DeliveryTimeoutError, match="TLS handshake within"):
        await client(port, pins, timeout=0.2).send_raw("ada@mail.example", MESSAGE)


@pytest.mark.parametrize(
    ("words", "error"),
    [(b"HTTP/1.1 400 Bad Request\r\n\r\n", HandshakeError), (b"", ConnectError)],
)
async def test_a_server_without_tls_is_told_apart(pins, words, error):
    async def serve(reader, writer):
        writer.write(words)
        await reader.read(100)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        with pytest.raises(error, match=r"mail\.example:1958"):
            await client(server.sockets[0].getsockname()[1], pins).send_raw("ada@mail.example", MESSAGE)


async def test_a_name_without_address_is_told_apart(pins):
    with pytest.raises(HostUnknownError, match=r"nowhere\.invalid"):
        await MisfinClient(pins=pins, timeout=60).send_raw("ada@nowhere.invalid", MESSAGE)


async def test_ipv6_is_spoken(pins):
    with ScriptedServer(HOST, OK, family=socket.AF_INET6) as server:
        response = await MisfinClient(pins=pins, timeout=60).send_raw(f"ada@[::1]:{server.port}", MESSAGE)
        (visit,) = await server.wait()
    assert response.status == 20
    assert visit.server_name is None
    assert pins.get(PinKind.HOST, f"[::1]:{server.port}") is not None


async def test_private_addresses_can_be_refused(pins):
    with ScriptedServer(HOST, OK) as server:
        with pytest.raises(ConnectError, match="private address"):
            await MisfinClient(pins=pins, public_only=True).probe(f"ada@localhost:{server.port}")
        assert server.visits == []


async def test_cancelling_leaves_no_open_connection(pins):
    with ScriptedServer(HOST, lambda visit: visit.read_to_end()) as server:
        task = asyncio.create_task(client(server, pins, timeout=30).send_raw("ada@mail.example", MESSAGE))
        while not server.visits or not server.visits[0].got:
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await server.wait()


# ---- the identity ---------------------------------------------------------------------------------


async def test_identities_come_from_files(pins, tmp_path):
    (tmp_path / "bea.pem").write_bytes(BEA.cert_pem)
    (tmp_path / "bea.key").write_bytes(BEA.key_pem)
    (tmp_path / "both.pem").write_bytes(BEA.pem)
    with ScriptedServer(HOST, OK) as server:
        two = {"client_cert": str(tmp_path / "bea.pem"), "client_key": tmp_path / "bea.key"}
        for files in (two, {"client_cert": tmp_path / "both.pem"}):
            await client(server, pins, identity=None, **files).send_raw("ada@mail.example", MESSAGE)
        assert [der_of(visit.client) for visit in await server.wait()] == [BEA.info.der] * 2


async def test_a_missing_identity_file_is_named(tmp_path):
    with pytest.raises(IdentityError, match=r"nobody\.pem"):
        await MisfinClient(client_cert=tmp_path / "nobody.pem").send_raw("ada@mail.example", MESSAGE)


def test_a_key_alone_is_refused_at_once():
    with pytest.raises(IdentityError):
        MisfinClient(client_key="bea.key")


async def test_a_message_over_the_limit_never_connects(pins):
    with ScriptedServer(HOST, OK) as server:
        with pytest.raises(MessageTooLargeError):
            await client(server, pins).send_raw("ada@mail.example", b"\n\n\n" + b"x" * 16382)
        assert server.visits == []


async def test_rubbish_right_behind_an_answer_does_not_spoil_it(pins):
    def rude(visit):
        visit.read_request()
        visit.tls.sendall(OK)
        visit.sock.sendall(visit.tls.bio_read(65536) + b"\x17\x03\x03\x00\x20" + bytes(32))
        visit.read_to_end()

    with ScriptedServer(HOST, rude) as server:
        assert (await client(server, pins).send_raw("ada@mail.example", MESSAGE)).status == 20
