"""A Misfin server without a screen: a guest book that publishes the subject and author of every message.

    python docs/examples/headless_receiver.py IDENTITY.pem BOOK.gmi [HOST:PORT]

It shows everything a program of your own needs: a directory of mailboxes, a handler, a receiver. It does not
verify senders (wrap the handler in ``VerifyingHandler``) and does not keep messages (the mail program does).
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

from misfin import (
    Directory,
    Identity,
    Incoming,
    MisfinResponse,
    Receiver,
    ReceiverSettings,
    StatusCode,
    identity_from_pem,
)


class GuestBook:
    """The handler: one async callable that takes a checked message and returns the answer for its sender."""

    def __init__(self, book: Path) -> None:
        self._book = book

    async def __call__(self, incoming: Incoming) -> MisfinResponse:
        message = incoming.request.parse_message()
        if not message.subject:
            return MisfinResponse(StatusCode.PERMANENT_FAILURE, "A guest book entry needs a heading")
        line = f"* {message.subject} - {incoming.sender}\n"
        # 20 promises that the message is safe, so it goes to disk first; in a thread, as others are waiting.
        await asyncio.to_thread(self._append, line)
        return MisfinResponse(StatusCode.SUCCESS, incoming.recipient.info.fingerprints.cert)

    def _append(self, line: str) -> None:
        with self._book.open("a", encoding="utf-8") as book:
            book.write(line)
            book.flush()
            os.fsync(book.fileno())


async def main(identity: Identity, book: Path, host: str, port: int) -> None:
    receiver = Receiver(GuestBook(book), Directory([identity]), ReceiverSettings(listen=((host, port),)))
    for address, bound in await receiver.start():
        print(f"listening on {address} port {bound}", flush=True)
    stop = asyncio.Event()
    for sign in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(sign, stop.set)
    await stop.wait()
    await receiver.stop()  # messages that are being received are finished first


if __name__ == "__main__":
    pem, gmi, *where = sys.argv[1:]
    address, _, number = (where[0] if where else "127.0.0.1:1958").rpartition(":")
    asyncio.run(main(identity_from_pem(Path(pem).read_bytes()), Path(gmi), address, int(number)))
