"""Opens a mail that is signed or encrypted: checks signatures and decrypts what it can, in memory only."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from misfin.errors import LocalError
from misfin.store.message import fields
from misfin.store.message.bodytext import body_text
from misfin.store.message.mime import ParsedMessage, read_message
from misfin.store.message.parts import TextKind
from misfin.store.message.protection import UNPROTECTED, MailProtection, in_text
from misfin.store.protected import verdicts
from misfin.store.protected.finding import MAX_FOUND, ProtectedPart, find_protected
from misfin.store.protected.gnupg import GnuPG
from misfin.store.protected.smime import OpenSSL
from misfin.store.protected.smime_keys import SmimeKey
from misfin.store.protected.status import GpgStatus
from misfin.store.protected.verdicts import ProtectionFact

_MAX_LAYERS = 3
"""Protections inside of each other, such as a signed text that was encrypted, and signed again."""
_INNER = re.compile(rb"(content-[!-9;-~]*|subject)[ \t]*:", re.IGNORECASE)
_OUTER = re.compile(rb"(?!content-|mime-version[ \t]*:)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Tools:
    """The programs to use; None for what is not installed."""

    gpg: GnuPG | None = None
    openssl: OpenSSL | None = None
    smime_keys: tuple[SmimeKey, ...] = ()
    """The user's own, to decrypt with."""

    @staticmethod
    def installed() -> Tools:
        """Those on the search path."""
        return Tools(GnuPG.installed(), OpenSSL.installed())


@dataclass(frozen=True, slots=True)
class OpenedMail:
    """What was found out about a mail.

    ``message`` is what it says inside, and ``data`` the mail made of that, which its attachments are ranges
    of; both None where the mail can be read as it is. ``locked``: a passphrase would open it.
    """

    statements: tuple[ProtectionFact, ...]
    message: ParsedMessage | None = field(default=None, repr=False)
    data: bytes | None = field(default=None, repr=False)
    locked: bool = False


def open_mail(data: bytes, tools: Tools, *, prefer: str = "") -> OpenedMail:
    """Open a mail. Never raises for what the mail contains; what did not work is one of the statements.

    ``prefer`` as in :func:`~misfin.store.message.mime.read_message`. Blocking.
    """
    return _Opener(tools, prefer).open(data)


class _Opener:
    def __init__(self, tools: Tools, prefer: str) -> None:
        self._tools = tools
        self._prefer = prefer
        self._layers = 0
        self._statements: dict[ProtectionFact, None] = {}
        self._locked = self._decrypted = self._signed = False

    def open(self, data: bytes) -> OpenedMail:
        message, inner = self._layer(data)
        if self._decrypted and not self._signed:
            self._say(verdicts.NOT_SIGNED)
        return OpenedMail(tuple(self._statements), message, inner, self._locked)

    def _say(self, *statements: ProtectionFact) -> None:
        self._statements |= dict.fromkeys(statements)

    def _layer(self, data: bytes) -> tuple[ParsedMessage | None, bytes | None]:
        """What a mail says inside its protection, and the mail made of that."""
        self._layers += 1
        outer = read_message(data, prefer=self._prefer)
        if self._layers > _MAX_LAYERS:
            self._say(
                ProtectionFact("This message is protected too many times over to be opened.", warns=True)
            )
            return None, None
        senders = _senders(data)
        found = find_protected(data)
        if len(found) == MAX_FOUND:
            self._say(
                ProtectionFact(f"Only the first {MAX_FOUND} protected parts of it were checked.", warns=True)
            )
        if not found and outer.protections:
            self._say(
                ProtectionFact(
                    "How it is protected could not be made out, so nothing was checked.", warns=True
                )
            )
        message, inner = None, None
        for part in found:
            try:
                content = self._content(part, senders, data)
            except LocalError as error:
                self._say(ProtectionFact(f"{error} {error.remedy or ''}".strip(), warns=True))
                continue
            if content is None:
                continue
            if message is not None:
                self._say(ProtectionFact("Another protected part of it is not shown here.", warns=True))
            elif part.inline:
                message, inner = _with_text(outer, part, content), data
            else:
                message, inner = self._inside(data, outer, part, content)
        return message, inner

    def _inside(
        self, data: bytes, outer: ParsedMessage, part: ProtectedPart, content: bytes
    ) -> tuple[ParsedMessage, bytes]:
        mail = _mail_of(data, content)
        read = read_message(mail, prefer=self._prefer)
        if read.protections:
            deeper, more = self._layer(mail)
            if deeper is not None and more is not None:
                read, mail = deeper, more
        if read.subject != outer.subject:
            self._say(ProtectionFact(f"Its protected subject is “{read.subject[:200]}”."))
        text = read.text
        if not part.whole:
            rest = outer.text.partition(UNPROTECTED)[2].strip("\n")
            text = f"{text.rstrip()}\n\n{UNPROTECTED}\n\n{rest}\n" if rest else text
            if len(outer.attachments) > 1:
                self._say(
                    ProtectionFact("Files outside of the protected part are listed among the parts only.")
                )
        return replace(read, text=text, size=outer.size, head=outer.head), mail

    # ---- one part

    def _content(self, part: ProtectedPart, senders: frozenset[str], data: bytes) -> bytes | None:
        """What was decrypted, or was inside a signature; None if there is nothing to show in its place."""
        if part.protection in (MailProtection.SMIME_SIGNED, MailProtection.SMIME_ENCRYPTED):
            return self._smime(part, senders, data)
        gpg = self._tools.gpg
        if gpg is None:
            self._say(ProtectionFact(f"This message is {part.protection}."), verdicts.NO_GPG)
            return None
        if part.signature or (part.protection is MailProtection.PGP_SIGNED and not part.inline):
            self._judge(gpg, gpg.verify(part.content, part.signature), senders)
            self._compare_subject(part, data)
            return None
        output, status = gpg.decrypt(part.content)
        if part.protection is MailProtection.PGP_SIGNED:
            self._judge(gpg, status, senders)
            return output or None
        if status.decrypted and output:
            self._decrypted = True
            self._say(ProtectionFact("Encrypted with OpenPGP, and decrypted."))
            if status.signatures:
                self._judge(gpg, status, senders)
            return output
        self._locked = self._locked or status.locked
        self._say(_why_closed(status))
        return None

    def _judge(self, gpg: GnuPG, status: GpgStatus, senders: frozenset[str]) -> None:
        self._signed = True
        keys = [each.key for each in status.signatures if each.proven]
        owners = {key.fingerprint: key.owners for key in gpg.keys(*keys)} if keys else {}
        self._say(*verdicts.of_openpgp(status, senders, owners))

    def _smime(self, part: ProtectedPart, senders: frozenset[str], data: bytes) -> bytes | None:
        if part.protection.encrypts:
            return self._decrypted_smime(part)
        self._signed = True
        if self._tools.openssl is None:
            self._say(ProtectionFact(f"This message is {part.protection}."), verdicts.NO_OPENSSL)
            return None
        if part.signature:
            self._say(verdicts.of_smime(self._tools.openssl.verify(part.signature, part.content), senders))
            self._compare_subject(part, data)
            return None
        result = self._tools.openssl.verify(part.content, None)
        self._say(verdicts.of_smime(result, senders))
        return result.content or None

    def _decrypted_smime(self, part: ProtectedPart) -> bytes | None:
        keys = self._tools.smime_keys
        if not keys:
            said = "Encrypted with S/MIME; you have no certificate here to decrypt it with."
            self._say(ProtectionFact(said))
            return None
        if self._tools.openssl is None:
            self._say(ProtectionFact(f"This message is {part.protection}."), verdicts.NO_OPENSSL)
            return None
        if content := self._tools.openssl.decrypt(part.content, keys):
            self._decrypted = True
            self._say(ProtectionFact("Encrypted with S/MIME, and decrypted."))
            return content
        said = "Encrypted with S/MIME; it cannot be decrypted with the certificates you have here."
        self._say(ProtectionFact(said, warns=True))
        return None

    def _compare_subject(self, part: ProtectedPart, data: bytes) -> None:
        """Say so if the subject was signed too, and is another one now."""
        headers, _ = fields.split(part.content, 0)
        if not _protects_header(headers) or not part.whole:
            return
        signed = fields.text(fields.one(headers, "subject"))
        shown = fields.text(fields.one(fields.split(data, fields.beginning(data))[0], "subject"))
        if signed and signed != shown:
            self._say(
                ProtectionFact(f"The subject was changed; the signed one is “{signed[:200]}”.", warns=True)
            )


def _why_closed(status: GpgStatus) -> ProtectionFact:
    if status.cancelled:
        return ProtectionFact("Encrypted with OpenPGP; no passphrase was given.")
    if status.locked:
        return ProtectionFact("Encrypted with OpenPGP; your key is locked.")
    return ProtectionFact(
        "Encrypted with OpenPGP; it cannot be decrypted with the keys you have here.", warns=True
    )


def _senders(data: bytes) -> frozenset[str]:
    """Every address that the mail names as its author."""
    headers, _ = fields.split(data, fields.beginning(data))
    return frozenset(person.address.lower() for person in fields.people(headers.get("from", [])))


def _protects_header(headers: fields.Headers) -> bool:
    """Whether the header of a part repeats that of the mail (RFC 9788, and the draft it comes from)."""
    _, parameters = fields.content(fields.one(headers, "content-type"))
    return "protected-headers" in parameters or "hp" in parameters


def _mail_of(data: bytes, entity: bytes) -> bytes:
    """A mail with the header of ``data`` and the content of a part; the protected subject counts, if any."""
    first = fields.beginning(data)
    _, start = fields.split(data, first)
    outer = _field_lines(data[first:start])
    headers, body = fields.split(entity, 0)
    inner: list[bytes] = []
    if headers:
        wanted = _field_lines(entity[:body])
        protects = _protects_header(headers) and "subject" in headers
        inner = [
            line
            for line in wanted
            if (name := _INNER.match(line)) and (protects or name[1].lower() != b"subject")
        ]
        if protects:
            outer = [line for line in outer if not line.lower().startswith(b"subject")]
    else:
        body = 0
    kept = [line for line in outer if _OUTER.match(line)]
    return b"\n".join((*kept, *inner)) + b"\n\n" + entity[body:]


def _field_lines(header: bytes) -> list[bytes]:
    """The fields of a header, each with its continuation lines."""
    lines = header.replace(b"\r\n", b"\n").strip(b"\n")
    return [line for line in re.split(rb"\n(?![ \t])", lines) if b":" in line]


def _with_text(outer: ParsedMessage, part: ProtectedPart, content: bytes) -> ParsedMessage:
    """A mail whose text contained a block: the text of the block, and then what was around it."""
    text, clean = body_text(content, "text/plain", {"charset": "utf-8"})
    if not clean and part.charset:
        text, _ = body_text(content, "text/plain", {"charset": part.charset})
    rest = outer.text.encode("utf-8", "replace")
    if (block := in_text(rest)) is not None:
        rest = rest[: block[1]].rstrip() + b"\n\n" + rest[block[2] :].lstrip()
    if rest.strip():
        text = f"{text.rstrip()}\n\n{UNPROTECTED}\n\n{rest.decode('utf-8', 'replace').strip()}\n"
    return replace(outer, text=text, kind=TextKind.PLAIN)
