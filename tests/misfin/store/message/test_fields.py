"""Header fields of any mail: read as the standard library reads sound ones, else as far as it goes."""

import email
import email.header
import email.policy
from email.message import EmailMessage

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from misfin.store.message import fields

# ---- the header as a whole ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "names", "body"),
    [
        (b"A: 1\nB: 2\n\nbody", ["a", "b"], b"body"),
        (b"A: 1\r\nB: 2\r\n\r\nbody\r\n", ["a", "b"], b"body\r\n"),
        (b"A: 1\n folded\n\tmore\n\nbody", ["a"], b"body"),
        (b"From a@b Thu Nov 19 15:02:00 2026\n>From x\nA: 1\n\nbody", ["a"], b"body"),
        (b"A: 1\nno field\nB: 2\n\nbody", ["a"], b"no field\nB: 2\n\nbody"),
        (b"A: 1\r\nno field\r\nB: 2\r\n\r\nbody", ["a"], b"no field\r\nB: 2\r\n\r\nbody"),
        (b"no header at all\nA: 1\n\nbody", [], b"no header at all\nA: 1\n\nbody"),
        (b"A: 1", ["a"], b""),
        (b"A: 1\n", ["a"], b""),
        (b"A : 1\n\n\n", ["a"], b"\n"),
        (b"\nA: 1\n", [], b"\nA: 1\n"),
        (b"", [], b""),
    ],
)
def test_a_header_ends_where_its_fields_end(data, names, body):
    headers, start = fields.split(data)
    assert list(headers) == names
    assert data[start:] == body


def test_repeated_fields_are_all_kept_in_order():
    headers, _ = fields.split(b"To: a@x\nTO: b@x\n\n")
    assert [person.address for person in fields.people(headers["to"])] == ["a@x", "b@x"]


def test_a_header_is_read_up_to_its_limit():
    headers, start = fields.split(b"A: 1\n" * 200_000 + b"\nbody")
    assert len(headers["a"]) <= fields.MAX_HEADER / 5 + 1
    assert start <= fields.MAX_HEADER + 1


# ---- texts ----------------------------------------------------------------------------------------


@settings(max_examples=150, deadline=None)
@given(
    st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=80),
    st.sampled_from(["utf-8", "iso-8859-1", "koi8-r", "gb2312", "us-ascii"]),
)
def test_what_the_standard_library_encodes_is_decoded(text, charset):
    try:
        coded = email.header.Header(text, charset).encode()
    except UnicodeError:
        return
    assert "".join(fields.text(coded.encode()).split()) == "".join(text.split())


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"plain  text ", "plain text"),
        (b"folded\n text", "folded text"),
        (b"=?utf-8?q?a_b=5Fc?=", "a b_c"),
        (b"=?utf-8?q?one?= =?utf-8?q?two?=", "onetwo"),
        (b"=?utf-8?q?one?= and =?utf-8?q?two?=", "one and two"),
        (b"=?utf-8?b?w?= =?utf-8?b?7w==?=", "ï"),
        (b"=?utf-8*en?q?hello?=", "hello"),
        (b"=?x-none?q?hello?=", "hello"),
        (b"=?idna?q?hello?=", "hello"),
        (b"=?hex?q?68?=", "68"),
        (b"=?utf-8?q?unclosed", "=?utf-8?q?unclosed"),
        (b"=?utf-8?x?what?=", "=?utf-8?x?what?="),
        ("Grüße".encode(), "Grüße"),
        ("Grüße".encode("latin-1"), "Grüße"),
        (b"=?utf-8?b?!!!?=", ""),
    ],
)
def test_encoded_words_are_decoded_or_left_alone(raw, text):
    assert fields.text(raw) == text


@pytest.mark.parametrize(
    ("raw", "charset", "text", "clean"),
    [
        (b"abc", "", "abc", True),
        ("ü".encode(), "", "ü", True),
        (b"\xfc", "", "ü", False),
        (b"\xfc", "iso-8859-1", "ü", True),
        (b"\x80", "iso-8859-1", "€", True),
        (b"\xfc", "utf-8", "ü", False),
        (b"\x81\x20", "utf-8", "\ufffd ", False),
        ("ü".encode(), "shift_jis", "ﾃｼ", True),
        ("你".encode("gb18030"), "GB2312", "你", True),
        (b"abc", "punycode", "abc", False),
        (b"abc", "\0", "abc", False),
        (b"\xfc", "unknown-8bit", "ü", False),
    ],
)
def test_bytes_become_text_whatever_they_claim_to_be(raw, charset, text, clean):
    assert fields.decoded(raw, charset) == (text, clean)


# ---- people, dates, identifiers -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "people"),
    [
        ("a@x", [("", "a@x")]),
        ("A B <a@x>", [("A B", "a@x")]),
        ('"B, A" <a@x>, c@x', [("B, A", "a@x"), ("", "c@x")]),
        ("a@x (A B (really))", [("A B (really)", "a@x")]),
        ("Team: a@x, B <b@x>; , c@x", [("", "a@x"), ("B", "b@x"), ("", "c@x")]),
        ("undisclosed-recipients:;", []),
        ("=?utf-8?q?B=C3=BC=2C_A?= <a@x>", [("Bü, A", "a@x")]),
        ("=?utf-8?b?w?= =?utf-8?b?7w=?= <a@x>", [("ï", "a@x")]),
        ("nobody", [("", "nobody")]),
        ('"unclosed <a@x>', [("unclosed <a@x>", "")]),
        ("<a@x", [("", "a@x")]),
        ("x <[a@x]>,(,", [("x", "[a@x]")]),
        ("a@[IPv6:::1]", [("", "a@[IPv6:::1]")]),
        ("", []),
    ],
)
def test_people_are_taken_apart(field, people):
    assert [(person.name, person.address) for person in fields.people([field.encode()])] == people


@pytest.mark.parametrize(
    ("date", "iso"),
    [
        ("Thu, 19 Nov 2026 15:02:00 +0100", "2026-11-19T14:02:00+00:00"),
        ("19 Nov 2026 14:02 GMT", "2026-11-19T14:02:00+00:00"),
        ("Thu,  1 Jan 1970 00:00:00 -0000", "1970-01-01T00:00:00+00:00"),
        ("1 Jan 2100 00:00:00 EST", "2100-01-01T05:00:00+00:00"),
        ("1 Jan 69 00:00:00 +0000", "1969-01-01T00:00:00+00:00"),
        ("31 Feb 2026 00:00:00 +0000", None),
        ("31 Dec 9999 23:59:60 -1200", None),
        ("yesterday", None),
        ("", None),
    ],
)
def test_dates_are_read_or_left_out(date, iso):
    found = fields.moment(date.encode())
    assert (found.isoformat() if found else None) == iso


def test_a_field_of_too_many_people_is_cut():
    assert len(fields.people([b"a@b, " * 5000])) == fields.MAX_PEOPLE


def test_identifiers_are_found_once_each_between_whatever_else():
    found = fields.ids([b"<a@x>\n <b@x> junk <a@x> <no space@x> <>", b"<c@x>"])
    assert found == ("<a@x>", "<b@x>", "<c@x>")
    assert len(fields.ids([b"".join(b"<%d@x>" % n for n in range(500))])) == fields.MAX_IDS


# ---- content types --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "kind", "parameters"),
    [
        (b"text/plain", "text/plain", {}),
        (b" TEXT/Plain ; Charset=UTF-8", "text/plain", {"charset": "UTF-8"}),
        (b'a/b; name="x; y=\\"z\\""; n=1', "a/b", {"name": 'x; y="z"', "n": "1"}),
        (b"a/b;\n boundary=abc", "a/b", {"boundary": "abc"}),
        (b"attachment; filename*=utf-8''%e2%82%ac%20rates", "attachment", {"filename": "€ rates"}),
        (b"a; n*0=long; n*1=er; n*2*=%20name", "a", {"n": "longer name"}),
        (b"a; n*1=b; n*0*=iso-8859-1'en'%fc", "a", {"n": "üb"}),
        (b'a; filename="=?utf-8?q?=C3=BC.txt?="', "a", {"filename": "ü.txt"}),
        (b'a; n="unclosed', "a", {"n": "unclosed"}),
        (b"a; ; =x; n", "a", {}),
        (b"a; n*x=1; n*=%zz", "a", {"n*x": "1", "n": "%zz"}),
        (b"", "", {}),
    ],
)
def test_content_types_and_their_parameters(raw, kind, parameters):
    assert fields.content(raw) == (kind, parameters)


@settings(max_examples=80, deadline=None)
@given(st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=60))
def test_a_file_name_as_the_standard_library_writes_it(name):
    message = EmailMessage()
    message.set_content(b"", maintype="application", subtype="pdf", filename=name)
    headers, _ = fields.split(bytes(message))
    assert fields.content(headers["content-disposition"][0])[1]["filename"] == name


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=120))
def test_no_bytes_make_a_field_fail(raw):
    fields.text(raw)
    fields.people([raw])
    fields.ids([raw])
    fields.moment(raw)
    fields.content(raw)
    fields.split(raw)
