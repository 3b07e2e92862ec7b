"""``send`` in place of sendmail: what is sent of a whole message, by whom, to whom, and the exit status."""

from __future__ import annotations

import io
import socket
import sys
import tracemalloc
from email import message_from_bytes, policy
from pathlib import Path

import pytest
from mailprofile import make_mail_profile
from smtppeers import Inbox, aiosmtpd_in_a_thread

from misfin.store.outgoing.outbox import Outbox
from misfin_tui.cli import Exit, main, sendmail

HEADER = (
    b"From: Ada <ada@example.org>\r\nDate: Sun, 29 Nov 2026 17:00:00 +0000\r\nMessage-ID: <1@example.org>\r\n"
)
MESSAGE = HEADER + b"To: bea@example.org\r\nSubject: x\r\n\r\nHello\r\n.\r\n..\r\nend\r\n"


@pytest.fixture(scope="module")
def inbox():
    return Inbox()


@pytest.fixture(scope="module")
def port(inbox):
    with aiosmtpd_in_a_thread(inbox, data_size_limit=40_000_000) as port:
        yield port


class Caller:
    """A program that hands over messages, in this process."""

    def __init__(self, root: Path, monkeypatch) -> None:
        self.root = root
        self._monkeypatch = monkeypatch

    def hand_over(self, data: bytes, *words: str) -> int:
        self._monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
        try:
            return main(["--profile", str(self.root), "send", *words])
        except SystemExit as end:  # argparse
            return int(end.code or 0)


@pytest.fixture
def caller(tmp_path, port, inbox, monkeypatch):
    inbox.taken.clear()
    inbox.refuse.clear()
    more = 'aliases = ["ada@other.example", "*@ada.example"]\n'
    profile = make_mail_profile(tmp_path, f"smtp://127.0.0.1:{port}", more=more)
    return Caller(profile.root, monkeypatch)


def states(caller) -> dict[str, str]:
    outbox = Outbox(caller.root / "outbox.db")
    try:
        return {row.to: row.state.value for row in outbox.rows()}
    finally:
        outbox.close()


# ---- what is sent


def test_a_complete_message_arrives_byte_for_byte(caller, inbox, capsys):
    assert caller.hand_over(MESSAGE, "-i", "bea@example.org") == Exit.DONE
    (envelope,) = inbox.taken
    assert envelope.original_content == MESSAGE
    assert (envelope.mail_from, envelope.rcpt_tos) == ("ada@example.org", ["bea@example.org"])
    assert capsys.readouterr() == ("", "")


def test_line_ends_of_the_system_become_those_of_mail(caller, inbox):
    assert caller.hand_over(MESSAGE.replace(b"\r\n", b"\n"), "-oi", "bea@example.org") == Exit.DONE
    assert inbox.contents == [MESSAGE]


def test_without_i_a_dot_ends_the_message(caller, inbox):
    assert caller.hand_over(MESSAGE, "-t") == Exit.DONE
    assert inbox.contents == [MESSAGE.partition(b".\r\n..")[0]]


def test_t_adds_to_cc_and_bcc_and_bcc_does_not_leave(caller, inbox):
    more = b"Cc: cal@example.org\r\nBcc: dan@example.org,\r\n eve@example.org\r\n"
    assert caller.hand_over(HEADER + more + MESSAGE[len(HEADER) :], "-ti", "fay@example.org") == Exit.DONE
    (envelope,) = inbox.taken
    people = ("fay", "bea", "cal", "dan", "eve")
    assert sorted(envelope.rcpt_tos) == sorted(f"{name}@example.org" for name in people)
    assert b"dan@" not in envelope.original_content
    assert b"eve@" not in envelope.original_content
    copies = [
        path.read_bytes() for path in (caller.root / "mail" / "work" / ".Sent").rglob("*.*") if path.is_file()
    ]
    assert len([copy for copy in copies if b"Hello" in copy]) == 1


def test_a_text_without_header_gets_one(caller, inbox):
    assert caller.hand_over(b"just this\n", "-i", "-F", "Backup", "bea@example.org") == Exit.DONE
    (content,) = inbox.contents
    header, _, body = content.partition(b"\r\n\r\n")
    assert body == b"just this\r\n"
    assert b"From: Backup <ada@example.org>" in header
    assert header.count(b"\r\nDate: ") == header.count(b"\r\nMessage-ID: <") == 1


def test_a_line_too_long_for_mail_is_encoded(caller, inbox):
    body = b"x" * 5000 + b"\nshort \xc3\xbc\n"
    assert caller.hand_over(b"To: bea@example.org\nSubject: log\n\n" + body, "-t") == Exit.DONE
    (envelope,) = inbox.taken
    arrived = message_from_bytes(envelope.original_content, policy=policy.default)
    assert arrived.get_content().encode().replace(b"\r\n", b"\n") == body
    assert max(map(len, envelope.original_content.split(b"\r\n"))) <= 998


def test_a_part_with_a_line_too_long_for_mail_is_encoded(caller, inbox):
    parts = b"--b\n\nhello\n--b\nContent-Type: text/x-log\n\n" + b"x" * 5000 + b"\n--b--\n"
    header = b"To: bea@example.org\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n"
    assert caller.hand_over(header + parts, "-t") == Exit.DONE
    (envelope,) = inbox.taken
    first, second = message_from_bytes(envelope.original_content, policy=policy.default).iter_parts()
    assert first.get_content().strip() == "hello"
    assert second.get_content().strip() == "x" * 5000


def test_a_signed_message_with_a_line_too_long_is_refused_unchanged(caller, inbox, capsys):
    parts = b"--b\n\n" + b"x" * 5000 + b"\n--b\nContent-Type: application/pgp-signature\n\nsig\n--b--\n"
    header = b"To: bea@example.org\nContent-Type: multipart/signed; boundary=b\n\n"
    assert caller.hand_over(header + parts, "-t") == Exit.USAGE
    assert "a part that is signed, which is never changed" in capsys.readouterr().err
    assert inbox.taken == []


def test_a_large_message_is_never_in_memory(caller, inbox):
    line = b"A" * 76 + b"\r\n"
    body = line * (12_000_000 // len(line))
    data = HEADER + b"To: bea@example.org\r\nContent-Transfer-Encoding: base64\r\n\r\n" + body
    source = io.BytesIO(data)
    tracemalloc.start()
    caller._monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(source))
    try:
        assert main(["--profile", str(caller.root), "send", "-ti", "--queue"]) == Exit.DONE
        assert tracemalloc.get_traced_memory()[1] < 6_000_000
    finally:
        tracemalloc.stop()
    assert main(["--profile", str(caller.root), "outbox", "run"]) == Exit.DONE
    assert inbox.contents == [data]


# ---- who sends


@pytest.mark.parametrize(
    ("words", "author", "sender"),
    [
        (("-f", "ada@other.example"), "Ada <ada@example.org>", "ada@other.example"),
        (("-fbackup@ada.example",), "root", "backup@ada.example"),
        (("-f", ""), "Ada <ada@example.org>", ""),
        ((), "Ada <ada@other.example>", "ada@other.example"),
        ((), "root (Cron Daemon)", "ada@example.org"),
        (("-f", "root@localhost"), "root", "ada@example.org"),
        (("--account", "work"), "Bea <bea@elsewhere.example>", "ada@example.org"),
    ],
)
def test_f_or_from_chooses_account_and_envelope_sender(caller, inbox, words, author, sender):
    data = b"From: " + author.encode() + b"\nTo: bea@example.org\n\nx\n"
    assert caller.hand_over(data, "-t", *words) == Exit.DONE
    (envelope,) = inbox.taken
    assert envelope.mail_from.strip("<>") == sender


def test_nobody_elses_address_is_sent_as(caller, inbox, capsys):
    data = b"From: bea@elsewhere.example\nTo: bea@example.org\n\nx\n"
    assert caller.hand_over(data, "-t") == Exit.USAGE
    assert "No e-mail account sends as bea@elsewhere.example" in capsys.readouterr().err
    assert states(caller) == {}


def test_a_name_without_host_is_the_default_accounts_own_address(caller, inbox):
    data = b"From: root (Cron Daemon)\nTo: root\nSubject: Cron <root@box> true\n\nout\n"
    words = ("-i", "-FCronDaemon", "-B8BITMIME", "-oem", "root")
    assert caller.hand_over(data, *words) == Exit.DONE
    (envelope,) = inbox.taken
    assert envelope.rcpt_tos == ["ada@example.org"]
    assert b"To: ada@example.org\r\n" in envelope.original_content


# ---- the exit status


def test_refused_for_good_for_everybody_is_a_failure_and_is_not_tried_again(caller, inbox, capsys):
    inbox.refuse["bea@example.org"] = "550 5.1.1 no such mailbox"
    assert caller.hand_over(MESSAGE, "-i", "bea@example.org") == Exit.FAILED
    assert "bea@example.org was refused" in capsys.readouterr().err
    assert states(caller) == {"bea@example.org": "failed"}


def test_a_refused_recipient_among_accepted_ones_is_named_and_no_failure(caller, inbox, capsys):
    inbox.refuse["bea@example.org"] = "550 5.1.1 no such mailbox"
    assert caller.hand_over(MESSAGE, "-i", "bea@example.org", "cal@example.org") == Exit.DONE
    said = capsys.readouterr().err
    assert "bea@example.org was refused" in said
    assert "cal@" not in said
    assert states(caller) == {"bea@example.org": "failed", "cal@example.org": "accepted"}


@pytest.mark.parametrize("step", ["MAIL", "bea@example.org", "DATA"])
def test_what_is_refused_for_now_is_queued_and_no_failure(caller, inbox, capsys, step):
    inbox.refuse[step] = "451 4.3.0 later"
    assert caller.hand_over(MESSAGE, "-i", "bea@example.org") == Exit.DONE
    assert "will be tried again" in capsys.readouterr().err
    assert states(caller) == {"bea@example.org": "deferred"}


def test_a_server_that_is_away_is_no_failure(tmp_path, monkeypatch, capsys):
    profile = make_mail_profile(tmp_path, "smtp://127.0.0.1:1")
    caller = Caller(profile.root, monkeypatch)
    assert caller.hand_over(MESSAGE, "-t") == Exit.DONE
    assert states(caller) == {"bea@example.org": "deferred"}


def test_a_server_that_is_silent_is_left_after_a_while(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sendmail, "PATIENCE", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        profile = make_mail_profile(tmp_path, f"smtp://127.0.0.1:{silent.getsockname()[1]}")
        caller = Caller(profile.root, monkeypatch)
        assert caller.hand_over(MESSAGE, "-t") == Exit.DONE
    assert states(caller) == {"bea@example.org": "waiting"}
    assert "will be tried again" in capsys.readouterr().err


def test_whatever_goes_wrong_once_it_is_queued_is_no_failure(caller, monkeypatch, capsys):
    monkeypatch.setattr(sendmail, "_send", lambda *_: 1 / 0)
    assert caller.hand_over(MESSAGE, "-i", "bea@example.org") == Exit.DONE
    assert "is in the outbox" in capsys.readouterr().err
    assert states(caller) == {"bea@example.org": "waiting"}


@pytest.mark.parametrize(
    ("words", "data", "why"),
    [
        (("-t",), b"Subject: nobody\n\nx\n", "no recipient"),
        (("-i", "not an address@"), MESSAGE, "not an e-mail address"),
        (("-bs",), MESSAGE, "-t"),
        (("-t", "-bp"), MESSAGE, "-bp"),
        (("-t", "--attach", "x"), MESSAGE, "--attach"),
        (("-f", "ada@example.org", "bea@example.org"), MESSAGE, "-t or -i"),
        (
            ("-t",),
            b"Content-Type: multipart/mixed; boundary=x\nTo: b@c.example\n\n" + b"x" * 999,
            "999 bytes",
        ),
        (("-t",), b"To: b@c.example\nSubject: " + b"x" * 999 + b"\n\nx", "header"),
        (("-t",), b"X: " + b"y" * 300_000 + b"\n\n", "header"),
    ],
)
def test_what_cannot_be_sent_is_said_and_nothing_is_queued(caller, capsys, words, data, why):
    assert caller.hand_over(data, *words) in (Exit.USAGE, Exit.FAILED)
    assert why in capsys.readouterr().err
    assert states(caller) == {}


def test_json_says_what_became_of_each(caller, capsys):
    assert caller.hand_over(MESSAGE, "-t", "--json") == Exit.DONE
    assert '"state": "accepted"' in capsys.readouterr().out
