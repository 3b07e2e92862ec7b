"""Labels of character sets mean what they mean to browsers, and one bad byte costs one character."""

import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from misfin.store.message import charsets, fields


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


@pytest.mark.parametrize(
    ("label", "raw", "text"),
    [
        ("shift_jis", "①髙～".encode("cp932"), "①髙～"),
        ("windows-31j", "①".encode("cp932"), "①"),
        ("EUC-KR", "똠".encode("cp949"), "똠"),
        ("ks_c_5601-1987", "똠".encode("cp949"), "똠"),
        ("cp949", "똠".encode("cp949"), "똠"),
        ("big5", "咗".encode("big5hkscs"), "咗"),
        ("cp950", "碁".encode("big5hkscs"), "碁"),
        ("gb2312", "镕€".encode("gb18030"), "镕€"),
        ("windows-936", "镕".encode("gb18030"), "镕"),
        ("windows-874", "ไทย”".encode("cp874"), "ไทย”"),
        ("tis-620", "ไทย".encode("cp874"), "ไทย"),
        ("iso-8859-8-i", "שלום".encode("iso8859_8"), "שלום"),
        ("iso-8859-9", "ş€".encode("cp1254"), "ş€"),
        ("latin1", b"\x93x\x94", "“x”"),
        ("cp-850", "ü".encode("cp850"), "ü"),
        ("IBM437", "ü".encode("cp437"), "ü"),
        ("x-cp1251", "Привет".encode("cp1251"), "Привет"),
        ("win-1251", "Привет".encode("cp1251"), "Привет"),
        ("x-mac-cyrillic", "Привет".encode("mac_cyrillic"), "Привет"),
        ("koi8-ru", "Привет".encode("koi8_u"), "Привет"),
        ("utf8", "ü".encode(), "ü"),
        ("'utf-8'", "ü".encode(), "ü"),
        ("utf-7", "ü".encode("utf_7"), "ü"),
        ("unicode-1-1-utf-7", "ü".encode("utf_7"), "ü"),
        ("iso-2022-kr", "한글".encode("iso2022_kr"), "한글"),
        ("hz-gb-2312", "你好".encode("hz"), "你好"),
        ("euc-jp", "漢字と\u301c".encode("euc_jp"), "漢字と～"),
        ("euc-jp", b"\xad\xa1\xb4\xc1\x8e\xb1", "①漢ｱ"),
        ("cp51932", b"\xad\xa1", "①"),
        ("iso-2022-jp", b"\x1b$B-!4A\x1b(I123\x1b(B abc", "①漢ｱｲｳ abc"),
        ("iso-2022-jp", b"\x1b$(D0!\x1b(B", "丂"),
        ("iso-2022-jp", b"abc \xb1\xb2", "abc ｱｲ"),
        ("cp50220", b"\x1b$B-!\x1b(J", "①"),
        ("us-ascii", "ü".encode(), "ü"),
        ("", b"\x1b$B4A\x1b(B", "漢"),
    ],
)  # fmt: skip
def test_a_label_means_the_set_that_mail_uses_it_for(label, raw, text):
    assert fields.decoded(raw, label) == (text, True)


@pytest.mark.parametrize(
    ("label", "raw", "text"),
    [
        ("utf-8", "schöne Grüße ".encode() + b"b\xe1h", "schöne Grüße b\ufffdh"),
        ("utf-8", "schöne".encode() + b" \xfc\xfc\xfc", "schöne \ufffd\ufffd\ufffd"),
        ("utf-8", "\ufffd".encode() + b" b\xe1h", "\ufffd b\ufffdh"),
        ("", "\ufffd".encode() + b" b\xe1h", "\ufffd b\ufffdh"),
        ("utf-8", b"Mitglieder\xc3", "Mitglieder\ufffd"),
        ("utf-8", b"cut \xe4\xbd", "cut \ufffd"),
        ("utf-8", b"caf\xe9", "café"),
        ("", "schöne".encode() + b" b\xe1h", "schöne b\ufffdh"),
        ("", b"Gr\xfc\xdfe", "Grüße"),
        ("shift_jis", "漢字".encode("cp932") + b"\x85!", "漢字\ufffd!"),
        ("iso-2022-jp", "ü".encode(), "ﾃｼ"),
        ("euc-jp", "漢字".encode("euc_jp") + b"\xff!", "漢字\ufffd!"),
        ("big5", "Grüße".encode(), "Grüße"),
        ("utf-7", b"+AD4 quoted +zz!", "> quoted \ufffd"),
    ],
)
def test_bad_bytes_do_not_change_the_character_set(label, raw, text):
    assert fields.decoded(raw, label)[0] == text


@given(
    st.text(st.characters(min_codepoint=0x80, codec="utf-8"), min_size=1),
    st.binary(min_size=1, max_size=1),
    st.data(),
)
def test_one_bad_byte_leaves_the_rest_of_a_text_as_it_is(text, byte, data):
    at = data.draw(st.integers(0, len(text)))
    raw = text[:at].encode() + b" " + byte + b" " + text[at:].encode()
    read, _ = fields.decoded(raw, "utf-8")
    assert read.startswith(text[:at])
    assert read.endswith(text[at:])


@given(st.binary(), st.sampled_from([*charsets._LABELS, "cp437", "x-none", "hz", "iso2022_kr", "utf-32"]))
def test_no_bytes_and_no_label_make_decoding_fail(raw, label):
    fields.decoded(raw, label)
    charsets.body(raw, label, html=True)


@pytest.mark.parametrize("codec", sorted({*charsets._LABELS.values(), *charsets._PAGES.values()}))
def test_every_codec_in_the_tables_exists(codec):
    assert codecs.lookup("iso2022_jp" if codec == "iso2022_jp" else codec)


@pytest.mark.parametrize(
    ("raw", "charset", "text"),
    [
        (b"\xef\xbb\xbfG\xc3\xbc", "iso-8859-1", "Gü"),
        ("Gü".encode("utf-16"), "", "Gü"),
        ("\ufeffGü".encode("utf-16-be"), "utf-16", "Gü"),
        ("\ufeff\ufeffGü".encode(), "utf-8", "Gü"),
    ],
)
def test_a_byte_order_mark_decides_and_is_dropped(raw, charset, text):
    assert charsets.body(raw, charset) == (text, True)


@pytest.mark.parametrize(
    ("meta", "charset", "codec", "right"),
    [
        ('<meta charset="windows-1251">', "", "cp1251", True),
        ("<META http-equiv='content-type' content='text/html; charset=koi8-r'>", "us-ascii", "koi8_r", True),
        ('<meta charset="windows-1251">', "koi8-r", "koi8_r", True),
        ('<?xml version="1.0" encoding="windows-1251"?>', "", "cp1251", True),
        ('<meta charset="windows-1251">', "", "utf_8", True),
        ('<meta charset="utf-16">', "", "utf_8", True),
        ('<meta charset="iso-2022-jp">', "", "iso2022_jp", True),
        (" " * 5000 + '<meta charset="windows-1251">', "", "cp1251", False),
    ],
)
def test_html_names_its_character_set_where_the_header_does_not(meta, charset, codec, right):
    word = "漢字" if codec == "iso2022_jp" else "Привет"
    text, _ = charsets.body(meta.encode() + word.encode(codec), charset, html=True)
    assert (text == meta + word) is right
