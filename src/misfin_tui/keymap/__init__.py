"""Every action that has a key, and the check of the user's own keys against that table.

Nothing here needs Textual, so settings can be checked without a screen.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from types import MappingProxyType

from misfin_tui.keymap.action import KeyAction, KeyContext, Shown
from misfin_tui.keymap.spelling import MODIFIERS, NAMED, is_key, is_typed, normal_key, readable, split
from misfin_tui.keymap.table import ACTIONS, BY_ID, in_context

__all__ = [
    "ACTIONS",
    "BY_ID",
    "NOOP",
    "KeyAction",
    "KeyContext",
    "Keymap",
    "Shown",
    "in_context",
    "normal_key",
    "readable",
    "resolve",
    "split",
]

NOOP = "noop"
"""Written instead of a key, it unbinds the action; it is also a key name that no keyboard sends."""


_LISTS = (
    KeyContext.INBOX,
    KeyContext.THREAD,
    KeyContext.OUTBOX,
    KeyContext.TRUST,
    KeyContext.CONTACTS,
    KeyContext.IDENTITIES,
    KeyContext.SETTINGS,
)
TOGETHER: Mapping[KeyContext, tuple[KeyContext, ...]] = MappingProxyType(
    {
        **dict.fromkeys(_LISTS, (KeyContext.EVERYWHERE, KeyContext.LIST)),
        KeyContext.COMPOSE: (KeyContext.EVERYWHERE,),
        KeyContext.HELP: (KeyContext.EVERYWHERE,),
        KeyContext.LIST: (KeyContext.EVERYWHERE,),
    }
)
"""Contexts whose keys work at the same time as a context's own; a key may be used only once among them."""

WRITING = frozenset({KeyContext.COMPOSE, KeyContext.WIZARD, KeyContext.DIALOG})
"""Contexts in which text is typed: there a printable key would go into the text, or be lost to it."""


@dataclass(frozen=True, slots=True)
class Keymap:
    """The keys in use: ``keys`` holds only what the user changed; ``problems`` are sentences to show."""

    keys: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    problems: tuple[str, ...] = ()

    def of(self, action_id: str) -> tuple[str, ...]:
        """The keys of an action as Textual names them; empty when unbound."""
        return tuple(key for key in split(self.keys.get(action_id, BY_ID[action_id].keys)) if key != NOOP)

    def shown(self, action_id: str) -> str:
        """The first key of an action as people read it; where it has none, that of the command palette."""
        keys = self.of(action_id) or self.of("commands")
        return readable(keys[0]) if keys else "?"


def resolve(wanted: Mapping[str, str]) -> Keymap:
    """Check the user's ``[keys]``: id → comma separated keys, or ``noop`` to unbind.

    Whatever is wrong is left at its default and reported with the nearest name; a key used twice
    among contexts that are active together is reported with both its actions. Never raises.
    """
    problems: list[str] = []
    accepted: dict[str, str] = {}
    for action_id, text in wanted.items():
        action = BY_ID.get(action_id)
        if action is None:
            problems.append(f"[keys] {_shown(action_id)}: no such action{_nearest(action_id, BY_ID)}")
            continue
        keys, wrong = _read_keys(action, text)
        problems += (f"[keys] {action_id}: {problem}" for problem in wrong)
        if keys:
            accepted[action_id] = ",".join(dict.fromkeys(keys))
    while clash := _clash(accepted):
        loser, problem = clash
        problems.append(problem)
        del accepted[loser]  # back to its default, which may clash in turn: look again
    return Keymap(MappingProxyType(accepted), tuple(problems))


def _read_keys(action: KeyAction, text: str) -> tuple[list[str], list[str]]:
    if text.strip().lower() in (NOOP, ""):
        return [NOOP], []
    keys: list[str] = []
    problems: list[str] = []
    for written in (part.strip() for part in text.split(",")):
        key = normal_key(written) if written else ""
        *modifiers, base = key.split("+")
        if not written:
            problems.append("an empty key between commas; the comma key is written `comma`.")
        elif set(modifiers) - set(MODIFIERS):
            problems.append(f"`{_shown(written)}` has an unknown modifier; use {', '.join(MODIFIERS)}.")
        elif not is_key(base):
            problems.append(f"`{_shown(written)}` is not a key{_nearest(base, NAMED)}")
        elif action.context in WRITING and not set(modifiers) - {"shift"} and is_typed(base):
            problems.append(
                f"`{_shown(written)}` would be typed into the text here; use ctrl, alt or f1 to f24."
            )
        else:
            keys.append(key)
    return keys, problems


def _clash(accepted: Mapping[str, str]) -> tuple[str, str] | None:
    """An entry whose key already belongs to an earlier entry or a default, with the sentence that says so."""
    seen: list[str] = []
    for action_id, keys in accepted.items():
        action = BY_ID[action_id]
        mine = set(split(keys)) - {NOOP}
        for other in ACTIONS:
            if other.id == action_id or (other.id in accepted and other.id not in seen):
                continue
            shared = mine & set(split(accepted.get(other.id, other.keys)))
            if shared and _active_together(action.context, other.context):
                return action_id, (
                    f"[keys] {action_id}: {readable(min(shared))} already belongs to {other.id}"
                    f' ({other.label}, {other.context}); give that one another key or "{NOOP}".'
                )
        seen.append(action_id)
    return None


def _active_together(one: KeyContext, two: KeyContext) -> bool:
    return one is two or two in TOGETHER.get(one, ()) or one in TOGETHER.get(two, ())


def _nearest(name: str, known: Iterable[str]) -> str:
    match = get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f"; did you mean `{match[0]}`?" if match else "."


def _shown(text: str) -> str:
    """User input as shown in a message: printable and short."""
    return "".join(c if c.isprintable() else "�" for c in text[:40])
