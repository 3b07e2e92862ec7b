"""Windows, conversations and messages as the screens get them."""

from __future__ import annotations

import pytest
from mailboxes import ME, NOW, Mailbox, mail, scanned, subjects

from misfin.errors import MessageGoneError, StoreError
from misfin.store.evidence import Evidence
from misfin.store.index import read
from misfin.store.rows import View

INBOX = View(ME, "Inbox")
DAY = 86400.0


@pytest.mark.parametrize(
    ("statement", "values", "columns"),
    [(read._MESSAGE, (), read._Message), (read._CONVERSATIONS, ("[]", None, 1, "[]"), read._Conversation)],
)
def test_columns_are_named_in_the_order_they_are_read(index, statement, values, columns):
    described = index._read(lambda db: db.execute(statement, values).description)
    assert tuple(name for name, *_ in described) == columns._fields


def thread_of_three(box):
    """Bob asks, I answer, Carol adds; something else lies between."""
    box.put(mail("Flowers", "?", sender="Bob <bob@x.example>", message_id="<1@x>", date=NOW), flags="S")
    mine = {"sender": f"Me <{ME}>", "to": "Bob <bob@x.example>", "date": NOW + 60}
    box.put(mail("Re: Flowers", "!", message_id="<2@x>", in_reply_to="<1@x>", **mine), "Sent", flags="S")
    box.put(mail("Other", date=NOW + DAY))
    box.put(
        mail(
            "Re: Flowers",
            sender="Carol <carol@x.example>",
            message_id="<3@x>",
            references=["<1@x>", "<2@x>"],
            date=NOW + 2 * DAY,
        )
    )


def test_messages_go_on_below_the_last_one_seen(index, box):
    for number in range(7):
        box.put(mail(f"{number}", date=NOW + number))
    scanned(index)
    for view in (View(), View(query="hello"), View(ME, "Inbox")):
        seen, below = [], None
        while rows := index.messages(view, 3, below=below):
            seen += subjects(rows)
            below = rows[-1].row
        assert seen == ["6", "5", "4", "3", "2", "1", "0"]


def test_a_sent_answer_stands_in_its_conversation(index, box):
    thread_of_three(box)
    scanned(index)
    flowers, other = index.conversations(INBOX, 0, 10)
    assert (flowers.participants, flowers.count, flowers.unread) == ("Carol, Bob", 3, 1)
    assert (other.participants, other.count) == ("Bob", 1)
    assert [row.sender for row in index.thread(flowers.thread)] == ["Bob", "Me", "Carol"]
    assert {row.folder for row in index.thread(flowers.thread)} == {"Inbox", "Sent"}
    (sent,) = index.conversations(View(ME, "Sent"), 0, 10)
    assert (sent.thread, sent.subject) == (flowers.thread, "Re: Flowers")
    assert index.count(INBOX) == 2


def test_what_i_wrote_to_somebody_shows_to_whom(index, box):
    box.put(mail("Hello", sender=f"Me <{ME}>", to="Bob <bob@x.example>, carol@x.example"), "Sent", flags="S")
    scanned(index)
    assert index.conversations(View(ME, "Sent"), 0, 1)[0].participants == "To: Bob, carol@x.example"


def test_nobody_has_to_prove_a_draft_and_a_forged_name_elsewhere_proves_nothing(index, box):
    for number, folder in enumerate(("Drafts", "Sent", "Inbox", "Archive")):
        box.put(mail(folder, sender=f"Me <{ME}>", date=NOW + number), folder, flags="S")
    box.put(mail("Another's", sender="Bob <bob@x.example>", date=NOW - 1), "Drafts", flags="S")
    scanned(index)
    rows = index.messages(View(), 10)
    proven = {row.subject: row.evidence for row in rows}
    assert proven == {
        "Drafts": Evidence.VERIFIED,
        "Sent": Evidence.VERIFIED,
        "Inbox": Evidence.UNPROVEN,
        "Archive": Evidence.UNPROVEN,
        "Another's": Evidence.UNPROVEN,
    }
    shown = {row.subject: row.evidence for row in index.conversations(View(), 0, 10)}
    assert shown == proven


def test_a_message_in_the_trash_leaves_the_conversation_but_can_be_seen_there(index, box):
    thread_of_three(box)
    scanned(index)
    newest = next(file for file in box.files("Inbox") if b"Carol" in file.read_bytes())
    box.move(newest, "Trash")
    scanned(index)
    row = next(row for row in index.conversations(INBOX, 0, 10) if row.subject == "Flowers")
    assert (row.count, row.unread) == (2, 0)
    assert [message.folder for message in index.thread(row.thread)] == ["Inbox", "Sent"]
    (binned,) = index.conversations(View(ME, "Trash"), 0, 10)
    assert (binned.thread, binned.count, binned.unread) == (row.thread, 1, 1)
    seen = index.thread(row.thread, View(ME, "Trash"))
    assert sorted(message.folder for message in seen) == ["Inbox", "Sent", "Trash"]
    for file in box.files("Inbox", "Sent"):
        file.unlink()
    scanned(index)
    assert [message.folder for message in index.thread(row.thread)] == ["Trash"]


def test_held_mail_shows_in_the_inbox_list_but_counts_in_its_own_folder(index, box):
    box.put(mail("Urgent", sender="erin@hive.test"), "Held")
    scanned(index)
    (row,) = index.conversations(INBOX, 0, 10)
    assert (row.subject, row.held) == ("Urgent", True)
    assert index.count(INBOX) == 1
    folders = {folder.folder: folder for folder in index.folders()}
    assert (folders["Inbox"].total, folders["Inbox"].unread, folders["Inbox"].conversations) == (0, 0, 1)
    assert (folders["Held"].total, folders["Held"].unread, folders["Held"].conversations) == (1, 1, 1)


def test_folders_come_in_their_order(index, box):
    box.put(mail("x"), "Zoo")
    box.put(mail("x"), "Art")
    Mailbox(box.root, "a@first.example")
    scanned(index)
    standard = ["Inbox", "Sent", "Drafts", "Archive", "Held", "Junk", "Trash"]
    assert [(row.account, row.folder) for row in index.folders()] == [
        *(("a@first.example", name) for name in standard),
        *((ME, name) for name in [*standard, "Art", "Zoo"]),
    ]


@pytest.mark.parametrize("unread_only", [False, True])
def test_every_window_is_a_piece_of_the_whole(index, box, unread_only):
    for number in range(57):
        box.put(mail(f"{number}", date=NOW + number % 7), flags="S" if number % 3 else None)
    scanned(index)
    view = View(ME, "Inbox", unread_only=unread_only)
    whole = index.conversations(view, 0, 100)
    assert len(whole) == index.count(view) == (19 if unread_only else 57)
    assert [row.date for row in whole] == sorted((row.date for row in whole), reverse=True)
    for offset in range(0, 60, 4):
        for limit in (0, 1, 5, 100):
            assert index.conversations(view, offset, limit) == whole[offset : offset + limit]
    for place, row in enumerate(whole):
        assert index.position(view, row.thread) == place


def test_position_of_what_is_not_in_the_list(index, box):
    box.put(mail("read"), flags="S")
    scanned(index)
    thread = index.conversations(INBOX, 0, 1)[0].thread
    assert index.position(View(ME, "Inbox", unread_only=True), thread) is None
    assert index.position(View(ME, "Sent"), thread) is None
    assert index.position(INBOX, 10**9) is None


def test_one_list_over_all_accounts(index, box):
    other = Mailbox(box.root, "work@mail.example")
    box.put(mail("mine", date=NOW))
    other.put(mail("theirs", date=NOW + 5))
    other.put(mail("doubtful", date=NOW + 3), "Held")
    scanned(index)
    assert subjects(index.conversations(View(None, "Inbox"), 0, 10)) == ["theirs", "doubtful", "mine"]
    assert index.count(View(None, "Inbox")) == 3
    assert subjects(index.messages(View(None, "Inbox"), 10)) == ["theirs", "mine"]
    assert subjects(index.conversations(View(None, "Inbox", query="doubtful"), 0, 10)) == ["doubtful"]
    assert subjects(index.conversations(View("work@mail.example", "Inbox"), 0, 10)) == ["theirs", "doubtful"]
    assert index.conversations(View("nobody@x.example", "Inbox"), 0, 10) == []


def test_a_message_by_its_id_or_the_beginning_of_it(index, box):
    box.put(mail("one"), name="1700000001.M1P1.host")
    box.put(mail("two"), name="1700000001.M2P1.host", flags="FS")
    box.put(mail("three"), name="1700000001.M2P1.host.more", flags="S")
    scanned(index)
    assert index.message("1700000001.M1P1.host").subject == "one"
    assert index.message("1700000001.M2P1.host").subject == "two"
    assert index.message("1700000001.M1").subject == "one"
    with pytest.raises(StoreError, match="Several messages"):
        index.message("1700000001.M")
    for unknown in ("17000000019", "", "%", "x/../y"):
        with pytest.raises(MessageGoneError):
            index.message(unknown)


def test_the_generation_changes_with_every_change_and_only_then(index, box):
    first = index.generation()
    box.put(mail("one"))
    scanned(index)
    second = index.generation()
    box.age()
    scanned(index)
    index.scan()
    index.conversations(INBOX, 0, 10)
    assert first != second
    assert index.generation() == second


def test_tags_of_all_messages_of_a_conversation(index, box):
    (box.path() / "dovecot-keywords").write_text("0 work\n1 travel\n25 $Label\n")
    box.put(mail("a", message_id="<a@x>"), flags="Sab")
    box.put(mail("b", message_id="<b@x>", references=["<a@x>"], date=NOW + 1), flags="Saz")
    box.put(mail("c"), flags="Sd")
    scanned(index)
    tags = {row.subject: row.tags for row in index.conversations(INBOX, 0, 10)}
    assert tags == {"b": ("$label", "travel", "work"), "c": ()}
    assert sorted(subjects(index.messages(View(query="tag:work"), 10))) == ["a", "b"]
    assert subjects(index.messages(View(query="tag:$label"), 10)) == ["b"]
    assert [each.text for each in index.complete("tag:", 4)] == ["$label", "travel", "work"]
    (box.path() / "dovecot-keywords").write_text("0 job\n")
    scanned(index)
    assert sorted(subjects(index.messages(View(query="tag:job"), 10))) == ["a", "b"]
    assert index.messages(View(query="tag:travel"), 10) == []


def test_a_message_is_found_by_its_message_id(index, box):
    thread_of_three(box)
    scanned(index)
    found = index.named("<1@x>")
    assert (found.subject, index.message(found.id).sender) == ("Flowers", "Bob")
    assert index.named("<3@x>").thread == found.thread
    assert index.named("<9@x>") is None
    box.put(mail("Re: gone", message_id="<5@x>", references=["<4@x>"]))
    scanned(index)
    assert index.named("<4@x>") is None  # only answered to, never here


def test_of_two_copies_the_one_outside_the_trash_is_found(index, box):
    box.put(mail("copy", message_id="<1@x>"), "Trash")
    kept = box.put(mail("copy", message_id="<1@x>", date=NOW - DAY))
    scanned(index)
    assert index.named("<1@x>").id == kept
