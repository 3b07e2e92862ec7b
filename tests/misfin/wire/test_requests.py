"""Requests (docs/protocol.md §10.1): every vector is judged, however the bytes arrive; writing is strict."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from misfin.errors import (
    AddressError,
    GemmailError,
    LocalProtocolError,
    MessageTooLargeError,
    RemoteProtocolError,
)
from misfin.model.address import MisfinAddress
from misfin.model.gemmail import MAX_B_REQUEST, MAX_MESSAGE, Form, GemmailMessage, Version, stamp
from misfin.model.metadata import parse_time
from misfin.wire import MisfinRequest, MisfinResponse, ProtocolState, ServerProtocol
from misfin.wire.limits import MAX_REQUEST_BUFFER
from vectors import byte_by_byte, ids, load, octets, whole

VECTORS = load("requests")


def in_two(data):
    return [data[: len(data) // 2], data[len(data) // 2 :]]


def judge(chunks):
    """What a server makes of the chunks: a request, a RemoteProtocolError, or None while it waits."""
    server, result = ServerProtocol(), None
    for chunk in chunks:
        try:
            result = server.feed_bytes(chunk) or result
        except RemoteProtocolError as e:
            return server, e
    return server, result


def named(vectors):
    return pytest.mark.parametrize("vector", vectors, ids=ids(vectors))


@named(VECTORS["request"])
@pytest.mark.parametrize("cut", [whole, in_two, byte_by_byte])
def test_a_request_is_judged_as_its_vector_says(vector, cut):
    server, result = judge(cut(octets(vector["bytes"])))
    if vector.get("only_whole") and cut is byte_by_byte:
        assert isinstance(result, MisfinRequest)
    elif "refused" in vector:
        assert isinstance(result, RemoteProtocolError)
        assert result.status_hint == vector["refused"]
        assert server.state is ProtocolState.BROKEN
    elif vector.get("incomplete"):
        assert result is None
        server.receive_eof()
        assert server.state is ProtocolState.CUT
    else:
        assert server.state is ProtocolState.ANSWERING
        check_request(result, vector)


def check_request(request, vector):
    assert request.version == vector["version"]
    assert request.mailbox == octets(vector.get("mailbox", "ada")).decode()
    assert request.hostname == "mail.example"
    assert request.address == MisfinAddress(request.mailbox, request.hostname)
    assert request.message == octets(vector.get("message", ""))
    assert request.is_probe == vector.get("probe", False)
    if not request.is_probe:
        assert request.parse_message().body.encode() == octets(vector["body"])


ACCEPTED = [v for v in VECTORS["request"] if "version" in v]


@named(ACCEPTED)
def test_bytes_that_come_with_a_request_make_it_illegal(vector):
    _, result = judge([octets(vector["bytes"]) + b"junk"])
    assert isinstance(result, RemoteProtocolError)
    assert result.status_hint == 59


@named(ACCEPTED)
def test_bytes_that_come_after_a_request_are_ignored(vector):
    data = octets(vector["bytes"])
    server, result = judge([data])
    assert isinstance(result, MisfinRequest)
    assert server.feed_bytes(data) is None
    assert server.feed_bytes(b"x" * 100_000) is None
    assert server.state is ProtocolState.ANSWERING


@named(ACCEPTED)
def test_what_is_accepted_can_be_written_again(vector):
    _, request = judge([octets(vector["bytes"])])
    _, again = judge([request.to_bytes()])
    assert again == request


@named(VECTORS["stored"])
def test_a_server_stores_the_message_under_its_sender_and_time(vector):
    _, request = judge([octets(vector["bytes"])])
    sender = MisfinAddress.parse(vector["sender"])
    stored = stamp(request.message, request.version, sender, parse_time(vector["now"]))
    assert stored == octets(vector["stored"])
    message = GemmailMessage.from_bytes(stored)
    assert message.senders[0] == sender
    assert message.body == request.parse_message().body
    assert message.senders[1:] == request.parse_message().senders


@named(VECTORS["written"])
def test_a_client_writes_what_the_vector_says(vector):
    to = MisfinAddress.parse(vector["to"])
    version = Version(vector.get("version", "C"))
    message = GemmailMessage(
        senders=map(MisfinAddress.parse, vector.get("senders", [])),
        recipients=map(MisfinAddress.parse, vector.get("recipients", [])),
        timestamps=map(parse_time, vector.get("times", [])),
        body=vector["body"],
    )
    request = MisfinRequest(to.mailbox, to.hostname, message.to_bytes(version), version)
    assert request.to_bytes() == octets(vector["bytes"])


def test_the_separator_that_comes_first_decides_between_b_and_c():
    _, b = judge([b"misfin://ada@mail.example a\tb\r\n"])
    _, c = judge([b"misfin://ada@mail.example\t3\r\n\n\n\n"])
    assert (b.version, c.version) == (Version.B, Version.C)


def test_the_recipient_is_known_before_the_message_has_come():
    server = ServerProtocol()
    assert server.feed_bytes(b"misfin://ada@mail.exa") is None
    assert (server.recipient, server.version, server.header_done) == (None, None, False)
    assert server.feed_bytes(b"mple\t10\r") is None
    assert server.recipient == MisfinAddress("ada", "mail.example")
    assert (server.version, server.header_done) == (Version.C, False)
    assert server.feed_bytes(b"\n") is None
    assert server.header_done


def test_another_scheme_is_refused_at_its_first_wrong_byte():
    server = ServerProtocol()
    assert server.feed_bytes(b"mis") is None
    with pytest.raises(RemoteProtocolError):
        server.feed_bytes(b"t")


@pytest.mark.parametrize(
    "endless",
    [
        b"misfin://" + b"a" * 10_000_000,
        b"misfin://a@b " + b"x" * 10_000_000,
        b"misfin://a@b\t" + b"1" * 10_000_000,
    ],
)
def test_endless_input_is_refused_and_not_kept(endless):
    server = ServerProtocol()
    with pytest.raises(RemoteProtocolError):
        server.feed_bytes(endless)
    assert len(server._incoming) <= MAX_REQUEST_BUFFER


def test_a_client_may_be_answered_before_its_request_is_whole():
    server = ServerProtocol()
    server.feed_bytes(b"misfin://ada@mail.example\t500\r\n")
    server.send_response(MisfinResponse(51, "No such mailbox"))
    assert server.get_outgoing_data() == b"51 No such mailbox\r\n"
    assert server.get_outgoing_data() == b""
    assert server.feed_bytes(b"\n" * 500) is None


def test_a_request_whole_before_the_end_of_input_still_gets_its_answer():
    server, request = judge([b"misfin://ada@mail.example Hello\r\n"])
    assert request
    server.receive_eof()
    server.send_response(MisfinResponse(20, "ab" * 32))
    assert server.get_outgoing_data().startswith(b"20 abab")


def test_a_second_answer_is_a_bug_of_ours():
    server, _ = judge([b"misfin://ada@mail.example Hello\r\n"])
    server.send_response(MisfinResponse(20))
    with pytest.raises(LocalProtocolError):
        server.send_response(MisfinResponse(20))


def test_a_client_that_left_half_way_cannot_be_answered():
    server, _ = judge([b"misfin://ada@mail.example\t6\r\n"])
    server.receive_eof()
    server.receive_eof()
    assert server.state is ProtocolState.CUT
    assert server.feed_bytes(b"more") is None
    with pytest.raises(LocalProtocolError):
        server.send_response(MisfinResponse(59))


def test_a_garbled_request_can_be_answered():
    server, error = judge([b"hello\r\n"])
    server.send_response(MisfinResponse(error.status_hint, str(error)))
    assert server.get_outgoing_data().startswith(b"59 ")
    assert server.feed_bytes(b"misfin://ada@mail.example Hello\r\n") is None


@pytest.mark.parametrize(
    ("version", "message", "error"),
    [
        (Version.B, b"x" * 2021, MessageTooLargeError),
        (Version.B, b"a\r\nb", GemmailError),
        (Version.B, b"a\rb", GemmailError),
        (Version.B, b"\xff", GemmailError),
        (Version.C, b"\n\n\n" + b"x" * 16382, MessageTooLargeError),
        (Version.C, b"a\nb\nc", GemmailError),
        (Version.C, b"\n\n\na\rb", GemmailError),
        (Version.C, b"\n\n\n\xff", GemmailError),
    ],
)
def test_what_a_strict_server_would_refuse_is_not_written(version, message, error):
    with pytest.raises(error):
        MisfinRequest("ada", "mail.example", message, version).to_bytes()


def test_a_message_too_large_says_by_how_much():
    with pytest.raises(MessageTooLargeError) as info:
        MisfinRequest("ada", "mail.example", b"x" * 2021, Version.B).to_bytes()
    assert (info.value.size, info.value.limit, info.value.version) == (2049, 2048, "B")


def test_an_address_too_long_for_a_header_is_not_written():
    with pytest.raises(AddressError):
        MisfinRequest("a" * 1020, "mail.example", b"").to_bytes()


@pytest.mark.parametrize(
    ("mailbox", "hostname"), [("a b", "mail.example"), ("ada", "mail example"), ("", "x"), ("a@b", "x")]
)
def test_an_address_that_is_none_is_not_written(mailbox, hostname):
    with pytest.raises(AddressError):
        MisfinRequest(mailbox, hostname).to_bytes()


def c_request(body="Hi\n", **metadata):
    return MisfinRequest("ada", "mail.example", GemmailMessage(body=body, **metadata).to_bytes())


def test_the_fallback_to_b_keeps_the_text():
    request = c_request("# Hi\n\n=> gemini://x.example/ Link\n* one\n* two\n").as_b()
    assert request.to_bytes() == (
        b"misfin://ada@mail.example # Hi\n\n=> gemini://x.example/ Link\n* one\n* two\r\n"
    )
    assert request.as_b() is request


def test_the_fallback_to_b_converts_metadata():
    a, b = MisfinAddress("ada", "mail.example"), MisfinAddress("bea", "hive.example")
    assert c_request(recipients=(a, b)).as_b().message == b": ada@mail.example bea@hive.example\nHi"
    assert c_request(recipients=(a,)).as_b().message == b"Hi"
    forwarded = c_request(senders=[b], timestamps=[parse_time("2024-05-01T10:00:00Z")]).as_b()
    assert forwarded.message == b"< bea@hive.example\n@ 2024-05-01T10:00:00Z\nHi"


def test_a_probe_stays_a_probe_in_b():
    assert MisfinRequest("ada", "mail.example").as_b().to_bytes() == b"misfin://ada@mail.example \r\n"


@pytest.mark.parametrize(
    ("message", "error"),
    [
        (b"\n\n\na\tb", GemmailError),
        (b"\n\n\na\rb", GemmailError),
        (b"\n\n\n\xff", GemmailError),
        (b"\n\n\n" + b"x" * 2021, MessageTooLargeError),
    ],
)
def test_the_fallback_to_b_is_refused_where_the_text_would_change(message, error):
    with pytest.raises(error):
        MisfinRequest("ada", "mail.example", message).as_b()


def test_a_text_that_looks_like_metadata_survives_the_fallback_to_b():
    request = c_request("< mallory@evil.example\nHi\n").as_b()
    parsed = request.parse_message()
    assert parsed.form is Form.RAW
    assert parsed.body == "\n< mallory@evil.example\nHi"


mailboxes = st.from_regex(r"[A-Za-z0-9._+-]{1,20}", fullmatch=True)
hostnames = st.from_regex(r"[a-z0-9]{1,10}(\.[a-z0-9]{1,10}){0,3}", fullmatch=True)
texts = st.text(st.characters(exclude_characters="\r", exclude_categories=["Cs"]), max_size=200)


@given(mailboxes, hostnames, texts, st.data())
def test_a_written_request_is_read_back_in_any_chunks(mailbox, hostname, text, data):
    version = data.draw(st.sampled_from(Version))
    prefix = "" if version is Version.B else "\n\n\n"
    request = MisfinRequest(mailbox, hostname, (prefix + text).encode(), version)
    raw = request.to_bytes()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(raw)), max_size=5)))
    chunks = [raw[i:j] for i, j in zip([0, *cuts], [*cuts, len(raw)], strict=True)]
    _, result = judge(chunks)
    assert result == request


starts = st.sampled_from(
    [b"", b"misfin://", b"misfin://a@b ", b"misfin://a@b\t", b"misfin://a@b\t7\r\n", b"misfin://a@b\t0\r\n"]
)


@given(st.builds(lambda start, rest: start + rest, starts, st.binary(max_size=60)))
@example(b"misfin://a@b\t1\r\nxx")
@settings(max_examples=300)
def test_any_bytes_are_judged_the_same_way_in_one_piece_and_in_many(data):
    server, result = judge(whole(data))
    _, piecewise = judge(byte_by_byte(data))
    if isinstance(piecewise, MisfinRequest):
        # The one difference there is: what arrives together with the end of the request.
        assert result == piecewise or (
            isinstance(result, RemoteProtocolError) and data != piecewise.to_bytes()
        )
    else:
        assert type(result) is type(piecewise)
    assert server.state in {
        ProtocolState.IDLE,
        ProtocolState.REQUESTING,
        ProtocolState.ANSWERING,
        ProtocolState.BROKEN,
    }


def test_the_limits_are_those_of_the_specification():
    assert (MAX_B_REQUEST, MAX_MESSAGE) == (2048, 16384)
