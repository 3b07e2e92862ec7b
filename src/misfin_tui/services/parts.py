"""The parts of a message for the screens: their tree, their content, and a message without one of them."""

from __future__ import annotations

import asyncio
import re
import time
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from misfin.errors import InputError, LocalError, MessageGoneError, StoreError
from misfin.model.account import AddressKind
from misfin.store.filing import Action, Change, Copying, Undo
from misfin_tui.messages import MailChanged
from misfin_tui.services.newfile import expanded, write_new

if TYPE_CHECKING:
    from misfin.store.message.mime import ParsedMessage
    from misfin.store.message.structure import PartInfo
    from misfin.store.rows import MessageRow
    from misfin_tui.services import Services

MAX_SHOWN = 64 * 1024
"""Characters of a part, or of a header, that are shown."""


@dataclass(frozen=True, slots=True)
class Structure:
    """A message taken apart. ``row`` is None for a message inside another one."""

    data: bytes = field(repr=False)
    parts: tuple[PartInfo, ...]
    row: MessageRow | None = None


class Parts:
    """Parts of messages. Every method works in a thread; at most 128 MiB of a message are read."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def of(self, row: MessageRow) -> Structure:
        """The parts of a stored message. Raises like :meth:`Mail.raw`."""
        data = await self._services.mail.raw(row)
        return replace(await self.inside(data), row=row)

    async def inside(self, data: bytes) -> Structure:
        """The parts of a message that is part of another one."""
        from misfin.store.message.structure import parts_of

        return Structure(data, await asyncio.to_thread(parts_of, data))

    async def message(self, structure: Structure, part: PartInfo) -> tuple[bytes, ParsedMessage]:
        """An attached message, to be read here. What it says of itself proves nothing."""
        from misfin.store.message.mime import read_message

        data = await asyncio.to_thread(part.content, structure.data)
        return data, await asyncio.to_thread(read_message, data, AddressKind.MAIL)

    async def text(self, structure: Structure, part: PartInfo) -> str:
        """The beginning of a part as text."""
        return (await asyncio.to_thread(part.text, structure.data))[:MAX_SHOWN]

    async def save(self, structure: Structure, part: PartInfo, path: Path) -> Path:
        """Write a part to a new file; returns where. Raises :class:`LocalError`, also when it exists."""
        path = expanded(path)
        content = await asyncio.to_thread(part.content, structure.data)
        await asyncio.to_thread(write_new, path, content)
        self._services.attached.last_folder = str(path.parent)
        return path

    async def open(self, structure: Structure, part: PartInfo) -> None:
        """Give a part to the opener, as a copy that is removed at the end. Raises :class:`LocalError`."""
        content = await asyncio.to_thread(part.content, structure.data)
        await self._services.attached.open_bytes(content, part.name)

    async def can_change(self, row: MessageRow) -> bool:
        """Whether parts of a message can be deleted: a Misfin message is kept as it was proven."""
        return await asyncio.to_thread(self._can_change, row)

    def _can_change(self, row: MessageRow) -> bool:
        return self._services.address_kind(row.account) is AddressKind.MAIL

    async def headers(self, row: MessageRow) -> tuple[str, str]:
        """Every field of a message's header: decoded, one a line, and as received. Raises like
        :meth:`Mail.raw`.
        """
        return await asyncio.to_thread(_headers, await self._services.mail.raw(row))

    async def remove(self, structure: Structure, part: PartInfo) -> None:
        """Replace a stored message by one with a note in place of a part; the old one moves to the trash.

        Undo brings it back and removes the new one. Raises :class:`InputError`, :class:`LocalError`,
        :class:`MessageGoneError` and :class:`StoreError`; then nothing has changed.
        """
        undo = await asyncio.to_thread(self._remove, structure, part)
        await asyncio.to_thread(self._services.filer.noted, undo)
        self._services.mail.rescan()
        self._services.post(MailChanged())

    def _remove(self, structure: Structure, part: PartInfo) -> Undo:
        from misfin.model.authorship import MailFindings
        from misfin.store.mail.maildir import NewMessage, split_name
        from misfin.store.mail_evidence import ALTERED
        from misfin.store.message.removing import without_part

        row, services = structure.row, self._services
        if row is None or not self._can_change(row):
            raise InputError("Only attachments of e-mail can be deleted.")
        if len(structure.data) < row.size:
            raise LocalError("This message is too large to delete an attachment from it.")
        data = without_part(structure.data, part, datetime.now().astimezone())
        maildir = services.store.folder(row.account, row.folder)
        entry = maildir.find(split_name(row.path.name)[0], f"{row.path.parent.name}/{row.path.name}")
        if entry is None:
            raise MessageGoneError("The message is no longer in its folder.", remedy="Try again.")
        # Its signature no longer holds, and that is our doing: what was found out about the sender stays.
        # Noted before there is a file, or a check of the new one could be quicker.
        authors = services.index.proofs.authors
        with suppress(StoreError):
            unknown = MailFindings(row.sender_address.rpartition("@")[2], bad=ALTERED, unchecked=True)
            authors.put(data, authors.get(structure.data) or unknown, time.time())
        new = NewMessage(data, entry.flags or "S", entry.path.stat().st_mtime)
        (made,) = maildir.deliver_many([new])  # on disk before the old one leaves its place
        copy = Change(
            row.thread, row.account, row.folder, f"{made.subdir}/{made.name}", copying=Copying.REMOVE
        )
        services.mail.no_news([made.key])
        moved = services.filing.apply(Action.TRASH, [row.id])
        return Undo(Action.TRASH, "", (*moved.done, copy))


def parts_of(services: Services) -> Parts:
    """The one of these services."""
    return services.once("parts", lambda: Parts(services))


def _headers(data: bytes) -> tuple[str, str]:
    from misfin.store.message import fields

    first = fields.beginning(data)
    _, start = fields.split(data, first)
    raw = data[first : min(start, first + MAX_SHOWN)].replace(b"\r\n", b"\n")
    decoded = []
    for line in re.split(rb"\n(?![ \t])", raw.strip(b"\n")):
        name, _, value = line.partition(b":")
        decoded.append(f"{name.decode('ascii', 'replace')}: {fields.text(value)}")
    return "\n".join(decoded), raw.decode("utf-8", "replace")
