"""The courier's events in words: true ones."""

from __future__ import annotations

import dataclasses

import pytest

from misfin.model.account import AddressKind
from misfin.post import events
from misfin.post.misfin.events import HostSeen, MailboxKeyChanged
from misfin.store.outgoing.deliveries import DeliveryState, OutboxRow, Question
from misfin.trust.tofu import Decision
from misfin_tui.messages import OutboxChanged, Problem, TrustAsked
from misfin_tui.services.news import messages_of


def row(state: DeliveryState, **changes) -> OutboxRow:
    values = {field.name: "" for field in dataclasses.fields(OutboxRow)}
    values |= {
        "id": 1,
        "to": "bob@hive.test",
        "state": state,
        "why": "the reason",
        "status": 0,
        "attempts": 1,
        "next_attempt": 0.0,
        "created": 0.0,
        "hold_until": 0.0,
        "size": 1,
        "question": None,
    }
    return OutboxRow(**values | changes)


@pytest.mark.parametrize(
    ("event", "words", "severity"),
    [
        (events.Sent(row(DeliveryState.DELIVERED)), "Delivered to bob@hive.test.", "information"),
        (
            events.Deferred(row(DeliveryState.DEFERRED)),
            "Not delivered to bob@hive.test yet: the reason",
            "information",
        ),
        (events.Deferred(row(DeliveryState.DEFERRED, attempts=5)), "", "information"),
        (events.Failed(row(DeliveryState.FAILED)), "Not delivered to bob@hive.test: the reason", "error"),
        (events.Uncertain(row(DeliveryState.UNCERTAIN)), "It is not known whether bob@hive.test", "warning"),
        (events.Held(row(DeliveryState.HELD)), "needs your decision: the reason", "warning"),
        (
            HostSeen("hive.test:1958", Decision.FIRST_USE, None),
            "First contact",
            "information",
        ),
        (HostSeen("hive.test:1958", Decision.RENEWED, None), "renewed its certificate", "information"),
        (
            MailboxKeyChanged("bob@hive.test", "aa" * 32, "bb" * 32),
            "The server of bob@hive.test now reports another certificate for it.",
            "warning",
        ),
        (events.SendingStarted(row(DeliveryState.SENDING)), "", "information"),
    ],
)
def test_each_event_is_said_as_it_is(event, words, severity):
    (message,) = messages_of(event)
    assert isinstance(message, OutboxChanged)
    assert words in message.notice
    assert bool(words) == bool(message.notice)
    assert message.severity == severity
    assert ("elivered to" in message.notice and "Not" not in message.notice) == isinstance(event, events.Sent)


def test_no_fingerprint_is_read_out():
    (message,) = messages_of(MailboxKeyChanged("bob@hive.test", "aa" * 32, "bb" * 32))
    assert isinstance(message, OutboxChanged)
    assert "aaaa" not in message.notice


def test_a_question_about_trust_is_asked():
    held = row(
        DeliveryState.HELD,
        kind=AddressKind.MISFIN,
        question=Question.CHANGED_CERTIFICATE,
        pin_name="hive.test:1958",
    )
    notice, question = messages_of(events.Held(held))
    assert isinstance(notice, OutboxChanged)
    assert question == TrustAsked("host", "hive.test:1958")


def test_trouble_with_the_disk_is_a_problem():
    (message,) = messages_of(events.Trouble("The disk is full."))
    assert message == Problem("The disk is full.")
