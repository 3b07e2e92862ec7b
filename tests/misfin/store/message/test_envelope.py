"""A gemmail in an RFC 5322 file: comes back byte for byte, reads plainly elsewhere, and cannot be abused."""

import email
import email.policy
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from misfin.errors import StoreError
from misfin.model.address import MisfinAddress
from misfin.model.gemmail import GemmailMessage, Version, stamp
from misfin.store.message import envelope
from misfin.store.message.envelope import build, is_gemmail, message_id, read, to_gemmail, wrap, wrap_sent
from misfin.store.message.headers import text_field
from misfin.trust.identity import generate

ADA = MisfinAddress("ada", "mail.example", "Ada Example")
BEA = MisfinAddress("bea", "hive.example", "Bea Worker")
NOW = datetime(2026, 11, 19, 14, 2, tzinfo=UTC)


def lf(data: bytes) -> bytes:
    return data.replace(b"\r\n", b"\n")


def wrapped(data: bytes, **more) -> bytes:
    return wrap(data, version=Version.C, account=ADA, now=NOW, **more)


def by_stdlib(data: bytes) -> email.message.EmailMessage:
    """The independent reader."""
    return email.message_from_bytes(data, policy=email.policy.default)


# ---- lossless -------------------------------------------------------------------------------------

VECTORS = [  # docs/protocol.md §10.3
    b"bea@hive.example Bea Worker\nada@mail.example, cal@x.example\n2024-05-01T10:00:00Z\n# Hi\n\nBody\n",
    b"\n\n\nBody only\n",
    b"< bea@hive.example Bea\n: ada@mail.example, cal@x.example\n@ 2024-05-01T10:00:00Z\nBody\n",
    b"< bea@hive.example Bea\n\n@ 2024-05-01T10:00:00Z\nBody\n",
    b"bea@hive.example Bea, bea@hive.example Bea\n\n2024-05-01T10:00:05Z, 2024-05-01T10:00:00Z\nBody\n",
    b"crew@hive.example Crew list, bea@hive.example Bea\ncrew@hive.example\n2024-05-01T11:00:00Z\nNews\n",
    b"bea@hive.example Worker, the second\n\n\nBody\n",
    b"bea@hive.example Bea\r\n\r\n2024-05-01T10:00:00Z\r\nBody\r\n",
    b"bea@hive.example Bea\n\nyesterday\nBody\n",
    b"one\ntwo\n",
    b"Dear Ada,\nthis is a long message\nwithout metadata\nbye\n",
    b"\xef\xbb\xbfbea@hive.example\n\n\nBody\n",
    b"bea@hive.example\tBea\n\n\nBody\n",
    b"<bea@hive.example\nBody\n",
    b"< crew@hive.example Crew\n< bea@hive.example\n@ 2024-05-01T11:00:00Z\n@ 2024-05-01T10:00:00Z\n\nNews\n",
    b"< bea@hive.example Bea\n: not an address list\nBody\n",
    b": cal@x.example\n\nCopy of my message\n",
    b"@ada see you\nBody\nx\ny\n",
    b"< bea@hive.example",
    b"",
    b"\n",
    b"\n\n\n",
    b"\r\r\n\r\n\n",
]
HOSTILE = [
    b"bea@hive.example Bea\x00\x1b[31m\n\n\nBody\n",
    b"bea@hive.example Bea\rBcc: all@x.example\n\n\nBody\n",
    b"bea@hive.example =?utf-8?b?QmVh?=\n\n\nBody\n",
    b"bea@hive.example two  spaces\n \n\t\nBody\n",
    b"bea@hive.example \xff\xfe\x80\n\n\nBody \xff\n",
    b"bea@hive.example " + "Bé ".encode() * 300 + b"\n\n\nBody\n",
    b"bea@hive.example " + b"x" * 3000 + b"\n\n\nBody\n",
    b", ".join(b"m%d@hive.example" % i for i in range(800)) + b"\n\n\nBody\n",
    b"< bea@hive.example\n" * 700 + b"Body\n",
    b"bea@hive.example Bea\n\nSubject: not a header\nFrom: x@y\n\nBody\n",
    b"\n\n\nFrom here\n.\n--\n\nSubject: x\n",
    b"\n\n\nlone\rcarriage\r\rreturns\r\nand nul\0\n" + b"=20 =\n trailing \t\n" + b"x" * 2000,
    b"\n\n\n" + b"one line of 16 kB" * 960,
    b'"q\\u(o)te"@hive.example "Bea" <x@y.example>\n\n\nBody\n',
    "björn;ö@hive.example Björn\n\n\nBody\n".encode(),
    b"mailbox" * 400 + b"@hive.example Bea\n\n\nBody\n",
]


@pytest.mark.parametrize("data", VECTORS + HOSTILE)
@pytest.mark.parametrize("version", list(Version))
def test_what_came_over_the_wire_comes_back(data, version):
    assert to_gemmail(wrap(data, version=version, account=ADA, now=NOW)) == lf(data)


@pytest.mark.parametrize("data", VECTORS + HOSTILE)
def test_a_sync_tool_that_stores_crlf_changes_nothing(data):
    assert to_gemmail(wrapped(data).replace(b"\n", b"\r\n")) == lf(data)


_lines = st.one_of(
    st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=30),
    st.sampled_from(
        [
            "bea@hive.example Bea",
            "< bea@hive.example Bea",
            ": a@b.example c@d.example",
            "@ 2024-05-01T10:00:00Z",
            "2024-05-01T10:00:00Z",
            "a@b.example, c@d.example Zoë",
            "",
            " ",
            "Subject: x",
            "=?utf-8?q?x?=",
        ]
    ),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(_lines, max_size=8).map("\n".join))
def test_any_text_comes_back(text):
    assert to_gemmail(wrapped(text.encode())) == text.encode()


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_come_back(data):
    assert to_gemmail(wrapped(data)) == lf(data)


@settings(max_examples=100, deadline=None)
@given(st.lists(_lines, max_size=6).map("\n".join), st.sampled_from(list(Version)), st.booleans())
def test_what_our_receiver_stamps_comes_back(text, version, anonymous):
    stamped = stamp(text.encode(), version, None if anonymous else BEA, NOW)
    data = wrap(stamped, version=version, account=ADA, now=NOW)
    assert to_gemmail(data) == lf(stamped)
    assert GemmailMessage.from_bytes(to_gemmail(data)) == GemmailMessage.from_bytes(stamped)


# ---- plain to read for other programs -------------------------------------------------------------


def test_the_file_is_what_the_design_shows():
    notes = "# Meeting notes\n\nHere they are.\n"
    data = wrapped(
        b"bea@hive.example Bea Worker\n\n2026-11-19T13:00:00Z\n" + notes.encode(),
        verification={"certificate": "pass", "pin": "match"},
        received_from="192.0.2.7",
        received_by="mail.example",
    )
    head, body = data.split(b"\n\n", 1)
    assert body == notes.encode()
    assert head.decode().splitlines() == [
        "Misfin-Version: C",
        "Misfin-Senders: bea@hive.example Bea Worker",
        "Misfin-Recipients:",
        "Misfin-Timestamps: 2026-11-19T13:00:00Z",
        "Misfin-Verification: certificate=pass; pin=match",
        "Received: from 192.0.2.7 by mail.example with MISFIN;",
        " Thu, 19 Nov 2026 14:02:00 +0000",
        "Delivered-To: ada@mail.example",
        "From: Bea Worker <bea@hive.example>",
        "To: Ada Example <ada@mail.example>",
        "Date: Thu, 19 Nov 2026 13:00:00 +0000",
        "Subject: Meeting notes",
        f"Message-ID: {message_id(BEA, notes)}",
        "MIME-Version: 1.0",
        "Content-Type: text/gemini; charset=utf-8",
        "Content-Transfer-Encoding: 8bit",
    ]


@pytest.mark.parametrize(
    ("blurb", "mailbox"),
    [
        ("Zoë Ångström 台北", "zoe"),
        ('The "Bee"; (really)', "a.b"),
        ("", "björn"),
        ("x" * 200, "b(e)a"),
        ("Å" * 120, "b"),
    ],
)
def test_the_standard_library_reads_the_same_people(blurb, mailbox):
    data = wrapped(
        f"{mailbox}@hive.example {blurb}\na@x.example, c@y.example\n\n# Grüße, Welt\n\nJa.\n".encode()
    )
    message = by_stdlib(data)
    [sender] = message["from"].addresses
    # The standard library keeps raw UTF-8 as surrogates, and the blank between two encoded words.
    assert sender.display_name.replace(" ", "") == blurb.replace(" ", "")
    assert sender.addr_spec.encode("utf-8", "surrogateescape").decode() in (
        f"{mailbox}@hive.example",
        f'"{mailbox}"@hive.example',
    )
    assert [str(address) for address in message["to"].addresses] == ["a@x.example", "c@y.example"]
    assert message["subject"] == "Grüße, Welt"
    assert message["date"].datetime == NOW
    assert message.get_content_type() == "text/gemini"
    assert message.get_payload(decode=True).decode() == "# Grüße, Welt\n\nJa.\n"


def test_a_body_with_bare_carriage_returns_is_read_by_the_standard_library_too():
    body = b"a\rb\0c\n" + "ü".encode() * 60 + b" \n=\n"
    assert by_stdlib(wrapped(b"\n\n\n" + body)).get_payload(decode=True) == body


def test_no_line_of_the_header_is_too_long_for_other_programs():
    for data in HOSTILE:
        head, _, _ = wrapped(data).partition(b"\n\n")
        assert max(map(len, head.split(b"\n"))) < 998
        assert not any(line.isspace() for line in head.split(b"\n"))


@pytest.mark.parametrize("data", VECTORS + HOSTILE)
def test_nothing_in_a_message_adds_a_header_field(data):
    expected = {
        "from",
        "to",
        "date",
        "subject",
        "message-id",
        "delivered-to",
        "misfin-version",
        "mime-version",
    }
    expected |= {"misfin-senders", "misfin-recipients", "misfin-timestamps"}
    expected |= {"content-type", "content-transfer-encoding"}
    message = email.message_from_bytes(wrapped(data))
    assert {name.lower() for name in message} <= expected
    assert len([name for name in message if name.lower() == "from"]) == 1
    assert message.get_payload(decode=True).count(b"\n") == lf(data).count(b"\n") - sum(
        name.startswith("Misfin-") and name != "Misfin-Version" for name in message
    )


def test_strangers_words_in_trust_fields_stay_in_their_place():
    verification = {
        "certificate": "fail; pin=match",
        "probe": "52 gone\r\nBcc: x",
        "a=b": "100 %",
        "": "",
        "ü": "=?x",
    }
    data = wrapped(b"\n\n\nx", verification=verification, received_from="x\r\nBcc: y", received_by="a b;c")
    message = read(data)
    assert dict(message.verification) == {**verification, "probe": "52 gone\r\nBcc: x"}
    assert (message.received_from, message.received_by) == ("xBcc:y", "abc")
    assert "bcc" not in message.fields


def test_the_delivering_certificate_is_named():
    identity = generate(BEA, now=NOW)
    message = read(wrapped(b"\n\n\nx", certificate=identity.info))
    assert dict(message.certificate) == {
        "sha256": identity.info.fingerprints.cert,
        "spki": identity.info.fingerprints.spki,
        "subject": "bea@hive.example",
    }


# ---- subject, date, people ------------------------------------------------------------------------


def test_without_a_heading_the_first_words_are_the_subject():
    assert by_stdlib(wrapped(b"\n\n\nshort note\nmore\n"))["subject"] == "short note more"
    assert by_stdlib(wrapped(b"\n\n\n" + b"word " * 50))["subject"].endswith("word…")
    assert by_stdlib(wrapped(b"\n\n\n"))["subject"] is None


def test_the_newest_timestamp_is_the_date():
    data = wrapped(b"bea@hive.example\n\n2024-05-01T12:30:00+02:00, 2024-04-01T10:00:00Z\nx")
    assert by_stdlib(data)["date"].datetime == datetime(2024, 5, 1, 10, 30, tzinfo=UTC)


@pytest.mark.parametrize("year", [1, 1970, 2100, 9999])
def test_any_claimed_year_is_written_as_it_is(year):
    data = wrapped(b"bea@hive.example\n\n%04d-05-01T10:00:00Z\nx" % year)
    assert b" May %04d 10:00:00 +0000\n" % year in data


def test_the_clock_may_be_in_any_zone():
    zone = timezone(timedelta(hours=2))
    data = wrap(b"\n\n\nx", version=Version.C, account=ADA, now=NOW.astimezone(zone))
    assert by_stdlib(data)["date"].datetime == NOW


def test_a_message_without_a_sender_says_so():
    assert by_stdlib(wrapped(b"\n\n\nx"))["from"] == "Unknown sender <unknown@misfin.invalid>"


# ---- identity of a message -------------------------------------------------------------------------


@pytest.mark.parametrize("version", list(Version))
def test_the_message_id_is_the_same_on_both_ends(version):
    message = GemmailMessage(recipients=[ADA, BEA], body="# Hi\n\n< not metadata\n")
    sent = message.to_bytes(version)
    received = stamp(sent, version, BEA, NOW)
    ours = wrap_sent(sent, version=version, account=BEA, to=[ADA], now=NOW)
    theirs = wrap(received, version=version, account=ADA, now=NOW)
    assert by_stdlib(ours)["message-id"] == by_stdlib(theirs)["message-id"] == message_id(BEA, message.body)


def test_a_forwarded_message_keeps_the_message_id_of_its_author():
    first = stamp(b"\n\n\n# Hi\n", Version.C, BEA, NOW)
    forwarded = stamp(first, Version.C, MisfinAddress("cal", "x.example"), NOW)
    assert by_stdlib(wrapped(first))["message-id"] == by_stdlib(wrapped(forwarded))["message-id"]


def test_another_author_or_text_has_another_message_id():
    ids = {message_id(who, text) for who in (ADA, BEA, None) for text in ("a", "b", "")}
    assert len(ids) == 9


def test_a_reply_link_names_the_parent():
    parent = message_id(ADA, "x")
    data = wrapped(f"\n\n\n> x\n=> mid:{parent.strip('<>')} In reply to\n".encode())
    assert by_stdlib(data)["in-reply-to"] == parent
    assert "in-reply-to" not in by_stdlib(wrapped(b"\n\n\n=> mid:1234abcd In reply to\n"))


# ---- sent copies and drafts -----------------------------------------------------------------------


def test_a_sent_copy_names_us_and_the_recipients_and_its_parents():
    data = wrap_sent(
        b"\n\n\n# Hi\n",
        version=Version.C,
        account=ADA,
        to=[BEA],
        now=NOW,
        in_reply_to="<a@misfin>",
        references=["<b@misfin>", "no id\r\nBcc: x", "<a@misfin>"],
    )
    message = by_stdlib(data)
    assert (message["from"], message["to"]) == (
        "Ada Example <ada@mail.example>",
        "Bea Worker <bea@hive.example>",
    )
    assert (message["in-reply-to"], message["references"]) == ("<a@misfin>", "<b@misfin> <a@misfin>")
    assert "received" not in message
    assert "delivered-to" not in message
    assert to_gemmail(data) == b"\n\n\n# Hi\n"


def test_a_draft_is_a_message_but_no_received_message():
    data = build([text_field("Subject", "Später")], "Liebe\nGrüße\r\n")
    assert not is_gemmail(data)
    assert by_stdlib(data)["subject"] == "Später"
    assert by_stdlib(data).get_payload(decode=True).decode() == "Liebe\nGrüße\r\n"


# ---- reading --------------------------------------------------------------------------------------


def test_mail_from_elsewhere_cannot_pass_for_a_misfin_message():
    forged = b"Received: from a by b with SMTP; x\n" + wrapped(b"\n\n\nx", verification={"pin": "match"})
    assert not is_gemmail(forged)
    for data in (forged, b"", b"\n\n", b"misfin-version: C\n\n"):
        with pytest.raises(StoreError):
            to_gemmail(data)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_a_damaged_file_is_still_read(tail):
    assert isinstance(read(b"Misfin-Version: C\n" + tail), envelope.Envelope)


def test_a_field_added_by_another_program_changes_nothing():
    data = wrapped(b"bea@hive.example\n\n\nx\n").replace(
        b"MIME-Version", b"X-TUID: abc\nX-Label: todo\nMIME-Version"
    )
    assert to_gemmail(data) == b"bea@hive.example\n\n\nx\n"
    assert read(data).fields["x-label"].strip() == b"todo"


def test_storing_messages_imports_no_email_package():
    code = (
        "import sys, misfin.store.message.envelope, misfin.store.mail.maildir;"
        "print([m for m in ('email', 'cryptography', 'sqlite3', 'asyncio') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
