"""Adding a Misfin mailbox that somebody keeps on a server, in plain lines: its file, the server, a test.

Nothing is saved before the last question, and the server's certificate is shown before it gets ours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from misfin.errors import AddressError, MisfinError
from misfin.model.address import normal_hostname
from misfin.trust.refusal import TrustError
from misfin_tui.linear.outbox import ask_trust
from misfin_tui.linear.pem_files import opened
from misfin_tui.linear.questions import choose, typed
from misfin_tui.services.mailboxes import remote_mailboxes
from misfin_tui.wording.facts import many
from misfin_tui.wording.first_steps import MAILBOX, MAILBOX_PORT, UNTESTED, mailbox_of

if TYPE_CHECKING:
    from misfin.trust.identity import Identity
    from misfin_tui.linear.desk import Desk

STOPPED = "Nothing was saved. Type setup to begin again."


async def add_mailbox(desk: Desk) -> None:
    """Ask for the operator's file and the server, then save the account. Raises :class:`Interrupted`."""
    mailboxes, accounts = remote_mailboxes(desk.services), desk.services.email_accounts
    await desk.say(MAILBOX)
    identity: Identity | None = None
    while identity is None:
        path = await typed(desk.terminal, "PEM file", problem=lambda text: "" if text else "Enter its path.")
        identity = await opened(desk, path, "not a file")
        if identity is not None and (problem := await mailboxes.problem_with(identity)):
            await desk.say(problem)
            identity = None
    address = identity.address
    await desk.say(mailbox_of(identity))
    host = normal_hostname(await typed(desk.terminal, "Server", address.hostname, problem=_wrong_host))
    await desk.say(MAILBOX_PORT)
    port = int(await typed(desk.terminal, "TCP port (optional)", problem=_wrong_port) or 0)
    while True:
        name = await typed(desk.terminal, "Account name", await accounts.suggested_name(address.address))
        if not (problem := await accounts.problem_with_name(name)):
            break
        await desk.say(problem)
    works = await _works(desk, host, port, identity)
    lines = (f"Save {address.address} as {name}?",) if works else UNTESTED
    sure: dict[bool | None, str] = {None: "Stop without saving", True: "Save"}
    if await choose(desk.terminal, lines, sure) is not True:
        await desk.say(STOPPED)
        return
    await desk.use_config(await mailboxes.add(name, host, port, identity))
    await desk.say(f"{address.address} is ready. Type compose to write a message.")


async def _works(desk: Desk, host: str, port: int, identity: Identity) -> bool:
    """Ask the server for the inbox; a person decides about a certificate that is not trusted yet."""
    mailboxes = remote_mailboxes(desk.services)
    await desk.say(f"Asking {host} …")
    while True:
        try:
            found = await mailboxes.look(host, port, identity, trust_on_first_use=False)
        except TrustError as error:
            server = f"{error.hostname}:{error.port}"
            if not await ask_trust(desk, "host", server) or not await mailboxes.trusts(server):
                await desk.say("Not tested: a certificate is not trusted.")
                return False
        except MisfinError as error:
            await desk.report(error)
            return False
        else:
            unread = f"{found.unread:,} unread in all folders"
            await desk.say(
                f"Everything works. {found.server} opens the mailbox:"
                f" {many(found.inbox, 'message')} in the inbox, {unread}.",
                f"Its certificate has the fingerprint {found.fingerprint}.",
            )
            return True


def _wrong_host(text: str) -> str:
    try:
        normal_hostname(text)
    except AddressError as error:
        return f"{error} {error.remedy}".strip()
    return ""


def _wrong_port(text: str) -> str:
    right = not text or (text.isascii() and text.isdigit() and 0 < int(text[:6]) < 65536)
    return "" if right else "A port is a number from 1 to 65535."
