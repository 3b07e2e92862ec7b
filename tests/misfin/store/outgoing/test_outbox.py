"""The queue: nothing lost, nothing sent twice, whoever dies at whatever moment."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from outgoing import claimed, finish, follow, recipients

from misfin.errors import ClaimLostError, StoreError
from misfin.model.account import AddressKind
from misfin.store.outgoing.outbox import DeliveryState, Outbox, Outcome, Phase, Question, Transcript
from misfin.store.owners import is_alive, process_token

NOW = 1_800_000_000.0
DELIVERED = Outcome(DeliveryState.DELIVERED, status=20, meta="ab" * 32, fingerprint="ab" * 32)


@pytest.fixture
def box(tmp_path):
    outbox = Outbox(tmp_path / "profile" / "outbox.db")
    yield outbox
    outbox.close()


def put(outbox, *to, now=NOW, **more):
    return outbox.enqueue(
        account="ada@mail.example",
        recipients=recipients(*(to or ("bob@hive.test",))),
        message=b"\n\n\n# Hi\n\nText\n",
        subject="Hi",
        now=now,
        **more,
    )


def state(outbox, row_id):
    return outbox.row(row_id).state


# ---- putting in and looking -----------------------------------------------------------------------


def test_one_message_to_several_people_is_one_group_of_rows(box):
    ids = put(box, "bob@hive.test", "cal@x.example:1960", "Dan@HIVE.test")
    rows = [box.row(row_id) for row_id in ids]
    assert [row.to for row in rows] == ["bob@hive.test", "cal@x.example:1960", "Dan@hive.test"]
    assert [row.route for row in rows] == ["hive.test:1958", "x.example:1960", "hive.test:1958"]
    assert len({row.group for row in rows}) == 1
    assert {row.state for row in rows} == {DeliveryState.WAITING}
    assert box.group(rows[0].group) == rows == box.rows()
    message = box.outgoing(rows[0].group)
    assert message.recipients == ("bob@hive.test", "cal@x.example:1960", "Dan@hive.test")
    assert message.message == b"\n\n\n# Hi\n\nText\n"


def test_the_newest_message_comes_first_and_states_select(box):
    (old,) = put(box)
    (new,) = put(box, now=NOW + 5)
    assert [row.id for row in box.rows()] == [new, old]
    box.cancel(old, now=NOW)
    assert [row.id for row in box.rows([DeliveryState.CANCELLED])] == [old]
    assert box.rows([]) == []
    assert box.row(999) is None
    assert box.outgoing("nothing") is None


def test_the_same_token_gives_the_same_rows_until_they_are_cancelled(box):
    first = put(box, token="draft-1:abc")
    assert put(box, token="draft-1:abc") == first
    assert put(box, token="draft-1:xyz") != first
    box.cancel(*first, now=NOW)
    assert put(box, token="draft-1:abc") != first


def test_a_message_that_does_not_reach_the_disk_is_not_queued(box, monkeypatch):
    def full(_handle):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr("misfin.store.database.sync_file", full)
        with pytest.raises(StoreError, match="No space left"):
            put(box, "bob@hive.test", "cal@hive.test", token="draft-1:abc")
    assert box.rows() == []
    (row_id,) = put(box, token="draft-1:abc")
    with monkeypatch.context() as broken:  # nor is what was queued before taken out
        broken.setattr("misfin.store.database.sync_file", full)
        with pytest.raises(StoreError, match="No space left"):
            put(box, token="draft-1:abc")
    assert state(box, row_id) is DeliveryState.WAITING


def test_the_next_one_of_a_route_is_claimed_as_one_ends(box):
    first, second = put(box), put(box)
    elsewhere = put(box, "cal@other.test", now=NOW - 5)
    claim = box.claim(NOW, only=first)
    endings = [(claim.deliveries[0], Outcome(DeliveryState.DELIVERED), Transcript())]
    following = box.finish_and_claim(endings, NOW, claim.route)
    assert [each.row.id for each in following.deliveries] == second
    assert box.row(first[0]).state is DeliveryState.DELIVERED
    assert box.row(second[0]).state is DeliveryState.SENDING
    assert box.row(elsewhere[0]).state is DeliveryState.WAITING


@pytest.mark.parametrize(
    "limits", [{"only": [999]}, {"due_by": NOW - 1}], ids=["not among those wanted", "not due yet"]
)
def test_what_may_not_be_claimed_is_not_claimed_as_another_ends(box, limits):
    put(box)
    claim = box.claim(NOW)
    put(box)
    endings = [(claim.deliveries[0], Outcome(DeliveryState.DELIVERED), Transcript())]
    assert box.finish_and_claim(endings, NOW, claim.route, **limits) is None


def test_a_question_about_a_route_keeps_its_next_one_from_being_claimed(box):
    put(box)
    (other,) = put(box)
    claim = box.claim(NOW)
    held = Outcome(DeliveryState.HELD, "Who?", question=Question.PERSON, pin_name="who", pinned="")
    assert box.finish_and_claim([(claim.deliveries[0], held, Transcript())], NOW, claim.route) is None
    assert box.row(other).state is DeliveryState.HELD


def test_nothing_is_claimed_on_a_route_that_another_process_has_taken_meanwhile(box, monkeypatch):
    put(box)
    put(box)
    claim = box.claim(NOW)
    other = Outbox(box.path)
    monkeypatch.setattr("misfin.store.outgoing.outbox_claims.is_alive", lambda _token: False)
    other.recover(NOW)
    assert other.claim(NOW) is not None
    endings = [(claim.deliveries[0], Outcome(DeliveryState.DELIVERED), Transcript())]
    assert box.finish_and_claim(endings, NOW, claim.route) is None
    other.close()


def test_files_are_private(box):
    assert box.path.stat().st_mode & 0o777 == 0o600
    assert box.path.parent.stat().st_mode & 0o777 == 0o700
    put(box)
    wal = box.path.with_name("outbox.db-wal")
    assert wal.stat().st_mode & 0o777 == 0o600


def test_it_survives_closing(box, tmp_path):
    (row_id,) = put(box, draft=b"the draft")
    box.close()
    again = Outbox(box.path)
    assert again.row(row_id).to == "bob@hive.test"
    assert again.outgoing(again.row(row_id).group).draft == b"the draft"
    again.close()


def test_a_queue_of_a_newer_program_or_a_damaged_one_is_not_touched(tmp_path):
    newer = tmp_path / "newer.db"
    with closing(sqlite3.connect(newer)) as db, db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(StoreError, match="newer"):
        Outbox(newer)
    damaged = tmp_path / "damaged.db"
    damaged.write_bytes(b"this is not a database, but somebody's text" * 100)
    with pytest.raises(StoreError, match="cannot be used"):
        Outbox(damaged)
    assert damaged.read_bytes().startswith(b"this is not a database")


def test_changes_by_others_are_noticed(box):
    other = Outbox(box.path)
    seen = box.generation()
    assert box.generation() == seen
    put(other)
    assert box.generation() != seen
    seen = box.generation()
    put(box)
    assert box.generation() != seen
    other.close()


# ---- claiming -------------------------------------------------------------------------------------


def test_a_claim_is_the_only_one_and_begins_a_transcript(box):
    (row_id,) = put(box)
    claim = claimed(box, NOW)
    assert claim.row.id == row_id
    assert claim.row.state is DeliveryState.SENDING
    assert claim.row.attempts == 1
    assert claim.to == "bob@hive.test"
    assert box.outgoing(claim.row.group).message == b"\n\n\n# Hi\n\nText\n"
    assert claimed(box, NOW) is None
    (attempt,) = box.attempts(row_id)
    assert (attempt.started, attempt.ended, attempt.left, attempt.phase) == (NOW, 0, 0, Phase.CLAIMED)


def test_undo_time_and_deferral_are_waited_for(box):
    put(box, hold_until=NOW + 10)
    assert claimed(box, NOW + 9.9) is None
    assert box.next_due() == NOW + 10
    claim = claimed(box, NOW + 10)
    finish(
        box,
        claim,
        Outcome(DeliveryState.DEFERRED, next_attempt=NOW + 300, failure=True),
        Transcript(),
        NOW + 11,
    )
    assert claimed(box, NOW + 299) is None
    assert box.next_due() == NOW + 300
    claim = claimed(box, NOW + 300)
    assert (claim.history.failures, claim.history.since, claim.row.attempts) == (1, NOW + 10, 2)


def test_one_connection_per_host_several_hosts_at_once(box):
    put(box, "a@one.test", "b@one.test", "c@two.test", "d@one.test:1960")
    assert {claim.to[0] for _ in range(3) if (claim := claimed(box, NOW))} == {"a", "c", "d"}
    assert claimed(box, NOW) is None


def test_a_claim_can_be_limited_to_some_rows(box):
    first, second = put(box, "a@one.test", "b@two.test")
    assert claimed(box, NOW, only=[second]).row.id == second
    assert claimed(box, NOW, only=[second]) is None
    assert claimed(box, NOW, only=[]) is None
    assert claimed(box, NOW, only=[first, 999]).row.id == first


def test_next_due_is_none_when_nothing_waits(box):
    assert box.next_due() is None
    put(box)
    claimed(box, NOW)
    assert box.next_due() is None


def test_processes_and_threads_never_claim_the_same_row(box):
    ids = put(box, *(f"m{n}@h{n}.test" for n in range(40)))
    others = [Outbox(box.path) for _ in range(4)]

    def take(outbox):
        found = []
        while claim := claimed(outbox, NOW):
            found.append(claim.row.id)
        return found

    with ThreadPoolExecutor(8) as pool:
        taken = [row_id for found in pool.map(take, others * 2) for row_id in found]
    assert sorted(taken) == ids
    for outbox in others:
        outbox.close()


# ---- leaving and ending ---------------------------------------------------------------------------


def test_a_delivered_row_keeps_the_answer_and_the_transcript(box):
    (row_id,) = put(box)
    claim = claimed(box, NOW)
    box.leaving([claim], NOW + 1)
    box.leaving([claim], NOW + 2)  # the second try of a fallback
    transcript = Transcript(
        "hive.test", 1958, "C", "cd" * 32, "trusted", b"misfin://" + b"x" * 9000, "20 abab", ""
    )
    assert finish(box, claim, DELIVERED, transcript, NOW + 3)
    row = box.row(row_id)
    assert (row.state, row.status, row.fingerprint) == (DeliveryState.DELIVERED, 20, "ab" * 32)
    (attempt,) = box.attempts(row_id)
    assert (attempt.left, attempt.ended, attempt.phase) == (NOW + 1, NOW + 3, Phase.ANSWERED)
    assert len(attempt.request) == 2048
    assert not box.retry(row_id, NOW)
    assert not box.cancel(row_id, now=NOW)
    assert state(box, row_id) is DeliveryState.DELIVERED


def test_a_row_cancelled_before_it_left_cannot_leave(box):
    (row_id,) = put(box)
    claim = claimed(box, NOW)
    assert box.cancel(row_id, now=NOW)
    with pytest.raises(ClaimLostError):
        box.leaving([claim], NOW)
    assert not finish(box, claim, DELIVERED, Transcript(error="cancelled"), NOW)
    assert state(box, row_id) is DeliveryState.CANCELLED
    assert box.attempts(row_id)[0].error == "cancelled"


def test_a_row_that_is_leaving_can_no_longer_be_cancelled_or_retried(box):
    (row_id,) = put(box)
    box.leaving([claimed(box, NOW)], NOW)
    assert not box.cancel(row_id, now=NOW)
    assert not box.retry(row_id, NOW)
    assert state(box, row_id) is DeliveryState.SENDING


def test_an_old_claim_does_not_touch_the_attempt_after_it(box):
    (row_id,) = put(box)
    old = claimed(box, NOW)
    box.cancel(row_id, now=NOW)
    box.retry(row_id, NOW)
    new = claimed(box, NOW)
    with pytest.raises(ClaimLostError):
        box.leaving([old], NOW)
    assert not finish(box, old, DELIVERED, Transcript(), NOW)
    assert state(box, row_id) is DeliveryState.SENDING
    assert finish(box, new, DELIVERED, Transcript(), NOW)


def test_all_or_none_are_cancelled(box):
    one, two = put(box, "a@one.test", "b@two.test")
    box.leaving([claimed(box, NOW)], NOW)
    assert not box.cancel(one, two, now=NOW)
    assert state(box, two) is DeliveryState.WAITING
    assert not box.cancel(two, 999, now=NOW)
    assert box.cancel(two, now=NOW)


# ---- owners that die ------------------------------------------------------------------------------


def test_a_token_names_a_process_and_not_merely_its_id():
    token = process_token()
    assert is_alive(token)
    pid, started, boot = token.split(".")
    assert not is_alive(f"{pid}.{int(started) - 1}.{boot}")  # the id given to somebody else
    assert not is_alive(f"{pid}.{started}.another-boot")
    assert not is_alive("")
    assert not is_alive("nonsense")


def test_a_corpse_nobody_collected_is_dead():
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    token = process_token(child.pid)
    assert is_alive(token)
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert not is_alive(token)
    child.communicate()


@pytest.mark.skipif(not Path("/bin/ps").exists(), reason="there is no ps to ask")
def test_without_proc_ps_is_asked(monkeypatch, tmp_path):
    monkeypatch.setattr("misfin.store.owners._PROC", tmp_path)
    token = process_token()
    assert token.startswith(f"{os.getpid()}.")
    assert is_alive(token)
    assert not is_alive(token.replace(":", ";"))
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    assert process_token(child.pid) == ""


def test_rows_of_the_living_are_left_alone(box):
    put(box)
    other = Outbox(box.path)
    claimed(other, NOW)
    assert box.recover(NOW) == []
    other.close()


def give_to_a_dead_owner(outbox, row_id):
    with closing(sqlite3.connect(outbox.path)) as db, db:
        db.execute("UPDATE delivery SET owner = '1.0.gone/x' WHERE id = ?", (row_id,))
    db.close()


def test_what_had_not_left_waits_again_and_what_had_is_uncertain(box):
    quiet, left = put(box, "a@one.test", "b@two.test")
    first, second = claimed(box, NOW), claimed(box, NOW)
    box.leaving([second], NOW)
    give_to_a_dead_owner(box, quiet)
    give_to_a_dead_owner(box, left)
    assert {row.id for row in box.recover(NOW + 1)} == {quiet, left}
    assert (state(box, quiet), state(box, left)) == (DeliveryState.WAITING, DeliveryState.UNCERTAIN)
    assert box.attempts(quiet)[0].error
    assert box.attempts(left)[0].ended == NOW + 1
    assert box.recover(NOW + 2) == []
    # The uncertain one is never claimed; only a person repeats it.
    assert claimed(box, NOW + 1).row.id == quiet
    assert claimed(box, NOW + 10**6) is None
    assert box.retry(left, NOW + 3)
    assert claimed(box, NOW + 3).row.id == left
    assert first.attempt != second.attempt


def test_an_owner_wrongly_taken_for_dead_cannot_send_but_can_settle_what_it_sent(box):
    quiet, left = put(box, "a@one.test", "b@two.test")
    first, second = claimed(box, NOW), claimed(box, NOW)
    box.leaving([second], NOW)
    give_to_a_dead_owner(box, quiet)
    give_to_a_dead_owner(box, left)
    box.recover(NOW)
    with pytest.raises(ClaimLostError):
        box.leaving([first], NOW)
    assert finish(box, second, DELIVERED, Transcript(), NOW)
    assert state(box, left) is DeliveryState.DELIVERED


CRASHES = """
import os, random, signal, sys, time
from pathlib import Path
from misfin.store.outgoing.outbox import Outbox, Outcome, Transcript

path, wire, runs = Path(sys.argv[1]), os.open(sys.argv[2], os.O_WRONLY | os.O_APPEND), int(sys.argv[3])

def courier():
    box = Outbox(path)
    while claim := box.claim(2e9):
        (one,) = claim.deliveries
        box.leaving([one], 2e9)
        os.write(wire, b"%d\\n" % one.row.id)
        box.finish([(one, Outcome("delivered", status=20), Transcript(response="20"))], 2e9)
    os._exit(0)

def enough(box):  # on a busy machine a courier may not get far in its time
    return all(box.rows([state]) for state in ("uncertain", "delivered"))

run, done = 0, False
while not done:
    run += 1
    child = os.fork()
    if not child:
        try:
            courier()
        finally:
            os._exit(1)
    time.sleep(random.uniform(0, 0.012 * (1 + run // runs)))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    box = Outbox(path)
    box.recover(2e9)
    done = run >= runs and enough(box)
    box.close()
"""


def test_kill_9_at_any_moment_loses_nothing_and_repeats_nothing(box, tmp_path):
    """Couriers are killed some hundred times, each within its first milliseconds of work."""
    ids = put(box, *(f"m{n}@h{n % 7}.test" for n in range(4000)))
    wire = tmp_path / "wire"
    wire.touch()
    subprocess.run([sys.executable, "-c", CRASHES, box.path, wire, "200"], check=True)
    assert box.rows([DeliveryState.SENDING]) == []
    left = [int(line) for line in wire.read_text().split()]
    waiting, uncertain, delivered = (
        {row.id for row in box.rows([wanted])}
        for wanted in (DeliveryState.WAITING, DeliveryState.UNCERTAIN, DeliveryState.DELIVERED)
    )
    assert len(left) == len(set(left))
    assert waiting | uncertain | delivered == set(ids)
    assert delivered <= set(left)
    assert not waiting & set(left)
    assert uncertain
    assert delivered


def test_a_refusal_belongs_to_its_own_attempt(box):
    (row_id,) = put(box)
    first = claimed(box, NOW)
    box.leaving([first], NOW)
    finish(box, first, Outcome(DeliveryState.DEFERRED, next_attempt=NOW), Transcript(), NOW)
    second = claimed(box, NOW)
    box.leaving([second], NOW)
    box.mark_refused([first])  # an answer that was written down too late
    give_to_a_dead_owner(box, row_id)
    box.mark_refused([second])  # nor by somebody whose row it is no longer
    box.recover(NOW)
    assert state(box, row_id) is DeliveryState.UNCERTAIN


STAGES = {
    "claimed": DeliveryState.WAITING,
    "leaving": DeliveryState.UNCERTAIN,
    "refused": DeliveryState.WAITING,
    "leaving again": DeliveryState.UNCERTAIN,
    "finished": DeliveryState.DELIVERED,
    "filed": DeliveryState.DELIVERED,
}


@pytest.mark.parametrize(("stage", "expected"), STAGES.items())
def test_kill_9_at_each_stage(box, stage, expected):
    (row_id,) = put(box)
    steps = [
        "(claim,) = box.claim(2e9).deliveries",
        "box.leaving([claim], 2e9)",
        "box.mark_refused([claim])",
        "box.leaving([claim], 2e9)",
        "box.finish([(claim, Outcome('delivered'), Transcript())], 2e9)",
        "box.file_sent_copies([claim.row.group], lambda messages: os.kill(os.getpid(), 9))",
    ]
    script = [
        "import os, sys",
        "from pathlib import Path",
        "from misfin.store.outgoing.outbox import Outbox, Outcome, Transcript",
        "box = Outbox(Path(sys.argv[1]))",
        *steps[: list(STAGES).index(stage) + 1],
        "os.kill(os.getpid(), 9)",
    ]
    died = subprocess.run([sys.executable, "-c", "\n".join(script), box.path], check=False)
    assert died.returncode == -signal.SIGKILL
    box.recover(NOW)
    assert state(box, row_id) is expected
    assert bool(box.without_sent_copy()) == (expected is DeliveryState.DELIVERED)


# ---- questions ------------------------------------------------------------------------------------

CHANGED = Outcome(
    DeliveryState.HELD,
    "changed",
    question=Question.CHANGED_CERTIFICATE,
    pin_name="hive.test:1958",
    pinned="aa" * 32,
)


def test_one_question_per_host_and_approval_frees_all_its_messages(box):
    ids = put(box, "a@hive.test", "b@hive.test", "c@hive.test", "d@other.test")
    claim = claimed(box, NOW)
    finish(box, claim, CHANGED, Transcript(), NOW)
    assert [state(box, row_id) for row_id in ids] == [DeliveryState.HELD] * 3 + [DeliveryState.WAITING]
    assert box.questions() == [(AddressKind.MISFIN, "hive.test:1958", "aa" * 32)]
    # The pin is still the old one.
    assert box.release(AddressKind.MISFIN, "hive.test:1958", "aa" * 32, NOW) == 0
    assert box.release(AddressKind.MISFIN, "other.test:1958", "bb" * 32, NOW) == 0
    assert box.release(AddressKind.MISFIN, "hive.test:1958", "bb" * 32, NOW + 9) == 3
    assert box.questions() == []
    assert box.row(ids[0]).next_attempt == NOW + 9


def test_a_message_still_within_its_undo_time_stays_there_when_its_host_is_approved(box):
    (late,) = put(box, "late@hive.test", hold_until=NOW + 60)
    put(box, "a@hive.test")
    claim = claimed(box, NOW)
    finish(box, claim, CHANGED, Transcript(), NOW)
    box.release(AddressKind.MISFIN, "hive.test:1958", "bb" * 32, NOW + 1)
    assert box.row(late).next_attempt == NOW + 60


def test_a_busy_host_makes_its_other_messages_wait_but_never_shortens_a_pause(box):
    a, b, c, d = put(box, "a@hive.test", "b@hive.test", "c@other.test", "d@hive.test")
    busy = Outcome(DeliveryState.DEFERRED, "asked to wait", slowdown=True, whole_route=True)
    finish(box, claimed(box, NOW, only=[d]), replace(busy, next_attempt=NOW + 100), Transcript(), NOW)
    finish(box, claimed(box, NOW + 100, only=[a]), replace(busy, next_attempt=NOW + 50), Transcript(), NOW)
    assert (box.row(b).state, box.row(b).next_attempt) == (DeliveryState.DEFERRED, NOW + 100)
    assert state(box, c) is DeliveryState.WAITING


def test_nobody_claims_what_shares_a_question_before_it_is_held(box):
    put(box, "a@hive.test", "b@hive.test")
    finish(box, claimed(box, NOW), CHANGED, Transcript(), NOW)
    assert claimed(box, NOW) is None


def redirected(box, row_id, target, *, always=False):
    claim = claimed(box, 2e9)
    assert claim.row.id == row_id
    question = Question.REDIRECT_ALWAYS if always else Question.REDIRECT_ONCE
    finish(
        box,
        claim,
        Outcome(DeliveryState.HELD, "moved", status=30, question=question, target=target),
        Transcript(),
        NOW,
    )


def test_a_redirect_is_followed_only_by_a_person_and_step_by_step(box):
    (row_id,) = put(box)
    assert follow(box, row_id, NOW) is None
    redirected(box, row_id, "bob@new.example:1960")
    assert claimed(box, 2e9) is None
    row = follow(box, row_id, NOW)
    assert (row.state, row.to, row.target) == (DeliveryState.WAITING, "bob@hive.test", "bob@new.example:1960")
    assert row.route == "new.example:1960"
    redirected(box, row_id, "bob@far.example", always=True)
    follow(box, row_id, NOW)
    claim = claimed(box, NOW)
    assert (claim.to, claim.hops) == (
        "bob@far.example",
        ("bob@new.example:1960", "bob@far.example"),
    )


def test_trying_again_instead_of_following_asks_the_last_host_again(box):
    (row_id,) = put(box)
    redirected(box, row_id, "bob@new.example")
    box.retry(row_id, NOW)
    claim = claimed(box, NOW)
    assert (claim.to, claim.row.target, claim.row.route) == (
        "bob@hive.test",
        "",
        "hive.test:1958",
    )


def test_a_person_starts_the_three_days_afresh(box):
    (row_id,) = put(box)
    finish(box, claimed(box, NOW), Outcome(DeliveryState.FAILED, "no", failure=True), Transcript(), NOW)
    assert box.retry(row_id, NOW + 50)
    history = claimed(box, NOW + 60).history
    assert (history.failures, history.since) == (0, NOW + 60)


def test_slowdowns_are_counted_apart_and_end_with_anything_else(box):
    (row_id,) = put(box)
    for count in range(3):
        claim = claimed(box, 2e9)
        assert claim.history.slowdowns == count
        finish(box, claim, Outcome(DeliveryState.DEFERRED, slowdown=True), Transcript(), NOW)
    finish(box, claimed(box, 2e9), Outcome(DeliveryState.DEFERRED, failure=True), Transcript(), NOW)
    history = claimed(box, 2e9).history
    assert (history.slowdowns, history.failures) == (0, 1)
    assert box.row(row_id).attempts == 5


# ---- copies in Sent, and forgetting ---------------------------------------------------------------


def file_copy(box, group, write=lambda message: None):
    """File the copy of one message; whether there was anything to do."""
    return box.file_sent_copies([group], lambda messages: [write(each) or each.group for each in messages])


def deliver_one(box):
    claim = claimed(box, NOW)
    finish(box, claim, DELIVERED, Transcript(), NOW)
    return claim.row.group


def test_the_copy_in_sent_is_written_once(box):
    put(box, "a@one.test", "b@two.test")
    assert box.without_sent_copy() == []
    group = deliver_one(box)
    assert box.without_sent_copy() == [group]
    written = []
    assert file_copy(box, group, written.append)
    deliver_one(box)
    assert not file_copy(box, group, written.append)
    assert [message.group for message in written] == [group]
    assert box.without_sent_copy() == []


def test_of_several_copies_only_those_that_were_written_are_noted(box):
    groups = []
    for name in "abc":
        put(box, f"{name}@one.test")
        groups.append(deliver_one(box))
    done = box.file_sent_copies(groups, lambda messages: [each.group for each in messages[1:]])
    assert done == groups[1:]
    assert box.without_sent_copy() == groups[:1]


def test_a_copy_that_cannot_be_written_is_tried_again(box):
    put(box)
    group = deliver_one(box)

    def disk_full(_message):
        raise OSError(28, "No space left on device")

    with pytest.raises(StoreError):
        file_copy(box, group, disk_full)
    assert box.without_sent_copy() == [group]


def test_only_one_of_several_writers_files_the_copy(box):
    put(box)
    group = deliver_one(box)
    others = [Outbox(box.path) for _ in range(4)]
    written = []
    start = threading.Barrier(4)

    def race(outbox):
        start.wait()
        return bool(file_copy(outbox, group, written.append))

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(race, others)) == [False, False, False, True]
    assert len(written) == 1
    for outbox in others:
        outbox.close()


def test_finished_rows_can_be_taken_out_and_open_ones_cannot(box):
    (done,) = put(box)
    group = deliver_one(box)
    assert not box.remove(done)  # its copy is not in Sent yet
    file_copy(box, group)
    (open_row,) = put(box)
    assert not box.remove(open_row)
    assert box.remove(done)
    assert box.outgoing(group) is None
    assert box.attempts(done) == []


def test_old_delivered_messages_are_forgotten_and_nothing_else(box):
    put(box, "a@one.test")
    file_copy(box, deliver_one(box))
    put(box, "b@one.test")
    deliver_one(box)  # no copy in Sent yet
    (cancelled,) = put(box, "c@one.test")
    box.cancel(cancelled, now=NOW)
    put(box, "d@one.test")
    assert box.prune(NOW) == 0
    assert box.prune(NOW + 1) == 2
    assert [row.to for row in box.rows()] == ["d@one.test", "b@one.test"]


def fill(box):
    for _ in range(100):
        box.enqueue(
            account="a@b.test", recipients=recipients("c@d.test"), message=b"x" * 16384, subject="", now=NOW
        )


def test_a_disk_that_refuses_is_said_in_a_sentence(box):
    box._db.execute("PRAGMA max_page_count = 20")
    with pytest.raises(StoreError, match="cannot be used") as caught:
        fill(box)
    assert caught.value.remedy
    box._db.execute("PRAGMA max_page_count = 100000")
    before = len(box.rows())
    put(box)
    assert len(box.rows()) == before + 1
