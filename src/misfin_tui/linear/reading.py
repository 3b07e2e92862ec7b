"""Commands for reading: a conversation's messages one after the other, details, links, attachments."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from misfin.errors import InputError, MisfinError
from misfin.model.account import AddressKind
from misfin_tui.linear.desk import Listing, OpenMessage, numbers_in, row_of
from misfin_tui.linear.message import attachment_lines, head_lines, spoken
from misfin_tui.linear.outbox import attempts
from misfin_tui.linear.questions import choose
from misfin_tui.linear.writing import write_link
from misfin_tui.services.senders import senders_of
from misfin_tui.wording.facts import many
from misfin_tui.wording.links import consequence, remarks
from misfin_tui.wording.message import details_of

if TYPE_CHECKING:
    from misfin.store.protected import OpenedMail
    from misfin.store.rows import ConversationRow, MessageRow
    from misfin_tui.linear.desk import Desk


async def read(desk: Desk, rest: str) -> None:
    """Read a conversation by its number; without one, the open message again."""
    if not rest:
        await _tell(desk)
        return
    number = numbers_in(rest)[0]
    if desk.listing is Listing.OUTBOX:
        await attempts(desk, rest)
        return
    if desk.show_row is not None and desk.listing not in (Listing.MAIL, Listing.CONTACTS):
        await desk.show_row(row_of(rest, desk.rows, "row"))
        return
    row = desk.numbered.get(number)
    if row is None:
        found = await desk.services.mail.conversations(desk.view, number - 1, 1)
        if number < 1 or not found:
            raise InputError(f"There is no conversation {number} here.")
        row = found[0]
    await open_conversation(desk, row, number - 1)


async def open_conversation(
    desk: Desk, row: ConversationRow, position: int, *, message: str = "", last: bool = False
) -> None:
    """Open a conversation at its first unread message, else its newest; or at the one with an id, or at its
    ``last``."""
    messages = await desk.services.mail.thread(row.thread, desk.view)
    if not messages:
        raise InputError("This conversation is no longer there.", remedy="Type list to list again.")
    desk.leave_conversation()
    desk.conversation, desk.messages, desk.position = row, messages, position
    wanted = [at for at, each in enumerate(messages) if (each.id == message if message else each.unread)]
    desk.at = len(messages) - 1 if last or not wanted else wanted[0]
    await _tell(desk)


async def forward(desk: Desk, _rest: str) -> None:
    """The next message: of the conversation, or the first of the next one."""
    if desk.conversation is not None and desk.at + 1 < len(desk.messages):
        desk.at += 1
        await _tell(desk)
        return
    await _open_at(desk, await _position(desk) + 1, "This was the last message here.")


async def back(desk: Desk, _rest: str) -> None:
    """The previous message: of the conversation, or the last of the one before."""
    if desk.conversation is not None and desk.at > 0:
        desk.at -= 1
        await _tell(desk)
        return
    await _open_at(desk, await _position(desk) - 1, "This was the first message here.", last=True)


async def _open_at(desk: Desk, position: int, otherwise: str, *, last: bool = False) -> None:
    found = await desk.services.mail.conversations(desk.view, position, 1) if position >= 0 else []
    if not found:
        await desk.say(otherwise)
        return
    desk.listing = Listing.MAIL
    await open_conversation(desk, found[0], position, last=last)


async def _position(desk: Desk) -> int:
    """Where the open conversation is in the list by now; one that was filed left its place to the next."""
    if desk.conversation is None:
        return desk.position
    found = await desk.services.mail.position(desk.view, desk.conversation.thread)
    return desk.position if found is None else found


async def messages(desk: Desk, rest: str) -> None:
    """The messages of the open conversation; with a number, read that one."""
    if desk.conversation is None:
        raise InputError("No conversation is open.", remedy="Type the number of one.")
    if rest:
        desk.at = desk.messages.index(row_of(rest, desk.messages, "message"))
        await _tell(desk)
        return
    await desk.say(
        *(
            f"{number}. {'Unread. ' if row.unread else ''}{row.sender or row.sender_address}:"
            f" {row.subject or 'no subject'}."
            for number, row in enumerate(desk.messages, 1)
        )
    )


async def _tell(desk: Desk, prefer: str = "", charset: str = "") -> None:
    """Say the message the desk is at, and mark it as read."""
    if not desk.messages:
        raise InputError("No message is open.", remedy="Type the number of a conversation.")
    row = desk.messages[desk.at]
    message = await desk.services.mail.read(row, charset, prefer=prefer)
    opened = None
    if message.protections:
        opened = await _opened(desk, row, prefer)
        if opened is not None and opened.message is not None:
            message = replace(opened.message, protections=message.protections)
    doubts = await senders_of(desk.services).doubts(row, message)
    text = spoken(message)
    desk.open = OpenMessage(row, message, text.links, bool(opened and opened.locked), prefer)
    place = f"Message {desk.at + 1} of {len(desk.messages)}." if len(desk.messages) > 1 else "Message."
    if row.unread:
        await desk.services.filer.apply("read", [row.id], undoable=False)
        desk.messages[desk.at] = await desk.services.mail.message(row.id)
    await desk.say(
        *head_lines(row, message, place=place, opened=opened, doubts=doubts, spoken_text=text),
        "",
        *text.lines,
        *(["", *attachment_lines(message)] if message.attachments else []),
        "",
        "End of message.",
    )


async def _opened(desk: Desk, row: MessageRow, prefer: str) -> OpenedMail | None:
    from misfin_tui.services.protected import protected_of

    try:
        return await protected_of(desk.services).open(row, prefer=prefer)
    except MisfinError as error:
        await desk.report(error)
        return None


async def unlock(desk: Desk, _rest: str) -> None:
    """Decrypt the open message; GnuPG asks for the passphrase."""
    from misfin_tui.services.protected import protected_of, terminal_name

    found = desk.opened
    if not found.locked:
        raise InputError("This message is not locked.")
    async with desk.terminal.given_away():
        await protected_of(desk.services).open(found.row, prefer=found.prefer, terminal=terminal_name())
    await _tell(desk, found.prefer)


async def details(desk: Desk, _rest: str) -> None:
    """How it is known who wrote the open message, and everything else about it."""
    found = desk.opened
    author = await desk.services.mail.authorship.explained(found.row)
    doubts = await senders_of(desk.services).doubts(found.row, found.message)
    facts = details_of(found.row, found.message, author=author, doubts=doubts)
    await desk.say(*(f"{label}: {value}" if label else value for label, value in facts))


async def version(desk: Desk, _rest: str) -> None:
    """The next of the texts that a message offers to choose from."""
    from misfin_tui.wording.message import text_kind

    found = desk.opened
    offered = found.message.alternatives
    if len(offered) < 2:
        raise InputError("This message has only one version.")
    at = offered.index(found.message.alternative) if found.message.alternative in offered else -1
    wanted = offered[(at + 1) % len(offered)]
    await desk.say(f"Read as {text_kind(wanted)}.")
    await _tell(desk, wanted)


async def links(desk: Desk, rest: str) -> None:
    """The links of the open message; with a number, where it leads, and a question before it is opened."""
    found = desk.opened
    if not rest:
        lines = [f"link {number}: {target}" for number, target in enumerate(found.links, 1)]
        await desk.say(*(lines or ["There is no link in this message."]))
        return
    target = row_of(rest, found.links, "link")
    scheme = target.partition(":")[0].lower()
    can_write = scheme == "misfin" or (
        scheme == "mailto" and await desk.services.sending.can_write_to(AddressKind.MAIL)
    )
    if can_write:
        await write_link(desk, target)
    elif scheme == "mid":
        await _to_message(desk, target)
    else:
        await _outside(desk, target)


async def _to_message(desk: Desk, target: str) -> None:
    found = await desk.services.mail.named(target)
    if found is None:
        raise InputError("The message this link refers to is not here.")
    await open_conversation(desk, found, desk.position, message=found.id)


async def _outside(desk: Desk, target: str) -> None:
    command = await desk.services.outside.opener_named(target)
    lines = ["Open this link?", target, *(f"Warning: {each}" for each in remarks(target))]
    choices: dict[bool | None, str] = {None: "Cancel", True: "Open"}
    if await choose(desk.terminal, [*lines, consequence(target, command)], choices):
        await desk.services.outside.open_link(target)
        await desk.say("It was given to the opener.")


async def attachments(desk: Desk, _rest: str) -> None:
    """What is attached to the open message."""
    found = desk.opened
    await desk.say(*(list(attachment_lines(found.message)) or ["Nothing is attached."]))


async def save(desk: Desk, rest: str) -> None:
    """Save an attachment by its number, all of them, or the message itself, to a path."""
    found = desk.opened
    what, _, where = rest.partition(" ")
    attached = desk.services.attached
    if what == "all":
        folder = where.strip() or await _path(desk, "Save all in", attached.last_folder)
        saved = await attached.save_all(found.row, Path(folder)) if folder else []
        if saved:
            await desk.say(f"Saved {many(len(saved), 'file')} in {saved[0].parent}.")
    elif what == "message":
        path = where.strip() or await _path(desk, "Save to", f"{attached.last_folder}/message.eml")
        if path:
            data = await desk.services.mail.raw(found.row)
            await desk.say(f"Saved to {await desk.services.outside.save(Path(path), data)}.")
    else:
        part = row_of(what, found.message.attachments, "attachment")
        number = found.message.attachments.index(part)
        suggested = attached.suggested(part.name, f"attachment-{number + 1}")
        path = where.strip() or await _path(desk, "Save to", suggested)
        if path:
            await desk.say(f"Saved to {await attached.save(found.row, number, Path(path))}.")


async def _path(desk: Desk, question: str, suggested: str) -> str:
    await desk.say(f"{question} which path? Enter alone means {suggested}.")
    return (await desk.terminal.ask("Path: ", remember=False)).strip() or suggested
