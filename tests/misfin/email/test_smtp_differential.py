"""Random messages through our engine, smtplib and smtpproto to one server arrive as the same bytes.

Where ours differ on purpose, the test says how.
"""

import asyncio
import io
import smtplib
import socket
from datetime import UTC, datetime
from email.message import EmailMessage

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from smtppeers import Inbox, aiosmtpd_in_a_thread
from smtpproto.protocol import SMTPClientProtocol as Smtpproto

from misfin.email.account import SendHTML
from misfin.email.mime_out import NamedAddress, OutgoingFile, OutgoingMail, build
from misfin.email.smtp import SMTPClientProtocol
from misfin.email.smtp.client import Security, SMTPClient

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
        self.runner = asyncio.Runner()
        self.client = SMTPClient("127.0.0.1", port, security=Security.NONE)

    def stream(self, file) -> None:
        """By our asyncio client, from a file."""
        self.runner.run(self.client.send(ADA, [BEA], file))

    def close(self) -> None:
        self.ours.close()
        self.smtpproto.close()
        self.smtplib.quit()
        self.runner.run(self.client.close())
        self.runner.close()

    def last(self) -> bytes:
        return self.inbox.contents[-1]


@pytest.fixture(scope="module")
def peers():
    inbox = Inbox()
    with aiosmtpd_in_a_thread(inbox) as port:
        made = Peers(port, inbox)
        yield made
        made.close()


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
@example("", ["x" * 71 + "<x@y.z>From ."], "", False)  # divided before the >
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
    assert peers.last() == ours.replace(b"\nFrom ", b"\n>From ")


class Verbatim:
    """Bytes where smtpproto wants an EmailMessage."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def __contains__(self, name: str) -> bool:
        return False

    def as_bytes(self, **_: object) -> bytes:
        return self.data


WORDS = st.lists(st.sampled_from(["word", "Größe", "🐝", "=?", "  ", '"', ".", "x" * 80, ","]), max_size=12)
FILES = st.lists(
    st.tuples(
        st.sampled_from(["a.txt", "Übersicht.pdf", ".", "x" * 90]),
        st.binary(max_size=200) | st.sampled_from([b"", b".\r\n.\r\n", b"x" * 3000, b"\r\n"]),
    ),
    max_size=3,
)


@given(WORDS.map(" ".join), BODY, ENDS, FILES, st.sampled_from(SendHTML), WORDS.map(" ".join))
def test_messages_that_we_write_arrive_the_same_by_every_client(
    peers, subject, lines, end, files, html, name
):
    mail = OutgoingMail(
        author=NamedAddress(name, ADA),
        message_id="<1@example.org>",
        date=datetime(2026, 11, 29, tzinfo=UTC),
        to=(NamedAddress("", BEA),),
        subject=subject,
        text=end.join(lines),
        html=html,
        files=tuple(
            OutgoingFile(name, len(data), lambda data=data: io.BytesIO(data)) for name, data in files
        ),
    )
    written = build(mail)
    data = b"".join(written.pieces())
    assert len(data) == written.size
    peers.ours.send(data)
    assert peers.last() == data
    peers.smtplib.sendmail(ADA, [BEA], data)
    assert peers.last() == data
    peers.smtpproto.send(Verbatim(data))
    assert peers.last() == data
    with written.open() as file:
        peers.stream(file)
    assert peers.last() == data
