"""Checks, where ids are recent, that each still identifies the message it is about to be used for.

A server that has numbered everything again may do so once more without saying so: by such an id the wrong
message would be deleted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from misfin.post.sync.identify import UNKNOWN, Facts, facts_of_head
from misfin.post.sync.work import Work

YOUNG: Final = 86400.0
"""Seconds after the beginning of an epoch in which nothing is believed of its ids."""


async def verified(work: Work, folder: int, known: Mapping[str, Facts]) -> set[str]:
    """Those of the ids that stand for the messages they stood for; says so of the others.

    Raises :class:`~misfin.errors.RemoteError`.
    """
    there = work.folders[folder]
    if not known or work.now() - there.epoch_since > YOUNG or not work.remote.abilities.mirrors:
        return set(known)
    heads = await work.remote.heads(there.remote, list(known))
    found = {head.id: facts_of_head(head.data) for head in heads}
    right = set()
    for each, facts in known.items():
        now = found.get(each, UNKNOWN)
        if each not in found or now.head == facts.head or (facts.msgid and now.msgid == facts.msgid):
            right.add(each)  # what is not there any more does no harm
        else:
            work.failed(folder, f"The server has renumbered the messages in {there.local}.")
            work.renumbered.add(folder)
    return right
