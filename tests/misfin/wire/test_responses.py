"""Responses (docs/protocol.md §10.2): every vector is judged; an unknown outcome is not a failure."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from misfin.errors import LocalProtocolError, RemoteProtocolError
from misfin.model.address import MisfinAddress
from misfin.model.status import advice, delay_of
from misfin.wire import ClientProtocol, MisfinRequest, MisfinResponse, ProtocolState
from misfin.wire.limits import MAX_RESPONSE, MAX_RESPONSE_BUFFER
from vectors import byte_by_byte, ids, load, octets, whole

VECTORS = load("responses")["response"]
VECTOR = pytest.mark.parametrize("vector", VECTORS, ids=ids(VECTORS))
LINES = [v for v in VECTORS if octets(v["bytes"]).endswith(b"\n")]  # behind others, junk belongs to the line


def asking():
    client = ClientProtocol()
    client.send_request(MisfinRequest("ada", "mail.example", b"\n\n\nHi\n"))
    assert not client.request_sent
    assert client.get_outgoing_data() == b"misfin://ada@mail.example\t6\r\n\n\n\nHi\n"
    assert client.request_sent
    assert client.get_outgoing_data() == b""
    return client


def answer_to(client, chunks):
    for chunk in chunks:
        if response := client.feed_bytes(chunk):
            assert client.receive_eof() is None
            return response
    return client.receive_eof()


@VECTOR
@pytest.mark.parametrize("cut", [whole, byte_by_byte])
def test_a_response_is_judged_as_its_vector_says(vector, cut):
    client, chunks = asking(), cut(octets(vector["bytes"]))
    if vector.get("unknown"):
        with pytest.raises(RemoteProtocolError):
            answer_to(client, chunks)
        assert client.request_sent
        assert client.state in {ProtocolState.BROKEN, ProtocolState.CUT}
        return
    response = answer_to(client, chunks)
    assert client.state is ProtocolState.DONE
    assert response.status == vector["status"]
    assert response.meta == octets(vector.get("meta", "")).decode()
    assert response.truncated == vector.get("truncated", False)
    assert (response.fingerprint or "") == octets(vector.get("fingerprint", "")).decode()
    assert advice(response.status) == vector["then"]
    where = response.redirect_address
    assert (where.address if where else None) == vector.get("redirect")
    assert (where.port if where else None) == vector.get("port")
    if "delay" in vector:
        assert delay_of(response.meta) == vector["delay"]


@pytest.mark.parametrize("vector", LINES, ids=ids(LINES))
def test_junk_after_a_response_changes_nothing(vector):
    data = octets(vector["bytes"])
    if vector.get("unknown"):
        with pytest.raises(RemoteProtocolError):
            asking().feed_bytes(data + b"20 junk\r\n")
        return
    client = asking()
    response = client.feed_bytes(data + b"20 junk\r\n" + b"x" * 5000)
    assert response == answer_to(asking(), [data])
    assert client.feed_bytes(b"51 more junk\r\n") is None


def test_an_endless_response_is_refused_and_not_kept():
    client = asking()
    with pytest.raises(RemoteProtocolError):
        client.feed_bytes(b"20 " + b"x" * 10_000_000)
    assert len(client._incoming) <= MAX_RESPONSE_BUFFER


def test_nothing_can_be_fed_after_a_violation_or_the_end():
    client = asking()
    with pytest.raises(RemoteProtocolError):
        client.feed_bytes(b"hello\r\n")
    with pytest.raises(LocalProtocolError):
        client.feed_bytes(b"20 \r\n")
    cut = asking()
    with pytest.raises(RemoteProtocolError):
        cut.receive_eof()
    with pytest.raises(LocalProtocolError):
        cut.receive_eof()


def test_a_request_is_sent_once():
    client = asking()
    with pytest.raises(LocalProtocolError):
        client.send_request(MisfinRequest("ada", "mail.example"))


def test_a_request_that_cannot_be_written_leaves_the_client_as_it_was():
    client = ClientProtocol()
    with pytest.raises(ValueError):
        client.send_request(MisfinRequest("ada", "mail.example", b"\xff"))
    assert client.state is ProtocolState.IDLE
    client.send_request(MisfinRequest("ada", "mail.example"))
    assert client.get_outgoing_data() == b"misfin://ada@mail.example\t0\r\n"


def test_a_refusal_may_come_before_the_request():
    client = ClientProtocol()
    assert client.feed_bytes(b"44 30\r\n") == MisfinResponse(44, "30")
    assert not client.request_sent


def test_a_refusal_before_the_request_was_handed_out_keeps_it_from_leaving():
    client = ClientProtocol()
    client.send_request(MisfinRequest("ada", "mail.example"))
    assert client.feed_bytes(b"44 30\r\n")
    assert client.get_outgoing_data() == b""
    assert not client.request_sent


@pytest.mark.parametrize("line", [b"20 \r\n", b"31 ada@new.example\r\n"])
def test_nobody_can_accept_what_was_not_sent(line):
    client = ClientProtocol()
    with pytest.raises(RemoteProtocolError):
        client.feed_bytes(line)
    assert not client.request_sent


def test_an_end_before_the_request_is_no_unknown_outcome():
    client = ClientProtocol()
    with pytest.raises(RemoteProtocolError):
        client.receive_eof()
    assert not client.request_sent


@pytest.mark.parametrize("status", [0, 10, 19, 70, 200, -20])
def test_a_server_cannot_send_a_status_misfin_does_not_have(status):
    with pytest.raises(LocalProtocolError):
        MisfinResponse(status).to_bytes()


def test_a_written_response_is_one_line_of_legal_length():
    assert MisfinResponse(51, "a\r\nb\x1b[2J").to_bytes() == b"51 a  b [2J\r\n"
    long = MisfinResponse(40, "ž" * 2000).to_bytes()
    assert len(long) <= MAX_RESPONSE
    assert MisfinResponse.from_line(long.decode().removesuffix("\r\n")).meta == "ž" * 1021


def test_who_answered_does_not_count_in_comparisons():
    assert MisfinResponse(20, "x", address=MisfinAddress("ada", "mail.example")) == MisfinResponse(20, "x")


@given(
    st.integers(20, 69), st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=100).map(str.strip)
)
def test_a_written_response_is_read_back(status, meta):
    response = MisfinResponse(status, meta)
    assert asking().feed_bytes(response.to_bytes()) == response


@given(st.binary(max_size=50) | st.builds(lambda b: b"20 " + b, st.binary(max_size=50)))
def test_any_bytes_are_a_response_or_a_violation_in_any_chunks(data):
    results = []
    for chunks in (whole(data), byte_by_byte(data)):
        try:
            results.append(answer_to(asking(), chunks))
        except RemoteProtocolError as e:
            results.append(str(e))
    assert results[0] == results[1]
    if isinstance(results[0], MisfinResponse):
        assert all(c >= " " and not "\x7f" <= c <= "\x9f" for c in results[0].meta)


@pytest.mark.parametrize("data", [b"hello\r\n", b"20 x\r\n", b""])
def test_a_request_not_handed_out_yet_stays_at_home_when_the_server_breaks_the_rules(data):
    client = ClientProtocol()
    client.send_request(MisfinRequest("ada", "mail.example", b"\n\n\nsecret\n"))
    with pytest.raises(RemoteProtocolError):
        client.feed_bytes(data) if data else client.receive_eof()
    assert client.get_outgoing_data() == b""
    assert not client.request_sent
