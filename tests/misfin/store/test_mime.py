"""Any mail becomes a letter: read as the standard library reads sound mail, and readable where it is not."""

import email.utils
import time
from datetime import UTC, datetime
from email.message import EmailMessage

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from misfin.errors import LetterGoneError, StoreError
from misfin.model.address import MisfinAddress
from misfin.model.gemmail import Version
from misfin.store.envelope import wrap, wrap_sent
from misfin.store.fields import Person
from misfin.store.mime import MAX_HEAD, Remark, TextKind, read_file, read_letter
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
    letter = read_letter(data)
    assert letter.sender == Person("Bea Worker", "bea@hive.example")
    assert [person.address for person in letter.recipients] == ["ada@mail.example", "dan@x.example"]
    assert (letter.subject, letter.text, letter.kind) == ("Notes", "# Notes\n\nText.\n", TextKind.GEMTEXT)
    assert letter.date == datetime(2026, 11, 19, 13, tzinfo=UTC)
    assert letter.message_id.endswith("@misfin>")
    details = letter.misfin
    assert details is not None
    assert (details.version, details.received_from, details.gemmail) == ("C", "192.0.2.7", gemmail)
    assert details.verification == {"certificate": "pass"}
    assert details.certificate["sha256"] == certificate.fingerprints.cert
    assert [(hop.sender.address, hop.claimed) for hop in details.hops] == [
        ("bea@hive.example", False),
        ("cal@x.example", True),
    ]


def test_without_a_certificate_even_the_first_sender_is_a_claim():
    letter = read_letter(wrap(b"bea@hive.example\n\n\nx", version=Version.C, account=ADA, now=NOW))
    assert letter.misfin is not None
    assert [hop.claimed for hop in letter.misfin.hops] == [True]


def test_an_anonymous_gemmail_has_no_sender():
    letter = read_letter(wrap(b"\n\n\nx", version=Version.C, account=ADA, now=NOW))
    assert (letter.sender, letter.subject) == (Person("", ""), "")


def test_a_sent_copy_is_from_us_even_when_it_forwards():
    gemmail = b"bea@hive.example Bea\n\n2026-11-19T13:00:00Z\n# Hi\n"
    letter = read_letter(wrap_sent(gemmail, version=Version.C, account=ADA, to=[BEA], now=NOW))
    assert (letter.sender.address, letter.to[0].address) == ("ada@mail.example", "bea@hive.example")


# ---- ordinary mail --------------------------------------------------------------------------------


def test_a_plain_mail_is_read_as_the_standard_library_wrote_it():
    message = mail(References="<a@x> <b@x>", In_Reply_To="<b@x>", Cc="c@x.example", Reply_To="list@x.example")
    message.set_content("Schöne Grüße\n\nZoë\n")
    letter = read_letter(bytes(message))
    assert letter.sender == Person("Zoë", "zoe@hive.example")
    assert letter.recipients == (
        Person("", "ada@mail.example"),
        Person("Björn Ü", "b@x.example"),
        Person("", "c@x.example"),
    )
    assert letter.reply_to == (Person("", "list@x.example"),)
    assert letter.subject == message["Subject"]
    assert letter.date == NOW
    assert (letter.message_id, letter.in_reply_to, letter.references) == (
        "<1@x>",
        "<b@x>",
        ("<a@x>", "<b@x>"),
    )
    assert (letter.text, letter.kind, letter.remarks) == ("Schöne Grüße\n\nZoë\n", TextKind.PLAIN, ())


@pytest.mark.parametrize("cte", ["7bit", "8bit", "quoted-printable", "base64"])
def test_every_transfer_encoding_is_read(cte):
    message = mail()
    text = "plain = text\n" if cte == "7bit" else "Grüße = 台北\n"
    message.set_content(text, cte=cte)
    assert read_letter(bytes(message)).text == text
    assert read_letter(bytes(message).replace(b"\n", b"\r\n")).text == text


@pytest.mark.parametrize("charset", ["iso-8859-1", "windows-1252", "utf-8", "koi8-r", "gb2312", "shift_jis"])
def test_every_character_set_is_read(charset):
    text = {"koi8-r": "Привет", "gb2312": "你好", "shift_jis": "こんにちは"}.get(charset, "Grüße")
    message = mail()
    message.set_content(text, charset=charset, cte="base64")
    letter = read_letter(bytes(message))
    assert letter.text == text + "\n"
    assert letter.remarks == ()


def test_attachments_are_named_and_their_content_comes_on_demand():
    message = mail()
    message.set_content("see attachments\n")
    content = bytes(range(256)) * 9
    message.add_attachment(content, maintype="application", subtype="pdf", filename="Bericht über Köln.pdf")
    message.add_attachment("note\n", filename="note.txt")
    inner = mail()
    inner.set_content("inner")
    message.add_attachment(inner)
    data = bytes(message)
    letter = read_letter(data)
    assert letter.text == "see attachments\n"
    assert [(a.name, a.type) for a in letter.attachments] == [
        ("Bericht über Köln.pdf", "application/pdf"),
        ("note.txt", "text/plain"),
        ("letter.eml", "message/rfc822"),
    ]
    assert letter.attachments[0].size == len(content)
    assert letter.attachments[0].content(data) == content
    assert letter.attachments[1].content(data) == b"note\n"
    assert read_letter(letter.attachments[2].content(data)).text == "inner\n"


def test_of_alternatives_the_plain_text_is_shown_and_gemtext_before_it():
    message = mail()
    message.set_content("plain\n")
    message.add_alternative("<p>html</p>", subtype="html")
    assert read_letter(bytes(message)).text == "plain\n"
    message.add_alternative("# gemtext\n", subtype="gemini")
    letter = read_letter(bytes(message))
    assert (letter.text, letter.kind) == ("# gemtext\n", TextKind.GEMTEXT)


def test_html_alone_becomes_text_with_its_pictures_attached():
    message = mail()
    message.set_content(
        "<p>Hello <a href='https://x.example/'>there</a></p><script>evil()</script>", subtype="html"
    )
    message.add_related(b"GIF89a", maintype="image", subtype="gif", filename="a.gif", cid="<p1>")
    message.make_mixed()
    letter = read_letter(bytes(message))
    assert (letter.text, letter.kind) == ("Hello there <https://x.example/>\n", TextKind.HTML)
    assert [attachment.name for attachment in letter.attachments] == ["a.gif"]


def test_several_texts_follow_each_other():
    message = mail()
    message.set_content("one\n")
    message.make_mixed()
    for text in ("two\n", "three\n"):
        part = EmailMessage()
        part.set_content(text)
        message.attach(part)
    assert read_letter(bytes(message)).text == "one\n\ntwo\n\nthree\n"


_words = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=12)
_texts = st.lists(_words, min_size=1, max_size=30).map(" ".join)


@settings(max_examples=80, deadline=None)
@given(subject=_texts, name=_words, text=_texts, filename=_words, content=st.binary(max_size=300))
def test_what_the_standard_library_writes_is_read_back(subject, name, text, filename, content):
    message = EmailMessage()
    message["Subject"] = subject
    message["To"] = email.utils.formataddr((name, "b@x.example"))
    message.set_content(text + "\n")
    message.add_alternative(f"<p>{text}</p>", subtype="html")
    message.add_attachment(content, maintype="application", subtype="x-any", filename=filename)
    data = bytes(message)
    letter = read_letter(data)
    assert "".join(letter.subject.split()) == "".join(str(message["Subject"]).split())
    assert [person.address for person in letter.to] == ["b@x.example"]
    assert letter.text.split() == text.split()
    [attachment] = letter.attachments
    assert attachment.content(data) == content
    assert attachment.size == len(content)


# ---- bad input ------------------------------------------------------------------------------------


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=400))
def test_no_bytes_make_reading_fail(data):
    for start in (b"", b"Content-Type: multipart/mixed; boundary=b\n\n--b\n", b"Misfin-Version: C\n"):
        letter = read_letter(start + data)
        for attachment in letter.attachments:
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
    letter = read_letter(data)
    for attachment in letter.attachments:
        attachment.content(data)


def test_an_empty_file_and_a_file_that_is_no_mail_are_shown_as_that():
    assert read_letter(b"").remarks == (Remark.EMPTY,)
    letter = read_letter("Just a note\nwith Ümläut\n".encode())
    assert (letter.text, letter.remarks) == ("Just a note\nwith Ümläut\n", (Remark.NO_MAIL,))
    binary = read_letter(b"\x7fELF\0\0\0" * 10)
    assert (binary.text, binary.remarks) == ("", (Remark.NO_MAIL,))
    assert binary.attachments[0].content(b"\x7fELF\0\0\0" * 10) == b"\x7fELF\0\0\0" * 10


def test_a_wrong_character_set_is_remarked_and_read_all_the_same():
    head = b"From: a@b\nContent-Type: text/plain; charset=%s\n\n"
    wrong = read_letter(head % b"utf-8" + b"Gr\xfc\xdfe\n")
    assert (wrong.text, wrong.remarks) == ("Grüße\n", (Remark.ENCODING,))
    unknown = read_letter(head % b"x-invented" + "Grüße\n".encode())
    assert (unknown.text, unknown.remarks) == ("Grüße\n", (Remark.ENCODING,))


def test_undeclared_eight_bit_headers_are_read():
    assert read_letter("Subject: Grüße\n\nx".encode()).subject == "Grüße"
    assert read_letter("Subject: Grüße\n\nx".encode("latin-1")).subject == "Grüße"


def test_a_multipart_without_its_boundary_or_its_end_is_shown():
    head = b"From: a@b\nContent-Type: multipart/mixed; boundary=b\n\n"
    none = read_letter(head + b"nothing like it\n")
    assert (none.text, none.remarks) == ("nothing like it\n", (Remark.CONFUSED,))
    cut = read_letter(
        head + b"--b\nContent-Type: text/plain\n\ntext\n--b\nContent-Type: image/png\n\n\x89PNG"
    )
    assert (cut.text, cut.remarks) == ("text\n", (Remark.CONFUSED,))
    assert [(a.type, a.size) for a in cut.attachments] == [("image/png", 4)]


def test_a_file_of_a_hundred_megabytes_is_read_in_part(tmp_path):
    head = b"From: a@b\nSubject: big\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nhello\n--b\n"
    path = tmp_path / "big"
    with path.open("wb") as file:
        file.write(head + b"Content-Type: application/zip; name=a.zip\n\n")
        file.truncate(100_000_000)
    letter = read_file(path, limit=100_000)
    assert (letter.subject, letter.text, letter.size) == ("big", "hello\n", 100_000_000)
    assert Remark.CUT in letter.remarks
    assert letter.attachments[0].name == "a.zip"


def test_a_letter_that_is_gone_or_no_file_is_said_to_be(tmp_path):
    with pytest.raises(LetterGoneError):
        read_file(tmp_path / "none")
    with pytest.raises(StoreError):
        read_file(tmp_path)


def test_a_long_text_is_cut_with_a_remark():
    letter = read_letter(b"From: a@b\n\n" + b"word " * 300_000)
    assert len(letter.text) <= 1024 * 1024 + 1
    assert letter.remarks == (Remark.LONG,)


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
    read_letter(data)
    assert time.process_time() - start < 5.0  # a quadratic reader needs minutes


def test_an_attachment_has_the_name_that_links_in_the_letter_give_it():
    message = EmailMessage()
    message.set_content("see cid:one@x\n")
    message.add_attachment(b"1", maintype="image", subtype="png", filename="a.png", cid="<one@x>")
    message.add_attachment(b"2", maintype="image", subtype="png", filename="b.png")
    assert [part.content_id for part in read_letter(message.as_bytes()).attachments] == ["one@x", ""]


def test_the_header_of_ordinary_mail_is_kept_as_it_came_and_bounded():
    head = b"From: bob@x.example\nX-Odd: \x07 \xff\n\n"
    assert read_letter(head + b"text\n").head == head
    assert read_letter(b"no mail at all").head == b""
    assert (
        len(read_letter(b"From: bob@x.example\nX-Long: " + b"x" * 500_000 + b"\n\ntext\n").head) <= MAX_HEAD
    )
