"""Which parts of a mail are its text and which are files, in structures that programs really write."""

import base64
import binascii
import time

import pytest

from misfin.store.message.mime import read_file, read_message
from misfin.store.message.parts import ReadingRemark

PNG = b"Content-Type: image/png; name=a.png\n\n\x89PNG\n"
PLAIN = b"Content-Type: text/plain\n\nplain\n"
HTML = b"Content-Type: text/html\n\n<p>html</p>\n"


def multipart(kind: str, *parts: bytes, boundary: str = "b") -> bytes:
    head = f'Content-Type: multipart/{kind}; boundary="{boundary}"\n\n'.encode()
    mark = f"--{boundary}".encode()
    return head + b"".join(b"%b\n%b\n" % (mark, part) for part in parts) + mark + b"--\n"


def names(data: bytes) -> list[str]:
    return [file.name for file in read_message(data).attachments]


# ---- alternatives -----------------------------------------------------------------------------------


def test_the_files_of_every_alternative_are_listed_in_their_order():
    inner = multipart("mixed", HTML, PNG, PNG.replace(b"a.png", b"b.png"), boundary="c")
    message = read_message(b"From: a@b\n" + multipart("alternative", PLAIN, inner))
    assert message.text == "plain\n"
    assert [file.name for file in message.attachments] == ["a.png", "b.png"]
    assert not any(file.embedded for file in message.attachments)


def test_an_alternative_without_text_gives_way_to_the_next():
    empty = b"Content-Type: text/plain\n\n \n"
    assert read_message(b"From: a@b\n" + multipart("alternative", empty, HTML)).text == "html\n"
    assert read_message(b"From: a@b\n" + multipart("alternative", empty, empty)).text == ""


def test_text_of_the_other_alternatives_is_not_shown():
    inner = multipart("related", HTML, PLAIN.replace(b"plain\n", b"other\n"), boundary="c")
    message = read_message(b"From: a@b\n" + multipart("alternative", PLAIN, HTML, inner))
    assert (message.text, message.attachments) == ("plain\n", ())


def test_a_picture_of_the_text_is_told_from_a_file():
    picture = b"Content-Type: image/png; name=a.png\nContent-ID: <1>\n\nx\n"
    (file,) = read_message(b"From: a@b\n" + multipart("related", HTML, picture)).attachments
    assert file.embedded
    (file,) = read_message(b"From: a@b\n" + multipart("mixed", HTML, picture)).attachments
    assert not file.embedded


# ---- boundaries -------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
@pytest.mark.parametrize(
    ("field", "remarks"),
    [
        (b"multipart/mixed", (ReadingRemark.CONFUSED,)),
        (b"multipart/mixed; boundary=other", (ReadingRemark.CONFUSED,)),
        (b"multipart/mixed; boundary=b (comment)", ()),
        (b"multipart/mixed; boundary='b'", ()),
        (b"multipart/mixed boundary=b", ()),
        (b"multipart/mixed (x); boundary=b", ()),
    ],
)
def test_a_boundary_is_found_however_it_is_named(field, remarks, end):
    _, _, body = multipart("mixed", PLAIN, PNG).partition(b"\n\n")
    data = b"From: a@b\nContent-Type: %b\n\n" % field + body
    message = read_message(data.replace(b"\n", end))
    assert (message.text, message.remarks) == ("plain\n", remarks)
    assert [file.name for file in message.attachments] == ["a.png"]


def test_quotes_that_belong_to_a_boundary_are_kept():
    assert read_message(b"From: a@b\n" + multipart("mixed", PLAIN, boundary="'b'")).text == "plain\n"


# ---- attached messages ------------------------------------------------------------------------------


def test_an_attached_message_is_shown_below_with_its_own_files():
    inner = b"From: Bob <bob@x>\nSubject: =?utf-8?q?=C3=BC?=\n" + multipart("mixed", PLAIN, PNG, boundary="c")
    for around in (b"Content-Type: message/rfc822\n\n", b"Content-Type: message/global\n\n"):
        message = read_message(b"From: a@b\n" + multipart("mixed", HTML, around + inner))
        assert message.text == "html\n\nAttached message:\nFrom: Bob <bob@x>\nSubject: ü\n\nplain\n"
        assert [file.name for file in message.attachments] == ["message.eml", "a.png"]


def test_a_digest_consists_of_messages():
    parts = [b"\nFrom: a@b\nSubject: %d\n\ntext %d\n" % (number, number) for number in (1, 2)]
    message = read_message(b"From: list@x\n" + multipart("digest", *parts))
    assert message.text.count("Attached message:") == 2
    assert "Subject: 2\n\ntext 2" in message.text


def test_an_attached_message_may_be_encoded():
    inner = base64.encodebytes(b"From: bob@x\nSubject: s\n\nencoded text\n")
    part = b"Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\n" + inner
    data = b"From: a@b\n" + multipart("mixed", part)
    message = read_message(data)
    assert "Subject: s\n\nencoded text\n" in message.text
    assert message.attachments[0].content(data).startswith(b"From: bob@x")


# ---- files between the lines ------------------------------------------------------------------------


def uuencoded(content: bytes, name: bytes) -> bytes:
    lines = [binascii.b2a_uu(content[at : at + 45]) for at in range(0, len(content), 45)]
    return b"begin 644 %b\n%b`\nend\n" % (name, b"".join(lines))


def test_uuencoded_files_are_listed_and_their_lines_hidden():
    content = bytes(range(256)) * 3
    data = (
        b"From: a@b\n\nOne.\n"
        + uuencoded(content, b"a b.bin")
        + b"Two.\n"
        + uuencoded(b"x", b"c")
        + b"Three.\n"
    )
    for sent in (data, data.replace(b"\n", b"\r\n")):
        message = read_message(sent)
        assert message.text == "One.\nTwo.\nThree.\n"
        assert [(file.name, file.size) for file in message.attachments] == [("a b.bin", 768), ("c", 1)]
        assert message.attachments[0].content(sent) == content


@pytest.mark.parametrize(
    "text",
    ["begin 644 the beginning\nof a story\nend\n", "begin 644 a\n#0V%T\nand no last line\n", "begin again\n"],
)
def test_text_about_beginnings_stays_text(text):
    message = read_message(b"From: a@b\n\n" + text.encode())
    assert (message.text, message.attachments) == (text, ())


def test_a_uuencoded_file_without_a_name_is_listed():
    data = b"From: a@b\n\nOne.\n" + uuencoded(b"words", b"")
    message = read_message(data)
    assert (message.text, [file.content(data) for file in message.attachments]) == ("One.\n", [b"words"])


def test_text_that_is_said_to_be_base64_and_is_not_is_shown_as_it_is():
    data = b"From: a@b\nContent-Transfer-Encoding: base64\n\nwords that nobody\nencoded at all\n"
    assert read_message(data).text == "words that nobody\nencoded at all\n"


def test_a_yenc_file_is_listed():
    data = (
        b"From: a@b\n\nSee:\n=ybegin line=128 size=3 name=a.bin\n"
        + bytes([139, 140, 141])
        + b"\n=yend size=3\n"
    )
    message = read_message(data)
    assert (message.text, [file.name for file in message.attachments]) == ("See:\n", ["a.bin"])
    assert message.attachments[0].content(data) == b"abc"


@pytest.mark.parametrize("encoding", ["base64", "quoted-printable"])
def test_files_in_an_encoded_text_are_listed_too(encoding):
    encode = {"base64": base64.encodebytes, "quoted-printable": binascii.b2a_qp}[encoding]
    text = b"One.\n" + uuencoded(b"uu words", b"a.txt") + b"Two.\n=ybegin line=128 size=3 name=b.bin\n"
    text += bytes([139, 140, 141]) + b"\n=yend size=3\nThree.\n"
    data = b"From: a@b\nContent-Transfer-Encoding: %b\n\n%b" % (encoding.encode(), encode(text))
    message = read_message(data)
    assert message.text == "One.\nTwo.\nThree.\n"
    assert [(file.name, file.content(data)) for file in message.attachments] == [
        ("a.txt", b"uu words"),
        ("b.bin", b"abc"),
    ]


def test_files_of_an_encoded_message_are_listed_and_opened():
    inner = b"From: c@d\nSubject: inner\n" + multipart("mixed", PLAIN, PNG, boundary="c")
    coded = b"Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\n" + base64.encodebytes(inner)
    data = b"From: a@b\n" + multipart("mixed", PLAIN, coded)
    message = read_message(data)
    assert [file.name for file in message.attachments] == ["message.eml", "a.png"]
    assert message.attachments[1].content(data) == b"\x89PNG\n"


# ---- bounds -----------------------------------------------------------------------------------------


def test_of_very_many_parts_the_first_are_listed():
    message = read_message(b"From: a@b\n" + multipart("mixed", *[PNG] * 10_000))
    assert 400 < len(message.attachments) <= 500
    assert message.remarks == (ReadingRemark.MANY,)


def test_a_nest_of_five_hundred_levels_is_read_as_far_as_makes_sense():
    parts = messages = b"Subject: x\n\ndeep\n"
    for number in range(500):
        parts = multipart("mixed", parts, boundary=f"b{number}")
        messages = b"From: a@b\nContent-Type: message/rfc822\n\n" + messages
    assert ReadingRemark.DEEP in read_message(b"From: a@b\n" + parts).remarks
    nested = read_message(messages)
    assert nested.text.count("Attached message:") == 50
    assert ReadingRemark.DEEP in nested.remarks


def test_files_thirty_levels_deep_are_listed_and_opened():
    parts = multipart("mixed", PLAIN, PNG, boundary="b0")
    for number in range(1, 31):
        parts = multipart("mixed", parts, boundary=f"b{number}")
    data = b"From: a@b\n" + parts
    message = read_message(data)
    assert (message.text, message.remarks) == ("plain\n", ())
    assert [file.content(data) for file in message.attachments] == [b"\x89PNG\n"]


def test_deep_levels_of_a_large_mail_do_not_multiply_its_time():
    parts = b"Content-Type: application/x-y; name=a\n\n" + b"--b1 \n" * 500_000
    for number in range(1, 49):
        parts = multipart("mixed", parts, boundary=f"b{number}")
    began = time.process_time()
    assert ReadingRemark.DEEP in read_message(b"From: a@b\n" + parts).remarks
    assert time.process_time() - began < 3


def test_two_hundred_megabytes_are_read_in_part(tmp_path):
    path = tmp_path / "large"
    head = multipart("mixed", PLAIN, b"Content-Type: application/zip; name=a.zip\n\n").removesuffix(
        b"\n--b--\n"
    )
    with path.open("wb") as file:
        file.write(b"From: a@b\n" + head)
        file.truncate(200_000_000)
    message = read_file(path)
    assert (message.text, message.size) == ("plain\n", 200_000_000)
    assert ReadingRemark.CUT in message.remarks


def test_a_header_of_a_hundred_thousand_recipients_is_read_up_to_a_thousand():
    recipients = b",\n ".join(b"P %d <p%d@some.example>" % (number, number) for number in range(100_000))
    message = read_message(b"From: a@b\nTo: " + recipients + b"\nSubject: x\n\ntext\n")
    assert (len(message.to), message.subject, message.text) == (1000, "x", "text\n")
