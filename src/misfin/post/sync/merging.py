"""Merges flags of both sides bit by bit: a bit changed on one side only wins, so nothing can conflict."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from misfin.post.sync.values import FLAG_CHARS, FlagSet


class Keeps(NamedTuple):
    """Which flags a folder on the server can keep; see :class:`misfin.post.sync.values.Seen`."""

    chars: str = FLAG_CHARS
    any_tag: bool = True
    tags: frozenset[str] = frozenset()

    def keeps_tag(self, tag: str) -> bool:
        """Whether a tag can be kept."""
        return self.any_tag or tag in self.tags


def as_far_as_kept(there: FlagSet, base: FlagSet, keeps: Keeps) -> FlagSet:
    """The flags on the server, where those it cannot keep count as unchanged since the base."""
    chars = {char for char in there.chars if char in keeps.chars}
    chars |= {char for char in base.chars if char not in keeps.chars}
    tags = {tag for tag in there.tags if keeps.keeps_tag(tag)}
    tags |= {tag for tag in base.tags if not keeps.keeps_tag(tag)}
    return flag_set(chars, tags)


def merged(base: FlagSet, here: FlagSet, there: FlagSet) -> FlagSet:
    """For each flag what this side has if it changed it, else what the server has (rules 4 to 6)."""
    return flag_set(
        _merged(set(base.chars), set(here.chars), set(there.chars)), _merged(base.tags, here.tags, there.tags)
    )


def united(here: FlagSet, there: FlagSet) -> FlagSet:
    """The flags of both sides: for two copies without a base (rule 3)."""
    return flag_set({*here.chars, *there.chars}, here.tags | there.tags)


def difference(old: FlagSet, new: FlagSet) -> tuple[FlagSet, FlagSet]:
    """What to add to and what to remove from ``old`` to make it ``new``."""
    return (
        flag_set(set(new.chars) - set(old.chars), new.tags - old.tags),
        flag_set(set(old.chars) - set(new.chars), old.tags - new.tags),
    )


def pushable(change: FlagSet, keeps: Keeps) -> FlagSet:
    """The part of a change that the server can keep."""
    return flag_set(
        [char for char in change.chars if char in keeps.chars],
        [tag for tag in change.tags if keeps.keeps_tag(tag)],
    )


def flag_set(chars: Collection[str], tags: Collection[str] = ()) -> FlagSet:
    """A set of these flags."""
    return FlagSet("".join(sorted(chars)), frozenset(tags))


def _merged(base: Collection[str], here: Collection[str], there: Collection[str]) -> set[str]:
    return {
        flag
        for flag in {*here, *there}
        if (flag in here if (flag in here) != (flag in base) else flag in there)
    }
