"""Every bound of the IMAP engine, each with its reason; all but the last four count bytes."""

from __future__ import annotations

from typing import Final

MAX_LINE: Final = 1 << 20
"""An answer without its literals. Flags, envelopes and structures of real mail stay far below."""

MAX_UID_LINE: Final = 16 << 20
"""The same for lists of UIDs: SEARCH, ESEARCH and VANISHED of a mailbox with a million messages."""

MAX_NUMBERS: Final = 2_000_000
"""Numbers and ranges in such a list: reading more would take seconds."""

MAX_RANGES: Final = 500_000
"""Ranges in a set that a server writes: what a mailbox of a million messages needs at worst."""

MAX_LITERALS: Final = 64 << 10
"""All literals of an answer nobody asked for. What was asked for has the limit that its command says."""

MAX_BODY: Final = 64 << 20
"""All literals of an answer to FETCH, unless the command says another limit."""

MAX_COMMAND: Final = 8_000
"""A line we write: servers refuse longer ones ("Too long argument"), and many refuse already 8,192."""

MAX_SET: Final = 7_000
"""A set of UIDs in such a line; :meth:`UidSet.split` cuts longer ones."""

LITERAL_MINUS: Final = 4_096
"""The longest literal that may be sent without waiting where the server offers ``LITERAL-`` (RFC 7888 §5)."""

MAX_QUOTED: Final = 1_024
"""A string we write between quotes; a longer one becomes a literal."""

NON_SYNCHRONIZING_BODY: Final = 1 << 20
"""The longest APPEND sent without waiting (with ``LITERAL+``): larger ones can still be refused in time."""

MAX_NESTING: Final = 50
"""Parentheses within parentheses; a message nested deeper is an attack on the recipient."""

ANSWERS: Final = 10_000
ANSWERS_EACH: Final = 4
"""``ANSWERS`` untagged answers may follow a command, and ``ANSWERS_EACH`` more for each message there is."""

PIPELINE: Final = 4
"""Commands in flight; what is sent beyond waits its turn. Four are what a log-in is followed by."""

PATIENCE: Final = 30.0
PATIENCE_BODY: Final = 60.0
"""Seconds without any byte after which a driver should give up: in general, and within a body."""
