"""What a person has before them: a list, its numbers, the open conversation and message."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any

from misfin.errors import InputError, MisfinError
from misfin.model.folders import INBOX
from misfin.store.rows import View
from misfin_tui.linear.terminal import LineTerminal

if TYPE_CHECKING:
    from misfin.model.account import Account
    from misfin.store.message.mime import ParsedMessage
    from misfin.store.outgoing.deliveries import OutboxRow
    from misfin.store.rows import ConversationRow, MessageRow
    from misfin_tui.config import Config
    from misfin_tui.services import Services
    from misfin_tui.services.contacts import Known

MOST_NUMBERS = 500
"""Rows that one command may name."""

_NUMBERS = re.compile(r"\d{1,9}(?:-\d{1,9})?(?:[ ,]+\d{1,9}(?:-\d{1,9})?)*")


class Listing(Enum):
    """The list that was shown last, by what the prompt calls it: numbers refer to it."""

    MAIL = ""
    OUTBOX = "Outbox"
    CONTACTS = "Contacts"
    TRUST = "Trust"
    ATTIC = "Attic"
    FILTERS = "Filters"
    SETTINGS = "Settings"
    SYNC = "Sync"


@dataclass
class OpenMessage:
    """The message that was last shown."""

    row: MessageRow
    message: ParsedMessage
    links: list[str]
    locked: bool = False
    prefer: str = ""


async def _nowhere(_config: Config) -> None:
    """For use without a session."""


@dataclass
class Desk:
    """The state of a session; the commands work on it."""

    services: Services
    terminal: LineTerminal
    view: View = field(default_factory=lambda: View(None, INBOX))
    listing: Listing = Listing.MAIL
    numbered: dict[int, ConversationRow] = field(default_factory=dict)
    """The conversations last shown, by their numbers."""
    deliveries: list[OutboxRow] = field(default_factory=list)
    people: list[Known] = field(default_factory=list)
    offset: int = 0
    """How many rows of the list come before the next page."""
    position: int = -1
    """The place in the list of the conversation that is open, or was; -1 before the first."""
    conversation: ConversationRow | None = None
    messages: list[MessageRow] = field(default_factory=list)
    at: int = 0
    open: OpenMessage | None = None
    keep_writing: Callable[[], None] | None = None
    """Hands the message being written to its keeper; None while there is none."""
    rows: Sequence[Any] = ()
    """The rows listed last, if they are neither messages nor deliveries nor people."""
    show_row: Callable[[Any], Awaitable[None]] | None = None
    """Says everything about one of them."""
    use_config: Callable[[Config], Awaitable[None]] = _nowhere
    """Continues with changed settings."""
    quits: bool = False

    async def say(self, *paragraphs: str) -> None:
        """Show texts."""
        await self.terminal.say(*paragraphs)

    async def report(self, error: MisfinError, what: str = "") -> None:
        """Say what failed, and what to do about it."""
        await self.say(sentence_of(error, what))

    def leave_conversation(self) -> None:
        """The message that was open is not any more."""
        from misfin_tui.services.protected import protected_of

        if self.open is not None and self.open.message.protections:
            protected_of(self.services).forget([self.open.row.id])
        self.conversation, self.messages, self.at, self.open = None, [], 0, None

    def list_rows(
        self, listing: Listing, rows: Sequence[Any], show_row: Callable[[Any], Awaitable[None]]
    ) -> None:
        """These rows have the numbers from now on; ``show_row`` says everything about one."""
        self.leave_conversation()
        self.listing, self.rows, self.show_row = listing, rows, show_row

    def row_listed(self, number: str, listing: Listing, what: str) -> Any:
        """The row of this list that a number names. Raises :class:`InputError`."""
        if self.listing is not listing:
            command = listing.value.casefold()
            raise InputError(f"Type {command} first.", remedy="Then give a number from that list.")
        return row_of(number, self.rows, what)

    def targets(self, numbers: str) -> Sequence[ConversationRow]:
        """The conversations meant: those of the numbers, or the open one. Raises :class:`InputError`."""
        if numbers:
            wanted = numbers_in(numbers)
            missing = next((number for number in wanted if number not in self.numbered), None)
            if missing is not None:
                raise InputError(f"There is no conversation {missing} in what was listed.")
            return [self.numbered[number] for number in wanted]
        if self.conversation is None:
            raise InputError("Nothing is open.", remedy="Give the number of a conversation.")
        return [self.conversation]

    @property
    def opened(self) -> OpenMessage:
        """The message that is open. Raises :class:`InputError`."""
        if self.open is None:
            raise InputError("No message is open.", remedy="Type the number of a conversation.")
        return self.open

    @property
    def prompt(self) -> str:
        """What stands before the line that is typed."""
        if self.open is not None:
            return f"Message {self.at + 1} of {len(self.messages)}> "
        return f"{self.listing.value or view_name(self.view)[:20]}> "


def view_name(view: View) -> str:
    """What a view is called."""
    if view.query:
        return "Search"
    return view.folder or "All mail"


def sentence_of(error: MisfinError, what: str = "") -> str:
    """What failed and what to do about it, in one line."""
    text = " ".join(part for part in (what, str(error) or type(error).__name__) if part)
    if error.remedy and not text.endswith((".", "?", "!", ":")):
        text += "."
    return f"{text} {error.remedy}".strip()


def numbers_in(text: str) -> list[int]:
    """``3``, ``3 5`` and ``3-5`` as numbers. Raises :class:`InputError`."""
    if not _NUMBERS.fullmatch(text.strip()):
        raise InputError(f"{text} is not a number of a row.")
    found: list[int] = []
    for part in re.split(r"[ ,]+", text.strip()):
        first, _, last = part.partition("-")
        found += range(int(first), min(int(last or first), int(first) + MOST_NUMBERS) + 1)
    return list(dict.fromkeys(found))[:MOST_NUMBERS]


def row_of(text: str, rows: Sequence[Any], what: str) -> Any:
    """The row that a number names. Raises :class:`InputError`."""
    if not rows:
        raise InputError(f"There is no {what}.")
    if not text.strip().isdecimal():
        raise InputError(f"Give a number from 1 to {len(rows)}: that of the {what}.")
    if not 1 <= int(text[:9]) <= len(rows):
        raise InputError(f"There is no {what} {text[:9]}.")
    return rows[int(text) - 1]


def accounts_by_directory(accounts: Sequence[Account]) -> dict[str, str]:
    """The address of each account by its directory."""
    return {each.directory: each.address for each in accounts}
