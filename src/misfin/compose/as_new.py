"""A stored message as a new draft: the same recipients, subject, text and files, to be changed and sent."""

from __future__ import annotations

from misfin.store.message.mime import ParsedMessage
from misfin.store.outgoing.attachments import AttachmentFiles
from misfin.store.outgoing.drafts import Draft
from misfin.store.outgoing.taken_over import attached_files, hidden_recipients


def as_new(message: ParsedMessage, data: bytes, account: str, files: AttachmentFiles) -> Draft:
    """The draft, in the account with this directory; attached files are copied into ``files``. Blocking.

    It is a message of its own: it replies to nothing, and has a new Message-ID and date when it is sent. Of
    one's own mail the Bcc comes back. ``data`` is the whole file of ``message``. Raises :class:`StoreError`.
    """
    return Draft(
        account=account,
        to=tuple(map(str, message.to)),
        cc=tuple(map(str, message.cc)),
        bcc=tuple(map(str, hidden_recipients(message))),
        subject=message.subject,
        body=message.text,
        attachments=attached_files(message, data, files),
    )
