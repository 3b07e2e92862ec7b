"""A client for remote mailboxes, written from docs/protocol.md §7 alone, with Python's own TLS.

It shares no code with the program: what it understands, any other client can.
"""

from __future__ import annotations

import re
import socket
import ssl
import tempfile
from dataclasses import dataclass
from pathlib import Path

from misfin.trust.identity import Identity


@dataclass(frozen=True)
class Said:
    """An answer: its status, META and body, and whether it ended with close_notify."""

    status: int
    meta: str
    body: bytes
    whole: bool


class PlainClient:
    """Opens a mailbox with an identity, or with none."""

    def __init__(self, port: int, identity: Identity | None, host: str = "mail.test") -> None:
        self.port, self.host = port, host
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._context.check_hostname = False
        self._context.verify_mode = ssl.CERT_NONE
        if identity is not None:
            with tempfile.TemporaryDirectory() as folder:
                pem = Path(folder, "me.pem")
                pem.write_bytes(identity.pem)
                self._context.load_cert_chain(pem)

    def raw(self, line: bytes) -> Said:
        """Send bytes, read to the end."""
        with (
            socket.create_connection(("127.0.0.1", self.port), 20) as plain,
            self._context.wrap_socket(plain, server_hostname=self.host, suppress_ragged_eofs=False) as stream,
        ):
            stream.sendall(line)
            data, whole = b"", False
            while True:
                try:
                    got = stream.recv(65536)
                except ssl.SSLEOFError:
                    break
                if not got:
                    whole = True
                    break
                data += got
        head, _, body = data.partition(b"\r\n")
        found = re.fullmatch(rb"([1-6][0-9]) ?(.*)", head)
        assert found is not None, data
        return Said(int(found[1]), found[2].decode(), body, whole)

    def ask(self, path: str) -> Said:
        """One request."""
        said = self.raw(f"gemini://{self.host}:{self.port}{path}\r\n".encode())
        assert said.whole, "the answer was cut off"
        return said

    def ids(self, tag: str = "") -> list[str]:
        """The ids with a tag, or all but the trash."""
        said = self.ask(f"/tag/{tag}")
        assert said.status == 20, said
        return sorted(each for each in re.split(r"[,\s]+", said.body.decode()) if each)

    def read(self, message: str) -> bytes:
        """A message."""
        said = self.ask(f"/msgid/{message}")
        assert (said.status, said.meta.partition(";")[0]) == (20, "text/plain"), said
        return said.body

    def move(self, message: str, to: str, source: str) -> None:
        """Two requests: the new folder's tag is added, then the old one's goes."""
        assert self.ask(f"/tag/{to}?{message}").status == 20
        assert self.ask(f"/untag/{source}?{message}").status == 20
