"""Questions about a certificate: a host's or a sender's has changed, or is presented for the first time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Grid
from textual.content import Content
from textual.widgets import Button, Input, Static

from misfin.errors import MisfinError
from misfin_tui.dialogs.base import Choice, Dialog
from misfin_tui.host import host_of
from misfin_tui.messages import MailChanged, OutboxChanged
from misfin_tui.screentext import plain
from misfin_tui.widgets.address_input import OneLine
from misfin_tui.widgets.facts import text
from misfin_tui.wording.certificate import (
    PROOF,
    Answer,
    advice_of,
    comparison,
    offers,
    proves,
    remarks,
    step_of,
    title_of,
    waiting_of,
)

if TYPE_CHECKING:
    from misfin.post.decisions import CertificateQuestion

ROOMY = 100
"""Columns from which half a fingerprint fits on a line beside the other one."""


class CertificateDialog(Dialog[Answer]):
    """Pinned and presented, side by side. Waiting is the safe answer; trusting leads to a second step."""

    DEFAULT_CSS = """
    CertificateDialog {
        #box { width: 98; }
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
            wide = self.app.size.width >= ROOMY
            for label, pinned, shown in comparison(question, wide=wide):
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
        return tuple(
            Choice(answer, label, "danger" if answer is Answer.TRUST else "")
            if answer
            else Choice("wait", f"{label}  esc")
            for answer, label in offers(self.question).items()
        )

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

    def compose_body(self) -> ComposeResult:
        """The fingerprint and the field."""
        what, fingerprint, how = step_of(self._question)
        yield text(what)
        yield text(fingerprint, classes="strong gap")
        yield text(f"{how} twice.", classes="gap")
        yield OneLine(id="proof", max_length=PROOF + 4, placeholder="·" * PROOF)

    def choices(self) -> Sequence[Choice]:
        """Going back is safe."""
        return Choice("back", "Back  esc"), Choice("trust", "Trust it from now on", "danger")

    def on_mount(self) -> None:
        """Nothing is trusted before the characters are right."""
        super().on_mount()
        self.query_one("#trust", Button).disabled = True

    def _right(self) -> bool:
        return proves(self.query_one("#proof", Input).value, self._question)

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
