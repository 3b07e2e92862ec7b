"""Addresses: what is taken, what is refused, and the one form they end up in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from misfin.errors import AddressError
from misfin.model.address import DEFAULT_PORT, MisfinAddress, parse_uri, same_person


@pytest.mark.parametrize(
    ("text", "mailbox", "hostname", "blurb", "port"),
    [
        ("ada@mail.example", "ada", "mail.example", "", None),
        ("ada@mail.example Ada Example", "ada", "mail.example", "Ada Example", None),
        ("ada@mail.example\t Ada\tExample ", "ada", "mail.example", "Ada\tExample", None),
        ("  ada@mail.example  ", "ada", "mail.example", "", None),
        ("Ada@MAIL.Example.", "Ada", "mail.example", "", None),
        ("ada@mail.example:1959 Ada", "ada", "mail.example", "Ada", 1959),
        ("misfin:ada@mail.example", "ada", "mail.example", "", None),
        ("misfin://ada@mail.example:1959", "ada", "mail.example", "", 1959),
        ("MISFIN://ada@mail.example Ada", "ada", "mail.example", "Ada", None),
        ("ada@localhost", "ada", "localhost", "", None),
        ("ada@127.0.0.1:1958", "ada", "127.0.0.1", "", 1958),
        ("ada@[::1]", "ada", "[::1]", "", None),
        ("ada@[2001:DB8:0:0::1]:1959", "ada", "[2001:db8::1]", "", 1959),
        ("ada@münchen.example", "ada", "xn--mnchen-3ya.example", "", None),
        ("ada@MÜNCHEN.example", "ada", "xn--mnchen-3ya.example", "", None),
        ("ada@straße.example", "ada", "xn--strae-oqa.example", "", None),
        ("ada@例え。テスト", "ada", "xn--r8jz45g.xn--zckzah", "", None),
        ("ada@xn--mnchen-3ya.example", "ada", "xn--mnchen-3ya.example", "", None),
        ("ada@my_host.example", "ada", "my_host.example", "", None),
        ("žluť@mail.example", "žluť", "mail.example", "", None),
        ("a.b_c-d+e!~@mail.example", "a.b_c-d+e!~", "mail.example", "", None),
        (
            "ada@mail.example mail me at bea@hive.example",
            "ada",
            "mail.example",
            "mail me at bea@hive.example",
            None,
        ),
    ],
)
def test_an_address_is_read(text, mailbox, hostname, blurb, port):
    address = MisfinAddress.parse(text)
    assert (address.mailbox, address.hostname, address.blurb, address.port) == (
        mailbox,
        hostname,
        blurb,
        port,
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "ada",
        "@",
        "ada@",
        "@mail.example",
        "a@b@mail.example",
        "ada @mail.example",
        "Ada (ada@mail.example)",
        "a,b@mail.example",
        "<ada@mail.example>",
        "a:b@mail.example",
        "a/b@mail.example",
        "a?b@mail.example",
        "a#b@mail.example",
        "a\x00b@mail.example",
        "a\u202eb@mail.example",
        "a\u200bb@mail.example",
        "a\ud800b@mail.example",
        "ada@-mail.example",
        "ada@mail-.example",
        "ada@mail..example",
        "ada@.mail.example",
        "ada@mail.example..",
        "ada@" + "a" * 64 + ".example",
        "ada@" + "a." * 126 + "aa",
        "ada@mail.example/",
        "ada@mail\u2024example",
        "ada@ma\u202eil.example",
        "ada@\u0301x.example",
        "ada@☃.example",
        "ada@a℀b.example",
        "ada@mail.example:",
        "ada@mail.example:0",
        "ada@mail.example:65536",
        "ada@mail.example:999999",
        "ada@mail.example:19x",
        "ada@mail.example:١٩",
        "ada@[::1",
        "ada@[fe80::1%eth0]",
        "ada@[mail.example]",
        "mailto:ada@mail.example",
        "gemini://ada@mail.example",
    ],
)
def test_what_is_no_address_is_refused_with_a_sentence(text):
    with pytest.raises(AddressError) as info:
        MisfinAddress.parse(text)
    assert str(info.value).endswith(".")
    assert str(info.value).isprintable()
    assert info.value.remedy


def test_an_error_does_not_repeat_endless_input():
    with pytest.raises(AddressError) as info:
        MisfinAddress.parse("a" * 1_000_000)
    assert len(str(info.value)) < 200


def test_an_address_is_checked_however_it_is_made():
    with pytest.raises(AddressError):
        MisfinAddress("ada", "mail example")
    with pytest.raises(AddressError):
        MisfinAddress("a,b", "mail.example")
    with pytest.raises(AddressError):
        MisfinAddress("ada", "mail.example", port=0)
    assert MisfinAddress("ada", "MAIL.example").hostname == "mail.example"


def test_forms():
    address = MisfinAddress("ada", "mail.example", "Ada Example", 1959)
    assert address.address == "ada@mail.example"
    assert address.long_form == "Ada Example (ada@mail.example)"
    assert str(address) == "ada@mail.example Ada Example"
    assert MisfinAddress("ada", "mail.example").long_form == "ada@mail.example"
    assert DEFAULT_PORT == 1958


def test_a_written_blurb_cannot_end_its_item_or_line():
    address = MisfinAddress("ada", "mail.example", "Ada,\r\nbea@hive.example\tx")
    assert str(address) == "ada@mail.example Ada   bea hive.example x"
    assert str(MisfinAddress("ada", "mail.example", ",@")) == "ada@mail.example"


def test_a_port_does_not_make_another_mailbox():
    assert MisfinAddress.parse("ada@mail.example:1959") == MisfinAddress.parse("ada@mail.example")


@pytest.mark.parametrize(
    ("text", "port", "written"),
    [
        ("ada@mail.example Ada", 1958, "ada@mail.example"),
        ("ada@mail.example:1958", 1958, "ada@mail.example"),
        ("ada@Mail.example:1999 Ada", 1999, "ada@mail.example:1999"),
    ],
)
def test_only_an_unusual_port_is_written(text, port, written):
    address = MisfinAddress.parse(text)
    assert (address.server_port, address.with_port) == (port, written)
    assert MisfinAddress.parse(address.with_port).server_port == port


def test_only_the_self_test_forgets_the_case_of_the_mailbox():
    big, small = MisfinAddress.parse("Ada@Mail.example"), MisfinAddress.parse("ada@mail.example")
    assert big.key != small.key
    assert same_person(big, small)
    assert not same_person(big, MisfinAddress.parse("ada@hive.example"))


@pytest.mark.parametrize(
    ("uri", "address", "text"),
    [
        ("misfin:dev@hive.example?subscribe", "dev@hive.example", "subscribe"),
        ("misfin://ada@mail.example", "ada@mail.example", ""),
        ("misfin://ada@mail.example/", "ada@mail.example", ""),
        ("MISFIN:ada@mail.example", "ada@mail.example", ""),
        ("misfin:ada@mail.example?%23%20Hi%0A%0Aa%2Bb+c?&d", "ada@mail.example", "# Hi\n\na+b+c?&d"),
        ("misfin:ada@mail.example?%C5%BElu%C5%A5", "ada@mail.example", "žluť"),
        ("misfin:%C5%BElu%C5%A5@mail.example", "žluť@mail.example", ""),
        ("misfin:ada@mail.example?a%0D%0Ab%0Dc", "ada@mail.example", "a\nb\nc"),
        ("misfin:ada@mail.example?%00%1B[2J%C2%9Bx%09", "ada@mail.example", "[2Jx\t"),
        ("misfin:ada@mail.example?100%&%zz%f", "ada@mail.example", "100%&%zz%f"),
        ("misfin:ada@mail.example?%FF", "ada@mail.example", "\ufffd"),
        ("misfin:ada@mail.example?x#y", "ada@mail.example", "x"),
        (" misfin:ada@mail.example ", "ada@mail.example", ""),
    ],
)
def test_a_link_is_read(uri, address, text):
    assert parse_uri(uri) == (MisfinAddress.parse(address), text)


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "ada@mail.example",
        "mailto:ada@mail.example",
        "misfin:",
        "misfin:ada",
        "misfin:a%40b@c",
        "misfin:ada@x/y?z",
    ],
)
def test_any_other_link_is_refused(uri):
    with pytest.raises(AddressError):
        parse_uri(uri)


mailboxes = st.from_regex(r"[^\s@:/?#\[\],<>]{1,12}", fullmatch=True).filter(str.isprintable)
hostnames = st.from_regex(r"[a-zA-Z0-9äßé]{1,10}(\.[a-z0-9]{1,10}){0,3}\.?", fullmatch=True)
blurbs = st.text(st.characters(exclude_characters=",@\r\n\t", exclude_categories=["Cs"]), max_size=20)
addresses = st.builds(MisfinAddress, mailboxes, hostnames, blurbs)


@given(addresses)
def test_a_written_address_is_read_back(address):
    assert MisfinAddress.parse(str(address)) == address
    assert MisfinAddress(address.mailbox, address.hostname, address.blurb) == address


@given(st.text() | st.builds("{}@{}{}".format, st.text(), st.text(), st.text()))
def test_any_text_is_an_address_or_an_address_error(text):
    try:
        address = MisfinAddress.parse(text)
    except AddressError as e:
        assert str(e).isprintable()
    else:
        assert MisfinAddress.parse(str(address)).key == address.key


@given(st.text() | st.builds("misfin:{}@{}?{}".format, st.text(), st.text(), st.text()))
def test_any_text_is_a_link_or_an_address_error(text):
    try:
        _, draft = parse_uri(text)
    except AddressError:
        return
    assert "\r" not in draft
    assert "\x1b" not in draft


@pytest.mark.parametrize(
    "endless",
    [
        "a@" + "ü" * 1_000_000,
        "@" * 1_000_000,
        "a@b:" + "1" * 1_000_000,
        " " * 1_000_000,
        "a@" + "." * 1_000_000,
    ],
    ids=range(5),
)
def test_reading_is_linear(endless):
    """No time at all; a quadratic reader would need hours."""
    with pytest.raises(AddressError):
        MisfinAddress.parse(endless)
