"""Tells from few facts whether there is nothing to do: then no plan is made."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import fields

from misfin.model.folders import FOLDERS
from misfin.post.sync.base import AskReason, FolderState, SyncedFolder
from misfin.post.sync.here import HereView
from misfin.post.sync.settings import SyncMemory, SyncSettings
from misfin.post.sync.situation import Here
from misfin.post.sync.state import SyncState
from misfin.post.sync.values import RemoteFolder, SyncPoint


def unchanged(folder: SyncedFolder, status: SyncPoint | None, settings: SyncSettings) -> bool:
    """Whether a folder on the server is as it was at the last look, and nothing about it is open."""
    return (
        status is not None
        and status == folder.point
        and status.modseq > 0
        and folder.state is FolderState.OK
        and folder.reason is AskReason.NONE
        and not loosened(folder, settings)
    )


def loosened(folder: SyncedFolder, settings: SyncSettings) -> bool:
    """Whether older messages are kept here than at the last pass."""
    keep = settings.keep_in(folder.local)
    return folder.kept > 0 and (keep is None or keep > folder.kept)


def nothing_to_do(
    state: SyncState,
    settings: SyncSettings,
    memory: SyncMemory,
    here: HereView,
    there: Sequence[RemoteFolder],
    only: Collection[bytes] | None,
    quiet: Collection[str],
) -> bool:
    """Whether a plan would be empty. Every folder of the state is on the server. Blocks.

    False in reason. ``only`` and ``quiet`` as in :func:`misfin.post.sync.passes.run_pass`.
    """
    folders = state.folders()
    statuses = {folder.raw: folder.status for folder in there}
    names = {folder.local for folder in folders} | memory.refused
    return (
        not any(getattr(here.here, each.name) for each in fields(Here))
        and not memory.absent
        and all(name in names or name in FOLDERS for name in here.folders)
        and all(
            unchanged(folder, statuses.get(folder.remote.raw), settings)
            for folder in folders
            if folder.local not in quiet and (only is None or folder.remote.raw in only)
        )
        and bool(state.home())
        and not state.has_open_ends()
    )
