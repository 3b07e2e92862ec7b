"""The command palette: every action of the screen by name, people to write to, and no stranger's markup."""

from __future__ import annotations

import asyncio
import time

import pytest
from desk import ALICE, at_desk, identity, make_profile, on_screen, settled, shown, until
from mailboxes import Mailbox
from post import gemmail
from textual.color import Color
from textual.command import CommandPalette, Provider
from textual.widgets import OptionList

from misfin.store.identities import IdentityStore
from misfin.store.people.contacts import Contact, ContactBook
from misfin_tui.commands import (
    AccountProvider,
    ActionProvider,
    FolderProvider,
    PeopleProvider,
    ProgramProvider,
    found_in,
)
from misfin_tui.dialogs.menu import MenuDialog
from misfin_tui.keymap import ACTIONS, KeyContext, Shown, in_context
from misfin_tui.keymap.action import named, words_of
from misfin_tui.screens.compose import ComposeScreen
from misfin_tui.screens.help import HelpScreen
from misfin_tui.screens.trust import TrustScreen
from misfin_tui.widgets.actions import actions_of


@pytest.fixture
def profile(profile_root):
    return make_profile(profile_root)


async def hits(provider, query: str) -> list:
    found = [hit async for hit in (provider.search(query) if query else provider.discover())]
    return [hit for hit in found if hit is not NotImplemented]


async def test_every_action_of_the_screen_has_an_entry(profile):
    async with at_desk(profile) as (app, _pilot):
        found = await hits(ActionProvider(app.screen), "")
        told = {hit.text for hit in found}
        wanted = [
            a
            for a in (*in_context(KeyContext.INBOX), *in_context(KeyContext.EVERYWHERE))
            if a.shown is not Shown.HELP
        ]
        missing = [a.id for a in wanted if a.help not in told and a.id != "commands"]
        assert missing == []


@pytest.mark.parametrize(
    ("key", "room"),
    [
        ("O", KeyContext.OUTBOX),
        ("T", KeyContext.TRUST),
        ("C", KeyContext.CONTACTS),
        ("I", KeyContext.IDENTITIES),
        ("comma", KeyContext.SETTINGS),
    ],
)
async def test_other_places_have_their_own(profile, key, room):
    async with at_desk(profile) as (app, pilot):
        await pilot.press(key)
        await until(pilot, lambda: len(app.screen_stack) == 2)
        told = {hit.text for hit in await hits(ActionProvider(app.screen), "")}
        assert {action.help for action in in_context(room)} <= told


async def test_the_composer_has_its_own(profile):
    async with at_desk(profile) as (app, pilot):
        app.open_composer(await app.services.sending.new())
        await until(pilot, lambda: isinstance(app.screen, ComposeScreen))
        told = {hit.text for hit in await hits(ActionProvider(app.screen), "")}
        assert {action.help for action in in_context(KeyContext.COMPOSE)} <= told


async def test_an_entry_shows_its_keys_and_does_what_it_says(profile):
    async with at_desk(profile) as (app, pilot):
        await pilot.press("ctrl+p")
        await until(pilot, lambda: isinstance(app.screen, CommandPalette))
        await pilot.press(*"trust")
        line = f"{'T':<11}{'Trust':<22}See the hosts and senders you trust"
        await on_screen(pilot, line)
        (hit,) = [
            hit for hit in await hits(ActionProvider(app.screen_stack[0]), "") if "you trust" in hit.text
        ]
        await pilot.press("escape")
        await hit.command()
        await until(pilot, lambda: isinstance(app.screen, TrustScreen))


@pytest.mark.parametrize(
    ("query", "text", "matched"),
    [
        ("re", "Reply to the sender.", ["Re"]),
        ("re se", "Reply to the sender.", ["Re", "se"]),
        ("sender re", "Reply to the sender.", ["sender", "Re"]),
        ("subscribe", "Unsubscribe", ["subscribe"]),
        ("e-mail", "Add an e-mail account.", ["e", "mail"]),
        ("rd", "Read it.", []),
        ("re x", "Reply to the sender.", []),
        ("ply", "Reply", ["ply"]),
        ("ly", "Reply", []),
        ("..", "Reply..", []),
    ],
)
def test_a_command_is_found_by_the_beginnings_of_its_words(query, text, matched):
    score, spans = found_in(query, text)
    assert [text[start:end] for start, end in spans] == matched
    assert (score > 0) is bool(matched)


async def test_what_matches_is_marked_and_names_come_before_sentences(profile):
    async with at_desk(profile) as (app, _pilot):
        found = sorted(await hits(ActionProvider(app.screen), "re"), key=lambda hit: -hit.score)
        assert [hit.prompt.plain[11:33].rstrip() for hit in found[:2]] == ["Reply", "Reply all"]
        assert all(
            any(word.casefold().startswith("re") for word in hit.prompt.plain[11:].split()) for hit in found
        )
        line = found[0].prompt
        assert [line.plain[span.start : span.end] for span in line.spans][-1] == "Re"


async def test_what_does_not_fit_into_a_row_goes_on_below_its_own_column(profile):
    async with at_desk(profile, size=(80, 24)) as (_app, pilot):
        await pilot.press("ctrl+p", *"mailing")
        before = f"  {'L':<11}{'Reply to list':<22}"
        await on_screen(pilot, f"{before}Reply to the mailing list the message")
        await on_screen(pilot, " " * len(before) + "came from")


async def test_no_row_is_broken_by_hand_where_its_sentence_has_no_column(profile):
    async with at_desk(profile, size=(40, 24)) as (app, _pilot):
        assert not any("\n" in hit.prompt.plain for hit in await hits(ActionProvider(app.screen), ""))


async def test_what_has_no_key_leaves_that_column_empty(profile_root):
    settings = """[receive]
enabled = false
[accounts.work]
kind = "email"
address = "ada@harbour.example"
imap = "imaps://imap.harbour.example"
password = { command = "true" }
"""
    profile = make_profile(profile_root, settings=settings)
    book = ContactBook(profile.contacts_db)
    book.save(Contact("bob@hive.test", own_name="Bob Jones"))
    book.close()
    async with at_desk(profile) as (app, pilot):
        await until(pilot, lambda: any(entry.label == "Sent" for entry in app.screen.sidebar.places()))
        told = [
            hit.prompt.plain
            for provider, query in (
                (AccountProvider, "remove"),
                (FolderProvider, "sent"),
                (PeopleProvider, "bob"),
            )
            for hit in await hits(provider(app.screen), query)
        ]
        assert f"{'':<11}Remove the account work  ada@harbour.example" in told
        assert f"{'':<11}Write to Bob Jones  bob@hive.test" in told
        assert any(line.startswith(f"{'':<11}Show Sent") for line in told)


async def test_the_row_that_enter_runs_looks_like_the_one_of_a_list_with_the_focus(profile_root):
    settings = '[receive]\nenabled = false\n[ui]\ntheme = "misfin-dusk"\n'
    async with at_desk(make_profile(profile_root, settings=settings)) as (app, pilot):
        await pilot.press("ctrl+p", *"trust")
        await until(pilot, lambda: app.screen.query_one(OptionList).option_count > 0)
        style = app.screen.query_one(OptionList).get_component_styles("option-list--option-highlighted")
        assert style.background.hex == Color.parse(app.theme_variables["block-cursor-background"]).hex


async def test_names_are_bold_and_sentences_are_not(profile):
    async with at_desk(profile) as (app, _pilot):
        (hit,) = [hit for hit in await hits(ActionProvider(app.screen), "") if "you trust" in hit.text]
        bold = {hit.prompt.plain[span.start : span.end].strip(): span.style.bold for span in hit.prompt.spans}
        assert bold == {"T": True, "Trust": True, "See the hosts and senders you trust": False}


class Slow(Provider):
    """Finds nothing, and takes its time: so the palette still shows what an earlier text has found."""

    def __init__(self, *arguments) -> None:
        super().__init__(*arguments)
        self.asked: list[str] = []
        self.go_on = asyncio.Event()

    async def discover(self):
        for _ in ():
            yield

    async def search(self, query):
        self.asked.append(query)
        await self.go_on.wait()
        for _ in ():
            yield


async def test_enter_right_behind_the_last_letter_runs_what_that_text_finds(profile):
    async with at_desk(profile) as (app, pilot):
        await pilot.press("ctrl+p")
        await until(pilot, lambda: app.screen.query_one(OptionList).option_count > 5)
        slow = Slow(app.screen_stack[0])
        slow._post_init()
        app.screen._providers.append(slow)
        await pilot.press(*"trust", "enter")
        await until(pilot, lambda: slow.asked[-1:] == ["trust"])
        await pilot.pause(0.05)
        assert isinstance(app.screen, CommandPalette), "what it shows was found for another text"
        slow.go_on.set()
        await until(pilot, lambda: isinstance(app.screen, TrustScreen))


async def test_an_entry_that_was_moved_to_is_run_at_once(profile):
    async with at_desk(profile) as (app, pilot):
        await pilot.press("ctrl+p", *"show")
        await until(pilot, lambda: app.screen.query_one(OptionList).option_count > 1)
        await until(pilot, lambda: app.screen._search.is_finished)
        await pilot.press("down")
        second = app.screen.query_one(OptionList).get_option_at_index(1).hit.text
        ran = []
        app.screen.query_one(OptionList).get_option_at_index(1).hit.command = lambda: ran.append(second)
        await pilot.press("enter")
        await until(pilot, lambda: ran == [second])


async def test_a_remapped_key_is_the_one_shown(profile_root):
    settings = '[receive]\nenabled = false\n[keys]\nshow-trust = "f12"\n'
    async with at_desk(make_profile(profile_root, settings=settings)) as (app, _pilot):
        (hit,) = [hit for hit in await hits(ActionProvider(app.screen), "") if "you trust" in hit.text]
        assert hit.prompt.plain.startswith("f12 ")


async def test_people_are_found_by_name_and_written_to(profile):
    book = ContactBook(profile.contacts_db)
    book.save(Contact("bob@hive.test", own_name="Bob Jones"))
    book.close()
    async with at_desk(profile) as (app, pilot):
        await pilot.press("ctrl+p")
        await until(pilot, lambda: isinstance(app.screen, CommandPalette))
        await pilot.press(*"jon")
        await on_screen(pilot, "Write to Bob Jones")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, ComposeScreen) and app.screen._opened is not None)
        assert app.screen.fields.to.value == "bob@hive.test Bob Jones"


async def test_a_name_cannot_bring_markup_or_take_time(profile):
    book = ContactBook(profile.contacts_db)
    book.save(Contact("evil@hive.test", own_name="[/x] [@click=app.quit]abab\x1b[2J " + "ab" * 60))
    book.close()
    async with at_desk(profile) as (app, pilot):
        started = time.process_time()  # however busy the machine is
        (hit,) = await hits(PeopleProvider(app.screen), "evil")
        assert "\x1b" not in hit.prompt.plain
        assert time.process_time() - started < 20
        await pilot.press("ctrl+p")
        await until(pilot, lambda: isinstance(app.screen, CommandPalette))
        await pilot.press(*"evil")
        await on_screen(pilot, "Write to [/x] [@click=app.quit]")
        assert "\x1b" not in shown(app)


async def test_a_theme_is_chosen_by_a_command_and_nothing_is_there_twice(profile):
    async with at_desk(profile) as (app, _pilot):
        assert [
            hit.prompt.plain[11:33].strip() for hit in await hits(ProgramProvider(app.screen), "theme")
        ] == ["Theme"]
        assert await hits(ProgramProvider(app.screen), "quit") == []


async def test_a_broken_address_book_leaves_the_palette_working(profile, monkeypatch):
    from misfin.errors import StoreError
    from misfin_tui.services.contacts import Contacts

    async def broken(*_args, **_named):
        raise StoreError("no")

    monkeypatch.setattr(Contacts, "complete", broken)
    async with at_desk(profile) as (app, _pilot):
        assert await hits(PeopleProvider(app.screen), "bob") == []
        assert await hits(ActionProvider(app.screen), "trust")


async def test_every_action_of_the_table_can_be_done(profile):
    """Each action is found on the app, or on every screen that binds it, as Textual looks for it."""
    from importlib import import_module

    from misfin_tui.app import SCREENS
    from misfin_tui.dialogs.base import Dialog

    Mailbox(profile.mail, ALICE).put(gemmail("hello"))
    async with at_desk(profile) as (app, pilot):
        await on_screen(pilot, "Inbox · 1 conversation")
        inbox = app.screen
        arguments = {"thread": (inbox.messages.current, inbox.messages), "help": (inbox,), "attic": ("work",)}
        nodes = [app, inbox, Dialog("")]
        for screen, (module, _, name) in ((each, path.partition(":")) for each, path in SCREENS.items()):
            nodes.append(getattr(import_module(module), name)(*arguments.get(screen, ())))
        for action in ACTIONS:
            if action.context is KeyContext.TOUR:
                continue  # the demo has them: tests/misfin_tui/tour presses each
            name = action.method.partition("(")[0].rpartition(".")[2]
            bound = [node for node in nodes if any(getattr(b, "id", "") == action.id for b in node.BINDINGS)]
            assert bound, action.id
            for node in [app] if action.method.startswith("app.") else bound:
                assert callable(getattr(node, f"action_{name}", None)), f"{action.id} on {node!r}"


# ---- three ways: a key, the palette, the mouse

POINTED = {
    "open": "a second click on a line",
    "next-pane": "a click into the pane",
    "previous-pane": "a click into the pane",
    "cursor-up": "a click on a line, or the wheel",
    "cursor-down": "a click on a line, or the wheel",
    "page-up": "the wheel, or the scroll bar",
    "page-down": "the wheel, or the scroll bar",
    "cursor-top": "the scroll bar",
    "cursor-bottom": "the scroll bar",
    **dict.fromkeys(
        ("left", "right", "preview-left", "preview-right"), "the wheel with shift, or the scroll bar"
    ),
    "leave-search": "a click on a folder in the sidebar",
    **{f"saved-search-{number}": "a click on the search in the sidebar" for number in range(1, 10)},
}
"""What the mouse does without naming it."""


@pytest.fixture
def message(profile):
    Mailbox(profile.mail, ALICE).put(gemmail("# Hello\n\nText."))


@pytest.mark.parametrize("room", [KeyContext.INBOX, KeyContext.THREAD])
async def test_every_action_on_messages_has_a_key_a_command_and_a_place_for_the_mouse(profile, message, room):
    async with at_desk(profile, (300, 80)) as (app, pilot):
        await on_screen(pilot, "Hello")
        if room is KeyContext.THREAD:
            await pilot.press("enter")
            await on_screen(pilot, "Text.")
        actions = [*in_context(room), *in_context(KeyContext.LIST), *in_context(KeyContext.EVERYWHERE)]
        offered = {action.id for action in actions_of(app.screen)}
        line = shown(app).splitlines()[-1]
        for action in actions:
            if action.id == "commands":
                continue  # the palette itself, always in the line of keys
            assert app.keys.of(action.id), action.id
            wanted = named(action, words_of(app.screen)).help.rstrip(".")
            found = await hits(ActionProvider(app.screen), wanted)
            assert wanted in {hit.prompt.plain[33:] for hit in found}, action.id
            label = named(action, words_of(app.screen)).label
            by_mouse = action.id in offered or action.id in POINTED or f" {label} " in line
            assert by_mouse, action.id
        assert "^p Commands" in line


@pytest.mark.parametrize("keys", [(), ("enter",)], ids=["inbox", "thread"])
async def test_the_line_of_keys_and_the_menu_do_what_they_name(profile, message, keys):
    async with at_desk(profile, (300, 80)) as (app, pilot):
        await on_screen(pilot, "Hello")
        await pilot.press(*keys)
        await on_screen(pilot, "Text.")
        await pilot.pause()
        screen = app.screen
        line = shown(app).splitlines()[-1]
        await pilot.click(offset=(line.index(" ? Help") + 3, 79))
        await until(pilot, lambda: isinstance(app.screen, HelpScreen))
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is screen)
        await pilot.click("#messages" if not keys else "#thread", offset=(20, 1), button=3)
        await until(pilot, lambda: isinstance(app.screen, MenuDialog))
        await on_screen(pilot, "Reply all ")
        assert "│ Compose " not in shown(app)  # what belongs to the message, and that alone
        await pilot.press("end", "up", "enter")
        await on_screen(pilot, "│ Compose ")
        row = next(number for number, text in enumerate(shown(app).splitlines()) if "│ Compose " in text)
        await pilot.click(offset=(shown(app).splitlines()[row].index("│ Compose ") + 3, row))
        await until(pilot, lambda: isinstance(app.screen, ComposeScreen))


async def test_a_menu_stays_within_a_small_window_and_a_click_beside_it_closes_it(profile, message):
    async with at_desk(profile, (60, 20)) as (app, pilot):
        await on_screen(pilot, "Hello")
        screen = app.screen
        await pilot.click("#messages", offset=(55, 1), button=3)
        await until(pilot, lambda: isinstance(app.screen, MenuDialog))
        await on_screen(pilot, "Reply all ")
        for keys in (("end",), ("enter",), ("end",)):
            await pilot.press(*keys)
            await pilot.pause()
            menu = app.screen.list.region
            assert menu.right <= 60
            assert menu.bottom <= 20
        await on_screen(pilot, "Receive on/off")
        await pilot.click(offset=(1, 1))
        await until(pilot, lambda: app.screen is screen)
        assert screen.messages.marks == set()


async def test_folders_and_saved_searches_are_found_by_name(profile, message):
    async with at_desk(profile) as (app, pilot):
        await on_screen(pilot, "Hello")
        await pilot.press("O")
        await until(pilot, lambda: len(app.screen_stack) == 2)
        await pilot.press("ctrl+p", *"arch")
        await on_screen(pilot, "Show Archive")
        await pilot.press("escape")
        (hit,) = await hits(FolderProvider(app.screen), "show archive")
        hit.command()
        await on_screen(pilot, "Archive · 0 conversations")
        assert {hit.text for hit in await hits(FolderProvider(app.screen), "un")} == {"Show unread"}


async def test_the_help_tells_of_the_mouse(profile):
    async with at_desk(profile, (100, 30)) as (_app, pilot):
        await pilot.press("question_mark")
        await on_screen(pilot, "Keys")
        await pilot.press("slash", *"right", "space", *"click")
        await on_screen(pilot, "Everything that can be done there.")


WITH_A_LIST = {
    "the palette": ("ctrl+p", "r", "e"),
    "the menu": (),
    "the themes": ("comma", "slash", *"theme", "enter", "enter"),
    "the offers": ("c", "a"),
    "the senders": ("c", "shift+tab", "enter"),
}


@pytest.mark.parametrize("place", WITH_A_LIST)
async def test_the_cursor_of_every_list_is_seen_in_sixteen_colours(profile, message, place):
    profile.config.write_text(profile.config.read_text() + '[ui]\ntheme = "misfin-ansi"\n')
    IdentityStore(profile.identities).save(identity("anna@mail.example"))
    book = ContactBook(profile.contacts_db)
    for name in ("abe", "ann"):
        book.save(Contact(f"{name}@hive.test"))
    book.close()
    async with at_desk(profile, (100, 40)) as (app, pilot):
        await settled(pilot)
        if place == "the menu":
            await pilot.click("#messages", offset=(30, 2), button=3)
        for key in WITH_A_LIST[place]:
            await pilot.press(key)
            await settled(pilot)
        options = await listed(app, pilot)
        if options.highlighted is None:
            await pilot.press("down")
        await until(pilot, lambda: options.highlighted is not None)
        at = options.highlighted
        cursor, other = (options.render_line(line)._segments[-1].style for line in (at, at + 1))
        assert (cursor.underline, cursor.bgcolor) != (other.underline, other.bgcolor)
        assert cursor.underline  # also without colours


async def listed(app, pilot) -> OptionList:
    """The list of options on the screen that keys go to."""

    def found() -> list[OptionList]:
        lists = [each for each in app.screen.query(OptionList) if each.display and each.option_count > 1]
        return [each for each in lists if each.region.area]

    await until(pilot, found)
    return found()[0]
