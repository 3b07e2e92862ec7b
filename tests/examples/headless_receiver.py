"""A Misfin server without a screen: a guest book that publishes the subject and author of every letter.

    python headless_receiver.py IDENTITY.pem BOOK.gmi [HOST:PORT]

It shows all a program of your own needs: a directory of mailboxes, a handler, a receiver. What it does not
do: verify senders (wrap the handler in ``VerifyingHandler``) or keep letters (the mail program does that).
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

from misfin import (
    Directory,
    Incoming,
    MisfinResponse,
    Receiver,
    ReceiverSettings,
    StatusCode,
    identity_from_pem,
)


class GuestBook:
    """The handler: one async callable that takes a checked letter and gives the answer for its sender."""

    def __init__(self, book: Path) -> None:
        self._book = book

    async def __call__(self, incoming: Incoming) -> MisfinResponse:
        letter = incoming.request.parse_message()
        if not letter.subject:
            return MisfinResponse(StatusCode.PERMANENT_FAILURE, "A letter for the guest book needs a heading")
        line = f"* {letter.subject} - {incoming.sender}\n"
        # 20 promises that the letter is safe, so the disk has it first - in a thread, as others are waiting.
        await asyncio.to_thread(self._append, line)
        return MisfinResponse(StatusCode.SUCCESS, incoming.recipient.info.fingerprints.cert)

    def _append(self, line: str) -> None:
        with self._book.open("a", encoding="utf-8") as book:
            book.write(line)
            book.flush()
            os.fsync(book.fileno())


async def main(identity: Path, book: Path, host: str, port: int) -> None:
    directory = Directory([identity_from_pem(identity.read_bytes())])
    receiver = Receiver(GuestBook(book), directory, ReceiverSettings(listen=((host, port),)))
    for address, bound in await receiver.start():
        print(f"listening on {address} port {bound}", flush=True)
    stop = asyncio.Event()
    for sign in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(sign, stop.set)
    await stop.wait()
    await receiver.stop()  # letters under way are finished first


if __name__ == "__main__":
    where = sys.argv[3] if len(sys.argv) > 3 else "127.0.0.1:1958"
    asyncio.run(
        main(Path(sys.argv[1]), Path(sys.argv[2]), where.rpartition(":")[0], int(where.rpartition(":")[2]))
    )
