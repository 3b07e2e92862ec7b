"""The tree of replies: parents before their answers, whatever arrived, in whatever order."""

from __future__ import annotations

import itertools

import pytest
from mailboxes import NOW, Mailbox, mail, scanned

from misfin.store.index import MailIndex
from misfin.store.index.replies import tree


def shown(tmp_path, *mails: bytes) -> list[tuple[str, int]]:
    box = Mailbox(tmp_path / "mail")
    for data in mails:
        box.put(data)
    with MailIndex(tmp_path / "index.db", box.root) as index:
        scanned(index)
        threads = index.ask(lambda db: [row for (row,) in db.execute("SELECT DISTINCT thread FROM messages")])
        assert len(threads) == 1
        return [(row.subject, depth) for row, depth in index.ask(lambda db: tree(db, threads[0]))]


def message(name: str, *references: str, at: int = 0, message_id: str | None = None) -> bytes:
    own = f"<{name}@x>" if message_id is None else message_id
    return mail(name, message_id=own, references=[f"<{each}@x>" for each in references], date=NOW + at)


MAILS = (
    message("a", at=0),
    message("b", "a", at=1),
    message("c", "a", "b", at=2),
    message("d", "a", at=3),
    message("e", "a", "b", "lost", at=4),
)


@pytest.mark.parametrize("order", list(itertools.permutations(range(5)))[::17])
def test_each_message_stands_below_the_last_one_it_names(tmp_path, order):
    expected = [("a", 0), ("b", 1), ("c", 2), ("e", 2), ("d", 1)]
    assert shown(tmp_path, *(MAILS[at] for at in order)) == expected


def test_answers_to_what_never_came_and_circles_are_all_shown(tmp_path):
    assert shown(tmp_path, message("b", "lost", at=1), message("c", "lost", at=2)) == [("b", 0), ("c", 0)]
    circle = (message("x", "y", at=1), message("y", "x", at=2), message("z", "z", "y", at=3))
    assert sorted(shown(tmp_path / "2", *circle)) == [("x", 0), ("y", 1), ("z", 2)]


def test_copies_of_one_message_and_long_chains(tmp_path):
    copies = message("a"), message("a"), message("b", "a", at=1)
    assert shown(tmp_path, *copies) == [("a", 0), ("b", 1), ("a", 0)]
    chain = [message(str(n), *(str(m) for m in range(max(n - 5, 0), n)), at=n) for n in range(200)]
    assert shown(tmp_path / "2", *chain) == [(str(n), n) for n in range(200)]
