"""What the courier tells, as notices: the words, and how serious they are."""

from __future__ import annotations

import pytest

from misfin.post.events import Failed, MailboxKeyChanged, Notice, Sent
from misfin.store.outgoing import OutboxRow, State
from misfin_tui.services.news import messages_of


def row(state: State, **more: object) -> OutboxRow:
    values: dict[str, object] = {
        "id": 1,
        "group": "g",
        "account": "ada@mail.example",
        "to": "bob@hive.test",
        "subject": "Hi",
        "why": "",
        "status": 20,
        "meta": "",
        "fingerprint": "",
        "attempts": 1,
        "next_attempt": 0.0,
        "created": 0.0,
        "hold_until": 0.0,
        "size": 10,
        "question": None,
        "question_name": "",
        "target": "",
        "host": "hive.test:1958",
    }
    return OutboxRow(state=state, **{**values, **more})  # type: ignore[arg-type]  # by name, all of them


KEY = MailboxKeyChanged("bob@hive.test", "aa" * 32, "bb" * 32)
SAID = row(State.DELIVERED, meta="Already subscribed")
HASH = row(State.DELIVERED, meta="aa" * 32, fingerprint="aa" * 32)
GONE = row(State.FAILED, status=52, why="The mailbox is gone for good.")


@pytest.mark.parametrize(
    ("event", "severity", "words"),
    [
        (Sent(HASH), "information", "Delivered to bob@hive.test."),
        (Sent(SAID), "information", "Delivered to bob@hive.test. Its server says: Already subscribed"),
        (KEY, "warning", KEY.text),
        (Notice("hive.test:1958 speaks only TLS 1.2."), "warning", "hive.test:1958 speaks only TLS 1.2."),
        (
            Failed(GONE),
            "error",
            "Not delivered to bob@hive.test: The mailbox is gone for good. The outbox offers to mark it so.",
        ),
    ],
)
def test_an_event_is_told_in_words(event: object, severity: str, words: str) -> None:
    (message,) = messages_of(event)  # type: ignore[arg-type]  # one of the union, by the table above
    assert (message.notice, message.severity) == (words, severity)  # type: ignore[attr-defined]  # as above
