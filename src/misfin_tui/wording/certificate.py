"""What is said about a certificate that waits for a decision, and the answers there are."""

from __future__ import annotations

import math
from collections.abc import Iterator
from enum import StrEnum
from typing import TYPE_CHECKING

from misfin.trust.tofu import change_due, due_since
from misfin_tui.wording.facts import day, grouped, many, moment, short, span

if TYPE_CHECKING:
    from misfin.post.decisions import CertificateQuestion

PROOF = 4
"""Characters of the new fingerprint to type before it is trusted: enough to have looked at it."""

ComparisonRow = tuple[str, str, str]
"""A label, the pinned value and the presented one."""


class Answer(StrEnum):
    """What the user decides about a certificate; closing the dialog decides nothing."""

    REFUSE = "refuse"
    TRUST = "trust"


def offers(question: CertificateQuestion) -> dict[Answer | None, str]:
    """The answers in their order and what they are called; None decides later, which is safe."""
    trust = "Trust the new one …" if question.pin else "Trust it …"
    if is_about_log_in(question):
        return {None: "Not now", Answer.TRUST: trust}
    refuse = "Do not send" if question.waiting else "Do not trust it"
    if question.kind == "sender":
        refuse = "Refuse the mail"
    return {None: "Keep waiting", Answer.REFUSE: refuse, Answer.TRUST: trust}


def step_of(question: CertificateQuestion) -> tuple[str, str, str]:
    """The second, deliberate step: what is about to happen, the fingerprint, and what to do with it."""
    return (
        f"You are about to trust this certificate for {question.name}:",
        grouped(question.shown.fingerprints.cert, 8),
        f"Compare it with what the owner tells you through another channel, then type its first {PROOF}"
        " characters and press enter",
    )


def proves(typed: str, question: CertificateQuestion) -> bool:
    """Whether these are the characters to type: the fingerprint was looked at."""
    wanted = question.shown.fingerprints.cert[:PROOF]
    return typed.replace(" ", "").replace(":", "").lower() == wanted


def title_of(question: CertificateQuestion) -> str:
    """What happened."""
    if question.kind == "mail" and question.pin is None:
        return f"The certificate of {question.name} is not trusted"
    if question.pin is None:
        return f"{question.name} is new"
    return f"The certificate of {question.name} has changed"


def is_about_log_in(question: CertificateQuestion) -> bool:
    """Whether it came up while an account was tested: no message waits for the answer."""
    return question.kind == "mail" and not question.waiting


def waiting_of(question: CertificateQuestion) -> str:
    """What is kept waiting until there is an answer."""
    if is_about_log_in(question):
        return "Your password has not been sent."
    if question.kind == "sender":
        held, verb = many(len(question.held), "message"), "is" if len(question.held) == 1 else "are"
        return f"{held} from this sender {verb} held for your decision; nothing is lost."
    if not question.waiting:
        return "Nothing has been sent there, not even your own certificate."
    count = len(question.waiting)
    needs = "needs" if count == 1 else "need"
    return f"Nothing of your message has been sent. {many(count, 'message')} {needs} your decision."


def comparison(question: CertificateQuestion, *, wide: bool = False) -> Iterator[ComparisonRow]:
    """The rows of the table; the pinned side is empty without a pin. ``wide`` takes 40 cells a side."""
    pin, shown = question.pin, question.shown
    prints = shown.fingerprints
    same_key = pin is not None and pin.spki_sha256 == prints.spki
    used = "message" if question.kind == "sender" else "delivery"
    uses = many(pin.uses, used, "messages" if question.kind == "sender" else "deliveries") if pin else ""
    yield "", "Trusted so far", "Presented now"
    yield (
        "Seen",
        f"since {day(pin.first_seen)},{' ' if wide else chr(10)}{uses}" if pin else "",
        moment(question.shown_at),
    )
    groups = 8 if wide or not pin else 4
    yield "SHA-256", grouped(pin.cert_sha256, groups) if pin else "", grouped(prints.cert, groups)
    verdict = "the same key" if same_key else "a different key" if pin else ""
    yield (
        "Key",
        short(pin.spki_sha256)[:9] + " …" if pin else "",
        f"{shown.key}, {short(prints.spki)[:9]} …"
        + (f"{', ' if wide else chr(10)}{verdict}" if verdict else ""),
    )
    yield (
        "Valid",
        span(pin.not_before, pin.not_after) if pin else "",
        span(shown.not_before.timestamp(), shown.not_after.timestamp()),
    )
    address = shown.address
    yield (
        "Names",
        "not recorded" if pin else "",
        (address.long_form if address else "") or ", ".join(shown.hosts[:3]) or shown.subject or "nobody",
    )


def remarks(question: CertificateQuestion) -> list[str]:
    """Remarks for or against it, one sentence each."""
    shown = question.shown
    words = {
        "expired": f"The certificate presented expired on {shown.not_after:%Y-%m-%d}.",
        "not yet valid": f"The certificate presented is not valid before {shown.not_before:%Y-%m-%d}.",
        "does not name the host": "It does not name this host.",
        "the pinned certificate had expired": due_since(change_due(question.pin, math.inf)),
    }
    found = [words[remark] for remark in sorted(question.verdict.remarks) if remark in words]
    if question.kind == "mail":
        own = shown.issuer == shown.subject
        found.insert(0, "It is self-signed." if own else f"It was issued by {shown.issuer or 'nobody'}.")
    return found


def advice_of(question: CertificateQuestion) -> str:
    """What it may mean and what to do."""
    if question.kind == "mail" and question.pin is None:
        return (
            "No authority vouches for this mail server, so it may be somebody else's, who would read your"
            " password. Compare the fingerprint with one from whoever runs the server. Once you trust it,"
            " only this certificate is accepted."
        )
    if question.pin is None:
        met = "You have never sent anything there." if question.waiting else "This is the first contact."
        return (
            f"{met} If you have the fingerprint from the owner, compare it now;"
            " from then on changes will be noticed."
        )
    if change_due(question.pin, question.shown_at):
        return (
            "The owner had to make a new certificate, and this may be it. Check with them through another"
            " channel before you trust it."
        )
    if question.kind == "sender":
        return (
            "It looks like this when a person creates a new identity, and when somebody pretends to be them."
            " Ask them through another channel before you trust it."
        )
    return (
        "A renewed certificate looks like this, and so does somebody listening in. Check with the owner"
        " through another channel before you trust it."
    )
