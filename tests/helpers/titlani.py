"""Titlani 0.4.1 as a real peer: finding an installed one, and running its server and its client.

It needs Python 3.13, so it lives in an environment of its own: ``TITLANI_PYTHON`` names the interpreter of
one, else the one that ``python tests/helpers/titlani.py`` (``make interop``) makes in the user's cache.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from freeports import free_port

VERSION = "0.4.1"
_CACHE = (
    Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "misfin-tui" / f"titlani-{VERSION}"
)


def titlani_python() -> Path | None:
    """The interpreter that can import Titlani, or None."""
    named = os.environ.get("TITLANI_PYTHON")
    if named:
        return Path(named)
    python = _CACHE / "bin" / "python"
    return python if (_CACHE / "bin" / "titlani").exists() else None


def why_not() -> str:
    """The reason to give for a skipped test; empty if Titlani is there."""
    python = titlani_python()
    if python is None:
        return "Titlani is not installed: run `make interop`, or set TITLANI_PYTHON"
    if not python.exists():
        return f"TITLANI_PYTHON names {python}, which does not exist"
    return ""


def install() -> Path:
    """Make the environment in the user's cache, unless there is one already; returns its interpreter."""
    found = titlani_python()
    if found is not None:
        return found
    base = _python_3_13()
    subprocess.run([base, "-m", "venv", "--clear", _CACHE], check=True)
    python = _CACHE / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", f"titlani=={VERSION}"], check=True)
    return python


def _python_3_13() -> str:
    """A Python 3.13 or newer: this one, one on the PATH, or one of pyenv's."""
    candidates = [sys.executable, *(found for n in (13, 14) if (found := shutil.which(f"python3.{n}")))]
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    candidates += [str(path) for path in sorted(pyenv.glob("3.1[3-9]*/bin/python"))]
    code = "import sys; sys.exit(sys.version_info < (3, 13))"
    for candidate in candidates:
        if subprocess.run([candidate, "-c", code], capture_output=True).returncode == 0:
            return candidate
    raise SystemExit("Titlani needs Python 3.13; none was found on the PATH or among pyenv's versions.")


@dataclass(frozen=True)
class TitlaniServer:
    """A running server: where it listens and where it keeps mail."""

    port: int
    mail: Path
    process: subprocess.Popen[bytes]

    def received(self, mailbox: str, ending: str) -> list[bytes]:
        """The messages in a mailbox that end like this: Titlani creates a file before it fills it."""
        found = [path.read_bytes() for path in sorted((self.mail / mailbox).glob("*.gemmail*"))]
        return [each for each in found if each.decode().rstrip().endswith(ending)]


def environment(home: Path) -> dict[str, str]:
    """An environment in which Titlani finds and leaves nothing outside ``home``."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "TITLANI"))}
    return {**kept, "HOME": str(home), "NO_COLOR": "1", "COLUMNS": "200", "PYTHONDONTWRITEBYTECODE": "1"}


@contextlib.contextmanager
def titlani_server(
    home: Path,
    *,
    hostname: str = "localhost",
    mailboxes: tuple[str, ...] = (),
    shows: str = "",
    config: str = "",
    pinned_to: int | None = None,
    port: int | None = None,
) -> Iterator[TitlaniServer]:
    """Run a server as installed (its own RSA certificate, its own log); ``config`` is more TOML.

    ``mailboxes`` get identities of their own; ``shows`` is the one whose certificate the server shows.
    ``pinned_to`` is a processor for ``taskset``.
    """
    python = titlani_python()
    assert python is not None, why_not()
    port = port or free_port()
    mail, identities = home / "mail", home / "identities"
    mail.mkdir(parents=True, exist_ok=True)
    identities.mkdir(exist_ok=True)
    for mailbox in mailboxes:
        (mail / mailbox).mkdir(exist_ok=True)
        for ending, data in _identity(mailbox, hostname).items():
            if not (identities / f"{mailbox}{ending}").exists():
                (identities / f"{mailbox}{ending}").write_bytes(data)
    certificate, key = (
        (identities / f"{shows}.pem", identities / f"{shows}.key")
        if shows
        else (home / "tls.pem", home / "tls.key")
    )
    path = home / "server.toml"
    path.write_text(
        f'[server]\nhost = "127.0.0.1"\nport = {port}\nhostname = "{hostname}"\n'
        f'mailbox_dir = "{mail}"\nidentity_cert_dir = "{identities}"\n'
        f'certfile = "{certificate}"\nkeyfile = "{key}"\n' + config
    )
    command = [str(python), "-m", "titlani", "serve", "--config", str(path)]
    if pinned_to is not None:
        command = ["taskset", "-c", str(pinned_to), *command]
    with (home / "server.log").open("ab") as log:
        process = subprocess.Popen(command, env=environment(home), stdout=log, stderr=log)
    try:
        _wait_for(port, process, home / "server.log")
        yield TitlaniServer(port, mail, process)
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@cache
def _identity(mailbox: str, hostname: str) -> dict[str, bytes]:
    """Certificate and key of a user of Titlani's, made by its own command, once for all servers."""
    with tempfile.TemporaryDirectory() as home:
        run(Path(home), "identity", "generate", mailbox, hostname, "--output-dir", home)
        return {ending: Path(home, mailbox + ending).read_bytes() for ending in (".pem", ".key")}


def run(home: Path, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run one command of Titlani to its end."""
    return subprocess.run(
        [str(titlani_python()), "-m", "titlani", *arguments],
        env=environment(home),
        capture_output=True,
        text=True,
        timeout=120,
        check=check,
    )


# Titlani's own client library, driven from outside: its command line cannot choose a port.
_CLIENT = """
import asyncio, json, os, sys
out, sys.stdout = sys.stdout, open(os.devnull, "w")
from pathlib import Path
from titlani import MisfinClient
from titlani.content.gemmail import MisfinAddress

async def main(asked):
    cert = asked["identity"]
    options = {"client_cert": cert, "client_key": cert} if cert else {}
    client = MisfinClient(port=asked["port"], timeout=60, tofu_db_path=Path(asked["tofu"]), **options)
    sender = MisfinAddress.parse(asked["sender"]) if asked["sender"] else None
    async with client:
        answers = [await client.send(asked["to"], body, sender=sender) for body in asked["bodies"]]
    print(json.dumps([[answer.status, answer.meta] for answer in answers]), file=out)

asyncio.run(main(json.loads(sys.argv[1])))
"""


def titlani_sends(
    home: Path,
    port: int,
    to: str,
    *bodies: str,
    identity: Path | None = None,
    sender: str = "",
) -> list[tuple[int, str]]:
    """Send messages with Titlani's client, shown ``identity`` (one PEM file); status and META of each."""
    home.mkdir(parents=True, exist_ok=True)
    asked = {
        "port": port,
        "to": to,
        "bodies": bodies,
        "identity": str(identity) if identity else None,
        "sender": sender,
        "tofu": str(home / "tofu.db"),
    }
    done = subprocess.run(
        [str(titlani_python()), "-c", _CLIENT, json.dumps(asked)],
        env=environment(home),
        capture_output=True,
        text=True,
        timeout=120,
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
    return [(status, meta) for status, meta in json.loads(done.stdout)]


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"Titlani ended at once:\n{log.read_text()}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise RuntimeError(f"Titlani does not listen:\n{log.read_text()}")


if __name__ == "__main__":
    print(install())
