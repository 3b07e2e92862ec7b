"""Settings for the screens, changed with their comments kept; and the first steps of a new profile."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from misfin.errors import LocalError, StoreError
from misfin_tui import config as settings
from misfin_tui.config import Config, ConfigError, writing

if TYPE_CHECKING:
    from misfin.trust.identity import Identity
    from misfin_tui.services import Services


@dataclass(frozen=True, slots=True)
class Start:
    """The result of the first steps: the address (new or imported), and whether mail is received here."""

    address: str
    name: str = ""
    key: str = "ec"
    imported: Identity | None = None
    receive: bool = True
    port: int = 1958


class Setup:
    """Settings and first steps. Work is done in threads; errors are :class:`LocalError`."""

    def __init__(self, services: Services) -> None:
        self._services = services

    # ---- settings

    async def change(self, section: str, key: str, value: object, *, name: str = "") -> Config:
        """Write one setting (of a host or an account), None for its default; returns the new settings."""
        return await asyncio.to_thread(self._change, section, key, value, name)

    async def file_text(self) -> str:
        """The settings file as it is, or the one that would be created."""
        return await asyncio.to_thread(self._file_text)

    async def write_file(self, text: str) -> Config:
        """Replace the settings file after checking it."""
        return await asyncio.to_thread(self._write_file, text)

    # ---- first steps

    async def port_problem(self, port: int) -> str:
        """Why mail cannot be received on this port; empty when it can."""
        return await asyncio.to_thread(port_problem, port)

    async def name_problem(self, name: str) -> str:
        """Why this cannot be the display name of an address; empty when it can."""
        return await asyncio.to_thread(name_problem, name)

    async def open_identity(self, certificate: Path, key: Path | None, password: str | None) -> Identity:
        """Look into PEM files without keeping anything; raises :class:`IdentityError` and its kinds."""
        from misfin_tui.services.identities import open_pem

        return await asyncio.to_thread(open_pem, certificate, key, password)

    def start(
        self, *, address: str, name: str, key: str, imported: Identity | None, receive: bool, port: int
    ) -> Start:
        """The result of the steps."""
        return Start(address, name, key, imported, receive, port)

    def preview(self, start: Start) -> str:
        """The settings file these steps would write."""
        return config_text(start)

    async def finish(self, start: Start) -> Config:
        """Create settings, identity and mailbox; what was created is removed when a later step fails."""
        return await asyncio.to_thread(self._finish, start)

    # ---- in a thread

    def _change(self, section: str, key: str, value: object, name: str) -> Config:
        try:
            return writing.write_setting(self._services.profile.config, section, key, value, name=name)
        except ConfigError:
            raise
        except OSError as error:
            raise _cannot_write(self._services.profile.config, error) from error

    def _file_text(self) -> str:
        try:
            return self._services.profile.config.read_text("utf-8")
        except FileNotFoundError:
            return writing.template()
        except (OSError, UnicodeDecodeError) as error:
            raise StoreError(f"{self._services.profile.config} cannot be read: {error}.") from error

    def _write_file(self, text: str) -> Config:
        from misfin.files import write_private

        path = self._services.profile.config
        config = settings.parse(text, path)
        try:
            write_private(path, text.encode("utf-8"))
        except OSError as error:
            raise _cannot_write(path, error) from error
        return config

    def _finish(self, start: Start) -> Config:
        from datetime import UTC, datetime

        from misfin.model.address import MisfinAddress
        from misfin.trust.identity import KeyKind, generate

        identity = start.imported
        if identity is None:
            address = MisfinAddress.parse(f"{start.address.strip()} {start.name.strip()}")
            identity = generate(address, now=datetime.now(UTC), key=KeyKind(start.key))
        path = self._services.profile.config
        had_config = path.exists()
        config = settings.load(path) if had_config else self._write_file(config_text(start))
        made = [] if had_config else [path]
        try:
            made.append(self._services.identity_store.save(identity))
            self._services.accounts.create_mail(made[-1].stem)
        except BaseException as error:
            for file in made:
                file.unlink(missing_ok=True)
            if isinstance(error, OSError) and not isinstance(error, StoreError):
                raise _cannot_write(self._services.identity_store.folder, error) from error
            raise
        return config


def config_text(start: Start) -> str:
    """A commented settings file in which only what these steps decided is set."""
    lines = []
    for line in writing.template().splitlines():
        if line.startswith("# enabled = ") and not start.receive:
            line = "enabled = false"
        elif line.startswith("# listen = ") and start.receive and start.port != 1958:
            line = f"listen = {writing.toml_value((f'0.0.0.0:{start.port}', f'[::]:{start.port}'))}"
        lines.append(line)
    return "\n".join(lines) + "\n"


def name_problem(name: str) -> str:
    """Why this cannot be the display name of an address; empty when it can."""
    from misfin.errors import IdentityError
    from misfin.trust.identity import check_name

    try:
        check_name(name)
    except IdentityError as error:
        return str(error)
    return ""


def port_problem(port: int) -> str:
    """Why nothing can listen on this TCP port; empty when it is free."""
    if not 0 < port < 65536:
        return f"{port} is not a port number."
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("0.0.0.0", port))  # noqa: S104 - what the receiver will bind to
            probe.listen(1)
        except PermissionError:
            return f"You may not listen on port {port}: ports below 1024 are reserved for the system."
        except OSError as error:
            return f"Port {port} cannot be used: {error.strerror}."
    return ""


def _cannot_write(path: Path, error: OSError) -> LocalError:
    return StoreError(
        f"{path} cannot be written: {error.strerror}.",
        remedy="Check its permissions and the free space on the disk.",
    )
