"""The next message of a route is begun before the end of the last is on disk, and never leaves unclaimed."""

from __future__ import annotations

import asyncio
import threading

import pytest
from relay import OK, Relay, RelayDesk

from misfin.post import courier as courier_module
from misfin.post import route_work
from misfin.post.courier import Courier
from misfin.post.events import SendingStarted, TakenOn
from misfin.post.transport import Ending, Pace, Permanent, RouteError, Temporary
from misfin.store.outgoing.outbox import DeliveryState, Outbox

A, B, C = "a@example.org", "b@example.org", "c@example.org"
NOW = 1_800_000_000.0


@pytest.fixture
def desk(tmp_path):
    desk = RelayDesk(tmp_path / "profile")
    yield desk
    desk.outbox.close()


@pytest.fixture
def looked(monkeypatch):
    """Set once a courier knows what comes next on a route, and has it prepared."""
    event = asyncio.Event()
    monkeypatch.setattr(route_work, "_looked", lambda _looking: event.set())
    return event


class SlowEnding:
    """Keeps the end of the first message from being written down until :attr:`go` is set."""

    def __init__(self, desk: RelayDesk, monkeypatch: pytest.MonkeyPatch) -> None:
        self.go = threading.Event()
        self.real = desk.outbox.finish_and_claim
        monkeypatch.setattr(desk.outbox, "finish_and_claim", self.write)

    def write(self, *args: object, **more: object) -> object:
        assert self.go.wait(60)
        return self.real(*args, **more)


class Script:
    """What the server does: it takes the first message once the next one was looked up and prepared.

    ``meanwhile`` is awaited as the second one is begun, before its mark.
    """

    def __init__(self, looked: asyncio.Event, meanwhile=None) -> None:
        self.looked = looked
        self.meanwhile = meanwhile
        self.begun: list[str] = []
        self.left: list[str] = []

    async def __call__(self, job, over, marks) -> list[Ending]:
        (due,) = job.deliveries
        self.begun.append(due.address)
        if due.address == B and self.begun.count(B) == 1:
            await self.meanwhile()
        await marks.sending()
        self.left.append(due.address)
        if due.address == A:
            async with asyncio.timeout(60):
                await self.looked.wait()
        return [OK]


async def test_the_next_message_is_begun_while_the_end_of_the_last_is_written(desk, looked, monkeypatch):
    ending = SlowEnding(desk, monkeypatch)
    seen = {}

    async def meanwhile():
        seen.update(desk.states())
        seen["said"] = [event.row.to for event in desk.events if isinstance(event, SendingStarted)]
        ending.go.set()

    script = Script(looked, meanwhile)
    relay = Relay(script=script)
    for address in (A, B):
        desk.put(relay, address)
    await desk.send(relay)
    assert seen == {A: DeliveryState.SENDING, B: DeliveryState.WAITING, "said": [A]}
    assert script.left == [A, B]
    assert set(desk.states().values()) == {DeliveryState.ACCEPTED}
    assert [row.attempts for row in desk.outbox.rows()] == [1, 1]
    assert len(relay.lines) == 1


async def test_what_comes_after_the_next_one_is_prepared_as_that_is_claimed(desk, looked):
    prepared = {}

    async def noted(job, over, marks):
        (due,) = job.deliveries
        endings = await script(job, over, marks)
        prepared[due.address] = set(relay.prepared)
        return endings

    async def meanwhile():
        pass

    script = Script(looked, meanwhile)
    relay = Relay(script=noted)
    groups = {address: desk.outbox.row(*desk.put(relay, address)).group for address in (A, B, C)}
    await desk.send(relay)
    assert script.left == [A, B, C]
    assert prepared[B] >= {groups[B], groups[C]}
    assert relay.prepared.count(groups[C]) == 1
    assert set(desk.states().values()) == {DeliveryState.ACCEPTED}


async def test_a_message_cancelled_while_it_is_begun_does_not_leave_and_the_one_after_it_does(
    desk, looked, monkeypatch
):
    ending = SlowEnding(desk, monkeypatch)

    async def meanwhile():
        (row,) = [row for row in desk.outbox.rows() if row.to == B]
        assert desk.outbox.cancel(row.id, now=NOW)
        ending.go.set()

    script = Script(looked, meanwhile)
    relay = Relay(script=script)
    for address in (A, B, C):
        desk.put(relay, address)
    await desk.send(relay)
    assert script.left == [A, C]
    assert desk.states() == {
        A: DeliveryState.ACCEPTED,
        B: DeliveryState.CANCELLED,
        C: DeliveryState.ACCEPTED,
    }
    assert [event.row.to for event in desk.events if isinstance(event, SendingStarted)] == [A, C]
    assert [line.closed for line in relay.lines] == [1, 1]


async def test_a_message_that_another_process_takes_while_it_is_begun_leaves_once(desk, looked, monkeypatch):
    ending = SlowEnding(desk, monkeypatch)
    other = Outbox(desk.outbox.path)

    async def meanwhile():
        # It takes this process for dead, and so the route for free.
        monkeypatch.setattr("misfin.store.outgoing.outbox_claims.is_alive", lambda _token: False)
        other.recover(NOW * 2)
        assert other.claim(NOW * 2).deliveries[0].to == B
        ending.go.set()

    script = Script(looked, meanwhile)
    relay = Relay(script=script)
    for address in (A, B):
        desk.put(relay, address)
    await desk.send(relay)
    other.close()
    assert script.left == [A]
    assert desk.states() == {A: DeliveryState.ACCEPTED, B: DeliveryState.SENDING}


async def test_what_is_refused_before_the_claim_is_there_is_written_down_once_it_is(
    desk, looked, monkeypatch
):
    ending = SlowEnding(desk, monkeypatch)
    nobody = Ending(Permanent(), "There is no such mailbox.", status=550)

    async def script(job, over, marks):
        (due,) = job.deliveries
        if due.address == B:
            asyncio.get_running_loop().call_later(0.01, ending.go.set)
            return [nobody]
        return await taken(job, over, marks)

    taken = Script(looked)
    relay = Relay(script=script)
    for address in (A, B, C):
        desk.put(relay, address)
    await desk.send(relay)
    assert desk.states() == {A: DeliveryState.ACCEPTED, B: DeliveryState.FAILED, C: DeliveryState.ACCEPTED}


async def test_a_connection_lost_as_the_next_message_is_begun_is_opened_again_for_it(
    desk, looked, monkeypatch
):
    ending = SlowEnding(desk, monkeypatch)

    async def meanwhile():
        asyncio.get_running_loop().call_later(0.01, ending.go.set)
        raise RouteError(Ending(Temporary(Pace.SOON, whole_route=True), "The connection was lost."))

    script = Script(looked, meanwhile)
    relay = Relay(script=script)
    for address in (A, B):
        desk.put(relay, address)
    await desk.send(relay)
    assert script.begun == [A, B, B]
    assert set(desk.states().values()) == {DeliveryState.ACCEPTED}
    assert [line.closed for line in relay.lines] == [1, 1]


async def test_a_message_prepared_for_other_settings_is_not_sent_as_it_was_prepared(
    desk, looked, monkeypatch
):
    ending = SlowEnding(desk, monkeypatch)
    sent = []

    async def meanwhile():
        relay.prepare = lambda message, before=None: "anew"
        ending.go.set()

    script = Script(looked, meanwhile)
    relay = Relay(script=script)
    send = Script.__call__

    async def noted(job, over, marks):
        endings = await send(script, job, over, marks)
        sent.append(job.prepared)
        return endings

    relay.script, relay.as_prepared = noted, False
    for address in (A, B):
        desk.put(relay, address)
    await desk.send(relay)
    assert sent == [None, "anew"]
    assert set(desk.states().values()) == {DeliveryState.ACCEPTED}


async def test_a_question_about_the_route_begins_nothing(desk, looked):
    later = Ending(Temporary(Pace.SOON, whole_route=True), "The server has no time.", status=421)
    script = Script(looked)

    async def refused(job, over, marks):
        await script(job, over, marks)
        return [later]

    relay = Relay(script=refused)
    for address in (A, B):
        desk.put(relay, address)
    await desk.send(relay)
    assert script.begun == [A]
    assert set(desk.states().values()) == {DeliveryState.DEFERRED}


@pytest.mark.parametrize("how", ["stopped", "cancelled"])
async def test_a_message_begun_when_the_courier_ends_waits(desk, looked, monkeypatch, how):
    monkeypatch.setattr(courier_module, "_WIND_DOWN", 60.0)
    ending, begun = SlowEnding(desk, monkeypatch), asyncio.Event()

    async def meanwhile():
        begun.set()
        await asyncio.sleep(600)

    relay = Relay(script=Script(looked, meanwhile))
    for address in (A, B):
        desk.put(relay, address)
    courier = Courier(desk.outbox, [relay], desk.store, on_event=desk.events.append)
    task = asyncio.create_task(courier.run())
    await begun.wait()
    stopping = asyncio.create_task(courier.stop()) if how == "stopped" else task
    if how == "cancelled":
        task.cancel()
    await asyncio.sleep(0.01)
    ending.go.set()
    await asyncio.gather(stopping, task, return_exceptions=True)
    assert desk.states() == {A: DeliveryState.ACCEPTED, B: DeliveryState.WAITING}
    assert len([event for event in desk.events if isinstance(event, TakenOn)]) == 1
    assert [line.closed for line in relay.lines] == [1]


async def test_a_courier_that_may_not_wait_for_the_disk_leaves_nothing_running(desk, looked, monkeypatch):
    monkeypatch.setattr(courier_module, "_WIND_DOWN", 0.05)
    ending, begun = SlowEnding(desk, monkeypatch), asyncio.Event()

    async def meanwhile():
        begun.set()
        await asyncio.sleep(600)

    relay = Relay(script=Script(looked, meanwhile))
    for address in (A, B):
        desk.put(relay, address)
    courier = Courier(desk.outbox, [relay], desk.store)
    task = asyncio.create_task(courier.run())
    await begun.wait()
    await courier.stop()
    await task
    assert desk.states() == {A: DeliveryState.SENDING, B: DeliveryState.WAITING}
    ending.go.set()
    async with asyncio.timeout(60):
        while desk.states() != {A: DeliveryState.ACCEPTED, B: DeliveryState.WAITING}:
            await asyncio.sleep(0.01)
