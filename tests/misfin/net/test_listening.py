"""The accept loop, with a system that has run out of something."""

import asyncio
import errno
import logging
import socket
import time

import pytest

from misfin.net import listening
from misfin.net.listening import Listener


class Scarce:
    """A listening socket whose accept() fails with ``code`` while ``failing``."""

    def __init__(self, real: socket.socket, code: int) -> None:
        self.real, self.code, self.failing, self.calls = real, code, True, 0

    def __getattr__(self, name: str) -> object:
        return getattr(self.real, name)

    def accept(self):
        self.calls += 1
        if self.failing:
            raise OSError(self.code, "Out of it")
        return self.real.accept()


@pytest.fixture
def real():
    with socket.create_server(("127.0.0.1", 0)) as sock:
        yield sock


@pytest.mark.parametrize("code", [errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.EBADF])
async def test_without_files_it_backs_off_says_so_once_and_goes_on_later(real, code, monkeypatch, caplog):
    monkeypatch.setattr(listening, "_LONGEST_PAUSE", 0.1)
    taken: list[str] = []
    room: list[int] = []

    def take(connection: socket.socket, address: str) -> None:
        taken.append(address)
        connection.close()

    scarce = Scarce(real, code)
    with caplog.at_level(logging.WARNING, "misfin.receiver"):
        listener = Listener(scarce, asyncio.get_running_loop(), take, lambda: room.append(1))
        began = time.monotonic()
        with socket.create_connection(real.getsockname()):
            async with asyncio.timeout(60):
                while scarce.calls < 6:
                    await asyncio.sleep(0.01)
            assert time.monotonic() - began > 0.4  # 0.05, and then 0.1 each time
            assert len(room) == scarce.calls
            assert taken == []
            scarce.failing = False
            async with asyncio.timeout(60):
                while not taken:
                    await asyncio.sleep(0.01)
    listener.close()
    assert taken == ["127.0.0.1"]
    assert [record.getMessage() for record in caplog.records] == ["New connections have to wait: Out of it."]


async def test_a_connection_that_failed_meanwhile_does_not_stop_the_next(real):
    taken: list[str] = []

    def take(connection: socket.socket, address: str) -> None:
        taken.append(address)
        connection.close()

    scarce = Scarce(real, errno.ECONNABORTED)
    listener = Listener(scarce, asyncio.get_running_loop(), take, lambda: None)
    with socket.create_connection(real.getsockname()):
        await asyncio.sleep(0.05)
        scarce.failing = False
        async with asyncio.timeout(60):
            while not taken:
                await asyncio.sleep(0.01)
    listener.close()


async def test_closing_while_it_waits_leaves_nothing_behind(real):
    listener = Listener(Scarce(real, errno.EMFILE), asyncio.get_running_loop(), lambda *_: None, lambda: None)
    with socket.create_connection(real.getsockname()):
        await asyncio.sleep(0.02)
        listener.close()
        await asyncio.sleep(0.2)
    with pytest.raises(OSError):
        socket.create_connection(listener.address, timeout=60)
