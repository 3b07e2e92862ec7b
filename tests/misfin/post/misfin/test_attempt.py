"""An attempt that ends without an answer: what each fault means for the message, sent or not."""

from __future__ import annotations

import pytest
from outgoing import recipients

from misfin.errors import (
    AddressError,
    ConnectError,
    GemmailError,
    IdentityError,
    MessageTooLargeError,
    MisfinError,
    OutcomeUnknownError,
    RemoteError,
    StoreError,
)
from misfin.model.address import MisfinAddress
from misfin.model.gemmail import Version
from misfin.post.marks import JobMarks
from misfin.post.misfin.attempt import attempt
from misfin.post.settling import settle
from misfin.post.transport import Due, Job, Route
from misfin.store.outgoing.outbox import DeliveryState, Outbox, Question

ADA = MisfinAddress("ada", "mail.example")
FACTS = {"hostname": "hive.test", "port": 1958}


@pytest.fixture
def outbox(tmp_path):
    outbox = Outbox(tmp_path / "outbox.db")
    outbox.enqueue(
        account=ADA.address,
        recipients=recipients("bob@hive.test"),
        message=b"\n\n\nHi\n",
        subject="",
        now=1.0,
    )
    yield outbox
    outbox.close()


async def ending(outbox, error: MisfinError, *, left: bool | str, full: bool = False):
    """What an attempt comes to whose client raises ``error`` before or after the message began to leave, or
    after what left was "refused"; with a ``full`` disk that cannot be written down."""

    class Client:
        async def deliver(self, _to, _message, *, before_write, on_refused, on_attempt):
            if left:
                await before_write()
            if left == "refused":
                await on_refused()
            raise error

    claim = outbox.claim(2.0)
    marks = JobMarks(outbox, claim, lambda: 3.0, lambda _event: None)
    if full:
        outbox.refused = lambda _: (_ for _ in ()).throw(StoreError("The disk is full."))
    due = Due(0, "bob@hive.test", "bob@hive.test")
    job = Job(claim.message, Route(claim.route, ADA.address), (due,))
    ended = await attempt(Client(), job, ADA, marks)
    return settle(claim.deliveries[0].history, ended, 3.0, 0.0).outcome


@pytest.mark.parametrize(
    ("error", "state", "question"),
    [
        (ConnectError("x", **FACTS), DeliveryState.DEFERRED, None),
        (StoreError("The disk is full."), DeliveryState.DEFERRED, None),
        (RemoteError("x"), DeliveryState.DEFERRED, None),
        (MessageTooLargeError(3000, 2048, Version.B), DeliveryState.HELD, Question.TOO_LARGE),
        (IdentityError("x"), DeliveryState.HELD, Question.NEEDS_IDENTITY),
        (MessageTooLargeError(17000, 16384, Version.C), DeliveryState.FAILED, None),
        (GemmailError("x"), DeliveryState.FAILED, None),
        (AddressError("x"), DeliveryState.FAILED, None),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value),
)
async def test_what_stopped_a_message_that_had_not_left(outbox, error, state, question):
    outcome = await ending(outbox, error, left=False)
    assert (outcome.state, outcome.question) == (state, question)
    assert str(error) in outcome.why


@pytest.mark.parametrize("error", [OutcomeUnknownError("x", **FACTS), StoreError("x"), RemoteError("x")])
async def test_a_message_that_may_have_left_is_uncertain(outbox, error):
    assert (await ending(outbox, error, left=True)).state is DeliveryState.UNCERTAIN


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("error", [ConnectError("x", **FACTS), StoreError("x"), RemoteError("x")])
async def test_a_message_refused_before_the_next_try_failed_has_not_left(outbox, error, full):
    assert (await ending(outbox, error, left="refused", full=full)).state is DeliveryState.DEFERRED
