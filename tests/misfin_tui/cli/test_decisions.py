"""What a person decides at a shell: where a redirected message goes, and which keys are remembered."""

from __future__ import annotations

import time

import pytest
from outgoing import claimed, finish

from misfin.store.outgoing.outbox import DeliveryState, Outbox, Outcome, Question, Transcript
from misfin.store.people.contacts import ContactBook
from misfin.trust.pins import PinBook
from misfin_tui.paths import profile_at

from .conftest import Shell

KEY = "ab" * 32


def redirected(shell: Shell, question: Question) -> int:
    """A message held because its host named another address; nobody listens anywhere."""
    shell.settings(
        '[hosts."hive.test"]\nconnect = "127.0.0.1:1"\n[hosts."new.test"]\nconnect = "127.0.0.1:1"\n'
    )
    shell.run("identity", "new", "ada@harbour.test")
    shell.json("send", "bea@hive.test", "--body", "Hi", "--queue")
    outbox = Outbox(profile_at(shell.root).outbox_db)
    claim = claimed(outbox, time.time())
    assert claim is not None
    held = Outcome(DeliveryState.HELD, "moved", 31, "bea@new.test", question=question, target="bea@new.test")
    finish(outbox, claim, held, Transcript(), time.time())
    outbox.close()
    return claim.row.id


def contact(shell: Shell) -> str:
    book = ContactBook(profile_at(shell.root).contacts_db)
    found = book.get("bea@hive.test")
    book.close()
    return found.address if found else ""


@pytest.mark.parametrize("change", [False, True])
def test_a_message_follows_its_redirect_and_the_contact_if_wanted(shell: Shell, change: bool) -> None:
    row = redirected(shell, Question.REDIRECT_ALWAYS)
    done = shell.run("outbox", "follow", str(row), *(["--change-contact"] if change else []), check=4)
    assert "deferred" in done.stdout
    assert contact(shell) == ("bea@new.test" if change else "")
    assert ("contacts now have bea@new.test instead of bea@hive.test" in done.stderr) == change


def test_a_redirect_of_one_message_changes_no_contact(shell: Shell) -> None:
    row = redirected(shell, Question.REDIRECT_ONCE)
    done = shell.run("outbox", "follow", str(row), "--change-contact", check=2)
    assert "only this one message" in done.stderr
    assert contact(shell) == ""
    assert shell.json("outbox")[0]["state"] == "held"


def test_keys_of_recipients_are_listed_shown_and_forgotten(shell: Shell) -> None:
    with PinBook(profile_at(shell.root).trust_db) as pins:
        pins.note_mailbox_key("bea@hive.test", "cd" * 32, now=1.0)
        pins.note_mailbox_key("bea@hive.test", KEY, now=2.0)
    (listed,) = shell.json("trust", "list", "--recipients")
    assert (listed["name"], listed["fingerprint"]) == ("bea@hive.test", KEY)
    assert listed["history"][0]["fingerprint"] == "cd" * 32
    assert shell.json("trust", "show", "bea@hive.test", "--recipients") == [listed]
    assert "abab abab" in shell.run("trust", "show", "bea@hive.test", "--recipients").stdout
    shell.run("trust", "forget", "bea@hive.test", "--recipients")
    assert shell.json("trust", "list", "--recipients") == []
    for verb in ("show", "forget"):
        assert shell.run("trust", verb, "bea@hive.test", "--recipients", check=2).stderr.count("\n") == 1
    assert "not allowed" in shell.run("trust", "list", "--senders", "--recipients", check=2).stderr


@pytest.mark.parametrize("command", ["trust", "outbox", "identity", "config"])
def test_a_command_without_its_action_shows_what_there_is(shell: Shell, command: str) -> None:
    shell.run("identity", "new", "ada@harbour.test")
    listed = {"config": "show"}.get(command, "list")
    assert shell.run(command).stdout == shell.run(command, listed).stdout
