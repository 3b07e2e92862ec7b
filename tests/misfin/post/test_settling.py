"""What is written down when a transport raises instead of reporting: never a second copy, never silence."""

from __future__ import annotations

import pytest

from misfin.errors import ClaimLostError, ConnectError, GemmailError, RemoteError, StoreError
from misfin.post.endings import Ask, Ending, Pace, RouteError, Temporary
from misfin.post.settling import interrupted, raised
from misfin.store.outgoing.deliveries import DeliveryState, History, Question

AWAY = RouteError(Ending(Temporary(Pace.SOON, whole_route=True), "Nobody answers."))
ASKS = RouteError(Ending(Ask(Question.PERSON, pin_name="work", pinned="old"), "Which password?"))


def outcome(error, *, sent):
    return raised(error, History(), sent=sent, now=5.0, rand=0.0).outcome


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (AWAY, DeliveryState.DEFERRED),
        (ASKS, DeliveryState.HELD),
        (ClaimLostError("x"), DeliveryState.WAITING),
        (StoreError("x"), DeliveryState.DEFERRED),
        (RemoteError("x"), DeliveryState.DEFERRED),
        (ConnectError("x", hostname="h", port=1), DeliveryState.DEFERRED),
        (GemmailError("x"), DeliveryState.FAILED),
        (RuntimeError("x"), DeliveryState.FAILED),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value),
)
def test_what_had_not_been_sent_goes_on_or_fails_and_what_may_have_been_is_uncertain(error, state):
    assert outcome(error, sent=False).state is state
    assert outcome(error, sent=True).state is DeliveryState.UNCERTAIN


def test_others_on_the_route_wait_for_a_server_that_is_away_and_share_a_question():
    assert outcome(AWAY, sent=False).whole_route
    assert not outcome(GemmailError("x"), sent=False).whole_route
    asked = outcome(ASKS, sent=False)
    assert (asked.pin_name, asked.pinned, asked.why) == ("work", "old", "Which password?")


def test_a_lost_claim_goes_again_at_once_and_is_no_failure():
    again = outcome(ClaimLostError("x"), sent=False)
    assert (again.next_attempt, again.failure) == (5.0, False)
    assert "another recipient" in again.why


def test_a_lost_claim_never_says_of_what_was_sent_that_nothing_was_sent():
    lost = ClaimLostError("The delivery was cancelled just before sending; nothing was sent.")
    uncertain = outcome(lost, sent=True)
    assert "nothing was sent" not in uncertain.why
    assert "may have arrived" in uncertain.why


@pytest.mark.parametrize(("sent", "state"), [(True, DeliveryState.UNCERTAIN), (False, DeliveryState.WAITING)])
def test_stopped_in_the_middle(sent, state):
    assert interrupted(sent=sent, now=5.0).outcome.state is state
