"""Takes back a decision about conversations: what their messages themselves say counts again."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from typing import TYPE_CHECKING

from misfin.errors import MessageGoneError, StoreError
from misfin.store.index import links
from misfin.store.index.digest import linking
from misfin.store.index.regrouping import GroupingDecision, RegroupingFile

if TYPE_CHECKING:
    from misfin.store.index.mailindex import MailIndex


def take_back(index: MailIndex, file: RegroupingFile, earlier: Collection[GroupingDecision]) -> None:
    """Decide about messages as it was decided earlier; reads the conversations they are in. Blocking.

    Raises :class:`StoreError`.
    """
    decided = file.read()
    for decision in earlier:
        decided = decided.with_decision(decision)
    file.write(decided)
    tokens = {each for decision in earlier for each in (decision.message, *decision.joined)}
    threads = index.ask(lambda db: sorted(set(links.threads_of(db, tokens).values())))
    said = {}
    for message in index.locate(threads) if threads else ():
        with suppress(MessageGoneError, StoreError):  # it stays where it is
            said[message.row] = linking(index.read(message.row))
    index.regroup(decided, threads, said)
