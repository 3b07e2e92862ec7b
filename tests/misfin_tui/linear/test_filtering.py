"""Filters in plain lines: tried on the inbox, saved, run, removed."""

from __future__ import annotations

import pytest
from desk import ALICE, make_profile
from linedesk import at_lines
from mailboxes import Mailbox, mail

from misfin_tui import config


@pytest.fixture
def profile(tmp_path):
    made = make_profile(tmp_path / "profile")
    box = Mailbox(made.mail, ALICE)
    box.put(mail("Weekly report", "Numbers."))
    box.put(mail("Soup", "Hot."))
    return made


async def scanned(lines) -> None:
    lines.desk.services.mail.start()
    await lines.until("inbox", lambda said: "2 conversations" in said)


async def test_a_search_is_tried_saved_and_run(profile):
    async with at_lines(profile) as lines:
        await scanned(lines)
        assert "There is no filter yet." in await lines.do("filters")
        answers = ("work, later", "", "yes", "", "", "save and")
        said = await lines.do("filter subject:report", *answers)
        assert "1 message in the inbox matches: Bob: Weekly report" in said
        assert "Saved as report; it runs on new mail from now on." in said
        assert "1 message changed." in said
        rule = config.load(profile.config).filters["report"]
        assert (rule.search, rule.tag, rule.read, rule.notify) == (
            "subject:report",
            ("work", "later"),
            True,
            True,
        )
        listed = await lines.do("filters")
        assert "1. report: subject:report. Action: tag work, tag later, mark as read." in listed
        assert "1 message in the inbox matches: Bob: Weekly report" in await lines.do("1")


async def test_a_filter_for_messages_like_the_open_one(profile):
    async with at_lines(profile) as lines:
        await scanned(lines)
        await lines.do("1")
        said = await lines.do("filter", "tagged", "", "", "", "bobs", "save")
        assert "For messages like this one: from:bob@remote.host" in said
        assert config.load(profile.config).filters["bobs"].search == "from:bob@remote.host"


async def test_what_would_do_nothing_or_is_no_search_is_not_saved(profile):
    async with at_lines(profile) as lines:
        await scanned(lines)
        said = await lines.do("filter soup", "", "", "", "")
        assert "It would do nothing, so it was not saved." in said
        assert "Nothing was saved." in await lines.do("filter soup", "tag", "", "", "", "", "")
        assert "(" not in await lines.do("filter (soup")
        assert config.load(profile.config).filters == {}


async def test_a_filter_is_removed_after_asking_and_the_file_keeps_its_comments(profile):
    profile.config.write_text(
        profile.config.read_text() + '# mine\n[filters.one]\nsearch = "x"\ntag = ["a"]\n'
        '[filters.two]\nsearch = "y"\nread = true\n'
    )
    async with at_lines(profile) as lines:
        await lines.do("filters")
        await lines.do("remove 1", "")
        assert set(config.load(profile.config).filters) == {"one", "two"}
        assert "The filter one was removed." in await lines.do("remove 1", "remove")
        assert set(config.load(profile.config).filters) == {"two"}
        await lines.do("filters")
        await lines.do("remove 1", "remove")
        assert "filters" not in profile.config.read_text()
        assert "There is no filter yet." in await lines.do("filters")
