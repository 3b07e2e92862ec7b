"""Whatever happens on both sides, with a request that fails anywhere: in the end both are equal."""

import asyncio
import os
import shutil
import tempfile
from pathlib import Path

from gmapdesk import DIRECTORY, GmapDesk
from gmapserver import gemmail
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from misfin.errors import RemoteError

ROOM = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # where syncing costs nothing
FOLDERS = ["Inbox", "Archive", "Sent", "Trash"]
ORDER = ["Trash", "Drafts", "Sent", "Archive", "Inbox"]
THERE = st.tuples(
    st.sampled_from(["new", "tag", "untag", "read", "unread", "delete"]),
    st.integers(0, 9),
    st.sampled_from(FOLDERS),
)
HERE = st.tuples(
    st.sampled_from(["move here", "read here", "unread here", "empty here"]),
    st.integers(0, 9),
    st.sampled_from(FOLDERS),
)
PASS = st.tuples(st.just("pass"), st.integers(0, 12), st.just(""))
STEPS = st.lists(st.one_of(THERE, HERE, PASS), min_size=4, max_size=14)


class Cut(RemoteError):
    """The network fails."""


def _there(desk, what, number, folder):
    names = sorted(desk.box.messages)
    if what == "new":
        desk.box.add(gemmail(len(desk.box.asked) * 100 + number), folder, "Unread")
    elif names:
        kept = desk.box.messages[names[number % len(names)]]
        if what == "tag":
            kept.tags.add(folder)
        elif what == "untag":
            kept.tags.discard(folder)
        elif what == "delete" and "Trash" in kept.tags:
            del desk.box.messages[names[number % len(names)]]
        elif what in ("read", "unread"):
            (kept.tags.discard if what == "read" else kept.tags.add)("Unread")


def _here(desk, what, number, folder):
    found = [(source, entry) for source in ORDER for entry in desk.files(source)]
    if not found:
        return
    source, entry = found[number % len(found)]
    maildir = desk.store.folder(DIRECTORY, source)
    if what == "move here" and source != folder:
        maildir.move(entry.key, desk.store.folder(DIRECTORY, folder))
    elif what == "read here":
        maildir.change_flags(entry.key, add="S")
    elif what == "unread here":
        maildir.change_flags(entry.key, remove="S")
    elif what == "empty here" and source == "Trash":
        maildir.remove(entry.key)


async def _pass(desk, fails_at):
    """One pass, in which a request is the last that comes through."""
    left = fails_at

    def odd(_asked):
        nonlocal left
        left -= 1
        if left == 0:
            raise Cut("The line is cut.")
        return None

    desk.box.odd = odd
    try:
        await desk.once()
    except Cut:
        desk.restart()
    finally:
        desk.box.odd = lambda _asked: None


def _folder_of(tags):
    return next((tag for tag in ORDER if tag in tags), "Archive")


async def _history(desk, steps):
    for what, number, folder in steps:
        if what == "pass":
            await _pass(desk, number)
        elif what.endswith("here"):
            _here(desk, what, number, folder)
        else:
            _there(desk, what, number, folder)
    result = await desk.settle()
    assert (result.problems, result.asking) == ((), ())
    for folder in ORDER:
        kept = [each for each in desk.box.messages.values() if _folder_of(each.tags) == folder]
        assert desk.here(folder) == sorted(each.data for each in kept)
        if folder != "Trash":
            read = sorted(entry.flags for entry in desk.files(folder))
            assert read == sorted("" if "Unread" in each.tags else "S" for each in kept)
    requests = desk.client.requests
    await desk.once()
    assert desk.client.requests - requests == 8  # nothing is left to do


@given(STEPS)
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_history_ends_with_both_sides_equal(steps):
    root = Path(tempfile.mkdtemp(prefix="gmap", dir=ROOM))
    try:
        desk = GmapDesk(root)
        asyncio.run(_history(desk, steps))
        desk.state.close()
    finally:
        shutil.rmtree(root)
