"""Filters for new mail, in the process that files it: what they do, and that nothing stops the mail."""

from __future__ import annotations

import logging

import pytest
from mailboxes import ME, Mailbox, mail

from misfin.post.filters import ArrivalFilters, FilterRule
from misfin.post.inbox import LocalInbox
from misfin.post.source import Arrival
from misfin.store.index.digest import Owner
from misfin.store.mail.keywords import read_keywords


@pytest.fixture
def box(tmp_path):
    return Mailbox(tmp_path / "mail")


def arrive(box, *rules: FilterRule, data: bytes, flags: str = "", folder: str = "Inbox") -> list[str]:
    """Where a message is once it has arrived and the rules have run: folder/subdir/flags."""
    filters = ArrivalFilters(lambda: rules, box.store, lambda directory: Owner(directory, directory))
    inbox = LocalInbox(box.store, arrived=filters.arrived)
    (path,) = inbox.write(ME, folder, [data])
    inbox.deliver(Arrival(ME, folder, path, flags))
    filters.close()
    return [
        f"{name}/{file.parent.name}/{file.name.partition(':2,')[2]}"
        for name in box.store.folders(ME)
        for file in box.files(name)
    ]


CREW = mail("News", List_Id="<crew.lists.example>")


def test_all_tags_and_marks_and_the_first_folder(box):
    rules = (
        FilterRule("tags", "list:crew", tags=("crew", "list")),
        FilterRule("first", "subject:news", folder="Lists/Crew", star=True),
        FilterRule("second", "from:bob", folder="Archive", tags=("bob",)),
        FilterRule("other", "from:carol", folder="Trash", read=True),
    )
    (place,) = arrive(box, *rules, data=CREW)
    folder, subdir, flags = place.rsplit("/", 2)
    assert (folder, subdir) == ("Lists/Crew", "cur")
    tags = read_keywords(box.path("Lists/Crew"))
    assert {tags.get(flag, flag) for flag in flags} == {"crew", "list", "bob", "F"}


def test_mail_that_fits_nothing_or_is_read_or_elsewhere_stays(box):
    rule = FilterRule("crew", "list:crew", folder="Archive")
    assert arrive(box, rule, data=mail("hello")) == ["Inbox/new/"]
    arrive(box, rule, data=CREW, flags="S")
    assert not box.files("Archive")
    arrive(box, rule, data=CREW, folder="Junk")
    assert not box.files("Archive")


def test_a_filter_for_one_account_leaves_others_alone(box):
    assert arrive(box, FilterRule("x", "news", read=True, account="other"), data=CREW) == ["Inbox/new/"]
    (place,) = arrive(
        Mailbox(box.root.parent / "b"), FilterRule("x", "news", read=True, account=ME), data=CREW
    )
    assert place == "Inbox/cur/S"


def test_a_filter_that_fails_is_reported_and_the_others_run(box, caplog):
    rules = (
        FilterRule("broken", "in:Nowhere", folder="Junk"),
        FilterRule("fine", "news", folder="Archive"),
    )
    with caplog.at_level(logging.ERROR, "misfin.filters"):
        assert arrive(box, *rules, data=CREW) == ["Archive/new/"]
    assert "Filter broken: There is no folder or account “Nowhere”." in caplog.text


def test_a_folder_no_name_can_be_leaves_the_message_where_it_is(box, caplog):
    with caplog.at_level(logging.ERROR, "misfin.filters"):
        assert arrive(box, FilterRule("x", "news", folder="../../etc"), data=CREW) == ["Inbox/new/"]
    assert "could not be run" in caplog.text


def test_each_of_many_that_arrive_together_is_looked_at(box):
    filters = ArrivalFilters(
        lambda: (FilterRule("x", "-news", tags=("t",)),),
        box.store,
        lambda directory: Owner(directory, directory),
    )
    inbox = LocalInbox(box.store, arrived=filters.arrived)
    inbox.file(ME, "Inbox", [CREW] * 50 + [mail("other")])
    filters.close()
    assert len(box.files("Inbox")) == 51
    assert [file.name[-1] for file in box.files("Inbox") if ":2," in file.name] == ["a"]
