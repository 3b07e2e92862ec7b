"""Lists of ``name=value`` as DKIM and DMARC write them (RFC 6376 §3.2)."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Final

_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_MAX_TAGS: Final = 50


def tags_of(text: str) -> dict[str, str] | None:
    """The tags, spaces around them removed; None if it is not such a list, or names a tag twice."""
    found: dict[str, str] = {}
    items = text.strip().removesuffix(";").split(";")
    if len(items) > _MAX_TAGS:
        return None
    for item in items:
        name, equals, value = item.partition("=")
        name = name.strip()
        if not equals or not _NAME.fullmatch(name) or name in found:
            return None
        found[name] = value.strip()
    return found


def from_base64(text: str) -> bytes | None:
    """The bytes, spaces in between ignored; None if it is not base64."""
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        return None
