"""What filters, deleted attachments and copies do here reaches the server, once."""

from __future__ import annotations

from dataclasses import replace

import pytest
from syncdesk import SyncDesk, text

from misfin.post.filters import ArrivalFilters, FilterRule
from misfin.post.inbox import LocalInbox
from misfin.post.sync.values import Role
from misfin.store.index.digest import Owner
from misfin.store.mail.copying import copy_message
from misfin.store.outgoing.drafts import Draft, DraftBox, SendProtection

ARCHIVE, TRASH, DRAFTS = (role.value.encode() for role in (Role.ARCHIVE, Role.TRASH, Role.DRAFTS))


@pytest.fixture
def desk(tmp_path):
    return SyncDesk(tmp_path)


async def test_what_a_filter_moves_on_arrival_is_moved_on_the_server(desk):
    rules = (
        FilterRule("crew", "subject:7", folder="Lists/Crew", read=True),
        FilterRule("star", "subject:8", star=True),
    )
    filters = ArrivalFilters(lambda: rules, desk.store, lambda name: Owner(name, "ada@example.org"))
    desk.inbox = LocalInbox(desk.store, arrived=filters.arrived)
    desk.fill(3, first=6)
    await desk.once()
    filters.close()
    await desk.settle()
    assert desk.here("Lists/Crew") == {text(7): 1}
    assert desk.here() == desk.there() == {text(6): 1, text(8): 1}
    crew = desk.server[b"Lists/Crew"].messages.values()
    assert [(message.data, message.flags.chars) for message in crew] == [(text(7), "S")]
    starred = {
        message.data for message in desk.server[b"INBOX"].messages.values() if "F" in message.flags.chars
    }
    assert starred == {text(8)}
    assert not desk.attic()


async def test_a_copy_made_here_is_a_message_of_its_own_on_the_server(desk):
    desk.fill(1)
    await desk.settle()
    (entry,) = desk.files()
    archive = desk.store.folder("work", "Archive")
    copy_message(desk.store.folder("work"), entry.key, archive, entry.flags)
    await desk.settle()
    assert desk.here() == desk.there() == {text(1): 1}
    assert desk.here("Archive") == desk.there(ARCHIVE) == {text(1): 1}
    assert not desk.attic()


async def test_a_message_without_its_attachment_replaces_the_one_on_the_server(desk):
    desk.fill(2)
    await desk.settle()
    inbox, trash = desk.store.folder("work"), desk.store.folder("work", "Trash")
    entry = desk.files()[0]
    short = entry.path.read_bytes().replace(b"hello", b"(deleted)")
    inbox.deliver(short, flags="S")
    inbox.move(entry.key, trash)
    await desk.settle()
    assert sum(desk.there().values()) == 2
    assert desk.here() == desk.there()
    assert desk.here("Trash") == desk.there(TRASH)
    assert sum(desk.there(TRASH).values()) == 1


async def test_a_draft_to_be_encrypted_stays_here_and_its_plain_save_goes(desk):
    box = DraftBox(desk.store)
    draft = box.save(Draft(account="work", to=("bea@example.org",), body="Plain.\n"), now=1.0)
    await desk.settle()
    assert len(desk.there(DRAFTS)) == 1
    kept = box.save(replace(draft, protection=SendProtection.ENCRYPT), now=2.0)
    await desk.settle()
    assert desk.there(DRAFTS) == {}
    assert [each.id for each in box.all()] == [kept.id]
    (entry,) = desk.files("Drafts")
    desk.store.folder("work", "Drafts").move(entry.key, desk.store.folder("work", "Trash"))
    await desk.settle()
    assert not [data for data in desk.there(TRASH) if b'"protection": "encrypt"' in data]
