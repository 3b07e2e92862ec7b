"""Opening the PEM file of an identity in plain lines: its key may be in another file, and have a password."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from misfin.errors import IdentityEncryptedError, MisfinError
from misfin_tui.linear.questions import typed

if TYPE_CHECKING:
    from misfin.trust.identity import Identity
    from misfin_tui.linear.desk import Desk


async def opened(desk: Desk, name: str, otherwise: str = "neither an address nor a file") -> Identity | None:
    """The identity in a PEM file; None if there is none, which is reported."""
    if not await asyncio.to_thread(_is_there, name):
        await desk.say(f"{name} is {otherwise}.")
        return None
    await desk.say("If the private key is in a separate file, type the path of that file.")
    key = await typed(desk.terminal, "Key file (optional)")
    password: str | None = None
    while True:
        try:
            found = await desk.services.setup.open_identity(Path(name), Path(key) if key else None, password)
            _ = found.address  # raises where the certificate names none
            return found
        except IdentityEncryptedError as error:
            if password is not None:
                await desk.report(error)
            password = await desk.terminal.ask_secret("Password of the key: ")
            if not password:
                return None
        except MisfinError as error:
            await desk.report(error)
            return None


def _is_there(name: str) -> bool:
    with suppress(OSError, RuntimeError, ValueError):
        return Path(name).expanduser().exists()
    return False
