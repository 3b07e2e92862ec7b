"""Identifies a POP3 message from one connection to the next: its UIDL, or else a digest.

Servers give out empty ids, long ones, and one id twice (RFC 1939 §7 forbids all of it). A message with such
an id is known by the hash of its header block and its size. Pure.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Mapping
from typing import Final

_ID: Final = re.compile(rb"[\x21-\x7e]{1,70}")


def good_ids(found: Mapping[int, bytes]) -> dict[int, str]:
    """The ids that name one message each; none where most do not."""
    counts = Counter(found.values())
    good = {
        number: uid.decode("ascii")
        for number, uid in found.items()
        if _ID.fullmatch(uid) and counts[uid] == 1
    }
    return good if len(good) * 2 >= len(found) else {}


def digest_ids(heads: Mapping[int, tuple[bytes, int]]) -> dict[int, str]:
    """Ids made of header block and size, by number; their order distinguishes equal messages."""
    seen: Counter[str] = Counter()
    ids: dict[int, str] = {}
    for number, (head, size) in sorted(heads.items()):
        # A UIDL cannot hold a space, so that none is ever taken for another's.
        each = f"{size} {hashlib.sha256(b'%d ' % size + head).hexdigest()}"
        seen[each] += 1
        ids[number] = each if seen[each] == 1 else f"{each} {seen[each]}"
    return ids
