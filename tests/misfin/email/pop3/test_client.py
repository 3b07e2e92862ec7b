"""The course of a POP3 connection, what servers were seen to do to other clients, and any bytes at all."""

import poplib
import socket
import threading
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st
from transcripts import events_of, the_same_at_every_cut

from misfin.email.pop3 import (
    Answered,
    Challenge,
    Drop,
    Dropped,
    MessagePiece,
    POP3ClientProtocol,
    Pop3State,
    Welcome,
    commands,
)
from misfin.email.pop3.limits import MAX_ANSWER
from misfin.email.pop3.states import TRANSITIONS, Pop3Step
from misfin.errors import CommandError, LocalProtocolError, RemoteProtocolError

CAPA = b"+OK\r\nTOP\r\nUIDL\r\nPIPELINING\r\nSASL PLAIN XOAUTH2\r\nSTLS\r\n.\r\n"


def take(engine, data):
    engine.feed_bytes(data)
    return list(engine.events())


def greeted(capabilities=CAPA):
    engine = POP3ClientProtocol()
    take(engine, b"+OK ready <1.2@mail.example>\r\n")
    if capabilities:
        engine.send(commands.capa())
        take(engine, capabilities)
        engine.get_outgoing_data()
    return engine


def logged_in(capabilities=CAPA):
    engine = greeted(capabilities)
    for command in (commands.user("ada"), commands.password("secret")):
        engine.send(command)
        take(engine, b"+OK\r\n")
    engine.get_outgoing_data()
    return engine


def retrieving(count=1, capabilities=CAPA, **limits):
    engine = logged_in(capabilities)
    for number in range(1, count + 1):
        engine.send(commands.retr(number, **limits))
    return engine


def body(events):
    return b"".join(event.data for event in events if isinstance(event, MessagePiece))


# ---- the course -----------------------------------------------------------------------------------


def test_a_greeting_may_have_a_timestamp():
    engine = POP3ClientProtocol()
    assert engine.patience == 30
    assert take(engine, b"+OK ready <1.2@mail.example>\r\n") == [
        Welcome("ready <1.2@mail.example>", "<1.2@mail.example>")
    ]
    assert engine.state is Pop3State.AUTHORIZATION


@pytest.mark.parametrize(
    "line", [b"* OK IMAP4rev1", b"220 mail.example ESMTP", b"", b"+OKAY", b"HTTP/1.1 400"]
)
def test_a_server_of_another_kind_is_noticed(line):
    engine = POP3ClientProtocol()
    with pytest.raises(RemoteProtocolError, match="does not speak POP3"):
        take(engine, line + b"\r\n")
    assert engine.state is Pop3State.CLOSED


def test_a_server_that_is_busy_says_so_at_once():
    engine = POP3ClientProtocol()
    assert take(engine, b"-ERR [SYS/TEMP] busy\r\n") == [Dropped("SYS/TEMP", "busy")]
    engine.receive_eof()


def test_a_server_that_has_waited_long_enough_says_goodbye():
    engine = logged_in()
    assert take(engine, b"-ERR Disconnected for inactivity.\r\n") == [
        Dropped("", "Disconnected for inactivity."),
    ]
    with pytest.raises(LocalProtocolError):
        engine.send(commands.noop())
    engine.receive_eof()


def test_what_the_server_offers():
    assert greeted().capabilities["SASL"] == "PLAIN XOAUTH2"
    assert greeted(b"-ERR what?\r\n").capabilities == {}
    assert greeted(b"").capabilities is None


def test_after_the_handshake_nothing_from_before_is_believed():
    engine = greeted()
    engine.send(commands.stls())
    assert engine.get_outgoing_data() == b"STLS\r\n"
    take(engine, b"+OK\r\n")
    assert engine.state is Pop3State.STARTING_TLS
    with pytest.raises(LocalProtocolError):
        engine.send(commands.capa())
    engine.tls_established()
    assert (engine.state, engine.capabilities) == (Pop3State.AUTHORIZATION, None)


@pytest.mark.parametrize("behind", [b"+OK\r\n", b"+", b"\n"])
def test_plain_text_behind_the_agreement_to_tls_ends_the_connection(behind):
    def made():
        engine = greeted()
        engine.send(commands.stls())
        return engine

    data = b"+OK\r\n" + behind
    for cut in range(5, len(data) + 1):
        found = events_of(made(), [data[:cut], data[cut:]] if cut < len(data) else [data])
        assert "agreement to TLS" in found[-1]


def test_tls_that_is_not_offered_is_not_asked_for():
    engine = greeted(b"+OK\r\nUIDL\r\n.\r\n")
    with pytest.raises(LocalProtocolError, match="does not offer"):
        engine.send(commands.stls())


def test_a_password_follows_the_ok_of_the_name():
    engine = greeted()
    engine.send(commands.user("ada"))
    assert engine.get_outgoing_data() == b"USER ada\r\n"
    with pytest.raises(LocalProtocolError, match="wait for the end of USER"):
        engine.send(commands.password("se cret"))
    take(engine, b"+OK\r\n")
    engine.send(commands.password("se cret"))
    assert engine.get_outgoing_data() == b"PASS se cret\r\n"
    (refused,) = take(engine, b"-ERR [AUTH] Authentication failed.\r\n")
    assert (refused.ok, refused.code, refused.text) == (False, "AUTH", "Authentication failed.")
    assert engine.state is Pop3State.AUTHORIZATION


@pytest.mark.parametrize("response", ["AGFkYQA=", "A" * 400])
def test_login_by_sasl(response):
    engine = greeted()
    engine.send(commands.auth("PLAIN", response))
    written = engine.get_outgoing_data()
    if len(response) < 200:
        assert written == b"AUTH PLAIN AGFkYQA=\r\n"
    else:
        assert written == b"AUTH PLAIN\r\n"
        assert take(engine, b"+ \r\n") == []
        assert engine.get_outgoing_data() == response.encode() + b"\r\n"
    assert take(engine, b"+ e30=\r\n") == [Challenge("e30=")]
    engine.respond("")
    assert engine.get_outgoing_data() == b"\r\n"
    take(engine, b"+OK\r\n")
    assert engine.state is Pop3State.TRANSACTION
    with pytest.raises(LocalProtocolError):
        engine.respond("")


def test_apop_is_there_for_those_who_ask_for_it():
    """The example of RFC 1939 §7."""
    command = commands.apop("mrose", "tanstaaf", "<1896.697170952@dbc.mtview.ca.us>")
    assert command.line == b"APOP mrose c4c9334bac560ecc979e58001b3e22fb"


@pytest.mark.parametrize(
    ("command", "answer", "written", "value"),
    [
        (commands.stat(), b"+OK 2 320\r\n", b"STAT", Drop(2, 320)),
        (commands.stat(), b"+OK what\r\n", b"STAT", None),
        (commands.sizes(), b"+OK\r\n1 120\r\n2 200 x\r\nwhat\r\n.\r\n", b"LIST", {1: 120, 2: 200}),
        (commands.sizes(2), b"+OK 2 200\r\n", b"LIST 2", {2: 200}),
        (commands.unique_ids(), b"+OK\r\n1 a b\r\n2 \r\n3\r\n4 a b\r\n.\r\n", b"UIDL",
         {1: b"a b", 2: b"", 3: b"", 4: b"a b"}),
        (commands.unique_ids(2), b"+OK 2 " + b"x" * 100 + b"\r\n", b"UIDL 2", {2: b"x" * 100}),
        (commands.dele(1), b"+OK\r\n", b"DELE 1", None),
        (commands.rset(), b"+OK\r\n", b"RSET", None),
        (commands.noop(), b"+OK\r\n", b"NOOP", None),
        (commands.top(1, 5), b"+OK\r\na\r\n.\r\n", b"TOP 1 5", 3),
        (commands.capa(), b"+OK\r\nuidl\r\n.\r\n", b"CAPA", {"UIDL": ""}),
    ],
)  # fmt: skip
def test_a_command_and_its_answer(command, answer, written, value):
    def made():
        engine = logged_in()
        engine.send(command)
        assert engine.get_outgoing_data() == written + b"\r\n"
        return engine

    events = the_same_at_every_cut(made, answer)
    assert events[-1].value == value
    assert events[-1].ok


@pytest.mark.parametrize(
    "command", [commands.unique_ids(), commands.retr(1), commands.stat(), commands.top(1)]
)
def test_a_refusal_is_an_answer(command):
    engine = logged_in()
    engine.send(command)
    (refused,) = take(engine, b"-ERR no such thing\r\n")
    assert (refused.ok, refused.text, refused.value) == (False, "no such thing", None)


def test_only_the_ok_of_quit_makes_deletions_real():
    engine = logged_in()
    engine.send(commands.dele(1))
    with pytest.raises(LocalProtocolError, match="wait for the end of DELE"):
        engine.send(commands.quit_())
    take(engine, b"+OK\r\n")
    engine.send(commands.quit_())
    assert engine.state is Pop3State.UPDATE
    with pytest.raises(LocalProtocolError):
        engine.send(commands.noop())
    assert take(engine, b"+OK bye\r\n")[0].ok
    engine.receive_eof()
    assert engine.state is Pop3State.CLOSED


def test_a_quit_without_an_answer_is_an_error():
    engine = logged_in()
    engine.send(commands.quit_())
    with pytest.raises(RemoteProtocolError, match="before the end"):
        engine.receive_eof()


def test_half_a_message_is_an_error():
    engine = retrieving()
    take(engine, b"+OK\r\nhalf a mess")
    with pytest.raises(RemoteProtocolError, match="before the end"):
        engine.receive_eof()


def test_a_server_that_speaks_unasked_is_out_of_step():
    with pytest.raises(RemoteProtocolError, match="without being asked"):
        take(logged_in(), b"+OK\r\n")


def test_many_messages_are_asked_for_at_once():
    engine = retrieving(40)
    assert engine.get_outgoing_data().count(b"\r\n") == 32
    assert len(engine.pending) == 40
    events = take(engine, b"+OK\r\na\r\n.\r\n-ERR gone\r\n+OK\r\nb\r\n.\r\n")
    assert [(e.tag, e.ok) for e in events if isinstance(e, Answered)] == [(4, True), (5, False), (6, True)]
    assert engine.get_outgoing_data() == b"RETR 33\r\nRETR 34\r\nRETR 35\r\n"


def test_without_pipelining_each_waits_for_the_one_before():
    engine = retrieving(3, b"+OK\r\nUIDL\r\n.\r\n")
    assert engine.get_outgoing_data() == b"RETR 1\r\n"
    take(engine, b"+OK\r\n.\r\n")
    assert engine.get_outgoing_data() == b"RETR 2\r\n"


# ---- messages -------------------------------------------------------------------------------------


def stuffed(message: bytes) -> bytes:
    """As a server sends it (RFC 1939 §3); a line end is added where there is none."""
    if not message.endswith(b"\r\n"):
        message += b"\r\n"
    return (
        b"+OK\r\n"
        + b"\r\n".join(b"." + line if line.startswith(b".") else line for line in message.split(b"\r\n"))
        + b".\r\n"
    )


@pytest.mark.parametrize(
    "message",
    [
        b"\r\n",
        b".\r\n",
        b"..\r\n...\r\n",
        b"a\r\n.\r\nb\r\n",
        b"a\r\n..\r\n\r\n.\r\n\r\n",
        b"bare\rcr, nul\0, \xff and\n.\nlone line feeds\r\n",
        b"\r\n\r\n\r\n",
        b".a\r\n",
        b"\r\r\n.\r\r\n",
    ],
)
def test_every_byte_of_a_message_comes_however_it_is_cut(message):
    events = the_same_at_every_cut(retrieving, stuffed(message))
    assert body(events) == message
    assert events[-1].value == len(message)


def test_an_empty_message_is_one():
    assert [type(e) for e in the_same_at_every_cut(retrieving, b"+OK\r\n.\r\n")] == [Answered]


def test_a_dot_that_a_server_forgot_to_double_is_kept():
    assert body(take(retrieving(), b"+OK\r\n.a\r\nb\r\n.c\r\n.\r\n")) == b".a\r\nb\r\n.c\r\n"


FRAGMENTS = [b".", b"..", b"\r\n", b"\r", b"\n", b"a", b"\0", b"\r\n.", b".\r\n"]


@given(st.lists(st.sampled_from(FRAGMENTS)).map(b"".join), st.lists(st.integers(1, 9)))
def test_any_message_comes_back(message, sizes):
    engine, data, events = retrieving(), stuffed(message), []
    for size in sizes:
        events += take(engine, data[:size])
        data = data[size:]
    events += take(engine, data)
    assert body(events) == (message if message.endswith(b"\r\n") else message + b"\r\n")
    assert engine.pending == ()


def test_a_line_of_any_length_is_read_and_the_next_command_is_in_step():
    """poplib gives up at 2,048 bytes and takes the rest of the message for the next answer."""
    engine = retrieving()
    engine.send(commands.stat())
    events = take(engine, stuffed(b"x" * 70_000) + b"+OK 2 320\r\n")
    assert len(body(events)) == 70_002
    assert events[-1].value == Drop(2, 320)


def test_the_memory_for_a_large_message_does_not_grow_with_it():
    engine = retrieving()
    take(engine, b"+OK\r\n")
    assert engine.patience == 60
    block, got = b"x" * 49_998 + b"\r\n", 0
    for _ in range(1_000):
        got += len(body(take(engine, block)))
        assert len(engine._reader) <= 4
    assert got + len(body(take(engine, b".\r\n"))) == 50_000_000


@pytest.mark.parametrize("limits", [{"max_bytes": 100_000}, {"size": 10}])
def test_a_message_without_end_is_refused(limits):
    engine = retrieving(**limits)
    tracemalloc.start()
    try:
        *_, error = events_of(engine, (b"+OK\r\n", *[b"x" * 50_000] * 100))
        assert "longer than" in error
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


def test_a_message_may_be_somewhat_longer_than_its_size():
    engine = retrieving(size=1_000)
    assert take(engine, b"+OK\r\n" + b"x" * 1_000_000 + b"\r\n.\r\n")[-1].ok


# ---- faults ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("begin", [b"+OK ", b"-ERR ", b"", b"+OK\r\n1 "])
def test_a_line_without_end_is_refused(begin):
    engine = logged_in()
    engine.send(commands.unique_ids())
    take(engine, begin)
    with pytest.raises(RemoteProtocolError, match="too long"):
        take(engine, b"x" * (MAX_ANSWER + 1))


def test_a_listing_without_end_is_refused(monkeypatch):
    monkeypatch.setattr("misfin.email.pop3.client.MAX_ENTRIES", 100)
    engine = logged_in()
    engine.send(commands.unique_ids())
    take(engine, b"+OK\r\n" + b"1 a\r\n" * 100)
    with pytest.raises(RemoteProtocolError, match="does not end"):
        take(engine, b"1 a\r\n")


@pytest.mark.parametrize(
    "make",
    [
        lambda: commands.user("x\r\nDELE 1"),
        lambda: commands.user(""),
        lambda: commands.password("x\nDELE 1"),
        lambda: commands.password("\ud800"),
        lambda: commands.password("x" * 5_000),
        lambda: commands.apop("x\r\nDELE 1", "a", "<a@b>"),
        lambda: commands.auth("x\r\nDELE 1"),
        lambda: commands.auth("PLAIN", "x\r\nDELE 1"),
        lambda: commands.retr(0),
        lambda: commands.retr(1 << 31),
        lambda: commands.top(1, -1),
    ],
)
def test_an_argument_that_does_not_fit_is_refused(make):
    with pytest.raises(CommandError):
        make()


def test_a_password_is_not_shown():
    assert "secret" not in repr(commands.password("secret"))


WORDS = (
    b"+OK|-ERR| |+ |[AUTH] |1 |2 |x|.|..|\r\n|\r\n.\r\n|\r|\n|\xff|<a@b>|-|UIDL\r\n|"
    b"PIPELINING\r\n|999999999999999999"
).split(b"|")


@pytest.mark.parametrize(
    "command", [None, commands.retr(1), commands.unique_ids(), commands.stat(), commands.capa()]
)
@given(
    raw=st.binary(max_size=60) | st.lists(st.sampled_from(WORDS), max_size=25).map(b"".join), data=st.data()
)
def test_any_bytes_are_events_or_the_one_error(command, raw, data):
    def made():
        engine = logged_in() if command else POP3ClientProtocol()
        if command:
            engine.send(command)
            engine.send(commands.retr(2))
        return engine

    cut = data.draw(st.integers(0, len(raw)))
    assert events_of(made(), [raw[:cut], raw[cut:]]) == events_of(made(), [raw])


def test_the_table_has_only_states_that_can_be_left_or_are_the_end():
    reachable = {Pop3State.GREETING}
    while grown := {to for state in reachable for to in TRANSITIONS[state].values()} - reachable:
        reachable |= grown
    assert reachable == set(Pop3State)
    for state in Pop3State:
        assert TRANSITIONS[state][Pop3Step.ENDED] is Pop3State.CLOSED


# ---- an independent reader ------------------------------------------------------------------------


@given(st.lists(st.binary(max_size=200) | st.sampled_from([b".", b"..x", b"a\r\n.\r\nb", b"\0"]), max_size=5))
def test_poplib_reads_the_same_messages(messages):
    """Where it can: it takes lone line feeds for line ends, and joins lines with nothing."""
    messages = [message.replace(b"\n", b"").replace(b"\r", b"") for message in messages]
    ours, theirs = socket.socketpair()
    data = b"+OK\r\n" + b"".join(map(stuffed, messages))
    with ours, theirs:
        thread = threading.Thread(target=lambda: (theirs.sendall(data), theirs.shutdown(socket.SHUT_WR)))
        thread.start()
        peer = poplib.POP3.__new__(poplib.POP3)
        peer.sock, peer.file, peer._debugging = ours, ours.makefile("rb"), 0
        peer._getresp()
        wanted = [b"".join(line + b"\r\n" for line in peer._getlongresp()[1]) for _ in messages]
        peer.file.close()
        thread.join()
    engine = retrieving(len(messages))
    events = take(engine, data.removeprefix(b"+OK\r\n"))
    got = {event.tag: b"" for event in events if isinstance(event, Answered)}
    for event in events:
        if isinstance(event, MessagePiece):
            got[event.tag] += event.data
    assert list(got.values()) == wanted
