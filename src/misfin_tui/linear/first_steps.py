"""The command ``setup``: the first steps of a new profile, and later one more account.

Nothing is written before the last question: whoever stops half-way leaves nothing behind.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from misfin.errors import AddressError, MisfinError
from misfin.model.address import MisfinAddress
from misfin_tui.linear.email_steps import add_email
from misfin_tui.linear.mailbox_steps import add_mailbox
from misfin_tui.linear.pem_files import opened
from misfin_tui.linear.questions import choose, typed
from misfin_tui.linear.terminal import Interrupted
from misfin_tui.services.background import start_sources
from misfin_tui.services.setup import name_problem
from misfin_tui.wording.first_steps import (
    CHOICES,
    OTHER_PORT,
    PORT,
    QUESTION,
    RECEIVE,
    WELCOME,
    WHO,
    port_advice,
    will_do,
)

if TYPE_CHECKING:
    from misfin_tui.linear.desk import Desk

MISFIN, EMAIL, BOTH, SERVER = (value for value, _label, _note in CHOICES)
IMPORTING = (
    "Type an address such as ada@mail.example. To import one from another program, type the path of its PEM"
    " file instead."
)
STOPPED = "Nothing more was created or saved. Type setup to begin again."


async def setup(desk: Desk, _rest: str) -> None:
    """Ask which kind of mail, then take the steps for it."""
    named: dict[str | None, str] = {value: f"{label}, {note}" for value, label, note in CHOICES}
    lines = (f"{WELCOME}.", f"{QUESTION} ctrl+c stops these steps at any time.")
    chosen = await choose(desk.terminal, lines, {**named, None: "Nothing now"})
    try:
        if chosen == SERVER:
            await add_mailbox(desk)
        elif chosen is None or (chosen in (MISFIN, BOTH) and not await _add_identity(desk)):
            await desk.say(STOPPED)
        elif chosen in (EMAIL, BOTH):
            await add_email(desk)
    except Interrupted:
        await desk.say("", STOPPED)
    except MisfinError as error:
        await desk.report(error)
        await desk.say(STOPPED)


async def _add_identity(desk: Desk) -> bool:
    """A Misfin address, new or imported; whether there is one now."""
    services = desk.services
    await desk.say(WHO, IMPORTING)
    address, name, imported = "", "", None
    while not address:
        text = await typed(desk.terminal, "Address")
        if "@" in text and "/" not in text:
            address = await _checked(desk, text)
        elif text:
            imported = await opened(desk, text)
            address = imported.address.address if imported is not None else ""
    if imported is None:
        name = await typed(desk.terminal, "Name (optional)", problem=name_problem)
    new_profile = not services.profile.config.exists()
    receive, port = await _receiving(desk, address) if new_profile else (services.config.receive.enabled, 0)
    facts = will_do(address, imported=imported is not None, receive=receive, port=port)
    sure = {None: "Stop without saving", True: "Create" if imported is None else "Import"}
    if await choose(desk.terminal, facts if new_profile else facts[:1], sure) is not True:
        return False
    before = await services.identities.default()
    start = services.setup.start(
        address=address, name=name, key="ec", imported=imported, receive=receive, port=port or 1958
    )
    await desk.use_config(await services.setup.finish(start))
    if (kept := await services.identities.keep_default(before)) is not None:
        await desk.use_config(kept)
    await desk.say(f"{address} is ready. Type compose to write your first message.")
    if receive:
        await start_sources(services)
        state = await services.receiving.state()
        wrong = f"Mail cannot be received: {state.error}" if state.error else ""
        await desk.say(wrong or f"Receiving on {', '.join(state.addresses) or 'the usual port'}.")
    return True


async def _checked(desk: Desk, text: str) -> str:
    """The address as it will be in the certificate; empty where it cannot be one, which is said."""
    try:
        return MisfinAddress.parse(text).address
    except AddressError as error:
        await desk.report(error)
        return ""


async def _receiving(desk: Desk, address: str) -> tuple[bool, int]:
    """Whether mail is received here, and on which port. Raises :class:`Interrupted` to stop."""
    ways: dict[bool | None, str] = {True: "Receive mail here", False: "Only send", None: "Stop"}
    here = await choose(desk.terminal, (RECEIVE,), ways)
    if here is None:
        raise Interrupted
    if not here:
        return False, 0
    await desk.say(port_advice(address))
    usual = str(MisfinAddress.parse(address).port or 1958)
    while True:
        digits = await typed(desk.terminal, "TCP port", usual)
        problem = PORT
        if digits.isascii() and digits.isdigit():
            problem = await desk.services.setup.port_problem(int(digits[:6]))
        if not problem:
            return True, int(digits)
        await desk.say(f"{problem} {OTHER_PORT}")
