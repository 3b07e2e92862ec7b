"""A command as a value: what is written, when it may be sent, and what it changes."""

from __future__ import annotations

from dataclasses import field

from misfin.email.imap.limits import MAX_LITERALS
from misfin.email.imap.states import LOGGED_IN, ImapState, ImapStep
from misfin.email.imap.writer import CommandPart
from misfin.valueclass import dataclass


@dataclass(frozen=True, slots=True)
class ImapCommand:
    """One command, made by a function of :mod:`misfin.email.imap.commands`."""

    name: str
    parts: tuple[CommandPart, ...]
    """What is written behind the tag, the name included."""
    states: frozenset[ImapState] = LOGGED_IN
    needs: frozenset[str] = frozenset()
    """Capabilities without which the server does not understand it."""
    enabled: frozenset[str] = frozenset()
    """Extensions that have to be enabled before."""
    alone: bool = False
    """True when no other may be in flight: its outcome decides what the others mean (RFC 3501 §5.5)."""
    success: ImapStep | None = None
    failure: ImapStep | None = None
    literals: int = MAX_LITERALS
    """Bytes the literals of one answer may have together."""
    stream: bool = False
    """Whether bodies are handed on in pieces."""
    initial: str = field(default="", repr=False)
    """AUTHENTICATE: the first response in base64, or nothing."""
