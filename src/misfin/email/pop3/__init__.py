"""POP3 without I/O: a client engine to be driven with bytes from any transport (docs/imap-engine.md §8).

:class:`POP3ClientProtocol` is the connection, :mod:`~misfin.email.pop3.commands` makes what is sent.
"""

from misfin.email.challenge import Challenge
from misfin.email.pop3 import commands
from misfin.email.pop3.client import POP3ClientProtocol, Pop3Event
from misfin.email.pop3.commands import Pop3Command
from misfin.email.pop3.states import Pop3State
from misfin.email.pop3.values import Answered, Drop, Dropped, MessagePiece, Welcome

__all__ = [
    "Answered",
    "Challenge",
    "Drop",
    "Dropped",
    "MessagePiece",
    "POP3ClientProtocol",
    "Pop3Command",
    "Pop3Event",
    "Pop3State",
    "Welcome",
    "commands",
]
