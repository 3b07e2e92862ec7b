"""Accounts kept elsewhere, as a person sees them: sync, questions about deletions, the attic, folders.

Their state is written by the sync core itself, from passes over a model server.
"""

from __future__ import annotations

import pytest
from desk import ALICE, SETTINGS, at_desk, make_profile, notices, on_screen, settled, shown, until
from syncdesk import SyncDesk

from misfin.post.source import SourceState, SourceStatus
from misfin.post.sync.answering import SyncAnswer, answer
from misfin.post.sync.base import FolderState
from misfin.store.mail.maildir import MailStore
from misfin.store.rows import View
from misfin_tui import config
from misfin_tui.dialogs.confirm import ConfirmDialog
from misfin_tui.dialogs.deletions import DeletionsDialog
from misfin_tui.dialogs.text import FactsDialog
from misfin_tui.messages import SyncChanged
from misfin_tui.screens.attic import AtticScreen
from misfin_tui.screens.inbox import InboxScreen
from misfin_tui.screens.sync import SyncScreen
from misfin_tui.services.fetching import Fetching

WORK = """
[accounts.work]
kind = "email"
address = "ada@example.org"
imap = "imaps://imap.invalid"
paused = true
"""
"""Paused: nothing is fetched, so what a test has put there stays."""


@pytest.fixture
def profile(profile_root):
    return make_profile(profile_root, settings=SETTINGS + WORK, address="")


@pytest.fixture
def desk(profile):
    desk = SyncDesk(profile.root)
    desk.now = 1_790_000_000.0
    return desk


async def with_a_question(desk: SyncDesk) -> None:
    """Thirty of a hundred messages are gone on the server at once."""
    desk.fill(100)
    await desk.settle()
    for uid in list(desk.server.inbox.messages)[:30]:
        desk.server.inbox.remove(uid)
    (folder,) = (await desk.settle()).asking
    assert folder.asked_about == 30


def state_of(desk: SyncDesk, folder: str = "Inbox") -> FolderState:
    found = desk.state.folder(folder)
    assert found is not None
    return found.state


async def asked(app, pilot) -> None:
    await until(pilot, lambda: isinstance(app.screen, DeletionsDialog) and app.screen._seen is not None)
    app.screen._by_itself = False  # as after the moment in which nobody can have read it


# ---- questions


async def test_the_status_line_says_that_a_folder_needs_a_decision_and_one_dialog_asks(profile, desk):
    await with_a_question(desk)
    async with at_desk(profile) as (app, pilot):
        await asked(app, pilot)
        assert "30 of 100 messages are gone on the server and still here" in shown(app)
        assert "Inbox of ada@example.org" in shown(app)
        await pilot.press("escape")
        await on_screen(pilot, "1 needs you")
        assert state_of(desk) is FolderState.ASKING
        app.post_message(SyncChanged())
        await settled(pilot)
        assert isinstance(app.screen, InboxScreen)  # it is asked once


@pytest.mark.parametrize(
    ("presses", "state"),
    [
        (["right", "enter"], FolderState.KEEPING),
        (["right", "right", "enter"], FolderState.PAUSED),
        (["right", "right", "right", "enter"], FolderState.AGREED),
        (["enter"], FolderState.ASKING),
    ],
)
async def test_each_answer_is_written_for_the_next_pass(profile, desk, presses, state):
    await with_a_question(desk)
    async with at_desk(profile) as (app, pilot):
        await asked(app, pilot)
        await pilot.press(*presses)
        await until(pilot, lambda: isinstance(app.screen, InboxScreen))
        await until(pilot, lambda: state_of(desk) is state)


async def test_what_was_answered_is_done_by_the_next_pass_and_no_message_is_lost(profile, desk):
    await with_a_question(desk)
    async with at_desk(profile) as (app, pilot):
        await asked(app, pilot)
        await pilot.press("right", "enter")
        await until(pilot, lambda: state_of(desk) is FolderState.KEEPING)
    await desk.settle()
    assert sum(desk.there().values()) == sum(desk.here().values()) == 100
    assert state_of(desk) is FolderState.OK


async def test_a_question_is_reached_again_on_the_sync_screen(profile, desk):
    await with_a_question(desk)
    async with at_desk(profile) as (app, pilot):
        await asked(app, pilot)
        await pilot.press("escape")
        await pilot.press("Y")
        await on_screen(pilot, "needs your decision")
        await pilot.press("a")
        await until(pilot, lambda: isinstance(app.screen, DeletionsDialog))
        await pilot.press("right", "enter")
        await until(pilot, lambda: state_of(desk) is FolderState.KEEPING)
        await on_screen(pilot, "decided")


async def test_a_paused_folder_can_be_decided_later(profile, desk):
    await with_a_question(desk)
    answer(desk.state, "Inbox", SyncAnswer.PAUSE)
    await desk.settle()
    async with at_desk(profile) as (app, pilot):
        await pilot.press("Y")
        await on_screen(pilot, "nothing is synced")
        assert "needs you" not in shown(app)
        await pilot.press("j", "a")
        await until(pilot, lambda: isinstance(app.screen, DeletionsDialog))
        assert "30 of 100 messages" in shown(app)
        await pilot.press("right", "enter")
        await until(pilot, lambda: state_of(desk) is FolderState.KEEPING)
    await desk.settle()
    assert sum(desk.there().values()) == 100


async def test_nobody_is_asked_in_the_middle_of_writing(profile, desk):
    await with_a_question(desk)
    async with at_desk(profile) as (app, pilot):
        await asked(app, pilot)
        await pilot.press("escape")
        app.sync_follower._asked.clear()
        await pilot.press("slash")
        await until(pilot, lambda: app.sync_follower.occupied())
        app.post_message(SyncChanged())
        await settled(pilot)
        assert isinstance(app.screen, InboxScreen)


# ---- the sync screen


async def test_the_sync_screen_says_how_far_each_folder_is_in_step(profile, desk):
    desk.fill(12)
    await desk.settle()
    entry = desk.files()[0]
    desk.store.folder("work").set_flags(entry.key, "S")
    async with at_desk(profile, (120, 36)) as (app, pilot):
        await pilot.press("Y")
        await on_screen(pilot, "in sync")
        lines = shown(app).splitlines()
        inbox = next(line.strip("│ ").split() for line in lines if " Inbox " in line)
        assert inbox[:4] == ["✓", "Inbox", "12", "1"]  # twelve messages, and one change that waits
        assert inbox[-2:] == ["in", "sync"]
        assert "paused" in next(line for line in lines if " work " in line)


async def test_what_a_source_says_is_shown_with_what_to_do(profile, desk, monkeypatch):
    monkeypatch.setattr(Fetching, "start", Fetching.stop)  # what the child reports would come in between
    await desk.settle()
    app_settings = WORK.replace("paused = true", "")
    profile.config.write_text(SETTINGS + app_settings)
    async with at_desk(profile, (120, 36)) as (app, pilot):
        await pilot.press("Y")
        status = SourceStatus("work", SourceState.RUNNING, "fetching 1,200 of 5,400, 400 a second, 11 s left")
        app.services.sources.report(status)
        await on_screen(pilot, "fetching 1,200 of 5,400, 400 a second, 11 s left")
        app.services.sources.report(SourceStatus("work", SourceState.FAILED, "the password was refused"))
        await on_screen(pilot, "press f to try again")
        assert "the password was refused" in shown(app)


async def test_pausing_is_a_setting_and_so_is_going_on(profile, desk):
    await desk.settle()
    async with at_desk(profile) as (app, pilot):
        app.services.fetching.start = app.services.fetching.stop  # no server is there to be asked
        await pilot.press("Y")
        await on_screen(pilot, "paused")
        await pilot.press("p")
        await until(pilot, lambda: not config.load(profile.config).accounts["work"].paused)
        await until(pilot, lambda: not app.config.accounts["work"].paused)
        await until(pilot, lambda: "paused:" not in shown(app))
        await pilot.press("p")
        await until(pilot, lambda: config.load(profile.config).accounts["work"].paused)


async def test_the_log_says_what_was_changed_on_the_server(profile, desk):
    import time

    desk.now = time.time() - 3600
    desk.fill(3)
    await desk.settle()
    entry = desk.files()[0]
    desk.store.folder("work").move(entry.key, desk.store.folder("work", "Archive"))
    await desk.settle()
    async with at_desk(profile) as (app, pilot):
        await pilot.press("Y")
        await on_screen(pilot, "in sync")
        await pilot.press("l")
        await until(pilot, lambda: isinstance(app.screen, FactsDialog))
        assert "moved to Archive (moved here)" in shown(app)


async def test_details_of_a_folder_and_of_an_account(profile, desk):
    desk.fill(2)
    await desk.settle()
    async with at_desk(profile) as (app, pilot):
        await pilot.press("Y")
        await on_screen(pilot, "in sync")
        await pilot.press("enter")
        await on_screen(pilot, "Waiting")
        assert "2 messages, in sync" in shown(app)
        await pilot.press("escape", "j", "enter")
        await on_screen(pilot, "On the server")


async def test_an_account_that_was_never_fetched_says_so(profile):
    async with at_desk(profile) as (app, pilot):
        await pilot.press("Y")
        await until(pilot, lambda: isinstance(app.screen, SyncScreen))
        await on_screen(pilot, "work")
        assert "paused" in shown(app)
        assert not (profile.sync / "work.db").exists()


async def test_a_state_of_a_newer_version_is_reported_and_left_alone(profile, desk):
    await desk.settle()
    with desk.state.write():
        desk.state.execute("PRAGMA user_version = 99")
    async with at_desk(profile) as (app, pilot):
        await pilot.press("Y")
        await on_screen(pilot, "The sync state")
        await pilot.press("a", "l")
        await until(pilot, lambda: isinstance(app.screen, SyncScreen))


# ---- the attic


async def with_an_attic(desk: SyncDesk) -> None:
    desk.server.inbox.add(
        b"Message-ID: <gone@x.example>\r\nFrom: Bea <bea@hive.example>\r\nSubject: Harbour \x1b[31mfees\r\n"
        b"\r\nThe fees are due.\r\n"
    )
    desk.fill(3)
    await desk.settle()
    desk.server.inbox.remove(1)
    await desk.settle()
    assert sum(desk.attic().values()) == 1


async def test_the_attic_is_in_the_sidebar_and_its_messages_can_be_read(profile, desk):
    await with_an_attic(desk)
    async with at_desk(profile, (120, 36)) as (app, pilot):
        await on_screen(pilot, "Attic")
        app.screen.choose(next(each for each in app.screen.sidebar.places() if each.label == "Attic"))
        await until(pilot, lambda: isinstance(app.screen, AtticScreen))
        await on_screen(pilot, "The fees are due.")
        text = shown(app)
        assert "Bea" in text
        assert "\x1b" not in text
        assert "Kept until" in text


async def test_a_message_is_restored_and_uploaded_again(profile, desk):
    await with_an_attic(desk)
    async with at_desk(profile) as (app, pilot):
        await pilot.press("Y")
        await on_screen(pilot, "in sync")
        await pilot.press("v")
        await on_screen(pilot, "Harbour")
        await pilot.press("r")
        await until(pilot, lambda: any("back in Inbox" in each for each in notices(app)))
        await on_screen(pilot, "No messages deleted")
    await desk.settle()
    assert sum(desk.there().values()) == sum(desk.here().values()) == 4
    assert not desk.attic()


async def test_the_attic_is_found_in_the_palette(profile, desk):
    await with_an_attic(desk)
    async with at_desk(profile) as (_app, pilot):
        await on_screen(pilot, "Attic")
        await pilot.press("ctrl+p", *"attic")
        await on_screen(pilot, "Show Attic")


async def test_no_search_finds_what_is_in_the_attic(profile, desk):
    await with_an_attic(desk)
    async with at_desk(profile) as (app, pilot):
        await settled(pilot)
        found = await app.services.mail.conversations(View(query="harbour"), 0, 10)
        assert found == []


# ---- folders


async def go_to_account(app, pilot) -> None:
    await on_screen(pilot, "Archive")
    await until(pilot, lambda: app.screen.messages.has_focus)  # else it would take it back later
    app.screen.sidebar.focus()
    await until(pilot, lambda: app.screen.sidebar.has_focus)
    await until(pilot, lambda: "new_folder" not in app.screen.idle_actions)


async def test_a_folder_is_created_renamed_and_removed_from_the_sidebar(profile, desk):
    await desk.settle()
    async with at_desk(profile) as (app, pilot):
        await go_to_account(app, pilot)
        await pilot.press("n")
        await until(pilot, lambda: app.screen.prompts.prompt is not None)
        await pilot.press(*"Crew", "enter")
        await on_screen(pilot, "Crew")
        await until(pilot, lambda: app.screen.prompts.prompt is None)
        await desk.settle()
        assert b"Crew" in desk.server.folders
        places = [each.label for each in app.screen.sidebar._lines]
        app.screen.sidebar.focus()
        app.screen.sidebar.move_to(places.index("Crew"))
        await pilot.press("W")
        await until(pilot, lambda: app.screen.prompts.prompt is not None)
        await pilot.press("ctrl+u", *"Boat", "enter")
        await until(pilot, lambda: "Boat" in desk.store.folders("work"))
        await until(pilot, lambda: "Boat" in [each.label for each in app.screen.sidebar._lines])
        await until(pilot, lambda: app.screen.prompts.prompt is None)
        app.screen.sidebar.focus()
        app.screen.sidebar.move_to([each.label for each in app.screen.sidebar._lines].index("Boat"))
        await desk.settle()
        await pilot.press("D")
        await until(pilot, lambda: "Boat" not in desk.store.folders("work"))
    await desk.settle()
    assert b"Boat" in desk.server.folders  # a folder is never deleted there


async def test_a_folder_that_is_shown_and_removed_gives_way_to_the_inbox(profile, desk):
    desk.store.create("work", ["Crew"])
    await desk.settle()
    async with at_desk(profile) as (app, pilot):
        await on_screen(pilot, "Crew")
        app.screen.choose(next(each for each in app.screen.sidebar.places() if each.label == "Crew"))
        await on_screen(pilot, "Crew · 0 conversations")
        await pilot.press("D")
        await until(pilot, lambda: "Crew" not in desk.store.folders("work"))
        await on_screen(pilot, "Inbox · 0 conversations")


async def test_a_menu_in_the_sidebar_offers_what_fits_the_line_under_the_pointer(profile, desk):
    desk.store.create("work", ["Crew"])
    await desk.settle()
    async with at_desk(profile, (120, 24)) as (app, pilot):
        await on_screen(pilot, "Crew")
        places = [each.label for each in app.screen.sidebar._lines]
        await pilot.click("#sidebar", offset=(5, places.index("Crew") + 1), button=3)
        await on_screen(pilot, "Rename folder")
        assert "Remove folder" in shown(app)
        assert "Sync" not in shown(app)
        await pilot.press("end", "enter")  # the whole program
        await on_screen(pilot, "Sync")
        assert "Rename folder" not in shown(app)
        await pilot.press("home", "enter")  # back
        await on_screen(pilot, "Rename folder")


async def test_a_standard_folder_offers_neither_renaming_nor_removing(profile, desk):
    await desk.settle()
    async with at_desk(profile) as (app, pilot):
        await go_to_account(app, pilot)
        app.screen.sidebar.move_to([each.label for each in app.screen.sidebar._lines].index("Archive"))
        assert {"rename_folder", "remove_folder"} <= set(app.screen.idle_actions)
        await pilot.press("D")
        await until(pilot, lambda: any("in the sidebar first" in each for each in notices(app)))
        assert "Archive" in desk.store.folders("work")


@pytest.mark.parametrize(("folder", "raw"), [("Trash", b"trash"), ("Junk", b"junk")])
async def test_the_trash_and_junk_are_emptied_after_a_question_with_the_number(profile, desk, folder, raw):
    desk.fill(60, raw)
    desk.fill(2, first=100)
    await desk.settle()
    async with at_desk(profile, (120, 40)) as (app, pilot):
        await on_screen(pilot, "2 conversations")
        assert "empty_folder" in app.screen.idle_actions
        await go_to_account(app, pilot)
        app.screen.sidebar.move_to([each.label for each in app.screen.sidebar._lines].index(folder))
        assert "empty_folder" not in app.screen.idle_actions
        await pilot.press("Z")
        await on_screen(pilot, f"Empty {folder}?")
        assert "60 messages of work will be deleted here and on the server" in shown(app)
        late = desk.store.folder("work", folder).deliver(b"Subject: late\n\n\n")  # nobody has agreed to that
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, ConfirmDialog))
        assert len(desk.files(folder)) == 61
        late.path.unlink()
        await pilot.press("Z")
        await on_screen(pilot, f"Empty {folder}?")
        late = desk.store.folder("work", folder).deliver(b"Subject: late\n\n\n")
        await pilot.press("right", "enter")
        await until(pilot, lambda: any(f"60 messages deleted from {folder}" in each for each in notices(app)))
        assert [entry.key for entry in desk.files(folder)] == [late.key]
    result = await desk.settle()
    assert (result.asking, sum(desk.there(raw).values())) == ((), 1 if folder == "Trash" else 0)
    assert not desk.attic()
    assert desk.here() == desk.there()
    assert sum(desk.here().values()) == 2


async def test_an_account_without_a_server_empties_its_trash_too(profile_root):
    profile = make_profile(profile_root)
    MailStore(profile.mail).create(ALICE)
    trash = MailStore(profile.mail).folder(ALICE, "Trash")
    trash.deliver(b"Subject: one\n\n\n", flags="S")
    async with at_desk(profile, (120, 40)) as (app, pilot):
        places = app.screen.sidebar.places
        await until(pilot, lambda: any(each.label == "Trash" for each in places()))
        app.screen.choose(next(each for each in places() if each.label == "Trash"))
        await on_screen(pilot, "Trash · 1 conversation")
        await pilot.press("Z")
        await on_screen(pilot, "1 message of alice@mail.example will be deleted here. This cannot")
        await pilot.press("right", "enter")
        await until(pilot, lambda: not trash.list())
        await pilot.press("Z")
        await until(pilot, lambda: any("Trash is empty" in each for each in notices(app)))
    assert not profile.sync.exists()


# ---- filing, with the hook for what is meant


async def test_what_is_filed_and_tagged_goes_to_the_server_and_what_was_undone_does_not(profile, desk):
    desk.fill(3)
    await desk.settle()
    async with at_desk(profile) as (_app, pilot):
        await on_screen(pilot, "3 conversations")
        await pilot.press("e")
        await on_screen(pilot, "2 conversations")
        await pilot.press("z")
        await on_screen(pilot, "3 conversations")
        await desk.once()
        assert list(desk.changed_there()) == []
        await pilot.press("e")
        await on_screen(pilot, "2 conversations")
        await pilot.press("s")
        await until(pilot, lambda: any("F" in each.flags for each in desk.files()))
        await desk.settle()
    assert sum(desk.there(b"archive").values()) == 1
    assert "F" in "".join(each.flags.chars for each in desk.server.inbox.messages.values())


async def test_what_is_deleted_for_good_here_is_written_down_for_the_server(profile, desk):
    desk.fill(3)
    await desk.settle()
    async with at_desk(profile) as (app, pilot):
        await settled(pilot)
        entry = desk.files()[0]
        app.services.store.folder("work").remove(entry.key)
    await desk.settle()
    assert sum(desk.there().values()) == 2
    assert sum(desk.there(b"trash").values()) == 0


async def test_an_answer_from_elsewhere_takes_the_question_off_the_status_line(profile, desk):
    await with_a_question(desk)
    async with at_desk(profile) as (app, pilot):
        await asked(app, pilot)
        await pilot.press("escape")
        await on_screen(pilot, "1 needs you")
        answer(desk.state, "Inbox", SyncAnswer.KEEP)
        await until(pilot, lambda: "needs you" not in shown(app), "the change was noticed")


async def test_nothing_of_sync_is_imported_for_accounts_without_servers(profile_root):
    import subprocess
    import sys

    code = (
        "import sys\nfrom misfin_tui import config\nfrom misfin_tui.paths import profile_at\n"
        "from misfin_tui.services import Services\nfrom pathlib import Path\nimport asyncio\n"
        "services = Services(profile_at(Path(sys.argv[1])), config.Config())\n"
        "asyncio.run(services.syncing.questions())\nasyncio.run(services.attics.accounts())\n"
        "print([name for name in sys.modules if name.startswith('misfin.post.sync')])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(profile_root)], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
