"""Any mail becomes a message: read as the standard library reads sound mail, and readable where it is not."""

import email.utils
import time
from datetime import UTC, datetime
from email.message import EmailMessage

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from misfin.errors import MessageGoneError, StoreError
from misfin.model.account import AddressKind
from misfin.model.address import MisfinAddress
from misfin.model.gemmail import Version
from misfin.store.message.envelope import wrap, wrap_sent
from misfin.store.message.fields import Person
from misfin.store.message.mime import MAX_HEAD, read_file, read_message
from misfin.store.message.parts import ReadingRemark, TextKind
from misfin.trust.identity import generate

ADA = MisfinAddress("ada", "mail.example", "Ada Example")
BEA = MisfinAddress("bea", "hive.example", "Bea Worker")
NOW = datetime(2026, 11, 19, 14, 2, tzinfo=UTC)


def mail(**more: str) -> EmailMessage:
    message = EmailMessage()
    message["From"] = "Zoë <zoe@hive.example>"
    message["To"] = "ada@mail.example, Björn Ü <b@x.example>"
    message["Subject"] = "Grüße aus Köln, und zwar mit einem so langen Betreff, dass er umbrochen werden muss"
    message["Date"] = "Thu, 19 Nov 2026 15:02:00 +0100"
    message["Message-ID"] = "<1@x>"
    for name, value in more.items():
        message[name.replace("_", "-")] = value
    return message


# ---- gemmail --------------------------------------------------------------------------------------


def test_a_gemmail_is_read_with_all_its_details():
    gemmail = (
        b"bea@hive.example Bea Worker, cal@x.example Cal\nada@mail.example, dan@x.example\n"
        b"2026-11-19T13:00:00Z, 2026-11-18T13:00:00Z\n# Notes\n\nText.\n"
    )
    certificate = generate(BEA, now=NOW).info
    data = wrap(
        gemmail,
        version=Version.C,
        account=ADA,
        now=NOW,
        certificate=certificate,
        verification={"certificate": "pass"},
        received_from="192.0.2.7",
        received_by="mail.example",
    )
    message = read_message(data, AddressKind.MISFIN, counts=lambda _data: True)
    assert message.sender == Person("Bea Worker", "bea@hive.example")
    assert [person.address for person in message.recipients] == ["ada@mail.example", "dan@x.example"]
    assert (message.subject, message.text, message.kind) == ("Notes", "# Notes\n\nText.\n", TextKind.GEMTEXT)
    assert message.date == datetime(2026, 11, 19, 13, tzinfo=UTC)
    assert message.message_id.endswith("@misfin>")
    details = message.misfin
    assert details is not None
    assert (details.version, details.received_from, details.gemmail) == ("C", "192.0.2.7", gemmail)
    assert details.verification == {"certificate": "pass"}
    assert details.certificate["sha256"] == certificate.fingerprints.cert
    assert [(hop.sender.address, hop.claimed) for hop in details.hops] == [
        ("bea@hive.example", False),
        ("cal@x.example", True),
    ]


def test_a_gemmail_whose_fields_do_not_count_is_the_same_message_without_proof():
    gemmail = b"bea@hive.example Bea\nada@mail.example\n2026-11-19T13:00:00Z\n# Notes\n\nText.\n"
    data = wrap(
        gemmail,
        version=Version.C,
        account=ADA,
        now=NOW,
        certificate=generate(BEA, now=NOW).info,
        verification={"sender": "verified", "confirmed": "host"},
        received_from="192.0.2.7",
        received_by="mail.example",
    )
    for message in (
        read_message(data, AddressKind.MISFIN),
        read_message(data, AddressKind.MISFIN, counts=lambda _data: False),
    ):
        assert (message.sender.address, message.subject) == ("bea@hive.example", "Notes")
        details = message.misfin
        assert details is not None
        assert (details.gemmail, details.certificate, details.received_from) == (gemmail, {}, "")
        assert details.verification == {"sender": "unproven", "unsealed": "yes"}
        assert [hop.claimed for hop in details.hops] == [True]
        assert not details.written_here


def test_without_a_certificate_even_the_first_sender_is_a_claim():
    message = read_message(
        wrap(b"bea@hive.example\n\n\nx", version=Version.C, account=ADA, now=NOW),
        AddressKind.MISFIN,
        counts=lambda _data: True,
    )
    assert message.misfin is not None
    assert [hop.claimed for hop in message.misfin.hops] == [True]


def test_an_anonymous_gemmail_has_no_sender():
    message = read_message(wrap(b"\n\n\nx", version=Version.C, account=ADA, now=NOW), AddressKind.MISFIN)
    assert (message.sender, message.subject) == (Person("", ""), "")


def test_a_sent_copy_is_from_us_even_when_it_forwards():
    gemmail = b"bea@hive.example Bea\n\n2026-11-19T13:00:00Z\n# Hi\n"
    message = read_message(
        wrap_sent(gemmail, version=Version.C, account=ADA, to=[BEA], now=NOW), AddressKind.MISFIN
    )
    assert (message.sender.address, message.to[0].address) == ("ada@mail.example", "bea@hive.example")


# ---- ordinary mail --------------------------------------------------------------------------------


def test_a_plain_mail_is_read_as_the_standard_library_wrote_it():
    gemmail = mail(References="<a@x> <b@x>", In_Reply_To="<b@x>", Cc="c@x.example", Reply_To="list@x.example")
    gemmail.set_content("Schöne Grüße\n\nZoë\n")
    message = read_message(bytes(gemmail))
    assert message.sender == Person("Zoë", "zoe@hive.example")
    assert message.recipients == (
        Person("", "ada@mail.example"),
        Person("Björn Ü", "b@x.example"),
        Person("", "c@x.example"),
    )
    assert message.reply_to == (Person("", "list@x.example"),)
    assert message.subject == gemmail["Subject"]
    assert message.date == NOW
    assert (message.message_id, message.in_reply_to, message.references) == (
        "<1@x>",
        "<b@x>",
        ("<a@x>", "<b@x>"),
    )
    assert (message.text, message.kind, message.remarks) == ("Schöne Grüße\n\nZoë\n", TextKind.PLAIN, ())


@pytest.mark.parametrize("cte", ["7bit", "8bit", "quoted-printable", "base64"])
def test_every_transfer_encoding_is_read(cte):
    message = mail()
    text = "plain = text\n" if cte == "7bit" else "Grüße = 台北\n"
    message.set_content(text, cte=cte)
    assert read_message(bytes(message)).text == text
    assert read_message(bytes(message).replace(b"\n", b"\r\n")).text == text


@pytest.mark.parametrize("charset", ["iso-8859-1", "windows-1252", "utf-8", "koi8-r", "gb2312", "shift_jis"])
def test_every_character_set_is_read(charset):
    text = {"koi8-r": "Привет", "gb2312": "你好", "shift_jis": "こんにちは"}.get(charset, "Grüße")
    gemmail = mail()
    gemmail.set_content(text, charset=charset, cte="base64")
    message = read_message(bytes(gemmail))
    assert message.text == text + "\n"
    assert message.remarks == ()


def test_attachments_are_named_and_their_content_comes_on_demand():
    gemmail = mail()
    gemmail.set_content("see attachments\n")
    content = bytes(range(256)) * 9
    gemmail.add_attachment(content, maintype="application", subtype="pdf", filename="Bericht über Köln.pdf")
    gemmail.add_attachment("note\n", filename="note.txt")
    inner = mail()
    inner.set_content("inner")
    gemmail.add_attachment(inner)
    data = bytes(gemmail)
    message = read_message(data)
    assert message.text.startswith("see attachments\n\nAttached message:\nFrom: Zoë <zoe@hive.example>\n")
    assert message.text.endswith("\n\ninner\n")
    assert [(a.name, a.type) for a in message.attachments] == [
        ("Bericht über Köln.pdf", "application/pdf"),
        ("note.txt", "text/plain"),
        ("message.eml", "message/rfc822"),
    ]
    assert message.attachments[0].size == len(content)
    assert message.attachments[0].content(data) == content
    assert message.attachments[1].content(data) == b"note\n"
    assert read_message(message.attachments[2].content(data)).text == "inner\n"


def test_of_alternatives_the_plain_text_is_shown_and_gemtext_before_it():
    gemmail = mail()
    gemmail.set_content("plain\n")
    gemmail.add_alternative("<p>html</p>", subtype="html")
    assert read_message(bytes(gemmail)).text == "plain\n"
    gemmail.add_alternative("# gemtext\n", subtype="gemini")
    message = read_message(bytes(gemmail))
    assert (message.text, message.kind) == ("# gemtext\n", TextKind.GEMTEXT)


def test_html_alone_becomes_text_with_its_pictures_attached():
    gemmail = mail()
    gemmail.set_content(
        "<p>Hello <a href='https://x.example/'>there</a></p><script>evil()</script>", subtype="html"
    )
    gemmail.add_related(b"GIF89a", maintype="image", subtype="gif", filename="a.gif", cid="<p1>")
    gemmail.make_mixed()
    message = read_message(bytes(gemmail))
    assert (message.text, message.kind) == ("Hello there <https://x.example/>\n", TextKind.HTML)
    assert [attachment.name for attachment in message.attachments] == ["a.gif"]


def test_several_texts_follow_each_other():
    message = mail()
    message.set_content("one\n")
    message.make_mixed()
    for text in ("two\n", "three\n"):
        part = EmailMessage()
        part.set_content(text)
        message.attach(part)
    assert read_message(bytes(message)).text == "one\n\ntwo\n\nthree\n"


_words = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=12)
_texts = st.lists(_words, min_size=1, max_size=30).map(" ".join)


@settings(max_examples=80, deadline=None)
@given(subject=_texts, name=_words, text=_texts, filename=_words, content=st.binary(max_size=300))
def test_what_the_standard_library_writes_is_read_back(subject, name, text, filename, content):
    gemmail = EmailMessage()
    gemmail["Subject"] = subject
    gemmail["To"] = email.utils.formataddr((name, "b@x.example"))
    gemmail.set_content(text + "\n")
    gemmail.add_alternative(f"<p>{text}</p>", subtype="html")
    gemmail.add_attachment(content, maintype="application", subtype="x-any", filename=filename)
    data = bytes(gemmail)
    message = read_message(data)
    assert "".join(message.subject.split()) == "".join(str(gemmail["Subject"]).split())
    assert [person.address for person in message.to] == ["b@x.example"]
    assert message.text.split() == text.split()
    [attachment] = message.attachments
    assert attachment.content(data) == content
    assert attachment.size == len(content)


# ---- bad input ------------------------------------------------------------------------------------


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=400))
def test_no_bytes_make_reading_fail(data):
    for start in (b"", b"Content-Type: multipart/mixed; boundary=b\n\n--b\n", b"Misfin-Version: C\n"):
        message = read_message(start + data)
        for attachment in message.attachments:
            attachment.content(start + data)


_FIELDS = [b"From: ", b"Subject: ", b"Content-Type: ", b"Content-Transfer-Encoding: ", b"filename*0*="]
_VALUES = [
    b"multipart/mixed",
    b"text/html",
    b"; boundary=b",
    b"; charset=",
    b"idna",
    b"utf-7",
    b"hex",
    b"base64",
]
_SIGNS = [
    b"\n",
    b"\n\n",
    b"\r\n",
    b"--b",
    b"--b--",
    b"=?utf-8?b?",
    b"?=",
    b"<",
    b">",
    b"(",
    b'"',
    b"x",
    b" ",
    b"\xff",
]
_pieces = st.lists(st.sampled_from(_FIELDS + _VALUES + _SIGNS))


@settings(max_examples=300, deadline=None)
@given(_pieces.map(b"".join))
def test_no_broken_mail_makes_reading_fail(data):
    message = read_message(data)
    for attachment in message.attachments:
        attachment.content(data)


def test_an_empty_file_and_a_file_that_is_no_mail_are_shown_as_that():
    assert read_message(b"").remarks == (ReadingRemark.EMPTY,)
    message = read_message("Just a note\nwith Ümläut\n".encode())
    assert (message.text, message.remarks) == ("Just a note\nwith Ümläut\n", (ReadingRemark.NO_MAIL,))
    binary = read_message(b"\x7fELF\0\0\0" * 10)
    assert (binary.text, binary.remarks) == ("", (ReadingRemark.NO_MAIL,))
    assert binary.attachments[0].content(b"\x7fELF\0\0\0" * 10) == b"\x7fELF\0\0\0" * 10


def test_a_wrong_character_set_is_remarked_and_read_all_the_same():
    head = b"From: a@b\nContent-Type: text/plain; charset=%s\n\n"
    wrong = read_message(head % b"utf-8" + b"Gr\xfc\xdfe\n")
    assert (wrong.text, wrong.remarks) == ("Grüße\n", (ReadingRemark.ENCODING,))
    unknown = read_message(head % b"x-invented" + "Grüße\n".encode())
    assert (unknown.text, unknown.remarks) == ("Grüße\n", (ReadingRemark.ENCODING,))


def test_undeclared_eight_bit_headers_are_read():
    assert read_message("Subject: Grüße\n\nx".encode()).subject == "Grüße"
    assert read_message("Subject: Grüße\n\nx".encode("latin-1")).subject == "Grüße"


def test_a_multipart_without_its_boundary_or_its_end_is_shown():
    head = b"From: a@b\nContent-Type: multipart/mixed; boundary=b\n\n"
    none = read_message(head + b"nothing like it\n")
    assert (none.text, none.remarks) == ("nothing like it\n", (ReadingRemark.CONFUSED,))
    cut = read_message(
        head + b"--b\nContent-Type: text/plain\n\ntext\n--b\nContent-Type: image/png\n\n\x89PNG"
    )
    assert (cut.text, cut.remarks) == ("text\n", (ReadingRemark.CONFUSED,))
    assert [(a.type, a.size) for a in cut.attachments] == [("image/png", 4)]


def test_a_file_of_a_hundred_megabytes_is_read_in_part(tmp_path):
    head = b"From: a@b\nSubject: big\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nhello\n--b\n"
    path = tmp_path / "big"
    with path.open("wb") as file:
        file.write(head + b"Content-Type: application/zip; name=a.zip\n\n")
        file.truncate(100_000_000)
    message = read_file(path, limit=100_000)
    assert (message.subject, message.text, message.size) == ("big", "hello\n", 100_000_000)
    assert ReadingRemark.CUT in message.remarks
    assert message.attachments[0].name == "a.zip"


def test_a_message_that_is_gone_or_no_file_is_said_to_be(tmp_path):
    with pytest.raises(MessageGoneError):
        read_file(tmp_path / "none")
    with pytest.raises(StoreError):
        read_file(tmp_path)


def test_a_long_text_is_cut_with_a_remark():
    message = read_message(b"From: a@b\n\n" + b"word " * 300_000)
    assert len(message.text) <= 1024 * 1024 + 1
    assert message.remarks == (ReadingRemark.LONG,)


@pytest.mark.parametrize(
    "data",
    [
        b"\n" * 3_000_000,
        b"From: a@b\n\n" + b"x" * 3_000_000,
        b"To: " + b"(" * 200_000,
        b"To: " + b'"' * 200_001,
        b"To: " + b"<" * 200_000,
        b"To: " + b"a@b,\n " * 40_000,
        b"Subject: " + b"=?utf-8?q?a" * 20_000,
        b"Subject: " + b"=?utf-8?q?a?= " * 20_000,
        b"A:\n" * 80_000 + b"\nx",
        b"A" * 3_000_000,
        b"Content-Type: a/b" + b';a="' * 50_000,
        b"Content-Type: a/b" + b";a*" + b"1" * 200_000,
        b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b" * 1_000_000,
        b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b\n" * 700_000,
        b"".join(b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (i, i) for i in range(5_000)),
        b"Content-Type: text/html\n\n" + b"<a " * 300_000,
        b"Content-Type: text/html\n\n" + b"<!--" * 300_000,
    ],
    ids=lambda data: repr(data[:60]),
)  # fmt: skip
def test_hostile_mail_takes_no_longer_than_its_length(data):
    start = time.process_time()
    read_message(data)
    assert time.process_time() - start < 5.0  # a quadratic reader needs minutes


def test_an_attachment_has_the_name_that_links_in_the_message_give_it():
    message = EmailMessage()
    message.set_content("see cid:one@x\n")
    message.add_attachment(b"1", maintype="image", subtype="png", filename="a.png", cid="<one@x>")
    message.add_attachment(b"2", maintype="image", subtype="png", filename="b.png")
    assert [part.content_id for part in read_message(message.as_bytes()).attachments] == ["one@x", ""]


def test_the_header_of_ordinary_mail_is_kept_as_it_came_and_bounded():
    head = b"From: bob@x.example\nX-Odd: \x07 \xff\n\n"
    assert read_message(head + b"text\n").head == head
    assert read_message(b"no mail at all").head == b""
    assert (
        len(read_message(b"From: bob@x.example\nX-Long: " + b"x" * 500_000 + b"\n\ntext\n").head) <= MAX_HEAD
    )
