"""Modified UTF-7, the spelling of mailbox names in IMAP and Maildir++ (RFC 3501 §5.1.3)."""

from __future__ import annotations

import binascii
import itertools


def to_utf7(text: str) -> str:
    """The name in ASCII: anything but printable ASCII becomes base64 of UTF-16 between ``&`` and ``-``."""
    out: list[str] = []
    for ascii_run, chars in itertools.groupby(text, lambda char: " " <= char <= "~"):
        run = "".join(chars)
        if ascii_run:
            out.append(run.replace("&", "&-"))
        else:
            coded = binascii.b2a_base64(run.encode("utf-16-be", "surrogatepass"), newline=False).decode()
            out.append(f"&{coded.rstrip('=').replace('/', ',')}-")
    return "".join(out)


def from_utf7(text: str) -> str | None:
    """The name as plain text; None if :func:`to_utf7` would not encode it this way."""
    head, *pieces = text.split("&")
    out = [head]
    for piece in pieces:
        coded, dash, rest = piece.partition("-")
        if not dash:
            return None
        try:
            raw = binascii.a2b_base64(coded.replace(",", "/") + "=" * (-len(coded) % 4))
            out.append((raw.decode("utf-16-be") if coded else "&") + rest)
        except ValueError:
            return None
    name = "".join(out)
    return name if to_utf7(name) == text else None
