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
    "SET",
    "SETS",
    "STANDARD",
    "KeyAction",
    "KeyContext",
    "Keymap",
    "Shown",
    "in_context",
    "keys_of_set",
    "normal_key",
    "readable",
    "resolve",
    "split",
]

STANDARD = "standard"
SETS = (STANDARD, "mutt", "vim", "emacs")
"""The key sets there are; :mod:`misfin_tui.keymap.sets` has what each changes."""
SET = "set"
"""The name in ``[keys]`` that says which set; no action has it."""
NOOP = "noop"
"""Written instead of a key, it unbinds the action; it is also a key name that no keyboard sends."""


_LISTS = (
    KeyContext.INBOX,
    KeyContext.THREAD,
    KeyContext.OUTBOX,
    KeyContext.TRUST,
    KeyContext.CONTACTS,
    KeyContext.IDENTITIES,
    KeyContext.SYNC,
    KeyContext.ATTIC,
    KeyContext.ON_SERVER,
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
"""Contexts whose keys work at the same time as a context's own; a key may be used only once among them.
Those of the tour are not here: it runs in the demo only, and no key of a person gives way to it."""

WRITING = frozenset({KeyContext.COMPOSE, KeyContext.WIZARD, KeyContext.DIALOG, KeyContext.TOUR})
"""Contexts in which text is typed: there a printable key would go into the text, or be lost to it."""


@dataclass(frozen=True, slots=True)
class Keymap:
    """The keys in use: ``keys`` holds only what differs from the table, because of the set ``base`` or
    because the user changed it; ``problems`` are sentences to show."""

    keys: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    problems: tuple[str, ...] = ()
    base: str = STANDARD

    def of(self, action_id: str) -> tuple[str, ...]:
        """The keys of an action as Textual names them; empty when unbound."""
        return tuple(key for key in split(self.keys.get(action_id, BY_ID[action_id].keys)) if key != NOOP)

    def shown(self, action_id: str) -> str:
        """The first key of an action as people read it; where it has none, that of the command palette."""
        keys = self.of(action_id) or self.of("commands")
        return readable(keys[0]) if keys else "?"


def keys_of_set(name: str) -> Mapping[str, str]:
    """What a set changes, keys by action; nothing for the standard set and for one that does not exist."""
    if name in (STANDARD, "") or name not in SETS:
        return MappingProxyType({})
    from misfin_tui.keymap.sets import KEY_SETS  # late: few have another set than the standard one

    return KEY_SETS[name]


def resolve(wanted: Mapping[str, str]) -> Keymap:
    """Check the user's ``[keys]``: id → comma separated keys, or ``noop`` to unbind, and ``set``, a key set.

    Whatever is wrong is left at its default and reported with the nearest name; a key used twice
    among contexts that are active together is reported with both its actions. A key of the user's own is
    taken from the action that has it in a set other than the standard one; an action left without any key
    is reported. Never raises.
    """
    problems: list[str] = []
    accepted: dict[str, str] = {}
    base = wanted.get(SET, STANDARD)
    if base not in SETS:
        names = f"{', '.join(SETS[:-1])} or {SETS[-1]}"
        problems.append(
            f"[keys] {SET}: `{_shown(base)}` is not a key set{_nearest(base, SETS)}"
            f" The standard keys are used; choose {names}."
        )
        base = STANDARD
    for action_id, text in wanted.items():
        if action_id == SET:
            continue
        action = BY_ID.get(action_id)
        if action is None:
            problems.append(f"[keys] {_shown(action_id)}: no such action{_nearest(action_id, BY_ID)}")
            continue
        keys, wrong = _read_keys(action, text)
        problems += (f"[keys] {action_id}: {problem}" for problem in wrong)
        if keys:
            accepted[action_id] = ",".join(dict.fromkeys(keys))
    theirs = dict(keys_of_set(base))
    if base != STANDARD:
        problems += _make_way(theirs, accepted, base)
    while clash := _clash(accepted, theirs):
        loser, problem = clash
        problems.append(problem)
        del accepted[loser]  # back to its default, which may clash in turn: look again
    return Keymap(MappingProxyType({**theirs, **accepted}), tuple(problems), base)


def _make_way(theirs: dict[str, str], own: Mapping[str, str], base: str) -> list[str]:
    """Take the user's own keys from the actions that have them in a set; what to say if none is left."""
    problems: list[str] = []
    taken = [(BY_ID[name], set(split(keys)) - {NOOP}) for name, keys in own.items()]
    for action in ACTIONS:
        if action.id in own:
            continue
        keys = split(theirs.get(action.id, action.keys))
        lost = {
            key for other, its in taken if _active_together(action.context, other.context) for key in its
        } & set(keys)
        if lost:
            left = [key for key in keys if key not in lost]
            theirs[action.id] = ",".join(left) or NOOP
            if not left:
                problems.append(
                    f"[keys] {action.id} ({action.label}, {action.context}) has no key now:"
                    f" {readable(min(lost))}, its key in the {base} set, is yours for something else."
                )
    return problems


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


def _clash(accepted: Mapping[str, str], theirs: Mapping[str, str]) -> tuple[str, str] | None:
    """An entry whose key already belongs to an earlier entry or a default, with the sentence that says so."""
    seen: list[str] = []
    for action_id, keys in accepted.items():
        action = BY_ID[action_id]
        mine = set(split(keys)) - {NOOP}
        for other in ACTIONS:
            if other.id == action_id or (other.id in accepted and other.id not in seen):
                continue
            default = theirs.get(other.id, other.keys)
            shared = mine & set(split(accepted.get(other.id, default))) - {NOOP}
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
