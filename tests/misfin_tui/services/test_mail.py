"""The mail service: filing in words, undo in order, arrivals told once."""

from __future__ import annotations

import asyncio
import os

import pytest
from desk import ALICE, make_profile
from mailboxes import Mailbox, mail

from misfin.errors import MessageGoneError, StoreError
from misfin.model.folders import INBOX
from misfin.store.rows import View
from misfin_tui import config
from misfin_tui.messages import IndexProgress, MailChanged, Problem
from misfin_tui.services import Services
from misfin_tui.services import filing as filing_service
from misfin_tui.services import mail as mail_service

INBOX_VIEW = View(ALICE, INBOX)


@pytest.fixture
def profile(profile_root):
    return make_profile(profile_root)


@pytest.fixture
def mailbox(profile):
    made = Mailbox(profile.mail, ALICE)
    for word in ("one", "two", "three"):
        made.put(mail(word))
    return made


@pytest.fixture
def told() -> list[object]:
    return []


@pytest.fixture
def services(profile, mailbox, told):
    made = Services(profile, config.load(profile.config), told.append)
    made.index.scan()
    yield made
    made.mail.stop()
    made.close()


async def threads(services) -> list[int]:
    return [row.thread for row in await services.mail.conversations(INBOX_VIEW, 0, 10)]


@pytest.mark.parametrize(
    ("action", "argument", "words"),
    [
        ("archive", "", "2 messages archived."),
        ("trash", "", "2 messages moved to the trash."),
        ("move", "Travel", "2 messages moved to Travel."),
        ("tag", "work", "2 messages tagged work."),
        ("star", "", "2 messages starred."),
        ("read", "", "2 messages marked as read."),
        ("unread", "", "Nothing to do."),
        ("toggle-star", "", "2 messages starred."),
        ("toggle-unread", "", "2 messages marked as read."),
    ],
)
async def test_what_was_done_is_said_and_undone(services, action, argument, words):
    before = await threads(services)
    assert await services.filer.apply(action, before[:2], argument, view=INBOX_VIEW) == words
    undone = await services.filer.undo()
    assert undone == (None if words.startswith("Nothing") else f"Undone: {words}")
    assert await threads(services) == before
    assert await services.filer.undo() is None


async def test_undo_takes_the_last_first_and_quiet_actions_are_no_part_of_it(services):
    first, second, third = await threads(services)
    await services.filer.apply("archive", [first], view=INBOX_VIEW)
    await services.filer.apply("trash", [second], view=INBOX_VIEW)
    await services.filer.apply("read", [third], view=INBOX_VIEW, undoable=False)
    assert "trash" in await services.filer.undo()
    assert "archived" in await services.filer.undo()
    assert await services.filer.undo() is None


async def test_undo_goes_on_after_a_restart_where_it_was(profile, services):
    before = first, second, _third = await threads(services)
    await services.filer.apply("archive", [first], view=INBOX_VIEW)
    await services.filer.apply("trash", [second], view=INBOX_VIEW)
    filed = services.filer.last_filed
    services.close()
    again = Services(profile, config.load(profile.config))
    again.mail.start()
    await eventually(lambda: again.mail.scanned)
    assert filed - 60 < again.filer.last_filed <= filed
    assert await again.filer.undo() == "Undone: 1 message moved to the trash."
    assert await again.filer.undo() == "Undone: 1 message archived."
    assert await again.filer.undo() is None
    assert [row.thread for row in await again.mail.conversations(INBOX_VIEW, 0, 10)] == list(before)
    again.mail.stop()
    again.close()


async def test_what_others_moved_on_cannot_be_undone_and_is_said(services, mailbox):
    first, *_ = await threads(services)
    await services.filer.apply("archive", [first], view=INBOX_VIEW)
    mailbox.move(mailbox.files("Archive")[0], "Junk")
    assert "have changed since" in await services.filer.undo()
    assert await services.filer.undo() is None


async def test_a_disk_that_takes_no_note_of_undo_takes_the_action_all_the_same(services, monkeypatch):
    before = await threads(services)
    await services.filer.apply("archive", before[:1], view=INBOX_VIEW)

    def full(*_args):
        raise StoreError("The disk is full.")

    monkeypatch.setattr(services.undo_log, "add", full)
    assert (
        await services.filer.apply("trash", before[1:2], view=INBOX_VIEW) == "1 message moved to the trash."
    )
    assert await services.filer.undo() == "Undone: 1 message moved to the trash."


async def test_what_cannot_be_done_is_an_error_and_changes_nothing(services):
    before = await threads(services)
    with pytest.raises(StoreError):
        await services.filer.apply("move", before[:1], "", view=INBOX_VIEW)
    with pytest.raises(StoreError):
        await services.filer.apply("tag", before[:1], "two words", view=INBOX_VIEW)
    assert await threads(services) == before
    assert await services.filer.undo() is None


async def test_arrivals_are_told_once_and_old_mail_never(services, mailbox, told):
    services.mail.start()
    await eventually(lambda: services.mail._known is not None)
    told.clear()
    mailbox.put(mail("four", sender="Dave <dave@cove.test>"))
    services.mail.rescan()
    await eventually(lambda: any(isinstance(each, MailChanged) and each.arrived for each in told))
    arrived = [each for each in told if isinstance(each, MailChanged) and each.arrived]
    assert [(each.arrived, each.sender, each.subject) for each in arrived] == [(1, "Dave", "four")]
    assert services.mail._news().arrived == 0


@pytest.mark.parametrize("action", ["read", "archive", "trash", "star"])
async def test_what_is_filed_and_taken_back_is_no_news(services, action):
    assert services.mail._news().arrived == 0
    await services.filer.apply(action, await threads(services), view=INBOX_VIEW)
    services.index.scan()
    assert services.mail._news().arrived == 0
    await services.filer.undo()
    services.index.scan()
    assert services.mail._news().arrived == 0


@pytest.mark.parametrize("flags", [None, ""])
async def test_a_message_a_sync_tool_has_given_another_name_is_no_news(services, mailbox, flags):
    key = mailbox.put(mail("four"), flags=flags)
    services.index.scan()
    assert services.mail._news().arrived == 0
    (file,) = [file for file in mailbox.files() if file.name.startswith(key)]
    file.rename(file.with_name(f"{key},U=5{file.name.removeprefix(key)}"))
    services.index.scan()
    assert [row.id for row in services.index.messages(INBOX_VIEW, 1)] == [f"{key},U=5"]
    assert services.mail._news().arrived == 0
    mailbox.put(mail("five"))
    services.index.scan()
    assert services.mail._news().arrived == 1


async def test_rows_of_an_index_that_is_no_more_hide_no_news(services, mailbox, profile):
    assert services.mail._news().arrived == 0
    for file in profile.cache.glob("index-*.db*"):
        file.unlink()
    for file in mailbox.files()[1:]:
        file.unlink()
    mailbox.put(mail("four"))  # dated like the others, so it may have the row one of them had
    services.index.when_replaced(services.mail._begin_again)
    services.index.scan()
    assert services.mail._news().arrived == 1


@pytest.mark.parametrize("met", [True, False], ids=["", "crashed before contacts met it"])
async def test_what_a_later_run_takes_back_or_moves_to_the_inbox_is_no_news(profile, services, mailbox, met):
    if met:
        services.contacts.learn(lambda: False)
    first, second, _third = await threads(services)
    await services.filer.apply("archive", [first], view=INBOX_VIEW)
    await services.filer.apply("archive", [second], view=INBOX_VIEW, undoable=False)
    services.close()
    again = Services(profile, config.load(profile.config), lambda message: None)
    try:
        again.index.scan()
        assert again.mail._news().arrived == 0
        assert await again.filer.undo() == "Undone: 1 message archived."
        again.index.scan()
        assert again.mail._news().arrived == 0
        moved = await again.filer.apply(
            "move", [second], "Inbox", view=View(ALICE, "Archive"), undoable=False
        )
        assert moved == "1 message moved to Inbox."
        again.index.scan()
        assert again.mail._news().arrived == 0
    finally:
        again.close()


async def test_an_old_message_marked_as_unread_is_no_news(services, mailbox):
    mailbox.put(mail("four"), flags="S")
    services.index.scan()
    assert services.mail._news().arrived == 0
    await services.filer.apply("unread", await threads(services), view=INBOX_VIEW)
    assert services.mail._news().arrived == 0


async def test_an_older_message_that_comes_into_sight_is_no_news_and_a_new_one_is(
    services, mailbox, monkeypatch
):
    monkeypatch.setattr(mail_service, "NEWEST", 2)
    assert services.mail._news().arrived == 0
    newest, *_ = await threads(services)
    await services.filer.apply("read", [newest], view=INBOX_VIEW)
    assert services.mail._news().arrived == 0
    mailbox.put(mail("four"))
    services.index.scan()
    assert services.mail._news().arrived == 1


async def test_an_account_that_comes_back_is_no_news_though_it_was_away_from_the_start(
    profile, mailbox, services, tmp_path
):
    services.contacts.learn(lambda: False)
    away = tmp_path / "away"
    mailbox.path().rename(away)
    again = Services(profile, config.load(profile.config), lambda message: None)
    try:
        again.index.scan()
        assert again.mail._news().arrived == 0
        away.rename(mailbox.path())
        assert again.index.scan().added == 3
        assert again.mail._news().arrived == 0
        mailbox.put(mail("four"))
        again.index.scan()
        assert again.mail._news().arrived == 1
    finally:
        again.close()


async def test_a_message_that_another_program_took_out_of_new_at_once_is_news(services, mailbox):
    assert services.mail._news().arrived == 0
    services.contacts.learn(lambda: False)
    mailbox.put(mail("four"), flags="")
    services.index.scan()
    assert services.mail._news().arrived == 1


async def test_a_message_renamed_behind_the_back_is_still_read(services, mailbox):
    row = (await services.mail.thread((await threads(services))[0]))[0]
    mailbox.flag(row.path, "SF")
    assert (await services.mail.read(row)).subject == row.subject
    moved = mailbox.move(next(file for file in mailbox.files() if row.id in file.name), "Archive")
    assert (await services.mail.raw(row)).startswith(b"From:")
    moved.unlink()
    services.index.scan()
    with pytest.raises(MessageGoneError):
        await services.mail.read(row)


async def test_a_large_mailbox_tells_how_far_reading_has_come(profile, mailbox, told):
    for number in range(1_100):
        mailbox.put(mail(f"message {number}"))
    services = Services(profile, config.load(profile.config), told.append)
    services.mail.start()
    await eventually(lambda: services.mail._known is not None)
    services.mail.stop()
    services.close()
    progress = [each for each in told if isinstance(each, IndexProgress)]
    assert progress[0].total > 1_000
    assert progress[-1].done >= progress[-1].total


async def test_an_action_on_many_messages_tells_how_far_it_has_come(services, told, monkeypatch):
    monkeypatch.setattr(filing_service, "MANY", 3)
    await services.filer.apply("archive", await threads(services), view=INBOX_VIEW)
    await services.filer.undo()
    progress = [each for each in told if isinstance(each, IndexProgress)]
    assert [(each.what, each.total) for each in progress] == [
        ("filing", 3),
        ("filing", 0),
        ("undoing", 3),
        ("undoing", 0),
    ]


async def test_trouble_with_the_mail_is_told_once_and_mail_is_seen_again_when_it_is_over(
    services, mailbox, told, monkeypatch
):
    monkeypatch.setattr(mail_service, "AGAIN", 0.001)
    scan, failures = services.index.scan, iter([StoreError("locked", remedy="wait")] * 4)

    def failing(*args):
        for failure in failures:
            raise failure
        return scan(*args)

    monkeypatch.setattr(services.index, "scan", failing)
    services.mail.start()
    await eventually(lambda: any(isinstance(message, MailChanged) for message in told))
    problems = [message for message in told if isinstance(message, Problem)]
    assert problems == [Problem("The mail could not be read: locked", "wait")]


async def test_news_that_could_not_be_told_at_first_is_told_later(services, mailbox, told, monkeypatch):
    monkeypatch.setattr(mail_service, "AGAIN", 0.001)
    services.mail.start()
    await eventually(lambda: services.mail._known is not None)
    unmet, failures = services.contacts.unmet, iter([StoreError("locked")])

    def failing(ids):
        for failure in failures:
            raise failure
        return unmet(ids)

    monkeypatch.setattr(services.contacts, "unmet", failing)
    mailbox.put(mail("four"))
    services.mail.rescan()
    await eventually(
        lambda: [each.subject for each in told if isinstance(each, MailChanged) and each.arrived]
    )
    assert [each.text for each in told if isinstance(each, Problem)] == ["The mail could not be read: locked"]


async def test_an_index_taken_away_under_the_program_is_made_again_at_once(profile, services, monkeypatch):
    monkeypatch.setattr(mail_service, "QUIET", 600.0)
    services.mail.start()
    await eventually(lambda: services.mail.scanned)
    for file in profile.cache.glob("index-*.db*"):
        file.unlink()
    assert (await services.mail.count(INBOX_VIEW)).total in (0, 3)
    await eventually(lambda: services.index.count(INBOX_VIEW) == 3)
    await eventually(lambda: services.mail.scanned)


async def test_a_folder_that_cannot_be_read_is_told_once_and_the_others_are_followed(
    services, mailbox, told, monkeypatch
):
    scandir, closed = os.scandir, os.fsencode(mailbox.path("Archive") / "cur")

    def refusing(path="."):
        if path == closed:
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    mailbox.put(mail("behind"), "Archive", flags="S")
    services.mail.start()
    await eventually(lambda: any(isinstance(each, Problem) for each in told))
    mailbox.put(mail("four"))
    services.mail.rescan()
    await eventually(lambda: any(isinstance(each, MailChanged) and each.arrived for each in told))
    assert [each.text.partition("; ")[0] for each in told if isinstance(each, Problem)] == [
        f"The mail in {mailbox.path('Archive')} cannot be read"
    ]


async def eventually(holds) -> None:
    async with asyncio.timeout(60):
        while not holds():
            await asyncio.sleep(0.02)
