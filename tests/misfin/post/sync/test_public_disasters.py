"""Losses and copies that other programs were reported for, and where each of them is replayed.

What is not a test of another file is replayed here.
"""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest
from syncdesk import SyncDesk, text

from misfin.post.sync.base import AskReason
from misfin.post.sync.values import FlagSet
from misfin.store.mail.filenames import split_name

TESTS = Path(__file__).parents[3]
REPLAYED = {
    "OfflineIMAP/offlineimap#349, everything deleted on the server after this side was misread": (
        "misfin/post/sync/test_guards.py",
        "test_many_files_that_disappear_are_not_deleted_on_the_server",
    ),
    "OfflineIMAP/offlineimap#426, a Maildir behind a dead link": (
        "misfin/post/sync/test_guards.py",
        "test_an_account_whose_directory_is_gone_is_left_alone",
    ),
    "OfflineIMAP/offlineimap#333, a Maildir removed to start over": (
        "misfin/post/sync/test_guards.py",
        "test_a_maildir_removed_to_start_afresh_deletes_nothing",
    ),
    "OfflineIMAP/offlineimap#380, the state cut off by a crash": (
        "misfin/post/sync/test_state.py",
        "test_a_lost_or_damaged_state_is_built_again_without_a_transfer",
    ),
    "OfflineIMAP/offlineimap#676, ProtonMail/proton-bridge#170, no id after an upload: a hundred copies": (
        "misfin/post/sync/test_guards.py",
        "test_a_server_that_does_not_say_the_id_of_an_upload_gets_it_once",
    ),
    "OfflineIMAP/offlineimap#62, a message that is listed and cannot be fetched": (
        "misfin/post/sync/test_guards.py",
        "test_a_message_the_server_does_not_hand_out_stops_no_other",
    ),
    "OfflineIMAP/offlineimap#80, flags on files in new/": (
        "misfin/post/sync/test_public_disasters.py",
        "test_no_file_in_new_ever_has_flags",
    ),
    "OfflineIMAP/offlineimap#439, never awake again after the machine slept": (
        "misfin/post/fetching/test_live.py",
        "test_a_line_that_was_cut_is_made_again",
    ),
    "OfflineIMAP/offlineimap#135, neomutt/neomutt#2823, QRESYNC, and tags on its way": (
        "misfin/post/imap/test_dovecot.py",
        "test_a_look_says_what_came_changed_and_went",
    ),
    "OfflineIMAP/offlineimap3#169, deleted on both sides": (
        "misfin/post/sync/test_guards.py",
        "test_a_message_deleted_on_both_sides_is_forgotten",
    ),
    "OfflineIMAP/offlineimap3#107, #160, #229, #240, malformed messages": (
        "misfin/post/sync/test_guards.py",
        "test_bytes_no_mail_program_should_write_come_and_go_unchanged",
    ),
    "OfflineIMAP/offlineimap3#44, attachments decoded and encoded again": (
        "misfin/post/sync/test_public_disasters.py",
        "test_an_attachment_is_never_encoded_again",
    ),
    "modern-email/defects#37, djcb/mu#613, #146, afewmail/afew#95, moves under the same name": (
        "misfin/post/sync/test_guards.py",
        "test_a_program_that_moves_under_the_same_name_makes_no_copy",
    ),
    "LukeSmithxyz/mutt-wizard#779, a new UIDVALIDITY": (
        "misfin/post/sync/test_guards.py",
        "test_a_server_that_numbers_everything_again_costs_no_transfer",
    ),
    "ProtonMail/proton-bridge#220, ids of other messages": (
        "misfin/post/sync/test_guards.py",
        "test_an_id_that_stands_for_another_message_deletes_nothing",
    ),
    "mguessan/davmail#315, the two numbers of APPENDUID swapped": (
        "misfin/post/imap/test_faults.py",
        "test_an_id_that_cannot_be_the_uploads_is_none",
    ),
    "chatmail/core#1725, ids used after a new UIDVALIDITY": (
        "misfin/post/imap/test_faults.py",
        "test_ids_of_a_folder_that_was_renumbered_between_two_steps_are_not_used",
    ),
    "chatmail/relay#374, files removed beneath the server, and everything numbered again": (
        "misfin/post/sync/test_public_disasters.py",
        "test_a_server_whose_files_were_removed_and_which_renumbered_keeps_what_is_left",
    ),
    "getmail6/getmail6#275, too many ids in one command": (
        "misfin/email/imap/test_uids.py",
        "test_a_hundred_thousand_odd_numbers_never_make_a_long_line",
    ),
    "imapsync/imapsync#501, rustmailer/bichon#251, All Mail shows everything again": (
        "misfin/post/imap/test_folders.py",
        "test_folders_that_only_show_what_others_hold_are_left_out",
    ),
    "emersion/go-imap#757, VANISHED": (
        "misfin/post/imap/test_faults.py",
        "test_a_claim_that_billions_vanished_costs_no_memory",
    ),
}


@pytest.fixture
def desk(tmp_path):
    return SyncDesk(tmp_path)


@pytest.mark.parametrize(("file", "name"), REPLAYED.values(), ids=REPLAYED)
def test_each_public_disaster_is_replayed(file, name):
    assert f"def {name}(" in (TESTS / file).read_text()


async def test_no_file_in_new_ever_has_flags(desk):
    desk.server.inbox.add(text(1))
    desk.server.inbox.add(text(2), FlagSet("S"))
    await desk.settle()
    desk.server.inbox.flag(1, FlagSet("F", frozenset({"work"})))
    desk.server.inbox.flag(2, FlagSet(""))
    await desk.settle()
    desk.server.move(1, b"INBOX", b"archive")
    await desk.settle()
    for folder in ("Inbox", "Archive"):
        for name in os.listdir(desk.store.folder("work", folder).path / "new"):
            assert split_name(name) == (name, "")
    assert [entry.subdir for entry in desk.files("Archive")] == ["cur"]


@pytest.mark.parametrize("line", [60, 76, 998, 5000])
async def test_an_attachment_is_never_encoded_again(desk, line):
    body = b"AAECAwQFBgcICQ" * 700
    parts = [body[at : at + line] for at in range(0, len(body), line)]
    data = (
        b"Content-Type: application/octet-stream\r\nContent-Transfer-Encoding:  base64 (as is)\r\n\r\n"
        + b"\r\n".join(parts)
        + b"\r\n \r\n"
    )
    desk.server.inbox.add(data)
    await desk.settle()
    desk.store.folder("work").move(desk.files()[0].key, desk.store.folder("work", "Archive"))
    await desk.settle()
    copy = desk.files("Archive")[0].path.read_bytes()
    desk.store.folder("work", "Sent").deliver(copy, flags="S")
    await desk.settle()
    assert desk.there(b"archive") == desk.there(b"sent") == Counter([data])


async def test_a_server_whose_files_were_removed_and_which_renumbered_keeps_what_is_left(desk):
    sent = desk.fill(40)
    await desk.settle()
    for uid in range(1, 31):  # a job of the server's removes the old ones, in its own files
        del desk.server.inbox.messages[uid]
    desk.server.inbox.renumber(77)
    result = await desk.settle()
    assert [folder.reason for folder in result.asking] == [AskReason.RENUMBERED]
    assert desk.here() == Counter(sent)
    assert desk.there() == Counter(sent[30:])
    desk.fill(1, first=99)
    await desk.settle()
    assert sum(desk.here().values()) == 41
