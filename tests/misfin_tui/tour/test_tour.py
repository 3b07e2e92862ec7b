"""The tour of the demo: every step by real keys, left in the middle, in small windows, with other keys."""

from __future__ import annotations

import shutil
import time
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from desk import WAIT, NoCourier, at_desk, make_profile, notices, on_screen, shown, type_text, until

from misfin_tui import config
from misfin_tui.demo.world import World, open_world
from misfin_tui.keymap import BY_ID
from misfin_tui.screens.compose import ComposeScreen
from misfin_tui.screens.contacts import ContactsScreen
from misfin_tui.screens.help import HelpScreen
from misfin_tui.screens.inbox import InboxScreen
from misfin_tui.screens.outbox import OutboxScreen
from misfin_tui.screens.thread import ThreadScreen
from misfin_tui.screens.trust import TrustScreen
from misfin_tui.tour.app import DemoApp
from misfin_tui.tour.panel import TourPanel
from misfin_tui.tour.steps import STEPS, Sight


@pytest.fixture(scope="module")
def pristine(tmp_path_factory):
    return open_world(tmp_path_factory.mktemp("demo") / "world", now=time.time())


@pytest.fixture
def world(pristine, tmp_path):
    shutil.copytree(pristine.root, tmp_path / "world")
    return World(tmp_path / "world", pristine.port, pristine.ports, pristine.mail_port, pristine.imap_port)


class QuietDemo(DemoApp):
    """The demo without its servers: nothing leaves, nothing is fetched."""

    def __init__(self, *arguments, **options) -> None:
        super().__init__(*arguments, **options)
        self.courier = NoCourier(self)
        self.start_receiver = self._receive_nothing

    async def _receive_nothing(self):
        pass


@asynccontextmanager
async def demo(world, size=(100, 30), keys=()):
    settings = config.load(world.profile.config)
    app = QuietDemo(world.profile, replace(settings, keys=dict(keys)))
    try:
        async with app.run_test(size=size, notifications=True) as pilot:
            await until(pilot, lambda: "conversations" in shown(app) and " 0 conv" not in shown(app))
            await until(pilot, lambda: app.focused is not None)
            yield app, pilot
    finally:
        for thread in app.services.mail._threads[:1]:  # as at a desk: the next one shares its process with it
            thread.join(WAIT)


async def started(app, pilot):
    await pilot.press("question_mark")
    await until(pilot, lambda: isinstance(app.screen, HelpScreen))
    await pilot.press("t")
    await at_step(app, pilot, 1)


async def at_step(app, pilot, number):
    """Wait until a step is the one to do, was looked at, and stands on the screen."""
    await until(pilot, lambda: app.tour.at == number - 1 and app.tour._before is not None, f"step {number}")
    await until(pilot, lambda: f"{number}/{len(STEPS)}" in shown(app), f"step {number} on the screen")


def panels(app):
    return [panel.region for panel in app.screen.query(TourPanel) if panel.display]


async def walk(app, pilot):
    """All ten steps, by the keys that the panel names."""
    await started(app, pilot)
    await pilot.press("j")
    await at_step(app, pilot, 2)
    await pilot.press("enter")
    await at_step(app, pilot, 3)
    await pilot.press("r")
    await until(pilot, lambda: isinstance(app.screen, ComposeScreen))
    await type_text(pilot, "Ginger it is.")
    assert app.tour.at == 2  # writing is not sending
    await pilot.press("ctrl+s")
    await at_step(app, pilot, 4)
    await pilot.press("O")
    await at_step(app, pilot, 5)
    assert isinstance(app.screen, OutboxScreen)
    await pilot.press("M", "slash")
    await pilot.press(*"leeks")
    await at_step(app, pilot, 6)
    await pilot.press("enter")
    await until(pilot, lambda: app.focused is app.screen_stack[0].messages)
    await pilot.press("e")
    await at_step(app, pilot, 7)
    await pilot.press("z")
    await at_step(app, pilot, 8)
    await pilot.press("T")
    await until(pilot, lambda: isinstance(app.screen, TrustScreen) and app.screen.rows.items)
    await pilot.press("a")
    await on_screen(pilot, "Keep waiting")
    await pilot.press("right", "enter")  # refuse the mail
    await at_step(app, pilot, 9)
    await pilot.press("C")
    await until(pilot, lambda: isinstance(app.screen, ContactsScreen) and app.screen.rows.items)
    await pilot.press("n")
    await on_screen(pilot, "New contact")
    await type_text(pilot, "lea@hive.test")
    await pilot.press("enter", "enter", "enter")
    await at_step(app, pilot, 10)
    await pilot.press("colon")
    await on_screen(pilot, "That was the tour")
    await pilot.press("escape")


async def test_the_whole_tour_is_done_by_real_keys(world):
    async with demo(world) as (app, pilot):
        await on_screen(pilot, "New here? Press ?, then t, for a tour of ten steps.")
        await walk(app, pilot)
        await pilot.press("f12")
        await until(pilot, lambda: "That was the tour" not in shown(app))
        assert not panels(app)
        # It really happened.
        assert [row.subject for row in await app.services.sending.outbox()] == ["Re: Meeting notes"]
        assert "lea@hive.test" in [known.contact.address for known in await app.services.contacts.all()]
        assert await app.services.trust.offers() == []


@pytest.mark.parametrize("size", [(80, 24), (40, 12)], ids=["80x24", "40x12"])
async def test_the_whole_tour_fits_a_small_window(world, size):
    async with demo(world, size) as (app, pilot):
        await walk(app, pilot)


@pytest.mark.parametrize("size", [(80, 24), (40, 12)], ids=["80x24", "40x12"])
async def test_the_panel_covers_nothing(world, size):
    async with demo(world, size) as (app, pilot):
        await started(app, pilot)
        for number in range(1, len(STEPS) + 1):
            await at_step(app, pilot, number)
            (panel,) = panels(app)
            others = [child.region for child in app.screen.children if child.display and child.region]
            assert panel.y == 0
            assert panel.height <= 2
            assert all(not panel.overlaps(region) for region in others if region != panel)
            await pilot.press("f10")


async def test_a_dialog_leaves_the_panel_its_place(world):
    async with demo(world, (80, 24)) as (app, pilot):
        await started(app, pilot)
        await pilot.press("T")
        await until(pilot, lambda: isinstance(app.screen, TrustScreen) and app.screen.rows.items)
        await pilot.press("a")
        await on_screen(pilot, "erin@cove.test has changed")
        await until(pilot, lambda: panels(app))
        await on_screen(pilot, "Trust the new one")
        (panel,) = panels(app)
        assert not panel.overlaps(app.screen.query_one("#box").region)


async def test_nothing_but_the_step_itself_counts(world):
    async with demo(world) as (app, pilot):
        await started(app, pilot)
        await pilot.press("k", "G", "g")
        await pilot.press("O")
        await until(pilot, lambda: isinstance(app.screen, OutboxScreen))
        await pilot.press("M")
        await until(pilot, lambda: not app.tour._looking)
        assert app.tour.at == 0


async def test_a_step_back_has_to_be_done_again(world):
    async with demo(world) as (app, pilot):
        await started(app, pilot)
        await pilot.press("j")
        await at_step(app, pilot, 2)
        await pilot.press("enter")
        await at_step(app, pilot, 3)
        await pilot.press("f7")
        await at_step(app, pilot, 2)
        await pilot.press("f7")
        await at_step(app, pilot, 1)
        await pilot.press("f7")  # there is none before it
        await at_step(app, pilot, 1)
        await pilot.press("q")
        await until(pilot, lambda: isinstance(app.screen, InboxScreen))
        await pilot.press("k")
        await until(pilot, lambda: app.screen.messages.cursor == 0)
        await pilot.press("j")
        await at_step(app, pilot, 2)


async def test_it_is_left_in_the_middle_of_writing_and_goes_on_there(world):
    async with demo(world) as (app, pilot):
        await started(app, pilot)
        await pilot.press("j")
        await at_step(app, pilot, 2)
        await pilot.press("enter")
        await at_step(app, pilot, 3)
        await pilot.press("r")
        await until(pilot, lambda: isinstance(app.screen, ComposeScreen))
        await pilot.press("f12")
        await until(pilot, lambda: not panels(app))
        assert "Tour" not in shown(app)
        await pilot.press("f7", "f10")  # without a tour these do nothing
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, ThreadScreen))
        assert not panels(app)
        await pilot.press("question_mark")
        await on_screen(pilot, "Press t for a tour")
        await pilot.press("t")
        await at_step(app, pilot, 3)
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(app.screen, HelpScreen))
        await pilot.press("t")  # the help leaves it, too
        await until(pilot, lambda: isinstance(app.screen, ThreadScreen) and not panels(app))


async def test_the_offer_is_put_away_by_a_key_and_by_a_click(world):
    async with demo(world) as (app, pilot):
        await on_screen(pilot, "New here?")
        await pilot.press("f12")
        await until(pilot, lambda: "New here?" not in shown(app))
    async with demo(world) as (app, pilot):
        await on_screen(pilot, "New here?")
        await pilot.click(offset=(shown(app).splitlines()[0].index("Close"), 0))
        await until(pilot, lambda: "New here?" not in shown(app))


@pytest.mark.parametrize("width", [80, 76, 72, 68, 64, 60])
async def test_a_key_of_the_panel_stays_beside_its_word(world, width):
    async with demo(world, size=(width, 24)) as (app, pilot):
        await on_screen(pilot, "New here?")
        await started(app, pilot)
        for words in ("Tour 1/10", "f10 Skip", "f12 Leave"):
            assert words in shown(app)


async def test_the_panel_names_the_keys_in_use(world):
    keys = {"cursor-down": "f11", "help": "f1", "tour": "w", "tour-skip": "ctrl+o", "tour-leave": "noop"}
    async with demo(world, keys=keys) as (app, pilot):
        await on_screen(pilot, "Press f1, then w, for a tour")
        await pilot.press("f1")
        await on_screen(pilot, "Press w for a tour")
        await pilot.press("w")
        await on_screen(pilot, "Press f11 to move to “Meeting notes”")
        assert "f12" not in shown(app)
        assert "^o Skip" in shown(app)
        await pilot.press("f11")
        await at_step(app, pilot, 2)


async def test_without_the_demo_the_help_says_where_the_tour_is(profile_root):
    async with at_desk(make_profile(profile_root)) as (app, pilot):
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(app.screen, HelpScreen))
        await pilot.press("t")
        await until(pilot, lambda: notices(app))
        assert notices(app) == ["The tour is part of the demo: misfin-tui demo"]


def test_every_step_names_actions_that_exist_and_is_not_done_by_seeing_the_same_again():
    names = dict.fromkeys(BY_ID, "x")
    nothing = Sight()
    for step in STEPS:
        assert step.text.format_map(names)
        assert not step.done(nothing, nothing), step.name
    assert len(STEPS) == 10
