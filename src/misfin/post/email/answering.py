"""An answer to a stored e-mail as a draft: replies, and forwards with the files that go along."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import MappingProxyType

from misfin.compose import mail_reply
from misfin.compose.mail_reply import MailOriginal, OwnAddresses
from misfin.post.transport import Answer, How, Stored
from misfin.store.message.mime import read_message
from misfin.store.outgoing.attachments import AttachedFile, AttachmentFiles
from misfin.store.outgoing.drafts import Draft, Purpose
from misfin.store.outgoing.taken_over import file_name

_TARGETS: MappingProxyType[How, Callable[[MailOriginal, OwnAddresses], tuple[list[str], list[str]]]] = (
    MappingProxyType(
        {
            How.REPLY: mail_reply.reply_to_author,
            How.REPLY_ALL: mail_reply.reply_to_everyone,
            How.REPLY_LIST: mail_reply.reply_to_list,
        }
    )
)


def answer_to(stored: Stored, answer: Answer, own: OwnAddresses, files: AttachmentFiles) -> Draft:
    """The draft of a reply or a forward; attached files are copied into ``files``. Blocking.

    Raises :class:`~misfin.errors.LocalError` where there is nobody to reply to, and
    :class:`~misfin.errors.StoreError`.
    """
    message = read_message(stored.data)
    original = MailOriginal.of(stored.row.account, message)
    if answer.how is How.FORWARD_ATTACHED:
        return _attached(original, stored.data, answer, files)
    if answer.how is How.FORWARD:
        draft = mail_reply.forward_text(original, own, answer.signature)
        return _with_files(draft, stored.data, original, files)
    to, cc = _TARGETS[answer.how](original, own)
    return mail_reply.reply(original, to, cc, own, quoted=answer.quoted, signature=answer.signature)


def _attached(original: MailOriginal, data: bytes, answer: Answer, files: AttachmentFiles) -> Draft:
    whole = mail_reply.without_bcc(data)
    name = file_name(original.message.subject.replace("/", "-")[:80], "message")
    return Draft(
        account=original.account,
        subject=mail_reply.forward_subject(original.message.subject),
        body=f"\n\n{answer.signature.strip()}\n" if answer.signature.strip() else "",
        attachments=(AttachedFile(files.add_bytes(whole), f"{name}.eml", len(whole)),),
        purpose=Purpose.FORWARD,
    )


def _with_files(draft: Draft, data: bytes, original: MailOriginal, files: AttachmentFiles) -> Draft:
    kept = []
    for number, part in enumerate(original.message.attachments, 1):
        content = part.content(data)
        name = file_name(part.name, f"attachment {number}")
        kept.append(AttachedFile(files.add_bytes(content), name, len(content)))
    return replace(draft, attachments=tuple(kept))
