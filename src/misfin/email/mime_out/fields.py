"""Header fields of a message to be sent: nothing in a value can end a line or begin another field. Pure.

Lines are folded at 76 characters where that is possible, and never longer than 998 (RFC 5322 §2.1.1).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from email.header import Header
from email.utils import encode_rfc2231
from urllib.parse import quote

from misfin.errors import AddressError, LocalError
from misfin.model.address import normal_hostname

LINE = 76
"""Characters of a line of a header, its line end not counted."""
MAX_REFERENCES = 20
"""Message-IDs in References: more than any conversation needs to stay together."""

_MAX_TOKEN = 900
_MAX_PHRASE = 60
_WORD_LINE = 52  # of an encoded word: with the longest name of a field before it, within a line
_PARAMETER = 50  # characters of a parameter's value on one line

# Everything some program treats as a line end or a command, and halves of characters.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_PLAIN_PHRASE = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?: [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_ID = re.compile(r"<[!-;=?-~]{1,900}>")
_UNQUOTED_LOCAL = re.compile(r"[^\s\x00-\x20()<>\[\]:;@\\,.\"]+(?:\.[^\s\x00-\x20()<>\[\]:;@\\,.\"]+)*")
_QUOTED_LOCAL = re.compile(r'"(?:[^"\\]|\\.)*"')
_LITERAL = re.compile(r"\[[!-Z^-~]+\]")
_IN_QUOTES = re.compile(r"[A-Za-z0-9 !#$%&'()*+,./:;<=>?@\[\]^_`{|}~-]+")


class UnsafeFieldError(LocalError, ValueError):
    """A value that cannot stand in a header; ``field`` is what the person calls it: "subject"."""

    def __init__(self, message: str, field: str, *, remedy: str) -> None:
        super().__init__(message, remedy=remedy)
        self.field = field


def checked(text: str, field: str) -> str:
    """The text, if it fits on one line of a header. Raises :class:`UnsafeFieldError`."""
    if found := _CONTROL.search(text):
        what = "a line break" if found[0] in "\r\n\x85\u2028\u2029" else "a control character"
        raise UnsafeFieldError(f"The {field} contains {what}.", field, remedy=f"Remove it from the {field}.")
    return text


def checked_address(address: str, field: str) -> str:
    """An address in the form in which it is sent: one address and nothing else, its domain in ASCII.

    Raises :class:`UnsafeFieldError` and :class:`~misfin.errors.AddressError`.
    """
    local, at, domain = checked(address, field).rpartition("@")
    known = _UNQUOTED_LOCAL.fullmatch(local) or _QUOTED_LOCAL.fullmatch(local)
    if not at or not known or len(address) > _MAX_TOKEN:
        raise AddressError(
            f"{address[:80]!a} in the {field} is not an e-mail address.",
            remedy="Write it as name@host, for example ada@example.org.",
        )
    return f"{local}@{domain if _LITERAL.fullmatch(domain) else normal_hostname(domain)}"


def text_field(name: str, text: str, field: str) -> bytes:
    """A field for people to read, such as Subject; nothing for an empty text."""
    text = checked(text, field).strip()
    if not text:
        return b""
    plain = (
        text.isascii() and "=?" not in text and "  " not in text and max(map(len, text.split())) < _MAX_TOKEN
    )
    return _field(name, text.split(" ") if plain else _encoded(text))


def address_field(name: str, people: Sequence[tuple[str, str]], field: str) -> bytes:
    """A field of names and addresses; nothing for nobody. Addresses outside ASCII stay UTF-8 (RFC 6532)."""
    tokens: list[str] = []
    for number, (who, address) in enumerate(people, 1):
        written = checked_address(address, field)
        phrase = _phrase(checked(who, field).strip())
        tokens += phrase
        comma = "," if number < len(people) else ""
        tokens.append(f"<{written}>{comma}" if phrase else f"{written}{comma}")
    return _field(name, tokens) if tokens else b""


def id_field(name: str, ids: Iterable[str]) -> bytes:
    """Message-ID, In-Reply-To or References; what is not an id is left out, nothing for none.

    Never encoded, and folded between ids only: a reader that sees anything else loses the conversation.
    """
    known = list(dict.fromkeys(each for each in ids if _ID.fullmatch(each)))
    if len(known) > MAX_REFERENCES:
        known = [known[0], *known[1 - MAX_REFERENCES :]]  # the first one names the conversation
    return _field(name, known) if known else b""


def is_message_id(text: str) -> bool:
    """Whether it can be the id of a message, with its angle brackets."""
    return _ID.fullmatch(text) is not None


def parameter_field(name: str, value: str, parameters: Iterable[tuple[str, str]]) -> bytes:
    """A field such as Content-Type with parameters; a value outside ASCII as RFC 2231 has it."""
    written = [each for key, text in parameters for each in _parameter(key, text)]
    tokens = [value, *written]
    return _field(name, [f"{each};" for each in tokens[:-1]] + tokens[-1:])


def ascii_name(name: str) -> str:
    """A file name for readers that know only ASCII; empty where there is nothing left of it."""
    bare = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    kept = "".join(c for c in bare if _IN_QUOTES.fullmatch(c)).strip()
    stem = kept.rpartition(".")[0] if "." in kept else kept
    return kept[-_PARAMETER:].strip() if stem.strip(" ._") else ""


def _field(name: str, tokens: Sequence[str]) -> bytes:
    """The field with its tokens, folded between them."""
    lines = [f"{name}: {tokens[0]}"]
    for token in tokens[1:]:
        if len(lines[-1].encode()) + 1 + len(token.encode()) > LINE:
            lines.append(f" {token}")
        else:
            lines[-1] += f" {token}"
    return "".join(f"{line}\r\n" for line in lines).encode()


def _phrase(name: str) -> list[str]:
    """A display name as tokens: words, one quoted string, or encoded words."""
    if not name:
        return []
    if len(name) > _MAX_PHRASE or not name.isascii() or "=?" in name or "  " in name:
        return _encoded(name)
    if _PLAIN_PHRASE.fullmatch(name):
        return name.split(" ")
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return [f'"{escaped}"']


def _encoded(text: str) -> list[str]:
    """Encoded words (RFC 2047), each of whole characters."""
    return Header(text, "utf-8", maxlinelen=_WORD_LINE).encode(linesep="\n").split()


def _parameter(key: str, text: str) -> Iterator[str]:
    if _IN_QUOTES.fullmatch(text) and len(text) <= _PARAMETER:
        yield f'{key}="{text}"'
        return
    coded = encode_rfc2231(text, "utf-8")
    if len(coded) <= _PARAMETER:
        yield f"{key}*={coded}"
        return
    # Readers decode each piece by itself, so none ends inside a character.
    number, piece = 0, coded[: coded.rindex("'") + 1]
    for character in text:
        octets = quote(character, safe="")
        if len(piece) + len(octets) > _PARAMETER:
            yield f"{key}*{number}*={piece}"
            number, piece = number + 1, ""
        piece += octets
    yield f"{key}*{number}*={piece}"
