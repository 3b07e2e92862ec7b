"""What lists and mailboxes write by themselves, and the commands that people send to a list. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from misfin.model.safetext import plain

if TYPE_CHECKING:
    from misfin.store.hosting.lists import MailingList

AUTOMATIC: Final = "[Auto-Reply]"
"""What marks an automatic answer; other Misfin servers write and know the same."""
_MOST_COMMAND: Final = 200
"""Characters of a message that may be a command."""
_COMMAND: Final = re.compile(
    r"\s*(?:#+[ \t]*)?(?:(subscribe|unsubscribe)|(confirm)[ \t]+([0-9a-f]{6,32})"
    r"|(approve|reject)[ \t]+#?([0-9]{1,12}))\s*",
    re.IGNORECASE,
)
_CONFIRMS: Final = re.compile(r"\bconfirm [0-9a-f]{6,32}\b")


@dataclass(frozen=True, slots=True)
class ListCommand:
    """One word of a list's own, and what goes with it: a code, or the number of a message."""

    verb: str
    argument: str = ""


def read_command(body: str) -> ListCommand | None:
    """The command that a message to a list consists of; None if it is for the subscribers."""
    if len(body) > _MOST_COMMAND:
        return None
    found = _COMMAND.fullmatch(body)
    if found is None:
        return None
    word, confirm, code, decide, number = found.groups()
    return ListCommand((word or confirm or decide).lower(), code or number or "")


def asks_to_confirm(body: str) -> bool:
    """Whether a message is how a mailing list asks to confirm a subscription."""
    return len(body) < 2000 and _CONFIRMS.search(body) is not None


def is_automatic(subject: str) -> bool:
    """Whether a subject says that nobody wrote the message."""
    return AUTOMATIC.casefold() in subject.casefold()


def automatic_answer(text: str) -> str:
    """The message that answers while somebody is away."""
    return f"# {AUTOMATIC}\n\n{text.strip()}\n"


def confirmation(found: MailingList) -> str:
    """Sent to whoever asks to subscribe; ``{code}`` is theirs."""
    return (
        f"# Confirm your subscription to {found.address}\n\n"
        f"Somebody asked for {found.address} to be sent to you. If it was you, send this line back within a"
        " day, as the whole message:\n\n"
        "confirm {code}\n\n"
        f"=> misfin:{found.address}?confirm%20{{code}} Confirm\n\n"
        "If it was not you, do nothing.\n"
    )


def welcome(found: MailingList) -> str:
    """Sent to a new subscriber."""
    about = f"{plain(found.description, one_line=True)}\n\n" if found.description else ""
    return (
        f"# Welcome to {found.address}\n\n{about}"
        f"Write to {found.address} to reach everybody on the list. To leave it, send it a message with only"
        " the word unsubscribe.\n\n"
        f"=> misfin:{found.address}?unsubscribe Unsubscribe\n"
    )


def held_notice(found: MailingList, author: str, subject: str) -> str:
    """Sent to the moderators of a list when a message waits for them; ``{number}`` is its number."""
    return (
        f"# A message to {found.address} is waiting\n\n"
        f"From: {author}\nSubject: {short(subject) or '(none)'}\n\n"
        "To send it to the subscribers, or to drop it, answer with one of these lines as the whole message:"
        "\n\n"
        "approve {number}\nreject {number}\n"
    )


def short(subject: str) -> str:
    """A subject that a stranger wrote, as part of one of our lines."""
    return plain(subject, one_line=True).strip()[:200]
