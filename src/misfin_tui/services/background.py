"""What runs in the background however the program is shown: sending, receiving, following what is fetched."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from misfin.errors import MisfinError
from misfin_tui.messages import SyncChanged

if TYPE_CHECKING:
    from misfin_tui.config import Config
    from misfin_tui.services import Services

AGAIN = 5.0
"""Seconds until sending is tried again after it could not start."""
PAUSE = 1.0
"""Seconds between two reports while much is being fetched."""


@dataclass(frozen=True, slots=True)
class ConfigEffects:
    """What changed settings affect: sending, receiving here, fetching accounts."""

    sends: bool
    receives: bool
    accounts: bool


def effects_of(before: Config, after: Config) -> ConfigEffects:
    """What the settings ``after`` make work differently."""

    def differs(*parts: str) -> bool:
        return any(getattr(before, part) != getattr(after, part) for part in parts)

    return ConfigEffects(
        differs("hosts", "send", "trust"),
        differs("receive", "rate_limit", "gmap", "verification", "hosts", "trust"),
        differs("accounts"),
    )


async def keep_sending(services: Services, report: Callable[[MisfinError], object]) -> None:
    """Send what is due until it is cancelled or the courier is stopped. What happens is posted as news;
    ``report`` is called once for each reason why nothing can be sent."""
    from misfin_tui.services.news import messages_of
    from misfin_tui.services.posting import make_courier, sweep_attachments

    def on_event(event: Any) -> None:
        for message in messages_of(event):
            services.post(message)

    reported = ""
    while True:
        courier = None
        try:
            courier = await asyncio.to_thread(make_courier, services, on_event)
            services.courier = courier
            sweeping = asyncio.create_task(asyncio.to_thread(sweep_attachments, services))
            await courier.run()
            await sweeping
            return
        except MisfinError as error:
            if str(error) != reported:
                report(error)
            reported = str(error)
        finally:
            if services.courier is courier:
                services.courier = None
        await asyncio.sleep(AGAIN)  # until there is room on the disk, say


async def start_sources(services: Services) -> None:
    """Fetch mail, and receive it if the settings say so, unless all accounts fetch theirs."""
    if services.config.accounts:
        await services.fetching.start()
    if services.config.receive.enabled and not await _only_fetched(services):
        await services.receiving.start()


async def _only_fetched(services: Services) -> bool:
    try:
        return bool(await services.accounts.all()) and not await services.accounts.received_here()
    except MisfinError:
        return False  # the receiver will say what is wrong


async def follow_sync(services: Services) -> None:
    """Post news whenever a state of sync has changed, for as long as there are accounts with one."""
    if not services.config.accounts:
        return
    from misfin.files import private_folder
    from misfin_tui.services.following import changes_in

    syncing = services.syncing
    try:
        await asyncio.to_thread(private_folder, services.profile.sync)
        before = await asyncio.to_thread(syncing.stamps)
        services.post(SyncChanged())
        async for _ in changes_in(services.profile.sync):
            stamps = await asyncio.to_thread(syncing.stamps)
            if stamps != before:
                before = stamps
                services.post(SyncChanged())
                await asyncio.sleep(PAUSE)
    except (MisfinError, OSError, RuntimeError):
        return  # this file system reports no changes: what shows it reads again when it is opened
