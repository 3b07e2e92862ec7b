"""From draft to outbox and back, once, whatever happens in between."""

from __future__ import annotations

import pytest

from misfin.errors import AddressError, MessageTooLargeError
from misfin.post.submission import submit, take_back
from misfin.store.drafts import Draft, DraftBox
from misfin.store.maildir import MailStore
from misfin.store.outbox import Outbox, State

NOW = 1_800_000_000.0


@pytest.fixture
def outbox(tmp_path):
    outbox = Outbox(tmp_path / "outbox.db")
    yield outbox
    outbox.close()


@pytest.fixture
def box(tmp_path):
    return DraftBox(MailStore(tmp_path / "mail"))


def written(box, **changes):
    facts = {
        "account": "ada@mail.example",
        "to": ("bob@hive.test Bob", "cal@x.example:1960"),
        "body": "# Hi\nx",
    }
    return box.save(Draft(**facts | changes), now=NOW)


def test_a_submitted_letter_waits_for_each_recipient_and_is_a_draft_no_more(outbox, box):
    ids = submit(outbox, written(box), now=NOW, hold=10, box=box)
    rows = [outbox.row(row_id) for row_id in ids]
    assert [row.to for row in rows] == ["bob@hive.test", "cal@x.example:1960"]
    assert {(row.subject, row.hold_until, row.account) for row in rows} == {
        ("Hi", NOW + 10, "ada@mail.example")
    }
    assert outbox.outgoing(rows[0].group).message == b"\nbob@hive.test, cal@x.example\n\n# Hi\nx\n"
    assert box.all() == []


def test_submitting_again_after_a_crash_queues_it_once(outbox, box):
    draft = written(box)
    first = submit(outbox, draft, now=NOW)  # died before the draft was removed
    assert box.all() == [draft]
    assert submit(outbox, draft, now=NOW + 60, box=box) == first
    assert box.all() == []


def test_a_draft_changed_after_the_crash_is_another_letter(outbox, box):
    draft = written(box)
    first = submit(outbox, draft, now=NOW)
    changed = written(box, id=draft.id, body="something else")
    assert submit(outbox, changed, now=NOW + 60, box=box) != first


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"to": ("hal",)}, AddressError),
        ({"to": ()}, AddressError),
        ({"body": "x" * 16384}, MessageTooLargeError),
    ],
)
def test_a_letter_that_cannot_be_sent_stays_a_draft(outbox, box, changes, error):
    draft = written(box, **changes)
    with pytest.raises(error):
        submit(outbox, draft, now=NOW, box=box)
    assert box.all() == [draft]
    assert outbox.rows() == []


def test_undo_brings_back_what_was_typed(outbox, box):
    draft = written(box)
    ids = submit(outbox, draft, now=NOW, hold=10, box=box)
    back = take_back(outbox, box, ids, now=NOW + 5)
    assert (back.id, back.to, back.body) == (draft.id, draft.to, draft.body)
    assert {row.state for row in outbox.rows()} == {State.CANCELLED}
    assert submit(outbox, back, now=NOW + 6, box=box) != ids  # and it can be sent after all


def test_undo_comes_too_late_for_what_has_left(outbox, box):
    ids = submit(outbox, written(box), now=NOW, box=box)
    outbox.leaving(outbox.claim(NOW), NOW)
    assert take_back(outbox, box, ids, now=NOW) is None
    assert box.all() == []
    assert State.CANCELLED not in {row.state for row in outbox.rows()}


def test_editing_one_copy_leaves_the_others_alone(outbox, box):
    one, two = submit(outbox, written(box), now=NOW, box=box)
    back = take_back(outbox, box, [two], now=NOW)
    other = take_back(outbox, box, [one], now=NOW)
    assert back.to == ("cal@x.example:1960",)
    assert back.id != other.id
    assert len(box.all()) == 2


def test_unknown_rows_bring_nothing_back(outbox, box):
    assert take_back(outbox, box, [], now=NOW) is None
    assert take_back(outbox, box, [7], now=NOW) is None
