"""Carries the news of services and threads as Textual's messages, for the screens to handle."""

from __future__ import annotations

import dataclasses
import types
from typing import Any

from textual.message import Message

from misfin_tui.messages import AppNews


def as_message(news: Message | AppNews) -> Message:
    """The same for Textual's queues; what is one of its messages already is returned as it is."""
    return news if isinstance(news, Message) else again(news)


def again(news: AppNews) -> Message:
    """A new message that says the same: one instance is only ever in one queue."""
    fields = {each.name: getattr(news, each.name) for each in dataclasses.fields(news)}
    message: Message = _message_class(type(news))(**fields)
    return message


_made: dict[type[AppNews], Any] = {}


def _message_class(news_class: type[AppNews]) -> Any:
    """The class of Textual's messages for a class of news, which its handlers are named after."""
    if issubclass(news_class, Message):
        return news_class
    if news_class not in _made:
        _made[news_class] = _make(news_class)
    return _made[news_class]


def _make(news_class: type[AppNews]) -> Any:

    def carry(self: Any, *values: object, **named: object) -> None:
        news_class.__init__(self, *values, **named)
        Message.__init__(self)

    return types.new_class(
        news_class.__name__,
        (news_class, Message),
        {"bubble": False},
        lambda body: body.update(__init__=carry),
    )
