"""Hostile text is inert everywhere: on every screen, in every notice, and by rule in the source."""

from __future__ import annotations

import ast
import time
import unicodedata
from pathlib import Path

import pytest
from desk import ALICE, at_desk, make_profile, on_screen, settled, until
from mailboxes import Mailbox, mail
from post import gemmail
from textual.widgets import Input, TextArea

import misfin_tui
from misfin.errors import StoreError
from misfin.store.outgoing.drafts import Draft
from misfin.store.people.contacts import Contact, ContactBook
from misfin_tui.messages import MailChanged, OutboxChanged, Problem
from misfin_tui.screens.thread import ThreadScreen

EVIL = (
    "[/x] [@click=app.quit]go[/] [bold \x1b]0;owned\x07 \x1b[2J\x1b[6n \x1b]52;c;aGk=\x07 \x9b31m \x85 \x00"
    " \x7f"
    " \u202egnp.exe\u202c \u2066x\u2069 \u200b\u200d\u2060\ufeff \ud800 \U000e0041\U000e0042"
    " a\u0300\u0301\u0302\u0303\u0304\u0305\u0306\u0307 \u2028 \r end"
)
"""Markup that crashes or acts, escape sequences, C1, overrides, hidden characters, half a pair, a flood."""

NAME = "[/x] [@click=app.quit] \x1b]0;owned\x07 \x9b31m \u202egnp\u2066 \u200b/../ \U000e0041"
TYPE = "[/x]\x1b[2J\x9b\u202e\u200b"
BODY = (
    f"# {EVIL}\n\n{EVIL}\n=> https://evil.test/{EVIL.split()[0]}\u202egpj.exe {EVIL}\n"
    f"* {EVIL}\n> {EVIL}\n```{EVIL}\n{EVIL}\n```\n"
)
WIRE = BODY.encode("utf-8", "replace").decode()

FORBIDDEN = set(
    "\u061c\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff"
)


JOINERS = set("\u200c\u200d")
"""Part of how some scripts and emoji are written: fields in which a person writes keep them."""


def what_acts(app) -> list[str]:
    """Every character on the screen, whatever is drawn, that a terminal would act on."""
    writing = isinstance(app.focused, (Input, TextArea))
    forbidden = FORBIDDEN - JOINERS if writing else FORBIDDEN
    found = []
    for screen in app.screen_stack:
        for strip in screen._compositor.render_strips():
            for segment in strip:
                if segment.control:
                    continue
                found += [
                    f"U+{ord(each):04X} in {segment.text!r}"
                    for each in segment.text
                    if unicodedata.category(each) in ("Cc", "Cs") or each in forbidden or ord(each) >= 0xE0000
                ]
                assert not any("@click" in key for key in (segment.style.meta if segment.style else {}))
    return found


@pytest.fixture
def profile(profile_root):
    made = make_profile(profile_root)
    mailbox = Mailbox(made.mail, ALICE)
    mailbox.put(gemmail(WIRE, senders=("mallory@evil.test " + "x",)))
    evil = EVIL.replace("\r", " ").replace("\u2028", " ").replace("\x85", " ").replace("\x00", " ")
    evil = evil.encode("utf-8", "replace").decode()
    mailbox.put(
        mail(evil, evil, sender=f'"{evil}" <mallory@evil.test>', to=f"{evil} <{ALICE}>", X_Evil=evil),
        name="1790000001.M1P1.[bold]x",
    )
    mailbox.put(gemmail(WIRE, senders=("mаllory@evil.test Mallory",)), folder="Held")
    book = ContactBook(made.contacts_db)
    book.save(Contact("mallory@evil.test", own_name=evil, notes=evil))
    book.close()
    return made


async def go_inbox(app, pilot):
    await until(pilot, lambda: app.screen.preview.message is not None)


async def go_other_message(app, pilot):
    await pilot.press("j")
    await settled(pilot)


async def go_selection(app, pilot):
    await pilot.press("x", "X", "t", "left_square_bracket", "slash")


async def go_search(app, pilot):
    await pilot.press("slash", *"from", "colon", "m")
    await settled(pilot)


async def go_thread(app, pilot):
    await pilot.press("enter")
    await until(
        pilot, lambda: isinstance(app.screen, ThreadScreen) and app.screen.thread.document.parts[-1].message
    )


async def go_details(app, pilot):
    await go_thread(app, pilot)
    await pilot.press("i")


async def go_link(app, pilot):
    await go_thread(app, pilot)
    await pilot.press("o", "1")
    await settled(pilot)
    await pilot.press("enter")


async def go_pipe(app, pilot):
    await go_thread(app, pilot)
    await pilot.press("vertical_line", *"cat", "enter")
    await settled(pilot)


async def go_save(app, pilot):
    await go_thread(app, pilot)
    await pilot.press("S")


def attach(app) -> None:
    """A message whose attachments are named, typed and linked with hostile text."""
    part = f'Content-Disposition: attachment; filename="{NAME}.sh"\nContent-Type: evil/{TYPE}\n\n'
    boundary = 'multipart/mixed; boundary="b"'
    body = f"--b\n\nhttps://evil.test/{TYPE} cid:{TYPE}@x mid:{TYPE}@x\n--b\n{part}one\n--b\n{part}two\n--b--"
    data = mail("Attached", body, sender="mallory@evil.test", date=time.time(), Content_Type=boundary)
    Mailbox(app.services.profile.mail, ALICE).put(data)
    app.services.mail.rescan()


async def go_attachments(app, pilot):
    attach(app)
    await on_screen(pilot, "Attached")
    while app.screen.messages.current.subject != "Attached":
        await pilot.press("g")
    await go_thread(app, pilot)
    await on_screen(pilot, "+ [/x]")
    await pilot.press("v")
    await on_screen(pilot, "2 attachments")


async def go_opening(app, pilot):
    await go_attachments(app, pilot)
    await pilot.pause()
    await pilot.click("#open")
    await on_screen(pilot, "Open this attachment?")


async def go_saving(app, pilot):
    await go_attachments(app, pilot)
    await pilot.press("enter", "enter")
    await until(
        pilot, lambda: app.screen.prompts.prompt is not None and app.screen.prompts.prompt.line.has_focus
    )
    assert app.screen.prompts.prompt.line.value.count("/") == 1  # the one after ~


async def go_paths(app, pilot):
    folder = app.services.profile.root / "files"
    folder.mkdir()
    for name in ("a\x1b[2Jb", "a\u202ec", "a[bold]d"):
        (folder / name).touch()
    await go_thread(app, pilot)
    await pilot.press("S")
    await until(
        pilot, lambda: app.screen.prompts.prompt is not None and app.screen.prompts.prompt.line.has_focus
    )
    app.screen.prompts.prompt.line.value = f"{folder}/a"
    await on_screen(pilot, "⇥ a[bold]d")


async def go_menu(app, pilot):
    await go_thread(app, pilot)
    await pilot.click("#thread", offset=(5, 1), button=3)
    await on_screen(pilot, "│ Reply ")


async def go_reply(app, pilot):
    await pilot.press("r")
    await settled(pilot)


async def go_forward(app, pilot):
    await pilot.press("f")
    await settled(pilot)


async def go_compose(app, pilot):
    app.open_composer(Draft(account=ALICE, to=(EVIL,), subject=EVIL, body=BODY))
    await settled(pilot)


async def go_place(app, pilot, key: str):
    await pilot.press(key)
    await settled(pilot)


async def go_palette(app, pilot):
    await pilot.press("ctrl+p")
    await settled(pilot)
    await pilot.press(*"mal")
    await settled(pilot)


async def go_notices(app, pilot):
    app.say(EVIL)
    app.report(StoreError(EVIL, remedy=EVIL), EVIL)
    app.post_message(OutboxChanged(EVIL, "warning"))
    app.post_message(Problem(EVIL, EVIL))
    app.post_message(MailChanged(2, EVIL, EVIL))


SCREENS = {
    "inbox": go_inbox,
    "other message": go_other_message,
    "selection and tag": go_selection,
    "search": go_search,
    "conversation": go_thread,
    "details": go_details,
    "link dialog": go_link,
    "pipe output": go_pipe,
    "save": go_save,
    "attachments": go_attachments,
    "opening an attachment": go_opening,
    "saving an attachment": go_saving,
    "completing a path": go_paths,
    "menu": go_menu,
    "reply": go_reply,
    "forward": go_forward,
    "composer": go_compose,
    "outbox": lambda app, pilot: go_place(app, pilot, "O"),
    "trust": lambda app, pilot: go_place(app, pilot, "T"),
    "contacts": lambda app, pilot: go_place(app, pilot, "C"),
    "identities": lambda app, pilot: go_place(app, pilot, "I"),
    "settings": lambda app, pilot: go_place(app, pilot, "comma"),
    "help": lambda app, pilot: go_place(app, pilot, "question_mark"),
    "palette": go_palette,
    "notices": go_notices,
}


@pytest.mark.parametrize("place", SCREENS)
async def test_no_character_a_terminal_obeys_is_drawn(profile, place):
    async with at_desk(profile, (110, 36)) as (app, pilot):
        await on_screen(pilot, "Inbox · 3 conversations")
        await SCREENS[place](app, pilot)
        await settled(pilot)
        assert what_acts(app) == []
        assert app.is_running


async def test_a_look_alike_sender_is_pointed_out(profile):
    async with at_desk(profile, (110, 36)) as (app, pilot):
        await on_screen(pilot, "Inbox · 3 conversations")
        app.screen.sidebar.focus()
        await until(pilot, lambda: app.screen.sidebar.has_focus)
        await pilot.press("g", *"jjjjjj", "enter")
        await on_screen(pilot, "Held · 1 conversation")
        await pilot.press("enter")
        await on_screen(pilot, "mixes Cyrillic and Latin letters")


# ---- by rule

SOURCE = Path(misfin_tui.__file__).parent
TAKE_TEXT = {"Label", "Static", "Option", "Button", "Checkbox", "Switch", "Select", "TabPane"}
"""Widgets that take a str for markup."""
TITLES = {"border_title", "border_subtitle", "tooltip"}


def _is_safe(node: ast.expr | None) -> bool:
    """A literal, ``Content``, or nothing."""
    if node is None or isinstance(node, (ast.Constant, ast.List, ast.Tuple)):
        return True
    if isinstance(node, ast.IfExp):
        return _is_safe(node.body) and _is_safe(node.orelse)
    call = node.func if isinstance(node, ast.Call) else node
    while isinstance(call, ast.Attribute):
        call = call.value
    return isinstance(call, ast.Name) and call.id in ("Content", "Text")


def findings(tree: ast.AST) -> list[tuple[int, str]]:
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            found += [
                (node.lineno, f"{target.attr} set to something that may hold markup")
                for target in node.targets
                if isinstance(target, ast.Attribute) and target.attr in TITLES and not _is_safe(node.value)
            ]
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        keywords = {keyword.arg: keyword.value for keyword in node.keywords}
        markup = keywords.get("markup")
        off = isinstance(markup, ast.Constant) and markup.value is False
        if name == "notify" and not off:
            found.append((node.lineno, "notify() without markup=False"))
        if name in TAKE_TEXT and node.args and not off and not _is_safe(node.args[0]):
            found.append((node.lineno, f"{name}() with text that may hold markup"))
    return found


def test_the_source_gives_no_text_a_chance_to_be_markup():
    problems = [
        f"{path.relative_to(SOURCE)}:{line}: {what}"
        for path in sorted(SOURCE.rglob("*.py"))
        for line, what in findings(ast.parse(path.read_text("utf-8")))
    ]
    assert problems == []


@pytest.mark.parametrize(
    "line",
    [
        "self.notify(text)",
        "app.notify(text, markup=True)",
        "Static(subject)",
        "Label(f'{subject}')",
        "Option(plain(subject, one_line=True))",
        "box.border_title = plain(subject, one_line=True)",
    ],
)
def test_the_rule_finds_what_it_is_for(line):
    assert findings(ast.parse(line))


@pytest.mark.parametrize(
    "line",
    [
        "self.notify(text, markup=False)",
        "Static(Content(text))",
        "Static('words')",
        "box.border_title = Content(text)",
    ],
)
def test_the_rule_lets_safe_lines_pass(line):
    assert not findings(ast.parse(line))
