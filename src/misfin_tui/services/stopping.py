"""Stops what works in the background: the courier, the receiver, the process that fetches."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from misfin.errors import MisfinError

if TYPE_CHECKING:
    from misfin_tui.services import Services

STOP_WITHIN = 6.0
"""Seconds the courier gets at the end to finish what it is sending; the rest stays in the outbox."""


async def stop(services: Services) -> None:
    """Stop what works in the background; the receiver and what fetches only if they are ours."""
    services.mail.stop()
    with suppress(MisfinError):  # it was reported when it could not be saved before
        await services.sending.flush()
    courier = services.courier
    try:
        async with asyncio.timeout(STOP_WITHIN):
            if courier is not None:
                await courier.stop()
            await services.receiving.stop()
            if services.config.accounts:
                await services.syncing.server_search.close()
                await services.fetching.stop()
    except TimeoutError:
        pass  # every attempt is recorded before and after it: nothing is lost
