"""Every bound of the POP3 engine, each with its reason."""

from __future__ import annotations

from typing import Final

MAX_ANSWER: Final = 8 << 10
"""Bytes of an answer's first line, or of a line of a listing. The standard's 512 are not enough."""

MAX_ENTRIES: Final = 1_000_000
"""Lines of a listing: the messages of a mailbox."""

MAX_LISTING: Final = 64 << 20
"""Bytes of a listing."""

MAX_MESSAGE: Final = 64 << 20
"""Bytes of a message, unless the command says otherwise. Lines have no limit: 70 KB are everyday mail."""

SIZE_MARGIN: Final = 1 << 20
"""A message may be this many bytes and a fifth larger than LIST said: sizes are guesses with some servers."""

PIPELINE: Final = 32
"""Commands in flight where the server offers PIPELINING (RFC 2449 §6.6), else one."""

PATIENCE: Final = 30.0
PATIENCE_BODY: Final = 60.0
"""Seconds without any byte after which to give a connection up: in general, and within a message."""
