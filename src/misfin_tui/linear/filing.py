"""Commands that file messages, and the one that undoes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from misfin.errors import InputError
from misfin_tui.linear.composing import write
from misfin_tui.linear.desk import numbers_in

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from misfin_tui.linear.desk import Desk


def filing(action: str, *, gone: bool = False) -> Callable[[Desk, str], Awaitable[None]]:
    """A command that does this to the conversations of the numbers, or to the open one. ``gone``: they leave
    the list by it."""

    async def run(desk: Desk, rest: str) -> None:
        await _apply(desk, action, rest, gone=gone)

    return run


def filing_with_word(action: str, what: str, *, gone: bool = False) -> Callable[[Desk, str], Awaitable[None]]:
    """The same for an action that takes a folder or a tag, which comes first."""

    async def run(desk: Desk, rest: str) -> None:
        word, numbers = _divided(rest)
        if not word:
            raise InputError(f"Give {what}.")
        chosen = "untag" if action == "tag" and word.startswith("-") else action
        await _apply(desk, chosen, numbers, word.lstrip("+-") if action == "tag" else word, gone=gone)

    return run


def _divided(rest: str) -> tuple[str, str]:
    """``Old mail 3-5`` as its words and its numbers."""
    words = rest.split()
    at = len(words)
    while at > 1 and words[at - 1].replace("-", "").isdecimal() and words[at - 1][0] != "-":
        at -= 1
    return " ".join(words[:at]), " ".join(words[at:])


async def _apply(desk: Desk, action: str, numbers: str, word: str = "", *, gone: bool = False) -> None:
    targets = desk.targets(numbers)
    threads = [each.thread for each in targets]
    done = await desk.services.filer.apply(action, threads, word, view=desk.view)
    await desk.say(f"{done} Type undo to undo.")
    if not gone:
        return
    if desk.conversation is not None and desk.conversation.thread in threads:
        desk.leave_conversation()
        desk.position -= 1  # the next one is where this one was
    filed = (
        numbers_in(numbers) if numbers else [n for n, row in desk.numbered.items() if row.thread in threads]
    )
    desk.offset = max(desk.offset - len([number for number in filed if number <= desk.offset]), 0)
    for number in filed:
        desk.numbered.pop(number, None)


async def undo(desk: Desk, _rest: str) -> None:
    """Undo sending, the last filing or the last blocking, whichever is newest."""
    filer, sending, contacts = desk.services.filer, desk.services.sending, desk.services.contacts
    sent = sending.undoable()
    if contacts.last_block > max(filer.last_filed, sent.at if sent else 0.0):
        await desk.say(f"{await contacts.undo_block()} is no longer blocked.")
    elif sent and sent.at >= filer.last_filed:
        draft = await sending.undo_send(sent.ids)
        if draft is None:
            await desk.say("It is too late: the message is being sent.")
        else:
            await desk.say("Not sent. It is a draft again.")
            await write(desk, draft)
    else:
        await desk.say(await filer.undo() or "There is nothing to undo.")
