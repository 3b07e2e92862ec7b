"""From draft to outbox, once, whatever happens in between."""

from __future__ import annotations

import pytest

from misfin.errors import AddressError, MessageTooLargeError
from misfin.post.misfin import MisfinTransport
from misfin.post.submission import submit
from misfin.store.identities import IdentityStore
from misfin.store.mail.maildir import MailStore
from misfin.store.outgoing import drafts
from misfin.store.outgoing.drafts import Draft, DraftBox
from misfin.store.outgoing.outbox import Outbox
from misfin.trust.pins import PinBook

NOW = 1_800_000_000.0


@pytest.fixture
def outbox(tmp_path):
    outbox = Outbox(tmp_path / "outbox.db")
    yield outbox
    outbox.close()


@pytest.fixture
def misfin(tmp_path):
    with PinBook(None) as pins:
        yield MisfinTransport(IdentityStore(tmp_path / "identities"), pins)


@pytest.fixture
def box(tmp_path):
    return DraftBox(MailStore(tmp_path / "mail"))


def written(box, **changes):
    facts = {
        "account": "ada@mail.example",
        "to": ("bob@hive.test Bob", "cal@x.example:1960"),
        "body": "# Hi\nx\n",
    }
    return box.save(Draft(**facts | changes), now=NOW)


def test_a_submitted_message_waits_for_each_recipient_and_is_a_draft_no_more(outbox, box, misfin):
    ids = submit(outbox, box, written(box), misfin, now=NOW, hold=10)
    rows = [outbox.row(row_id) for row_id in ids]
    assert [row.to for row in rows] == ["bob@hive.test", "cal@x.example:1960"]
    assert {(row.subject, row.hold_until, row.account) for row in rows} == {
        ("Hi", NOW + 10, "ada@mail.example")
    }
    assert outbox.outgoing(rows[0].group).message == b"\nbob@hive.test, cal@x.example\n\n# Hi\nx\n"
    assert box.all() == []


def test_submitting_again_after_a_crash_queues_it_once(outbox, box, misfin):
    draft = written(box)
    first = submit(outbox, None, draft, misfin, now=NOW)  # died before the draft was removed
    assert box.all() == [draft]
    assert submit(outbox, box, draft, misfin, now=NOW + 60) == first
    assert box.all() == []


def test_a_draft_changed_after_the_crash_is_another_message(outbox, box, misfin):
    draft = written(box)
    first = submit(outbox, None, draft, misfin, now=NOW)
    changed = written(box, id=draft.id, body="something else")
    assert submit(outbox, box, changed, misfin, now=NOW + 60) != first


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"to": ("hal",)}, AddressError),
        ({"to": ()}, AddressError),
        ({"body": "x" * 16384}, MessageTooLargeError),
    ],
)
def test_a_message_that_cannot_be_sent_stays_a_draft(outbox, box, misfin, changes, error):
    draft = written(box, **changes)
    with pytest.raises(error):
        submit(outbox, box, draft, misfin, now=NOW)
    assert box.all() == [draft]
    assert outbox.rows() == []


def test_a_message_taken_back_can_be_submitted_again(outbox, box, misfin):
    draft = written(box)
    ids = submit(outbox, box, draft, misfin, now=NOW, hold=10)
    outbox.cancel(*ids, now=NOW + 5)
    back = drafts.from_bytes(outbox.outgoing(outbox.row(ids[0]).group).draft)
    assert back == draft
    assert submit(outbox, box, back, misfin, now=NOW + 6) != ids


def test_a_message_that_was_never_a_draft_can_be_queued(outbox, misfin):
    message = Draft(account="ada@mail.example", to=("bob@hive.test",), body="x")
    assert submit(outbox, None, message, misfin, now=NOW) != submit(outbox, None, message, misfin, now=NOW)


def test_a_message_with_a_time_of_its_own_waits_for_it_also_after_a_question(outbox, box, misfin):
    (row_id,) = submit(outbox, box, written(box, to=("bob@hive.test",), send_at=NOW + 5000), misfin, now=NOW)
    assert outbox.row(row_id).hold_until == outbox.next_due() == NOW + 5000
    assert outbox.claim(NOW + 4999) is None
    assert outbox.claim(NOW + 5000) is not None


@pytest.mark.parametrize(
    ("send_at", "until"), [(NOW - 5, NOW + 10), (NOW + 5, NOW + 10), (NOW + 99, NOW + 99)]
)
def test_undo_send_is_possible_whatever_time_was_chosen(outbox, box, misfin, send_at, until):
    ids = submit(outbox, box, written(box, send_at=send_at), misfin, now=NOW, hold=10)
    assert {outbox.row(row_id).hold_until for row_id in ids} == {until}
    assert drafts.from_bytes(outbox.outgoing(outbox.row(ids[0]).group).draft).send_at == send_at
