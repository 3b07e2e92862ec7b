"""Every parser that reads a stranger's bytes, what it promises, and inputs to start a search from."""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from misfin.errors import (
    AddressError,
    GemmailError,
    IdentityError,
    MessageTooLargeError,
    QueryError,
    RemoteProtocolError,
)
from misfin.model.address import MisfinAddress, parse_uri
from misfin.model.fingerprint import normalize_fingerprint
from misfin.model.gemmail import Flag, Form, GemmailMessage, Version, stamp
from misfin.model.gemtext import PREVIEW_LENGTH, compose, parse, preview_of, subject_of
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
    from misfin.store.message.envelope import to_gemmail, wrap
    from misfin.store.message.mime import read_message

    read_message(data)
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
    read_message(stored)


def safetext(data: bytes) -> None:
    """No text makes anything but visible characters and line ends."""
    from misfin.model.safetext import plain

    text = data.decode("utf-8", "replace")
    shown = plain(text, one_line=False)
    assert not any(
        c in _TURNING or (unicodedata.category(c) in {"Cc", "Cs"} and c not in "\n\t") for c in shown
    )
    assert not set("\n\t") & set(plain(text, one_line=True))


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
    "certificate": Target(certificate, ("misfin.trust",), _certificates()),
    "gemmail": Target(gemmail, ("misfin.model",), _vectors("gemmail", "gemmail"), _METADATA),
    "gemtext": Target(
        gemtext,
        ("misfin.model.gemtext",),
        (b"# Hi\n\n* a\n> b\n=> c d\n```e\nf\n```\n",),
        (b"```", b"#", b"=>", b"* ", b">", b"\n", b"\r\n", b"\r", b" "),
    ),
    "message": Target(
        message,
        ("misfin.store",),
        (b"From: Ada <ada@mail.example>\nContent-Type: text/plain\n\nHi\n", *_vectors("gemmail", "gemmail")),
        (*_METADATA, *_MAIL),
    ),
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
