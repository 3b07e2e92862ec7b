"""Every parser that reads a stranger's bytes, what it promises, and inputs to start a search from."""

from __future__ import annotations

import hashlib
import re
import sys
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from misfin.compose.carrying import as_quoted_printable, re_encoded, survey
from misfin.compose.finished import completed, read_head
from misfin.email.discovery import DiscoveryError, read_autoconfig
from misfin.email.http import HttpError, HttpReader
from misfin.email.sasl import (
    Authenticator,
    ChannelBinding,
    Conversation,
    CramMD5Authenticator,
    LoginAuthenticator,
    OAuth2Authenticator,
    OAuthBearerAuthenticator,
    SASLError,
    ScramSHA1Authenticator,
    ScramSHA256Authenticator,
    encode,
    saslprep,
    without_waiting,
)
from misfin.email.smtp import (
    ClientState,
    SMTPClientProtocol,
    SMTPConnectionLost,
    SMTPException,
    SMTPRemoteViolation,
    SMTPServerProtocol,
)
from misfin.email.smtp.limits import MAX_REPLY, MAX_REPLY_LINES
from misfin.email.smtp.replies import ReplyParser
from misfin.email.smtp.serverevents import DataPiece, LoginStarts
from misfin.errors import (
    AddressError,
    GemmailError,
    IdentityError,
    InputError,
    MessageTooLargeError,
    QueryError,
    RemoteProtocolError,
)
from misfin.model.address import MisfinAddress, parse_uri
from misfin.model.fingerprint import normalize_fingerprint
from misfin.model.gemmail import Flag, Form, GemmailMessage, Version, stamp
from misfin.model.gemtext import PREVIEW_LENGTH, compose, parse, preview_of, subject_of
from misfin.model.mailto import parse_mailto
from misfin.model.replies import forward_bytes, quote, reply_all_targets
from misfin.model.status import MAX_DELAY, advice, delay_of, explain
from misfin.wire import ClientProtocol, MisfinRequest, MisfinResponse, ServerProtocol
from misfin.wire.limits import MAX_REQUEST_BUFFER, MAX_RESPONSE_BUFFER

sys.path.insert(0, str(Path(__file__).parents[1] / "helpers"))
from vectors import byte_by_byte, load, octets

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
ADA = MisfinAddress("ada", "mail.example", "Ada")
_TURNING = set("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_PIECEWISE = 600  # bytes: longer inputs are not fed byte by byte too


@dataclass(frozen=True)
class Target:
    """One parser: ``check`` raises on a bug; ``watch`` are the modules whose lines guide the search."""

    check: Callable[[bytes], None]
    watch: tuple[str, ...]
    seeds: tuple[bytes, ...] = (b"",)
    tokens: tuple[bytes, ...] = ()


def request(data: bytes) -> None:
    """The server machine: a request, an error with a status, or waiting; the same byte by byte."""
    result = _served([data])
    if isinstance(result, MisfinRequest):
        message = result.parse_message()
        if not (result.version is Version.B and b"\r" in result.message):  # read, but never written
            assert _served([result.to_bytes()]) == result
        stamp(result.message, result.version, ADA, NOON)
        with suppress(GemmailError, MessageTooLargeError):
            as_b = result.as_b().parse_message()  # a comma in a blurb cannot be written
            assert [a.key for a in as_b.senders] == [a.key for a in message.senders]
    if len(data) <= _PIECEWISE:
        piecewise = _served(byte_by_byte(data))
        if isinstance(result, RemoteProtocolError):  # perhaps only for what came together with the end
            assert isinstance(piecewise, RemoteProtocolError | MisfinRequest)
        else:
            assert piecewise == result


def _served(chunks: list[bytes]) -> MisfinRequest | RemoteProtocolError | None:
    server, result = ServerProtocol(), None
    for chunk in chunks:
        try:
            result = server.feed_bytes(chunk) or result
        except RemoteProtocolError as e:
            assert 40 <= e.status_hint <= 69
            return e
        assert len(server._incoming) <= MAX_REQUEST_BUFFER
    return result


def _kind(result: object) -> object:
    return str(result) if isinstance(result, RemoteProtocolError) else result


def response(data: bytes) -> None:
    """The client machine: an answer or an unknown outcome; the same byte by byte."""
    result = _answered([data])
    if len(data) <= _PIECEWISE:
        assert _kind(_answered(byte_by_byte(data))) == _kind(result)
    if isinstance(result, MisfinResponse):
        assert all(c.isprintable() or c > "\x9f" for c in result.meta)
        advice(result.status)
        assert 1 <= delay_of(result.meta) <= MAX_DELAY
        assert explain(result.status, result.meta)
        assert result.fingerprint is None or normalize_fingerprint(result.fingerprint) == result.fingerprint
        assert result.redirect_address is None or result.redirect_address.address


def _answered(chunks: list[bytes]) -> MisfinResponse | RemoteProtocolError:
    client = ClientProtocol()
    client.send_request(MisfinRequest("ada", "mail.example"))
    client.get_outgoing_data()
    try:
        for chunk in chunks:
            if answer := client.feed_bytes(chunk):
                return answer
            assert len(client._incoming) <= MAX_RESPONSE_BUFFER
        last = client.receive_eof()
    except RemoteProtocolError as e:
        return e
    assert last
    return last


def gemmail(data: bytes) -> None:
    """Any bytes are a message; what is written from it is read back; a stamp keeps the body."""
    for version, read in ((Version.C, GemmailMessage.from_bytes), (Version.B, GemmailMessage.from_bytes_b)):
        message = read(data)
        assert len(message.hops) == len(message.senders)
        assert message.form is not Form.RAW or message == GemmailMessage(body=message.body)
        assert (Flag.BAD_TIMES in message.flags) == bool(message.raw_timestamps)
        subject_of(message.body)
        reply_all_targets(message, [ADA])
        stamped = read(stamp(data, version, ADA, NOON))
        assert (stamped.body, stamped.newest, stamped.senders[0].key) == (message.body, NOON, ADA.key)
        try:
            clean = message.to_bytes()
        except GemmailError:  # a metadata line over the limit
            continue
        assert GemmailMessage.from_bytes(clean).to_bytes() == clean
    try:
        forwarded = GemmailMessage.from_bytes(forward_bytes(data))
    except GemmailError:
        return
    assert forwarded.body == GemmailMessage.from_bytes(data).body


def gemtext(data: bytes) -> None:
    """Any text is gemtext, and all of it is in its lines."""
    text = data.decode("utf-8", "replace")
    lines = parse(text)
    assert sum(len(line.raw) for line in lines) <= len(text)
    preview = preview_of(text)
    assert len(preview) <= PREVIEW_LENGTH
    assert "\n" not in preview
    subject = subject_of(text)
    headings = [line.raw.lstrip("#").strip() for line in lines if line.kind.startswith("heading")]
    assert subject == next(filter(None, headings), None)
    assert len(parse(quote(text))) == len(lines)
    if subject:
        assert subject_of(compose(subject, text)) == " ".join(subject.replace("\r", "\n").split("\n"))


def address(data: bytes) -> None:
    """A text is an address in its one normal form, or an AddressError that can be shown."""
    text = data.decode("utf-8", "replace")
    for read in (MisfinAddress.parse, parse_uri):
        try:
            found = read(text)
        except AddressError as e:
            assert str(e).isprintable()
            continue
        if isinstance(found, tuple):
            found, draft = found
            assert "\r" not in draft
        again = MisfinAddress.parse(str(found))
        assert again.key == found.key
        assert MisfinAddress(found.mailbox, found.hostname).key == found.key
        assert len((found.address + "\t0\r\n").split("\t")) == 2


def mailto(data: bytes) -> None:
    """A link becomes fields without control characters, or an AddressError that can be shown."""
    try:
        found = parse_mailto(data.decode("utf-8", "replace"))
    except AddressError as e:
        assert str(e).isprintable()
        return
    for text in (*found.to, *found.cc, *found.bcc, found.subject, found.in_reply_to, *found.ignored):
        assert not any(char < " " or "\x7f" <= char < "\xa0" for char in text), text


def finished(data: bytes) -> None:
    """A message of another program gets one header without its Bcc, and a body that SMTP carries."""
    try:
        head = read_head(data)
    except InputError:
        return
    facts = survey([data[head.length :]])
    if not facts.fits:
        try:
            head = re_encoded(head, facts)
        except InputError:
            return
        body = b"".join(as_quoted_printable([data[head.length :]]))
        assert survey([body]).fits
    sent = completed(
        head,
        address="ada@mail.example",
        name="Ada",
        now=datetime(2026, 11, 29, tzinfo=UTC),
        message_id="<1@mail.example>",
        local=lambda name: "ada@mail.example",
    )
    again = read_head(sent)
    assert again.length == len(sent)
    assert not again.has("bcc")
    assert again.has("from")
    assert again.has("message-id")
    assert b"\0" not in sent


def certificate(data: bytes) -> None:
    """Bytes are a certificate, however odd, or an IdentityError."""
    from misfin.trust.certificate import read_certificate

    try:
        info = read_certificate(data)
    except IdentityError:
        return
    assert len(info.fingerprints.cert) == 64
    assert info.address is None or info.address.key
    assert info.not_before.tzinfo


def settings(data: bytes) -> None:
    """A text is a settings file or a ConfigError that names the line."""
    from misfin_tui.config import ConfigError
    from misfin_tui.config import parse as parse_config

    try:
        parse_config(data.decode("utf-8", "replace"))
    except ConfigError as e:
        assert str(e)


def query(data: bytes) -> None:
    """A text is a search or a QueryError that points into it."""
    from misfin.store.search.query import parse as parse_query

    text = data.decode("utf-8", "replace")
    try:
        parse_query(text, now=NOON.timestamp(), zone=UTC)
    except QueryError as e:
        assert 0 <= e.column <= len(text)


def message(data: bytes) -> None:
    """Any bytes in a Maildir are a message; any gemmail comes back out of its envelope as it was."""
    from misfin.model.account import AddressKind
    from misfin.store.message.envelope import to_gemmail, wrap
    from misfin.store.message.mime import read_message
    from misfin.store.message.seal import is_sealed, seal

    read_message(data, AddressKind.MISFIN, counts=lambda _data: True)
    assert not is_sealed(data, b"k")
    stamped = stamp(data, Version.C, ADA, NOON)
    stored = wrap(
        stamped,
        version=Version.C,
        certificate=None,
        verification={},
        received_from="192.0.2.7",
        received_by="mail.example",
        now=NOON + timedelta(seconds=1),
        account=ADA,
    )
    assert to_gemmail(stored) == stamped.replace(b"\r\n", b"\n")
    read_message(stored, AddressKind.MISFIN, counts=lambda _data: True)
    sealed = seal(stored, b"k")
    assert is_sealed(sealed, b"k")
    assert to_gemmail(sealed) == to_gemmail(stored)


def mail(data: bytes) -> None:
    """Any bytes are a mail: bounded, with sound values, and the same however its lines end."""
    from misfin.store.message.bodytext import MAX_TEXT
    from misfin.store.message.mime import read_message

    read = read_message(data)
    assert len(read.text) <= MAX_TEXT + 1
    assert read.date is None or read.date.tzinfo is UTC
    assert "\n" not in read.subject
    assert all(each.startswith("<") and each.endswith(">") for each in read.references)
    for file in read.attachments:
        assert 0 <= file.start <= file.end <= len(data)
        assert file.size >= 0
        file.content(data)
    if b"\r" not in data:
        other = read_message(data.replace(b"\n", b"\r\n"))
        assert (other.subject, other.sender, other.date) == (read.subject, read.sender, read.date)
        assert other.references == read.references


def html(data: bytes) -> None:
    """Any HTML is text: no longer than what it was made of allows, and no tag of a whole element in it."""
    from misfin.store.message.html import html_to_text

    markup = data.decode("utf-8", "replace")
    text = html_to_text(markup)
    assert len(text) <= 40 * len(markup) + 40
    assert "\r" not in text or "&" in markup or "<pre" in markup.lower()


def smtp(data: bytes) -> None:
    """The SMTP client machine: replies the same byte by byte, a session that ends as documented."""
    result = _smtp_replies([data])
    if len(data) <= _PIECEWISE:
        assert _smtp_replies(byte_by_byte(data)) == result
        _smtp_session(byte_by_byte(data), lmtp=False)
    for lmtp in (False, True):
        _smtp_session([data], lmtp=lmtp)


def _smtp_replies(chunks: list[bytes]) -> list[object]:
    parser = ReplyParser()
    seen: list[object] = []
    try:
        for chunk in chunks:
            parser.feed(chunk)
            while reply := parser.take():
                assert 200 <= reply.code <= 599
                assert len(reply.lines) <= MAX_REPLY_LINES
                assert sum(map(len, reply.lines)) <= MAX_REPLY
                seen.append(reply)
    except SMTPRemoteViolation as e:
        seen.append(str(e))
    return seen


def _smtp_session(chunks: list[bytes], *, lmtp: bool) -> None:
    """Go through a session with these bytes as the server's."""
    client = SMTPClientProtocol(lmtp=lmtp)
    calls = iter(_SMTP_CALLS)
    try:
        for chunk in chunks:
            response = client.feed_bytes(chunk)
            while True:
                if response is not None:
                    assert response.enhanced is None or response.text != response.message
                if not client.needs_incoming_data:
                    _smtp_call(client, calls)
                client.get_outgoing_data()
                response = client.feed_bytes(b"")
                if response is None:
                    break
        client.receive_eof()
    except (SMTPRemoteViolation, SMTPConnectionLost):
        pass
    assert client.state is ClientState.finished


def _smtp_call(client: SMTPClientProtocol, calls: Iterator[tuple[str, tuple[str | bytes, ...]]]) -> None:
    """Send the next command that is possible."""
    for method, args in calls:
        with suppress(SMTPException):
            getattr(client, method)(*args)
            return


def smtpserver(data: bytes) -> None:
    """The SMTP server machine: replies in form, whatever comes; the same byte by byte."""
    for lmtp in (False, True):
        result = _smtp_served([data], lmtp=lmtp)
        if len(data) <= _PIECEWISE:
            assert _smtp_served(byte_by_byte(data), lmtp=lmtp) == result


def _smtp_served(chunks: list[bytes], *, lmtp: bool) -> tuple[bytes, list[object]]:
    server = SMTPServerProtocol("mx.example", lmtp=lmtp, mechanisms=["PLAIN"], plain_login=True)
    out, seen, body = server.get_outgoing_data(), [], b""
    for chunk in chunks:
        server.feed_bytes(chunk)
        while event := server.next_event():
            if isinstance(event, DataPiece):
                body += event.data
            else:
                seen.append((event, body))
            while event.wants_answer and not server.wants_data:
                server.respond(*((334, "") if isinstance(event, LoginStarts) else (250, "2.0.0 OK")))
        out += server.get_outgoing_data()
    assert all(re.fullmatch(rb"[2345][0-9]{2}[ -][^\r\n]*\r", line) for line in out.split(b"\n")[:-1])
    return out, seen


def sasl(data: bytes) -> None:
    """No challenge makes an authenticator raise anything but its documented errors."""
    which, *challenges = data.split(b"\n")
    for made in _authenticators():
        conversation = Conversation(made)
        try:
            without_waiting(conversation.start())
            for challenge in challenges[:4]:
                text = encode(challenge) if which else challenge.decode("latin-1")
                answer = without_waiting(conversation.answer(text))
                assert answer.isascii()
            without_waiting(conversation.accepted())
            assert "SCRAM" not in made.mechanism, "a server proved what it cannot know"
        except SASLError:
            pass
        finally:
            without_waiting(conversation.close())
    text = data.decode("utf-8", "replace")
    with suppress(SASLError):
        assert saslprep(saslprep(text)) == saslprep(text)


def _authenticators() -> list[Authenticator]:
    async def token() -> str:
        return "token"

    async def derive(name: str, password: bytes, salt: bytes, iterations: int) -> bytes:
        return hashlib.new(name, password + salt).digest()

    scram = {"nonce": lambda: "mine", "derive": derive}
    return [
        LoginAuthenticator("ada", "secret"),
        CramMD5Authenticator("ada", "secret"),
        OAuth2Authenticator("ada", token),
        OAuthBearerAuthenticator("ada", token),
        ScramSHA1Authenticator("ada", "secret", **scram),
        ScramSHA256Authenticator(
            "ada", "secret", channel_binding=ChannelBinding("tls-unique", b"x"), **scram
        ),
    ]


def safetext(data: bytes) -> None:
    """No text makes anything but visible characters and line ends."""
    from misfin.model.safetext import plain

    text = data.decode("utf-8", "replace")
    shown = plain(text, one_line=False)
    assert not any(
        c in _TURNING or (unicodedata.category(c) in {"Cc", "Cs"} and c not in "\n\t") for c in shown
    )
    assert not set("\n\t") & set(plain(text, one_line=True))


def _cut_up(data: bytes) -> list[bytes]:
    """The bytes in pieces, of another size for each length."""
    size = 2 + len(data) % 11
    return [data[at : at + size] for at in range(0, len(data), size)]


def imap(data: bytes) -> None:
    """The IMAP engine: events or the one error, the same however the bytes are cut."""
    from misfin.email.imap import Fetch, FetchPiece, IMAPClientProtocol, UidSet, commands

    def engine() -> IMAPClientProtocol:
        made = IMAPClientProtocol()
        made.feed_bytes(b"* PREAUTH [CAPABILITY IMAP4rev1 LITERAL+ IDLE] hi\r\n* 3 EXISTS\r\n")
        list(made.events())
        made.send(commands.select("INBOX"))
        made.feed_bytes(b"A1 OK\r\n")
        list(made.events())
        kind = data[:1]
        if kind == b"i":
            made.send(commands.idle())
        elif kind == b"a":
            made.send(commands.append("Sent", 5))
        else:
            made.send(
                commands.fetch(UidSet.since(1), [commands.body()], stream=kind == b"s", max_bytes=100_000)
            )
        return made

    def read(chunks: list[bytes]) -> tuple[list[object], str]:
        made, found, bodies = engine(), [], b""
        try:
            for chunk in chunks:
                made.feed_bytes(chunk)
                for event in made.events():
                    if isinstance(event, FetchPiece):
                        bodies += event.data
                    else:
                        found.append((event, bodies))
                    if isinstance(event, Fetch):
                        assert event.uid is None or 0 < event.uid < 1 << 32
                        assert event.flags is None or all(isinstance(flag, str) for flag in event.flags)
            made.receive_eof()
        except RemoteProtocolError as e:
            return found, str(e)
        return found, ""

    whole = read([data[1:]])
    if len(data) <= _PIECEWISE:
        assert read(_cut_up(data[1:])) == whole


def pop3(data: bytes) -> None:
    """The POP3 engine, in the same way; a message is what was sent without the protocol's dots."""
    from misfin.email.pop3 import Answered, MessagePiece, POP3ClientProtocol, commands

    kinds = {
        b"u": commands.unique_ids(),
        b"l": commands.sizes(),
        b"c": commands.capa(),
        b"s": commands.stat(),
    }

    def read(chunks: list[bytes]) -> tuple[list[object], str]:
        made, found, bodies = POP3ClientProtocol(), [], b""
        made.feed_bytes(b"+OK\r\n")
        list(made.events())
        for command in (commands.user("ada"), commands.password("x")):
            made.send(command)
            made.feed_bytes(b"+OK\r\n")
            list(made.events())
        made.send(kinds.get(data[:1], commands.retr(1, max_bytes=10_000)))
        made.send(commands.retr(2))
        try:
            for chunk in chunks:
                made.feed_bytes(chunk)
                for event in made.events():
                    if isinstance(event, MessagePiece):
                        bodies += event.data
                        continue
                    found.append((event, bodies))
                    if isinstance(event, Answered) and isinstance(event.value, int):
                        assert event.value == len(bodies)
                        bodies = b""
            made.receive_eof()
        except RemoteProtocolError as e:
            return found, str(e)
        return found, ""

    whole = read([data[1:]])
    if len(data) <= _PIECEWISE:
        assert read(_cut_up(data[1:])) == whole


def _vectors(name: str, *tables: str) -> tuple[bytes, ...]:
    """Short vectors of a file as seeds."""
    data = load(name)
    return tuple(raw for t in tables for v in data[t] if len(raw := octets(v["bytes"])) < 1000)


def _certificates() -> tuple[bytes, ...]:
    from misfin.trust.identity import KeyKind, generate

    ders = [generate(ADA, now=NOON, key=key).info.der for key in (KeyKind.EC, KeyKind.ED25519)]
    version = b"\xa0\x03\x02\x01"  # of X.509: 2 stands for 3
    return (*ders, *[der.replace(version + b"\x02", version + b"\x22", 1) for der in ders])


_METADATA = (
    b"ada@mail.example", b"bea@hive.example Bea", b"2024-05-01T10:00:00Z", b"\n", b"\r\n", b"\r", b", ", b" ",
    b"\t", b"< ", b": ", b"@ ", b"\n\n\n", b"\xef\xbb\xbf", b"\xff", b"\xc5\xbe", b"+02:00", b"```\n", b"# ",
)  # fmt: skip
_MAIL = (
    b"Content-Type: ", b"multipart/mixed; boundary=x\n", b"--x\n", b"--x--\n", b"text/html; charset=utf-8\n",
    b"Content-Transfer-Encoding: ", b"base64\n", b"quoted-printable\n", b"=?utf-8?q?a?=", b"From: ", b"<p>",
    b"Misfin-Version: C\n", b"Misfin-Senders: ", b"text/gemini", b"message/rfc822\n", b"\n\n", b"&#x1F600;",
)  # fmt: skip

_READING = tuple(
    path.read_bytes() for path in sorted((Path(__file__).parents[1] / "fixtures" / "reading").iterdir())
)
_MORE_MAIL = (
    b"Date: ", b"Tue, 3 Feb 2026 10:00:00 +0100\n", b"3. Feb", b"10.00", b"+08:00", b"(CET)", b"Message-ID: ",
    b"References: ", b"a@b ", b"<a@b>", b"boundary=", b"x-uuencode\n",
    b"begin 644 a\n#0V%T\nend\n", b"=ybegin name=a\n",
    b"=yend\n", b"format=flowed", b"; delsp=yes", b"> ", b" \n", b"iso-2022-jp", b"\x1b$B",
    b"euc-jp", b"=?", b"?=",
    b"?B?", b"?Q?", b"message/delivery-status\n", b"Final-Recipient: rfc822; a@b\nAction: failed\n",
    b"multipart/alternative", b"multipart/digest", b"filename*0*=", b"filename=\"C:\\a\\b\"",
    b"Received: a; ", b"\xff\xfe",
)  # fmt: skip
_HTML = (
    b"<p>", b"</p>", b"<ol start=3>", b"<ul>", b"<li value=9>", b"</ol>", b"<pre>",
    b"<blockquote>", b"</blockquote>",
    b"<a href='x'>", b"</a>", b"<img alt='x'>", b"<br>", b"<hr>", b"<!--", b"-->", b"<style>",
    b"</style>", b"&amp;", b"&#0;",
    b"<td>", b"<div style='display:none'>", b"<body>", b"<head>", b"<", b">", b"\"", b"\xc2\xa0",
)  # fmt: skip

_SMTP_CALLS: tuple[tuple[str, tuple[str | bytes, ...]], ...] = (
    ("send_greeting", ("me.example",)),
    ("start_tls", ()),
    ("send_greeting", ("me.example",)),
    ("authenticate", ("LOGIN",)),
    ("send_authentication_data", ("YQ==",)),
    ("send_authentication_data", ("Yg==",)),
    ("mail", ("a@e.org",)),
    ("recipient", ("b@e.org",)),
    ("recipient", ("c@e.org",)),
    ("start_data", ()),
    ("data", (b".Hi",)),
    ("mail", ("a@e.org",)),
    ("reset", ()),
    ("noop", ()),
    ("quit", ()),
)
_SMTP_REPLIES = (
    b"220 mx\r\n250-mx\r\n250-AUTH LOGIN\r\n250-SIZE 1000\r\n250 PIPELINING\r\n"
    b"334 VXNlcg==\r\n334 UGFzcw==\r\n"
    b"235 2.7.0 hi\r\n250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n"
    b"250 2.0.0 taken\r\n250 ok\r\n250 ok\r\n250 ok\r\n221 bye\r\n"
)
_IMAP_SEEDS = (
    b"s* 1 FETCH (UID 7 FLAGS (\\Seen) BODY[] {5}\r\nhello)\r\nA2 OK [HIGHESTMODSEQ 5] done\r\n",
    b"f* 1 FETCH (BODY[HEADER.FIELDS (A B)]<0> ~{2}\r\nhi UID 7)\r\nA2 OK\r\n",
    b'f* 1 FETCH (INTERNALDATE "17-Jul-1996 02:44:25 -0700" RFC822.SIZE 9 MODSEQ (5))\r\n',
    b"i+ idling\r\n* 4 EXISTS\r\n* VANISHED (EARLIER) 1:4,9\r\n* OK [COPYUID 7 1:3 5:7] x\r\nA2 OK\r\n",
    b'a* LIST (\\Sent) "/" "Entw&APw-rfe"\r\n* STATUS a (UIDNEXT 3 MAILBOXID (F1))\r\nA2 NO [TRYCREATE]\r\n',
    b'f* ESEARCH (TAG "A2") UID COUNT 3 ALL 1:3\r\n* SEARCH 1 2 (MODSEQ 9)\r\n* BYE x\r\n',
    b"i* BYE [UNAVAILABLE] x\r\n+ idling\r\nA2 OK\r\n",
    b'f* NAMESPACE (("" "/")) NIL NIL\r\n* ID ("name" NIL)\r\n* CAPABILITY IDLE\r\n* ENABLED QRESYNC\r\n',
)
_IMAP = (
    b"* ", b"A2 ", b"+ ", b"\r\n", b"{3}\r\n", b"{0}\r\n", b"{99999}\r\n", b"(", b")", b'"', b"[", b"]",
    b"OK ", b"NO ", b"BAD ", b"BYE ", b"FETCH (", b"UID ", b"FLAGS ", b"BODY[]", b"MODSEQ ", b"1:4294967295",
    b"PERMANENTFLAGS (", b"MODIFIED ", b"APPENDUID ", b"EXPUNGE", b"0", b"~", b"\\", b"<0>", b"&AOk-", b"NIL",
)  # fmt: skip
_POP3_SEEDS = (
    b"r+OK\r\n..a\r\n.\r\n+OK\r\nb\r\n.\r\n",
    b"u+OK\r\n1 a\r\n2 \r\n.\r\n-ERR [IN-USE] x\r\n",
    b"l+OK\r\n1 120\r\n.\r\n+OK\r\n.\r\n",
    b"c+OK\r\nPIPELINING\r\nSASL PLAIN\r\n.\r\n",
    b"s+OK 2 320\r\n+OK\r\n.a\r\n.\r\n",
)
_POP3 = (
    b"+OK", b"-ERR ", b"\r\n", b".", b"\r\n.\r\n", b"\r", b"\n", b" ", b"[AUTH] ", b"1 ", b"+ ", b"x" * 9000,
)  # fmt: skip


def autoconfig(data: bytes) -> None:
    """A configuration file of a mail provider: servers that can be shown and used, or one kind of error."""
    try:
        found = read_autoconfig(data, "ada", "mail.example")
    except DiscoveryError:
        return
    for server in (found.incoming, found.outgoing):
        assert server.host.isascii()
        assert server.user.isprintable()
        assert 0 < server.port < 65536
    assert found.provider.isprintable()


def http(data: bytes) -> None:
    """An HTTP response: the same byte by byte, and never larger than allowed."""
    results = [_http_read(pieces) for pieces in ([data], byte_by_byte(data[:_PIECEWISE]))]
    if len(data) <= _PIECEWISE:
        assert results[0] == results[1]


def _http_read(pieces: Iterable[bytes]) -> object:
    reader = HttpReader(100)
    try:
        for piece in pieces:
            reader.feed(piece)
        reader.end()
    except HttpError:
        return None  # of two mistakes, the first to be seen depends on how the bytes come
    assert reader.response is not None
    assert len(reader.response.body) <= 100
    return reader.response


_AUTOCONFIG = b"""<?xml version="1.0"?><clientConfig version="1.1"><emailProvider id="a.b">
<displayName>A</displayName><incomingServer type="imap"><hostname>imap.a.b</hostname><port>993</port>
<socketType>SSL</socketType><username>%EMAILADDRESS%</username>
<authentication>password-cleartext</authentication></incomingServer>
<outgoingServer type="smtp"><hostname>smtp.a.b</hostname><port>465</port><socketType>SSL</socketType>
<username>%EMAILLOCALPART%</username><authentication>OAuth2</authentication></outgoingServer>
</emailProvider></clientConfig>"""


TARGETS = {
    "address": Target(
        address,
        ("misfin.model.address",),
        (b"ada@mail.example Ada", b"misfin:ada@mail.example?x%20y", b"ada@[::1]:1958", "a@münchen".encode()),
        (
            b"@",
            b":",
            b"misfin:",
            b"//",
            b"xn--",
            b"%41",
            b"[",
            b"]",
            b".",
            "ü".encode(),
            "。".encode(),
            b"?",
            b" ",
        ),
    ),
    "autoconfig": Target(
        autoconfig,
        ("misfin.email.discovery",),
        (_AUTOCONFIG,),
        (
            b"<!DOCTYPE a [",
            b"<!ENTITY a 'b'>",
            b"]>",
            b"&a;",
            b"&#0;",
            b"STARTTLS",
            b"pop3",
            b"%EMAILDOMAIN%",
        ),
    ),
    "certificate": Target(certificate, ("misfin.trust",), _certificates()),
    "finished": Target(
        finished,
        ("misfin.compose.finished", "misfin.compose.carrying"),
        (
            b"From: root\nTo: ada@mail.example,\n b@c.example\nBcc: x\nSubject: =?utf-8?q?a?=\n\nHi\n",
            b"From ada Sun\r\nTo: a\r\nContent-Type: text/plain\r\n\r\n" + b"x" * 1200,
        ),
        (
            b"Bcc:",
            b"Resent-To:",
            b"\n\n",
            b"\r\n",
            b"\r",
            b"\n ",
            b"\0",
            b"@",
            b",",
            b'"',
            b"<",
            b">",
            b"From ",
        ),
    ),
    "gemmail": Target(gemmail, ("misfin.model",), _vectors("gemmail", "gemmail"), _METADATA),
    "gemtext": Target(
        gemtext,
        ("misfin.model.gemtext",),
        (b"# Hi\n\n* a\n> b\n=> c d\n```e\nf\n```\n",),
        (b"```", b"#", b"=>", b"* ", b">", b"\n", b"\r\n", b"\r", b" "),
    ),
    "html": Target(
        html,
        ("misfin.store.message.html",),
        (b"<p>a <b>b</b></p><ol><li>one<ul><li><p>two</p></ul></ol><a href='c'>d</a>",),
        _HTML,
    ),
    "http": Target(
        http,
        ("misfin.email.http",),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        ),
        (b"\r\n", b"\r\n\r\n", b"HTTP/1.1 100 A\r\n\r\n", b"chunked", b"0", b"ffffffff", b"Content-Length: "),
    ),
    "imap": Target(imap, ("misfin.email",), _IMAP_SEEDS, _IMAP),
    "mail": Target(mail, ("misfin.store.message",), _READING, (*_MAIL, *_MORE_MAIL)),
    "mailto": Target(
        mailto,
        ("misfin.model.mailto",),
        (b"mailto:a@b.example?cc=c@d.example&subject=x%20y&body=a%0D%0Ab&in-reply-to=%3C1@x%3E&attach=/x",),
        (
            b"mailto:",
            b"?",
            b"&",
            b"=",
            b"%0A",
            b"%2C",
            b"%",
            b",",
            b"#",
            b"bcc",
            b"%00",
            b"%C2%85",
            b"%E2%80%A8",
        ),
    ),
    "message": Target(
        message,
        ("misfin.store",),
        (b"From: Ada <ada@mail.example>\nContent-Type: text/plain\n\nHi\n", *_vectors("gemmail", "gemmail")),
        (*_METADATA, *_MAIL),
    ),
    "pop3": Target(pop3, ("misfin.email",), _POP3_SEEDS, _POP3),
    "query": Target(
        query,
        ("misfin.store.search.query",),
        (b'from:bea subject:"garden bees" -is:unread before:2024-05-01 (a OR b)', b"after:2w tag:x in:Sent"),
        (
            b"from:",
            b"to:",
            b"is:",
            b"in:",
            b"before:",
            b"after:",
            b'"',
            b"(",
            b")",
            b" OR ",
            b"-",
            b"2024-05-01",
            b"1w",
        ),
    ),
    "request": Target(
        request,
        ("misfin.wire", "misfin.model.address", "misfin.model.metadata"),
        _vectors("requests", "request", "stored", "written"),
        (b"misfin://", b"\r\n", b"\t", b" ", b"@", b"16384", b"0", b"3\r\n\n\n\n", *_METADATA),
    ),
    "response": Target(
        response,
        ("misfin.wire", "misfin.model"),
        _vectors("responses", "response"),
        (b"20 ", b"30 ", b"44 ", b"\r\n", b"\n", b"30s", b"2 min", b"SHA256:", b"ab" * 32, b"misfin://a@b:1"),
    ),
    "sasl": Target(
        sasl,
        ("misfin.email.sasl",),
        (
            b"x\nr=minex,s=c2FsdA==,i=4096\nv=AAAA",
            b"x\nr=minex,s=c2FsdA==,i=4096\ne=invalid-proof",
            b"x\n<1896.697170952@postoffice.example>",
            b'x\n{"status":"401"}\n',
            b"\nVXNlcm5hbWU6\nUGFzc3dvcmQ6\n",
        ),
        (b"r=mine", b",s=", b",i=", b"4096", b"v=", b"e=", b"\n", b"=", b",", b"{", b'"status":', b"AQ=="),
    ),
    "smtp": Target(
        smtp,
        ("misfin.email.smtp",),
        (
            _SMTP_REPLIES,
            _SMTP_REPLIES.replace(b"250 ok", b"550-5.1.1 no\r\n550 5.1.1 really"),
            b"220 mx\r\n502 what\r\n250 hello\r\n421 bye\r\n",
        ),
        (
            b"\r\n",
            b"\n",
            b"250",
            b"250-",
            b"334 ",
            b"354 ",
            b"421 ",
            b"220 ",
            b"235 ",
            b"AUTH=",
            b"SIZE ",
            b"5.1.1 ",
        ),
    ),
    "smtpserver": Target(
        smtpserver,
        ("misfin.email.smtp",),
        (
            b"EHLO me\r\nAUTH PLAIN\r\nAGEAYg==\r\nMAIL FROM:<a@e.org> SIZE=3\r\n"
            b"RCPT TO:<b@e.org>\r\nDATA\r\n..\r\n.\r\nQUIT\r\n",
            b"LHLO me\r\nMAIL FROM:<>\r\nRCPT TO:<b@e.org>\r\n"
            b"RCPT TO:<c@e.org>\r\nDATA\r\nHi\r\n.\r\nRSET\r\n",
        ),
        (
            b"\r\n",
            b"\n",
            b".\r\n",
            b"DATA\r\n",
            b"MAIL FROM:<",
            b"RCPT TO:<",
            b">",
            b" BODY=8BITMIME",
            b"AUTH PLAIN ",
            b"*",
        ),
    ),
    "safetext": Target(
        safetext,
        ("misfin.model.safetext",),
        (b"\x1b[2J", "\u202eabc\u200b".encode(), b"a\r\nb\tc"),
        (b"\x1b]52;c;", b"\xc2\x9b", "\u2066".encode(), b"\x07", b"\r", b"\n"),
    ),
    "settings": Target(
        settings,
        ("misfin_tui.config",),
        (
            b'[receive]\nlisten = ["127.0.0.1:1958"]\n[hosts."a.example"]\nversion = "B"\n',
            b"[keys]\nquit = 'q'\n",
        ),
        (
            b"[receive]\n",
            b"[ui]\n",
            b"[send]\n",
            b" = ",
            b'"',
            b"true",
            b"[",
            b"]",
            b"[[",
            b"]]",
            b"1e999",
            b"{a=1}",
        ),
    ),
}
