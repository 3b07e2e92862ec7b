"""What is pasted is text: in every screen, field, dialog and question, whatever bytes it has.

A few programs for all of them. After every paste a program is where it was, the mail is as it was, and
nothing is sent.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from queue import SimpleQueue

import pytest

from misfin.store.outgoing.outbox import Outbox
from misfin.trust.pins import PinBook
from misfin_tui.app.terminal_input import SETTLED
from terminal import PASTE_END, PASTE_START, QUIET, program

EVERY_BYTE = bytes(range(256)).replace(b"\x1b", b"") + b"\x1b;\x13\x1b[A\x1b[<0;50;5M\x1bq"
MESSAGES = 6
HOSTILE = (
    b"hello \x1b ;ddd",
    b"\x1b[31mred\x1b[0m \x13\x11\x1a\rq",
    b"y\r1\r\x1b\x1b\x1b",
    EVERY_BYTE,
    b"an end mark \x1b[201~ddd;q\r\x13",
)

LIST_SCREENS = {
    "inbox": ("", "message 0"),
    "search": ("/", "Search"),
    "conversation": ("\r", "Hello."),
    "find in a conversation": ("\r /", "Hello."),
    "details": ("\r i", "Protocol"),
    "pipe": ("\r |", "command"),
    "save": ("\r S", "file"),
    "tag": ("t", "tag"),
    "move": ("m", "Move to"),
    "sidebar": ("\t", "Inbox"),
    "outbox": ("O", "Outbox"),
    "trust": ("T", "Trust"),
    "contacts": ("C", "Contacts"),
    "a new contact": ("C n", "Name"),
    "identities": ("I", "Identities"),
    "a new identity": ("I n", "A new identity"),
    "settings": (",", "Settings"),
    "search of the settings": (", /", "Settings"),
    "help": ("?", "q Close"),
    "palette": ("\x10", "Search"),
    "theme": ("\x10 theme \r", "theme"),
    "certificate question": ("T a", "erin@shell.test"),
    "typing a certificate": ("T a \t \t \r", "····"),
    "menu": ("\x1b[<2;40;4M\x1b[<2;40;4m", "Everything else"),
    "details of a pin": ("T \r", "erin@shell.test"),
    "a new setting": (", n", "host"),
}
"""How each is opened from the inbox, and what stands there then."""


def state(desk) -> tuple[object, ...]:
    with closing(Outbox(desk.profile.outbox_db)) as outbox:
        rows = len(outbox.rows())
    with PinBook(desk.profile.trust_db) as pins:
        trust = [(pin.kind, pin.name) for pin in pins.all()], len(pins.offers())
    identities = sorted(path.name for path in desk.profile.identities.iterdir())
    return desk.mail(), desk.drafts(), rows, trust, identities, desk.profile.config.read_text()


def paste_all(terminal) -> None:
    """Everything hostile, one after the other; each is a paste of its own."""
    for text in HOSTILE:
        terminal.send(PASTE_START + text + PASTE_END)
        terminal.read(3 * SETTLED)
    terminal.settle()


def in_inbox(terminal) -> bool:
    """Whether nothing but the inbox is shown; the palette would leave its top and its last line."""
    shown = terminal.shown
    return (
        all(f"message {number}" in shown for number in range(MESSAGES))
        and f"{MESSAGES} conversations" in shown
        and "▔" not in shown
        and "c Compose" in shown.splitlines()[-1]
    )


def to_inbox(terminal) -> None:
    """Back from wherever a test left it, without a key that ends the program."""
    for key in (b"\x1b", b"M", b"\x1b", b"M", b"\x1b", b"M"):
        terminal.press(key)
        if in_inbox(terminal):
            return
    terminal.until(lambda: in_inbox(terminal))


@pytest.fixture(scope="module")
def free(several):
    """The programs that nobody uses at the moment."""
    desks = SimpleQueue()
    for desk in several:
        desks.put(desk)
    return desks


@pytest.fixture
def shared(free):
    """One of them, in the inbox."""
    with lent(free) as desk:
        yield desk


@contextmanager
def lent(free):
    desk = free.get()
    try:
        if not in_inbox(desk.terminal):  # a test failed there
            to_inbox(desk.terminal)
        yield desk
    finally:
        free.put(desk)


def title_of(terminal) -> str:
    """The title of a screen, without the count that may come a moment later."""
    return terminal.shown.splitlines()[0].partition("·")[0].rstrip()


def attack(free, place: str) -> None:
    """Paste everything into one place."""
    opening, sign = LIST_SCREENS[place]
    with lent(free) as desk:
        terminal = desk.terminal
        for keys in filter(None, opening.split(" ")):
            terminal.change(keys)
        terminal.until(lambda: sign.casefold() in terminal.shown.casefold())
        title, before = title_of(terminal), state(desk)
        paste_all(terminal)
        assert title_of(terminal) == title, terminal.shown
        assert state(desk) == before
        to_inbox(terminal)
        assert state(desk) == before


@pytest.fixture(scope="module")
def attacks(request, several, free):
    """The attack on each place that is to be tested, several at once: a program waits most of the time."""
    places = [
        item.callspec.params["place"]
        for item in request.session.items
        if item.path == request.path and "place" in getattr(item, "fixturenames", ())
    ]
    with ThreadPoolExecutor(len(several)) as pool:
        yield {place: pool.submit(attack, free, place) for place in places}


@pytest.mark.parametrize("place", LIST_SCREENS)
def test_a_paste_is_no_key(attacks, place):
    attacks[place].result()


@pytest.mark.opens(command=lambda root: program("--profile", f"{root}-new"))
def test_a_paste_is_no_key_in_the_wizard(opened):
    desk = opened()
    terminal, root = desk.terminal, desk.profile.root
    terminal.until("Misfin, e-mail, or both?")
    terminal.settle(2 * QUIET)
    terminal.send("\r")
    terminal.until("Next")
    terminal.settle(2 * QUIET)
    for keys in ("\t", "\t", "\t", "\t", "\t"):
        first = terminal.shown.splitlines()[:3]
        paste_all(terminal)
        assert terminal.shown.splitlines()[:3] == first
        terminal.press(keys)
    assert not list(root.with_name(f"{root.name}-new").rglob("*.pem"))
    terminal.send(b"\x11")
    assert terminal.wait() == 0


def test_what_is_pasted_into_a_message_is_its_text(shared):
    terminal = shared.terminal
    shared.write(to="", subject="")
    for _ in range(2):
        terminal.press(b"\x1b[Z")
    terminal.paste(b"\x1b[1mzoe@hive.test\x13\n bea@hive.test\x1b;")
    terminal.until("bea@hive.test")
    terminal.press("\r")
    terminal.paste(b"a \x1bsubject\x11")
    terminal.press("\r")
    terminal.paste(b"body \x1b ;\x13 more\r\n\tand\rmore\x1b[201~ \x13;d")
    terminal.until("draft saved")
    terminal.press(b"\x1b")
    terminal.until("Kept as a draft.")
    (draft,) = shared.drafts()
    assert draft.to == ("[1mzoe@hive.test", "bea@hive.test")
    assert draft.subject == "a subject"
    assert draft.body == "body  ; more\n\tand\nmore ;d"
    assert state(shared)[2] == 0


def test_a_paste_cut_in_pieces_with_pauses_is_one_text(shared):
    terminal = shared.terminal
    before = state(shared)
    for piece in (PASTE_START[:3], PASTE_START[3:] + b"dd\x1b", b"dd;", b"q\x1b[20", b"1", b"~"):
        terminal.send(piece)
        terminal.read(0.3)
    terminal.settle()
    assert "6 conversations" in terminal.shown
    assert state(shared) == before


def test_of_a_paste_of_10_mb_nothing_is_taken_and_it_is_said(shared):
    terminal = shared.terminal
    before = state(shared)
    terminal.send(PASTE_START + b"d;q\x1b\n" * (1 << 21) + PASTE_END)
    terminal.until("10,485,760 bytes")
    with open(f"/proc/{terminal.pid}/statm") as file:
        assert int(file.read().split()[1]) * 4096 < 200 << 20
    terminal.press("?")
    terminal.until("q Close")
    to_inbox(terminal)
    assert state(shared) == before


def with_account(root: str) -> tuple[str, ...]:
    """Open the program on a profile that has an account for ordinary mail."""
    with open(f"{root}/config.toml", "a") as config:
        config.write('[identity]\ndefault = "work"\n')
        config.write('[accounts.work]\nkind = "email"\naddress = "ada@example.org"\n')
    return program("--profile", root)


@pytest.mark.opens(command=with_account)
def test_what_is_pasted_into_the_fields_of_ordinary_mail_is_text(opened):
    desk = opened()
    terminal = desk.terminal
    terminal.until("c Compose")
    terminal.settle(2 * QUIET)
    terminal.press("c")
    terminal.until("Subject")
    terminal.settle()
    steps = ((b"\x1bOQ", "Cc "), (b"\x1bOQ", "Bcc "), (b"\x1bOR", "Attach files"), (b"\x1b[15~", "Send at"))
    for key, sign in steps:
        terminal.press(key)
        terminal.until(sign)
        paste_all(terminal)
        assert "New message" in terminal.shown, terminal.shown
        if sign in ("Attach files", "Send at"):
            assert sign in terminal.shown
            terminal.press(b"\x1b")
    terminal.until("draft saved")
    (draft,) = desk.drafts()
    assert "zoe" not in str(draft.to)
    assert "hello" in str(draft.cc)
    assert "hello" in str(draft.bcc)
    assert all(text.isprintable() for text in (*draft.cc, *draft.bcc))
    assert state(desk)[2] == 0
