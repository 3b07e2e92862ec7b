"""From in plain lines: the account of the list, until the recipients or a person say otherwise."""

from __future__ import annotations

import pytest
import toymail
from desk import ALICE, SETTINGS, make_profile
from linedesk import at_lines

from misfin.model.account import AddressKind
from misfin.store.mail.maildir import MailStore
from misfin.store.outgoing.drafts import DraftBox
from misfin.store.people.contacts import Contact, ContactBook
from misfin.store.rows import View

REST = ("Hi", "Hello", ".", "keep")
CHANGED = "bea@office.test is an e-mail address, so From is now ada@example.org."


@pytest.fixture
def profile(tmp_path, monkeypatch):
    toymail.register(monkeypatch, tmp_path / "spool")
    made = make_profile(tmp_path / "profile", settings=f"{SETTINGS}\n[accounts.work]\n{toymail.WORK}")
    book = ContactBook(made.contacts_db)
    book.save(Contact("bea@office.test", "Bea", kind=AddressKind.MAIL))
    book.close()
    return made


def kept(profile) -> tuple[str, tuple[str, ...]]:
    """Account and recipients of the one draft."""
    (draft,) = DraftBox(MailStore(profile.mail)).all()
    return draft.account, draft.to


@pytest.mark.parametrize(("shown", "account"), [(None, ALICE), ("work", "work")])
async def test_a_new_message_is_from_the_account_of_the_list(profile, shown, account):
    async with at_lines(profile) as lines:
        lines.desk.view = View(shown, "Inbox")
        await lines.do("compose", "new@new.test", *REST)
    assert kept(profile) == (account, ("new@new.test",))


@pytest.mark.parametrize("typed", [("compose bea@office.test",), ("compose", "Bea <bea@office.test>")])
async def test_from_follows_recipients_that_only_another_kind_reaches(profile, typed):
    async with at_lines(profile) as lines:
        said = await lines.do(*typed, *REST)
        assert CHANGED in said
        assert f"From {ALICE}." in said
    account, (to,) = kept(profile)
    assert (account, to) == ("work", typed[-1].removeprefix("compose "))


async def test_from_stays_once_it_was_chosen(profile):
    async with at_lines(profile) as lines:
        said = await lines.do("compose new@new.test", *REST[:-1], "from 1", "to bea@office.test", "keep")
        assert "so From is now" not in said
    assert kept(profile) == (ALICE, ("bea@office.test",))


async def test_a_name_is_kept_in_the_form_of_the_account_chosen(profile):
    async with at_lines(profile) as lines:
        await lines.do("compose Neo <neo@new.test>", *REST[:-1], "from 2", "keep")
    assert kept(profile) == ("work", ("Neo <neo@new.test>",))
