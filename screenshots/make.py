"""Draws every screen from the demo mailbox, as SVG and PNG beside this file: ``make screenshots``.

The real app runs in the real demo world and is driven by keys. Its courier stays asleep and the outbox holds
one message in each state, so that every question can be seen. Name some scenes to draw only those; to look at
them in other sizes and themes, say so, and where the pictures go:

    python screenshots/make.py --size 80x24 --theme light --theme ansi --into /tmp/looks inbox outbox
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from itertools import product
from pathlib import Path
from typing import Any

os.environ |= {"COLORTERM": "truecolor", "TERM": "xterm-256color", "TEXTUAL_ANIMATIONS": "none"}
os.environ.pop("NO_COLOR", None)

import cairosvg
import signed
import synced
from textual.pilot import Pilot
from textual.widgets import Input

from misfin.compose.recipients import read_address
from misfin.compose.writing import gemmail_of
from misfin.email.account import Login, parse_server
from misfin.email.checking import Checked, CheckStep, CheckVerdict
from misfin.email.discovery import Discovery, Found, FoundBy
from misfin.model.gemmail import Version
from misfin.post.imap.finding import FoundMessage
from misfin.post.misfin.addresses import recipient_of
from misfin.post.source import SourceState, SourceStatus
from misfin.store.message.mailinglist import Unsubscribing
from misfin.store.outgoing.drafts import Draft, to_bytes
from misfin.store.outgoing.outbox import DeliveryState, Outbox, Outcome, Question, Transcript
from misfin.store.rows import View
from misfin.trust.identity import identity_from_pem
from misfin.trust.pins import PinBook
from misfin.trust.records import MailServerFacts
from misfin.trust.tofu import PinKind
from misfin_tui import config
from misfin_tui.app import MisfinApp
from misfin_tui.app.background import CourierWork, ReceiverWork
from misfin_tui.config.accounts import AccountConfig
from misfin_tui.demo.world import World, open_world
from misfin_tui.dialogs.sign_in import SignInDialog
from misfin_tui.paths import Profile, profile_at
from misfin_tui.services.lists import lists_of
from misfin_tui.services.server_search import ServerFindings, ServerMessage
from misfin_tui.tour.app import DemoApp
from misfin_tui.widgets.sidebar import Sidebar

HERE = Path(__file__).parent
WIDE, SMALL, LARGE = (120, 36), (80, 24), (200, 50)
FONT = "DejaVu Sans Mono, Menlo, Consolas, monospace"
CELL, CELL_PIXELS = 12.2, 12  # width of a cell in the SVG, and in the PNG
FONT_SIZE = 20.265  # at which a sign of this font is as wide as a cell
PATIENCE = 20.0  # seconds until what a scene waits for must stand on the screen
ME = "ada@harbour.test"
BODY = """Dear Bea,

the minutes of Friday, short:

## Action items
* read section three of the shared index
* ask Otto about the feed
* biscuits (ginger AND plain)

```a small map
   pier ----> hive ----> garden
```

> Ginger, always.

=> gemini://hive.test/minutes/ The minutes

Ada
"""
WORK = AccountConfig(
    kind="email",
    address="ada@harbour.example",
    name="Ada Harbour",
    smtp="smtps://smtp.harbour.example",
    aliases=("ada@lighthouse.example", "*@ada.example"),
    signature="Ada Harbour, Lighthouse keeping",
)
LONG = BODY + "".join(f"\n{n}. {'The long version of it. ' * 12}\n" for n in range(1, 9))

INCOMING, OUTGOING = map(parse_server, ("imaps://imap.harbour.example", "smtps://smtp.harbour.example"))
CHECKED = tuple(
    Checked(server, step, CheckVerdict.GOOD, text)
    for server, step, text in (
        (INCOMING, CheckStep.DNS, "imap.harbour.example is 192.0.2.7."),
        (INCOMING, CheckStep.TCP, "imap.harbour.example:993 accepts connections."),
        (INCOMING, CheckStep.TLS, "TLS 1.3; the certificate is trusted and valid until 2027-03-01."),
        (INCOMING, CheckStep.LOGIN, "Logged in as ada@harbour.example by SCRAM-SHA-256."),
        (INCOMING, CheckStep.FOLDERS, "12 folders, among them archive, drafts, junk, sent, trash."),
        (OUTGOING, CheckStep.DNS, "smtp.harbour.example is 192.0.2.7."),
        (OUTGOING, CheckStep.TCP, "smtp.harbour.example:465 accepts connections."),
        (OUTGOING, CheckStep.TLS, "Encrypted; the certificate is trusted and valid until 2027-03-01."),
        (OUTGOING, CheckStep.LOGIN, "Logged in as ada@harbour.example."),
        (OUTGOING, CheckStep.SIZE, "Accepts messages up to 50 MB."),
    )
)
WELCOME = "Welcome to misfin-tui"
INVITATION = """From: Lena Mooring <lena@wharf.example>
To: Ada Harbour <ada@harbour.example>
Subject: The harbour fair
Message-ID: <fair@wharf.example>
MIME-Version: 1.0
Content-Type: text/calendar; charset=utf-8; method=REQUEST

BEGIN:VCALENDAR
METHOD:REQUEST
BEGIN:VEVENT
UID:fair@wharf.example
DTSTAMP:20260301T080000Z
DTSTART;TZID=America/Halifax:20260304T140000
DTEND;TZID=America/Halifax:20260304T153000
RRULE:FREQ=WEEKLY;INTERVAL=2;BYDAY=WE
SUMMARY:Planning the harbour fair
LOCATION:The boathouse\\, upper floor
ORGANIZER;CN=Lena Mooring:mailto:lena@wharf.example
ATTENDEE;CN=Ada Harbour;PARTSTAT=NEEDS-ACTION:mailto:ada@harbour.example
ATTENDEE;CN=Tomas Keel;PARTSTAT=ACCEPTED:mailto:tomas@wharf.example
DESCRIPTION:Stalls\\, music and the boat race.\\nBring the map of the pier.
END:VEVENT
END:VCALENDAR
"""

Steps = Callable[[MisfinApp, Pilot[Any]], Awaitable[None]]


class SleepingCourier(CourierWork):
    """Sends nothing."""

    def start(self) -> None:  # type: ignore[override]  # a worker otherwise
        """Do nothing."""


class SleepingReceiver(ReceiverWork):
    """Receives and fetches nothing."""

    async def start(self) -> None:
        """Do nothing."""


class StillApp(MisfinApp):
    """The app with its courier asleep: what the outbox shows stays as it was put there."""

    def __init__(self, profile: Profile, settings: config.Config) -> None:
        super().__init__(profile, settings)
        self.courier = SleepingCourier(self)
        self.start_receiver = SleepingReceiver(self).start


class StillDemo(StillApp, DemoApp):
    """The same with the tour of the demo."""


@dataclass(frozen=True)
class Scene:
    """One picture: what is pressed, and the words that must stand on the screen before it is taken."""

    name: str
    steps: Steps
    words: str
    size: tuple[int, int] = WIDE
    theme: str = "misfin-dark"
    fresh: bool = False  # on an empty profile instead of the demo's
    mail: bool = False  # with an e-mail account beside the Misfin one
    synced: bool = False  # with only an e-mail account, kept in sync with a server
    tour: bool = False  # as the demo opens it
    removed: bool = False  # with the demo's e-mail account removed, its mail left behind


# ---- what is pressed


def keys(*pressed: str, words: str = "") -> Steps:
    """Press these after some words have appeared."""

    async def press(app: MisfinApp, pilot: Pilot[Any]) -> None:
        if words:
            await until(pilot, words)
        for key in pressed:
            await pilot.press({" ": "space", ":": "colon", "@": "at"}.get(key, key))
            await pilot.pause(0.05)

    return press


def composing(to: str = "bea@hive.test", body: str = BODY, *then: str) -> Steps:
    """The composer with a message in it, then these keys."""

    async def steps(app: MisfinApp, pilot: Pilot[Any]) -> None:
        app.open_composer(Draft(account=ME, to=(to,), subject="Meeting notes", body=body))
        await until(pilot, "of")
        await pilot.pause(0.3)
        app.screen.query_one("#body").focus()
        await pilot.press("end", "space", "backspace")
        await until(pilot, "draft saved", "too many")
        await keys(*then)(app, pilot)

    return steps


def mailing(*then: str) -> Steps:
    """The composer with a message of ordinary mail that has everything, then these keys."""

    async def steps(app: MisfinApp, pilot: Pilot[Any]) -> None:
        home = Path(os.environ["HOME"])
        (home / "plan.pdf").write_bytes(b"%PDF" * 45_000)
        (home / "tide tables.csv").write_text("high,low\n" * 400)
        (home / "Pictures").mkdir(exist_ok=True)
        files = app.services.draft_box.files
        draft = Draft(
            account="work",
            sender="ada@lighthouse.example",
            to=("Bea Hive <bea@hive.example>", '"Stone, Otto" <otto@stone.example>'),
            cc=("team@harbour.example",),
            subject="Meeting notes",
            body=f"{BODY.rstrip()}\n\n-- \nAda Harbour, Lighthouse keeping\n",
            attachments=(files.add(home / "plan.pdf"), files.add(home / "tide tables.csv")),
            send_at=(time.time() // 86400 + 1) * 86400 + 8 * 3600,
        )
        app.open_composer(draft)
        await until(pilot, "plan.pdf")
        app.screen.query_one("#body").focus()
        await keys("end", "space", "backspace")(app, pilot)
        await until(pilot, "draft saved")
        await keys(*then)(app, pilot)
        await pilot.pause(0.4)

    return steps


async def completing(app: MisfinApp, pilot: Pilot[Any]) -> None:
    """The composer offering addresses."""
    await composing()(app, pilot)
    app.screen.query_one("#to").focus()
    await keys("end", "comma", " ", "o")(app, pilot)


async def pointing(app: MisfinApp, pilot: Pilot[Any]) -> None:
    """The right button of the mouse over a conversation."""
    await until(pilot, LIST)
    await pilot.click("#messages", offset=(30, 5), button=3)


def invited(*then: str) -> Steps:
    """An invitation that has just arrived, opened, then these keys."""

    async def steps(app: MisfinApp, pilot: Pilot[Any]) -> None:
        await until(pilot, LIST)
        folder = app.services.store.folder("work", "Inbox")
        await asyncio.to_thread(folder.create)
        if not [*folder.path.glob("new/*"), *folder.path.glob("cur/*")]:  # scenes share a profile
            await asyncio.to_thread(folder.deliver, INVITATION.encode())
        await until(pilot, "The harbour fair")
        await keys("slash", *"fair", "enter", "enter")(app, pilot)
        await until(pilot, "Organiser: ")
        await keys(*then)(app, pilot)
        await pilot.pause(0.4)

    return steps


def signature(*then: str) -> Steps:
    """A message with a good signature that has just arrived, opened, then these keys."""

    async def steps(app: MisfinApp, pilot: Pilot[Any]) -> None:
        await until(pilot, LIST)
        folder = app.services.store.folder("work", "Inbox")
        await asyncio.to_thread(folder.create)
        data = await asyncio.to_thread(signed.message)
        there = [*folder.path.glob("new/*"), *folder.path.glob("cur/*")]  # scenes share a profile
        if not any(signed.SUBJECT.encode() in path.read_bytes() for path in there):
            await asyncio.to_thread(folder.deliver, data)
        await until(pilot, signed.SUBJECT)
        await keys("slash", *"boathouse", "enter", "enter")(app, pilot)
        await until(pilot, "you trust the key")
        await keys(*then)(app, pilot)
        await pilot.pause(0.4)

    return steps


def outbox_question(question: Question, *then: str) -> Steps:
    """Go to the message that asks this, then press these keys."""

    async def steps(app: MisfinApp, pilot: Pilot[Any]) -> None:
        await keys("O")(app, pilot)
        await until(pilot, "Housewarming")
        rows = app.screen.rows  # type: ignore[attr-defined]  # it is the outbox screen
        rows.go_to(next(row.id for row in rows.items if row.question is question))
        await keys("a")(app, pilot)
        await pilot.pause(0.4)
        await keys(*then)(app, pilot)

    return steps


def wizard(step: int) -> Steps:
    """A step of the first run."""

    async def steps(app: MisfinApp, pilot: Pilot[Any]) -> None:
        await until(pilot, WELCOME)
        await pilot.press("enter")
        await until(pilot, "step 1 of 3")
        app.screen.query_one("#address").value = ME  # type: ignore[attr-defined]  # an input
        app.screen.query_one("#name").value = "Ada Harbour"  # type: ignore[attr-defined]  # an input
        for number in range(2, step + 1):
            await pilot.press("ctrl+s")
            await until(pilot, f"step {number} of 3")

    return steps


async def syncing(app: MisfinApp, pilot: Pilot[Any]) -> None:
    """The sync screen, while the account is being fetched for the first time."""
    await asked(app, pilot)
    await keys("escape", "Y")(app, pilot)
    await until(pilot, "in sync")
    said = "fetching 1,200 of 5,400, 400 a second, 11 s left"
    app.services.sources.report(SourceStatus("work", SourceState.RUNNING, said))
    await until(pilot, "1,200 of")


async def asked(app: MisfinApp, pilot: Pilot[Any]) -> None:
    """The question that opens by itself."""
    await until(pilot, "Was this intended?")
    await pilot.pause(1)


async def in_attic(app: MisfinApp, pilot: Pilot[Any]) -> None:
    """The attic, opened from the sync screen."""
    await syncing(app, pilot)
    await keys("v", "j")(app, pilot)
    await until(pilot, "Kept until")


async def reading_log(app: MisfinApp, pilot: Pilot[Any]) -> None:
    """What was changed on the server."""
    await syncing(app, pilot)
    await keys("l")(app, pilot)


async def in_sidebar(app: MisfinApp, pilot: Pilot[Any]) -> None:
    """The inbox of the account, its folders and its attic beside it."""
    await asked(app, pilot)
    await keys("escape")(app, pilot)
    await until(pilot, "needs you")
    await open_sidebar(app, pilot)


async def unsubscribing(app: MisfinApp, pilot: Pilot[Any]) -> None:
    """The question before a mailing list is left by one request."""
    await finding("Three new berths")(app, pilot)

    async def ways(_row: object) -> tuple[str, Unsubscribing]:
        return "Harbour Weekly", Unsubscribing(one_click="https://harbourpress.test/leave?reader=ada")

    lists_of(app.services).ways = ways  # type: ignore[method-assign]  # the demo's list has no such address
    await pilot.press("U")


async def on_the_server(app: MisfinApp, pilot: Pilot[Any]) -> None:
    """What a server has beyond what is here."""
    await asked(app, pilot)
    now = time.time()

    async def search(_view: View) -> ServerFindings:
        found = [
            FoundMessage(
                "Archive", "1", str(n), name, subject, now - (40 + 9 * n) * 86_400, 2_000 + 71_000 * n, n == 1
            )
            for n, (name, subject) in enumerate(zip(synced.NAMES * 3, synced.SUBJECTS[::-1] * 3, strict=True))
        ]
        return ServerFindings(tuple(ServerMessage("work", each) for each in found), 212, ())

    app.services.syncing.server_search.search = search  # type: ignore[method-assign]  # no server answers here
    await keys("escape", "ctrl+s")(app, pilot)


@dataclass(frozen=True)
class Provider:
    """A provider that waits for somebody to sign in."""

    address: str = "ada@harbour.example"
    provider: str = "Harbour Mail"
    ways: Sequence[str] = ("browser", "code")

    async def run(self, _way: str, show: Callable[[str, str], None]) -> object:
        """Show where to go, and wait."""
        show("https://login.harbour.example/device", "WDJB-MJHT")
        return await asyncio.Event().wait()


async def signing_in(app: MisfinApp, pilot: Pilot[Any]) -> None:
    """The dialog to sign in to a provider."""
    await until(pilot, LIST)
    app.push_screen(SignInDialog(Provider(), app.services.outside.open_link))


async def editing(app: MisfinApp, pilot: Pilot[Any]) -> None:
    """The account, to be edited."""
    await asked(app, pilot)
    await keys("escape", "Y")(app, pilot)
    await until(pilot, "in sync")
    await pilot.press("e")


async def open_sidebar(app: MisfinApp, pilot: Pilot[Any]) -> None:
    """Unfold it: in a narrow window it is folded away."""
    if not app.screen.query_one(Sidebar).display:
        await pilot.press("tab")


async def in_the_sidebar(app: MisfinApp, pilot: Pilot[Any], label: str) -> None:
    """Move to the first line of the sidebar with this label."""
    sidebar = app.screen.query_one(Sidebar)
    sidebar.focus()
    await pilot.press("home")
    for _ in range(40):
        if sidebar.current is not None and sidebar.current.label == label:
            return
        await pilot.press("down")


async def left_behind(app: MisfinApp, pilot: Pilot[Any]) -> None:
    """The mail of an account that was removed, in the sidebar, and the question before it is deleted."""
    await until(pilot, LIST)
    await open_sidebar(app, pilot)
    await until(pilot, "removed")
    await in_the_sidebar(app, pilot, "seamail")
    await pilot.press("D")


def finding(subject: str, *then: str) -> Steps:
    """A search for this subject, its first conversation under the cursor, then these keys."""

    async def steps(app: MisfinApp, pilot: Pilot[Any]) -> None:
        await until(pilot, LIST)
        await keys("slash", *f'subject:"{subject}"', "enter")(app, pilot)
        await until(pilot, "1 conversation")
        await keys(*then)(app, pilot)

    return steps


LIST = "Meeting notes"  # what stands in the list of the demo mailbox
CERTIFICATE = outbox_question(Question.CHANGED_CERTIFICATE)


def email_wizard(step: int) -> Steps:
    """A step towards an e-mail account: its servers are found and pass their tests."""

    async def find(address: str) -> Discovery:
        detail = "Named by autoconfig.harbour.example for Harbour Mail."
        return Discovery((Found(INCOMING, OUTGOING, Login.PASSWORD, FoundBy.AUTOCONFIG, detail),))

    async def check(
        _name: str, _settings: AccountConfig, report: Callable[[Checked], object], **_how: object
    ) -> Sequence[Checked]:
        for checked in CHECKED:
            report(checked)
        return CHECKED

    async def no_problem() -> str:
        return ""

    async def steps(app: MisfinApp, pilot: Pilot[Any]) -> None:
        accounts: Any = app.services.email_accounts
        accounts.find, accounts.keyring_problem, accounts.check = find, no_problem, check
        await until(pilot, WELCOME)
        await pilot.press("down", "enter")
        await until(pilot, "step 1 of 3")
        for field, value in (("address", WORK.address), ("title", WORK.name), ("password", "lighthouse")):
            app.screen.query_one(f"#{field}", Input).value = value
        for number in range(2, step + 1):
            await pilot.press("ctrl+s")
            await until(pilot, f"step {number} of 3")

    return steps


SCENES = (
    Scene("inbox", keys(*"jjjjjjjj", words=LIST), "Crew news"),
    Scene("inbox-search", keys("slash", *"from:bea", words=LIST), LIST),
    Scene("conversation", keys("j", "enter", "p", "p", "enter", words=LIST), "Action items"),
    Scene("conversation-details", keys("j", "enter", "i", words=LIST), "SHA-256"),
    Scene("compose", composing(), "of 16,384 bytes"),
    Scene("compose-completion", completing, "otto@stone.test"),
    Scene("compose-too-long", composing("otto@stone.test", LONG, "ctrl+s"), "too long"),
    Scene("compose-mail", mailing(), "tide tables.csv", mail=True),
    Scene("attach", mailing("f3", *"~/p"), "180,000 bytes", mail=True),
    Scene("attached-files", mailing("f4"), "text/csv", mail=True),
    Scene("send-at", mailing("f5"), "It will be sent", mail=True),
    Scene("outbox", keys("O", "j", words=LIST), "Housewarming"),
    Scene("outbox-transcript", keys("O", "j", "j", "enter", words=LIST), "Attempt 1"),
    Scene("certificate-changed", CERTIFICATE, "a different key"),
    Scene("certificate-step", outbox_question(Question.CHANGED_CERTIFICATE, "left", "enter"), "type its"),
    Scene("redirect", outbox_question(Question.REDIRECT_ALWAYS), "carl@newtown.test"),
    Scene("trust", keys("T", words=LIST), "garden.test"),
    Scene("trust-details", keys("T", "j", "enter", words=LIST), "Needs your decision"),
    Scene("contacts", keys("C", words=LIST), "bea@hive.test"),
    Scene("identities", keys("I", words=LIST), "OK"),
    Scene("identity-new", keys("I", "n", words=LIST), "A new identity"),
    Scene("settings", keys("comma", words=LIST), "Colour theme"),
    Scene("palette", keys("ctrl+p", *"re", words=LIST), "Reply"),
    Scene("themes", keys("comma", "slash", *"theme", "enter", "enter", words=LIST), "misfin-dusk"),
    Scene("menu", pointing, "Reply all"),
    Scene("sort", keys("o", words=LIST), "Oldest first"),
    Scene("read-all", keys("ctrl+r", words=LIST), "as read?"),
    Scene("filter", keys("K", "enter", words=LIST), "in the inbox match"),
    Scene("parts", finding("The boat on", "V"), "tides.csv"),
    Scene("headers", finding("Three new", "h"), "As received"),
    Scene("invitation", invited("ctrl+n"), "The answer goes to", mail=True),
    Scene("small-invitation", invited(), "Next: ", size=SMALL, mail=True),
    Scene("signature", signature("i"), "OpenPGP key", mail=True),
    Scene("attachments", finding("The boat on", "enter", "v"), "s saves, a saves all"),
    Scene("replies", keys("j", "enter", "ctrl+t", words=LIST), "messages"),
    Scene("left-behind", left_behind, "for good?", removed=True),
    Scene("unsubscribe", unsubscribing, "from Harbour Weekly?"),
    Scene("html", finding("Your ticket", "enter", "x"), "Outward"),
    Scene("evidence", finding("The boat on", "enter", "i"), "No mail server signed"),
    Scene("charset", finding("The boat on", "enter", "ctrl+u"), "Read the text as"),
    Scene("muted", keys("j", "Q", "slash", *"tag:muted", "enter", words=LIST), "muted"),
    Scene("sign-in", signing_in, "WDJB-MJHT"),
    Scene("on-the-server", on_the_server, "197 older", synced=True),
    Scene("account-edit", editing, "Its other settings are", synced=True),
    Scene("tour", keys("question_mark", "t", "j", words="New here?"), "2/10", tour=True),
    Scene("small-tour", keys("question_mark", "t", words="New here?"), "1/10", size=SMALL, tour=True),
    Scene("help", keys("question_mark", words=LIST), "Archive"),
    Scene("sync", syncing, "1,200 of", synced=True),
    Scene("sync-question", asked, "Was this intended?", synced=True),
    Scene("sync-log", reading_log, "moved to", synced=True),
    Scene("attic", in_attic, "Dear Ada", synced=True),
    Scene("inbox-synced", in_sidebar, "Attic", synced=True),
    Scene("small-filter", keys("K", "enter", words=LIST), "in the inbox match", size=SMALL),
    Scene("small-parts", finding("The boat on", "V"), "tides.csv", size=SMALL),
    Scene("small-sync", syncing, "1,200 of", size=SMALL, synced=True),
    Scene("small-sync-question", asked, "Was this intended?", size=SMALL, synced=True),
    Scene("small-attic", in_attic, "Dear Ada", size=SMALL, synced=True),
    Scene("welcome", keys(), WELCOME, fresh=True),
    Scene("email-wizard-1", email_wizard(1), "step 1", fresh=True),
    Scene("email-wizard-2", email_wizard(2), "step 2", fresh=True),
    Scene("email-wizard-3", email_wizard(3), "Everything works", fresh=True),
    Scene("small-email-wizard-3", email_wizard(3), "Everything works", fresh=True, size=SMALL),
    Scene("email-wizard-light", email_wizard(3), "Everything works", fresh=True, theme="misfin-light"),
    Scene("wizard-1", wizard(1), "step 1", fresh=True),
    Scene("wizard-2", wizard(2), "step 2", fresh=True),
    Scene("wizard-3", wizard(3), "step 3", fresh=True),
    *(
        Scene(f"theme-{theme}", keys("j", words=LIST), LIST, theme=f"misfin-{theme}")
        for theme in ("light", "dusk", "contrast", "ansi")
    ),
    *(
        Scene(f"certificate-{theme}", CERTIFICATE, "a different key", theme=f"misfin-{theme}")
        for theme in ("light", "ansi")
    ),
    Scene("compose-light", composing(), "of 16,384 bytes", theme="misfin-light"),
    Scene("small-inbox", keys(words=LIST), LIST, size=SMALL),
    Scene("small-compose", composing(), "of 16,384 bytes", size=SMALL),
    Scene("small-certificate", CERTIFICATE, "a different key", size=SMALL),
    Scene("small-compose-mail", mailing(), "tide tables.csv", size=SMALL, mail=True),
    Scene("large-inbox", keys("j", words=LIST), LIST, size=LARGE),
    Scene("large-compose", composing(), "of 16,384 bytes", size=LARGE),
    Scene("large-compose-mail", mailing(), "tide tables.csv", size=LARGE, mail=True),
)


# ---- the world they are taken in


def messages(now: float) -> list[tuple[str, str, Outcome | None, str]]:
    """One message in each state: recipient, subject, what the attempt came to, what the server said."""
    changed = Outcome(
        DeliveryState.HELD,
        "The certificate of garden.test:1958 has changed; nothing was sent.",
        question=Question.CHANGED_CERTIFICATE,
        pin_name="garden.test:1958",
    )
    moved = Outcome(
        DeliveryState.HELD,
        "The mailbox has moved for good.",
        status=31,
        meta="carl@newtown.test",
        question=Question.REDIRECT_ALWAYS,
        target="carl@newtown.test",
    )
    later = Outcome(DeliveryState.DEFERRED, "The server is away.", next_attempt=now + 280)
    cut = Outcome(DeliveryState.UNCERTAIN, "The connection was cut after the message had left.")
    unknown = Outcome(DeliveryState.FAILED, status=51, meta="Mailbox not found")
    return [
        (
            "bea@hive.test",
            "Re: biscuits",
            Outcome(DeliveryState.DELIVERED, status=20),
            "20 4dcba340d51ab86c",
        ),
        ("sam@tide.test", "Tide tables", later, "41 Back after the tide"),
        ("dora@garden.test", "Snapdragons", changed, ""),
        ("carl@oldtown.test", "Housewarming", moved, "31 carl@newtown.test"),
        ("nemo@hive.test", "Hello?", unknown, "51 Mailbox not found"),
        ("june@press.test", "Proofs", cut, ""),
        ("bea@hive.test", "Meeting notes", None, ""),
    ]


def fill_outbox(profile: Profile, now: float) -> None:
    """Put them there as the courier would have."""
    outbox = Outbox(profile.outbox_db)
    for number, (to, subject, outcome, response) in enumerate(messages(now)):
        draft = Draft(account=ME, to=(to,), subject=subject, body="…\n")
        message = gemmail_of(draft)
        at = now - 4000 + 600 * number
        outbox.enqueue(
            account=ME,
            recipients=[recipient_of(read_address(to))],
            message=message,
            subject=subject,
            now=at,
            hold_until=0.0 if outcome else now + 3600,
            draft=to_bytes(draft),
        )
        if outcome is not None:
            claim = outbox.claim(at)
            assert claim is not None
            (delivery,) = claim.deliveries
            outbox.leaving([delivery], at + 0.1)
            said = Transcript(
                host=to.partition("@")[2],
                port=1958,
                version="C",
                certificate="ea9abe56e5d9e7f9581b64f778b958ab14f2c969a64ae4207aec9aeeb92f6dac",
                decision="trusted",
                request=f"misfin://{to}\t{len(message)}\r\n".encode(),
                response=response,
            )
            outbox.finish([(delivery, outcome, said)], at + 0.3)
    outbox.close()


def fill_trust(world: World, now: float) -> None:
    """Dora's host has shown its new certificate, Otto's speaks only Misfin(B), a mail server has a limit."""
    shown = identity_from_pem((world.people / "dora.pem").read_bytes())
    with PinBook(world.profile.trust_db) as pins:
        pins.offer(PinKind.HOST, "garden.test:1958", shown.info, now=now)
        pins.remember("stone.test", 1958, speaks=Version.B, now=now)
        pins.remember_mail_server("work", "smtp.harbour.example:465", MailServerFacts(size_limit=25_000_000))


# ---- taking them


async def draw(scene: Scene, profile: Profile, into: Path) -> None:
    """Run the app up to one scene and take its picture."""
    settings = config.load(profile.config)
    settings = replace(
        settings,
        receive=replace(settings.receive, enabled=False),
        ui=replace(settings.ui, theme=scene.theme),
    )
    if scene.synced:
        settings = replace(settings, accounts={"work": replace(WORK, imap="imaps://imap.harbour.example")})
    if scene.removed:
        settings = replace(settings, accounts={})
    if scene.mail:
        settings = replace(settings, accounts={"work": WORK})
    app = (StillDemo if scene.tour else StillApp)(profile, settings)
    async with app.run_test(size=scene.size) as pilot:
        await scene.steps(app, pilot)
        await until(pilot, scene.words)
        app.clear_notifications()
        await pilot.pause(0.5)
        svg = readable(app.export_screenshot(title="misfin-tui"))
    (into / f"{scene.name}.svg").write_text(svg)
    (into / f"{scene.name}.png").write_bytes(picture(svg))
    print(scene.name, flush=True)


async def until(pilot: Pilot[Any], *words: str) -> None:
    """Wait for one of these words on the screen."""
    end = time.monotonic() + PATIENCE
    while not any(each in (text := screen_text(pilot.app)) for each in words):
        if time.monotonic() > end:
            raise TimeoutError(f"{' or '.join(words)} never stood on the screen:\n{text}")
        await pilot.pause(0.05)


def screen_text(app: Any) -> str:
    """What stands on the screen now."""
    strips = app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip) for strip in strips)


def readable(svg: str) -> str:
    """Without the web font, which no README loads, and with one that every machine has."""
    svg = re.sub(r"@font-face\s*\{[^}]*\}", "", svg)
    return re.sub(r"font-family:\s*[^;]+;", f"font-family: {FONT};", svg)


def picture(svg: str) -> bytes:
    """The same as PNG, every cell a whole number of pixels wide, so that lines meet at their corners."""
    svg = re.sub(r' textLength="[^"]*"', "", svg).replace("font-size: 20px;", f"font-size: {FONT_SIZE}px;")
    made: bytes = cairosvg.svg2png(bytestring=svg.encode(), scale=CELL_PIXELS / CELL)
    return made


def size(text: str) -> tuple[int, int]:
    """The columns and rows of ``80x24``."""
    columns, _, rows = text.partition("x")
    return int(columns), int(rows)


def arguments(words: list[str]) -> argparse.Namespace:
    """What is to be drawn."""
    parser = argparse.ArgumentParser(description="Draw the screens from the demo mailbox.")
    parser.add_argument("scenes", nargs="*", metavar="SCENE", help="only these, by name or pattern (small-*)")
    parser.add_argument(
        "--size", action="append", type=size, default=[], help="instead of each scene's own, e.g. 80x24"
    )
    parser.add_argument(
        "--theme", action="append", default=[], help="instead of each scene's own, e.g. light"
    )
    parser.add_argument(
        "--into", type=Path, default=HERE, help="the folder for the pictures (default: this one)"
    )
    asked = parser.parse_args(words)
    if asked.into == HERE and (asked.size or asked.theme):
        parser.error("other sizes and themes need a folder of their own: --into")
    return asked


def variants(scene: Scene, asked: argparse.Namespace) -> list[Scene]:
    """A scene in each size and theme asked for, its name saying which."""
    if not asked.size and not asked.theme:
        return [scene]
    drawn = []
    for (columns, rows), theme in product(asked.size or [scene.size], asked.theme or [scene.theme]):
        theme = theme.removeprefix("misfin-")
        name = f"{scene.name}-{columns}x{rows}-{theme}"
        drawn.append(replace(scene, name=name, size=(columns, rows), theme=f"misfin-{theme}"))
    return drawn


def main(words: list[str]) -> int:
    """Draw the scenes named, or all of them."""
    asked = arguments(words)
    unknown = [name for name in asked.scenes if not any(fnmatch(scene.name, name) for scene in SCENES)]
    if unknown:
        print(f"No such scene: {', '.join(unknown)}", file=sys.stderr)
        return 2
    scenes = [
        scene
        for scene in SCENES
        if not asked.scenes or any(fnmatch(scene.name, name) for name in asked.scenes)
    ]
    asked.into.mkdir(parents=True, exist_ok=True)
    missed = 0
    now = time.time()
    with tempfile.TemporaryDirectory(prefix="misfin-pictures-") as folder:
        os.environ["HOME"] = folder  # paths on the screen begin with ~, wherever this runs
        world = open_world(Path(folder) / "world", now=now)
        fill_trust(world, now)
        fill_outbox(world.profile, now)
        pristine = Path(folder) / "pristine"
        shutil.copytree(world.root, pristine)  # each scene begins with the same mail
        for number, scene in enumerate(variant for each in scenes for variant in variants(each, asked)):
            alone = scene.fresh or scene.synced
            profile = profile_at(Path(folder) / f"own-{number}") if alone else world.profile
            if not alone:
                shutil.rmtree(world.root)
                shutil.copytree(pristine, world.root)
            if scene.synced:
                asyncio.run(synced.fill(profile))
            try:
                asyncio.run(draw(scene, profile, asked.into))
            except TimeoutError as error:
                missed += 1
                print(f"{scene.name}: {error}", file=sys.stderr)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
