"""The inbox: what it shows, every key of it, search as you type, selection, filing with undo, all sizes."""

from __future__ import annotations

import asyncio
import re

import pytest
from desk import ALICE, at_desk, identity, make_profile, notices, on_screen, settled, shown, type_text, until
from mailboxes import Mailbox, mail
from outgoing import claimed, finish, recipients
from post import NOW, gemmail

from misfin.compose.writing import gemmail_of
from misfin.errors import StoreError
from misfin.model.folders import INBOX
from misfin.store.identities import IdentityStore
from misfin.store.index import MailIndex
from misfin.store.outgoing.drafts import Draft, to_bytes
from misfin.store.outgoing.outbox import DeliveryState, Outbox, Outcome, Transcript
from misfin.store.rows import Completion, Count, View
from misfin_tui.messages import MailChanged, OutboxChanged
from misfin_tui.screens.compose import ComposeScreen
from misfin_tui.screens.help import HelpScreen
from misfin_tui.screens.outbox import OutboxScreen
from misfin_tui.screens.thread import ThreadScreen
from misfin_tui.services.mail import Mail

START = NOW.timestamp()


@pytest.fixture
def profile(profile_root):
    return make_profile(profile_root)


@pytest.fixture
def mailbox(profile):
    """Five conversations of one message each, the newest first: nile, moss, lamp, kelp, jade."""
    made = Mailbox(profile.mail, ALICE)
    for number, word in enumerate(("jade", "kelp", "lamp", "moss", "nile")):
        sender = f"{word.capitalize()} Writer <{word}@hive.test>"
        made.put(mail(word, f"A message about {word}.", sender=sender, date=START + 60 * number))
    return made


def files(profile, folder: str) -> int:
    index = MailIndex(profile.cache / "other.db", profile.mail)
    with index:
        index.scan()
        return sum(row.total for row in index.folders() if row.folder == folder)


async def listed(pilot, count: int = 5) -> None:
    await until(pilot, lambda: f"Inbox · {count} conversation" in shown(pilot.app))


async def test_the_last_line_names_what_matters_most_where_there_is_little_room(profile, mailbox):
    async with at_desk(profile, (80, 24)) as (app, pilot):
        await listed(pilot)
        line = " ".join(shown(app).rstrip().splitlines()[-1].split())
        assert line == "c Compose r Reply e Archive d Trash / Search q Quit ? Help ^p Commands"


async def test_an_account_whose_mail_is_away_is_named_so_beside_the_others(profile, mailbox):
    IdentityStore(profile.identities).save(identity("ada@harbour.test"))
    async with at_desk(profile, (120, 40)) as (app, pilot):
        await listed(pilot)
        away = r"▾ ada@harbour\.test .*\n.* Inbox +away "
        await until(pilot, lambda: re.search(away, shown(app)))
        assert shown(app).count(" away ") == 1
        await on_screen(pilot, "▾ alice@mail.example")
        Mailbox(profile.mail, "ada@harbour.test").put(mail("back"))
        await until(pilot, lambda: not re.search(away, shown(app)))


async def test_the_screen_of_the_specification(profile, mailbox):
    async with at_desk(profile, (120, 40)) as (app, pilot):
        await listed(pilot)
        await on_screen(pilot, "nile@hive.test")  # the preview
        screen = shown(app)
        for text in (
            "misfin-tui  alice@mail.example",
            "5 unread",
            "▾ alice@mail.example",
            "Inbox             5",
            "Drafts",
            "Outbox",
            "Sent",
            "Archive",
            "Held",
            "Junk",
            "Trash",
            "▾ Saved searches",
            "▌  ●  ? Nile Writer",
            "nile  A message about nile.",
            "c Compose",
            "? Help",
            "^p Commands",
        ):
            assert text in screen


async def test_keys_move_and_the_preview_follows(profile, mailbox):
    async with at_desk(profile, (120, 40)) as (app, pilot):
        await listed(pilot)
        messages = app.screen.messages
        for keys, word in (
            (("j",), "moss"),
            (("down", "j"), "kelp"),
            (("G",), "jade"),
            (("k", "up"), "lamp"),
        ):
            await pilot.press(*keys)
            assert messages.current.subject == word
            await on_screen(pilot, f"A message about {word}.")
        await pilot.press("g", "pagedown")
        assert messages.current.subject == "jade"
        await pilot.press("pageup", "home")
        assert messages.current.subject == "nile"


async def test_archive_and_undo(profile, mailbox):
    async with at_desk(profile) as (app, pilot):
        await listed(pilot)
        await pilot.press("e")
        await listed(pilot, 4)
        assert "1 message archived.  z undo" in notices(app)
        assert files(profile, "Archive") == 1
        await pilot.press("z")
        await listed(pilot, 5)
        assert files(profile, "Archive") == 0
        await pilot.press("z")
        await until(pilot, lambda: "There is nothing to undo." in notices(app))


async def test_the_selection_is_what_an_action_is_for(profile, mailbox):
    async with at_desk(profile) as (app, pilot):
        await listed(pilot)
        await pilot.press("x", "j", "x")
        await on_screen(pilot, "2 selected")
        await pilot.press("d")
        await listed(pilot, 3)
        assert files(profile, "Trash") == 2
        assert {row.subject for row in await app.services.mail.conversations(View(ALICE, INBOX), 0, 9)} == {
            "moss",
            "kelp",
            "jade",
        }
        await pilot.press("X")
        await on_screen(pilot, "3 selected")
        await pilot.press("q")
        await until(pilot, lambda: "selected" not in shown(app))
        await pilot.press("z")
        await listed(pilot, 5)


async def test_flags_toggle_and_show(profile, mailbox):
    async with at_desk(profile) as (app, pilot):
        await listed(pilot)
        await pilot.press("s")
        await on_screen(pilot, "●★")
        await pilot.press("u")
        await until(pilot, lambda: app.screen.messages.current.unread == 0)
        await on_screen(pilot, "4 unread")
        await pilot.press("u")
        await on_screen(pilot, "5 unread")
        await pilot.press("s")
        await until(pilot, lambda: "★" not in shown(app))


async def test_tags_are_asked_for_and_completed(profile, mailbox):
    async with at_desk(profile) as (app, pilot):
        await listed(pilot)
        await pilot.press("t", *"work", "enter")
        await until(pilot, lambda: app.screen.messages.current.tags == ("work",))
        await until(pilot, lambda: app.screen.prompts.prompt is None)
        await pilot.press("j", "t", "w")
        await on_screen(pilot, "⇥ work")
        await pilot.press("tab", "enter")
        await until(pilot, lambda: app.screen.messages.current.tags == ("work",))
        await pilot.press("t", "minus", *"work", "enter")
        await until(pilot, lambda: app.screen.messages.current.tags == ())


async def test_messages_move_to_a_folder(profile, mailbox):
    async with at_desk(profile) as (_app, pilot):
        await listed(pilot)
        await pilot.press("m", *"Travel", "enter")
        await listed(pilot, 4)
        assert files(profile, "Travel") == 1
        await on_screen(pilot, "Travel")


async def test_search_as_you_type(profile, mailbox):
    async with at_desk(profile, (120, 40)) as (app, pilot):
        await listed(pilot)
        await pilot.press("slash", *"kel")
        await on_screen(pilot, "Search: kel · 1 conversation")
        await pilot.press("p")
        await on_screen(pilot, "Search: kelp · 1 conversation")
        await pilot.press("enter")
        await until(pilot, lambda: app.focused is app.screen.messages)
        assert app.screen.messages.current.subject == "kelp"
        await pilot.press("q")
        await listed(pilot)


async def test_a_field_that_waits_for_its_value_is_not_called_wrong(profile, mailbox):
    async with at_desk(profile, (120, 30)) as (app, pilot):
        await listed(pilot)
        await pilot.press("slash")
        await type_text(pilot, "subject:")  # at once: after a pause, half of it would be searched for
        await until(
            pilot, lambda: app.screen.search._follower is not None and app.screen.search._follower.is_finished
        )
        assert "▲" not in shown(app)
        assert app.screen.messages.total == 5
        await pilot.press(*"moss")
        await on_screen(pilot, "Search: subject:moss · 1 conversation")
        await pilot.press("space", *"body", "colon")
        await until(pilot, lambda: app.screen.search._follower.is_finished)
        assert "▲" not in shown(app)
        await pilot.press("enter")
        await on_screen(pilot, "▲ body: needs a value.")
        await pilot.press(*"moss", "enter")
        await on_screen(pilot, "Search: subject:moss body:moss · 1 conversation")


async def test_a_search_is_named_as_it_was_written(profile, mailbox):
    async with at_desk(profile, (120, 30)) as (app, pilot):
        await listed(pilot)
        await pilot.press("slash", *"moss", "enter")
        await on_screen(pilot, "Search: moss · 1 conversation")
        await until(pilot, lambda: app.screen.prompts.prompt is None)
        await pilot.press("slash")
        await until(pilot, lambda: app.screen.prompts.prompt is not None)
        assert app.screen.prompts.prompt.line.value == "moss"
        await until(pilot, lambda: app.focused is app.screen.prompts.prompt.line)
        await pilot.press("asterisk")
        await on_screen(pilot, "Search: moss* · 1 conversation")


async def test_of_what_is_typed_at_once_only_the_last_is_shown(profile, mailbox, monkeypatch):
    async with at_desk(profile, (120, 30)) as (app, pilot):
        await listed(pilot)
        opened = []
        open_view = app.screen.messages.open_view

        async def watched(view, thread=None):
            opened.append(view.query)
            if len(opened) == 1:  # it takes its time
                app.screen.prompts.prompt.line.value = "kelp"
                await until(pilot, lambda: app.screen.search._typed == "kelp")
                app.screen.prompts.prompt.line.value = "moss"
                await until(pilot, lambda: app.screen.search._typed == "moss")
            return await open_view(view, thread)

        monkeypatch.setattr(app.screen.messages, "open_view", watched)
        await pilot.press("slash", "n")
        await on_screen(pilot, "Search: moss · 1 conversation")
        assert opened == ["n", "moss*"]


async def test_a_search_that_finds_much_is_shown_before_it_is_counted(profile, mailbox, monkeypatch):
    monkeypatch.setattr("misfin_tui.widgets.message_list.ENOUGH", 2)
    monkeypatch.setattr("misfin.store.search.matches._FIRST_STEP", 3)
    async with at_desk(profile, (120, 30)) as (app, pilot):
        await listed(pilot)
        counts = []
        count = app.services.mail.count

        async def watched(view, at_most=None):
            counts.append(await count(view, at_most))
            return counts[-1]

        monkeypatch.setattr(app.services.mail, "count", watched)
        await pilot.press("slash", *"message", "enter")
        await on_screen(pilot, "Search: message · 5 conversations")
        assert Count(3, complete=False) in counts  # at first
        assert counts[-1] == Count(5)
        await until(pilot, lambda: app.screen.prompts.prompt is None)
        await pilot.press("X")
        await on_screen(pilot, "5 selected")


async def test_escape_gives_a_search_up(profile, mailbox):
    async with at_desk(profile) as (app, pilot):
        await listed(pilot)
        await pilot.press("j", "slash", *"kelp")
        await on_screen(pilot, "Search: kelp")
        await pilot.press("escape")
        await listed(pilot)
        await until(pilot, lambda: app.focused is app.screen.messages)
        assert app.screen.messages.current.subject == "moss"  # where it was before


async def test_a_search_that_makes_no_sense_is_pointed_at(profile, mailbox):
    async with at_desk(profile, (120, 40)) as (app, pilot):
        await listed(pilot)
        await pilot.press("slash", *"kelp is", "colon", *"purple")
        await on_screen(pilot, "▲")
        line = next(line for line in shown(app).splitlines() if "▲" in line)
        above = shown(app).splitlines()[shown(app).splitlines().index(line) - 1]
        assert above[line.index("▲") :].startswith("is:purple") or "purple" in above[line.index("▲") - 3 :]


async def test_a_search_that_cannot_be_read_leaves_the_list_as_it_is(profile, mailbox):
    async with at_desk(profile, (120, 40)) as (app, pilot):
        await listed(pilot)
        await pilot.press("slash")
        await type_text(pilot, "is:purple")  # at once: after a pause, half of it would be searched for
        await pilot.press("enter")
        await on_screen(pilot, "▲ “is:purple” is not known.")
        assert app.screen.messages.view.query == ""
        assert app.screen.messages.total == 5
        app.screen.news.refresh_all()
        await until(pilot, lambda: not app.screen.news._reloading)
        assert notices(app) == []


async def test_a_quiet_change_right_behind_does_not_silence_new_mail(profile, mailbox):
    async with at_desk(profile) as (app, pilot):
        await listed(pilot)
        app.post_message(MailChanged(1, "Dave", "Ferry"))
        app.post_message(MailChanged())
        app.post_message(OutboxChanged("Delivered to dave@cove.test."))
        app.post_message(OutboxChanged())
        await until(pilot, lambda: any("Ferry" in each for each in notices(app)))
        await until(pilot, lambda: "Delivered to dave@cove.test." in notices(app))


async def test_what_changes_while_the_list_cannot_be_read_is_read_after_all(profile, mailbox, monkeypatch):
    async with at_desk(profile) as (app, pilot):
        await listed(pilot)
        folders, failed = app.services.mail.folders, []

        async def failing():
            if not failed:
                failed.append(True)
                mailbox.put(mail("ferry", sender="Dave <dave@cove.test>"))
                app.services.index.scan()
                app.screen.news.refresh_all()  # as the news of it does
                raise StoreError("locked")
            return await folders()

        monkeypatch.setattr(app.services.mail, "folders", failing)
        monkeypatch.setattr(app.services.mail, "rescan", lambda: None)
        app.screen.news.refresh_all()
        await until(pilot, lambda: app.screen.messages.total == 6)


async def test_a_tag_typed_inside_a_search_is_no_search(profile, mailbox):
    async with at_desk(profile, (120, 40)) as (app, pilot):
        await listed(pilot)
        await pilot.press("slash", *"moss", "enter")
        await on_screen(pilot, "Search: moss · 1")
        await until(pilot, lambda: app.screen.prompts.prompt is None)
        await pilot.press("t", *"work", "enter")
        await until(pilot, lambda: app.screen.messages.current.tags == ("work",))
        assert app.screen.messages.view.query == "moss*"


async def test_search_words_are_completed(profile, mailbox):
    async with at_desk(profile, (120, 40)) as (app, pilot):
        await listed(pilot)
        await pilot.press("slash", *"fro")
        await on_screen(pilot, "⇥ from:")
        await pilot.press("tab", *"ke")
        await on_screen(pilot, "kelp@hive.test")
        await pilot.press("tab", "enter")
        await until(pilot, lambda: app.screen.messages.view.query == "from:kelp@hive.test*")
        await until(pilot, lambda: app.screen.messages.total == 1)


async def test_saved_searches_by_number_and_saving_one(profile, mailbox):
    async with at_desk(profile, (120, 40)) as (app, pilot):
        await listed(pilot)
        await pilot.press("1")
        await on_screen(pilot, "Search: is:unread · 5")
        await pilot.press("q")
        await listed(pilot)
        await pilot.press("9")
        await until(pilot, lambda: "There is no saved search number 9." in notices(app))
        await pilot.press("slash", *"moss", "enter")
        await on_screen(pilot, "Search: moss · 1")
        await pilot.press("S", "enter")
        await until(pilot, lambda: app.config.searches.get("moss") == "moss*")
        await on_screen(pilot, " moss")
        assert "moss" in profile.config.read_text()


async def test_unread_only_and_back(profile, mailbox):
    async with at_desk(profile) as (_app, pilot):
        await listed(pilot)
        await pilot.press("u", "full_stop")
        await on_screen(pilot, "Inbox · 4 conversations · unread only")
        await pilot.press("full_stop")
        await listed(pilot)


async def test_the_sidebar_leads_everywhere(profile, mailbox):
    async with at_desk(profile, (120, 40)) as (app, pilot):
        await listed(pilot)
        await pilot.press("shift+tab")
        await until(pilot, lambda: app.focused is app.screen.sidebar)
        await pilot.press("g", "j", "j", "enter")
        await on_screen(pilot, "Drafts · 0 conversations")
        await pilot.press("q")
        await listed(pilot)
        await pilot.click("#sidebar", offset=(5, 4))  # the outbox
        await until(pilot, lambda: isinstance(app.screen, OutboxScreen))
        await pilot.press("q")
        await pilot.click("#sidebar", offset=(5, 1))
        await on_screen(pilot, "▸ alice@mail.example")


async def test_conversations_open_by_key_and_double_click(profile, mailbox):
    async with at_desk(profile) as (app, pilot):
        await listed(pilot)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, ThreadScreen))
        await pilot.press("q")
        await pilot.click("#messages", offset=(30, 3), times=2)
        await until(pilot, lambda: isinstance(app.screen, ThreadScreen))
        await on_screen(pilot, "A message about lamp.")


async def test_writing_answering_and_passing_on(profile, mailbox):
    mailbox.put(gemmail("# Plans\n\nShall we?\n", to=("carol@hive.test", ALICE), at=NOW.replace(hour=23)))
    async with at_desk(profile) as (app, pilot):
        await listed(pilot, 6)
        for key, to, subject in (
            ("r", ("bob@hive.test",), "Re: Plans"),
            ("a", ("bob@hive.test", "carol@hive.test"), "Re: Plans"),
            ("f", (), "Plans"),
            ("c", (), ""),
        ):
            await pilot.press(key)
            await until(
                pilot, lambda: isinstance(app.screen, ComposeScreen) and app.screen._opened is not None
            )
            draft = app.screen._opened
            assert tuple(each.split()[0] for each in draft.to) == to
            assert draft.subject == subject
            await pilot.press("escape")
            await until(pilot, lambda: not isinstance(app.screen, ComposeScreen))


async def test_a_draft_opens_in_the_composer(profile, mailbox):
    async with at_desk(profile) as (app, pilot):
        await listed(pilot)
        await app.services.sending.save(Draft(account=ALICE, to=("bob@hive.test",), subject="Half a thought"))
        app.screen.search.open_view(View(ALICE, "Drafts"))
        app.services.mail.rescan()
        await on_screen(pilot, "Half a thought")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, ComposeScreen))
        await on_screen(pilot, "bob@hive.test")


async def test_a_sender_is_blocked(profile, mailbox):
    async with at_desk(profile) as (app, pilot):
        await listed(pilot)
        await pilot.press("b")
        await on_screen(pilot, "Block nile@hive.test?")
        await pilot.press("enter")  # the safe answer has the focus
        await until(pilot, lambda: not app.screen.is_modal)
        assert await app.services.contacts.blocked() == []
        await pilot.press("b")
        await on_screen(pilot, "Block nile@hive.test?")
        await pilot.press("right", "enter")
        await until(pilot, lambda: any("nile@hive.test is blocked" in each for each in notices(app)))
        assert await app.services.contacts.blocked() == ["nile@hive.test"]


async def test_mail_that_arrives_is_listed_and_told_of(profile, mailbox):
    async with at_desk(profile) as (app, pilot):
        await listed(pilot)
        await until(pilot, lambda: app.services.mail._known is not None)
        mailbox.put(mail("ruby", "Fresh.", sender="Ruby <ruby@hive.test>", date=START + 9_000))
        app.services.mail.rescan()
        await listed(pilot, 6)
        await until(pilot, lambda: "New mail from Ruby: ruby" in notices(app))
        assert app.screen.messages.current.subject == "nile"


async def test_what_another_program_files_is_noticed_without_asking(profile, mailbox):
    async with at_desk(profile) as (_app, pilot):
        await listed(pilot)
        mailbox.move(mailbox.files("Inbox")[0], "Archive")
        await listed(pilot, 4)


async def test_an_index_that_was_lost_is_made_again(profile, mailbox):
    async with at_desk(profile) as (_app, pilot):
        await listed(pilot)
    profile.index_db.unlink()
    async with at_desk(profile) as (_app, pilot):
        await listed(pilot)


async def test_panes_follow_the_size_of_the_window(profile, mailbox):
    async with at_desk(profile, (120, 40)) as (app, pilot):
        await listed(pilot)
        screen = app.screen
        messages, preview = screen.messages, screen.preview
        assert screen.sidebar.display
        assert preview.region.y > messages.region.y
        await pilot.resize_terminal(160, 40)
        await pilot.pause()
        assert preview.region.x > messages.region.x
        await pilot.resize_terminal(80, 24)
        await pilot.pause()
        await until(pilot, lambda: not screen.sidebar.display)
        assert preview.region.y > messages.region.y
        await pilot.resize_terminal(60, 20)
        await pilot.pause()
        assert not preview.display
        assert messages.region.height >= 16
        await pilot.press("tab")
        await until(pilot, lambda: screen.sidebar.display)
        await until(pilot, lambda: app.focused is screen.sidebar)
        await pilot.press("tab")
        await pilot.pause()
        await until(pilot, lambda: not screen.sidebar.display)
        for size in ((20, 5), (300, 80), (120, 40)):
            await pilot.resize_terminal(*size)
            await pilot.pause()
        await pilot.press("v")
        assert not preview.display
        await pilot.press("v")
        assert preview.display
        await on_screen(pilot, "A message about nile.")


async def test_help_shows_every_key_that_works_here(profile, mailbox):
    async with at_desk(profile) as (app, pilot):
        await listed(pilot)
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(app.screen, HelpScreen))
        text = "\n".join(row.text for row in app.screen.view.layout_rows.rows)
        for words in ("Archive", "Save search", "Outbox", "Unread only", "Conversation (elsewhere)"):
            assert words in text
        await pilot.press("slash", *"blo")
        await until(pilot, lambda: "Archive" not in shown(app).split("Keys")[1].split("╰")[0])
        assert "Block the sender." in shown(app)
        await pilot.press("escape", "escape")
        await until(pilot, lambda: not isinstance(app.screen, HelpScreen))


async def test_remapped_keys_work_and_show(profile, mailbox):
    profile.config.write_text(profile.config.read_text() + '\n[keys]\narchive = "y"\ntrash = "noop"\n')
    async with at_desk(profile) as (app, pilot):
        await listed(pilot)
        assert "y Archive" in shown(app)
        await pilot.press("e", "d")
        await pilot.pause()
        await listed(pilot, 5)
        await pilot.press("y")
        await listed(pilot, 4)


async def test_quitting_by_key(profile, mailbox):
    async with at_desk(profile) as (app, pilot):
        await listed(pilot)
        await pilot.press("q")
        await until(pilot, lambda: app._exit)
    assert app.return_value == 0


async def test_an_empty_mailbox_says_so_and_what_to_do_in_it(profile):
    config = profile.config.read_text()
    profile.config.write_text(f'{config}[keys]\ncompose = "w"\n')
    Mailbox(profile.mail, ALICE)
    async with at_desk(profile) as (app, pilot):
        await on_screen(pilot, "No mail yet.")
        await on_screen(pilot, "Press w to write a message, ? to see all keys.")
        await on_screen(pilot, f"Others reach you at {ALICE}.")
        await on_screen(pilot, f"▾ {ALICE}")
        await pilot.press("t")
        await until(pilot, lambda: "There is no message here." in notices(app))
        await pilot.press("e", "d", "r", "x", "X", "enter", "u", "G", "g", "v", "v", "j")
        await pilot.pause()
        await on_screen(pilot, "No mail yet.")
        app.screen.search.open_view(View(ALICE, "Archive"))
        await on_screen(pilot, "Nothing here yet.")
        await on_screen(pilot, "e moves a message here, out of the inbox but still found by a search.")
        await pilot.press("full_stop")
        await on_screen(pilot, "Nothing unread. Press . to see all.")


def listing(app) -> list[str]:
    """The lines of the list, without what stands beside it."""
    place = app.screen.messages.region
    return [line[place.x + 1 : place.right - 1] for line in shown(app).splitlines()]


async def test_an_account_that_is_away_is_not_said_to_have_no_mail(profile, mailbox):
    home, elsewhere = profile.mail / ALICE, profile.root / "unmounted"
    async with at_desk(profile, (160, 30)) as (app, pilot):
        await listed(pilot)
        home.rename(elsewhere)
        await on_screen(pilot, f"The mail of {ALICE} cannot be found.")
        await on_screen(pilot, "Its folder should be")
        await until(pilot, lambda: str(home) in "".join(each.strip() for each in listing(app)))
        app.screen.search.open_view(View(ALICE, "Archive"))
        await on_screen(pilot, "Archive · 0 conversations")
        assert f"The mail of {ALICE} cannot be found." in shown(app)
        app.screen.search.open_view(View(ALICE, INBOX))
        elsewhere.rename(home)
        await listed(pilot)
        await until(pilot, lambda: "cannot be found" not in shown(app))


async def test_an_account_that_was_away_from_the_start_says_so(profile):
    async with at_desk(profile) as (app, pilot):
        await on_screen(pilot, f"The mail of {ALICE} cannot be found.")
        assert "No mail yet." not in shown(app)
        Mailbox(profile.mail, ALICE)
        await on_screen(pilot, "No mail yet.")


async def test_one_account_that_is_away_beside_another_that_is_empty(profile):
    IdentityStore(profile.identities).save(identity("bea@mail.example"))
    Mailbox(profile.mail, ALICE)
    async with at_desk(profile) as (app, pilot):
        await on_screen(pilot, "No mail yet.")
        await on_screen(pilot, "▾ bea@mail.example")
        app.screen.search.open_view(View("bea@mail.example", INBOX))
        await on_screen(pilot, "The mail of bea@mail.example cannot be found.")
        app.screen.search.open_view(View(ALICE, INBOX))
        await until(pilot, lambda: "cannot be found" not in shown(app))


async def test_a_click_on_the_line_on_top_brings_the_sidebar_into_a_narrow_window(profile, mailbox):
    async with at_desk(profile, (80, 24)) as (app, pilot):
        await listed(pilot)
        await on_screen(pilot, "≡ alice@mail.example")
        assert not app.screen.sidebar.display
        await pilot.click(offset=(2, 0))
        await on_screen(pilot, "▾ alice@mail.example")
        await pilot.click(offset=(2, 0))
        await until(pilot, lambda: not app.screen.sidebar.display and app.focused is app.screen.messages)
        await pilot.click(offset=(2, 0))
        await on_screen(pilot, "▾ alice@mail.example")
        line = next(at for at, text in enumerate(shown(app).splitlines()) if "Archive" in text[:24])
        await pilot.click(offset=(5, line))
        await on_screen(pilot, "Archive · 0 conversations")
        assert not app.screen.sidebar.display
        await pilot.resize_terminal(120, 24)
        await until(pilot, lambda: "≡" not in shown(app))


async def test_nothing_is_offered_that_the_list_gives_no_occasion_for(profile, mailbox):
    async with at_desk(profile, (120, 70)) as (app, pilot):
        await listed(pilot)
        await pilot.click("#messages", offset=(30, 2), button=3)
        await on_screen(pilot, "Reply all")
        assert "Edit draft" not in shown(app)
        await pilot.press("end", "up", "enter")  # everything else here
        await on_screen(pilot, "Unread only")
        assert "Save search" not in shown(app)
        await pilot.press("escape", "escape")
        app.screen.search.open_view(View(query="from:nile"))
        await on_screen(pilot, "Search: from:nile")
        await pilot.click("#messages", offset=(30, 2), button=3)
        await on_screen(pilot, "Reply all")
        await pilot.press("end", "up", "enter")  # everything else here
        await on_screen(pilot, "Save search")


async def test_what_waits_in_the_outbox_is_counted_from_the_start(profile, mailbox):
    outbox = Outbox(profile.outbox_db)
    for to in ("bob@hive.test", "carol@hive.test"):
        draft = Draft(account=ALICE, to=(to,), subject="Meeting", body="text\n")
        outbox.enqueue(
            account=ALICE,
            recipients=recipients(to),
            message=gemmail_of(draft),
            subject="Meeting",
            now=START,
            hold_until=0.0,
            draft=to_bytes(draft),
        )
    claim = claimed(outbox, START)
    finish(outbox, claim, Outcome(DeliveryState.FAILED, "no such mailbox"), Transcript(), START + 1)
    outbox.close()
    async with at_desk(profile, (120, 30)) as (app, pilot):
        await on_screen(pilot, "1 sending · 1 needs you")
        await on_screen(pilot, "Outbox            2")
        assert "1 needs you" in shown(app)


async def test_tab_before_the_words_have_come_completes_when_they_come(profile, mailbox, monkeypatch):
    gate = asyncio.Event()
    complete = Mail.complete

    async def slow(self, text, cursor):
        await gate.wait()
        return await complete(self, text, cursor)

    monkeypatch.setattr(Mail, "complete", slow)
    async with at_desk(profile, (120, 30)) as (app, pilot):
        await listed(pilot)
        await pilot.press("slash", *"fro", "tab")
        prompt = app.screen.prompts.prompt
        await until(pilot, lambda: prompt.line.value == "fro")
        gate.set()
        await until(pilot, lambda: prompt.line.value == "from:")
        prompt.offer([Completion("late", 0, 0, "")], "fro")  # made for a text that has gone
        await pilot.press("escape")
        await listed(pilot)


async def test_blocking_a_sender_can_be_undone(profile, mailbox):
    async with at_desk(profile, (120, 30)) as (app, pilot):
        await listed(pilot)
        await pilot.press("s", "b")
        await on_screen(pilot, "Block nile@hive.test?")
        await pilot.press("right", "enter")
        await until(pilot, lambda: any("nile@hive.test is blocked" in each for each in notices(app)))
        assert any("z undo" in each for each in notices(app))
        assert await app.services.contacts.blocked() == ["nile@hive.test"]
        await pilot.press("z")
        await until(pilot, lambda: "nile@hive.test is no longer blocked." in notices(app))
        assert await app.services.contacts.blocked() == []
        await pilot.press("z")  # and then what was done before it
        await until(pilot, lambda: any(each.startswith("Undone: 1 message starred") for each in notices(app)))


async def test_escape_leads_out_of_the_sidebar_and_never_out_of_the_program(profile, mailbox):
    async with at_desk(profile, (80, 24)) as (app, pilot):
        await listed(pilot)
        await pilot.press("tab")
        await until(pilot, lambda: app.focused is app.screen.sidebar)
        await pilot.press("escape")
        await until(pilot, lambda: app.focused is app.screen.messages)
        assert not app.screen.has_class("-sidebar")
        await pilot.press("escape", "escape")
        assert app.is_running


async def test_a_search_that_cannot_be_understood_stays_open_and_points_at_why(profile, mailbox):
    async with at_desk(profile, (120, 30)) as (app, pilot):
        await listed(pilot)
        await pilot.press("slash", *"after:x", "enter")
        await on_screen(pilot, "▲ “x” is not a date.")
        assert app.screen.prompts.prompt.line.value == "after:x"
        await until(pilot, lambda: app.focused is app.screen.prompts.prompt.line)
        assert not notices(app)
        await pilot.press(*["backspace"] * 7, *"moss", "enter")
        await on_screen(pilot, "Search: moss · 1 conversation")
        await until(pilot, lambda: app.screen.prompts.prompt is None)


async def test_while_a_word_is_offered_nothing_is_wrong_with_it(profile, mailbox):
    async with at_desk(profile, (120, 30)) as (app, pilot):
        await listed(pilot)
        await pilot.press("slash", *"is:unr")
        await on_screen(pilot, "⇥ unread")
        await until(pilot, lambda: not app.workers or all(w.group != "view" for w in app.workers))
        assert "▲" not in shown(app)
        await pilot.press("tab")
        await on_screen(pilot, "Search: is:unread · 5 conversations")


async def test_who_answers_from_the_list_has_read_the_message(profile, mailbox):
    mailbox.put(gemmail("# Question\n\nWell?"))
    async with at_desk(profile) as (app, pilot):
        await listed(pilot, 6)
        place = next(at for at in range(6) if app.screen.messages.row_at(at).subject == "Question")
        app.screen.messages.move_to(place)
        await until(pilot, lambda: "Question" in app.screen.messages.current.subject)
        assert app.screen.messages.current.unread == 1
        await pilot.press("r")
        await until(pilot, lambda: isinstance(app.screen, ComposeScreen))
        inbox = app.screen_stack[0]
        await until(pilot, lambda: inbox.messages.current is not None and not inbox.messages.current.unread)


async def test_search_results_name_their_folder_and_show_that_one_was_archived(profile, mailbox):
    async with at_desk(profile) as (app, pilot):
        await listed(pilot)
        await pilot.press("slash", *"nile", "enter")
        await on_screen(pilot, "Inbox · nile")
        await pilot.press("e")
        await on_screen(pilot, "Archive · nile")
        await pilot.press("q")
        await until(pilot, lambda: "Inbox · nile" not in shown(app))


async def test_undone_is_said_once_and_ctrl_c_speaks_as_the_rest_does(profile, mailbox):
    async with at_desk(profile) as (app, pilot):
        await listed(pilot)
        for _ in range(2):
            await pilot.press("s", "z")
            await until(pilot, lambda: any(each.startswith("Undone") for each in notices(app)))
        await until(pilot, lambda: sum(each.startswith("Undone") for each in notices(app)) == 1)
        for _ in range(2):
            await pilot.press("ctrl+c")
        await until(
            pilot, lambda: "Press ^q to quit. Where text is selected, ctrl+c copies it." in notices(app)
        )
        assert sum("to quit" in each for each in notices(app)) == 1


@pytest.mark.parametrize("key", ["l", "slash"])
async def test_a_search_that_was_closed_at_once_leaves_nothing_to_go_back_from(profile, mailbox, key):
    async with at_desk(profile, (100, 30)) as (app, pilot):
        await listed(pilot)
        await on_screen(pilot, " q Quit ")
        await pilot.press(key)
        await on_screen(pilot, " esc ")
        await pilot.press("escape")
        await until(pilot, lambda: app.screen.prompts.prompt is None)
        await on_screen(pilot, " q Quit ")


async def test_the_inbox_says_quit_where_it_quits_and_back_elsewhere(profile, mailbox):
    async with at_desk(profile) as (_app, pilot):
        await listed(pilot)
        await on_screen(pilot, " q Quit ")
        for keys, undo in (
            (("x",), "q"),
            (("slash", *"nile", "enter"), "q"),
            (("right_square_bracket",), "q"),
        ):
            await pilot.press(*keys)
            await on_screen(pilot, " q Back ")
            await pilot.press(undo)
            await on_screen(pilot, " q Quit ")


async def test_the_next_unread_conversation_is_gone_to_round_the_end(profile, mailbox):
    async with at_desk(profile) as (app, pilot):
        await listed(pilot)
        messages = app.screen.messages
        unread = [index for index in range(messages.total) if messages.row_at(index).unread]
        for index in [each for each in unread if each] + unread[:1]:
            await pilot.press("semicolon")
            await until(pilot, lambda index=index: messages.cursor == index)


async def test_a_folder_is_gone_to_by_the_beginning_of_its_name(profile, mailbox):
    async with at_desk(profile) as (app, pilot):
        await listed(pilot)
        await pilot.press("0", *"zzz", "enter")
        await until(pilot, lambda: "No folder has such a name." in notices(app))
        await pilot.press("0", *"arch", "enter")
        await on_screen(pilot, "Archive · 0 conversations")
        await pilot.press("left_square_bracket")
        await on_screen(pilot, "Sent · 0 conversations")
        await pilot.press("right_square_bracket")
        await on_screen(pilot, "Archive · 0 conversations")
        await pilot.press("at")
        await until(pilot, lambda: "There is only one account." in notices(app))


async def test_the_status_line_names_the_account_whose_mail_is_shown(profile, mailbox):
    Mailbox(profile.mail, "bob@hive.test").put(gemmail("# Elsewhere"))
    async with at_desk(profile) as (app, pilot):
        await on_screen(pilot, "All accounts")
        await settled(pilot)  # nothing else is about to draw that line again
        for account in (ALICE, "bob@hive.test", ALICE, "bob@hive.test"):
            await pilot.press("at")
            await until(pilot, lambda account=account: app.screen.messages.view.account == account)
            await until(pilot, lambda account=account: account in shown(app).splitlines()[0])
