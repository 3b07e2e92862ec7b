"""Odd messages of ours, sent through a real Postfix, are read without a defect by four other programs."""

from __future__ import annotations

import imaplib
import io
import json
import shutil
import smtplib
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from email import message_from_bytes, policy

import postfix
import pytest
from mailprograms import Terminal, mutt_command, needs_notmuch, needs_tmux, notmuch
from postfix import PASSWORD, USER, body_of

from misfin.email.account import SendHTML
from misfin.email.mime_out import NamedAddress, OutgoingFile, OutgoingMail, build

ADA = NamedAddress("Ada Example", "ada@example.org")
BEA = NamedAddress("", "bea@example.org")
NEVER = {"html": SendHTML.NEVER}


def file(name: str, data: bytes, media_type: str = "") -> OutgoingFile:
    return OutgoingFile(name, len(data), lambda: io.BytesIO(data), media_type)


ODD: dict[str, dict] = {
    "plain": {"subject": "Plain", "text": "Hello\n"},
    "empty": {"subject": "", "text": ""},
    "no-line-end": {"subject": "No line end", "text": "no line end"},
    "dots": {"subject": ".", "text": ".\n..\n...\n.\r\nFrom me\n>From you\n"},
    "trailing": {"subject": "Trailing  spaces", "text": "a \nb\t\n-- \n  \n\n\n"},
    "long-line": {"subject": "Long line", "text": "x" * 5000 + "\nshort\n"},
    "long-words": {"subject": "word " * 200, "text": "word " * 400 + "\n"},
    "long-subject": {"subject": "x" * 900, "text": "x\n"},
    "umlauts": {"subject": "Größe und Maß", "text": "Füße, müde\n" * 20},
    "japanese": {"subject": "日本語の件名" * 10, "text": "本文です。\n" * 30},
    "emoji": {"subject": "🐝👩‍👩‍👧🏽 e\u0301", "text": "🐝\u200d🐝\n"},
    "rtl": {"subject": "שלום עולם", "text": "مرحبا\n"},
    "like-encoded": {"subject": "=?utf-8?q?not?= encoded", "text": "=?utf-8?b?bm90?=\n=3D=\n"},
    "line-ends": {"subject": "Line ends", "text": "dos\r\nmac\runix\n"},
    "gemtext": {
        "subject": "Gemtext",
        "text": "# Title\n\n* one\n* two\n> quote\n=> https://example.org A <link> &\n```\n<pre> & \n```\n",
        "html": SendHTML.ALWAYS,
    },
    "names": {
        "subject": "Names",
        "to": (
            NamedAddress('O\'Brien, "Bob" \\ (x)', "bob@example.org"),
            NamedAddress("Jürgen Müller-Lüdenscheidt " * 4, "j@example.org"),
            NamedAddress("a@b.example", "c@example.org"),
            *(NamedAddress("", f"person{number}@example.org") for number in range(40)),
        ),
        "text": "x\n",
    },
    "references": {
        "subject": "Re: References",
        "in_reply_to": "<20@example.org>",
        "references": tuple(f"<{'r' * 60}{number}@example.org>" for number in range(20)),
        "text": "x\n",
    },
    "long-reference": {"subject": "Re", "in_reply_to": f"<{'y' * 230}@example.org>", "text": "x\n"},
    "files": {
        "subject": "Files",
        "text": "see files\n",
        "files": (
            file("empty", b""),
            file("data.bin", bytes(range(256)) * 300),
            file("text.txt", "Zeile\r\nzwei\rdrei\nü".encode()),
            file("text.txt", b"of the same name\n"),
            file("image.png", b"\x89PNG\r\n\x1a\n" + b"x" * 50),
        ),
    },
    "file-names": {
        "subject": "File names",
        "text": "x\n",
        "files": tuple(
            file(name, b"x\n")
            for name in (
                "Übersicht 2026 – final.pdf",
                "日本語のとても長い名前" * 8 + ".txt",
                'quote"back\\slash;semi.txt',
                "percent%20 star* apostrophe's.txt",
                "no extension",
                ".hidden",
                "a" * 200 + ".tar.gz",
            )
        ),
    },
    "html-and-files": {
        "subject": "Both",
        "text": "# Größe\n\nx\n",
        "html": SendHTML.ALWAYS,
        "files": (file("a.csv", b"a,b\r\n1,2\r\n"),),
    },
    "message-in-message": {
        "subject": "Fwd: a message",
        "text": "see below\n",
        "files": (
            file("fwd.eml", b"From: a@b.example\r\nSubject: inner\r\n\r\ninner\r\n.\r\n", "message/rfc822"),
        ),
    },
    "boundary": {"subject": "Boundary", "text": "--=_\n--=_--\n", "html": SendHTML.ALWAYS},
    "zone": {
        "subject": "Half past",
        "text": "x\n",
        "date": datetime(2026, 2, 28, 23, 59, 59, tzinfo=timezone(-timedelta(hours=9, minutes=30))),
    },
}


def mail(name: str) -> OutgoingMail:
    facts = {"to": (BEA,), "date": datetime(2026, 11, 29, 17, 0, tzinfo=UTC), **ODD[name]}
    return OutgoingMail(author=ADA, message_id=f"<{name}@odd.example>", **facts)


def written(name: str) -> bytes:
    return b"".join(build(mail(name)).pieces())


def normal(text: str) -> str:
    """A text as a reader has it: line ends apart, and a last one that mail always has."""
    return text.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n")


@pytest.fixture(scope="module")
def server() -> Iterator[postfix.Postfix]:
    with postfix.running() as running:
        trusted = ssl.create_default_context(cafile=str(running.cert))
        with smtplib.SMTP_SSL("localhost", running.smtps, context=trusted) as smtp:
            smtp.login(USER, PASSWORD)
            for name in ODD:
                smtp.sendmail(ADA.address, [ADA.address], written(name))
        assert len(running.arrived(len(ODD))) == len(ODD)
        yield running


@pytest.fixture(scope="module")
def arrived(server) -> dict[str, bytes]:
    bodies = map(body_of, server.arrived(len(ODD)))
    return {message_from_bytes(each)["Message-ID"].strip("<>").partition("@")[0]: each for each in bodies}


@pytest.mark.parametrize("name", ODD)
def test_the_bytes_arrive_as_they_were_written(arrived, name):
    assert arrived[name] == written(name)


@pytest.mark.parametrize("name", ODD)
def test_the_standard_library_reads_it_strictly(arrived, name):
    wanted = mail(name)
    found = message_from_bytes(arrived[name], policy=policy.default.clone(raise_on_defect=True))
    for part in found.walk():
        assert not part.defects
        for header, value in part.items():
            assert not value.defects, (header, value.defects)
    assert " ".join((found["Subject"] or "").split()) == " ".join(wanted.subject.split())
    assert found["Date"].datetime == wanted.date
    # Between two encoded words of a name the standard library leaves a space that does not belong there.
    assert [(each.display_name.replace(" ", ""), each.addr_spec) for each in found["To"].addresses] == [
        (name.replace(" ", ""), address) for name, address in wanted.to
    ]
    assert normal(found.get_body(("plain",)).get_content()) == normal(wanted.text)
    attached = list(found.iter_attachments())
    assert [part.get_filename() for part in attached] == [each.name for each in wanted.files]
    for part, each in zip(attached, wanted.files, strict=True):
        if part.get_content_type() != "message/rfc822":
            assert part.get_payload(decode=True) == each.opened().read()
    references = (found["References"] or "").split()
    assert set(references) <= {*wanted.references, wanted.in_reply_to}
    assert (found["In-Reply-To"] or "").strip() == wanted.in_reply_to


def test_dovecot_sees_every_part(server, arrived):
    trusted = ssl.create_default_context(cafile=str(server.cert))
    with imaplib.IMAP4_SSL("localhost", server.dovecot.imaps, ssl_context=trusted) as imap:
        imap.login(USER, PASSWORD)
        imap.select("INBOX", readonly=True)
        for name in ODD:
            _, (numbers,) = imap.search(None, "HEADER", "Message-ID", f"<{name}@odd.example>")
            _, found = imap.fetch(numbers.decode(), "(BODYSTRUCTURE ENVELOPE)")
            said = b"".join(part if isinstance(part, bytes) else b" ".join(part) for part in found).lower()
            wanted = mail(name)
            assert said.count(b'("attachment"') == len(wanted.files), (name, said)
            assert b'"text" "plain"' in said
            assert (b'"text" "html"' in said) == (wanted.html is SendHTML.ALWAYS)
            assert f"<{name}@odd.example>".encode() in said


@needs_notmuch
def test_notmuch_reads_the_same(server, arrived, tmp_path):
    box = tmp_path / "mail"
    shutil.copytree(server.dovecot.base / "mail" / USER, box / USER)
    notmuch(tmp_path, box, "new")
    for name in ODD:
        wanted = mail(name)
        found = json.loads(notmuch(tmp_path, box, "show", "--format=json", f"id:{name}@odd.example"))
        ((message, _),) = [pair for pair in _leaves(found) if pair[0]]
        assert " ".join(message["headers"]["Subject"].split()) == " ".join(wanted.subject.split())
        texts = [part for part in _parts(message["body"]) if part["content-type"] == "text/plain"]
        assert normal(texts[0]["content"]) == normal(wanted.text)
        names = [part.get("filename") for part in _parts(message["body"]) if "filename" in part]
        assert names == [each.name for each in wanted.files if each.media_type != "message/rfc822"]


def _leaves(found) -> Iterator[tuple]:
    for each in found:
        if isinstance(each, list) and len(each) == 2 and isinstance(each[0], dict):
            yield each[0], each[1]
        elif isinstance(each, list):
            yield from _leaves(each)


def _parts(body) -> Iterator[dict]:
    for part in body:
        if isinstance(part.get("content"), list) and part["content-type"].startswith("multipart/"):
            yield from _parts(part["content"])
        else:
            yield part


@needs_tmux
@pytest.mark.skipif(not shutil.which("mutt"), reason="mutt is not installed")
def test_mutt_prints_the_same(server, arrived, tmp_path):
    box = tmp_path / "box"
    shutil.copytree(server.dovecot.base / "mail" / USER, box)
    terminal = Terminal(mutt_command("mutt", tmp_path, box), tmp_path)
    printed = tmp_path / "printed"
    try:
        terminal.until(lambda: terminal.line("Half past") or terminal.line("Plain"), "the index")
        terminal.press("T", "~A", "Enter")
        terminal.press(r"\;", "p")
        terminal.until(lambda: terminal.line("Messages printed"), "all is printed")
    finally:
        terminal.close()
    text = printed.read_text(errors="replace")
    for name in ("umlauts", "japanese", "rtl", "dots", "gemtext", "long-line"):
        wanted = mail(name)
        assert wanted.subject in " ".join(text.split())
        assert wanted.text.split("\n")[0][:60] in text
