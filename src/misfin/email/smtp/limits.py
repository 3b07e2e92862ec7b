"""Every bound of SMTP used here, each with its reason; all count bytes unless they say otherwise."""

from __future__ import annotations

MAX_REPLY_LINE = 4096
"""A line of a reply with its line end: 512 (RFC 5321 §4.5.3.1.5), but log-in challenges are longer."""

MAX_REPLY_LINES = 200
"""Lines of one reply: an EHLO of thirty extensions is long already."""

MAX_REPLY = 64 * 1024
"""One reply."""

MAX_UNREAD = 1024 * 1024
"""Replies received and not taken yet: those to a large group of commands, and far from endless."""

MAX_COMMAND = 512
"""A command line with its CRLF (RFC 5321 §4.5.3.1.4), without the parameters extensions add."""

MAX_PATH = MAX_COMMAND - len("MAIL FROM:<>\r\n")
"""An address, so that the command it stands in is not too long."""

MAX_COMMAND_PARAMETERS = 1024
"""What extensions may add to that: SIZE, BODY and SMTPUTF8 36, DSN about 600 (RFC 3461 §5)."""

MAX_AUTH_LINE = 12288
"""A line of a log-in with its CRLF (RFC 4954 §4)."""

MAX_SERVER_LINE = 4096
"""What a server takes as a command with its CRLF: more than any it understands has."""

MAX_BAD_COMMANDS = 20
"""Commands of one session that may be wrong, before a server ends it."""

MAX_TEXT_LINE = 998
"""A line of a message without its CRLF (RFC 5322 §2.1.1)."""
