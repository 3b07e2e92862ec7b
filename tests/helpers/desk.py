"""A person at the program: a real profile on disk, the real app through Pilot, what stands on the screen."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quiet import until_quiet
from textual import events
from textual.pilot import Pilot

from misfin.email.dnsrecords import DNSError
from misfin.model.address import MisfinAddress
from misfin.store.identities import IdentityStore
from misfin.store.rows import MessageRow
from misfin.trust.identity import Identity, generate
from misfin_tui import config
from misfin_tui.app import MisfinApp
from misfin_tui.app.background import CourierWork
from misfin_tui.paths import Profile, profile_at
from misfin_tui.services.author_process import AuthorProcess, Checked

if TYPE_CHECKING:
    from misfin_tui.services.authorship import Authorship

ALICE = "alice@mail.example"
SETTINGS = """
[receive]
enabled = false
[send]
undo_send_seconds = 3600
"""
"""Nothing is received, and nothing leaves before the test is over."""

WAIT = 60.0
"""Seconds until what a test waits for must have come; no test that passes waits so long."""
PUT_OFF = 0.3
"""Seconds: more than the app waits for another key before it shows a message or searches."""


def identity(address: str, blurb: str = "") -> Identity:
    """A new identity."""
    return generate(MisfinAddress.parse(f"{address} {blurb}"), now=datetime.now(UTC))


def make_profile(root: Path, *, settings: str = SETTINGS, address: str = ALICE) -> Profile:
    """A profile with one identity, unless ``address`` is empty."""
    profile = profile_at(root)
    profile.root.mkdir(parents=True, exist_ok=True)
    profile.config.write_text(settings)
    if address:
        IdentityStore(profile.identities).save(identity(address, "Alice Smith"))
    return profile


class NoCourier(CourierWork):
    """Sends nothing."""

    def start(self) -> None:
        pass


class QuietApp(MisfinApp):
    """The app without its courier: what is in the outbox stays as a test put it there."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.courier = NoCourier(self)


async def _silent(_name: str) -> list[bytes]:
    raise DNSError("DNS does not answer.")


class ChecksHere(AuthorProcess):
    """Checks who wrote messages in this process, where a test answers for DNS."""

    def __init__(self, authorship: Authorship) -> None:
        self._authorship = authorship

    def check(self, row: MessageRow) -> Checked:
        return asyncio.run(self._authorship.check(row))

    def close(self) -> None:
        """There is no other process."""


@asynccontextmanager
async def at_desk(
    profile: Profile,
    size: tuple[int, int] = (100, 30),
    *,
    courier: bool = False,
    dns: Any = None,
    **options: Any,
) -> AsyncIterator[tuple[MisfinApp, Pilot[int]]]:
    """The app on this profile, its first screen drawn."""
    app = (MisfinApp if courier else QuietApp)(profile, config.load(profile.config), **options)

    async def lookup() -> Any:
        return dns or _silent  # a test asks nobody's DNS

    authorship = app.services.mail.authorship
    authorship._lookup = lookup
    authorship.start_process = lambda _profile, _stop: ChecksHere(authorship)
    try:
        async with app.run_test(size=size, notifications=True) as pilot:
            # The first screen gives itself the focus, and a key before that would go nowhere.
            await until(pilot, lambda: app.focused is not None, "the first focus")
            yield app, pilot
    finally:
        # In the middle of a scan it ends after it; a process that ends cuts it off. The next app at this desk
        # shares its process with it, and what a test then does to the index would reach it half-way.
        for thread in app.services.mail._threads[:1]:
            thread.join(WAIT)


async def until(pilot: Pilot[Any], holds: Callable[[], object], what: str = "") -> None:
    """Let the app work until something holds."""
    end = time.monotonic() + WAIT
    while not holds():
        if time.monotonic() > end:
            raise AssertionError(f"never: {what or holds}; on the screen:\n{shown(pilot.app)}")
        await pilot.pause(0.005)
        await pilot.pause()


async def settled(pilot: Pilot[Any]) -> None:
    """Wait until the app rests: the mail was looked at, and what waits for a pause in the typing was done."""
    await until(pilot, lambda: pilot.app.services.mail.scanned, "the mail was looked at")
    await until_quiet(soon=PUT_OFF)
    await pilot.pause()


async def on_screen(pilot: Pilot[Any], text: str) -> None:
    """Wait until a text stands on the screen, and everything beside it has found its place."""
    await until(pilot, lambda: text in shown(pilot.app), text)
    await pilot.pause()


def shown(app: Any) -> str:
    """The screen as a person reads it."""
    strips = app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip).rstrip() for strip in strips)


def notices(app: Any) -> list[str]:
    """Every notice that is up."""
    return [note.message for note in app._notifications]


async def type_text(pilot: Pilot[Any], text: str) -> None:
    """Write into what has the focus: a paste for each line, which is quicker than keys, and enter between."""
    await pilot.pause()  # a focus just asked for takes effect first
    for number, line in enumerate(text.split("\n")):
        if number:
            await pilot.press("enter")
        if line:
            pilot.app.screen.focused.post_message(events.Paste(line))
            await pilot.pause()
