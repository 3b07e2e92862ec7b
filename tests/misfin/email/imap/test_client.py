"""The course of a connection: login, TLS, mailboxes, uploads, IDLE, and the end."""

import pytest
from imapstates import OFFERED, greeted, logged_in, selected, take
from transcripts import events_of, the_same_at_every_cut

from misfin.email.imap import (
    AppendUid,
    Bye,
    Challenge,
    Code,
    Completed,
    Exists,
    Fetch,
    FetchPiece,
    Greeting,
    Idling,
    IMAPClientProtocol,
    ImapState,
    SearchResult,
    SkippedLine,
    Status,
    UidSet,
    Vanished,
    commands,
)
from misfin.email.imap.states import TRANSITIONS, ImapStep
from misfin.errors import CommandError, LocalProtocolError, RemoteProtocolError


def without(*names: bytes) -> bytes:
    """What is offered, but for these."""
    return b" ".join(word for word in OFFERED.split() if word not in names)


# ---- the beginning --------------------------------------------------------------------------------


def test_a_greeting_says_what_is_offered():
    engine = IMAPClientProtocol()
    assert engine.state is ImapState.GREETING
    assert engine.patience == 30
    (greeting,) = take(engine, b"* OK [CAPABILITY IMAP4rev1 IDLE] Dovecot ready.\r\n")
    assert greeting == Greeting(
        Status.OK, Code("CAPABILITY", "IMAP4rev1 IDLE", frozenset({"IMAP4REV1", "IDLE"})), "Dovecot ready."
    )
    assert engine.capabilities == {"IMAP4REV1", "IDLE"}
    assert engine.state is ImapState.NOT_AUTHENTICATED
    assert engine.patience is None


def test_a_greeting_without_a_word_is_one():
    engine = IMAPClientProtocol()
    take(engine, b"* OK\r\n")
    assert (engine.state, engine.capabilities) == (ImapState.NOT_AUTHENTICATED, None)


@pytest.mark.parametrize(
    "line", [b"220 mail.example ESMTP", b"+OK POP3", b"HTTP/1.1 400 Bad Request", b"A1 OK", b""]
)
def test_a_server_of_another_kind_is_noticed(line):
    engine = IMAPClientProtocol()
    with pytest.raises(RemoteProtocolError, match="does not speak IMAP"):
        take(engine, line + b"\r\n")
    assert engine.state is ImapState.CLOSED


def test_a_server_that_is_busy_says_goodbye_at_once():
    engine = IMAPClientProtocol()
    assert take(engine, b"* BYE [UNAVAILABLE] come back later\r\n") == [
        Bye(Code("UNAVAILABLE"), "come back later"),
    ]
    engine.receive_eof()


def test_a_connection_that_is_logged_in_never_starts_tls():
    engine = IMAPClientProtocol()
    take(engine, b"* PREAUTH hello\r\n")
    assert engine.state is ImapState.AUTHENTICATED
    with pytest.raises(LocalProtocolError, match="STARTTLS is not possible"):
        engine.send(commands.starttls())


# ---- TLS ------------------------------------------------------------------------------------------


def test_after_the_handshake_nothing_from_before_is_believed():
    engine = greeted()
    engine.send(commands.starttls())
    assert engine.get_outgoing_data() == b"A1 STARTTLS\r\n"
    (done,) = take(engine, b"A1 OK begin\r\n")
    assert done.ok
    assert engine.state is ImapState.STARTING_TLS
    with pytest.raises(LocalProtocolError):
        engine.send(commands.capability())
    engine.tls_established()
    assert (engine.state, engine.capabilities) == (ImapState.NOT_AUTHENTICATED, None)
    engine.send(commands.capability())


@pytest.mark.parametrize("behind", [b"* CAPABILITY IMAP4rev1\r\n", b"* ", b"A2 OK\r\n", b"\r\n"])
def test_plain_text_behind_the_agreement_to_tls_ends_the_connection(behind):
    def made() -> IMAPClientProtocol:
        engine = greeted()
        engine.send(commands.starttls())
        return engine

    for cut in range(len(behind)):
        engine = made()
        data = b"A1 OK begin\r\n" + behind
        (error,) = [
            e for e in events_of(engine, [data[:-cut], data[-cut:]] if cut else [data]) if isinstance(e, str)
        ]
        assert "agreement to TLS" in error
        assert engine.state is ImapState.CLOSED


def test_tls_refused_leaves_the_connection_as_it_was():
    engine = greeted()
    engine.send(commands.starttls())
    (done,) = take(engine, b"A1 NO not today\r\n")
    assert not done.ok
    assert engine.state is ImapState.NOT_AUTHENTICATED
    with pytest.raises(LocalProtocolError):
        engine.tls_established()


# ---- login ----------------------------------------------------------------------------------------


def test_after_login_it_is_asked_again_what_is_offered():
    engine = greeted()
    engine.send(commands.login("ada", "secret"))
    assert engine.get_outgoing_data() == b'A1 LOGIN "ada" "secret"\r\n'
    take(engine, b"A1 OK in\r\n")
    assert (engine.state, engine.capabilities) == (ImapState.AUTHENTICATED, None)


@pytest.mark.parametrize(
    "answer",
    [b"* CAPABILITY IMAP4rev1 MOVE\r\nA1 OK in\r\n", b"A1 OK [CAPABILITY IMAP4rev1 MOVE] in\r\n"],
)
def test_what_is_offered_may_come_with_the_login(answer):
    engine = greeted()
    engine.send(commands.login("ada", "secret"))
    take(engine, answer)
    assert engine.capabilities == {"IMAP4REV1", "MOVE"}


def test_a_wrong_password_is_an_answer():
    engine = greeted()
    engine.send(commands.login("ada", "wrong"))
    (done,) = take(engine, b"A1 NO [AUTHENTICATIONFAILED] Authentication failed.\r\n")
    assert (done.ok, done.code, done.text) == (False, Code("AUTHENTICATIONFAILED"), "Authentication failed.")
    assert engine.state is ImapState.NOT_AUTHENTICATED
    assert engine.capabilities  # nothing has changed


def test_no_password_is_sent_where_the_server_takes_none():
    engine = greeted(OFFERED + b" LOGINDISABLED")
    with pytest.raises(LocalProtocolError, match="takes no passwords"):
        engine.send(commands.login("ada", "secret"))
    assert engine.get_outgoing_data() == b""


def test_a_first_response_is_sent_with_the_command():
    engine = greeted()
    engine.send(commands.authenticate("PLAIN", "AGFkYQBzZWNyZXQ="))
    assert engine.get_outgoing_data() == b"A1 AUTHENTICATE PLAIN AGFkYQBzZWNyZXQ=\r\n"
    assert take(engine, b"A1 OK in\r\n")[0].ok
    assert engine.state is ImapState.AUTHENTICATED


@pytest.mark.parametrize("asks", [b"+ \r\n", b"+\r\n", b"+ go ahead\r\n"])
@pytest.mark.parametrize("response", ["AGFkYQBzZWNyZXQ=", "A" * 7_001])
def test_a_first_response_waits_where_it_has_to(asks, response):
    """Without SASL-IR, or when it is longer than a line may be."""
    engine = greeted(OFFERED if len(response) > 7_000 else without(b"SASL-IR"))
    engine.send(commands.authenticate("PLAIN", response))
    assert engine.get_outgoing_data() == b"A1 AUTHENTICATE PLAIN\r\n"
    assert take(engine, asks) == []
    assert engine.get_outgoing_data() == response.encode() + b"\r\n"


def test_an_empty_first_response_is_an_equals_sign_or_an_empty_line():
    offered = OFFERED + b" AUTH=EXTERNAL"
    engine = greeted(offered)
    engine.send(commands.authenticate("EXTERNAL", "="))
    assert engine.get_outgoing_data() == b"A1 AUTHENTICATE EXTERNAL =\r\n"
    engine = greeted(offered.replace(b"SASL-IR", b""))
    engine.send(commands.authenticate("EXTERNAL", "="))
    engine.get_outgoing_data()
    take(engine, b"+ \r\n")
    assert engine.get_outgoing_data() == b"\r\n"


def test_challenges_are_answered_until_the_end():
    engine = greeted(OFFERED + b" AUTH=LOGIN")
    engine.send(commands.authenticate("LOGIN"))
    assert take(engine, b"+ VXNlcm5hbWU6\r\n") == [Challenge("VXNlcm5hbWU6")]
    engine.get_outgoing_data()
    engine.respond("YWRh")
    assert engine.get_outgoing_data() == b"YWRh\r\n"
    with pytest.raises(CommandError):
        engine.respond("x\r\nZ1 DELETE INBOX")
    take(engine, b"+ UGFzc3dvcmQ6\r\n")
    engine.respond(None)
    assert engine.get_outgoing_data() == b"*\r\n"
    (done,) = take(engine, b"A1 BAD cancelled\r\n")
    assert done.status is Status.BAD
    with pytest.raises(LocalProtocolError):
        engine.respond("YWRh")


def test_a_mechanism_that_is_not_offered_is_not_tried():
    with pytest.raises(LocalProtocolError, match="AUTH=SCRAM-SHA-256"):
        greeted().send(commands.authenticate("SCRAM-SHA-256"))


def test_nothing_is_sent_beside_a_login():
    engine = greeted()
    engine.send(commands.login("ada", "secret"))
    with pytest.raises(LocalProtocolError, match="wait for the end of LOGIN"):
        engine.send(commands.noop())


# ---- mailboxes ------------------------------------------------------------------------------------


def test_a_selection_that_fails_leaves_no_mailbox():
    engine = selected()
    engine.send(commands.select("gone"))
    take(engine, b"A4 NO [NONEXISTENT] no such mailbox\r\n")
    assert engine.state is ImapState.AUTHENTICATED
    with pytest.raises(LocalProtocolError, match="not possible"):
        engine.send(commands.fetch(UidSet([1]), ["FLAGS"]))


@pytest.mark.parametrize("leave", [commands.close, commands.unselect])
def test_a_mailbox_is_left(leave):
    engine = selected()
    engine.send(leave())
    take(engine, b"A4 OK\r\n")
    assert engine.state is ImapState.AUTHENTICATED


def test_what_changed_since_comes_with_the_selection():
    engine = logged_in()
    engine.send(commands.enable("QRESYNC"))
    take(engine, b"* ENABLED QRESYNC\r\nA2 OK\r\n")
    engine.send(commands.select("INBOX", qresync=(7, 90)))
    events = take(
        engine,
        b"* 3 EXISTS\r\n* OK [UIDVALIDITY 7] x\r\n* VANISHED (EARLIER) 4:9\r\n"
        b"* 2 FETCH (UID 2 FLAGS (\\Seen) MODSEQ (91))\r\nA3 OK [READ-WRITE] in\r\n",
    )
    assert [event for event in events if isinstance(event, Vanished)] == [
        Vanished(UidSet(range(4, 10)), True)
    ]
    assert [event.uid for event in events if isinstance(event, Fetch)] == [2]


def test_an_ok_can_say_that_not_all_was_done():
    engine = selected()
    engine.send(commands.store(UidSet([1, 2]), "+", ["\\Seen"], unchanged_since=5))
    (done,) = take(engine, b"A4 OK [MODIFIED 2] conditional store failed\r\n")
    assert done.ok
    assert done.code.value == UidSet([2])


def test_an_answer_without_a_text_is_one():
    """imaplib takes no tagged OK that is nothing but that."""
    engine = selected()
    engine.send(commands.noop())
    assert take(engine, b"A4 OK\r\n") == [Completed("A4", "NOOP", Status.OK, None, "")]


def test_search_results_name_their_command():
    engine = selected()
    tag = engine.send(commands.search(returning=["ALL"]))
    found, done = take(engine, b'* ESEARCH (TAG "A4") UID ALL 1:3\r\nA4 OK\r\n')
    assert found == SearchResult(tag, UidSet([1, 2, 3]))
    assert done.tag == tag


def test_four_commands_are_in_flight_and_the_rest_waits():
    engine = selected()
    tags = [engine.send(commands.fetch(UidSet([uid]), ["FLAGS"])) for uid in range(1, 7)]
    assert engine.get_outgoing_data().count(b"\r\n") == 4
    assert engine.pending == tuple(tags)
    done = take(engine, b"A5 OK\r\nA4 OK\r\n")
    assert [event.tag for event in done] == ["A5", "A4"]
    assert engine.get_outgoing_data() == b"A8 UID FETCH 5 (FLAGS)\r\nA9 UID FETCH 6 (FLAGS)\r\n"


def test_a_selection_waits_for_what_is_in_flight():
    engine = selected()
    engine.send(commands.noop())
    with pytest.raises(LocalProtocolError, match="wait for the end of NOOP"):
        engine.send(commands.select("other"))


# ---- bodies ---------------------------------------------------------------------------------------


def fetching(*, stream: bool = True, **limits: int) -> IMAPClientProtocol:
    engine = selected()
    engine.send(commands.fetch(UidSet([7]), ["UID", "FLAGS", commands.body()], stream=stream, **limits))
    return engine


@pytest.mark.parametrize(
    ("data", "uid", "origin"),
    [
        (b"* 1 FETCH (UID 7 BODY[] {5}\r\nhello FLAGS ())\r\nA4 OK\r\n", 7, None),  # Dovecot's order
        (b"* 1 FETCH (FLAGS () BODY[] {5}\r\nhello UID 7)\r\nA4 OK\r\n", None, None),  # Cyrus's order
        (
            b'* 1 FETCH (FLAGS (\\Seen) MODSEQ (9) INTERNALDATE "x" RFC822.SIZE 5 UID 7 BODY[]<0> {5}\r\n'
            b"hello)\r\nA4 OK\r\n",
            7,
            0,
        ),
        (b'* 1 FETCH (ENVELOPE ("(UID 9 ") UID 7 BODY[]<3> {5+}\r\nhello)\r\nA4 OK\r\n', None, 3),
    ],
)
def test_a_body_comes_in_pieces_before_its_message(data, uid, origin):
    piece, fetch, done = the_same_at_every_cut(fetching, data)
    assert piece == FetchPiece(1, uid, "BODY[]", origin, 5, b"hello", True)
    assert fetch.uid == 7
    assert fetch.part().streamed
    assert fetch.part().size == 5
    assert done.ok


@pytest.mark.parametrize("uid", [b"0", b"9999999999"])
def test_a_uid_that_is_none_is_not_handed_on(uid):
    piece, skipped, _ = take(fetching(), b"* 1 FETCH (UID " + uid + b" BODY[] {2}\r\nhi)\r\nA4 OK\r\n")
    assert piece.uid is None
    assert isinstance(skipped, SkippedLine)


def test_an_empty_body_is_a_piece_too():
    piece, fetch, _ = the_same_at_every_cut(fetching, b"* 1 FETCH (UID 7 BODY[] {0}\r\n)\r\nA4 OK\r\n")
    assert (piece.data, piece.last) == (b"", True)
    assert fetch.part().size == 0


def test_other_strings_of_a_message_are_not_taken_for_its_body():
    events = the_same_at_every_cut(
        fetching, b'* 1 FETCH (UID 7 ENVELOPE ({4}\r\n)[]" NIL) BODY[] {2}\r\nhi)\r\nA4 OK\r\n'
    )
    assert [event.data for event in events if isinstance(event, FetchPiece)] == [b"hi"]
    assert events[1].items["ENVELOPE"] == [b')[]"', None]


def test_a_short_body_that_comes_quoted_is_inside_its_message():
    fetch, _ = take(fetching(), b'* 1 FETCH (UID 7 BODY[] "hi")\r\nA4 OK\r\n')
    assert fetch.part().data == b"hi"


def test_the_memory_for_a_large_body_does_not_grow_with_it():
    engine = fetching()
    take(engine, b"* 1 FETCH (UID 7 BODY[] {50000000}\r\n")
    assert engine.patience == 60
    block, got = b"x" * 50_000, 0
    for _ in range(1_000):
        for piece in take(engine, block):
            got += len(piece.data)
        assert len(engine._reader) == 0
    assert got == 50_000_000
    assert take(engine, b")\r\nA4 OK\r\n")[0].part().size == 50_000_000


# ---- uploads --------------------------------------------------------------------------------------


def test_a_small_message_is_uploaded_without_waiting():
    engine = logged_in()
    engine.send(commands.append("Sent", 5))
    assert engine.get_outgoing_data() == b'A2 APPEND "Sent" () {5+}\r\n'
    assert engine.data_wanted == 5
    engine.send_data(b"hel")
    assert engine.patience == 60
    engine.send_data(b"lo")
    assert engine.data_wanted == 0
    assert engine.get_outgoing_data() == b"hello\r\n"
    (done,) = take(engine, b"A2 OK [APPENDUID 38505 3955] done\r\n")
    assert done.code.value == AppendUid(38505, UidSet([3955]))


def test_a_large_message_waits_for_the_server():
    engine = logged_in()
    engine.send(commands.append("Sent", 2 << 20))
    assert engine.data_wanted == 0
    assert engine.get_outgoing_data().endswith(b"{2097152}\r\n")
    with pytest.raises(LocalProtocolError, match="expects 0 bytes"):
        engine.send_data(b"x")
    assert take(engine, b"* 4 EXISTS\r\n+ ready\r\n") == [Exists(4)]
    assert engine.data_wanted == 2 << 20
    engine.send_data(b"x" * (2 << 20))
    assert engine.get_outgoing_data().endswith(b"x\r\n")


def test_a_message_refused_before_it_left_is_not_sent():
    engine = logged_in(without(b"LITERAL+"))
    engine.send(commands.append("Sent", 5))
    engine.send(commands.noop())
    assert engine.get_outgoing_data() == b'A2 APPEND "Sent" () {5}\r\n'
    (done,) = take(engine, b"A2 NO [OVERQUOTA] full\r\n")
    assert (done.ok, done.code) == (False, Code("OVERQUOTA"))
    assert engine.data_wanted == 0
    assert engine.get_outgoing_data() == b"A3 NOOP\r\n"  # and what waited behind it goes on


def test_a_message_refused_while_it_leaves_is_finished():
    """The server has been promised the bytes: what it would take for commands otherwise."""
    engine = logged_in()
    engine.send(commands.append("Sent", 5))
    engine.send(commands.noop())
    engine.send_data(b"he")
    (done,) = take(engine, b"A2 NO [TRYCREATE] no such mailbox\r\n")
    assert not done.ok
    assert engine.data_wanted == 3
    engine.send_data(b"llo")
    assert engine.get_outgoing_data().endswith(b"hello\r\nA3 NOOP\r\n")


def test_a_message_larger_than_the_server_takes_is_not_offered():
    engine = logged_in(OFFERED + b" APPENDLIMIT=1000")
    engine.send(commands.append("Sent", 1000))
    with pytest.raises(CommandError, match="at most 1,000 bytes"):
        engine.send(commands.append("Sent", 1001))
    engine = logged_in(OFFERED + b" APPENDLIMIT APPENDLIMIT=x")  # one for each mailbox, and nonsense
    engine.send(commands.append("Sent", 1001))


def test_an_empty_message_can_be_uploaded():
    engine = logged_in()
    engine.send(commands.append("Sent", 0))
    assert engine.data_wanted == 0
    assert engine.get_outgoing_data() == b'A2 APPEND "Sent" () {0+}\r\n\r\n'


def test_a_name_that_needs_a_literal_waits_and_then_goes_on():
    engine = logged_in(without(b"LITERAL+"))
    engine.send(commands.rename(b"caf\xe9", b"caf\xc3\xa9"))
    assert engine.get_outgoing_data() == b"A2 RENAME {4}\r\n"
    take(engine, b"+\r\n")
    assert engine.get_outgoing_data() == b"caf\xe9 {5}\r\n"
    take(engine, b"+ \r\n")
    assert engine.get_outgoing_data() == b"caf\xc3\xa9\r\n"


# ---- IDLE -----------------------------------------------------------------------------------------


def idling() -> IMAPClientProtocol:
    engine = selected()
    engine.send(commands.idle())
    engine.get_outgoing_data()
    return engine


def test_changes_come_while_idle():
    changes = b"* 4 EXISTS\r\n* OK Still here\r\n* VANISHED 2\r\n* 1 FETCH (FLAGS () BODY[] {3}\r\nabc)\r\n"
    events = the_same_at_every_cut(idling, b"+ idling\r\n" + changes)
    assert [type(event).__name__ for event in events] == [
        "Idling",
        "Exists",
        "StatusNotice",
        "Vanished",
        "Fetch",
    ]


def test_a_change_may_come_before_idle_has_begun():
    engine = idling()
    assert take(engine, b"* 4 EXISTS\r\n+ idling\r\n") == [Exists(4), Idling("A4")]
    assert engine.state is ImapState.IDLE_SELECTED
    assert engine.patience is None


def test_idle_ends_when_asked():
    engine = idling()
    take(engine, b"+ idling\r\n")
    with pytest.raises(LocalProtocolError):
        engine.send(commands.noop())
    engine.done()
    engine.done()
    assert engine.get_outgoing_data() == b"DONE\r\n"
    assert engine.patience == 30  # a line that is dead is noticed now
    exists, done = take(engine, b"* 5 EXISTS\r\nA4 OK done\r\n")
    assert (exists, done.ok) == (Exists(5), True)
    assert engine.state is ImapState.SELECTED
    engine.send(commands.idle())
    take(engine, b"+\r\n")
    assert engine.state is ImapState.IDLE_SELECTED


def test_idle_ended_before_it_began_ends_as_soon_as_it_has():
    engine = idling()
    engine.done()
    assert engine.get_outgoing_data() == b""
    take(engine, b"+ idling\r\n")
    assert engine.get_outgoing_data() == b"DONE\r\n"


@pytest.mark.parametrize("begun", [True, False])
def test_idle_that_the_server_ends_or_refuses_is_over(begun):
    engine = idling()
    if begun:
        take(engine, b"+ idling\r\n")
    (done,) = take(engine, b"A4 NO too long\r\n")
    assert not done.ok
    assert engine.state is ImapState.SELECTED
    with pytest.raises(LocalProtocolError):
        engine.done()


def test_a_server_that_closes_while_idle_is_noticed():
    engine = idling()
    take(engine, b"+ idling\r\n* 4 EXI")
    with pytest.raises(RemoteProtocolError, match="closed the connection"):
        engine.receive_eof()
    assert engine.state is ImapState.CLOSED


def test_idle_without_a_mailbox_comes_back_to_none():
    engine = logged_in()
    engine.send(commands.idle())
    take(engine, b"+\r\n")
    assert engine.state is ImapState.IDLE
    engine.done()
    take(engine, b"A2 OK\r\n")
    assert engine.state is ImapState.AUTHENTICATED


def test_idle_may_last_longer_than_a_command_may_answer():
    engine = idling()
    take(engine, b"+\r\n")
    assert len(take(engine, b"* 1 FETCH (FLAGS ())\r\n" * 50_000)) == 50_000


def test_a_goodbye_before_idle_has_begun_is_the_end_of_it():
    engine = idling()
    bye, skipped, done = take(engine, b"* BYE going down\r\n+ idling\r\nA4 OK\r\n")
    assert isinstance(bye, Bye)
    assert isinstance(skipped, SkippedLine)
    assert done.ok
    assert engine.state is ImapState.LOGGING_OUT


def test_what_comes_after_done_has_an_end():
    engine = idling()
    take(engine, b"+\r\n")
    engine.done()
    with pytest.raises(RemoteProtocolError, match="do not end"):
        take(engine, b"* 1 FETCH (FLAGS ())\r\n" * 10_100)


# ---- the end --------------------------------------------------------------------------------------


def test_a_goodbye_is_answered_and_the_end_is_expected():
    engine = selected()
    engine.send(commands.logout())
    assert engine.state is ImapState.LOGGING_OUT
    bye, done = take(engine, b"* BYE Logging out\r\nA4 OK done\r\n")
    assert bye == Bye(None, "Logging out")
    assert done.ok
    engine.receive_eof()
    assert engine.state is ImapState.CLOSED
    assert list(engine.events()) == []
    with pytest.raises(LocalProtocolError):
        engine.feed_bytes(b"x")
    with pytest.raises(LocalProtocolError):
        engine.send(commands.noop())


def test_a_server_that_goes_down_says_so():
    engine = selected()
    engine.send(commands.noop())
    assert take(engine, b"* BYE server going down\r\n") == [Bye(None, "server going down")]
    assert engine.pending == ("A4",)
    with pytest.raises(LocalProtocolError):
        engine.send(commands.noop())
    engine.receive_eof()


def test_half_an_answer_is_an_error_even_after_a_goodbye():
    engine = selected()
    take(engine, b"* BYE x\r\n* 1 FE")
    with pytest.raises(RemoteProtocolError):
        engine.receive_eof()


@pytest.mark.parametrize(
    "line", [b"A99 OK", b"A4 MAYBE", b"x", b"", b"+ what", b"A4", b"\xff\xfe", b"A4OK done", b"a4 OK"]
)
def test_an_answer_to_nothing_is_skipped(line):
    engine = selected()
    engine.send(commands.noop())
    (skipped,) = take(engine, line + b"\r\n")
    assert isinstance(skipped, SkippedLine)
    assert engine.pending == ("A4",)


def test_events_not_asked_for_come_from_the_next_call():
    engine = selected()
    engine.feed_bytes(b"* 4 EXISTS\r\n* 5 EXISTS\r\n")
    assert next(engine.events()) == Exists(4)
    assert list(engine.events()) == [Exists(5)]


def test_what_was_understood_before_an_error_is_not_lost():
    engine = selected()
    engine.feed_bytes(b"* 4 EXISTS\r\n* LIST {99999999}\r\n")
    events = engine.events()
    assert next(events) == Exists(4)
    with pytest.raises(RemoteProtocolError):
        next(events)


def test_the_table_has_only_states_that_can_be_left_or_are_the_end():
    reachable = {ImapState.GREETING}
    while grown := {to for state in reachable for to in TRANSITIONS[state].values()} - reachable:
        reachable |= grown
    assert reachable == set(ImapState)
    for state in ImapState:
        assert TRANSITIONS[state][ImapStep.ENDED] is ImapState.CLOSED
