"""An e-mail address as people and programs write it (RFC 5322 §3.4), read into one normal form. Pure.

Quoted local parts, comments, address literals and characters outside ASCII are understood (RFC 6531); groups,
routes and obsolete forms are not.
"""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache
from typing import NamedTuple

from misfin.errors import AddressError
from misfin.model.address import normal_hostname

MAX_ADDRESS = 320
"""Bytes of an address: 64 for the local part and 255 for the domain (RFC 5321 §4.5.3.1), however divided."""
_MAX_TEXT = 2000  # characters looked at: a name and an address, and far more than either

_QUOTED = r'"(?:[^"\\]|\\.)*"'
_COMMENT = r"\((?:[^()\\]|\\.|\((?:[^()\\]|\\.)*\))*\)"
_TOKEN = re.compile(rf"{_QUOTED}|(?P<comment>{_COMMENT})|.", re.DOTALL)
_ATOM = r"[^\s\x00-\x20\x7f-\xa0()<>\[\]:;@\\,.\"\ud800-\udfff]+"
_DOT_ATOM = re.compile(rf"{_ATOM}(?:\.{_ATOM})*")
_ADDRESS = re.compile(rf"\s*(?P<local>{_QUOTED}|[^\"@\s]+)\s*@\s*(?P<domain>\[[^\[\]\s]*\]|[^@\s]+)\s*")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


class MailAddress(NamedTuple):
    """``local@domain`` in its normal form, and the name given with it, perhaps empty."""

    address: str
    name: str


@lru_cache(maxsize=256)  # a message is written several times, and so are its addresses read
def read_mail_address(text: str) -> MailAddress:
    """One address, alone, as ``Name <address>``, or as ``address (Name)``.

    The domain is lower case and in its ASCII form, a literal in its shortest form; the local part is as it
    was written, in quotation marks only where it needs them. Raises :class:`~misfin.errors.AddressError`.
    """
    if len(text) > _MAX_TEXT:
        raise _not_one(text)
    name, written, comments = _divided(text)
    found = _ADDRESS.fullmatch(written)
    if found is None:
        raise _not_one(written.strip() or text)
    local = _normal_local(found["local"])
    if local is None:
        raise _not_one(written.strip())
    address = f"{local}@{_normal_domain(found['domain'])}"
    if len(address.encode()) > MAX_ADDRESS:
        raise _not_one(written.strip())
    return MailAddress(address, unquoted_name(name) or (comments[-1] if comments else ""))


def unquoted_name(text: str) -> str:
    """A display name as it is meant: without the quotation marks around it, if it has them."""
    text = text.strip()
    return _ESCAPED.sub(r"\1", text[1:-1]).strip() if re.fullmatch(_QUOTED, text, re.DOTALL) else text


def _divided(text: str) -> tuple[str, str, list[str]]:
    """The name before the brackets, the address without its comments, and these."""
    name = ""
    address: list[str] = []
    comments: list[str] = []
    opened = closed = False
    for token in _TOKEN.finditer(text):
        piece = token[0]
        if token["comment"]:
            if opened or "<" not in text[token.end() :]:
                comments.append(_ESCAPED.sub(r"\1", piece[1:-1]).strip())
                continue
        elif piece == "<" and not opened:
            name, address, opened = "".join(address), [], True
            continue
        elif piece == ">" and opened and not closed:
            closed = True
            continue
        if closed and not piece.isspace():
            return "", text, []  # something stands behind the brackets
        address.append(piece)
    if opened and not closed:
        return "", text, []
    return name, "".join(address), [] if opened else comments


def _normal_local(text: str) -> str | None:
    if not text.startswith('"'):
        return text if _DOT_ATOM.fullmatch(text) and text.isprintable() else None
    content = _ESCAPED.sub(r"\1", text[1:-1])
    if not content or not content.isprintable():
        return None
    if _DOT_ATOM.fullmatch(content):
        return content
    escaped = content.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _normal_domain(text: str) -> str:
    if not text.startswith("["):
        return normal_hostname(text)
    inside = text[1:-1]
    six = inside[:5].lower() == "ipv6:"
    try:
        address = ipaddress.IPv6Address(inside[5:]) if six else ipaddress.IPv4Address(inside)
    except ValueError:
        raise _not_one(text) from None
    return f"[IPv6:{address}]" if six else f"[{address}]"


def _not_one(text: str) -> AddressError:
    return AddressError(
        f"{text[:80]!a} is not an e-mail address.",
        remedy="Write it as name@host, for example ada@example.org.",
    )
