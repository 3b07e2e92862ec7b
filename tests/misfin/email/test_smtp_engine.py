"""The client machine: its table, its refusals, what it never sends and never believes."""

from email.headerregistry import Address
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from misfin.email.smtp import (
    ClientState,
    SMTPArgumentError,
    SMTPClientProtocol,
    SMTPConnectionLost,
    SMTPException,
    SMTPLocalViolation,
    SMTPLoginError,
    SMTPMessageTooLarge,
    SMTPMissingExtension,
    SMTPProtocolViolation,
    SMTPRemoteViolation,
    SMTPResponse,
    SMTPResponseError,
    SMTPUnsupportedAuthMechanism,
)
from misfin.email.smtp.states import TABLE, Command

ALL = "PIPELINING", "SIZE 1000", "8BITMIME", "SMTPUTF8", "STARTTLS", "AUTH PLAIN LOGIN", "DSN"


def feed(protocol, line: str, *, code=None):
    """One reply, whole; the response has its code."""
    response = protocol.feed_bytes(line.encode() + b"\r\n")
    assert response is not None
    assert response.code == (code or int(line[:3]))
    return response


def call(protocol, method, *args, **kwargs) -> bytes:
    getattr(protocol, method)(*args, **kwargs)
    assert protocol.needs_incoming_data
    return protocol.get_outgoing_data()


def ready(*extensions, lmtp=False, trace=None) -> SMTPClientProtocol:
    protocol = SMTPClientProtocol(lmtp=lmtp, trace=trace)
    assert protocol.needs_incoming_data
    feed(protocol, "220 mx.example ESMTP")
    verb = b"LHLO" if lmtp else b"EHLO"
    assert call(protocol, "send_greeting", "me.example") == verb + b" me.example\r\n"
    lines = ["mx.example", *extensions]
    marks = ["-"] * (len(lines) - 1) + [" "]
    feed(protocol, "\r\n".join(f"250{mark}{line}" for mark, line in zip(marks, lines, strict=True)))
    assert protocol.state is ClientState.ready
    return protocol


def in_data(*extensions, lmtp=False, recipients=("b@example.org",), **mail) -> SMTPClientProtocol:
    protocol = ready(*extensions, lmtp=lmtp)
    call(protocol, "mail", "a@example.org", **mail)
    feed(protocol, "250 2.1.0 ok")
    for recipient in recipients:
        call(protocol, "recipient", recipient)
        feed(protocol, "250 2.1.5 ok")
    assert call(protocol, "start_data") == b"DATA\r\n"
    feed(protocol, "354 go on")
    return protocol


# ---- a whole session --------------------------------------------------------------------------------


def test_a_message_goes_through_with_states_of_smtpproto():
    protocol = ready()
    assert call(protocol, "mail", "ada@example.org") == b"MAIL FROM:<ada@example.org>\r\n"
    feed(protocol, "250 ok")
    assert protocol.state is ClientState.mailtx
    assert call(protocol, "recipient", "bea@example.org") == b"RCPT TO:<bea@example.org>\r\n"
    response = feed(protocol, "250 ok")
    assert (response.command, response.recipient) == ("RCPT", "bea@example.org")
    assert protocol.state is ClientState.recipient_sent
    assert protocol.accepted_recipients == ("bea@example.org",)
    call(protocol, "start_data")
    feed(protocol, "354 go on")
    assert protocol.state is ClientState.send_data
    assert call(protocol, "data", b"Subject: x\n\nHi") == b"Subject: x\r\n\r\nHi\r\n.\r\n"
    assert protocol.state is ClientState.data_sent
    feed(protocol, "250 queued")
    assert protocol.state is ClientState.ready
    assert call(protocol, "quit") == b"QUIT\r\n"
    feed(protocol, "221 bye")
    assert protocol.state is ClientState.finished
    assert not protocol.needs_incoming_data
    assert protocol.feed_bytes(b"more") is None
    protocol.receive_eof()


def test_addresses_of_the_standard_library_are_written_with_their_quotes():
    protocol = ready()
    address = Address("Ada", "ada lovelace", "example.org")
    assert call(protocol, "mail", address) == b'MAIL FROM:<"ada lovelace"@example.org>\r\n'


def test_the_null_address_may_send_but_not_receive():
    protocol = ready()
    assert call(protocol, "mail", "") == b"MAIL FROM:<>\r\n"
    feed(protocol, "250 ok")
    with pytest.raises(SMTPArgumentError):
        protocol.recipient("")


def test_an_email_message_loses_its_bcc_and_stays_as_it_was():
    message = EmailMessage()
    message["From"], message["Bcc"], message["Resent-Bcc"] = "a@example.org", "secret@example.org", "s@e.org"
    message.set_content("Grüße\n")
    protocol = in_data()
    sent = call(protocol, "data", message)
    assert b"secret" not in sent
    assert b"esent" not in sent
    assert sent.isascii()
    assert message["Bcc"] == "secret@example.org"
    eight = call(in_data(*ALL, eight_bit=True), "data", message)
    assert "Grüße".encode() in eight


def test_the_form_of_an_email_message_is_what_mail_announced():
    message = EmailMessage()
    message["Subject"] = "Grüße"
    message.set_content("Grüße\n")
    found = {}
    for how in ((), ("smtputf8",), ("eight_bit",), ("smtputf8", "eight_bit")):
        sent = call(in_data(*ALL, **dict.fromkeys(how, True)), "data", message)
        header, _, body = sent.partition(b"\r\n\r\n")
        found[how] = (header.isascii(), body.isascii())
    assert found == {
        (): (True, True),
        ("smtputf8",): (False, True),
        ("eight_bit",): (True, False),
        ("smtputf8", "eight_bit"): (False, False),
    }


def test_bytes_over_127_have_to_be_announced():
    for send in ("data", "data_chunk"):
        protocol = in_data(*ALL)
        with pytest.raises(SMTPArgumentError, match="127"):
            getattr(protocol, send)(b"Gr\xc3\xbc\xc3\x9fe")
        assert protocol.get_outgoing_data() == b""
        assert protocol.state is ClientState.send_data
    assert call(in_data(*ALL, eight_bit=True), "data", b"\xff") == b"\xff\r\n.\r\n"


def test_extensions_are_read():
    protocol = ready(*ALL, "AUTH=CRAM-MD5 plain", "x-odd 1", "", "!bad", "HELP")
    assert protocol.extensions == {
        *["PIPELINING", "SIZE", "8BITMIME", "SMTPUTF8", "STARTTLS", "AUTH", "DSN", "X-ODD", "HELP"],
    }
    assert protocol.auth_mechanisms == {"PLAIN", "LOGIN", "CRAM-MD5"}
    assert protocol.max_message_size == 1000


@pytest.mark.parametrize("size", ["SIZE", "SIZE 0", "SIZE x", "SIZE -1", "SIZE " + "9" * 30])
def test_a_size_that_is_none_is_no_limit(size):
    assert ready(size).max_message_size is None


# ---- refusals are outcomes --------------------------------------------------------------------------


@pytest.mark.parametrize("code", [400, 421, 450, 451, 452, 455, 500, 501, 503, 521, 530, 550, 552, 554, 599])
def test_any_refusal_of_any_command_is_an_outcome(code):
    for extensions, method, args in [
        (ALL, "mail", ["a@example.org"]),
        (ALL, "noop", []),
        (ALL, "reset", []),
        (ALL, "start_tls", []),
        (ALL, "authenticate", ["PLAIN", "eA=="]),
        (ALL, "authenticate", ["LOGIN"]),
        (ALL, "quit", []),
    ]:
        protocol = ready(*extensions)
        call(protocol, method, *args)
        assert feed(protocol, f"{code} 5.7.1 no").is_error()
        over = code == 421 or method == "quit"
        assert protocol.state is (ClientState.finished if over else ClientState.ready)


@pytest.mark.parametrize(
    "text", ["552 too big", "451 later", "554 no", "550 5.7.1 spam", "421 shutting down"]
)
def test_any_refusal_after_the_dot_is_an_outcome(text):
    protocol = in_data()
    call(protocol, "data", b"Hi\r\n")
    assert protocol.outcome_unknown
    response = feed(protocol, text)
    assert response.is_error()
    assert response.command == "."
    assert response.is_temporary is (response.code < 500)
    assert response.is_permanent is (response.code >= 500)
    assert not protocol.outcome_unknown
    assert protocol.state is (ClientState.finished if response.code == 421 else ClientState.ready)


@pytest.mark.parametrize("code", [421, 450, 452, 521, 550, 554])
def test_refusals_of_recipients_and_of_data_are_outcomes(code):
    protocol = ready()
    call(protocol, "mail", "a@example.org")
    feed(protocol, "250 ok")
    call(protocol, "recipient", "b@example.org")
    assert feed(protocol, f"{code} no").recipient == "b@example.org"
    if code == 421:
        assert protocol.state is ClientState.finished
        return
    assert protocol.state is ClientState.mailtx
    call(protocol, "recipient", "c@example.org")
    feed(protocol, "251 will forward")
    call(protocol, "start_data")
    feed(protocol, f"{code} no")
    assert protocol.state is ClientState.recipient_sent
    assert call(protocol, "reset") == b"RSET\r\n"
    feed(protocol, "250 ok")
    assert protocol.state is ClientState.ready
    assert protocol.accepted_recipients == ()


@pytest.mark.parametrize("code", [421, 450, 554])
def test_a_server_that_greets_with_a_refusal_ends_the_session(code):
    protocol = SMTPClientProtocol()
    assert feed(protocol, f"{code} go away").is_error()
    assert protocol.state is ClientState.finished
    with pytest.raises(SMTPLocalViolation):
        protocol.send_greeting("me.example")


@pytest.mark.parametrize("code", [500, 501, 502, 504])
@pytest.mark.parametrize("helo", [250, 550, 502])
def test_a_server_that_does_not_know_ehlo_is_asked_with_helo(code, helo):
    protocol = SMTPClientProtocol()
    feed(protocol, "220 old")
    call(protocol, "send_greeting", "me.example")
    assert protocol.feed_bytes(f"{code} what?\r\n".encode()) is None
    assert protocol.needs_incoming_data
    assert protocol.get_outgoing_data() == b"HELO me.example\r\n"
    feed(protocol, f"{helo} hello\r\n", code=helo)
    assert protocol.state is (ClientState.ready if helo == 250 else ClientState.greeting_received)
    assert protocol.extensions == frozenset()


def test_a_server_that_refuses_ehlo_for_another_reason_is_not_asked_again():
    protocol = SMTPClientProtocol()
    feed(protocol, "220 mx")
    call(protocol, "send_greeting", "me.example")
    assert feed(protocol, "550 not you").is_error()
    assert protocol.state is ClientState.greeting_received
    assert not protocol.needs_incoming_data


@pytest.mark.parametrize(
    ("method", "args", "reply"),
    [
        ("mail", ["a@example.org"], "354 what"),
        ("mail", ["a@example.org"], "334 what"),
        ("noop", [], "354 what"),
        ("start_tls", [], "334 what"),
        ("quit", [], "354 what"),
    ],
)
def test_an_answer_that_makes_no_sense_is_a_violation(method, args, reply):
    protocol = ready(*ALL)
    call(protocol, method, *args)
    with pytest.raises(SMTPRemoteViolation):
        protocol.feed_bytes(reply.encode() + b"\r\n")
    assert protocol.state is ClientState.finished


def test_an_acceptance_of_data_without_354_is_a_violation():
    protocol = ready()
    for method, args, reply in [("mail", ["a@e.org"], "250"), ("recipient", ["b@e.org"], "250")]:
        call(protocol, method, *args)
        feed(protocol, reply)
    call(protocol, "start_data")
    with pytest.raises(SMTPRemoteViolation):
        protocol.feed_bytes(b"250 ok\r\n")


# ---- replies ----------------------------------------------------------------------------------------


def test_a_response_knows_its_enhanced_code_and_its_text():
    response = SMTPResponse(550, "5.1.1 No such\n5.1.1 person")
    assert response.enhanced == (5, 1, 1)
    assert str(response.enhanced) == "5.1.1"
    assert response.text == "No such\nperson"
    assert SMTPResponse(250, "5.1.1 odd").enhanced is None
    assert SMTPResponse(250, "2.0.0").enhanced == (2, 0, 0)
    assert SMTPResponse(250, "2.0.0x").enhanced is None
    with pytest.raises(SMTPResponseError, match="550 5.1.1") as e:
        response.raise_as_exception()
    assert e.value.response is response


def test_what_a_server_says_does_not_reach_a_terminal_through_an_error():
    nasty = SMTPResponse(535, "5.7.8 \x1b[2J\nno\u202e")
    with pytest.raises(SMTPResponseError) as e:
        nasty.raise_as_exception()
    for error in (e.value, SMTPLoginError(nasty, "PLAIN")):
        assert not set("\x1b\n\u202e") & set(str(error))
    assert ready("AUTH PLAIN \x1b[2J X\u202e").auth_mechanisms == {"PLAIN"}


def test_bytes_that_are_not_utf_8_are_replaced_and_bare_lf_is_tolerated():
    protocol = SMTPClientProtocol()
    assert protocol.feed_bytes(b"220-caf\xe9\n220\n") == SMTPResponse(220, "caf\N{REPLACEMENT CHARACTER}\n")


@pytest.mark.parametrize(
    "junk",
    [
        b"hello\r\n",
        b"22 x\r\n",
        b"2200 x\r\n",
        b"220x\r\n",
        b"\r\n",
        b"600 x\r\n",
        b"120 x\r\n",
        b"220-a\r\n221 b\r\n",
        "٢٢٠ x\r\n".encode(),
        b"2" * 4096,
        b"220 " + b"x" * 4096 + b"\r\n",
        b"220-x\r\n" * 201,
        (b"220-" + b"x" * 4000 + b"\r\n") * 17,
        b"x" * 5_000_000,
    ],
)
def test_what_is_not_a_reply_or_never_ends_is_a_violation(junk):
    for pieces in ([junk], [junk[i : i + 1000] for i in range(0, len(junk), 1000)]):
        protocol = SMTPClientProtocol()

        def feed_all(protocol=protocol, pieces=pieces):
            for piece in pieces:
                assert protocol.feed_bytes(piece) is None
                assert len(protocol._replies._held) <= 1024 * 1024

        with pytest.raises(SMTPRemoteViolation):
            feed_all()
        assert protocol.state is ClientState.finished
        assert protocol.feed_bytes(b"220 ok\r\n") is None


def test_two_hundred_lines_are_a_reply():
    protocol = SMTPClientProtocol()
    response = protocol.feed_bytes(b"220-x\r\n" * 199 + b"220 " + b"y" * 4090 + b"\r\n")
    assert response.message.count("\n") == 199


def test_the_awaited_reply_counts_before_one_that_nobody_awaits():
    protocol = in_data()
    call(protocol, "data", b"Hi")
    response = protocol.feed_bytes(b"250 queued\r\n421 shutting down\r\n")
    assert response.code == 250
    assert protocol.state is ClientState.ready
    assert not protocol.needs_incoming_data
    goodbye = protocol.feed_bytes(b"")
    assert (goodbye.code, goodbye.command) == (421, "")
    assert protocol.state is ClientState.finished


@pytest.mark.parametrize(
    ("unasked", "error"),
    [
        ("421 bye\x1b\r\n", SMTPConnectionLost),
        ("250 ok\r\n", SMTPRemoteViolation),
        ("nonsense\r\n", SMTPRemoteViolation),
        ("42", SMTPRemoteViolation),
    ],
)
def test_what_was_said_unasked_is_never_taken_as_the_answer_to_the_next_command(unasked, error):
    protocol = in_data()
    call(protocol, "data", b"Hi")
    assert protocol.feed_bytes(f"250 queued\r\n{unasked}".encode()).code == 250
    with pytest.raises(error) as e:
        protocol.noop()
    assert "\x1b" not in str(e.value)
    assert protocol.get_outgoing_data() == b""
    assert protocol.state is ClientState.finished
    assert not protocol.outcome_unknown


@pytest.mark.parametrize("unasked", ["250 again", "550 no", "220 hello"])
def test_any_other_reply_that_nobody_awaits_is_a_violation(unasked):
    protocol = in_data()
    call(protocol, "data", b"Hi")
    assert protocol.feed_bytes(f"250 queued\r\n{unasked}\r\n".encode()).code == 250
    with pytest.raises(SMTPRemoteViolation, match="nobody asked for"):
        protocol.feed_bytes(b"")
    assert protocol.state is ClientState.finished


def test_half_a_reply_that_nobody_awaits_keeps_the_next_command_back():
    protocol = ready()
    assert protocol.feed_bytes(b"42") is None
    with pytest.raises(SMTPRemoteViolation):
        protocol.mail("a@example.org")


def test_an_unasked_421_while_the_message_is_sent_ends_it_before_the_dot():
    protocol = in_data()
    protocol.data_chunk(b"Hi\r\n")
    assert feed(protocol, "421 full").command == ""
    assert protocol.get_outgoing_data() == b""
    with pytest.raises(SMTPLocalViolation):
        protocol.end_data()
    assert not protocol.outcome_unknown


# ---- the end of the connection ----------------------------------------------------------------------


def test_the_end_while_idle_is_not_an_error():
    protocol = ready()
    protocol.receive_eof()
    assert protocol.state is ClientState.finished


@pytest.mark.parametrize("dot", [False, True])
def test_only_a_written_dot_makes_the_outcome_unknown(dot):
    protocol = in_data()
    protocol.data_chunk(b"Hi\r\n")
    protocol.get_outgoing_data()
    protocol.end_data()
    assert not protocol.outcome_unknown
    if dot:
        protocol.get_outgoing_data()
    with pytest.raises(SMTPConnectionLost):
        protocol.receive_eof()
    assert protocol.outcome_unknown is dot


def test_the_end_before_the_message_is_whole_is_a_lost_connection():
    protocol = in_data()
    with pytest.raises(SMTPConnectionLost):
        protocol.receive_eof()


SCRIPT = [
    (None, (), b"220-hello\r\n220 mx\r\n"),
    ("send_greeting", ("me.example",), b"250-mx\r\n250-AUTH LOGIN\r\n250 STARTTLS\r\n"),
    ("start_tls", (), b"220 go\r\n"),
    ("send_greeting", ("me.example",), b"250-mx\r\n250 AUTH LOGIN\r\n"),
    ("authenticate", ("LOGIN",), b"334 VXNlcg==\r\n"),
    ("send_authentication_data", ("YQ==",), b"334\r\n"),
    ("send_authentication_data", ("Yg==",), b"235 2.7.0 welcome\r\n"),
    ("mail", ("a@example.org",), b"250 ok\r\n"),
    ("recipient", ("b@example.org",), b"550-5.1.1 no\r\n550 5.1.1 really\r\n"),
    ("recipient", ("c@example.org",), b"250 ok\n"),
    ("start_data", (), b"354 go\r\n"),
    ("data", (b".Hi\n",), b"250 2.0.0 queued\r\n"),
    ("quit", (), b"221 bye\r\n"),
]


def play(cut_at=None, *, bytewise=False):
    """Follow SCRIPT; the server's bytes end at ``cut_at`` of them all. What came of it."""
    protocol, seen, given = SMTPClientProtocol(), [], 0
    for method, args, reply in SCRIPT:
        if method:
            getattr(protocol, method)(*args)
            seen.append(protocol.get_outgoing_data())
        end = len(reply) if cut_at is None else max(0, min(len(reply), cut_at - given))
        pieces = [reply[i : i + 1] for i in range(end)] if bytewise else [reply[:end]]
        responses = [r for piece in pieces if (r := protocol.feed_bytes(piece))]
        given += len(reply)
        if end < len(reply):
            assert responses == []
            assert protocol.needs_incoming_data
            with pytest.raises(SMTPConnectionLost):
                protocol.receive_eof()
            return seen, method, protocol
        (response,) = responses
        assert not protocol.needs_incoming_data
        seen.append(response)
    return seen, None, protocol


def test_bytes_may_come_in_any_pieces():
    assert play()[0] == play(bytewise=True)[0]
    assert [r.code for r in play()[0] if isinstance(r, SMTPResponse)] == [
        220, 250, 220, 250, 334, 334, 235, 250, 550, 250, 354, 250, 221,
    ]  # fmt: skip


def test_cut_at_every_byte_only_the_answer_to_the_message_leaves_it_unknown():
    total = sum(len(reply) for _, _, reply in SCRIPT)
    for cut in range(total):
        _, method, protocol = play(cut)
        assert protocol.state is ClientState.finished
        assert protocol.outcome_unknown is (method == "data"), cut


@given(st.lists(st.binary(max_size=30), max_size=20), st.booleans())
def test_no_bytes_raise_anything_but_a_violation(pieces, lmtp):
    protocol = SMTPClientProtocol(lmtp=lmtp)
    try:
        for piece in pieces:
            protocol.feed_bytes(piece)
        protocol.receive_eof()
    except (SMTPRemoteViolation, SMTPConnectionLost):
        pass
    assert protocol.state is ClientState.finished


# ---- TLS and log-in ---------------------------------------------------------------------------------


def test_starttls_forgets_everything_the_server_said_before():
    protocol = ready(*ALL)
    call(protocol, "start_tls")
    feed(protocol, "220 go")
    assert protocol.state is ClientState.greeting_received
    assert protocol.extensions == frozenset()
    assert protocol.auth_mechanisms == frozenset()
    assert protocol.max_message_size is None
    for method, args in [("mail", ["a@e.org"]), ("authenticate", ["PLAIN", "eA=="]), ("start_tls", [])]:
        with pytest.raises(SMTPLocalViolation):
            getattr(protocol, method)(*args)


@pytest.mark.parametrize("behind", ["2", "250-mx\r\n", "250-mx\r\n250 AUTH PLAIN\r\n", "421 bye\r\n", "\n"])
def test_anything_behind_the_answer_to_starttls_ends_the_connection(behind):
    protocol = ready(*ALL)
    call(protocol, "start_tls")
    with pytest.raises(SMTPRemoteViolation, match="more than its answer to STARTTLS"):
        protocol.feed_bytes(f"220 go\r\n{behind}".encode())
    assert protocol.state is ClientState.finished


def test_starttls_must_be_offered():
    with pytest.raises(SMTPMissingExtension) as e:
        ready("SIZE").start_tls()
    assert e.value.extension == "STARTTLS"


def test_logging_in_needs_an_offered_mechanism_and_happens_once():
    with pytest.raises(SMTPMissingExtension):
        ready().authenticate("PLAIN", "eA==")
    protocol = ready(*ALL)
    with pytest.raises(SMTPUnsupportedAuthMechanism) as e:
        protocol.authenticate("XOAUTH2")
    assert e.value.mechanism == "XOAUTH2"
    assert call(protocol, "authenticate", "PLAIN", "AGEAYg==") == b"AUTH PLAIN AGEAYg==\r\n"
    assert not protocol.authenticated
    feed(protocol, "235 ok")
    assert protocol.authenticated
    assert protocol.state is ClientState.authenticated
    with pytest.raises(SMTPLocalViolation):
        protocol.authenticate("PLAIN", "AGEAYg==")
    call(protocol, "mail", "a@e.org")
    feed(protocol, "250 ok")
    call(protocol, "reset")
    feed(protocol, "250 ok")
    with pytest.raises(SMTPLocalViolation, match="logged in already"):
        protocol.authenticate("PLAIN", "AGEAYg==")


def test_a_log_in_of_several_steps_can_be_refused_and_tried_again():
    protocol = ready(*ALL)
    assert call(protocol, "authenticate", "LOGIN") == b"AUTH LOGIN\r\n"
    assert feed(protocol, "334 VXNlcg==").message == "VXNlcg=="
    assert protocol.state is ClientState.authenticating
    for method in ("noop", "quit", "reset"):
        with pytest.raises(SMTPLocalViolation):
            getattr(protocol, method)()
    assert call(protocol, "send_authentication_data", "") == b"\r\n"
    feed(protocol, "334 UGFzcw==")
    assert call(protocol, "send_authentication_data", "*") == b"*\r\n"
    assert feed(protocol, "501 cancelled").is_error()
    assert protocol.state is ClientState.ready
    call(protocol, "authenticate", "LOGIN")
    feed(protocol, "535 5.7.8 no")


def test_the_trace_holds_no_secret():
    lines = []
    protocol = ready(*ALL, trace=lines.append)
    call(protocol, "authenticate", "LOGIN", "c2VjcmV0")
    feed(protocol, "334 c2VjcmV0")
    call(protocol, "send_authentication_data", "c2VjcmV0")
    feed(protocol, "235 ok")
    call(protocol, "mail", "a@example.org")
    assert "c2VjcmV0" not in "".join(lines)
    assert lines[-5:] == [
        "C: AUTH LOGIN ***",
        "S: 334 ***",
        "C: ***",
        "S: 235 ok",
        "C: MAIL FROM:<a@example.org>",
    ]


# ---- parameters -------------------------------------------------------------------------------------


def test_parameters_are_only_there_when_needed_and_offered():
    assert call(ready(*ALL), "mail", "a@e.org") == b"MAIL FROM:<a@e.org>\r\n"
    assert call(ready(), "mail", "a@e.org", size=5) == b"MAIL FROM:<a@e.org>\r\n"
    assert (
        call(ready(*ALL), "mail", "a@e.org", size=5, eight_bit=True, smtputf8=True)
        == b"MAIL FROM:<a@e.org> SIZE=5 BODY=8BITMIME SMTPUTF8\r\n"
    )
    for how in ({"eight_bit": True}, {"smtputf8": True}, {"ret": "FULL"}, {"envid": "x"}):
        with pytest.raises(SMTPMissingExtension):
            ready("PIPELINING").mail("a@e.org", **how)


def test_a_message_over_the_size_is_refused_before_anything_is_sent():
    protocol = ready(*ALL)
    with pytest.raises(SMTPMessageTooLarge) as e:
        protocol.mail("a@e.org", size=1001)
    assert (e.value.size, e.value.limit) == (1001, 1000)
    assert protocol.get_outgoing_data() == b""
    assert call(protocol, "mail", "a@e.org", size=1000)


def test_addresses_beyond_ascii():
    protocol = ready(*ALL)
    assert call(protocol, "mail", "jörg@bücher.example") == (
        "MAIL FROM:<jörg@xn--bcher-kva.example> SMTPUTF8\r\n".encode()
    )
    assert call(ready(), "mail", "joerg@bücher.example") == b"MAIL FROM:<joerg@xn--bcher-kva.example>\r\n"
    for extensions in ([], ["PIPELINING"]):
        with pytest.raises(SMTPMissingExtension):
            ready(*extensions).mail("jörg@example.org")
    protocol = ready(*ALL)
    call(protocol, "mail", "a@e.org")
    feed(protocol, "250 ok")
    with pytest.raises(SMTPArgumentError, match="smtputf8"):
        protocol.recipient("jörg@example.org")


def test_delivery_notifications():
    protocol = ready(*ALL)
    assert call(protocol, "mail", "a@e.org", ret="HDRS", envid="a+b c") == (
        b"MAIL FROM:<a@e.org> RET=HDRS ENVID=a+2Bb+20c\r\n"
    )
    feed(protocol, "250 ok")
    assert call(protocol, "recipient", "b@e.org", notify=["SUCCESS", "FAILURE"], orcpt="c=d@e.org") == (
        b"RCPT TO:<b@e.org> NOTIFY=FAILURE,SUCCESS ORCPT=rfc822;c+3Dd@e.org\r\n"
    )
    feed(protocol, "250 ok")
    for how in (
        {"notify": ["NEVER", "DELAY"]},
        {"notify": []},
        {"notify": ["X\r\nQUIT"]},
        {"orcpt": "a\r\nQUIT"},
    ):
        with pytest.raises(SMTPArgumentError):
            protocol.recipient("b@e.org", **how)


INJECTIONS = [
    "a@e.org\r\nRCPT TO:<x@e.org>",
    "a@e.org\nQUIT",
    "a@e.org\rQUIT",
    "a\0@e.org",
    "a@e.org> SIZE=1",
    "a@e.org>",
    "<a@e.org",
    "a b@e.org",
    "a@e .org",
    " a@e.org",
    "a@e.org ",
    '"a"b@e.org',
    '"a\r\n"@e.org',
    '"a"@e.org> X "@e.org',
    "a\\@e.org",
    "@e.org",
    "a@",
    "a\u2028@e.org",
    "a\x85@e.org",
    "a\x1b[2J@e.org",
    "\ud800@e.org",
    "a@bü cher.org",
    "a@ü\r\nQUIT.org",
    "a" * 600 + "@e.org",
]


@pytest.mark.parametrize("bad", INJECTIONS)
@pytest.mark.parametrize("method", ["mail", "recipient"])
def test_an_address_cannot_carry_anything_else(method, bad):
    protocol = ready(*ALL)
    if method == "recipient":
        call(protocol, "mail", "a@e.org", smtputf8=True)
        feed(protocol, "250 ok")
    state = protocol.state
    with pytest.raises(SMTPArgumentError):
        getattr(protocol, method)(bad)
    assert protocol.get_outgoing_data() == b""
    assert protocol.state is state
    assert not protocol.needs_incoming_data


@pytest.mark.parametrize("domain", ["", "a b", "a\r\nQUIT", "a\0", "bücher", "x" * 300])
def test_the_own_name_cannot_carry_anything_else(domain):
    protocol = SMTPClientProtocol()
    feed(protocol, "220 mx")
    with pytest.raises(SMTPArgumentError):
        protocol.send_greeting(domain)
    assert protocol.get_outgoing_data() == b""


@pytest.mark.parametrize("data", ["a b", "a\r\nQUIT", "ü", "a*", "**", "a=b", "A" * 13000])
def test_log_in_data_cannot_carry_anything_else(data):
    protocol = ready(*ALL)
    with pytest.raises(SMTPArgumentError):
        protocol.authenticate("PLAIN", data)
    for mechanism in ("PLAIN\r\nQUIT", "plain x", "", "X" * 21):
        with pytest.raises(SMTPException):
            protocol.authenticate(mechanism, "eA==")
    assert protocol.get_outgoing_data() == b""
    call(protocol, "authenticate", "LOGIN")
    feed(protocol, "334 VXNlcg==")
    with pytest.raises(SMTPArgumentError):
        protocol.send_authentication_data(data)
    assert protocol.get_outgoing_data() == b""


@given(st.text(), st.sampled_from(["mail", "recipient", "greeting", "envid", "mechanism", "secret"]))
def test_no_argument_makes_more_than_one_line(text, where):
    protocol = ready(*ALL)
    try:
        match where:
            case "mail":
                protocol.mail(text)
            case "recipient":
                call(protocol, "mail", "a@e.org", smtputf8=True)
                feed(protocol, "250 ok")
                protocol.recipient(text)
            case "greeting":
                protocol.send_greeting(text)
            case "envid":
                protocol.mail("a@e.org", envid=text)
            case "mechanism":
                protocol.authenticate(text)
            case "secret":
                protocol.authenticate("PLAIN", text)
    except SMTPException:
        assert protocol.get_outgoing_data() == b""
        return
    sent = protocol.get_outgoing_data()
    assert sent.endswith(b"\r\n")
    assert len(sent.splitlines()) == 1
    assert sent.decode().count(" ") <= 2
    assert b"\0" not in sent


# ---- groups of commands -----------------------------------------------------------------------------


def test_without_pipelining_a_command_waits_for_the_reply_before_it():
    protocol = ready("SIZE")
    protocol.mail("a@e.org")
    with pytest.raises(SMTPLocalViolation, match="has to wait for the reply to MAIL"):
        protocol.recipient("b@e.org")


def test_a_group_goes_out_at_once_and_is_answered_one_by_one():
    protocol = ready(*ALL)
    protocol.mail("a@e.org")
    protocol.recipient("b@e.org")
    protocol.recipient("c@e.org")
    protocol.start_data()
    assert protocol.get_outgoing_data() == (
        b"MAIL FROM:<a@e.org>\r\nRCPT TO:<b@e.org>\r\nRCPT TO:<c@e.org>\r\nDATA\r\n"
    )
    response = protocol.feed_bytes(b"250 ok\r\n550 no\r\n250 ok\r\n354 go\r\n")
    answers = []
    while response:
        answers.append((response.command, response.recipient, response.code))
        response = protocol.feed_bytes(b"") if not protocol.needs_incoming_data else None
    assert answers == [
        ("MAIL", None, 250),
        ("RCPT", "b@e.org", 550),
        ("RCPT", "c@e.org", 250),
        ("DATA", None, 354),
    ]
    assert protocol.state is ClientState.send_data
    assert protocol.accepted_recipients == ("c@e.org",)


@pytest.mark.parametrize("method", ["noop", "quit", "mail", "recipient", "reset", "start_data"])
def test_nothing_follows_data_in_a_group(method):
    protocol = ready(*ALL)
    protocol.mail("a@e.org")
    protocol.recipient("b@e.org")
    protocol.start_data()
    with pytest.raises(SMTPLocalViolation):
        getattr(protocol, method)(*(["c@e.org"] if method in ("mail", "recipient") else []))


@pytest.mark.parametrize("method", ["start_tls", "authenticate", "send_greeting"])
def test_what_changes_the_session_is_never_part_of_a_group(method):
    protocol = ready(*ALL)
    protocol.reset()
    args = {"authenticate": ["PLAIN", "eA=="], "send_greeting": ["me.example"]}.get(method, [])
    with pytest.raises(SMTPLocalViolation):
        getattr(protocol, method)(*args)


def test_a_refused_sender_refuses_the_whole_group():
    protocol = ready(*ALL)
    protocol.mail("a@e.org")
    protocol.recipient("b@e.org")
    protocol.start_data()
    protocol.get_outgoing_data()
    for line in ("550 not you", "503 no sender", "503 no recipient"):
        assert feed(protocol, line).is_error()
    assert protocol.state is ClientState.ready
    assert call(protocol, "mail", "other@e.org")


@pytest.mark.parametrize("second", ["250 ok", "354 go"])
def test_a_server_that_accepts_what_it_has_no_sender_for_is_left(second):
    protocol = ready(*ALL)
    protocol.mail("a@e.org")
    protocol.recipient("b@e.org")
    feed(protocol, "550 not you")
    with pytest.raises(SMTPRemoteViolation):
        protocol.feed_bytes(second.encode() + b"\r\n")


def test_a_server_that_takes_a_message_for_nobody_gets_a_lone_dot():
    protocol = ready(*ALL)
    protocol.mail("a@e.org")
    protocol.recipient("b@e.org")
    protocol.start_data()
    protocol.get_outgoing_data()
    for line in ("250 ok", "550 no", "354 go"):
        feed(protocol, line)
    for method in ("data", "data_chunk"):
        with pytest.raises(SMTPLocalViolation, match="No recipient"):
            getattr(protocol, method)(b"Hi")
    assert call(protocol, "end_data") == b".\r\n"
    assert feed(protocol, "554 no valid recipients").is_error()
    assert protocol.state is ClientState.ready


def test_a_goodbye_within_a_group_leaves_the_rest_unanswered():
    protocol = ready(*ALL)
    protocol.mail("a@e.org")
    protocol.recipient("b@e.org")
    protocol.start_data()
    protocol.get_outgoing_data()
    assert protocol.feed_bytes(b"250 ok\r\n421 too many\r\n354 go\r\n").code == 250
    assert protocol.feed_bytes(b"").code == 421
    assert protocol.state is ClientState.finished
    assert protocol.feed_bytes(b"") is None


def test_a_group_of_a_thousand_recipients():
    protocol = ready(*ALL)
    protocol.mail("a@e.org")
    for n in range(1000):
        protocol.recipient(f"{n}@e.org")
    assert protocol.get_outgoing_data().count(b"\r\n") == 1001
    response, codes = protocol.feed_bytes(b"250 ok\r\n" * 1001), []
    while response:
        codes.append(response.code)
        response = protocol.feed_bytes(b"")
    assert codes == [250] * 1001
    assert len(protocol.accepted_recipients) == 1000


# ---- LMTP -------------------------------------------------------------------------------------------


def test_lmtp_answers_for_each_accepted_recipient():
    protocol = in_data(lmtp=True, recipients=("b@e.org", "c@e.org", "b@e.org"))
    call(protocol, "data", b"Hi")
    answers = []
    for line in ("250 ok", "452 4.2.2 full", "250 ok"):
        assert protocol.outcome_unknown
        assert protocol.state is ClientState.data_sent
        response = feed(protocol, line)
        answers.append((response.command, response.recipient, response.code))
    assert answers == [(".", "b@e.org", 250), (".", "c@e.org", 452), (".", "b@e.org", 250)]
    assert not protocol.outcome_unknown
    assert protocol.state is ClientState.ready


def test_lmtp_does_not_fall_back_to_another_greeting():
    protocol = SMTPClientProtocol(lmtp=True)
    feed(protocol, "220 lmtp")
    call(protocol, "send_greeting", "me.example")
    assert feed(protocol, "500 what?").is_error()
    assert protocol.get_outgoing_data() == b""


def test_an_lmtp_server_that_closes_between_answers_leaves_the_rest_unknown():
    protocol = in_data(lmtp=True, recipients=("b@e.org", "c@e.org"))
    call(protocol, "data", b"Hi")
    feed(protocol, "250 ok")
    with pytest.raises(SMTPConnectionLost):
        protocol.receive_eof()
    assert protocol.outcome_unknown


def test_an_lmtp_server_that_takes_a_message_for_nobody_is_left():
    protocol = ready("PIPELINING", lmtp=True)
    protocol.mail("a@e.org")
    protocol.recipient("b@e.org")
    protocol.start_data()
    feed(protocol, "250 ok")
    feed(protocol, "550 no")
    with pytest.raises(SMTPRemoteViolation):
        protocol.feed_bytes(b"354 go\r\n")


# ---- the table --------------------------------------------------------------------------------------


def test_every_state_is_in_the_table_and_every_step_leads_to_one():
    assert set(TABLE) == set(ClientState)
    reached = {
        state for steps in TABLE.values() for step in steps.values() for state in step if state is not None
    }
    by_calls = {ClientState.greeting_expected, ClientState.data_sent}
    assert reached | by_calls == set(ClientState)
    assert {command for steps in TABLE.values() for command in steps} == set(Command)


CALLS = {
    "send_greeting": ("me.example",),
    "start_tls": (),
    "authenticate": ("PLAIN", "eA=="),
    "send_authentication_data": ("eA==",),
    "mail": ("a@e.org",),
    "recipient": ("b@e.org",),
    "start_data": (),
    "data": (b"Hi",),
    "data_chunk": (b"Hi",),
    "end_data": (),
    "reset": (),
    "noop": (),
    "quit": (),
}


@given(st.lists(st.tuples(st.sampled_from(sorted(CALLS)), st.sampled_from([250, 354, 334, 421, 450, 550]))))
def test_no_order_of_calls_and_answers_raises_anything_undocumented(steps):
    protocol = ready(*ALL)
    for method, code in steps:
        try:
            getattr(protocol, method)(*CALLS[method])
        except SMTPException:
            continue
        protocol.get_outgoing_data()
        try:
            if protocol.needs_incoming_data:
                assert protocol.feed_bytes(f"{code} x\r\n".encode())
        except SMTPProtocolViolation:
            assert protocol.state is ClientState.finished
        if protocol.outcome_unknown:
            assert protocol.state in {ClientState.data_sent, ClientState.finished}
