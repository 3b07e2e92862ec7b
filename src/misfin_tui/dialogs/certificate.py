"""Questions about a certificate: a host's or a sender's has changed, or is presented for the first time."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Grid
from textual.content import Content
from textual.widgets import Button, Input, Static

from misfin.errors import MisfinError
from misfin.trust.tofu import change_due, due_since
from misfin_tui.dialogs.base import Choice, Dialog
from misfin_tui.host import host_of
from misfin_tui.messages import MailChanged, OutboxChanged
from misfin_tui.screentext import plain
from misfin_tui.widgets.address_input import OneLine
from misfin_tui.widgets.facts import day, grouped, many, moment, short, span, text

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


class CertificateDialog(Dialog[Answer]):
    """Pinned and presented, side by side. Waiting is the safe answer; trusting leads to a second step."""

    DEFAULT_CSS = """
    CertificateDialog {
        #box { width: 82; }
        Grid { grid-size: 3; grid-columns: 8 1fr 1fr; grid-gutter: 0 1; grid-rows: auto; }
        Grid { height: auto; margin: 1 0; }
        Grid.-single { grid-size: 2; grid-columns: 8 1fr; }
        Grid > Static { height: auto; }
        .label { color: $text-muted; }
        .head { text-style: bold; }
        .new { color: $warning; }
    }
    """

    def __init__(self, question: CertificateQuestion) -> None:
        super().__init__(title_of(question), tone="danger" if question.pin else "")
        self.question = question

    def compose_body(self) -> ComposeResult:
        """What waits, the comparison, what it may mean."""
        question = self.question
        yield text(waiting_of(question), id="waiting")
        with Grid(classes="" if question.pin else "-single"):
            for label, pinned, shown in comparison(question):
                head = "head" if not label else ""
                yield text(label, classes="label")
                if question.pin:
                    yield text(pinned, classes=head)
                yield text(
                    shown, classes=head or ("new" if question.pin and label in ("SHA-256", "Key") else "")
                )
        for remark in remarks(question):
            yield text(f"⚠ {remark}", classes="warn")
        if question.trusted_for:
            yield text(f"✓ You trust the same certificate for {question.trusted_for}.")
        yield text(advice_of(question), classes="gap" if remarks(question) else "")

    def choices(self) -> Sequence[Choice]:
        """Waiting is safe."""
        trust = Choice("trust", "Trust the new one …" if self.question.pin else "Trust it …", "danger")
        if is_about_log_in(self.question):
            return Choice("wait", "Not now  esc"), trust
        refuse = "Refuse the mail" if self.question.kind == "sender" else "Do not send"
        return Choice("wait", "Keep waiting  esc"), Choice("refuse", refuse), trust

    def choose(self, choice: str) -> None:
        """The answer; trusting asks once more."""
        if choice == "wait":
            self.dismiss(None)
        elif choice == "refuse":
            self.dismiss(Answer.REFUSE)
        else:
            self.app.push_screen(TrustStep(self.question), self._stepped)

    def _stepped(self, certain: bool | None) -> None:
        if certain:
            self.dismiss(Answer.TRUST)

    def on_outbox_changed(self, message: OutboxChanged) -> None:
        """More messages may wait for the answer now."""
        self._count_again()

    def on_mail_changed(self, message: MailChanged) -> None:
        """More messages may be held."""
        self._count_again()

    @work(group="count", exclusive=True, description="count what waits")
    async def _count_again(self) -> None:
        trust = host_of(self).services.trust
        try:
            question = await trust.question(self.question.kind, self.question.name)
        except MisfinError:
            return  # whatever the answer sets in motion will say so
        if question is not None and self.is_attached:
            self.query_one("#waiting", Static).update(Content(plain(waiting_of(question), one_line=False)))


class TrustStep(Dialog[bool]):
    """The second, deliberate step: the start of the fingerprint is typed, so it was looked at."""

    def __init__(self, question: CertificateQuestion) -> None:
        super().__init__("Trust this certificate?", tone="danger")
        self._question = question
        self._wanted = question.shown.fingerprints.cert[:PROOF]

    def compose_body(self) -> ComposeResult:
        """The fingerprint and the field."""
        name = self._question.name
        yield text(f"You are about to trust this certificate for {name}:")
        yield text(grouped(self._question.shown.fingerprints.cert, 8), classes="strong gap")
        yield text(
            f"Compare it with what the owner tells you through another channel, then type its first {PROOF}"
            " characters and press enter twice.",
            classes="gap",
        )
        yield OneLine(id="proof", max_length=PROOF + 4, placeholder="·" * PROOF)

    def choices(self) -> Sequence[Choice]:
        """Going back is safe."""
        return Choice("back", "Back  esc"), Choice("trust", "Trust it from now on", "danger")

    def on_mount(self) -> None:
        """Nothing is trusted before the characters are right."""
        super().on_mount()
        self.query_one("#trust", Button).disabled = True

    def _right(self) -> bool:
        typed = self.query_one("#proof", Input).value
        return typed.replace(" ", "").replace(":", "").lower() == self._wanted

    @on(Input.Changed, "#proof")
    def _typed(self) -> None:
        self.query_one("#trust", Button).disabled = not self._right()

    @on(Input.Submitted, "#proof")
    def _entered(self) -> None:
        if self._right():
            self.query_one("#trust", Button).focus()

    def choose(self, choice: str) -> None:
        """True when it is trusted."""
        self.dismiss(choice == "trust" and self._right())


# ---- the words


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
    count = len(question.waiting)
    waits = f"{many(count, 'message')} {'needs' if count == 1 else 'need'} your decision." if count else ""
    return f"Nothing of your message has been sent. {waits}".rstrip()


def comparison(question: CertificateQuestion) -> Iterator[ComparisonRow]:
    """The rows of the table; the pinned side is empty without a pin."""
    pin, shown = question.pin, question.shown
    prints = shown.fingerprints
    same_key = pin is not None and pin.spki_sha256 == prints.spki
    used = "message" if question.kind == "sender" else "delivery"
    uses = many(pin.uses, used, "messages" if question.kind == "sender" else "deliveries") if pin else ""
    yield "", "Trusted so far", "Presented now"
    yield "Seen", f"since {day(pin.first_seen)},\n{uses}" if pin else "", moment(question.shown_at)
    yield "SHA-256", grouped(pin.cert_sha256) if pin else "", grouped(prints.cert, 4 if pin else 8)
    verdict = "the same key" if same_key else "a different key" if pin else ""
    yield (
        "Key",
        short(pin.spki_sha256)[:9] + " …" if pin else "",
        f"{shown.key}, {short(prints.spki)[:9]} …\n{verdict}".rstrip(),
    )
    yield (
        "Valid",
        span(pin.not_before, pin.not_after) if pin else "",
        span(shown.not_before.timestamp(), shown.not_after.timestamp()),
    )
    address = shown.address
    yield (
        "Names",
        "",
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
        return (
            "You have never sent anything there. If you have the fingerprint from the owner, compare it now;"
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
