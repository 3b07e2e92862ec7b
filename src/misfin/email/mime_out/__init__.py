"""Writes ordinary e-mail (RFC 5322, MIME): a message as a value in, its bytes out, streamed, of known size.

Fill in an :class:`OutgoingMail`, call :func:`build`, and write the :class:`MimeMessage` into a file or read
it like one. The same value gives the same bytes at any time. docs/sending-email.md has the reasons.
"""

from misfin.email.mime_out.attachments import (
    AttachmentChangedError,
    OutgoingFile,
    content_type,
    file_on_disk,
)
from misfin.email.mime_out.fields import UnsafeFieldError
from misfin.email.mime_out.message import MimeMessage, NamedAddress, OutgoingMail, build
from misfin.email.mime_out.reader import MessageReader

__all__ = [
    "AttachmentChangedError",
    "MessageReader",
    "MimeMessage",
    "NamedAddress",
    "OutgoingFile",
    "OutgoingMail",
    "UnsafeFieldError",
    "build",
    "content_type",
    "file_on_disk",
]
