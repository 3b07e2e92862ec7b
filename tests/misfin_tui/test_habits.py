"""Everyday tasks take as many keys as docs/habits.md says, and never more than in every other program."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from desk import SETTINGS, at_desk, make_profile, notices, settled, shown, type_text, until
from mailboxes import Mailbox, mail

from misfin_tui.screens.compose import ComposeScreen
from misfin_tui.screens.thread import ThreadScreen
from misfin_tui.services.lists import Lists
from misfin_tui.services.outside import Outside

PAGE = Path(__file__).parents[2] / "docs" / "habits.md"
WORK = '[accounts.work]\nkind = "email"\naddress = "ada@example.org"\nsmtp = "smtps://smtp.example.org"\n'
LEAVE = "https://lists.example/leave"
LINK = "https://example.org/agenda"
SIGNS = {"→": "right", "←": "left", "]": "right_square_bracket", ";": "semicolon", "@": "at", "/": "slash"}
"""How keys are written on the page, and how they are pressed."""


@dataclass(frozen=True)
class Seen:
    """What a check may look at."""

    app: Any
    done: list[str]
    folder: Path

    def said(self, words: str) -> bool:
        return any(words in notice for notice in notices(self.app))

    def writing(self, words: str) -> bool:
        return isinstance(self.app.screen, ComposeScreen) and words in shown(self.app)


@dataclass(frozen=True)
class Habit:
    """What is typed besides the keys, in its order; what is pressed before; and whether it was done."""

    done: Callable[[Seen], object]
    typed: tuple[str, ...] = ()
    before: tuple[str, ...] = ()


def _view(seen: Seen) -> Any:
    return seen.app.screen_stack[0].messages.view


HABITS = {
    "Read the next unread message": Habit(
        lambda seen: isinstance(seen.app.screen, ThreadScreen) and "About plans." in shown(seen.app)
    ),
    "Reply": Habit(lambda seen: seen.writing("crew@lists.example")),
    "Reply to all": Habit(lambda seen: seen.writing("bea@example.org")),
    "Forward": Habit(lambda seen: seen.writing("Fwd: Agenda")),
    "Archive": Habit(lambda seen: seen.said("archived")),
    "Delete": Habit(lambda seen: seen.said("z undo") and "Agenda" not in shown(seen.app)),
    "Undo that": Habit(lambda seen: "Agenda" in shown(seen.app), before=("d",)),
    "Search": Habit(lambda seen: "plans" in _view(seen).query, ("plans",)),
    "Save an attachment": Habit(lambda seen: [*seen.folder.rglob("agenda.txt")]),
    "Write a new message and send it": Habit(
        lambda seen: seen.said("z undo") or seen.said("z to undo"), ("bea@example.org", "Hello", "Text.")
    ),
    "Go to another folder": Habit(lambda seen: _view(seen).folder == "Archive", ("arch",)),
    "Mark as unread, or as read": Habit(lambda seen: seen.said("marked")),
    "Flag it": Habit(lambda seen: seen.said("starred")),
    "Tag it": Habit(lambda seen: seen.said("crew"), ("crew",)),
    "Block the sender": Habit(lambda seen: seen.said("crew@lists.example is blocked")),
    "Leave a mailing list": Habit(lambda seen: seen.done == [LEAVE]),
    "Open a link": Habit(lambda seen: seen.done == [LINK]),
    "Go to the next folder": Habit(lambda seen: _view(seen).account is not None),  # from all inboxes together
    "Go to the next account": Habit(lambda seen: _view(seen).account is not None),
    "Quit": Habit(lambda seen: seen.app._exit),
}


def rows() -> dict[str, list[str]]:
    """The table of the page: its cells by task, ours last."""
    lines = [
        line.strip("|\n ").split(" | ") for line in PAGE.read_text().splitlines() if line.startswith("| ")
    ]
    return {cells[0].strip(): [cell.strip() for cell in cells[1:]] for cells in lines[2:]}


def count(cell: str) -> int | None:
    """The number of a cell, which is that of its keys; None for a dash."""
    if cell == "–":
        return None
    said, _, keys = cell.partition(": ")
    assert int(said) == len(re.findall(r"`[^`]+`", keys)), cell
    return int(said)


def test_the_page_has_twenty_tasks_and_all_are_tried():
    assert list(rows()) == list(HABITS)
    assert len(HABITS) == 20


@pytest.mark.parametrize("task", HABITS)
def test_no_task_takes_more_keys_here_than_everywhere_else(task):
    *others, ours = (count(cell) for cell in rows()[task])
    counts = [each for each in others if each is not None]
    assert ours is not None
    assert not counts or ours <= max(counts)


@pytest.fixture
def profile(profile_root):
    profile = make_profile(profile_root, settings=SETTINGS + WORK)
    mailbox = Mailbox(profile.mail, "work")
    agenda = EmailMessage()
    agenda["From"], agenda["To"] = "Crew <crew@lists.example>", "ada@example.org, bea@example.org"
    agenda["Subject"], agenda["Message-ID"] = "Agenda", "<agenda@lists.example>"
    agenda["Date"], agenda["List-Id"] = "Tue, 22 Sep 2026 12:00:00 +0000", "Crew <crew.lists.example>"
    agenda["List-Unsubscribe"] = f"<{LEAVE}>"
    agenda["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    agenda.set_content(f"Have a look.\n\n{LINK}\n")
    agenda.add_attachment("All of it.\n", filename="agenda.txt")
    mailbox.put(agenda.as_bytes())
    mailbox.put(mail("plans", "About plans.", to="ada@example.org", sender="Bea <bea@example.org>"))
    return profile


@pytest.mark.parametrize("task", HABITS)
async def test_the_keys_of_the_page_do_it(task, profile, tmp_path, monkeypatch):
    done: list[str] = []

    async def noted(_self: object, target: str) -> None:
        done.append(target)

    monkeypatch.setattr(Lists, "leave", noted)
    monkeypatch.setattr(Outside, "open_link", noted)
    monkeypatch.setattr(Outside, "opener", lambda _self, _target: "a browser")
    monkeypatch.setenv("HOME", str(tmp_path))
    habit = HABITS[task]
    async with at_desk(profile, (120, 36)) as (app, pilot):
        await until(pilot, lambda: "Inbox · 2 conversations" in shown(app) or "All inboxes · 2" in shown(app))
        for key in habit.before:
            await pilot.press(key)
            await settled(pilot)
        texts = iter(habit.typed)
        for key in re.findall(r"`([^`]+)`|(…)", rows()[task][-1]):
            if key[1]:
                await type_text(pilot, next(texts))
            else:
                await pilot.press(SIGNS.get(key[0], key[0]))
            if task != "Quit":
                await settled(pilot)
        seen = Seen(app, done, tmp_path)
        await until(pilot, lambda: habit.done(seen), task)
