"""The MIME around what OpenPGP signed or encrypted (RFC 3156), or S/MIME signed (RFC 8551 §3.5.3).

Pure: the signatures are made elsewhere.
"""

from __future__ import annotations

from base64 import encodebytes
from dataclasses import replace

from misfin.email.mime_out.fields import text_field
from misfin.email.mime_out.message import MimeMessage, OutgoingMail, body_of, boundary_of, message_around
from misfin.email.mime_out.parts import MimePart, from_bytes, multipart
from misfin.errors import LocalError

MAX_PROTECTED = 32 * 1024 * 1024
"""Bytes of a message that is signed or encrypted: it is in memory meanwhile."""
HIDDEN_SUBJECT = "..."
"""The subject that everybody can see of an encrypted message."""


def content_of(mail: OutgoingMail, *, encrypted: bool) -> bytes:
    """What is to be signed or encrypted: the content with its own header, with CRLF line ends.

    Its subject is repeated inside, where other programs look for it. Blocking: it reads attached files.
    Raises what :func:`~misfin.email.mime_out.build` raises, and :class:`~misfin.errors.LocalError` for a
    message that is too large, or cannot be signed.
    """
    body = body_of(mail)
    if body.size > MAX_PROTECTED:
        raise LocalError(
            f"Over {MAX_PROTECTED >> 20} MiB cannot be signed or encrypted.", remedy="Attach less."
        )
    if body.eight_bit and not encrypted:  # a server might encode it again, and break the signature
        raise LocalError("An attached message has 8-bit text, which cannot be signed.", remedy="Encrypt it.")
    whole = multipart("mixed", boundary_of(mail, "p", [b"".join(body.pieces())]), [body])
    head = whole.head.replace(b"multipart/mixed;", b'multipart/mixed; protected-headers="v1";', 1)
    return text_field("Subject", mail.subject, "subject") + head + b"\r\n" + b"".join(whole.pieces())


def signed_message(mail: OutgoingMail, content: bytes, signature: bytes, digest: str) -> MimeMessage:
    """The message with a detached signature of its content; ``digest`` is the hash, such as ``sha512``."""
    head = b'Content-Type: application/pgp-signature; name="signature.asc"\r\n'
    return _signed(mail, content, from_bytes(head, _with_crlf(signature)), f"pgp-{digest}")


def smime_signed_message(mail: OutgoingMail, content: bytes, signature: bytes, digest: str) -> MimeMessage:
    """The same with an S/MIME signature (DER); ``digest`` is the hash, such as ``sha-256``."""
    head = (
        b'Content-Type: application/pkcs7-signature; name="smime.p7s"\r\n'
        b"Content-Transfer-Encoding: base64\r\n"
        b'Content-Disposition: attachment; filename="smime.p7s"\r\n'
    )
    return _signed(mail, content, from_bytes(head, _with_crlf(encodebytes(signature))), digest)


def _signed(mail: OutgoingMail, content: bytes, signature: MimePart, digest: str) -> MimeMessage:
    split = content.index(b"\r\n\r\n") + 2
    protocol = signature.head.split(b";", 1)[0].removeprefix(b"Content-Type: ").decode()
    parts = [from_bytes(content[:split], content[split + 2 :]), signature]
    body = multipart("signed", boundary_of(mail, "s", [content]), parts)
    kind = f'multipart/signed; micalg={digest};\r\n protocol="{protocol}";'.encode()
    return message_around(mail, _typed(body, b"multipart/signed;", kind))


def encrypted_message(mail: OutgoingMail, block: bytes) -> MimeMessage:
    """The message whose content is encrypted; its subject is inside."""
    parts = [
        from_bytes(b"Content-Type: application/pgp-encrypted\r\n", b"Version: 1\r\n"),
        from_bytes(b'Content-Type: application/octet-stream; name="encrypted.asc"\r\n', _with_crlf(block)),
    ]
    body = multipart("encrypted", boundary_of(mail, "e", [block]), parts)
    protocol = b'multipart/encrypted;\r\n protocol="application/pgp-encrypted";'
    return message_around(
        replace(mail, subject=HIDDEN_SUBJECT), _typed(body, b"multipart/encrypted;", protocol)
    )


def _typed(body: MimePart, before: bytes, after: bytes) -> MimePart:
    return replace(body, head=body.head.replace(before, after, 1))


def _with_crlf(text: bytes) -> bytes:
    return text.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
