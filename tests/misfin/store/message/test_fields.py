"""Header fields of any mail: read as the standard library reads sound ones, else as far as it goes."""

import email
import email.header
import email.policy
from email.message import EmailMessage

import pytest
from hypothesis import example, given, settings
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


def test_a_header_is_read_up_to_its_limit_and_the_body_follows_it():
    for end in (b"\n", b"\r\n"):
        data = (b"A: 1" + end) * 1_000_000 + end + b"body"
        headers, start = fields.split(data)
        assert len(headers["a"]) <= fields.MAX_HEADER / 5 + 1
        assert data[start:] == b"body"


def test_a_long_header_is_read_whole():
    recipients = b",\n ".join(b"person%d@x.example" % number for number in range(20_000))
    headers, _ = fields.split(b"To: " + recipients + b"\nSubject: x\n\nbody")
    assert list(headers) == ["to", "subject"]


@pytest.mark.parametrize(
    ("data", "begins"),
    [
        (b"\nA: 1\n", 1),
        (b"\r\n \r\nA: 1\n", 5),
        (b"From a@b Thu Nov 19 15:02:00 2026\n\nA: 1\n", 35),
        (b"\nno field\n", 0),
        (b"\n" * 5000, 0),
        (b"", 0),
    ],
)
def test_blank_lines_above_a_header_are_passed_over(data, begins):
    assert fields.beginning(data) == begins


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
        (b"=?utf-8?q?Ready?_Yes_=C3=A4?=", "Ready? Yes ä"),
        (b"=?utf-8?q?what??= =?utf-8?q?=3F?=", "what??"),
        (b"=?utf-8?q?a?= =?iso-8859-1?q?=FC?=", "aü"),
        (b"=?utf-8?b?R3LDvMOfZSDD?=", "Grüße \ufffd"),
        ("Grüße ".encode() + b"\xc3", "Grüße \ufffd"),
        (b"=?iso-2022-jp?b?GyRCQmgtIT5PGyhC?=", "第①章"),
        (b"\x1b$BBh>O\x1b(B", "第章"),
        (b"=?utf-8?x?what?=", "=?utf-8?x?what?="),
        ("Grüße".encode(), "Grüße"),
        ("Grüße".encode("latin-1"), "Grüße"),
        (b"=?utf-8?b?!!!?=", ""),
    ],
)
def test_encoded_words_are_decoded_or_left_alone(raw, text):
    assert fields.text(raw) == text


# ---- people, identifiers -------------------------------------------------------------------


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
        ('Odd <"odd local@x"@x.example>', [("Odd", '"odd local@x"@x.example')]),
        ('"a>b"@x.example, c@x', [("", '"a>b"@x.example'), ("", "c@x")]),
        ('Odd <"a>b"@x.example>', [("Odd", '"a>b"@x.example')]),
        ("A < a @ x >", [("A", "a@x")]),
        ("=?utf-8?q?Last,_First_<a?= <a@x>, b@x", [("Last, First <a", "a@x"), ("", "b@x")]),
        ('"=?utf-8?q?Last=2C_First?=" <a@x>', [("Last, First", "a@x")]),
        ("=?utf-8?b?SWRhIFByw7ZiZSA8aWRhQHg+?=", [("Ida Pröbe", "ida@x")]),
        ("=?utf-8?q?a=40x?=", [("", "a@x")]),
        ("=?utf-8?q?a?= (=?utf-8?q?b?=)", [("a", "")]),
        ("a@x (=?utf-8?q?b?=)", [("b", "a@x")]),
        ("bounce+a=x.example@y, c@x", [("", "bounce+a=x.example@y"), ("", "c@x")]),
        ('"unclosed <a@x>', [("unclosed <a@x>", "")]),
        ("<a@x", [("", "a@x")]),
        ("x <[a@x]>,(,", [("x", "[a@x]")]),
        ("a@[IPv6:::1]", [("", "a@[IPv6:::1]")]),
        ("", []),
    ],
)
def test_people_are_taken_apart(field, people):
    assert [(person.name, person.address) for person in fields.people([field.encode()])] == people


def test_a_field_of_too_many_people_is_cut():
    assert len(fields.people([b"a@b, " * 5000])) == fields.MAX_PEOPLE


def test_identifiers_are_found_once_each_between_whatever_else():
    found = fields.ids([b"<a@x>\n <b@x> junk <a@x> <no space@x> <>", b"<c@x>"])
    assert found == ("<a@x>", "<b@x>", "<nospace@x>", "<c@x>")
    assert len(fields.ids([b"".join(b"<%d@x>" % n for n in range(500))])) == fields.MAX_IDS


@pytest.mark.parametrize(
    ("field", "found"),
    [
        (b" a@x", ("<a@x>",)),
        (b"a@x, b@x\n c@x", ("<a@x>", "<b@x>", "<c@x>")),
        (b"Your message of Tuesday from a@x", ()),
        (b"a@x <b@x>", ("<b@x>",)),
        (b"<< a@x>>", ("<a@x>",)),
        (b"no identifier", ()),
        (b"@", ()),
        (b"<" + b"1" * 300 + b"@x>", ("<" + "1" * 300 + "@x>",)),
        (b"", ()),
    ],
)
def test_identifiers_may_lack_their_brackets_where_nothing_else_is_said(field, found):
    assert fields.ids([field]) == found


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
        (b"text/html charset=utf-8", "text/html", {"charset": "utf-8"}),
        (b"text/html (comment; x=1); charset=utf-8", "text/html", {"charset": "utf-8"}),
        (b'"text/html"; charset=utf-8', "text/html", {"charset": "utf-8"}),
        (b"text/plain, text/html", "text/plain", {}),
        (b'attachment filename="a b.pdf"', "attachment", {"filename": "a b.pdf"}),
        (b"a/b; name=a b (1).pdf; x=1", "a/b", {"name": "a b (1).pdf", "x": "1"}),
        (b"a/b; boundary=b1 (comment)", "a/b", {"boundary": "b1"}),
        (b"a/b; charset=utf-8 name=x", "a/b", {"charset": "utf-8", "name": "x"}),
        (b"a/b; boundary=----=_x.1==", "a/b", {"boundary": "----=_x.1=="}),
        (b"a; name==?utf-8?q?b=C3=BC;_neu.pdf?=", "a", {"name": "bü; neu.pdf"}),
        (b"a; name==?utf-8?q?a?=\n =?utf-8?q?b?=; x=1", "a", {"name": "ab", "x": "1"}),
        (b'a; n*0="=?utf-8?q?=C3"; n*1="=BC?="', "a", {"n": "ü"}),
        (b'a; filename="C:\\Users\\ida\\new plan.pdf"', "a", {"filename": "new plan.pdf"}),
        (b'a; filename="\\\\server\\share\\plan.pdf"', "a", {"filename": "plan.pdf"}),
        (b'a; filename="a\\"b.pdf"', "a", {"filename": 'a"b.pdf'}),
        (b"", "", {}),
    ],
)
def test_content_types_and_their_parameters(raw, kind, parameters):
    assert fields.content(raw) == (kind, parameters)


@settings(max_examples=80, deadline=None)
@given(st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=60))
@example("\\")
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


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"=?iso-8859-1?Q?Die_Fr\xf6sche?=", "Die Frösche"),
        ("=?utf-8?q?Fr_ös=C3=B6?=".encode(), "Fr ösö"),
        (b"[x] =??Q?Re=3A_Bras=EDlia?=", "[x] Re: Brasília"),
    ],
)
def test_encoded_words_written_against_the_rules_are_decoded(raw, text):
    assert fields.text(raw) == text


@pytest.mark.parametrize(
    ("raw", "wanted"),
    [
        (b"Bob D <bob@x> Bobby <bobby@y>, C <c@z>", [("Bob D", "bob@x"), ("Bobby", "bobby@y"), ("C", "c@z")]),
        (b"<@a.example,@b.example:ada@c.example>", [("", "ada@c.example")]),
        (b"Ada <@a.example:ada@c.example>", [("Ada", "ada@c.example")]),
        (b"a@b.example <c@d.example>", [("a@b.example", "c@d.example")]),
    ],
)
def test_people_without_a_comma_between_them_and_old_routes_are_read(raw, wanted):
    assert [(who.name, who.address) for who in fields.people([raw])] == wanted


@pytest.mark.parametrize(
    ("raw", "wanted"),
    [
        (rb"Pete(A \) chap) <pete(his account)@silly.test(his host)>", [("Pete", "pete@silly.test")]),
        (b"<pete(x)@y.example>", [("", "pete@y.example")]),
        (b"Big Bug bb@bug.example", [("Big Bug", "bb@bug.example")]),
        (b"bb@bug.example via List", [("via List", "bb@bug.example")]),
        (b"Bo bo@x.example, cy@z.example (Cy)", [("Bo", "bo@x.example"), ("Cy", "cy@z.example")]),
        (b"tim@p.example con@p.example", [("", "tim@p.example"), ("", "con@p.example")]),
        (b"Foo @ Bar", [("Foo @ Bar", "")]),
    ],
)
def test_addresses_with_comments_inside_or_without_brackets_are_found(raw, wanted):
    assert [(person.name, person.address) for person in fields.people([raw])] == wanted
