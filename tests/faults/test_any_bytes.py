"""Whatever bytes come in whatever pieces: at most one message, at most one answer, and never an exception."""

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st
from peers import message, person

from misfin.errors import TlsError
from misfin.net.directory import Directory
from misfin.net.incoming import Incoming, accepted
from misfin.net.limits import Limits, LimitSettings
from misfin.net.receiver import Receiver
from misfin.net.tls import client_session
from misfin.wire import MisfinResponse

ADA, BEA = person("ada@mail.example Ada"), person("bea@hive.test Bea")
SEEDS = [
    message("ada@mail.example", "# Hi\n\nHello"),
    message(
        "ada@mail.example",
        "Hi",
        lines="bea@hive.test Bea\nada@mail.example, x@y.test\n2024-05-01T10:00:00Z\n",
    ),
    b"misfin://ada@mail.example Hello\r\n",
    b"misfin://ada@mail.example\t0\r\n",
    b"misfin://ada@mail.example \r\n",
    b"misfin://nobody@mail.example\t16384\r\n",
]


class Wire(asyncio.Transport):
    """A transport without a socket: what the server writes is kept."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.ended = False
        self.closed = False

    def get_extra_info(self, name, default=None):
        return ("192.0.2.1", 4) if name == "peername" else default

    def write(self, data):
        assert not self.ended
        assert not self.closed
        self.written += data

    def write_eof(self):
        assert not self.ended
        self.ended = True

    def close(self):
        self.closed = True

    abort = close


async def converse(pieces: list[bytes], goodbye: str, identity) -> tuple[bytes, list[Incoming], Wire]:
    """Carry a conversation through one exchange; the plaintext answer and the messages."""
    messages: list[Incoming] = []

    async def keep(incoming: Incoming) -> MisfinResponse:
        messages.append(incoming)
        await asyncio.sleep(0)
        return accepted(incoming)

    receiver = Receiver(keep, Directory([ADA]), limits=Limits(LimitSettings(enable=False)))
    exchange, wire = receiver.connection_from("192.0.2.1"), Wire()
    client = client_session(identity, "mail.example", lambda _: None)
    plaintext = b""

    def carry() -> None:
        nonlocal plaintext
        outgoing = client.outgoing()
        if outgoing and not wire.closed:
            exchange.data_received(outgoing)
        answer, wire.written = wire.written, b""
        plaintext += client.receive(answer) if answer else b""

    exchange.connection_made(wire)
    while not client.handshake_done:
        carry()
    for piece in pieces:
        if piece:
            client.send(piece)
        carry()
    if goodbye != "none":
        client.close_notify()
        carry()
    if goodbye == "FIN" and not wire.closed and not exchange.eof_received():
        wire.close()
    while receiver._work:
        await asyncio.sleep(0)
    carry()
    exchange.connection_lost(None)
    assert receiver.connections == 0
    return plaintext, messages, wire


def mutated(draw: st.DrawFn) -> bytes:
    data = bytearray(draw(st.sampled_from(SEEDS)))
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(data)))
        cut = draw(st.integers(0, 4))
        data[at : at + cut] = draw(
            st.binary(max_size=6) | st.sampled_from([b"\r\n", b"\t", b"@", b" ", b"9"])
        )
    return bytes(data)


requests = st.composite(mutated)() | st.binary(max_size=300)


@st.composite
def pieces(draw):
    """A request, perhaps damaged, perhaps with something behind it, cut anywhere."""
    data = draw(requests) + draw(st.just(b"") | st.binary(max_size=40) | st.sampled_from(SEEDS))
    cuts = sorted(draw(st.lists(st.integers(0, len(data)), max_size=6)))
    return [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]


@settings(max_examples=250, deadline=None)
@given(pieces(), st.sampled_from(["none", "close_notify", "FIN"]), st.sampled_from([None, BEA]))
def test_any_conversation_ends_in_at_most_one_message_and_one_answer(conversation, goodbye, identity):
    answer, messages, _ = asyncio.run(converse(conversation, goodbye, identity))
    assert len(messages) <= 1
    if answer:
        assert answer.endswith(b"\r\n")
        assert answer.count(b"\n") == 1
        assert answer[:3].strip().isdigit()
        assert len(answer) <= 2048
    if messages:
        assert answer.startswith(b"20 ")
        assert identity is not None
        assert not messages[0].request.is_probe


@settings(max_examples=100, deadline=None)
@given(st.lists(st.binary(min_size=1, max_size=200), min_size=1, max_size=4))
def test_any_bytes_instead_of_tls_end_the_connection_and_raise_nothing(chunks):
    async def feed() -> None:
        receiver = Receiver(None, Directory([ADA]), limits=Limits(LimitSettings(enable=False)))
        exchange, wire = receiver.connection_from("192.0.2.1"), Wire()
        exchange.connection_made(wire)
        for chunk in chunks:
            exchange.data_received(chunk)
        exchange.eof_received()
        exchange.connection_lost(None)

    asyncio.run(feed())


def test_a_damaged_record_ends_the_connection_without_an_answer():
    async def feed() -> None:
        receiver = Receiver(None, Directory([ADA]), limits=Limits(LimitSettings(enable=False)))
        exchange, wire = receiver.connection_from("192.0.2.1"), Wire()
        client = client_session(BEA, None, lambda _: None)
        exchange.connection_made(wire)
        while not client.handshake_done:
            exchange.data_received(client.outgoing())
            written, wire.written = wire.written, b""
            client.receive(written)
        client.send(SEEDS[0])
        record = bytearray(client.outgoing())
        record[-1] ^= 1
        exchange.data_received(bytes(record))
        assert wire.ended
        try:
            assert client.receive(wire.written) == b""
        except TlsError as error:
            assert error.alert
        exchange.connection_lost(None)

    asyncio.run(feed())
