"""How well it is proven who wrote a message: one table of signs, words, colours and meanings.

Everything that displays it uses this module: list, conversation, contacts, composer, trust screen,
completion, ``--json``, details, help and README. The receiver's findings in a message are written
(:func:`stamp`) and read (:func:`read`) here too, so that the two cannot differ.

Nothing is ever rated better than what was proven. A second message with the same certificate is never rated
worse than the first, unless the pin has changed in between: by the user's decision, or because the sender's
host vouched for another certificate.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from misfin.model.account import AddressKind
from misfin.valueclass import dataclass

if TYPE_CHECKING:
    from misfin.trust.tofu import Pin


class Evidence(StrEnum):
    """How it is known who wrote a message, or who is behind an address. The value is the word shown.

    In this order, the first that applies counts; the index stores one as its position in it.
    """

    VERIFIED = "verified"
    DIFFERS = "differs"
    UNCONFIRMED = "unconfirmed"
    UNPROVEN = "unproven"

    @property
    def sign(self) -> str:
        """One character, one cell."""
        return TABLE[self].sign

    @property
    def ascii(self) -> str:
        """The sign for outputs whose encoding lacks the other one."""
        return TABLE[self].ascii

    @property
    def when(self) -> str:
        """When it applies to a message of either kind, as a clause without a full stop."""
        meaning = TABLE[self]
        return f"{meaning.misfin}; or {meaning.email}" if meaning.email else meaning.misfin

    def when_for(self, kind: AddressKind) -> str:
        """The same for one kind of message only."""
        meaning = TABLE[self]
        return meaning.email if kind is AddressKind.MAIL and meaning.email else meaning.misfin


def clause(
    proven: Evidence, kind: AddressKind, *, written_here: bool, words: Mapping[str, str] | None = None
) -> str:
    """When the sign of this very message applies. ``words`` are those of the receiver in it."""
    if proven is Evidence.VERIFIED and written_here:
        return "you wrote it here"
    if words and proven is Evidence.UNCONFIRMED and (host := words.get("stamped")):
        return f"as stamped by {host}, which keeps this mailbox; no certificate came with it"
    return proven.when_for(kind)


@dataclass(frozen=True, slots=True)
class EvidenceMeaning:
    """One row of the table. ``misfin`` and ``email`` say when it applies to a message received by Misfin, and
    to an e-mail; ``email`` is empty where it never does.
    """

    sign: str
    ascii: str
    color: str
    """The theme colour used if a theme does not define one for it."""
    misfin: str
    email: str = ""


TABLE: Final[Mapping[Evidence, EvidenceMeaning]] = {
    Evidence.VERIFIED: EvidenceMeaning(
        "✓",
        "+",
        "success",
        "the certificate is the pinned one, and the sender's host vouched for it or you approved it",
        "it is an e-mail that the domain in From signed, or one that you wrote here",
    ),
    Evidence.DIFFERS: EvidenceMeaning(
        "⚠",
        "!",
        "error",
        "the certificate is not the pinned one; the message is held until you decide",
        "it is an e-mail whose domain asks for proof and gave none, or whose only signature is broken",
    ),
    Evidence.UNCONFIRMED: EvidenceMeaning(
        "◐",
        "~",
        "warning",
        "the sender holds the key of the certificate, but nobody has vouched that it belongs to this address",
        "it is an e-mail that another domain signed, or that came from a machine of the domain in From",
    ),
    Evidence.UNPROVEN: EvidenceMeaning(
        "?",
        "?",
        "foreground",
        "no certificate came with it, or only a claim that the sender's host denies",
        "it is an e-mail that no mail server signed, or that has not been checked",
    ),
}

ORDER: Final = tuple(Evidence)
"""The index stores evidence as its position here."""


def markdown() -> str:
    """The table for README."""
    lines = ["| sign | plain | word | when |", "|---|---|---|---|"]
    lines += [f"| `{each.sign}` | `{each.ascii}` | {each} | {each.when} |" for each in Evidence]
    return "\n".join(lines)


# ---- what a message says about its sender ---------------------------------------------------------

_CHECKS: Final = {
    "certificate": "the certificate",
    "probe": "the mailbox",
    "spki": "the key of the host",
    "local": "the mailbox here",
}
"""The checks of a receiver, and what each is about."""


@dataclass(frozen=True, slots=True)
class Findings:
    """What a receiver found out about the sender of a message.

    ``pin`` is how the certificate compares with the pin: ``first``, ``match``, ``renewed``, ``changed``, or
    empty if there is no certificate. ``confirmed`` says who vouched that the certificate is the sender's:
    ``host``, ``person``, or empty. ``checks`` has each check's outcome (``pass``, ``fail``, ``unknown``) and
    reason; ``held`` says why the user has to decide; ``due`` is the day the pinned certificate expired
    (``2026-11-20``) if that was before the other one came.
    """

    pin: str = ""
    confirmed: str = ""
    checks: Mapping[str, tuple[str, str]] | None = None
    held: str = ""
    due: str = ""

    @property
    def evidence(self) -> Evidence:
        """What the findings prove."""
        if self.held or self.pin == "changed":
            return Evidence.DIFFERS
        if self.confirmed:
            return Evidence.VERIFIED
        denied = any(outcome == "fail" for outcome, _ in (self.checks or {}).values())
        # If a host denies a certificate, it is not pinned. One that was pinned before is still the same, but
        # nobody has vouched for it; the host's present answer is shown in addition.
        if self.pin in ("match", "renewed") or (self.pin == "first" and not denied):
            return Evidence.UNCONFIRMED
        return Evidence.UNPROVEN


def stamp(found: Findings) -> dict[str, str]:
    """The words of ``Misfin-Verification`` for these findings; :func:`read` reads them."""
    words = {"sender": found.evidence.value}
    if found.confirmed and found.evidence is Evidence.VERIFIED:
        words["confirmed"] = found.confirmed
    for name, (outcome, reason) in (found.checks or {}).items():
        words[name] = outcome
        if outcome != "pass" and reason:
            words[f"{name}-reason"] = reason
    rest = (("pin", found.pin), ("due", found.due), ("held", found.held))
    return words | {name: value for name, value in rest if value}


def stamped(host: str, *, sender: bool) -> dict[str, str]:
    """The words for a message from a mailbox on ``host``: that server's word for who wrote it, if it names a
    ``sender``, and no proof.
    """
    return {"sender": (Evidence.UNCONFIRMED if sender else Evidence.UNPROVEN).value, "stamped": host}


def approved(words: Mapping[str, str]) -> dict[str, str]:
    """The words of a held message after the user has approved its certificate."""
    kept = {name: value for name, value in words.items() if name not in ("held", "sender", "confirmed")}
    return {"sender": Evidence.VERIFIED.value, "confirmed": "person", **kept}


def unsealed(words: Mapping[str, str], *, sealed: bool) -> dict[str, str]:
    """The words for a message whose own words do not count (docs/trust.md §8); ``sealed``: its seal is
    wrong.
    """
    why = "imported" if "imported" in words else "broken" if sealed else "unsealed"
    return {"sender": Evidence.UNPROVEN.value, why: "yes"}


def read(words: Mapping[str, str]) -> Evidence:
    """What the words of ``Misfin-Verification`` prove, including those of earlier versions and others."""
    verdict, pin = words.get("sender", ""), words.get("pin", "")
    if verdict == "approved" or (verdict == "verified" and "confirmed" in words):
        return Evidence.VERIFIED
    if "held" in words or pin == "changed" or verdict in ("differs", "changed"):
        return Evidence.DIFFERS
    outcomes = [words[name] for name in _CHECKS if name in words]
    # Without any check, earlier versions called a pin verified even if nobody had vouched for it.
    if (verdict == "verified" and "pass" in outcomes) or (not verdict and words.get("certificate") == "pass"):
        return Evidence.VERIFIED
    if pin in ("match", "renewed") or (pin == "first" and "fail" not in outcomes):
        return Evidence.UNCONFIRMED
    return Evidence.UNCONFIRMED if not pin and verdict in ("unconfirmed", "first") else Evidence.UNPROVEN


_PINS: Final = {
    "first": "No certificate was pinned for this sender before.",
    "match": "It was the certificate pinned for this sender.",
    "renewed": "It was a new certificate for the key pinned for this sender.",
    "changed": "It was not the certificate pinned for this sender.",
}


_CLAIMS: Final = {
    "imported": "It was imported, and a file proves nothing about who wrote what is in it.",
    "unsealed": "Another program put it here, so nothing in it proves who wrote it.",
    "broken": "It was changed after it arrived, or comes from another profile: nothing proves who wrote it.",
}
"""Why the words of a message do not count."""


def explained(words: Mapping[str, str], *, certificate: bool) -> Iterator[str]:
    """Sentences that say how it is known who wrote a message, from the receiver's words in it.

    ``certificate`` says whether it came with one. Reasons of checks may contain text from hosts: callers must
    make them safe for display.
    """
    for word, sentence in _CLAIMS.items():
        if word in words:
            yield sentence
            return
    if host := words.get("stamped"):
        yield f"The sender is as stamped by {host}, which keeps this mailbox; no certificate came with it."
        return
    if host := words.get("by"):
        yield f"The server of {host} received it and says so; its key is the one pinned here."
    if not certificate:
        yield "It came without a certificate."
    if pin := _PINS.get(words.get("pin", "")):
        yield pin
    if due := words.get("due"):
        yield due_since(due)
    if words.get("confirmed") == "person" or words.get("sender") == "approved":
        yield "You approved the certificate when the message was held."
    elif words.get("confirmed") == "host":
        yield "The sender's host had vouched for the certificate."
    elif words.get("certificate") == "pass":
        yield "The sender's host vouched for the certificate."
    for name, what in _CHECKS.items():
        outcome, reason = words.get(name), words.get(f"{name}-reason", "")
        if outcome in ("fail", "unknown"):
            failed = f"Checking {what} {'failed' if outcome == 'fail' else 'was not possible'}"
            if certificate or reason not in _SAID:
                yield f"{failed}: {_clause(reason)}" if reason else f"{failed}."
    if held := words.get("held"):
        yield f"It was held for your decision: {_clause(held)}"


_SAID: Final = ("The message came without a certificate.", "The message came without a certificate.")


def denial(words: Mapping[str, str]) -> str:
    """A check's objection to the sender of a message that is not held; empty if there is none."""
    if read(words) is Evidence.DIFFERS:
        return ""
    failed = (name for name in _CHECKS if words.get(name) == "fail")
    reason = next((words.get(f"{name}-reason", "") for name in failed), "")
    return "" if reason in _SAID else reason


def due_since(day: str) -> str:
    """An explanation for a change of certificate: the pinned one expired on ``day`` (``2026-11-20``)."""
    from misfin.trust.tofu import due_since as sentence  # late: not before the first frame

    return sentence(day)


def _clause(reason: str) -> str:
    """A sentence for use after a colon."""
    return reason if reason.endswith(".") else f"{reason}."


# ---- what is known about a person -----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known about who is behind an address, for everything that shows a person.

    ``evidence`` is about the person alone. ``since`` is when their certificate was first seen, in Unix
    seconds, or 0; ``host_since`` is the same for their host, which is all that is known of a person who has
    not written yet. ``warning`` is one sentence about something the user should decide, or empty.
    """

    evidence: Evidence
    since: float = 0.0
    host_since: float = 0.0
    warning: str = ""


HELD: Final = "Another certificate claimed this name; its message is held."
CLAIMED: Final = "Another certificate claimed this name; it needs your decision."
HOST_DIFFERS: Final = "Their host presents another certificate; it needs your decision."


def standing(
    sender: Pin | None,
    *,
    own: bool = False,
    claimed: bool = False,
    held: bool = False,
    host: Pin | None = None,
    host_differs: bool = False,
) -> Standing:
    """What pins say about a person: ``sender`` is their pin, ``host`` that of their server.

    ``own``: the address is ours, and so is its certificate. ``claimed``: another certificate claims the name
    and is waiting for a decision, which is no proof against the owner of the pinned one. ``held``: a message
    that came with it is waiting too. ``host_differs``: their server presents another certificate than the
    pinned one.
    """
    warning = HOST_DIFFERS if host_differs else HELD if claimed and held else CLAIMED if claimed else ""
    met = 0.0 if host is None else host.first_seen
    if own:
        return Standing(Evidence.VERIFIED, 0.0, met, warning)
    if sender is None:
        return Standing(Evidence.UNPROVEN, 0.0, met, warning)
    return Standing(of_pin(sender), sender.first_seen, met, warning)


def of_pin(pin: Pin) -> Evidence:
    """What the pin of a sender proves about the owner of its certificate."""
    return Evidence.VERIFIED if pin.confirmed else Evidence.UNCONFIRMED


# ---- where signs cannot be written ----------------------------------------------------------------

_PLAIN: Final = {ord(meaning.sign): meaning.ascii for meaning in TABLE.values()} | {
    ord("●"): "N",
    ord("★"): "*",
    ord("✗"): "x",
    ord("·"): "-",
}


def writable(text: str, encoding: str | None) -> str:
    """``text`` with the signs of this table and of command-line output in ASCII if ``encoding`` lacks any."""
    try:
        "".join(map(chr, _PLAIN)).encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return text.translate(_PLAIN)
    return text
