"""Which of the rarer actions apply to a message: a table of conditions on what was read of it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from misfin.errors import MisfinError

if TYPE_CHECKING:
    from misfin.store.message.mime import ParsedMessage
    from misfin_tui.screens.selection import Selection

PATIENCE = 1.0
"""Seconds that a menu waits for a message to be read; then it offers everything."""
_LOOKED_AT = 64 * 1024
"""Bytes of a calendar file in which its method is looked for: it comes before the events."""
_REQUEST = re.compile(rb"^METHOD:REQUEST\s*$", re.IGNORECASE | re.MULTILINE)
_LEAVE = re.compile(rb"^List-Unsubscribe:", re.IGNORECASE | re.MULTILINE)
_POST = re.compile(rb"^List-Post:", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class ActionTarget:
    """A message that an action would be for, and how many messages its conversation has."""

    message: ParsedMessage
    conversation_size: int

    @property
    def has_header(self) -> bool:
        """Whether it has a header as e-mail has; a gemmail is text from the first line on."""
        return bool(self.message.head)

    def has_field(self, field: re.Pattern[bytes]) -> bool:
        """Whether its header has this field."""
        return field.search(self.message.head) is not None


def _asks(target: ActionTarget) -> bool:
    return any(_REQUEST.search(each, 0, _LOOKED_AT) for each in target.message.calendars)


def _several(target: ActionTarget) -> bool:
    return target.conversation_size > 1


APPLIES: Mapping[str, Callable[[ActionTarget], bool]] = MappingProxyType(
    {
        "accept_list": lambda target: bool(target.message.list_id),
        "accept_server": lambda target: target.has_header,
        "answer_invitation": _asks,
        "attachments": lambda target: bool(target.message.attachments),
        "bounce": lambda target: target.has_header,
        "charset": lambda target: target.has_header,
        "fold_all": _several,
        "next_message": _several,
        "next_version": lambda target: len(target.message.alternatives) > 1,
        "previous_message": _several,
        "replies": _several,
        "reply_list": lambda target: target.has_field(_POST),
        "split": _several,
        "unlock": lambda target: any(each.encrypts for each in target.message.protections),
        "unsubscribe": lambda target: target.has_field(_LEAVE),
    }
)
"""When each of these actions applies to a message; all others always apply."""


def idle_for(message: ParsedMessage, conversation_size: int = 1) -> set[str]:
    """The actions that do not apply to a message in a conversation of this size."""
    target = ActionTarget(message, conversation_size)
    return {action for action, applies in APPLIES.items() if not applies(target)}


async def idle_now(selection: Selection) -> set[str]:
    """The same for the selected message, which is read if it is not on the screen."""
    with suppress(MisfinError, TimeoutError):  # then everything is offered, and what is chosen says why not
        async with asyncio.timeout(PATIENCE):
            row = await selection.chosen_message()
            if row is not None:
                shown = [message for each, message in selection.messages_shown() if each.id == row.id]
                message = shown[0] if shown else await selection.services.mail.read(row)
                return idle_for(message, selection.conversation_size())
    return set()
