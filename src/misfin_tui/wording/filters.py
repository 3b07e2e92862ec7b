"""What a filter for new mail does, in words, and what a new one may be called."""

from __future__ import annotations

from collections.abc import Container
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from misfin.post.filters import FilterRule
    from misfin.store.message.mime import ParsedMessage
    from misfin.store.rows import MessageRow


def doing(rule: FilterRule) -> str:
    """What a filter does, in words."""
    words = [f"tag {tag}" for tag in rule.tags]
    words += ["star"] * rule.star + ["mark as read"] * rule.read
    words += [f"move to {rule.folder}"] if rule.folder else []
    words += ["no notice"] * (not rule.notify)
    return ", ".join(words) + (f" (only {rule.account})" if rule.account else "")


def free_name(search: str, taken: Container[str]) -> str:
    """A short name for a new filter, which none of those ``taken`` has."""
    word = "".join(char if char.isalnum() else " " for char in search.partition(":")[2] or search).split()
    name = (word[0] if word else "filter").lower()[:30]
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name}-{number}"
    return free


def search_like(row: MessageRow, message: ParsedMessage) -> str:
    """A search for messages like this one: of its list, else of its sender."""
    identifier = message.list_id.rpartition("<")[2].strip(" <>")
    if identifier and not set(identifier) & set(' "()'):
        return f"list:{identifier}"
    return f"from:{row.sender_address}" if row.sender_address else ""
