"""What a server of remote mailboxes answers instead of what was asked for, as exceptions."""

from __future__ import annotations

from misfin.errors import RemoteError


class GmapError(RemoteError):
    """The server refused. ``status`` is its code; ``str()`` has its own words, made safe."""

    def __init__(self, message: str, *, status: int, remedy: str = "") -> None:
        super().__init__(message, remedy=remedy)
        self.status = status


class NoSuchMessageError(GmapError):
    """There is no such message (51), or no such page."""


class NotForUsError(GmapError):
    """The server does not accept the certificate (60 to 62): only a person can change that."""


class MovedElsewhereError(GmapError):
    """The mailbox is said to be somewhere else (3x): only a person can decide to go there.

    ``target`` is the server's word.
    """

    def __init__(self, message: str, *, status: int, target: str, remedy: str = "") -> None:
        super().__init__(message, status=status, remedy=remedy)
        self.target = target


class SlowDownError(GmapError):
    """The server asks to wait (44); ``seconds`` is for how long."""

    def __init__(self, message: str, *, seconds: int) -> None:
        super().__init__(message, status=44)
        self.seconds = seconds


class GmapTimeoutError(RemoteError, TimeoutError):
    """The server did not finish its answer in time."""

    remedy = "The server may be overloaded; try again later."
