"""Filing: what it does to the files, what the index shows at once, and that it can be taken back."""

from __future__ import annotations

import os

import pytest
from mailboxes import ME, NOW, Mailbox, mail, scanned, whole_view

from misfin.errors import MessageGoneError, StoreError
from misfin.store.filing import Action, Filing
from misfin.store.index import MailIndex
from misfin.store.mail.keywords import FLAGS
from misfin.store.mail.maildir import Maildir, MailStore
from misfin.store.rows import View

INBOX = View(ME, "Inbox")
DAY = 86400.0


@pytest.fixture
def box(tmp_path):
    return Mailbox(tmp_path / "mail")


@pytest.fixture
def index(tmp_path, box):
    with MailIndex(tmp_path / "index.db", box.root) as opened:
        yield opened


@pytest.fixture
def filing(index, box):
    return Filing(index, box.store)


def names(box, *folders):
    return sorted(f"{file.parent.parent.name}/{file.parent.name}/{file.name}" for file in box.files(*folders))


def snapshot(box):
    return {path: path.read_bytes() for path in box.files()}


@pytest.mark.parametrize(
    ("action", "argument", "flags", "after"),
    [
        (Action.READ, "", None, "me@mail.example/cur/1.x:2,S"),
        (Action.READ, "", "F", "me@mail.example/cur/1.x:2,FS"),
        (Action.UNREAD, "", "RS", "me@mail.example/cur/1.x:2,R"),
        (Action.STAR, "", "S", "me@mail.example/cur/1.x:2,FS"),
        (Action.UNSTAR, "", "FS", "me@mail.example/cur/1.x:2,S"),
        (Action.TAG, "Work", "S", "me@mail.example/cur/1.x:2,Sa"),
        (Action.ARCHIVE, "", None, ".Archive/new/1.x"),
        (Action.ARCHIVE, "", "S", ".Archive/cur/1.x:2,S"),
        (Action.TRASH, "", "S", ".Trash/cur/1.x:2,S"),
        (Action.MOVE, "Lists/Crew", "S", ".Lists.Crew/cur/1.x:2,S"),
        (Action.MOVE, "Junk", "FS", ".Junk/cur/1.x:2,FS"),
    ],
)
def test_an_action_renames_the_file_shows_at_once_and_can_be_undone(
    box, index, filing, action, argument, flags, after
):
    box.put(mail("one"), name="1.x", flags=flags)
    scanned(index)
    before, files = whole_view(index), names(box)
    undo = filing.apply(action, ["1.x"], argument)
    assert names(box) == [after]
    assert (undo.count, undo.missed) == (1, 0)
    shown = whole_view(index)
    assert shown == whole_view(scanned(index))
    assert shown != before
    assert filing.undo(undo) == 1
    assert whole_view(index)["messages"] == before["messages"]
    assert whole_view(index) == whole_view(scanned(index))
    # A message that was new is no longer in new/, but unread all the same.
    assert names(box) == [
        name.replace("new/1.x", "cur/1.x:2,") if action is Action.READ else name for name in files
    ]


def test_what_already_is_so_is_not_counted(box, index, filing):
    box.put(mail("one"), name="1.x", flags="FS")
    scanned(index)
    for action in (Action.READ, Action.STAR):
        assert filing.apply(action, ["1.x"]).count == 0
    assert filing.apply(Action.MOVE, ["1.x"], "inbox").count == 0
    assert filing.apply(Action.UNTAG, ["1.x"], "work").count == 0
    assert names(box) == ["me@mail.example/cur/1.x:2,FS"]


def test_undo_puts_back_only_what_was_changed(box, index, filing):
    box.put(mail("read"), name="1.x", flags="S")
    box.put(mail("unread"), name="2.x")
    scanned(index)
    undo = filing.apply(Action.READ, ["1.x", "2.x"])
    assert undo.count == 1
    filing.undo(undo)
    assert names(box) == ["me@mail.example/cur/1.x:2,S", "me@mail.example/cur/2.x:2,"]


def test_a_tag_keeps_its_meaning_from_folder_to_folder(box, index, filing):
    (box.path("Archive") / "dovecot-keywords").write_text("0 other\n1 more\n")
    box.put(mail("one"), name="1.x", flags="S")
    scanned(index)
    filing.apply(Action.TAG, ["1.x"], "work")
    filing.apply(Action.TAG, ["1.x"], "more")
    assert names(box) == ["me@mail.example/cur/1.x:2,Sab"]
    undo = filing.apply(Action.ARCHIVE, ["1.x"])
    assert names(box) == [".Archive/cur/1.x:2,Sbc"]
    assert index.message("1.x").tags == ("more", "work")
    filing.undo(undo)
    assert names(box) == ["me@mail.example/cur/1.x:2,Sab"]
    filing.apply(Action.UNTAG, ["1.x"], "work")
    assert index.message("1.x").tags == ("more",)
    scanned(index)
    index.build()
    assert index.message("1.x").tags == ("more",)


def test_a_new_tag_takes_the_same_flag_in_all_folders_of_an_account(box, index, filing):
    (box.path() / "dovecot-keywords").write_text("0 a\n1 b\n")
    box.put(mail("one"), name="1.x", flags="S")
    box.put(mail("two"), "Archive", name="2.x", flags="S")
    scanned(index)
    filing.apply(Action.TAG, ["1.x"], "work")
    filing.apply(Action.TAG, ["2.x"], "work")
    assert names(box) == [".Archive/cur/2.x:2,Sc", "me@mail.example/cur/1.x:2,Sc"]


def test_the_27th_tag_of_a_folder_is_refused(box, index, filing):
    (box.path() / "dovecot-keywords").write_text("".join(f"{n} tag{n}\n" for n in range(26)))
    box.put(mail("one"), name="1.x", flags="S" + FLAGS)
    scanned(index)
    with pytest.raises(StoreError, match="26 different tags"):
        filing.apply(Action.TAG, ["1.x"], "fresh")
    assert names(box) == [f"me@mail.example/cur/1.x:2,S{FLAGS}"]


def conversation(box):
    box.put(mail("Flowers", message_id="<1@x>", date=NOW), name="1.x", flags="FSa")
    box.put(
        mail("Flowers", message_id="<2@x>", references=["<1@x>"], date=NOW + 1), "Sent", name="2.x", flags="S"
    )
    box.put(mail("Flowers", message_id="<3@x>", references=["<1@x>"], date=NOW + 2), name="3.x", flags="S")
    box.put(
        mail("Flowers", message_id="<4@x>", references=["<1@x>"], date=NOW + 3),
        "Archive",
        name="4.x",
        flags="Fa",
    )
    box.put(mail("Other", date=NOW + 4), name="5.x")
    for folder in ("Inbox", "Archive"):
        (box.path(folder) / "dovecot-keywords").write_text("0 work\n")


@pytest.mark.parametrize(
    ("action", "argument", "view", "changed"),
    [
        (Action.ARCHIVE, "", INBOX, ["1.x", "3.x"]),
        (Action.ARCHIVE, "", View(query="flowers"), ["1.x", "3.x"]),
        (Action.ARCHIVE, "", None, ["1.x", "3.x"]),
        (Action.TRASH, "", INBOX, ["1.x", "3.x"]),
        (Action.TRASH, "", View(), ["1.x", "2.x", "3.x", "4.x"]),
        (Action.MOVE, "Junk", View(ME), ["1.x", "3.x", "4.x"]),
        (Action.TRASH, "", View("other@mail.example"), []),
        (Action.READ, "", INBOX, []),
        (Action.READ, "", View(), ["4.x"]),
        (Action.UNREAD, "", INBOX, ["3.x"]),
        (Action.STAR, "", INBOX, ["3.x"]),
        (Action.UNSTAR, "", INBOX, ["1.x", "4.x"]),
        (Action.TAG, "later", INBOX, ["1.x", "3.x"]),
        (Action.UNTAG, "work", INBOX, ["1.x", "4.x"]),
    ],
)
def test_what_filing_a_conversation_means(box, index, filing, action, argument, view, changed):
    conversation(box)
    scanned(index)
    before = {row.id: row for row in index.messages(View(), 9)}
    thread = before["1.x"].thread
    undo = filing.apply(action, [thread], argument, view=view)
    scanned(index)
    after = {row.id: row for row in index.messages(View(), 9)}
    assert sorted(key for key in after if after[key] != before[key]) == changed
    assert undo.count == len(changed)
    filing.undo(undo)
    scanned(index)
    assert {row.id: row for row in index.messages(View(), 9)} == before


def test_held_mail_leaves_its_folder_only_into_the_trash(box, index, filing):
    box.put(mail("Urgent"), "Held", name="1.x")
    scanned(index)
    thread = index.conversations(INBOX, 0, 1)[0].thread
    assert filing.apply(Action.ARCHIVE, [thread], view=INBOX).count == 0
    assert filing.apply(Action.MOVE, [thread], "Work", view=INBOX).count == 0
    assert filing.apply(Action.STAR, [thread], view=INBOX).count == 1
    assert filing.apply(Action.TRASH, [thread], view=INBOX).count == 1
    assert names(box) == [".Trash/cur/1.x:2,F"]


def test_everything_a_search_finds(box, index, filing):
    for number in range(1200):
        box.put(mail(f"message {number}", "spam" if number % 2 else "ham"), name=f"{number}.x", flags="S")
    scanned(index)
    undo = filing.apply(Action.TRASH, View(query="spam"))
    assert undo.count == 600
    assert len(box.files("Trash")) == 600
    assert index.count(View(ME, "Trash")) == 600
    scanned(index)
    assert filing.undo(undo) == 600
    assert len(box.files("Inbox")) == 1200
    assert index.count(INBOX) == 1200


def test_a_message_that_is_gone_is_counted_and_passed_over(box, index, filing):
    box.put(mail("one"), name="1.x", flags="S")
    box.put(mail("two"), name="2.x", flags="S")
    scanned(index)
    next(file for file in box.files() if file.name.startswith("1.x")).unlink()
    undo = filing.apply(Action.STAR, ["1.x", "2.x", "nobody"])
    assert (undo.count, undo.missed) == (1, 1)
    assert names(box) == ["me@mail.example/cur/2.x:2,FS"]


def test_what_another_program_renamed_meanwhile_is_filed_all_the_same(box, index, filing):
    box.put(mail("one"), name="1.x")
    scanned(index)
    box.flag(box.files()[0], "RS")
    undo = filing.apply(Action.ARCHIVE, ["1.x"])
    assert names(box) == [".Archive/cur/1.x:2,RS"]
    box.flag(box.files()[0], "FRS")
    assert filing.undo(undo) == 1
    assert names(box) == ["me@mail.example/cur/1.x:2,FRS"]
    scanned(index)
    assert index.message("1.x").starred


@pytest.mark.parametrize("action", [Action.ARCHIVE, Action.STAR])
def test_undo_finds_a_message_a_sync_tool_has_given_another_name(box, index, filing, action):
    for number in "12":
        box.put(mail(f"message {number}"), name=f"{number}.x", flags="S")
    scanned(index)
    before = whole_view(index)
    undo = filing.apply(action, ["1.x", "2.x"])
    (file,) = [file for file in box.files() if file.name.startswith("1.x")]
    file.rename(file.with_name(file.name.replace(":2,", ",U=5:2,")))
    scanned(index)
    assert filing.undo(undo) == 2
    assert names(box) == ["me@mail.example/cur/1.x,U=5:2,S", "me@mail.example/cur/2.x:2,S"]
    assert whole_view(index) == whole_view(scanned(index))
    assert whole_view(index)["everything"] == before["everything"]


def test_undo_leaves_a_renamed_message_where_others_have_moved_it(box, index, filing):
    box.put(mail("one"), name="1.x", flags="S")
    scanned(index)
    undo = filing.apply(Action.ARCHIVE, ["1.x"])
    file = box.move(box.files()[0], "Trash")
    file.rename(file.with_name("1.x,U=5:2,S"))
    scanned(index)
    assert filing.undo(undo) == 0
    assert names(box) == [".Trash/cur/1.x,U=5:2,S"]


def test_undo_leaves_alone_what_others_have_moved_on(box, index, filing):
    box.put(mail("one"), name="1.x", flags="S")
    scanned(index)
    undo = filing.apply(Action.ARCHIVE, ["1.x"])
    box.move(box.files()[0], "Trash")
    assert filing.undo(undo) == 0
    assert names(box) == [".Trash/cur/1.x:2,S"]


def test_undo_knows_its_messages_in_an_index_made_again(box, index, filing):
    for number in range(9):
        box.put(mail(f"message {number}", date=NOW + number), name=f"{number}.x", flags="S")
    scanned(index)
    undo = filing.apply(Action.ARCHIVE, ["3.x", "4.x"])
    for number in range(3):  # the rows of the next index are others
        next(file for file in box.files() if file.name.startswith(f"{number}.x")).unlink()
    index.build()
    assert filing.undo(undo) == 2
    shown = {row.id: row.subject for row in index.messages(INBOX, 99)}
    assert shown == {f"{number}.x": f"message {number}" for number in range(3, 9)}
    assert whole_view(index) == whole_view(scanned(index))


def test_what_takes_it_back_is_told_before_the_first_message_is_touched(box, index, filing):
    box.put(mail("one"), name="1.x", flags="S")
    box.put(mail("two"), name="2.x", flags="FS")
    scanned(index)
    before = names(box)
    planned = []

    def begin(undo):
        assert names(box) == before
        planned.append(undo)

    undo = filing.apply(Action.STAR, ["1.x", "2.x"], begin=begin)
    assert [each.count for each in (*planned, undo)] == [1, 1]
    assert filing.undo(planned[0]) == 1
    assert names(box) == before
    filing.apply(Action.STAR, ["2.x"], begin=lambda undo: pytest.fail("nothing is to be done"))


def test_a_failure_half_way_is_taken_back(box, index, filing, monkeypatch):
    for number in range(3):
        box.put(mail(f"{number}"), name=f"{number}.x", flags="S")
    scanned(index)
    before = snapshot(box)
    move = Maildir.move

    def failing(self, key, to, *args, **kwargs):
        if key == "2.x" and to.path == box.path("Archive"):
            raise StoreError("The disk is full.")
        return move(self, key, to, *args, **kwargs)

    monkeypatch.setattr(Maildir, "move", failing)
    with pytest.raises(StoreError, match="disk is full"):
        filing.apply(Action.ARCHIVE, View(ME, "Inbox"))
    assert snapshot(box) == before
    scanned(index)
    assert index.count(INBOX) == 3


@pytest.mark.parametrize(
    ("action", "argument"),
    [
        (Action.MOVE, ""),
        (Action.MOVE, "../escape"),
        (Action.TAG, ""),
        (Action.TAG, "two words"),
        (Action.UNTAG, ""),
    ],
)
def test_an_argument_that_is_none_changes_nothing(box, index, filing, action, argument):
    box.put(mail("one"), name="1.x", flags="S")
    scanned(index)
    with pytest.raises(StoreError):
        filing.apply(action, ["1.x"], argument)
    assert names(box) == ["me@mail.example/cur/1.x:2,S"]


@pytest.mark.parametrize("action", list(Action))
def test_a_file_name_outside_the_rules_is_no_obstacle(index, box, filing, action):
    (box.path() / "cur" / "odd:3,A:2,FSZz9!").write_bytes(mail("odd"))
    (box.path() / "cur" / "plain:2,").write_bytes(mail("plain"))
    index.scan()
    before = names(box)
    undo = filing.apply(action, INBOX, "work" if action in (Action.TAG, Action.UNTAG) else "Travel")
    assert undo.missed == 0
    filing.undo(undo)
    assert {name.rpartition(":")[0] for name in names(box)} == {name.rpartition(":")[0] for name in before}
    assert all(set("FSZ9!") <= set(name) for name in names(box) if "odd" in name)


def test_conversations_of_an_index_that_is_no_more_are_not_mistaken_for_others(index, box, filing):
    for number in range(20):
        box.put(mail(f"message {number}"))
    index.scan()
    stale = [row.thread for row in index.conversations(INBOX, 0, 20)]
    index.build()
    assert filing.apply(Action.TRASH, stale).count == 0
    assert index.count(INBOX) == 20


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_said(box, index, filing):
    box.put(mail("one"), name="1.x", flags="S")
    scanned(index)
    (box.path() / "cur").chmod(0o500)
    try:
        with pytest.raises(StoreError) as caught:
            filing.apply(Action.STAR, ["1.x"])
        assert caught.value.remedy
    finally:
        (box.path() / "cur").chmod(0o700)


def test_two_files_of_one_key_are_never_put_one_over_the_other(box, index, filing):
    box.put(mail("one"), name="1.x", flags="S")
    box.put(mail("two"), "Archive", name="1.x", flags="S")
    scanned(index)
    filing.apply(Action.ARCHIVE, View(ME, "Inbox"))
    assert len(box.files("Archive")) == 2
    scanned(index)
    assert sorted(row.subject for row in index.messages(View(ME, "Archive"), 9)) == ["one", "two"]


def test_names_outside_the_rules_can_be_filed(box, index, filing):
    for name in (b"not-\xff-utf8:2,S", b"with space:2,S", b"new\nline"):
        with open(os.fsencode(box.path()) + b"/cur/" + name, "wb") as file:
            file.write(mail("odd"))
    scanned(index)
    ids = [row.id for row in index.messages(INBOX, 9)]
    undo = filing.apply(Action.TRASH, ids)
    assert undo.count == 3
    assert index.count(View(ME, "Trash")) == 3
    assert filing.undo(undo) == 3
    scanned(index)
    assert sorted(row.id for row in index.messages(INBOX, 9)) == sorted(ids)


def test_nothing_to_do(filing):
    assert filing.apply(Action.READ, []).count == 0
    assert filing.apply(Action.TRASH, [12345]).count == 0
    assert filing.apply(Action.TRASH, View(query="nothing")).count == 0


def test_the_message_itself_is_untouched(box, index, filing):
    data = mail("one", "body\r\nwith\0odd bytes")
    box.put(data, name="1.x")
    scanned(index)
    for action, argument in ((Action.TAG, "work"), (Action.STAR, ""), (Action.TRASH, ""), (Action.READ, "")):
        filing.apply(action, ["1.x"], argument)
    assert index.raw(index.message("1.x")) == data
    box.files()[0].unlink()
    with pytest.raises(MessageGoneError):
        index.raw(index.message("1.x"))


def test_a_copy_is_a_message_of_its_own_with_the_same_flags_and_tags(box, index, filing):
    box.put(mail("one"), name="1.x", flags="FS")
    scanned(index)
    filing.apply(Action.TAG, ["1.x"], "Work")
    undo = filing.apply(Action.COPY, ["1.x"], "Lists/Crew")
    assert undo.count == 1
    original, copy = index.message("1.x"), scanned(index).messages(View(ME, "Lists/Crew"), 9)[0]
    assert copy.id != original.id
    assert (copy.starred, copy.unread, copy.tags) == (True, False, ("work",))
    assert copy.path.read_bytes() == original.path.read_bytes()
    assert copy.path.stat().st_mtime_ns == original.path.stat().st_mtime_ns
    assert copy.path.stat().st_mode & 0o777 == 0o600


def test_undoing_a_copy_removes_only_the_copy_and_notes_that_it_was_meant(box, index, tmp_path):
    box.put(mail("one"), name="1.x", flags="S")
    scanned(index)
    meant = []
    filing = Filing(index, MailStore(box.root, lambda *deletion: meant.append(deletion)))
    undo = filing.apply(Action.COPY, ["1.x"], "Archive")
    assert filing.undo(undo) == 1
    assert names(box) == ["me@mail.example/cur/1.x:2,S"]
    assert [where[:2] for where in meant] == [(ME, "Archive")]
    assert filing.undo(undo) == 0


def test_held_mail_and_drafts_are_not_copied_anywhere(box, index, filing):
    for folder in ("Held", "Drafts"):
        box.put(mail(folder), folder, name=f"1.{folder}")
    scanned(index)
    assert filing.apply(Action.COPY, ["1.Held", "1.Drafts"], "Archive").count == 0
    assert not box.files("Archive")


def test_a_copy_that_cannot_be_written_leaves_nothing(box, index, filing, monkeypatch):
    box.put(mail("one"), name="1.x", flags="S")
    scanned(index)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("misfin.store.mail.copying.shutil.copyfileobj", full)
    with pytest.raises(StoreError, match="No space left"):
        filing.apply(Action.COPY, ["1.x"], "Archive")
    assert names(box) == ["me@mail.example/cur/1.x:2,S"]
    assert not [*(box.path("Archive") / "tmp").iterdir()]
