"""Runs another program on bytes in memory: no shell, no file for them on disk, bounded in time and output."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import IO, NamedTuple

from misfin.errors import LocalError

MAX_OUTPUT = 64 * 1024 * 1024
"""Bytes of output that are kept; a program that writes more, such as from compressed zeros, is ended."""
MAX_STATUS = 256 * 1024
"""Bytes that are read of what a program reports besides its output."""
SECONDS = 30.0


class ProgramRun(NamedTuple):
    """What a program wrote and how it ended. ``status`` is what it wrote to the descriptor given for that."""

    code: int
    output: bytes
    errors: str
    status: str


def run(
    command: Sequence[str],
    data: bytes,
    *,
    seconds: float = SECONDS,
    environment: Mapping[str, str] | None = None,
    beside: bytes | None = None,
) -> ProgramRun:
    """Run a program on ``data``. In ``command``, ``{status}`` and ``{beside}`` are file descriptors.

    The first is one to write a report to, the second one to read ``beside`` from, which is in an unnamed
    file meanwhile. The program has its own session, so it cannot write to this terminal by way of it.

    Raises :class:`~misfin.errors.LocalError` if it cannot be started, takes too long or writes too much.
    """
    name = os.path.basename(command[0])  # noqa: PTH119 - a word of a message
    with (
        tempfile.TemporaryFile() as status,
        tempfile.TemporaryFile() as more,
        tempfile.TemporaryFile() as log,
    ):
        more.write(beside or b"")
        more.seek(0)
        numbers = {"status": status.fileno(), "beside": more.fileno()}
        try:
            process = subprocess.Popen(
                [part.format(**numbers) if "{" in part else part for part in command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                pass_fds=tuple(numbers.values()),
                env={**os.environ, "LC_ALL": "C", **(environment or {})},
                start_new_session=True,
            )
        except OSError as error:
            raise LocalError(f"{name} cannot be started: {error.strerror or error}.") from error
        output, late = _talk(process, data, seconds)
        if late:
            raise LocalError(f"{name} took more than {seconds:.0f} seconds and was stopped.")
        if len(output) > MAX_OUTPUT:
            raise LocalError(f"{name} made more than {MAX_OUTPUT >> 20} MiB of this message and was stopped.")
        return ProgramRun(process.returncode, output, _beginning(log), _beginning(status))


def _talk(process: subprocess.Popen[bytes], data: bytes, seconds: float) -> tuple[bytes, bool]:
    """Everything it writes, up to a little over the limit, and whether it ran out of time; it has ended."""
    assert process.stdin is not None
    assert process.stdout is not None
    late = threading.Event()

    def end() -> None:
        late.set()
        _kill(process)

    timer = threading.Timer(seconds, end)
    feeder = threading.Thread(target=_feed, args=(process.stdin, data), daemon=True)
    timer.start()
    feeder.start()
    kept = bytearray()
    try:
        while len(kept) <= MAX_OUTPUT and (chunk := process.stdout.read(65536)):
            kept += chunk
        if len(kept) > MAX_OUTPUT:
            _kill(process)
        process.wait()
    finally:
        timer.cancel()
        _kill(process)
        process.wait()
        feeder.join(seconds)
        process.stdout.close()
    return bytes(kept), late.is_set()


def _feed(stdin: IO[bytes], data: bytes) -> None:
    with suppress(OSError, ValueError):  # it need not read all of it
        stdin.write(data)
    with suppress(OSError, ValueError):
        stdin.close()


def _kill(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)


def _beginning(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read(MAX_STATUS).decode("utf-8", "replace")
