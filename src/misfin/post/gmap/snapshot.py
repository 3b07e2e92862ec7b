"""What a remote mailbox holds at one moment: which folder each message is in, and which are unread.

Tags are listed one by one, and other clients may change them in between. So the trash, which hides messages
from all other lists, is listed first and last, and everything is listed again if it has changed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from misfin.errors import RemoteError
from misfin.gmap.client import GmapClient
from misfin.gmap.requests import UNREAD
from misfin.model.folders import ARCHIVE, DRAFTS, INBOX, SENT, TRASH

FOLDERS: Final = (TRASH, DRAFTS, SENT, ARCHIVE, INBOX)
"""The tags that are folders. A message may carry several, and is in the first of them (docs/gmap.md §3)."""
_TRIES: Final = 4


class UnstableError(RemoteError):
    """The mailbox changed each time it was looked at."""

    remedy = "It is tried again later."


@dataclass(frozen=True, slots=True)
class GmapSnapshot:
    """The messages by folder, and ``tagged``: the ids with each tag as the server listed them."""

    folders: Mapping[str, frozenset[str]]
    tagged: Mapping[str, frozenset[str]]

    def is_read(self, message: str) -> bool:
        """Whether a message outside the trash has been read."""
        return message not in self.tagged[UNREAD]

    def tags_of(self, message: str) -> set[str]:
        """The folders' tags that the message was seen with."""
        return {tag for tag in FOLDERS if message in self.tagged[tag]}


async def take(client: GmapClient) -> GmapSnapshot:
    """List everything. Raises :class:`~misfin.errors.RemoteError`."""
    trash = frozenset(await client.ids(TRASH))
    for _ in range(_TRIES):
        tags = (*FOLDERS[1:], UNREAD, "")
        lists = await asyncio.gather(*map(client.ids, tags))
        tagged = dict(zip(tags, map(frozenset, lists), strict=True))
        after = frozenset(await client.ids(TRASH))
        if trash == after:
            return _sorted_out(tagged, trash)
        trash = after
    raise UnstableError(f"The mailbox on {client.host} changed each time it was looked at.")


async def changed(client: GmapClient, before: GmapSnapshot) -> bool:
    """Whether there is anything new, by two requests; changes in other folders are not noticed.

    Raises :class:`~misfin.errors.RemoteError`.
    """
    now = await asyncio.gather(client.ids(UNREAD), client.ids(INBOX))
    return tuple(map(frozenset, now)) != (before.tagged[UNREAD], before.tagged[INBOX])


def _sorted_out(tagged: dict[str, frozenset[str]], trash: frozenset[str]) -> GmapSnapshot:
    tagged[TRASH] = trash
    folders: dict[str, frozenset[str]] = {}
    placed: set[str] = set()
    for tag in FOLDERS:
        folders[tag] = tagged[tag] - placed
        placed |= tagged[tag]
    # What has no folder's tag, or was between two folders while they were listed, must not look deleted.
    folders[ARCHIVE] |= tagged[""] - placed
    return GmapSnapshot(folders, tagged)
