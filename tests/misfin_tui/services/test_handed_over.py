"""A handed-over Misfin message in an e-mail account: said to be one everywhere, and answered by Misfin."""

from __future__ import annotations

import pytest
from desk import SETTINGS, make_profile
from handingover import ADA, incoming

from misfin.model.account import AddressKind
from misfin.post.authorship import find_out
from misfin.post.intake import file_of
from misfin.post.transport import How
from misfin.store.evidence import Evidence
from misfin.store.identities import IdentityStore
from misfin.store.message.for_mail import for_mail
from misfin.store.message.signed_seal import sealing_key, sign
from misfin.store.rows import View
from misfin_tui import config
from misfin_tui.services import Services
from misfin_tui.wording.message import details_of, warnings_of

ACCOUNT = '\n[accounts.work]\nkind = "email"\naddress = "ada@example.org"\n'


@pytest.fixture
def services(profile_root):
    profile = make_profile(profile_root, settings=SETTINGS + ACCOUNT, address="ada@example.net")
    IdentityStore(profile.identities).save(ADA)
    made = Services(profile, config.load(profile.config), lambda _news: None)
    sent = for_mail(sign(file_of(incoming()), [sealing_key(ADA)]))
    made.store.create("work")
    made.store.folder("work").deliver(b"Return-Path: <>\nDelivered-To: ada\n" + sent.replace(b"\r\n", b"\n"))
    made.index.scan()
    yield made
    made.mail.stop()
    made.close()


async def test_it_is_a_misfin_message_in_the_list_the_details_and_the_warnings(services):
    (row,) = services.index.messages(View("work"), 10)
    assert row.evidence is Evidence.VERIFIED
    message = services.index.read(row)
    assert message.address_kind is AddressKind.MISFIN
    facts = dict(details_of(row, message))
    assert "the certificate is the pinned one" in facts["Sender"]
    assert facts["Certificate"] == "bea@hive.test"
    assert "Checked" not in facts
    assert warnings_of(row, message, "", None) == []
    assert await find_out(services.index, row, now=1.0) is None


async def test_a_reply_goes_by_misfin_from_the_mailbox_that_received_it(services):
    (row,) = services.index.messages(View("work"), 10)
    draft = await services.sending.answer(row, How.REPLY)
    assert draft.account == "ada@mail.example"
    assert "bea@hive.test" in draft.to[0]
