"""Every action of the screens for writing and deciding is reached by key, by palette and by mouse."""

from __future__ import annotations

import time

import pytest
from desk import at_desk, identity, make_profile, shown, until
from outgoing import claimed, finish, recipients

from misfin.post.transport import Capabilities
from misfin.store.outgoing.attachments import AttachedFile
from misfin.store.outgoing.deliveries import DeliveryState, Question, Transcript
from misfin.store.outgoing.outbox import Outbox, Outcome
from misfin.store.people.contacts import Contact, ContactBook
from misfin.trust.pins import PinBook
from misfin.trust.tofu import PinKind
from misfin_tui.commands import ActionProvider
from misfin_tui.dialogs.prompt import ChooseDialog
from misfin_tui.keymap import KeyContext, Shown, in_context
from misfin_tui.screens.compose import ComposeScreen
from misfin_tui.screens.contacts import ContactsScreen
from misfin_tui.screens.identities import IdentitiesScreen
from misfin_tui.screens.outbox import OutboxScreen
from misfin_tui.screens.settings import SettingsScreen
from misfin_tui.screens.trust import TrustScreen
from misfin_tui.screens.wizard import WizardScreen
from misfin_tui.widgets.statusbar import KeyBar

SCREENS = {
    KeyContext.COMPOSE: ("c", ComposeScreen),
    KeyContext.OUTBOX: ("O", OutboxScreen),
    KeyContext.TRUST: ("T", TrustScreen),
    KeyContext.CONTACTS: ("C", ContactsScreen),
    KeyContext.IDENTITIES: ("I", IdentitiesScreen),
    KeyContext.SETTINGS: ("comma", SettingsScreen),
    KeyContext.WIZARD: ("", WizardScreen),
}
ACTIONS = [action for room in SCREENS for action in in_context(room)]


@pytest.fixture
def profile(profile_root, request):
    """Something of everything, so that there is a row to act on."""
    profile = make_profile(
        profile_root, address="" if request.param is KeyContext.WIZARD else "alice@mail.example"
    )
    with PinBook(profile.trust_db) as pins:
        pins.record(PinKind.HOST, "hive.test:1958", identity("bob@hive.test").info, now=time.time())
    book = ContactBook(profile.contacts_db)
    book.save(Contact("bob@hive.test", own_name="Bob"))
    book.close()
    outbox = Outbox(profile.outbox_db)
    outbox.enqueue(
        account="alice@mail.example",
        recipients=recipients("bob@hive.test"),
        message=b"\n\n\nHi\n",
        subject="Hi",
        now=time.time(),
        hold_until=0.0 if request.param is KeyContext.OUTBOX else time.time() + 3600,
    )
    if request.param is KeyContext.OUTBOX:  # one that needs a decision, so that every action is of use
        claim = claimed(outbox, time.time())
        asks = Outcome(DeliveryState.HELD, "It asks.", question=Question.PERSON)
        finish(outbox, claim, asks, Transcript(), time.time())
    outbox.close()
    return profile


async def opened(app, pilot, room: KeyContext):
    """The room's screen with its method replaced by a note of the call; returns both."""
    key, kind = SCREENS[room]
    if room is KeyContext.WIZARD:
        await until(pilot, lambda: isinstance(app.screen, ChooseDialog) and app.focused is not None)
        await pilot.press("enter")
    if key:
        await pilot.press(key)
    await until(pilot, lambda: isinstance(app.screen, kind) and app.focused is not None)
    if room is KeyContext.COMPOSE:
        await until(pilot, lambda: app.screen._opened is not None)
        # As from an account that has all of it, with a file to do something with.
        can = Capabilities(cc=True, bcc=True, attachments=True, split=True, protect=True)
        app.screen.from_account.able = lambda: can
        app.screen.files.change([AttachedFile("0" * 64, "plan.pdf", 12)])
        app.screen.body.text = "long enough to be split\n\n" * 1000
        await until(pilot, lambda: not app.screen.idle_actions)
    return app.screen


def note(screen, action, monkeypatch) -> list[str]:
    called: list[str] = []
    monkeypatch.setattr(
        screen, f"action_{action.method}", lambda *_args: called.append(action.id), raising=True
    )
    return called


BY_KEY = pytest.mark.parametrize(
    ("action", "profile"),
    [(each, each.context) for each in ACTIONS],
    indirect=["profile"],
    ids=lambda x: getattr(x, "id", ""),
)


@BY_KEY
async def test_every_action_has_its_key_its_place_in_the_palette_and_in_the_line_below(
    action, profile, monkeypatch
):
    async with at_desk(profile, (200, 50)) as (app, pilot):
        screen = await opened(app, pilot, action.context)
        called = note(screen, action, monkeypatch)
        for count, key in enumerate(action.keys.split(","), 1):
            await pilot.press(key)
            await until(pilot, lambda count=count: len(called) == count, f"{key} does {action.id}")
        if action.shown >= Shown.PALETTE:
            provider = ActionProvider(screen)
            hits = [hit async for hit in provider.discover() if hit.text == action.help]
            assert len(hits) == 1, "once in the palette"
            await hits[0].command()
            await until(pilot, lambda: len(called) == count + 1)
        if action.shown >= Shown.FOOTER:
            bar = screen.query_one(KeyBar)
            line = shown(app).splitlines()[bar.region.y]
            column = line.index(f" {action.label} ") + 1
            await pilot.click(bar, offset=(column, 0))
            await until(pilot, lambda: len(called) == count + 2, f"a click on {action.label}")
