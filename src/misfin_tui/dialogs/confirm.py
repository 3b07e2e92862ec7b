"""Plain questions: yes or no, keep or discard, shorten or split."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from textual.app import ComposeResult

from misfin_tui.dialogs.base import Choice, Dialog
from misfin_tui.widgets.facts import text


class ConfirmDialog(Dialog[bool]):
    """A question with a safe no and a named yes."""

    def __init__(
        self, title: str, question: str, *, yes: str = "Yes", no: str = "Cancel", danger: bool = False
    ) -> None:
        super().__init__(title, tone="danger" if danger else "")
        self._question = question
        self._yes = yes
        self._no = no
        self._danger = danger

    def compose_body(self) -> ComposeResult:
        """The question."""
        yield text(self._question)

    def choices(self) -> Sequence[Choice]:
        """No first."""
        return Choice("no", f"{self._no}  esc"), Choice(
            "yes", self._yes, "danger" if self._danger else "primary"
        )

    def choose(self, choice: str) -> None:
        """True for yes."""
        self.dismiss(choice == "yes")


class Leaving(StrEnum):
    """What becomes of a draft."""

    KEEP = "keep"
    DISCARD = "discard"


class DraftDialog(Dialog[Leaving]):
    """Discard a draft, or keep it? Escape continues writing."""

    def __init__(self, subject: str) -> None:
        super().__init__("Discard this draft?", tone="danger")
        self._subject = subject

    def compose_body(self) -> ComposeResult:
        """Which draft."""
        yield text(f"“{self._subject}”" if self._subject else "It has no subject yet.", classes="strong")
        yield text("A discarded draft cannot be restored.", classes="gap")

    def choices(self) -> Sequence[Choice]:
        """Keeping is safe."""
        return (
            Choice("keep", "Keep it and close"),
            Choice("write", "Continue writing  esc"),
            Choice("discard", "Discard", "danger"),
        )

    def choose(self, choice: str) -> None:
        """Keep, discard, or None to continue."""
        self.dismiss(None if choice == "write" else Leaving(choice))


class TooLong(StrEnum):
    """What to do with a message that is over the limit."""

    SHORTEN = "shorten"
    SPLIT = "split"


class TooLongDialog(Dialog[TooLong]):
    """The message does not fit: shorten it, or send it as several numbered messages."""

    def __init__(self, why: str, parts: int, problem: str = "") -> None:
        super().__init__("The message is too long")
        self._why = why
        self._parts = parts
        self._problem = problem

    def compose_body(self) -> ComposeResult:
        """How much too long it is, and the offer."""
        yield text(self._why)
        if self._parts:
            yield text(
                f"It can be sent as {self._parts} messages, numbered (1/{self._parts}) and so on, split at"
                " blank lines where there are any.",
                classes="gap",
            )
        elif self._problem:
            yield text(f"It cannot be split: {self._problem}", classes="gap warn")

    def choices(self) -> Sequence[Choice]:
        """Shortening is safe."""
        shorten = Choice("shorten", "Shorten it  esc")
        if not self._parts:
            return (shorten,)
        return shorten, Choice("split", f"Send {self._parts} messages", "primary")

    def choose(self, choice: str) -> None:
        """Shorten or split."""
        self.dismiss(TooLong(choice))
