"""The test of an e-mail account in plain lines: each step when it is done, questions about certificates."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from misfin_tui.linear.outbox import ask_trust

if TYPE_CHECKING:
    from misfin.email.checking import Checked
    from misfin_tui.config.accounts import AccountConfig
    from misfin_tui.linear.desk import Desk

_VERDICTS = {"good": "OK", "note": "Note", "bad": "Failed", "asks": "Needs your decision"}


async def tested(
    desk: Desk, name: str, settings: AccountConfig, password: str | None, token: str | None
) -> bool:
    """Test an account that need not exist yet, with what was just typed; whether it works."""
    accounts = desk.services.email_accounts
    while True:
        await desk.say(f"Testing {settings.address} …")
        found = await _steps(desk, name, settings, password, token)
        asking = next((each for each in found if each.asks), None)
        if asking is None:
            works = not any(each.bad for each in found)
            await desk.say("Everything works." if works else "Not everything works.")
            return works
        await ask_trust(desk, "mail", asking.server.name)
        if not await accounts.trusts(asking.server.name):
            await desk.say("Not tested: a certificate is not trusted.")
            return False


async def _steps(
    desk: Desk, name: str, settings: AccountConfig, password: str | None, token: str | None
) -> tuple[Checked, ...]:
    """Test it once, and say each result as it is known."""
    reports: asyncio.Queue[Checked | None] = asyncio.Queue()
    accounts = desk.services.email_accounts
    test = asyncio.create_task(
        accounts.check(name, settings, reports.put_nowait, password=password, token=token)
    )
    test.add_done_callback(lambda _done: reports.put_nowait(None))
    try:
        while (checked := await reports.get()) is not None:
            await desk.say(_sentence(checked))
        return await test
    finally:
        test.cancel()


def _sentence(checked: Checked) -> str:
    """``IMAP, login: OK. Logged in as ada.``"""
    said = f"{checked.text} {checked.remedy}" if checked.bad else checked.text
    protocol, step = checked.server.protocol.value.upper(), checked.step.value
    return f"{protocol}, {step}: {_VERDICTS[checked.verdict]}. {said}"
