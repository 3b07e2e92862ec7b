"""The parts of keeping in sync that stand alone: bytes, hashes, batches, names, flags, the lock."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from misfin.post.sync import lineends
from misfin.post.sync.batches import MOST_BYTES, in_batches
from misfin.post.sync.identify import SAME, facts_of, facts_of_file, facts_of_head, match
from misfin.post.sync.imapflags import from_imap, permanent, to_imap
from misfin.post.sync.keys import key_with, origin, origin_of
from misfin.post.sync.linking import local_name
from misfin.post.sync.lock import AlreadySyncingError, SyncLock
from misfin.post.sync.merging import Keeps, as_far_as_kept, difference, flag_set, merged, pushable
from misfin.post.sync.values import FlagSet, RemoteFolder, Role, Wanted
from misfin.store.mail.filenames import unique_name

pieces = st.lists(st.sampled_from([b"a", b"\r\n", b"\r", b"\n", b"From x", b"\x00\xff"]), max_size=12)


# ---- bytes


@given(pieces)
def test_what_is_stored_is_sent_as_it_came_unless_no_line_of_it_ended_in_crlf(parts):
    data = b"".join(parts)
    kept = lineends.stored(data)
    first = data.partition(b"\n")[0] + (b"\n" if b"\n" in data else b"")
    if lineends.plain(data) or first.endswith(b"\r\n"):
        assert lineends.sent_bytes(kept) == data


@given(pieces, st.integers(1, 4))
def test_a_file_is_converted_as_its_bytes_are_however_it_is_cut(parts, chunk):
    data = b"".join(parts)
    whole = lineends.CHUNK
    lineends.CHUNK = chunk
    try:
        sent = b"".join(lineends.sent(io.BytesIO(data)))
        size = lineends.sent_size(io.BytesIO(data))
    finally:
        lineends.CHUNK = whole
    if b"\n" in data[:chunk] or b"\r" not in data:
        assert sent == lineends.sent_bytes(data)
    assert size == len(sent)


@given(pieces)
def test_a_large_message_is_stored_as_a_small_one_is(tmp_path_factory, parts):
    data = b"".join(parts)
    raw = tmp_path_factory.mktemp("raw") / "raw"
    raw.write_bytes(data)
    target = io.BytesIO()
    lineends.store_file(raw, target)
    assert target.getvalue() == lineends.stored(data)


# ---- which message is which


@given(st.binary(max_size=80), pieces)
def test_a_message_has_the_same_facts_here_and_on_the_server(head, parts):
    sent = (
        b"Message-ID: <1@x>\r\nX: "
        + head.replace(b"\r", b"").replace(b"\n", b"")
        + b"\r\n\r\n"
        + b"".join(parts)
    )
    here = facts_of(lineends.stored(sent))
    there = facts_of_head(sent.partition(b"\r\n\r\n")[0] + b"\r\n\r\n", len(sent))
    assert (here.msgid, here.head) == (there.msgid, there.head)


def test_a_file_has_the_facts_of_its_bytes(tmp_path):
    path = tmp_path / "message"
    for size in (100, 5 << 20):
        data = b"Message-ID: <1@x>\nSubject: s\n\n" + b"line\n" * (size // 5)
        path.write_bytes(data)
        assert facts_of_file(path) == facts_of(data)


def test_equal_messages_are_paired_one_to_one_and_in_order():
    same = facts_of(b"Subject: s\n\n")
    other = facts_of(b"Subject: t\n\n")
    pairs = match(
        [("a", same), ("b", same), ("c", other)], [(1, same), (2, other), (3, same), (4, same)], SAME
    )
    assert list(pairs) == [("a", 1), ("b", 3), ("c", 2)]


@pytest.mark.parametrize("odd", [b"", b"\r\n", b"\r\nbody", b"no header", b"Message-ID: nothing\r\n\r\n"])
def test_a_message_without_an_id_has_none(odd):
    assert facts_of(odd).msgid == b""


@given(st.binary(max_size=20), st.text(max_size=10), st.text(max_size=10))
def test_a_name_says_where_its_message_is_from(raw, epoch, remote_id):
    known = origin(raw, epoch, remote_id)
    assert origin_of(key_with(unique_name(1_700_000_000.0), known)) == known
    assert origin_of(unique_name(1_700_000_000.0)) == ""


# ---- flags

flag_sets = st.builds(flag_set, st.sets(st.sampled_from("FRS")), st.sets(st.sampled_from(["home", "work"])))


@given(flag_sets, flag_sets, flag_sets)
def test_merged_flags_hold_every_change_of_either_side(base, here, there):
    goal = merged(base, here, there)
    for flag in "FRS":
        changed_here = (flag in here.chars) != (flag in base.chars)
        assert (flag in goal.chars) == (flag in (here if changed_here else there).chars)
    add, remove = difference(there, goal)
    assert set(there.chars) | set(add.chars) == set(goal.chars) | set(remove.chars)
    assert merged(base, goal, goal) == goal


@given(flag_sets, flag_sets)
def test_flags_a_server_cannot_keep_are_as_they_were(there, base):
    keeps = Keeps("S", any_tag=False, tags=frozenset({"work"}))
    seen = as_far_as_kept(there, base, keeps)
    assert ("F" in seen.chars, "home" in seen.tags) == ("F" in base.chars, "home" in base.tags)
    assert ("S" in seen.chars, "work" in seen.tags) == ("S" in there.chars, "work" in there.tags)
    assert pushable(there, keeps).tags <= {"work"}


def test_imap_flags_are_read_in_any_case_and_written_as_the_rfc_spells_them():
    flags = from_imap(frozenset({"\\SEEN", "\\Recent", "$Forwarded", "Work", "a b", "\\Unknown", "&AOQ-"}))
    assert flags == FlagSet("PS", frozenset({"work", "ä"}))
    assert to_imap(flags) == ["$Forwarded", "\\Seen", "work", "&AOQ-"]
    assert permanent(["\\Seen", "\\*"]) == ("PS", True, frozenset())
    assert permanent(["\\Seen", "work"]) == ("S", False, frozenset({"work"}))


# ---- batches, names, the lock


@given(st.lists(st.one_of(st.none(), st.integers(0, 3 << 20)), max_size=600))
def test_batches_hold_everything_in_order_and_are_bounded(sizes):
    wanted = [Wanted(str(at), size) for at, size in enumerate(sizes)]
    batches = list(in_batches(wanted))
    assert [each for batch in batches for each in batch] == wanted
    assert all(len(batch) <= 200 for batch in batches)
    assert all(
        len(batch) == 1 or sum(10_000 if each.size is None else each.size for each in batch) <= MOST_BYTES
        for batch in batches
    )
    assert not batches or len(batches[0]) <= 50


@pytest.mark.parametrize(
    ("name", "role", "local"),
    [
        ("Lists/Crew", Role.NONE, "Lists/Crew"),
        ("Sent Items", Role.SENT, "Sent"),
        ("Ümläut", Role.NONE, "Ümläut"),
    ],
)
def test_a_folder_is_called_by_its_role_or_as_on_the_server(name, role, local):
    assert local_name(RemoteFolder(name.encode(), name, role), role, set()) == local


@pytest.mark.parametrize(
    "name", ["a.b", "Held", "Outbox", "inbox", "Archive", "", "/", "../../x", "a\x00b", "x" * 300]
)
def test_a_name_that_cannot_be_used_here_gets_another_one(name, tmp_path):
    from misfin.store.mail.maildir import MailStore

    local = local_name(RemoteFolder(name.encode(), name), Role.NONE, set())
    assert local != name
    folder = MailStore(tmp_path).folder("work", local)
    assert folder.path.parent == tmp_path / "work"
    assert local == local_name(RemoteFolder(name.encode(), name), Role.NONE, set())


def test_one_process_keeps_an_account_in_step_at_a_time(tmp_path):
    with SyncLock(tmp_path / "sync", "work"):
        SyncLock(tmp_path / "sync", "home").release()
        with pytest.raises(AlreadySyncingError):
            SyncLock(tmp_path / "sync", "work")
    SyncLock(tmp_path / "sync", "work").release()
