"""Puts decisions about conversations into effect, or takes them back, by what the messages themselves say."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from typing import TYPE_CHECKING

from misfin.errors import MessageGoneError, StoreError
from misfin.store.index import links
from misfin.store.index.digest import linking
from misfin.store.index.regrouping import GroupingDecision, Regrouping, RegroupingFile

if TYPE_CHECKING:
    from misfin.store.index.mailindex import MailIndex


def decide(index: MailIndex, file: RegroupingFile, decided: Regrouping, threads: Collection[int]) -> None:
    """Keep what is decided, and read the conversations it is about to follow it. Blocking.

    Raises :class:`StoreError`.
    """
    file.write(decided)
    said = {}
    for message in index.locate(sorted(threads)) if threads else ():
        with suppress(MessageGoneError, StoreError):  # it stays where it is
            said[message.row] = linking(index.read(message.row))
    index.regroup(decided, said)


def take_back(index: MailIndex, file: RegroupingFile, earlier: Collection[GroupingDecision]) -> None:
    """Put earlier decisions about messages into effect again. Blocking. Raises :class:`StoreError`."""
    decided = file.read()
    for decision in earlier:
        decided = decided.with_decision(decision)
    tokens = {each for decision in earlier for each in (decision.message, *decision.joined)}
    threads = index.ask(lambda db: set(links.threads_of(db, tokens).values()))
    decide(index, file, decided, threads)
