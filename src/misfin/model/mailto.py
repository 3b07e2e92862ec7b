"""Reads ``mailto:`` links (RFC 6068): the fields of a draft, and nothing that could send or attach. Pure.

A link comes from a stranger. Only fields that the composer shows are taken from it; ``attach`` and every
other name are left out, and the caller may say so.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote

from misfin.errors import AddressError

MAX_LINK = 64 * 1024
"""Characters of a link that is read; browsers stop far earlier."""
MAX_PEOPLE = 100
"""Addresses taken from one field."""
_SCHEME = re.compile(r"\s*mailto:", re.IGNORECASE)
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_SEPARATOR = re.compile(r"[,;\n]")
_FILES = frozenset({"attach", "attachment", "attachments"})
_MESSAGE_ID = re.compile(r"<[!-;=?-~]{1,250}>")


@dataclass(frozen=True, slots=True)
class MailtoLink:
    """What a link asks for. ``to``, ``cc`` and ``bcc`` are as written, perhaps not addresses.

    ``in_reply_to`` is a message id with its brackets, or empty. ``ignored`` are the names of fields that
    were left out, in lower case.
    """

    to: tuple[str, ...] = ()
    cc: tuple[str, ...] = ()
    bcc: tuple[str, ...] = ()
    subject: str = ""
    body: str = ""
    in_reply_to: str = ""
    ignored: tuple[str, ...] = ()

    @property
    def names_files(self) -> bool:
        """Whether the link asks to attach files, which is never done."""
        return not _FILES.isdisjoint(self.ignored)


def is_mailto(link: str) -> bool:
    """Whether a link begins with ``mailto:``, in any case."""
    return _SCHEME.match(link) is not None


def parse_mailto(link: str) -> MailtoLink:
    """Read a link. It is only a draft and must never be sent by itself.

    Of a field that comes twice the first counts, except for addresses, which add up. Line ends in the body
    are LF, other fields have one line. A ``%`` that begins no code stays as it is, and so does ``+``, which
    is a space in web forms only. Raises :class:`~misfin.errors.AddressError` for any other link, and for
    one over :data:`MAX_LINK`.

    Example: ``parse_mailto("mailto:ada@example.org?subject=Hi%20there").subject`` is ``"Hi there"``.
    """
    scheme = _SCHEME.match(link[:MAX_LINK])
    if scheme is None or len(link) > MAX_LINK:
        raise AddressError(f"{_shown(link)} is not a mailto: link, or too long for one.")
    rest, _, _ = link[scheme.end() :].strip().partition("#")
    path, _, query = rest.partition("?")
    people: dict[str, list[str]] = {"to": _people(path), "cc": [], "bcc": []}
    texts: dict[str, str] = {}
    ignored: dict[str, None] = {}
    for part in filter(None, query.split("&")):
        name, _, value = part.partition("=")
        match _decoded(name).strip().lower():
            case "to" | "cc" | "bcc" as field:
                people[field] += _people(value)
            case "subject" | "body" | "in-reply-to" as field:
                texts.setdefault(field, _decoded(value))
            case other:
                ignored[" ".join(other.split())] = None
    to, cc, bcc = (tuple(dict.fromkeys(found))[:MAX_PEOPLE] for found in people.values())
    return MailtoLink(
        to,
        cc,
        bcc,
        subject=" ".join(texts.get("subject", "").split()),
        body=texts.get("body", ""),
        in_reply_to=_message_id(texts.get("in-reply-to", "")),
        ignored=tuple(ignored),
    )


def _people(text: str) -> list[str]:
    """Addresses between commas; some programs write ``%2C`` for these too."""
    return [person for each in _SEPARATOR.split(_decoded(text)) if (person := " ".join(each.split()))]


def _message_id(text: str) -> str:
    """A message id, to which a link may leave the brackets out."""
    text = text.strip()
    found = text if text.startswith("<") else f"<{text}>"
    return found if _MESSAGE_ID.fullmatch(found) else ""


def _decoded(text: str) -> str:
    text = unquote(text, errors="replace").replace("\r\n", "\n").replace("\r", "\n")
    return _CONTROLS.sub("", text)


def _shown(link: str) -> str:
    short = link if len(link) <= 80 else link[:80] + "…"
    return f"“{short}”" if short.isprintable() else ascii(short)
