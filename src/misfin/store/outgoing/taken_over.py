"""What a draft takes over from a stored message beside its text: hidden recipients and files."""

from __future__ import annotations

from misfin.model.safetext import plain
from misfin.store.message import fields
from misfin.store.message.addressing import Person
from misfin.store.message.mime import ParsedMessage
from misfin.store.outgoing.attachments import AttachedFile, AttachmentFiles


def hidden_recipients(message: ParsedMessage) -> tuple[Person, ...]:
    """The people in Bcc, which only a draft and the sender's own copy have."""
    return fields.people(fields.split(message.head)[0].get("bcc", [])) if message.head else ()


def attached_files(message: ParsedMessage, data: bytes, files: AttachmentFiles) -> tuple[AttachedFile, ...]:
    """The files that come with a message, copied; ``data`` is all of it. Raises :class:`StoreError`."""
    kept = []
    for number, part in enumerate(message.attachments, 1):
        content = part.content(data)
        name = file_name(part.name, f"attachment {number}")
        kept.append(AttachedFile(files.add_bytes(content), name, len(content)))
    return tuple(kept)


def file_name(name: str, otherwise: str) -> str:
    """The name a stranger gave a file, as one we can give it: no folders, nothing that acts on a terminal."""
    bare = plain(name.replace("\\", "/").rpartition("/")[2], one_line=True).strip(" .")
    return bare[-100:] or otherwise
