"""Commands that begin a message: a new one, an answer, a draft that is continued, a link."""

from __future__ import annotations

from typing import TYPE_CHECKING

from misfin.errors import InputError
from misfin.model.folders import DRAFTS
from misfin.post.transport import How
from misfin_tui.linear.composing import write
from misfin_tui.linear.desk import row_of

if TYPE_CHECKING:
    from misfin_tui.linear.desk import Desk


async def compose(desk: Desk, rest: str) -> None:
    """Write a new message, perhaps to somebody."""
    chosen = bool(desk.people) and rest.isdecimal()
    if chosen:
        person = row_of(rest, desk.people, "contact").contact
        draft = await desk.services.sending.new([person.address], seen_in=desk.view.account, kind=person.kind)
    else:
        draft = await desk.services.sending.new([rest] if rest else [], seen_in=desk.view.account)
    await write(desk, draft, follows=not chosen)


async def reply(desk: Desk, rest: str) -> None:
    """Reply to the sender of the open message; ``all``: to everybody, ``list``: to the mailing list."""
    ways = {"": How.REPLY, "all": How.REPLY_ALL, "list": How.REPLY_LIST}
    if rest.casefold() not in ways:
        raise InputError("Type reply, reply all or reply list.")
    await _answer(desk, ways[rest.casefold()])


async def forward(desk: Desk, _rest: str) -> None:
    """Forward the open message."""
    await _answer(desk, How.FORWARD)


async def _answer(desk: Desk, how: How) -> None:
    await write(desk, await desk.services.sending.answer(desk.opened.row, how))


async def write_link(desk: Desk, link: str) -> None:
    """Write to the address that a ``misfin:`` or ``mailto:`` link has. Raises :class:`MisfinError`."""
    from misfin.model.mailto import is_mailto, parse_mailto

    if is_mailto(link) and parse_mailto(link).names_files:
        await desk.say(
            "The link names files to attach. Files are never attached because of a link: if you want to"
            " send one, attach it yourself."
        )
    await write(desk, await desk.services.sending.from_link(link))


async def edit_draft(desk: Desk, _rest: str) -> None:
    """Continue the open draft."""
    row = desk.opened.row
    if row.folder != DRAFTS:
        raise InputError("This is not a draft.", remedy="Drafts are in the folder Drafts.")
    await write(desk, await desk.services.sending.open(row.id))
