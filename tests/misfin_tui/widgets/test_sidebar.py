"""The sidebar's lines."""

from __future__ import annotations

from misfin.store.rows import FolderRow, View
from misfin_tui.widgets.sidebar import Kind, entries

ME, YOU = "me@mail.example", "you@mail.example"


def lines(folders, **options):
    found = entries(folders, options.get("outbox", {}), options.get("searches", []))
    return [(entry.label, entry.count) for entry in found]


def test_one_account_has_its_folders_in_the_order_people_use_them():
    folders = [
        FolderRow(ME, "Inbox", 10, 3, 8),
        FolderRow(ME, "Drafts", 2, 0, 2),
        FolderRow(ME, "Trash", 9, 4, 9),
        FolderRow(ME, "Held", 1, 1, 1),
        FolderRow(ME, "Zebra", 5, 1, 5),
    ]
    assert lines(folders, outbox={ME: 2}, searches=[("unread", "is:unread")]) == [
        (ME, 0),
        ("Inbox", 3),
        ("Drafts", 2),
        ("Outbox", 2),
        ("Sent", 0),
        ("Archive", 0),
        ("Held", 1),
        ("Junk", 0),
        ("Trash", 0),
        ("Zebra", 1),
        ("Saved searches", 0),
        ("unread", 0),
    ]


def test_several_accounts_also_have_one_inbox():
    folders = [FolderRow(ME, "Inbox", 1, 1, 1), FolderRow(YOU, "Inbox", 2, 2, 2)]
    found = entries(folders, {}, [])
    assert (found[0].label, found[0].count, found[0].view) == ("All inboxes", 3, View(None, "Inbox"))
    assert [entry.label for entry in found if entry.kind is Kind.HEADING] == [ME, YOU]


def test_nothing_at_all_is_nothing():
    assert entries([], {}, []) == []
