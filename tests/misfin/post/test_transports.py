"""The courier with a transport that is nothing like Misfin: batches, kept connections, mere acceptance."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest
from relay import ACCOUNT, OK, Relay, RelayDesk

from misfin.errors import AddressError, StoreError
from misfin.post import courier as courier_module
from misfin.post.courier import Courier
from misfin.post.events import CourierNotice, Deferred, Failed, TakenOn
from misfin.post.submission import submit
from misfin.post.transport import (
    Ask,
    Ending,
    Pace,
    Permanent,
    RouteError,
    Temporary,
)
from misfin.store.outgoing.drafts import Draft
from misfin.store.outgoing.outbox import DeliveryState, Question


@pytest.fixture
def desk(tmp_path):
    desk = RelayDesk(tmp_path / "profile")
    yield desk
    desk.outbox.close()


async def test_all_recipients_of_a_message_go_together_and_are_accepted_not_delivered(desk):
    relay = Relay()
    ids = desk.put(relay, "bob@example.org", cc=("Cal <cal@EXAMPLE.org>",), bcc=("dan@example.org",))
    rows = await desk.send(relay)
    (line,) = relay.lines
    assert line.jobs == [["bob@example.org", "cal@example.org", "dan@example.org"]]
    assert line.closed == 1
    assert {(row.state, row.server, row.status) for row in rows} == {
        (DeliveryState.ACCEPTED, "smtp.example.org", 250)
    }
    assert len([event for event in desk.events if isinstance(event, TakenOn)]) == 3
    outgoing = desk.outbox.outgoing(rows[0].group)
    assert (outgoing.recipients, outgoing.cc, outgoing.bcc) == (
        ("bob@example.org",),
        ("cal@example.org",),
        ("dan@example.org",),
    )
    assert len(desk.store.folder(ACCOUNT, "Sent").list()) == 1
    assert not desk.outbox.retry(ids[0], time.time())
    assert desk.outbox.remove(ids[0])


async def test_each_recipient_has_a_result_of_its_own_and_only_the_rest_is_tried_again(desk):
    later = Ending(Temporary(Pace.MINUTES), "Greylisted.", status=450)
    relay = Relay(
        answers={
            "no@example.org": Ending(Permanent(), "There is no such person.", status=550),
            "later@example.org": later,
        }
    )
    desk.put(relay, "yes@example.org", "no@example.org", "later@example.org")
    await desk.send(relay)
    assert desk.states() == {
        "yes@example.org": DeliveryState.ACCEPTED,
        "no@example.org": DeliveryState.FAILED,
        "later@example.org": DeliveryState.DEFERRED,
    }
    (row,) = desk.outbox.rows([DeliveryState.DEFERRED])
    assert (row.status, row.why) == (450, "Greylisted.")
    assert {type(event) for event in desk.events} >= {Deferred, Failed, TakenOn}
    relay.answers.clear()
    desk.outbox.retry(row.id, time.time())
    await desk.send(relay)
    assert relay.lines[-1].jobs == [["later@example.org"]]


async def test_a_job_holds_no_more_recipients_than_the_transport_takes_at_once(desk):
    relay = Relay(batch=2)
    desk.put(relay, *(f"m{n}@example.org" for n in range(5)))
    await desk.send(relay)
    (line,) = relay.lines
    assert [len(job) for job in line.jobs] == [2, 2, 1]


async def test_a_recipient_cancelled_halfway_stops_the_rest_but_what_was_sent_stays_uncertain(desk):
    async def script(job, over, marks):
        if len(job.deliveries) < 3:  # what goes again
            await marks.sending()
            return [OK]
        first, second, third = job.deliveries
        await marks.sending([first])
        assert desk.outbox.cancel(ids[1], now=time.time())
        await marks.sending([second, third])

    relay = Relay(script=script)
    ids = desk.put(relay, "bob@example.org", "cal@example.org", "dan@example.org")
    await desk.send(relay)
    first, cancelled, third = (desk.outbox.row(each) for each in ids)
    assert first.state is DeliveryState.UNCERTAIN
    assert "may have arrived" in first.why
    assert "nothing was sent" not in first.why
    assert cancelled.state is DeliveryState.CANCELLED
    assert third.state is DeliveryState.WAITING
    await desk.send(relay)
    assert relay.lines[-1].jobs[-1] == ["dan@example.org"]


async def test_a_connection_serves_several_messages_and_one_that_is_not_kept_serves_one(desk):
    relay, hasty = Relay(), Relay(keep=0.0)
    for _ in range(3):
        desk.put(relay)
    await desk.send(relay)
    assert [(len(line.jobs), line.closed) for line in relay.lines] == [(3, 1)]
    for _ in range(3):
        desk.put(hasty)
    await desk.send(hasty)
    assert [(len(line.jobs), line.closed) for line in hasty.lines] == [(1, 1)] * 3


async def test_a_connection_is_closed_when_nothing_was_due_for_its_time(desk, monkeypatch):
    monkeypatch.setattr(courier_module, "_POLL", 0.02)
    relay = Relay(keep=0.1)
    desk.put(relay)
    courier = Courier(desk.outbox, [relay], desk.store)
    task = asyncio.create_task(courier.run())
    async with asyncio.timeout(60):
        while not (relay.lines and relay.lines[0].closed):
            await asyncio.sleep(0.01)
    await courier.stop()
    await task
    assert desk.states() == {"bob@example.org": DeliveryState.ACCEPTED}


async def test_a_kept_connection_that_the_server_closed_costs_no_time(desk):
    async def script(job, over, marks):
        if len(over.jobs) > 1:  # the server hung up after the first message
            raise RouteError(Ending(Temporary(Pace.SOON, whole_route=True), "The connection was lost."))
        await marks.sending()
        return [OK]

    relay = Relay(script=script)
    desk.put(relay)
    desk.put(relay)
    await desk.send(relay)
    assert set(desk.states().values()) == {DeliveryState.ACCEPTED}
    assert [row.attempts for row in desk.outbox.rows()] == [1, 1]
    assert [line.closed for line in relay.lines] == [1, 1]


async def test_a_connection_lost_after_something_was_sent_is_never_tried_again(desk):
    async def script(job, over, marks):
        await marks.sending()
        if len(over.jobs) > 1:
            raise RouteError(Ending(Temporary(Pace.SOON, whole_route=True), "The connection was lost."))
        return [OK]

    relay = Relay(script=script)
    desk.put(relay)
    desk.put(relay)
    await desk.send(relay)
    assert sorted(row.state for row in desk.outbox.rows()) == [
        DeliveryState.ACCEPTED,
        DeliveryState.UNCERTAIN,
    ]
    assert len(relay.lines) == 1


async def test_a_server_that_is_away_makes_all_of_its_route_wait(desk):
    relay = Relay()
    relay.refuse = [RouteError(Ending(Temporary(Pace.SOON, whole_route=True), "Nobody answers."))]
    desk.put(relay)
    desk.put(relay, "cal@example.org")
    await desk.send(relay)
    assert {(row.state, row.why) for row in desk.outbox.rows()} == {
        (DeliveryState.DEFERRED, "Nobody answers.")
    }
    assert relay.lines == []


async def test_a_question_of_the_whole_route_holds_everything_until_its_answer_is_another(desk):
    relay = Relay()
    asked = Ask(Question.PERSON, pin_name="password of work", pinned="old")
    relay.refuse = [RouteError(Ending(asked, "The password is wrong."))]
    desk.put(relay)
    desk.put(relay, "cal@example.org")
    await desk.send(relay)
    assert set(desk.states().values()) == {DeliveryState.HELD}
    relay.state = "old"
    await desk.send(relay)
    assert set(desk.states().values()) == {DeliveryState.HELD}
    relay.state = "new"
    await desk.send(relay)
    assert set(desk.states().values()) == {DeliveryState.ACCEPTED}


async def test_one_recipient_cancelled_in_the_last_moment_keeps_none_of_the_others(desk):
    async def script(job, over, marks):
        if len(job.deliveries) == 3:
            (cancelled,) = [row.id for row in desk.outbox.rows() if row.to == "cal@example.org"]
            assert desk.outbox.cancel(cancelled, now=time.time())
        await marks.sending()
        return [OK] * len(job.deliveries)

    relay = Relay(script=script)
    desk.put(relay, "bob@example.org", "cal@example.org", "dan@example.org")
    await desk.send(relay)
    assert desk.states() == {
        "bob@example.org": DeliveryState.WAITING,
        "cal@example.org": DeliveryState.CANCELLED,
        "dan@example.org": DeliveryState.WAITING,
    }
    await desk.send(relay)
    assert [line.jobs for line in relay.lines][-1] == [["bob@example.org", "dan@example.org"]]
    assert desk.outbox.rows([DeliveryState.WAITING]) == []


async def test_messages_to_one_server_follow_each_other_and_are_prepared(desk):
    relay = Relay()
    groups = [desk.outbox.row(*desk.put(relay, f"{n}@example.org")).group for n in range(4)]
    await desk.send(relay)
    (line,) = relay.lines
    assert line.jobs == [[f"{n}@example.org"] for n in range(4)]
    assert list(dict.fromkeys(relay.prepared)) == groups[1:]
    assert set(desk.states().values()) == {DeliveryState.ACCEPTED}


async def test_the_next_message_is_prepared_while_the_server_takes_the_one_before(desk):
    async def takes_its_time(job, over, marks):
        await marks.sending(job.deliveries)
        if job.message.group == groups[0]:
            async with asyncio.timeout(60):
                while not relay.prepared:
                    await asyncio.sleep(0.01)
        else:
            assert job.prepared == job.message.group
        return [OK] * len(job.deliveries)

    relay = Relay(script=takes_its_time)
    groups = [desk.outbox.row(*desk.put(relay, f"{n}@example.org")).group for n in range(2)]
    await desk.send(relay)
    assert relay.prepared == groups[1:]
    assert set(desk.states().values()) == {DeliveryState.ACCEPTED}


async def test_a_message_that_cannot_be_prepared_is_sent_as_any_other(desk):
    relay = Relay()
    desk.put(relay, "a@example.org")
    desk.put(relay, "b@example.org")
    relay.prepare = lambda message, before=None: 1 / 0
    await desk.send(relay)
    assert set(desk.states().values()) == {DeliveryState.ACCEPTED}


@pytest.mark.parametrize("how", ["stopped", "cancelled"])
async def test_the_next_message_is_given_back_when_the_courier_ends(desk, monkeypatch, how):
    real, claimed, go = desk.outbox.finish_and_claim, asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def slow(*args, **more):
        claim = real(*args, **more)
        loop.call_soon_threadsafe(claimed.set)
        assert go.wait(60)
        return claim

    monkeypatch.setattr(desk.outbox, "finish_and_claim", slow)
    relay = Relay()
    desk.put(relay, "a@example.org")
    desk.put(relay, "b@example.org")
    courier = Courier(desk.outbox, [relay], desk.store, on_event=desk.events.append)
    task = asyncio.create_task(courier.run())
    await claimed.wait()
    assert desk.states()["b@example.org"] is DeliveryState.SENDING
    ending = asyncio.create_task(courier.stop()) if how == "stopped" else task
    if how == "cancelled":
        task.cancel()
    await asyncio.sleep(0.01)
    go.set()
    await asyncio.gather(ending, task, return_exceptions=True)
    assert desk.states() == {"a@example.org": DeliveryState.ACCEPTED, "b@example.org": DeliveryState.WAITING}
    assert len([event for event in desk.events if isinstance(event, TakenOn)]) == 1


async def test_what_is_interrupted_is_uncertain_only_for_those_who_may_have_got_it(desk, monkeypatch):
    monkeypatch.setattr(courier_module, "_WIND_DOWN", 0.1)
    begun = asyncio.Event()

    async def script(job, over, marks):
        await marks.sending(job.deliveries[:1])
        begun.set()
        await asyncio.sleep(60)

    relay = Relay(script=script)
    desk.put(relay, "bob@example.org", "cal@example.org")
    courier = Courier(desk.outbox, [relay], desk.store)
    task = asyncio.create_task(courier.run())
    await begun.wait()
    await courier.stop()
    await task
    assert desk.states() == {
        "bob@example.org": DeliveryState.UNCERTAIN,
        "cal@example.org": DeliveryState.WAITING,
    }
    assert relay.lines[0].closed == 1


@pytest.mark.parametrize(("sent", "state"), [(False, DeliveryState.FAILED), (True, DeliveryState.UNCERTAIN)])
async def test_a_transport_that_reports_too_little_loses_nothing(desk, sent, state, caplog):
    async def script(job, over, marks):
        if sent:
            await marks.sending()
        return [OK]

    relay = Relay(script=script)
    desk.put(relay, "bob@example.org", "cal@example.org")
    await desk.send(relay)
    assert set(desk.states().values()) == {state}


async def test_without_a_transport_for_its_kind_a_message_waits_for_a_person(desk):
    relay = Relay()
    desk.put(relay)
    (row,) = await desk.send()
    assert (row.state, row.question) == (DeliveryState.HELD, Question.PERSON)
    desk.outbox.retry(row.id, time.time())
    await desk.send(relay)
    assert desk.states() == {"bob@example.org": DeliveryState.ACCEPTED}


async def test_what_a_transport_cannot_remember_stops_nothing(desk):
    relay = Relay()

    def settled(job, endings):
        raise StoreError("The disk is full.")

    relay.settled = settled
    desk.put(relay)
    await desk.send(relay)
    assert desk.states() == {"bob@example.org": DeliveryState.ACCEPTED}


async def test_a_transport_can_say_something_while_it_sends(desk):
    async def script(job, over, marks):
        marks.say(CourierNotice("By the way."))
        await marks.sending()
        return [OK]

    desk.put(relay := Relay(script=script))
    await desk.send(relay)
    assert CourierNotice("By the way.") in desk.events


async def test_a_server_that_keeps_its_own_copy_gets_none_from_us(desk):
    relay = Relay()
    relay.sent_copy = lambda outgoing: None
    desk.put(relay)
    await desk.send(relay)
    assert desk.store.folder(ACCOUNT, "Sent").list() == []
    assert desk.outbox.without_sent_copy() == []


def test_two_kinds_of_address_in_one_message_are_refused(desk):
    with pytest.raises(AddressError, match="Misfin address"):
        desk.put(Relay(), "misfin:bob@hive.test")
    assert desk.outbox.rows() == []


def test_the_same_message_submitted_twice_is_queued_once_however_it_is_composed(desk):
    relay = Relay()
    draft = desk.box.save(Draft(account=ACCOUNT, to=("bob@example.org",), body="x"), now=1.0)
    first = submit(desk.outbox, None, draft, relay, now=1.0)
    assert submit(desk.outbox, desk.box, draft, relay, now=60.0) == first
