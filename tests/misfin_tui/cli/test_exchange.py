"""Two profiles on loopback exchange mail by ``send`` and ``receive`` alone."""

from __future__ import annotations

import signal

import pytest

from misfin.trust.pins import PinBook
from misfin_tui.paths import profile_at

from .conftest import Shell

TEXT = "# Žluťoučký kůň\n\nTwo  spaces, a tab\t, and\n```\n  kept\n```\n=> misfin:ada@harbour.test me\nno end"


def test_what_is_sent_comes_back_byte_for_byte_under_sender_and_time(two: tuple[Shell, Shell]) -> None:
    ada, bea = two
    bea.receive()
    (sent,) = ada.json("send", "bea@hive.test", "--wait", text=TEXT)
    assert sent["state"] == "delivered"
    assert sent["status"] == 20
    assert sent["fingerprint"] == bea.json("identity", "show")[0]["fingerprint"]
    assert sent["attempts"] == 1
    (message,) = bea.json("list")
    raw = bea.run("show", message["id"], "--raw").stdout
    sender, recipients, stamp, body = raw.split("\n", 3)
    assert sender == "ada@harbour.test Ada"
    assert recipients == ""
    assert stamp == message["date"]
    assert body == TEXT
    assert message["from"] == "Ada <ada@harbour.test>"
    assert message["subject"] == "Žluťoučký kůň"
    assert message["unread"] is True
    assert message["folder"] == "Inbox"
    (copy,) = ada.json("list", "in:Sent")
    assert copy["folder"] == "Sent"
    assert ada.run("show", copy["id"], "--raw").stdout.split("\n", 3)[3] == TEXT


def test_another_key_of_the_recipient_is_a_remark_and_no_failure(two: tuple[Shell, Shell]) -> None:
    ada, bea = two
    bea.receive()
    with PinBook(profile_at(ada.root).trust_db) as pins:
        pins.note_mailbox_key("bea@hive.test", "aa" * 32, now=1.0)
    done = ada.run("send", "bea@hive.test", "--wait", "--json", text="Hi\n")
    assert "delivered" in done.stdout
    # A fingerprint alone does not tell a renewed certificate from another key, so both are named.
    assert "The server of bea@hive.test gave a different certificate for it than before" in done.stderr
    assert "may be another one" in done.stderr
    assert "aa" * 32 in done.stderr
    assert ada.run("send", "bea@hive.test", "--wait", text="Again\n").stderr == "", "told once"


def test_a_message_to_two_names_both_and_goes_to_each_once(two: tuple[Shell, Shell]) -> None:
    ada, bea = two
    bea.receive()
    ada.receive()
    sent = ada.json("send", "bea@hive.test", "ada@harbour.test", "--body", "Both of us")
    assert [row["state"] for row in sent] == ["delivered", "delivered"]
    (at_bea,) = bea.json("list")
    assert bea.run("show", at_bea["id"], "--raw").stdout.split("\n")[1] == "bea@hive.test, ada@harbour.test"
    assert len(ada.json("list", "in:Inbox")) == 1


def test_an_unknown_mailbox_and_an_unknown_host_are_final_and_say_so(two: tuple[Shell, Shell]) -> None:
    ada, bea = two
    bea.receive()
    (row,) = ada.json("send", "nobody@hive.test", "--body", "x", check=1)
    assert (row["state"], row["status"]) == ("failed", 51)
    assert row["why"]


def test_a_host_that_is_down_leaves_the_message_in_the_outbox_until_it_is_back(
    two: tuple[Shell, Shell],
) -> None:
    ada, bea = two
    (row,) = ada.json("send", "bea@hive.test", "--body", "Later then", check=4)
    assert row["state"] == "deferred"
    (queued,) = ada.json("outbox")
    assert queued["next_attempt"] > "2020"
    assert queued["why"]
    bea.receive()
    (row,) = ada.json("outbox", "retry", str(queued["id"]))
    assert row["state"] == "delivered"
    assert len(bea.json("list")) == 1


def test_a_queued_message_waits_for_the_outbox_to_run(two: tuple[Shell, Shell]) -> None:
    ada, bea = two
    (row,) = ada.json("send", "bea@hive.test", "--body", "x", "--queue")
    assert row["state"] == "waiting"
    bea.receive()
    assert bea.json("list") == []
    (row,) = ada.json("outbox", "run")
    assert row["state"] == "delivered"
    assert ada.json("outbox", "run") == []


def test_a_cancelled_message_never_leaves(two: tuple[Shell, Shell]) -> None:
    ada, bea = two
    (row,) = ada.json("send", "bea@hive.test", "--body", "x", "--queue")
    ada.run("outbox", "cancel", str(row["id"]))
    bea.receive()
    ada.run("outbox", "run")
    assert bea.json("list") == []


def test_a_changed_host_holds_the_message_until_its_fingerprint_is_approved(two: tuple[Shell, Shell]) -> None:
    ada, bea = two
    bea.receive()
    ada.run("send", "bea@hive.test", "--body", "first")
    bea.close()
    (bea.root / "identities" / "bea@hive.test.pem").unlink()
    bea.run("identity", "new", "bea@hive.test", "--blurb", "Bea")
    bea.receive()
    (held,) = ada.json("send", "bea@hive.test", "--body", "second", check=3)
    assert held["state"] == "held"
    assert len(bea.json("list")) == 1
    wrong = "00" * 32
    assert (
        "nothing was changed"
        in ada.run("trust", "approve", "hive.test", "--fingerprint", wrong, check=2).stderr
    )
    ada.run("outbox", "run", check=3)
    (pin,) = ada.json("trust", "show", "hive.test")
    assert pin["waiting"] == bea.json("identity", "show")[0]["fingerprint"]
    ada.run("trust", "approve", "hive.test", "--fingerprint", ":".join(pin["waiting"]))
    ada.run("outbox", "run")
    assert len(bea.json("list")) == 2
    (pin,) = ada.json("trust", "show", "hive.test")
    assert len(pin["history"]) == 1


def test_forgetting_a_pin_makes_the_next_contact_a_first_use(two: tuple[Shell, Shell]) -> None:
    ada, bea = two
    bea.receive()
    ada.run("send", "bea@hive.test", "--body", "x")
    ada.run("trust", "forget", "hive.test")
    assert ada.json("trust", "list") == []
    assert ada.run("trust", "forget", "hive.test", check=2).stderr.count("\n") == 1


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_a_receiver_ends_cleanly_when_asked(two: tuple[Shell, Shell], stop: signal.Signals) -> None:
    receiver = two[0].receive()
    receiver.send_signal(stop)
    assert receiver.wait(60) == 0


def test_a_second_receiver_of_a_profile_says_that_one_is_running(two: tuple[Shell, Shell]) -> None:
    ada, _ = two
    first = ada.receive()
    second = ada.run("receive", "--listen", "127.0.0.1:0", check=2)
    assert "already running" in second.stderr
    assert str(first.pid) in second.stderr


def test_a_receiver_that_was_told_to_ends_with_whoever_started_it(two: tuple[Shell, Shell]) -> None:
    receiver = two[0].receive("--until-eof")
    assert receiver.poll() is None
    assert receiver.stdin is not None
    receiver.stdin.close()
    assert receiver.wait(60) == 0


def test_a_host_that_renewed_its_certificate_is_said_to_have_at_send(two: tuple[Shell, Shell]) -> None:
    ada, bea = two
    receiver = bea.receive()
    assert ada.run("send", "bea@hive.test", "--wait", text="Hi\n").stderr == ""
    receiver.send_signal(signal.SIGTERM)
    receiver.wait()
    bea.run("identity", "renew", "bea@hive.test")
    bea.receive()
    said = ada.run("send", "bea@hive.test", "--wait", text="Again\n").stderr
    assert "has renewed its certificate, with the same key." in said
    assert "has renewed" not in ada.run("send", "bea@hive.test", "--wait", text="Again\n").stderr


@pytest.mark.parametrize("encoding", ["latin-1", "ascii"])
def test_signs_stay_apart_where_the_terminal_cannot_show_them(
    two: tuple[Shell, Shell], monkeypatch: pytest.MonkeyPatch, encoding: str
) -> None:
    ada, bea = two
    bea.receive()
    ada.receive()
    ada.run("send", "bea@hive.test", "--wait", text="Hi\n")
    with PinBook(profile_at(bea.root).trust_db) as pins:
        assert pins.all()
    monkeypatch.setenv("PYTHONUTF8", "0")
    monkeypatch.setenv("PYTHONIOENCODING", encoding)
    (line,) = bea.run("list").stdout.splitlines()
    assert "N +" in line, line
    (message,) = bea.json("list")
    assert message["trust"] == "verified"
    assert "Trust    + verified: the certificate is" in bea.run("show", message["id"]).stdout
    (sender,) = bea.json("trust", "list", "--senders")
    assert (sender["name"], sender["trust"]) == ("ada@harbour.test", "verified")
