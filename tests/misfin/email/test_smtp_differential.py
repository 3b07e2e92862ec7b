"""Random messages through our engine, smtplib and smtpproto to one server arrive as the same bytes.

Where ours differ on purpose, the test says how.
"""

import smtplib
import socket
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st
from smtppeers import Inbox, aiosmtpd_in_a_thread
from smtpproto.protocol import SMTPClientProtocol as Smtpproto

from misfin.email.smtp import SMTPClientProtocol

ADA, BEA = "ada@example.org", "bea@example.org"


class Blocking:
    """An engine with smtpproto's names, driven over a socket."""

    def __init__(self, engine, port) -> None:
        self.protocol = engine()
        self.sock = socket.create_connection(("127.0.0.1", port), 20)
        self.receive()
        self.do("send_greeting", "me.example")

    def receive(self):
        while not (response := self.protocol.feed_bytes(self.sock.recv(65536))):
            pass
        assert not response.is_error(), response

    def do(self, method, *args, **how):
        getattr(self.protocol, method)(*args, **how)
        self.sock.sendall(self.protocol.get_outgoing_data())
        self.receive()

    def send(self, message, **how):
        self.do("mail", ADA, **how)
        self.do("recipient", BEA)
        self.do("start_data")
        self.do("data", message)

    def close(self):
        self.do("quit")
        self.sock.close()


class Peers:
    """A server and a client of each kind."""

    def __init__(self, port, inbox) -> None:
        self.inbox = inbox
        self.ours = Blocking(SMTPClientProtocol, port)
        self.smtpproto = Blocking(Smtpproto, port)
        self.smtplib = smtplib.SMTP("127.0.0.1", port, local_hostname="me.example")

    def last(self) -> bytes:
        return self.inbox.contents[-1]


@pytest.fixture(scope="module")
def peers():
    inbox = Inbox()
    with aiosmtpd_in_a_thread(inbox) as port:
        made = Peers(port, inbox)
        yield made
        made.ours.close()
        made.smtpproto.close()
        made.smtplib.quit()


LINE = st.lists(
    st.sampled_from([".", "..", "a", " ", "\t", "From ", "MAIL FROM:<x@y.z>", "=", "x" * 70])
).map("".join)
BODY = st.lists(LINE, max_size=12)
ENDS = st.sampled_from(["\n", "\r\n", "\r"])


@given(BODY, st.lists(ENDS, min_size=13, max_size=13), st.booleans())
def test_any_text_arrives_as_smtplib_sends_it(peers, lines, ends, whole):
    """smtplib is given text, for which it makes line ends CRLF too; for bytes it does not."""
    text = "Subject: x\n\n" + "".join(line + end for line, end in zip(lines, ends, strict=False))
    text = text if whole else text.rstrip("\r\n")
    peers.smtplib.sendmail(ADA, [BEA], text)
    theirs = peers.last()
    peers.ours.send(text.encode())
    assert peers.last() == theirs


@given(BODY, st.booleans())
def test_bytes_with_crlf_arrive_as_smtplib_sends_them(peers, lines, dot_first):
    data = (("." if dot_first else "") + "\r\n".join([*lines, ""])).encode()
    peers.smtplib.sendmail(ADA, [BEA], data)
    theirs = peers.last()
    peers.ours.send(data)
    # For an empty message smtplib sends an empty line.
    assert peers.last() == theirs or (data == b"" and theirs == b"\r\n")


@given(st.text(alphabet=" abcäöü🐝.", max_size=60), BODY, st.sampled_from(["", "ü", "🐝"]), st.booleans())
def test_messages_of_the_standard_library_arrive_as_from_both(peers, subject, lines, more, eight_bit):
    message = EmailMessage()
    message["From"], message["To"], message["Bcc"] = ADA, BEA, "secret@example.org"
    message["Subject"] = subject
    message.set_content("\n".join([*lines, more, ""]))
    peers.ours.send(message, eight_bit=eight_bit)
    ours = peers.last()
    assert b"secret" not in ours
    if not eight_bit:
        assert ours.isascii()
        if not message.as_bytes().isascii():
            return  # the others send 8 bits whenever they may
    # smtpproto asks for SMTPUTF8 wherever it is offered and writes the header in UTF-8; not offered here.
    peers.smtpproto.send(message)
    assert peers.last() == ours
    # smtplib changes the text: a line that begins with "From " gets a ">" as in an mbox.
    peers.smtplib.send_message(message, ADA, [BEA])
    assert peers.last().replace(b"\n>From ", b"\nFrom ") == ours
