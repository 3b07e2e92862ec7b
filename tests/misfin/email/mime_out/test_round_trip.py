"""What is written is read back the same by the standard library, strictly, and breaks no rule on the way."""

from __future__ import annotations

import email
import email.policy
import io
import re
from datetime import UTC, datetime, timedelta, timezone
from email.utils import parsedate_to_datetime

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from misfin.email.account import SendHTML
from misfin.email.mime_out import NamedAddress, OutgoingFile, OutgoingMail, build
from misfin.email.smtp import survey
from misfin.store.message import fields
from misfin.store.message.mime import read_message

NOT_IN_FIELDS = ("Cc", "Cs", "Zl", "Zp")
LINES = st.text(st.characters(exclude_categories=NOT_IN_FIELDS), max_size=120)
WORDS = LINES.map(lambda text: " ".join(text.split()))
TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=200) | st.text(
    st.sampled_from("aé \t.=>#*-\n€"), max_size=400
)
LOCALS = st.from_regex(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]{1,20}", fullmatch=True)
DOMAINS = st.sampled_from(["example.org", "mx.example.net", "exämple.org", "[192.0.2.1]", "localhost"])
ADDRESSES = st.builds("{}@{}".format, LOCALS, DOMAINS)
PEOPLE = st.lists(st.builds(NamedAddress, WORDS, ADDRESSES), max_size=4).map(tuple)
IDS = st.from_regex(r"<[a-z0-9.$+-]{1,60}@[a-z0-9.-]{1,30}>", fullmatch=True)
NAMES = WORDS.filter(bool)
FILES = st.lists(st.tuples(NAMES, st.binary(max_size=500)), max_size=3)


def file_of(name, data, kind="application/octet-stream"):
    return OutgoingFile(name, len(data), lambda: io.BytesIO(data), kind)


def plain_text(text):
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text + "\n" if text and not text.endswith("\n") else text


def written(mail):
    message, file = build(mail), io.BytesIO()
    message.write(file)
    data = file.getvalue()
    assert message.size == len(data)
    assert message.facts == survey([data])
    with message.open() as reader:
        assert reader.read() == data
        reader.seek(len(data) // 2)
        assert reader.read() == data[len(data) // 2 :]
        reader.seek(0)
        assert reader.read(100) == data[:100]
    unix = io.BytesIO()
    message.write(unix, line_end=b"\n")
    assert unix.getvalue() == data.replace(b"\r\n", b"\n")
    assert message.needs_utf8 is not True or not data.isascii()
    return data


def check_lines(data):
    lines = data.split(b"\r\n")
    assert b"\n" not in b"".join(lines)
    assert b"\r" not in b"".join(lines)
    assert b"\0" not in data
    assert max(map(len, lines)) <= 998


@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=120, deadline=None)
@given(
    author=st.builds(NamedAddress, WORDS, ADDRESSES),
    to=PEOPLE,
    cc=PEOPLE,
    reply_to=PEOPLE,
    subject=WORDS,
    text=TEXTS,
    html=st.sampled_from(SendHTML),
    files=FILES,
    parent=IDS,
    references=st.lists(IDS, max_size=30, unique=True),
    offset=st.integers(-720, 840),
)
def test_everything_comes_back(
    author, to, cc, reply_to, subject, text, html, files, parent, references, offset
):
    date = datetime(2026, 11, 29, 18, 5, 1, tzinfo=timezone(timedelta(minutes=offset)))
    mail = OutgoingMail(
        author,
        "<0123456789abcdef@example.org>",
        date,
        to=to,
        cc=cc,
        reply_to=reply_to,
        subject=subject,
        text=text,
        html=html,
        files=tuple(file_of(*each) for each in files),
        in_reply_to=parent,
        references=tuple(references),
    )
    data = written(mail)
    assert data == written(mail)
    check_lines(data)
    found = email.message_from_bytes(data, policy=email.policy.strict)
    assert all(not part.defects for part in found.walk())
    assert parsedate_to_datetime(found["Date"]) == date
    headers, _ = fields.split(data)
    for name, people in (("from", (author,)), ("to", to), ("cc", cc), ("reply-to", reply_to)):
        read = fields.people(headers.get(name, []))
        assert [each.name for each in read] == [each.name for each in people]
        assert [each.address for each in read] == [ascii_domain(each.address) for each in people]
    assert fields.text(fields.one(headers, "subject")) == subject
    assert fields.ids(headers.get("in-reply-to", [])) == (parent,)
    kept = references if len(references) <= 20 else [references[0], *references[-19:]]
    assert fields.ids(headers.get("references", [])) == tuple(kept)
    assert "bcc" not in headers
    # The text, and the files.
    body = found.get_body(("plain",))
    assert body.get_content().replace("\r\n", "\n") == plain_text(text)
    assert (found.get_body(("html",)) is not None) or html is not SendHTML.ALWAYS
    attached = [part for part in found.walk() if part.get_content_disposition() == "attachment"]
    assert [part.get_filename() for part in attached] == [name for name, _ in files]
    assert [part.get_payload(decode=True) for part in attached] == [data for _, data in files]
    assert [each.name for each in read_message(data).attachments] == [name for name, _ in files]


def ascii_domain(address):
    return address.replace("exämple", "xn--exmple-cua")


@settings(max_examples=200, deadline=None)
@given(text=TEXTS)
@example(text="From the start\n.\n..\n-- \nsig\n")
@example(text="x" * 998)
@example(text="x" * 999)
@example(text="é")
@example(text="日本語" * 100)
@example(text=" trailing \n\ttabs\t\n")
@example(text="a\rb\r\nc\nd")
def test_a_text_is_sent_in_the_plainest_encoding_that_carries_it(text):
    mail = OutgoingMail(
        NamedAddress("", "ada@example.org"), "<1@example.org>", NOW, text=text, html=SendHTML.NEVER
    )
    data = written(mail)
    check_lines(data)
    assert data.isascii()
    found = email.message_from_bytes(data, policy=email.policy.strict)
    encoding = found["Content-Transfer-Encoding"]
    assert found.get_content().replace("\r\n", "\n") == plain_text(text)
    if encoding != "7bit":
        assert max(map(len, data.split(b"\r\n"))) <= 76
    else:
        assert plain_text(text).encode().isascii()
    mostly_ascii = sum(not c.isascii() for c in text) < len(text) / 20
    if mostly_ascii and text.isprintable():
        assert encoding != "base64"


NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_threading_fields_are_never_encoded_and_folded_between_ids_only():
    long = f"<{'x' * 880}@example.org>"
    ids = (long, *(f"<{number}@example.org>" for number in range(30)))
    mail = OutgoingMail(
        NamedAddress("", "ada@example.org"), "<1@example.org>", NOW, in_reply_to=long, references=ids
    )
    data = written(mail)
    check_lines(data)
    head = data.partition(b"\r\n\r\n")[0].decode()
    assert "=?" not in head
    field = re.search(r"^References: ([^\r]*(?:\r\n [^\r]*)*)", head, re.MULTILINE)[1]
    found = [each for line in field.split("\r\n") for each in line.split()]
    assert found == [long, *ids[-19:]]
    assert f"In-Reply-To: {long}\r\n" in head


def test_an_address_outside_ascii_needs_smtputf8_and_a_domain_outside_ascii_does_not():
    def of(address):
        to = (NamedAddress("Jörg", address),)
        return build(OutgoingMail(NamedAddress("", "ada@example.org"), "<1@example.org>", NOW, to=to))

    assert of("jörg@exämple.org").needs_utf8
    assert not of("joerg@exämple.org").needs_utf8
    assert b"To: =?utf-8?b?SsO2cmc=?= <joerg@xn--exmple-cua.org>\r\n" in of("joerg@exämple.org").part.head
    assert "<jörg@xn--exmple-cua.org>".encode() in of("jörg@exämple.org").part.head


def test_a_quoted_local_part_stays_one_address():
    to = (NamedAddress("", '"a b"@example.org'), NamedAddress("Bea", '"a\\"@b"@example.org'))
    mail = OutgoingMail(NamedAddress("", "ada@example.org"), "<1@example.org>", NOW, to=to)
    found = email.message_from_bytes(written(mail), policy=email.policy.strict)["To"].addresses
    assert [each.addr_spec for each in found] == [each.address for each in to]


def test_a_file_name_has_an_ascii_name_for_old_readers_too():
    mail = OutgoingMail(
        NamedAddress("", "ada@example.org"),
        "<1@example.org>",
        NOW,
        files=(file_of("Übersicht 2026.pdf", b"x", ""), file_of("日本.txt", b"x", "")),
    )
    data = written(mail).decode()
    assert 'Content-Type: application/pdf; name="Ubersicht 2026.pdf"' in data
    assert "filename*=utf-8''%C3%9Cbersicht%202026.pdf" in data
    assert 'Content-Type: text/plain; charset="utf-8"\r\n' in data  # nothing is left of it in ASCII


def test_a_message_is_attached_as_a_message():
    inner = b"From: bea@example.org\nSubject: Inner\n\nLine\nand =?utf-8?q?x?=\nlast"
    mail = OutgoingMail(
        NamedAddress("", "ada@example.org"), "<1@example.org>", NOW, files=(file_of("inner.eml", inner, ""),)
    )
    data = written(mail)
    check_lines(data)
    found = email.message_from_bytes(data, policy=email.policy.strict)
    (part,) = [each for each in found.walk() if each.get_content_type() == "message/rfc822"]
    assert part["Content-Transfer-Encoding"] == "7bit"
    (attached,) = part.get_payload()
    assert attached["Subject"] == "Inner"
    assert attached.get_content().splitlines() == ["Line", "and =?utf-8?q?x?=", "last"]


def test_a_message_that_cannot_be_attached_as_one_goes_as_a_file():
    eight_bit = "From: bea@example.org\n\nÜber\n".encode()
    mail = OutgoingMail(
        NamedAddress("", "ada@example.org"), "<1@example.org>", NOW, files=(file_of("i.eml", eight_bit, ""),)
    )
    assert b"Content-Transfer-Encoding: 8bit" in written(mail)
    assert build(mail).facts.eight_bit
    for inner in (b"From: bea@example.org\n\n" + b"x" * 1000, b"From: a\n\n\0", b"not a message"):
        mail = OutgoingMail(
            NamedAddress("", "ada@example.org"), "<1@example.org>", NOW, files=(file_of("i.eml", inner, ""),)
        )
        data = written(mail)
        check_lines(data)
        (part,) = email.message_from_bytes(data, policy=email.policy.strict).iter_attachments()
        assert part.get_content_type() == "application/octet-stream"
        assert part.get_payload(decode=True) == inner
