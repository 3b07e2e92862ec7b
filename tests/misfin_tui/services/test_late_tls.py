"""asyncio without TLS until TLS is used: in a process of its own, because asyncio is imported only once."""

from __future__ import annotations

import subprocess
import sys

from peers import person

SCRIPT = """
import sys
from misfin_tui.services.late_tls import import_asyncio

import_asyncio()
import asyncio

assert "ssl" not in sys.modules and "_ssl" not in sys.modules
assert asyncio.run(asyncio.to_thread(lambda: 1)) == 1
assert not hasattr(asyncio.sslproto, "anything")


async def main(pem):
    at_once = sys.argv[2] == "at once"
    import ssl

    theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    theirs.load_cert_chain(pem)
    ours = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    ours.check_hostname, ours.verify_mode = False, ssl.CERT_NONE

    async def answer(reader, writer):
        if not at_once:
            await writer.start_tls(theirs)
        writer.write(await reader.readline())
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=theirs if at_once else None)
    port = server.sockets[0].getsockname()[1]
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=ours if at_once else None)
    if not at_once:
        await writer.start_tls(ours)
    writer.write(b"hello\\n")
    assert await reader.readline() == b"hello\\n"
    assert writer.get_extra_info("ssl_object").version() == "TLSv1.3"
    writer.close()
    server.close()


asyncio.run(main(sys.argv[1]))
assert type(asyncio.base_events.ssl) is type(sys)  # itself, no longer what stands for it
import_asyncio()
"""


WITHOUT = """
import sys
from misfin_tui.services.late_tls import import_asyncio, leave_out_tls

import_asyncio()
leave_out_tls()
import asyncio, socket


async def main():
    server = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0)
    connection = socket.socket()
    connection.setblocking(False)
    await asyncio.get_running_loop().sock_connect(connection, server.sockets[0].getsockname())
    assert await asyncio.get_running_loop().sock_recv(connection, 1) == b""
    server.close()


asyncio.run(main())
assert "_ssl" not in sys.modules
"""


def test_it_can_be_left_out_for_good():
    subprocess.run([sys.executable, "-c", WITHOUT], timeout=60, check=True)


def use_tls(tmp_path, how):
    pem = tmp_path / "ada.pem"
    pem.write_bytes(person("ada@mail.example Ada").pem)
    command = [sys.executable, "-c", SCRIPT, pem, how]
    return subprocess.run(command, timeout=60, capture_output=True, text=True, check=False)


def test_tls_from_the_first_byte(tmp_path):
    done = use_tls(tmp_path, "at once")
    assert (done.returncode, done.stderr) == (0, "")


def test_tls_on_a_connection_that_is_open(tmp_path):
    done = use_tls(tmp_path, "later")
    assert (done.returncode, done.stderr) == (0, "")
