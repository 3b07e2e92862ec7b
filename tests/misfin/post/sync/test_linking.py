"""Which folder here belongs to which on the server."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from syncdesk import SyncDesk, text

from misfin.post.sync.linking import link
from misfin.post.sync.state import SyncState
from misfin.post.sync.values import RemoteFolder, Role


@pytest.fixture
def state():
    return SyncState(None)


def locals_of(state):
    return {folder.remote.raw: folder.local for folder in state.folders()}


def test_the_inbox_is_the_inbox_in_any_case(state):
    link(state, [RemoteFolder(b"Inbox", "Inbox")])
    assert locals_of(state) == {b"Inbox": "Inbox"}


def test_a_role_names_a_folder_and_of_two_with_one_role_the_other_keeps_its_own_name(state):
    link(
        state,
        [
            RemoteFolder(b"Sent Items", "Sent Items", Role.SENT),
            RemoteFolder(b"Gesendet", "Gesendet", Role.SENT),
            RemoteFolder(b"INBOX", "INBOX", Role.INBOX),
        ],
    )
    assert locals_of(state) == {b"INBOX": "Inbox", b"Gesendet": "Sent", b"Sent Items": "Sent Items"}


def test_a_folder_keeps_its_name_here_although_its_role_changes(state):
    link(state, [RemoteFolder(b"Alt", "Alt")])
    link(state, [RemoteFolder(b"Alt", "Alt", Role.ARCHIVE)])
    assert locals_of(state) == {b"Alt": "Alt"}


def test_no_folder_of_the_server_becomes_one_that_is_only_here(state):
    link(state, [RemoteFolder(name.encode(), name) for name in ("Held", "Outbox", "held", "Trash")])
    assert {"Held", "Outbox", "Trash"}.isdisjoint(locals_of(state).values())


def test_folders_whose_names_differ_in_case_only_are_two(state):
    link(state, [RemoteFolder(b"Crew", "Crew"), RemoteFolder(b"crew", "crew")])
    assert len({local.lower() for local in locals_of(state).values()}) == 2


def test_what_the_server_has_no_longer_is_returned_and_kept(state):
    link(state, [RemoteFolder(b"a", "a"), RemoteFolder(b"b", "b")])
    (missing,) = link(state, [RemoteFolder(b"b", "b")])
    assert missing.local == "a"
    assert locals_of(state) == {b"a": "a", b"b": "b"}


async def test_a_folder_renamed_on_the_server_is_followed_by_its_lasting_id(tmp_path):
    desk = SyncDesk(tmp_path)
    desk.store.create("work", ["Old"])
    desk.store.folder("work", "Old").deliver(text(1), flags="S")
    folders = desk.remote.folders

    async def with_ids():
        return [replace(each, id=f"id{desk.server[each.raw].epoch}") for each in await folders()]

    await desk.settle()
    desk.remote.folders = with_ids
    await desk.settle()
    there = desk.server.folders.pop(b"Old")
    there.raw = b"New"
    desk.server.folders[b"New"] = there
    result = await desk.settle()
    assert result.asking == ()
    assert desk.here("Old") == desk.there(b"New") == Counter([text(1)])
    assert desk.attic() == Counter()
