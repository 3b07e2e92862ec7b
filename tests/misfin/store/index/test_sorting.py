"""Lists in other orders than by date: the same conversations, page by page, also of a search."""

from __future__ import annotations

import pytest
from mailboxes import ME, NOW, Mailbox, mail, scanned

from misfin.store.index import MailIndex
from misfin.store.rows import Order, View

INBOX = View(ME, "Inbox")


@pytest.fixture
def index(tmp_path):
    box = Mailbox(tmp_path / "mail")
    for number, (sender, subject, more) in enumerate(
        (("Zoë", "moss", 3), ("Émile", "Re: Äpfel", 9), ("adam", "lamp", 1), ("Ørsted", "fwd: lamp", 5))
    ):
        box.put(mail(subject, "word\n" * more * 50, sender=f"{sender} <x{number}@y.test>", date=NOW + number))
    box.put(mail("lamp", sender=f"Me <{ME}>", to="Bob <bob@z.test>", date=NOW + 9), "Sent", flags="S")
    with MailIndex(tmp_path / "index.db", box.root) as opened:
        yield scanned(opened)


@pytest.mark.parametrize(
    ("order", "senders"),
    [
        (Order.NEWEST, ["Ørsted", "adam", "Émile", "Zoë"]),
        (Order.OLDEST, ["Zoë", "Émile", "adam", "Ørsted"]),
        (Order.SENDER, ["adam", "Émile", "Ørsted", "Zoë"]),
        (Order.SUBJECT, ["Émile", "Ørsted", "adam", "Zoë"]),
        (Order.SIZE, ["Émile", "Ørsted", "Zoë", "adam"]),
    ],
)
def test_each_order_shows_the_same_conversations(index, order, senders):
    for view in (INBOX, View(ME, "Inbox", "word")):
        rows = index.conversations(view, 0, 9, order)
        assert [row.participants for row in rows] == senders
        pages = [index.conversations(view, at, 2, order) for at in (0, 2)]
        assert [row for page in pages for row in page] == rows
        assert [index.position(view, row.thread, order) for row in rows] == [0, 1, 2, 3]
    assert index.position(INBOX, -1, order) is None


def test_sent_mail_is_sorted_by_its_recipient(index):
    (row,) = index.conversations(View(ME, "Sent"), 0, 9, Order.SENDER)
    assert row.participants == "To: Bob"


def test_only_unread_ones_are_sorted_where_only_those_are_shown(index):
    view = View(ME, "Inbox", unread_only=True)
    assert len(index.conversations(view, 0, 9, Order.SENDER)) == index.count(view) == 4


def test_the_threads_of_a_search_are_each_conversation_once(index):
    assert len(index.threads(View(ME, "Inbox", "lamp"))) == 2
