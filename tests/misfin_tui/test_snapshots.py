"""How the screens look, as pictures; what they do is tested elsewhere.

Everything that moves stands still: the clock, the certificates, the cursor. A picture depends on Textual's
own drawing, so these run with the version they were taken with only. ``pytest --snapshot-update`` takes them
again; look at each before committing it.
"""

from __future__ import annotations

import time
from dataclasses import replace
from importlib.metadata import version

import pytest
from certificates import KEYS, build, certificate_k
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed25519
from desk import QuietApp, make_profile, on_screen, settled
from outgoing import claimed, finish
from textual.widgets import Input, TextArea

from misfin.compose.writing import gemmail_of
from misfin.model.gemmail import Version
from misfin.model.recipient import Recipient
from misfin.store.identities import IdentityStore
from misfin.store.mail.maildir import MailStore
from misfin.store.outgoing.drafts import Draft, to_bytes
from misfin.store.outgoing.outbox import DeliveryState, Outbox, Outcome, Question, Transcript
from misfin.store.people.contacts import Contact, ContactBook, Encounter
from misfin.trust.pins import PinBook
from misfin.trust.tofu import PinKind
from misfin_tui import config
from misfin_tui.paths import profile_at
from misfin_tui.services import autosave

KEYS["another"] = lambda: ed25519.Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
TAKEN_WITH = "8.2.8"
NOW = 1_790_000_000.0  # 21 September 2026, 14:13:20 UTC
ADA = "ada@mail.example"
WIDE, SMALL = (110, 32), (80, 24)
BODY = "# Heading\n\n* item\n> quoted\n\n```map\na -> b\n```\n\n=> gemini://hive.test/ A link\n"

pytestmark = pytest.mark.skipif(
    version("textual") != TAKEN_WITH, reason=f"the pictures were taken with Textual {TAKEN_WITH}"
)


@pytest.fixture(autouse=True)
def _still(monkeypatch):
    """The clock stands, the cursor does not blink, the terminal is described, and nothing is saved."""
    for name, value in (("TERM", "xterm-256color"), ("COLORTERM", "truecolor"), ("TZ", "UTC")):
        monkeypatch.setenv(name, value)
    time.tzset()
    monkeypatch.setattr(time, "time", lambda: NOW)
    monkeypatch.setattr(Input, "cursor_blink", False)
    monkeypatch.setattr(TextArea, "cursor_blink", False)
    monkeypatch.setattr(autosave, "PAUSE", 3600.0)
    monkeypatch.setattr(autosave, "LONGEST", 3600.0)


@pytest.fixture
def profile(profile_root):
    made = make_profile(profile_root, address="")
    IdentityStore(made.identities).save(certificate_k())
    MailStore(made.mail).create(ADA)
    names = {"users": ("bob",), "names": ("Bob Jones",), "san": (x509.DNSName("hive.test"),)}
    host = build(**names, key="k").info
    shown = build(**names, key="another").info
    with PinBook(made.trust_db) as pins:
        pins.record(PinKind.HOST, "hive.test:1958", host, now=NOW - 10**7)
        pins.record(PinKind.HOST, "old.test:1958", host, now=NOW - 10**6)
        pins.record(PinKind.SENDER, "bob@hive.test", host, now=NOW - 10**6)
        pins.remember("old.test", 1958, speaks=Version.B, now=NOW)
        pins.offer(PinKind.HOST, "hive.test:1958", shown, now=NOW)
    book = ContactBook(made.contacts_db)
    book.save(Contact("bob@hive.test", own_name="Bob Jones", notes="met in Rome"))
    book.learn([Encounter("carol@old.test", "Carol", True, NOW - 10**6, "<1@x>")])
    book.block("spam@evil.test", now=NOW)
    book.save(Contact("spam@evil.test"))
    book.close()
    _fill_outbox(made)
    return made


def _fill_outbox(made) -> None:
    asks = {"question": Question.CHANGED_CERTIFICATE, "pin_name": "hive.test:1958"}
    outcomes = [
        Outcome(DeliveryState.DELIVERED, status=20, meta="ok"),
        Outcome(DeliveryState.DEFERRED, "The server is away.", next_attempt=NOW + 300),
        Outcome(DeliveryState.HELD, "The certificate of hive.test:1958 has changed.", **asks),
        Outcome(DeliveryState.FAILED, status=51, meta="Mailbox not found"),
        Outcome(DeliveryState.UNCERTAIN, "The connection was cut."),
        None,
    ]
    outbox = Outbox(made.outbox_db)
    for number, outcome in enumerate(outcomes):
        draft = Draft(account=ADA, to=("bob@hive.test",), subject=f"Message {number}", body="text\n")
        at = NOW - 3600 + 60 * number
        outbox.enqueue(
            account=ADA,
            # Each has a route of its own: the question about one would hold the others as well.
            recipients=[Recipient("bob@hive.test", f"hive.test:{number}")],
            message=gemmail_of(draft),
            subject=draft.subject,
            now=at,
            hold_until=0.0 if outcome else NOW + 8,
            draft=to_bytes(draft),
        )
        if outcome is not None:
            claim = claimed(outbox, at)
            outbox.leaving([claim], at)
            said = Transcript(
                "hive.test", 1958, "C", "12ab" * 16, "trusted", b"misfin://bob@hive.test\t9\r\n", "20 ok"
            )
            finish(outbox, claim, outcome, said, at + 1)
    outbox.close()


def picture(snap_compare, profile, steps, *, size=WIDE, theme="misfin-dark") -> None:
    settings = config.load(profile.config)
    settings = replace(settings, ui=replace(settings.ui, theme=theme))

    async def run(pilot) -> None:
        await settled(pilot)
        await steps(pilot.app, pilot)
        pilot.app.clear_notifications()
        await settled(pilot)

    assert snap_compare(QuietApp(profile, settings), run_before=run, terminal_size=size)


def keys(*pressed: str, words: str):
    async def steps(app, pilot) -> None:
        for key in pressed:
            await pilot.press(key)
            await pilot.pause()
        await on_screen(pilot, words)

    return steps


def composing(draft: Draft, words: str, *pressed: str):
    async def steps(app, pilot) -> None:
        app.open_composer(draft)
        await on_screen(pilot, "bytes")
        await keys(*pressed, words=words)(app, pilot)

    return steps


DRAFT = Draft(account=ADA, to=("bob@hive.test",), subject="Meeting notes", body=BODY)
NEW = Draft(account=ADA, subject="Hello", body=BODY)
LONG = replace(DRAFT, to=("carol@old.test",), body="word " * 700)

SCREENS = {
    "outbox": keys("O", words="failed: 51"),
    "outbox-transcript": keys("O", "j", "enter", words="Attempt 1"),
    "outbox-uncertain": keys("O", "j", "r", words="twice"),
    "certificate": keys("O", "j", "j", "j", "a", words="Presented now"),
    "trust": keys("T", words="1 needs you"),
    "trust-details": keys("T", "enter", words="Needs your decision"),
    "trust-search": keys("T", "slash", "o", "l", "d", words="1 of"),
    "trust-forget": keys("T", "d", words="Forget this pin"),
    "contacts": keys("C", words="Bob Jones"),
    "contact-form": keys("C", "n", words="New contact"),
    "identities": keys("I", words="ada@mail.example"),
    "identity-new": keys("I", "n", words="A new identity"),
    "settings": keys("comma", words="undo_send_seconds"),
    "setting-number": keys("comma", "slash", *"timeout", "enter", "enter", words="Default: 60.0"),
    "setting-choice": keys("comma", "slash", *"first", "underscore", *"use", "enter", "enter", words="ask"),
    "theme": keys("comma", "slash", *"theme", "enter", "enter", words="misfin-dusk"),
    "compose": composing(DRAFT, "of 16,384"),
    "compose-completion": composing(NEW, "carol@old.test", "c", "a"),
    "compose-too-long": composing(LONG, "too long", "ctrl+s"),
    "compose-discard": composing(DRAFT, "Discard this draft", "f8"),
    "palette": keys("ctrl+p", *"trust", words="See the hosts"),
}


@pytest.mark.parametrize("screen", SCREENS)
def test_wide(snap_compare, profile, screen):
    """A window of 110 by 32."""
    picture(snap_compare, profile, SCREENS[screen])


@pytest.mark.parametrize("screen", ["outbox", "certificate", "compose"])
def test_small(snap_compare, profile, screen):
    """A window of 80 by 24."""
    picture(snap_compare, profile, SCREENS[screen], size=SMALL)


@pytest.mark.parametrize("theme", ["misfin-light", "misfin-contrast", "misfin-ansi"])
def test_themes(snap_compare, profile, theme):
    """The question about a certificate in other themes."""
    picture(snap_compare, profile, SCREENS["certificate"], theme=theme)


def test_no_colour(snap_compare, profile, monkeypatch):
    """Without colours every state still has its sign."""
    monkeypatch.setenv("NO_COLOR", "1")
    picture(snap_compare, profile, SCREENS["outbox"])


@pytest.mark.parametrize("step", [1, 2, 3])
def test_first_run(snap_compare, profile_root, step):
    """The wizard."""

    async def steps(app, pilot) -> None:
        await on_screen(pilot, "Misfin, e-mail, or both?")
        await pilot.press("enter")
        await on_screen(pilot, "step 1 of 3")
        app.screen.query_one("#address").value = "ada@mail.example"
        app.screen.query_one("#not-here").value = step > 2
        for number in range(2, step + 1):
            await pilot.press("ctrl+s")
            await on_screen(pilot, f"step {number} of 3")

    picture(snap_compare, profile_at(profile_root), steps)
