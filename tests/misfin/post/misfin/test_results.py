"""What a status of Misfin means: which answers are final, which wait, and which a person has to decide."""

from __future__ import annotations

import pytest

from misfin.post.misfin.results import of_status
from misfin.post.transport import Accepted, Ask, Pace, Permanent, Temporary, Wait
from misfin.store.outgoing.deliveries import Question


@pytest.mark.parametrize("status", [20, 21, 29])
def test_two_x_is_delivered_whatever_the_server_says_with_it(status):
    assert of_status(status, "Confirmation sent") == Accepted(delivered=True)


@pytest.mark.parametrize("status", [40, 41, 42, 43, 46, 49])
def test_a_temporary_failure_is_of_this_delivery_alone(status):
    assert of_status(status, "later please") == Temporary(Pace.MINUTES)


@pytest.mark.parametrize(
    ("meta", "seconds"),
    [("Slow Down. Retry after 30s", 30), ("120", 120), ("later", 60), ("2 min", 120), ("99999", 3600)],
)
def test_44_waits_as_long_as_the_server_says(meta, seconds):
    assert of_status(44, meta) == Wait(seconds)


def test_a_full_mailbox_is_tried_after_hours():
    assert of_status(45, "") == Temporary(Pace.HOURS)


@pytest.mark.parametrize("status", [50, 51, 52, 53, 55, 59, 61, 62, 63, 64, 69, 10, 47 + 30, 99])
def test_final_statuses_are_final(status):
    assert of_status(status, "no thanks") == Permanent()


@pytest.mark.parametrize(
    ("status", "question"),
    [(30, Question.REDIRECT_ONCE), (31, Question.REDIRECT_ALWAYS), (60, Question.NEEDS_IDENTITY)],
)
def test_what_a_person_has_to_decide_is_asked(status, question):
    assert of_status(status, "bob@new.example") == Ask(question)
