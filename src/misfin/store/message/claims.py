"""Takes away what a message from outside claims to prove about itself, before a Misfin account keeps it.

In a Misfin account, ``Misfin-*`` fields are our receiver's own words (docs/trust.md §8). Whatever else comes
in there, from a file of another program or another kind of account, may have been written by anybody. Its
fields stay readable under another name; the message as it was sent stays as it is.
"""

from __future__ import annotations

import re

from misfin.store.message import envelope

PREFIX = b"X-Unproven-"
"""Stands before the name of a field that proves nothing."""

_OURS = re.compile(rb"^(?=Misfin-)", re.MULTILINE | re.IGNORECASE)
_PROVING = re.compile(
    rb"^(?=Misfin-)(?!Misfin-(?:Version|Senders|Recipients|Timestamps)[ \t]*:)", re.MULTILINE | re.IGNORECASE
)
"""The fields of a gemmail that are about it, and not the message itself."""
_END = re.compile(rb"\r?\n\r?\n")
_LINE_ENDS = re.compile(rb"\r+\n")
_IMPORTED = b"Misfin-Verification: sender=unproven; imported=yes"


def without_claims(data: bytes) -> bytes:
    """The message with its ``Misfin-*`` fields renamed, so that it proves nothing, wherever it lies.

    A Misfin message can still be read and answered as one. It says that it was imported, so it is not taken
    for one that was written here either. Doing it twice changes nothing more.
    """
    if not envelope.is_gemmail(data):
        end = _END.search(data)
        start = end.start() if end else len(data)
        return _OURS.sub(PREFIX, data[:start]) + data[start:]
    head, blank, body = data.partition(b"\n\n")
    if b"\r\n" in head + b"\n":  # as its readers see it; another blank line may be the first then
        head, blank, body = _LINE_ENDS.sub(b"\n", data).partition(b"\n\n")
    lines = _PROVING.sub(PREFIX, head.rstrip(b"\n")).split(b"\n")
    kept = [line for line in lines if line != PREFIX + _IMPORTED]
    # Last, because a first line may be continued by the next one: the words after ours would be theirs.
    return b"\n".join([*kept, _IMPORTED]) + (blank or b"\n\n") + body
