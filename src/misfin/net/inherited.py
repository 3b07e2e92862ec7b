"""Sockets that systemd listens on and hands to this process, so that a restart refuses no connection.

What connects while no receiver runs waits in the socket. See sd_listen_fds(3): file descriptors from 3 on,
their count in ``LISTEN_FDS``, the process they are meant for in ``LISTEN_PID``, their names in
``LISTEN_FDNAMES``.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping, MutableMapping
from typing import Final

from misfin.errors import LocalError

_FIRST: Final = 3
_MOST: Final = 64
"""Sockets taken; one listens on an address, of which no machine here has more."""
_VARIABLES: Final = ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES")


class InheritedSocketError(LocalError):
    """What systemd handed over is not what is listened on here."""

    remedy = "In the .socket unit, use ListenStream= with addresses, and leave Accept= at no."


def inherited_sockets(environment: MutableMapping[str, str] | None = None) -> dict[str, list[socket.socket]]:
    """The sockets meant for this process, by name; none where it was not started by one.

    They are taken once: the variables are removed, so that no child takes them for its own. Raises
    :class:`InheritedSocketError` for anything but a socket that listens for TCP; then it has closed them all.
    """
    environment = os.environ if environment is None else environment
    said = {name: environment.pop(name, "") for name in _VARIABLES}
    if said["LISTEN_PID"] != str(os.getpid()):
        return {}
    count = int(said["LISTEN_FDS"]) if said["LISTEN_FDS"].isdecimal() else 0
    names = said["LISTEN_FDNAMES"].split(":")
    found: dict[str, list[socket.socket]] = {}
    try:
        for number in range(min(count, _MOST)):
            name = names[number] if number < len(names) else ""
            found.setdefault(name, []).append(_listening(_FIRST + number))
    except BaseException:
        for each in _all(found):
            each.close()
        raise
    return found


def _listening(descriptor: int) -> socket.socket:
    try:
        os.set_inheritable(descriptor, False)
        made = socket.socket(fileno=descriptor)
    except OSError as error:
        raise InheritedSocketError(
            f"File descriptor {descriptor} from systemd is not a socket: {error.strerror}."
        ) from error
    stream = made.type == socket.SOCK_STREAM and made.family in (socket.AF_INET, socket.AF_INET6)
    if not stream or not made.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        made.close()
        raise InheritedSocketError(f"Socket {descriptor} from systemd does not listen for TCP connections.")
    return made


def _all(found: Mapping[str, list[socket.socket]]) -> list[socket.socket]:
    return [each for sockets in found.values() for each in sockets]
