"""Undoes transfer encodings: base64, quoted-printable, uuencode and yEnc, also where they are written badly.

Never raises; time is linear in the bytes.
"""

from __future__ import annotations

import binascii
import re

_TOKEN = re.compile(rb"[\s\"']*([A-Za-z0-9_-]+)")
_NAMES = {
    "uuencode": "x-uuencode",
    "x-uue": "x-uuencode",
    "uue": "x-uuencode",
    "yenc": "x-yenc",
    "x-yencode": "x-yenc",
    "base-64": "base64",
    "quoted_printable": "quoted-printable",
}
CODED = frozenset({"base64", "quoted-printable", "x-uuencode", "x-yenc"})
"""Names of the encodings that change bytes."""

_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_BLANKS = b" \t\r\n"
_RUN = re.compile(rb"[^=]+=*")
_FOREIGN = re.compile(rb"[^A-Za-z0-9+/=\s]")
_LONG = 48
_FEW = 2
_LONG_LINE = re.compile(rb"^[A-Za-z0-9+/]{48,}={0,2}\r?$", re.MULTILINE)
_YENC = bytes((byte - 42) % 256 for byte in range(256))
_YENC_ESCAPED = re.compile(rb"=(.)", re.DOTALL)


def encoding_of(raw: bytes) -> str:
    """The transfer encoding a field names, by its first word; empty if it names none."""
    found = _TOKEN.match(raw)
    if not found:
        return ""
    name = found[1].decode("ascii").lower()
    return _NAMES.get(name, name)


def decoded(raw: bytes, encoding: str) -> bytes:
    """The content of a part; an unknown encoding is none."""
    return with_footer(raw, encoding)[0]


def is_plain(raw: bytes) -> bool:
    """Whether what is said to be base64 is not encoded: most of its first lines have blanks in them."""
    lines = [line for line in map(bytes.strip, raw[:2000].split(b"\n")[:-1]) if line]
    return sum(b" " in line for line in lines) > len(lines) / 2


def with_footer(raw: bytes, encoding: str) -> tuple[bytes, bytes]:
    """The content of a part, and the unencoded text that a mailing list added below base64, if it did."""
    if encoding == "base64":
        coded, footer = _without_footer(raw)
        return from_base64(coded), footer
    if encoding == "quoted-printable":
        return binascii.a2b_qp(raw), b""
    if encoding == "x-uuencode":
        return from_uuencode(raw), b""
    if encoding == "x-yenc":
        return from_yenc(raw), b""
    return raw, b""


def size(data: bytes, start: int, end: int, encoding: str) -> int:
    """The size of the content of a range, in bytes, estimated for base64: exact where it is written well."""
    if encoding == "base64":
        chars = end - start - data.count(b"\n", start, end) - data.count(b"\r", start, end)
        return max(0, chars * 3 // 4 - data.count(b"=", max(start, end - 8), end))
    if encoding in CODED:
        return len(decoded(data[start:end], encoding))
    return max(0, end - start)


def from_base64(raw: bytes) -> bytes:
    """Decode base64 leniently: skips other characters, reads on after padding, drops an incomplete end."""
    padding = raw.find(b"=")
    if padding < 0 or not raw[padding:].strip(b"=" + _BLANKS):
        return _one_run(raw)
    return b"".join(map(_one_run, _RUN.findall(raw)))


def _one_run(raw: bytes) -> bytes:
    try:
        return binascii.a2b_base64(raw)
    except binascii.Error:
        clean = re.sub(rb"[^A-Za-z0-9+/]", b"", raw)
        clean = clean[:-1] if len(clean) % 4 == 1 else clean + b"=" * (-len(clean) % 4)
        return binascii.a2b_base64(clean)


def _without_footer(raw: bytes) -> tuple[bytes, bytes]:
    """Base64, and what stands after its last line if it is something else."""
    if not raw.translate(None, _BASE64 + b"=" + _BLANKS):
        return raw, b""
    foreign = _FOREIGN.search(raw)
    begins = raw.rfind(b"\n", 0, foreign.start()) + 1 if foreign else len(raw)
    line = raw[begins:].partition(b"\n")[0].strip()
    stray = len(line) >= _LONG and len(line.translate(None, _BASE64 + b"=")) <= _FEW and b" " not in line
    if not begins or stray or _LONG_LINE.search(raw, begins):  # more base64 follows
        return raw, b""
    above = raw[:begins].rstrip()
    # The first words of a footer may look like base64: it begins after padding, or at a blank line.
    if (padding := above.rfind(b"=")) >= 0:
        begins = raw.find(b"\n", padding) + 1 or len(raw)
    elif (blank := re.search(rb"\n[ \t\r]*\n", above)) and not _LONG_LINE.search(raw, blank.end()):
        begins = blank.end()
    return raw[:begins], raw[begins:]


def from_uuencode(raw: bytes) -> bytes:
    """The file in uuencoded lines, with or without their ``begin`` and ``end``."""
    out = []
    for line in raw.splitlines():
        if not line.strip() or line.startswith(b"begin ") or line in (b"end", b"`"):
            continue
        try:
            out.append(binascii.a2b_uu(line))
        except binascii.Error:
            # Some programs write a longer line than its first byte says, or drop blanks at its end.
            length = (((line[0] - 32) & 63) * 4 + 5) // 3
            try:
                out.append(binascii.a2b_uu(line[:length]))
            except binascii.Error:
                continue
    return b"".join(out)


def from_yenc(raw: bytes) -> bytes:
    """The file in yEnc lines, with or without their ``=ybegin`` and ``=yend``."""
    lines = [line for line in re.split(rb"\r?\n", raw) if not line.startswith(b"=y")]
    escaped = _YENC_ESCAPED.sub(lambda found: bytes(((found[1][0] - 64) % 256,)), b"".join(lines))
    return escaped.translate(_YENC)
