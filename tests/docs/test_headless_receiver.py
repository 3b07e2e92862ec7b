"""The headless receiver as a program of its own, visited by our client."""

import asyncio
import signal
import sys
from pathlib import Path

from peers import person

from misfin import HostOverride, MisfinClient

PROGRAM = Path(__file__).parents[2] / "docs/examples/headless_receiver.py"
BOOK = person("book@mail.example Guest Book")
BEA = person("bea@hive.test Bea")


async def test_the_guest_book_takes_messages_and_ends_cleanly(tmp_path):
    identity, book = tmp_path / "book.pem", tmp_path / "book.gmi"
    identity.write_bytes(BOOK.pem)
    program = await asyncio.create_subprocess_exec(
        sys.executable, PROGRAM, identity, book, "127.0.0.1:0", stdout=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(60):
            ready = (await program.stdout.readline()).decode()
            port = int(ready.split()[-1])
            hosts = {"mail.example": HostOverride(connect=("127.0.0.1", port))}
            async with MisfinClient(identity=BEA, hosts=hosts, timeout=60) as client:
                taken = await client.send("book@mail.example", "What a place!", subject="Hello from the hive")
                refused = await client.send("book@mail.example", "no heading")
            program.send_signal(signal.SIGTERM)
            assert await program.wait() == 0
    finally:
        if program.returncode is None:
            program.kill()
            await program.wait()
    assert taken.fingerprint == BOOK.info.fingerprints.cert
    assert refused.status == 50
    assert book.read_text() == "* Hello from the hive - bea@hive.test Bea\n"
