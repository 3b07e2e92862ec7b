"""Turns bytes into text by the label of their character set, read as browsers do (WHATWG, "Encoding").

A label often stands for a larger set than its registration says: ``shift_jis`` means Windows-31J, ``euc-kr``
means cp949, ``gb2312`` means GB 18030. One bad byte costs one character and never changes the character set.
"""

from __future__ import annotations

import codecs
import re
from functools import lru_cache

_UTF_8 = "utf_8"
_SILENT = "ascii"
"""The label says nothing about bytes above 127: what they look like decides."""
_EUC_JP = "euc_jp"
_ISO_2022_JP = "iso2022_jp"

# Labels without their punctuation, by the Python codec that reads them. Code pages are found by number.
_LABELS = {
    label: codec
    for codec, labels in {
        _SILENT: "ascii usascii ansix341968 8bit 7bit unknown8bit xunknown unknown default none binary",
        _UTF_8: "utf8 unicode11utf8 unicode20utf8 xunicode20utf8 utf8mb4",
        "utf_7": "utf7 unicode11utf7 xunicode20utf7",
        "utf_16": "utf16",
        "utf_16_le": "utf16le csunicode iso10646ucs2 ucs2 unicode unicodefeff",
        "utf_16_be": "utf16be unicodefffe",
        "cp866": "866 csibm866",
        "iso8859_2": "iso88592 csisolatin2 isoir101 iso885921987 l2 latin2",
        "iso8859_3": "iso88593 csisolatin3 isoir109 iso885931988 l3 latin3",
        "iso8859_4": "iso88594 csisolatin4 isoir110 iso885941988 l4 latin4",
        "iso8859_5": "iso88595 csisolatincyrillic cyrillic isoir144 iso885951988",
        "iso8859_6": "iso88596 iso88596e iso88596i csiso88596e csiso88596i csisolatinarabic arabic asmo708"
        " ecma114 isoir127 iso885961987",
        "iso8859_7": "iso88597 csisolatingreek ecma118 elot928 greek greek8 isoir126 iso885971987 suneugreek",
        "iso8859_8": "iso88598 iso88598e iso88598i csiso88598e csiso88598i csisolatinhebrew hebrew isoir138"
        " iso885981988 logical visual",
        "iso8859_10": "iso885910 csisolatin6 isoir157 l6 latin6",
        "iso8859_13": "iso885913",
        "iso8859_14": "iso885914",
        "iso8859_15": "iso885915 csisolatin9 l9 latin9",
        "iso8859_16": "iso885916",
        "koi8_r": "koi8r koi koi8 cskoi8r",
        "koi8_u": "koi8u koi8ru",
        "mac_roman": "macintosh mac xmacroman csmacintosh",
        "mac_cyrillic": "xmaccyrillic xmacukrainian",
        "cp874": "iso885911 tis620",
        "cp1252": "iso88591 csisolatin1 isoir100 iso885911987 l1 latin1",
        "cp1254": "iso88599 csisolatin5 isoir148 iso885991989 l5 latin5",
        "gb18030": "gb18030 gbk xgbk gb2312 gb231280 csgb2312 csiso58gb231280 chinese isoir58",
        "big5hkscs": "big5 big5hkscs cnbig5 csbig5 xxbig5",
        "cp932": "shiftjis sjis xsjis csshiftjis cswindows31j mskanji windows31j",
        "cp949": "euckr cseuckr korean ksc5601 ksc56011987 ksc56011989 csksc56011987 isoir149 uhc",
        _EUC_JP: "eucjp xeucjp cseucpkdfmtjapanese",
        _ISO_2022_JP: "iso2022jp csiso2022jp iso2022jpms",
    }.items()
    for label in labels.split()
}
_PAGE = re.compile(r"(?:x|cs)?(?:cp|ibm|windows|win|dos|ms)([0-9]{3,5})")
_PAGES = {
    "819": "cp1252",
    "936": "gb18030",
    "950": "big5hkscs",
    "10000": "mac_roman",
    "10007": "mac_cyrillic",
    "20127": _SILENT,
    "20866": "koi8_r",
    "20932": _EUC_JP,
    "21866": "koi8_u",
    "28591": "cp1252",
    "28592": "iso8859_2",
    "28605": "iso8859_15",
    "50220": _ISO_2022_JP,
    "50221": _ISO_2022_JP,
    "50222": _ISO_2022_JP,
    "51932": _EUC_JP,
    "51949": "cp949",
    "54936": "gb18030",
    "65000": "utf_7",
    "65001": _UTF_8,
}
"""Windows code pages whose Python codec has another name, or that in practice mean a larger set."""
_NO_CHARSETS = frozenset(
    {"idna", "punycode", "undefined", "mbcs", "oem", "unicode_escape", "raw_unicode_escape"}
)
"""Python codecs that mail does not use, some of them slow or surprising."""

_BOMS = ((b"\xef\xbb\xbf", _UTF_8), (b"\xff\xfe", "utf_16_le"), (b"\xfe\xff", "utf_16_be"))
_REPLACEMENT = "\ufffd".encode()
_CUT_LEADS = b"\xc2\xc3\xe2\xf0"
"""First bytes of the most frequent characters in UTF-8, which hardly end a text in another set."""
_META = re.compile(
    rb"<meta\s[^>]{0,300}?charset\s*=\s*[\"']?\s*([\w.:-]{1,40})"
    rb"|^\s*<\?xml\s[^>]{0,100}?encoding\s*=\s*[\"']([\w.:-]{1,40})",
    re.IGNORECASE,
)
_META_WITHIN = 4096
"""Bytes of HTML in which its character set is looked for; browsers look at 1,024."""


def decoded(raw: bytes, charset: str) -> tuple[str, bool]:
    """Bytes as text, and whether they really were in that character set; never raises.

    Without a known character set, UTF-8 is tried, then Windows-1252 is assumed.
    """
    codec, known = _codec(charset)
    if codec == _ISO_2022_JP or (codec == _SILENT and b"\x1b$" in raw):
        return _iso_2022_jp(raw), known
    try:
        if codec == _EUC_JP:
            return raw.decode(codec).translate(_AS_WINDOWS), known
        return raw.decode(_UTF_8 if codec == _SILENT else codec), known
    except UnicodeDecodeError as error:
        if codec in (_UTF_8, _SILENT):
            return _broken_utf_8(raw, error, declared=codec == _UTF_8), False
    except UnicodeError:  # some codecs raise this for bytes they do not know
        pass
    try:
        if not raw.isascii():  # those of seven bits look like it even if they are right
            return raw.decode(_UTF_8), False  # hardly by chance: the label is wrong
    except UnicodeDecodeError:
        if codec == _EUC_JP:
            text = _windows_euc_jp(raw)
            return text, known and "\ufffd" not in text
    return raw.decode(codec, "replace"), False


def encoded(text: str, charset: str) -> bytes:
    """Text as bytes that :func:`decoded` turns into it again; what the character set lacks becomes ``?``."""
    codec, _ = _codec(charset)
    return text.encode(_UTF_8 if codec == _SILENT else codec, "replace")


def body(raw: bytes, charset: str, *, html: bool = False) -> tuple[str, bool]:
    """The text of a body part, like :func:`decoded`; a byte order mark decides, and is dropped.

    Where the header is silent, HTML may name its character set itself.
    """
    for mark, codec in _BOMS:
        if raw.startswith(mark):
            text, clean = decoded(raw[len(mark) :], codec)
            return text.removeprefix("\ufeff"), clean
    if html and _codec(charset)[0] == _SILENT:
        charset = _declared_inside(raw) or charset
    text, clean = decoded(raw, charset)
    return text.removeprefix("\ufeff"), clean


def _declared_inside(raw: bytes) -> str:
    """The character set that HTML names, unless its bytes are UTF-8 all the same: some gateways convert."""
    found = _META.search(raw, 0, _META_WITHIN)
    if not found:
        return ""
    if not raw.isascii():
        try:
            raw.decode(_UTF_8)
        except UnicodeDecodeError:
            pass
        else:
            return ""
    charset = (found[1] or found[2]).decode("ascii", "replace")
    return "" if charset.lower().startswith(("utf-16", "utf-32")) else charset


@lru_cache(maxsize=256)  # a handful of labels in message after message
def _codec(charset: str) -> tuple[str, bool]:
    """The Python codec for a label, and whether the label is one that says something or says nothing."""
    label = charset.strip("'\" \t\r\n").lower()
    bare = re.sub(r"[^a-z0-9]+", "", label)
    if not bare:
        return _SILENT, not label
    if known := _LABELS.get(bare):
        return known, True
    if page := _PAGE.fullmatch(bare):
        label = _PAGES.get(page[1], f"cp{page[1]}")
    try:
        name = codecs.lookup(label).name
        if name in _NO_CHARSETS:
            raise LookupError
        str(b"\0", name, "ignore")  # LookupError for codecs that are not text encodings
    except (LookupError, ValueError):  # ValueError: a NUL in the name
        return _SILENT, False
    return _LABELS.get(re.sub(r"[^a-z0-9]+", "", name), name), True


def _broken_utf_8(raw: bytes, error: UnicodeDecodeError, *, declared: bool) -> str:
    """Bytes that are not quite UTF-8: each bad one becomes U+FFFD, or all are Windows-1252."""
    text = raw.decode(_UTF_8, "replace")
    written = raw.count(_REPLACEMENT)  # the sign itself, which somebody wrote, or a program before this one
    lost = text.count("\ufffd") - written
    kept = len(text) - len(text.encode("ascii", "ignore")) - lost
    cut = error.reason == "unexpected end of data" and (
        error.end - error.start > 1 or raw[error.start] in _CUT_LEADS
    )
    if cut or kept >= (1 if declared else lost):
        return text
    try:
        return raw.decode("cp1252")
    except UnicodeDecodeError:
        return text


# ---- Japanese as Windows writes it ----------------------------------------------------------------

_AS_WINDOWS = str.maketrans("\u301c\u2016\u2212\xa2\xa3\xac", "\uff5e\u2225\uff0d\uffe0\uffe1\uffe2")
"""Signs that JIS X 0208 and Windows-31J give different code points to; browsers use those of Windows."""
_ESCAPES = re.compile(rb"\x1b(\$[@B]|\$\([@BD]|\([BHIJ])")
_HIGH_BITS = bytes(byte | 0x80 if 0x21 <= byte <= 0x7E else byte for byte in range(256))
_EUC_UNITS = re.compile(
    rb"[\x00-\x7f]+|\x8e[\xa1-\xdf]|\x8f[\xa1-\xfe][\xa1-\xfe]|[\xa1-\xfe][\xa1-\xfe]|.", re.DOTALL
)


def _iso_2022_jp(raw: bytes) -> str:
    """ISO-2022-JP with the rows, the half-width kana and the unescaped bytes that Windows adds (cp50221)."""
    parts = _ESCAPES.split(raw)
    out = [_single(parts[0])]
    for escape, piece in zip(parts[1::2], parts[2::2], strict=True):
        if escape == b"(I":
            out.append(piece.translate(_HIGH_BITS).decode("cp932", "replace"))
        elif escape == b"$(D":  # JIS X 0212
            pairs = re.sub(rb"([\xa1-\xfe]{2})", b"\x8f\\1", piece.translate(_HIGH_BITS))
            out.append(_windows_euc_jp(pairs))
        elif escape.startswith(b"$"):
            out.append(_windows_euc_jp(piece.translate(_HIGH_BITS)))
        else:
            out.append(_single(piece))
    return "".join(out)


def _single(piece: bytes) -> str:
    return piece.decode("ascii") if piece.isascii() else decoded(piece, "cp932")[0]


def _windows_euc_jp(raw: bytes) -> str:
    """EUC-JP with the rows of NEC and IBM, which only the tables of Windows-31J know."""
    try:
        return raw.decode(_EUC_JP).translate(_AS_WINDOWS)
    except UnicodeDecodeError:
        return "".join(map(_euc_unit, _EUC_UNITS.findall(raw)))


def _euc_unit(unit: bytes) -> str:
    if len(unit) != 2 or unit[0] < 0xA1:
        return unit.decode(_EUC_JP, "replace")
    row, cell = unit[0] - 0xA1, unit[1] - 0xA1
    lead = row // 2 + (0x81 if row < 62 else 0xC1)
    trail = cell + (0x9F if row % 2 else 0x40 + (cell >= 63))
    return bytes((lead, trail)).decode("cp932", "replace")
