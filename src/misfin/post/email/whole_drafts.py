"""Puts the attached files of e-mail drafts into the drafts themselves, for other programs to see.

A draft that is being written holds only the keys of its files (docs/mail-on-disk.md §4). Once its composer is
closed it is written once more, whole, before it goes to the server.
"""

from __future__ import annotations

import binascii
import logging
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import BinaryIO, Final

from misfin.email.account import SendHTML
from misfin.email.mime_out import NamedAddress, OutgoingFile, OutgoingMail
from misfin.email.mime_out.message import body_of
from misfin.email.mime_out.parts import MimePart
from misfin.errors import LocalError, MessageGoneError, StoreError
from misfin.files import sync_file
from misfin.model.folders import DRAFTS
from misfin.store.mail.filenames import is_local_only
from misfin.store.mail.maildir import Entry, Maildir, MailStore, unique_name
from misfin.store.outgoing.attachments import AttachmentFiles
from misfin.store.outgoing.draft_fields import is_whole, mark_of_head
from misfin.store.outgoing.drafts import Draft, facts_of, fields_of, from_bytes, is_draft_key, own_field

LARGEST: Final = 25 << 20
"""Bytes of files beyond which they stay here: most servers would refuse the draft."""
_HEAD: Final = 16_384

logger = logging.getLogger("misfin.sync")


def complete_drafts(store: MailStore, files: AttachmentFiles, account: str, author: tuple[str, str]) -> int:
    """Write the drafts of an account whole that have files; returns how many. Blocks.

    ``author`` is the display name and the address of the account. Nobody may be writing one of its drafts.
    Raises :class:`~misfin.errors.StoreError`.
    """
    folder, done = store.folder(account, DRAFTS), 0
    for entry in folder.list():
        if is_draft_key(entry.key) and not is_local_only(entry.key) and not _whole_already(entry.path):
            try:
                done += _complete(folder, entry, files, author)
            except (LocalError, MessageGoneError) as error:  # a file is missing; sent or discarded meanwhile
                logger.warning("A draft goes to the server without its files: %s", error)
    return done


def _whole_already(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return is_whole(file.read(_HEAD))
    except OSError:
        return True  # gone


def _complete(folder: Maildir, entry: Entry, files: AttachmentFiles, author: tuple[str, str]) -> bool:
    draft = from_bytes(folder.read(entry.key))
    if draft is None or not draft.attachments or sum(each.size for each in draft.attachments) > LARGEST:
        return False
    body = _body(draft, files)
    fields = b"".join([*fields_of(draft, author), b"MIME-Version: 1.0\n", body.head.replace(b"\r\n", b"\n")])
    facts = facts_of(draft) | {"body": draft.body, "shown": _mark(fields, body)}
    (path,) = folder.new_paths(1, now=draft.modified)
    try:
        _write(path, fields + own_field(facts) + b"\n", body)
        # As old as the save it stands for: one that is made meanwhile is newer.
        folder.take([(path, entry.flags, f"{unique_name(draft.modified)}.D{draft.id}")])
    finally:
        path.unlink(missing_ok=True)
    folder.remove(entry.key)
    return True


def _body(draft: Draft, files: AttachmentFiles) -> MimePart:
    outgoing = tuple(
        OutgoingFile(each.name, each.size, partial(_opened, files.path(each.key)))
        for each in draft.attachments
    )
    return body_of(
        OutgoingMail(
            NamedAddress("", ""),
            f"<{draft.id}@draft>",
            datetime.fromtimestamp(draft.modified, UTC),
            text=draft.body,
            html=SendHTML.NEVER,
            files=outgoing,
        )
    )


def _opened(path: Path) -> BinaryIO:
    return path.open("rb")


def _pieces(body: MimePart) -> Iterator[bytes]:
    return (piece.replace(b"\r\n", b"\n") for piece in body.pieces())


def _mark(fields: bytes, body: MimePart) -> str:
    """As :func:`misfin.store.outgoing.draft_fields.mark_of` finds it, a piece at a time."""
    value, held = mark_of_head(fields), b""
    for piece in _pieces(body):
        whole = held + piece
        kept = whole.rstrip()
        value, held = binascii.crc32(kept, value), whole[len(kept) :]
    return f"{value:08x}"


def _write(path: Path, head: bytes, body: MimePart) -> None:
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(head)
            file.writelines(_pieces(body))
            file.flush()
            sync_file(file.fileno())
    except OSError as error:
        raise StoreError(f"A draft could not be written to {path}: {error.strerror}.") from error
