"""Filters in the program: in the settings, at the shell, made from a message, and quiet where they say so."""

from __future__ import annotations

import json
import time

import pytest
from desk import ALICE, SETTINGS, at_desk, make_profile, notices, on_screen, settled, shown, until
from mailboxes import Mailbox, mail
from textual.widgets import Checkbox, Input

from misfin.post.inbox import LocalInbox
from misfin.store.mail.maildir import MailStore
from misfin_tui import config
from misfin_tui.cli import main
from misfin_tui.dialogs.filter import FilterDialog
from misfin_tui.services.arriving import arrival_filters

RULES = """
[filters.crew]
search = "list:crew"
folder = "Lists/Crew"
[filters.wrong]
search = "is:purple"
tag = "x"
[filters.idle]
search = "news"
[filters.tagged]
search = "subject:news"
tag = ["work", "todo"]
notify = false
"""


@pytest.fixture
def profile(profile_root):
    return make_profile(profile_root)


@pytest.fixture
def mailbox(profile):
    return Mailbox(profile.mail, ALICE)


def news(number: int = 1, **fields: str) -> bytes:
    return mail(f"News {number}", "Nothing.", date=time.time() - number, **fields)


def test_a_wrong_filter_is_reported_with_its_line_and_the_others_stay(tmp_path):
    problems: list[str] = []
    found = config.parse(RULES, "config.toml", problems)
    assert list(found.filters) == ["crew", "tagged"]
    assert found.filters["tagged"].tag == ("work", "todo")
    assert [problem.partition(": ")[0] for problem in problems] == [
        "config.toml, line 6",
        "config.toml, line 8",
    ]
    assert problems[0].endswith("The filter wrong is left out.")
    assert tuple(problems) == found.filter_problems == config.parse(RULES).filter_problems


def test_filters_run_where_mail_is_filed_and_changes_to_the_file_count_at_once(profile, mailbox):
    store = MailStore(profile.mail)
    filters = arrival_filters(profile, store)
    inbox = LocalInbox(store, arrived=filters.arrived)
    inbox.file(ALICE, "Inbox", [news(1, List_Id="<crew.example>")])
    profile.config.write_text(SETTINGS + RULES)
    inbox.file(ALICE, "Inbox", [news(2, List_Id="<crew.example>")])
    filters.close()
    assert len(mailbox.files("Inbox")) == len(mailbox.files("Lists/Crew")) == 1
    profile.config.write_text("not TOML")
    inbox.file(ALICE, "Inbox", [news(3, List_Id="<crew.example>")])
    filters.close()
    assert len(mailbox.files("Lists/Crew")) == 2


def test_at_the_shell_filters_are_listed_tried_and_run(profile, mailbox, capsys):
    profile.config.write_text(SETTINGS + RULES)
    for number in range(3):
        mailbox.put(news(number, List_Id="<crew.example>"))
    mailbox.put(mail("other"))
    there = ["--profile", str(profile.root), "filters"]
    assert main([*there, "list"]) == 1
    out, err = capsys.readouterr()
    assert out.splitlines()[0].endswith("move to Lists/Crew")
    assert "line 9" in err or "line" in err
    assert main([*there, "try", "crew", "-n", "1"]) == 0
    assert capsys.readouterr().out.splitlines() == ["crew finds 3 messages in the inbox.", "  Bob: News 0"]
    assert main([*there, "try", "subject:other", "--json"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[0]) == {"count": 1}
    assert main([*there, "try", "is:purple"]) != 0
    assert main([*there, "run", "nobody"]) != 0
    assert len(mailbox.files("Inbox")) == 4
    capsys.readouterr()
    assert main([*there, "run", "crew"]) == 0
    assert capsys.readouterr().out == "crew: 3 messages changed\n"
    assert len(mailbox.files("Inbox")) == 1
    assert len(mailbox.files("Lists/Crew")) == 3


async def filter_dialog(app, pilot):
    await pilot.press("K")
    await until(pilot, lambda: app.screen.prompts.prompt is not None)
    await pilot.pause()
    await pilot.press("enter")
    await until(pilot, lambda: isinstance(app.screen, FilterDialog))


@pytest.mark.parametrize("size", [(80, 24), (200, 50)])
async def test_a_filter_is_tried_before_it_is_saved_and_undone_after_it_has_run(profile, mailbox, size):
    for number in range(7):
        mailbox.put(news(number, List_Id="Crew <crew.example>"))
    async with at_desk(profile, size) as (app, pilot):
        await until(pilot, lambda: "Inbox · 7 conversations" in shown(app))
        await filter_dialog(app, pilot)
        await on_screen(pilot, "list:crew.example")
        await on_screen(pilot, "7 messages in the inbox match:")
        await on_screen(pilot, "and 2 more")
        assert app.screen.query_one("#name", Input).value == "crew"
        await pilot.click("#now")
        await on_screen(pilot, "It does nothing yet")
        app.screen.query_one("#folder", Input).value = "Lists/Crew"
        app.screen.query_one("#notify", Checkbox).value = False
        await settled(pilot)  # the button moves as the complaint appears and goes
        await pilot.click("#now")
        await until(
            pilot, lambda: any("Filter saved; 7 messages changed." in notice for notice in notices(app))
        )
        await until(pilot, lambda: len(mailbox.files("Lists/Crew")) == 7)
        rule = config.load(profile.config).filters["crew"]
        assert (rule.search, rule.folder, rule.notify) == ("list:crew.example", "Lists/Crew", False)
        await pilot.press("z")
        await until(pilot, lambda: len(mailbox.files("Inbox")) == 7)


async def test_closing_saves_nothing(profile, mailbox):
    mailbox.put(news())
    before = profile.config.read_text()
    async with at_desk(profile) as (app, pilot):
        await until(pilot, lambda: "Inbox · 1 conversation" in shown(app))
        await filter_dialog(app, pilot)
        await on_screen(pilot, "from:bob@remote.host")
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, FilterDialog))
    assert profile.config.read_text() == before


async def test_mail_that_a_filter_keeps_quiet_about_is_not_announced(profile, mailbox):
    profile.config.write_text(SETTINGS + '[filters.x]\nsearch = "subject:news"\nnotify = false\n')
    mailbox.put(mail("old"))
    async with at_desk(profile) as (app, pilot):
        await until(pilot, lambda: "Inbox · 1 conversation" in shown(app))
        await until(pilot, lambda: app.services.mail._known is not None)
        mailbox.put(news())
        await until(pilot, lambda: "Inbox · 2 conversations" in shown(app))
        mailbox.put(mail("loud", date=time.time()))
        await until(pilot, lambda: any("loud" in notice for notice in notices(app)))
        assert not any("News" in notice for notice in notices(app))


async def test_keys_typed_before_the_question_is_there_are_its_answer(profile, mailbox):
    mailbox.put(news())
    async with at_desk(profile) as (app, pilot):
        await until(pilot, lambda: "Inbox · 1 conversation" in shown(app))
        await pilot.press("K", "enter")
        await until(pilot, lambda: isinstance(app.screen, FilterDialog))
