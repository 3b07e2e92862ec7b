"""One message and a search: the same answer as from the index of a whole mailbox."""

from __future__ import annotations

import pytest
from mailboxes import ME, NOW, Mailbox, mail, scanned

from misfin.errors import QueryError
from misfin.store.index import MailIndex
from misfin.store.index.digest import Owner
from misfin.store.rows import View
from misfin.store.search.single import SingleMessage

MAILS = [
    mail("Green flowers", "Buy some.", date=NOW),
    mail("Plans", "https://garden.example", sender="Zoë <zoe@garden.example>", date=NOW - 90 * 86400),
    mail("News", "Nothing.", List_Id="Crew <crew.lists.example>", to="crew@lists.example"),
    b"Subject: odd\n\n\xff\xfe",
    b"",
]
SEARCHES = [
    "flowers",
    "flow*",
    '"green flowers"',
    "-flowers",
    "from:zoe OR list:crew",
    "is:unread",
    "is:starred",
    "has:link",
    "after:2w",
    "in:Inbox",
    "in:Archive",
    f"in:{ME}/Inbox subject:(plans OR odd)",
    "tag:work",
    "is:unverified",
    "to:crew",
]


def test_every_search_finds_what_the_index_finds(tmp_path):
    box = Mailbox(tmp_path / "mail")
    for number, data in enumerate(MAILS):
        box.put(data, name=f"{int(NOW)}.{number}", flags=["", "F", None, "S", ""][number])
    known = [(ME, folder) for folder in box.store.folders(ME)]
    single = SingleMessage()
    with MailIndex(tmp_path / "index.db", box.root, now=lambda: NOW) as index:
        scanned(index)
        rows = index.messages(View(), 99)
        assert len(rows) == len(MAILS)
        for row in rows:
            file = f"{row.path.parent.name}/{row.path.name}"
            with single.message(box.path(), file, Owner(ME, ME), "Inbox", known) as fits:
                for search in SEARCHES:
                    found = {row.id for row in index.messages(View(query=search), 99)}
                    assert fits(search, NOW) == (row.id in found), (search, row.subject)
    single.close()


def test_a_wrong_search_is_an_error_and_leaves_nothing_behind(tmp_path):
    box = Mailbox(tmp_path / "mail")
    box.put(MAILS[0], name="1.x", flags="")
    single = SingleMessage()
    with single.message(box.path(), "cur/1.x:2,", Owner(ME, ME), "Inbox", []) as fits:
        for wrong in ("is:purple", "in:Nowhere", "(", "before:never"):
            with pytest.raises(QueryError):
                fits(wrong, NOW)
        assert fits("flowers", NOW)
    with single.message(box.path(), "cur/gone:2,", Owner(ME, ME), "Inbox", []) as fits:
        assert not fits("flowers", NOW)
        assert not fits("-flowers", NOW)
