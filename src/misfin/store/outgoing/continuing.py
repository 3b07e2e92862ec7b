"""What a draft that another mail program wrote or changed holds, for it to be continued here."""

from __future__ import annotations

from typing import Any

from misfin.model.account import AddressKind
from misfin.store.message.mime import read_message
from misfin.store.outgoing.attachments import AttachmentFiles
from misfin.store.outgoing.draft_fields import is_whole
from misfin.store.outgoing.taken_over import attached_files, hidden_recipients


def continued(data: bytes, files: AttachmentFiles, *, ours: bool) -> dict[str, Any]:
    """The fields of the draft in a message, with its files; of a formatted text, the words stay.

    ``ours``: this program wrote it first, and its files are in the message only if it is whole. Raises
    :class:`~misfin.errors.StoreError`.
    """
    message = read_message(data, AddressKind.MISFIN)  # whoever wrote it, it is only text to continue
    found: dict[str, Any] = {
        "to": tuple(map(str, message.to)),
        "cc": tuple(map(str, message.cc)),
        "bcc": tuple(map(str, hidden_recipients(message))),
        "subject": message.subject,
        "body": message.text,
        "in_reply_to": message.in_reply_to,
        "references": message.references,
    }
    if not ours or is_whole(data):
        found["attachments"] = attached_files(message, data, files)
    return found
