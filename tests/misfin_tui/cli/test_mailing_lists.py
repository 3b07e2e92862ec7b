"""Mailing lists and mailbox rules at the shell, with a receiver that notices them while it runs."""

from __future__ import annotations

import time

from freeports import free_port
from gmapclient import PlainClient

from misfin.store.identities import IdentityStore
from misfin.store.mail.maildir import MailStore

LIST = "garden@localhost"
SETTINGS = '[receive]\nlisten = ["127.0.0.1:{port}"]\n[gmap]\nenable = true\nlisten = ["127.0.0.1:0"]\n'
SETTINGS += '[verification]\nallow_private = true\n[hosts.localhost]\nconnect = "127.0.0.1:{port}"\n'


def arrived(shell, address: str, count: int) -> list[bytes]:
    latest = time.monotonic() + 30
    folder = MailStore(shell.root / "mail").folder(address)
    while len(found := folder.list()) < count:
        assert time.monotonic() < latest, f"{address} has {len(found)} messages"
        time.sleep(0.05)
    return [each.path.read_bytes() for each in found]


def test_an_operator_makes_a_list_while_the_receiver_runs_and_decides_what_is_sent(shell, tmp_path):
    shell.settings(SETTINGS.format(port=free_port()))
    assert shell.json("mailing-list") == []
    assert not (shell.root / "hosting.db").exists(), "looking makes nothing"
    shell.run("mailing-list", "create", LIST, check=2)
    shell.run("identity", "new", "postmaster@localhost", "--ca")
    for name in ("ada", "bea"):
        shell.run("mailbox", "add", f"{name}@localhost")
    receiver = shell.receive()
    port = int(receiver.stdout.readline().rsplit(":", 1)[1])
    people = tmp_path / "people"
    people.write_text("# friends\nada@localhost\n\nbea@localhost  # Bea\n")
    shell.run("mailing-list", "create", LIST, "--description", "What grows.", "--moderated")
    shell.run("mailing-list", "create", LIST, check=2)
    shell.run("mailing-list", "create", "ada@localhost", check=2)
    shell.run("mailing-list", "create", "../../x@localhost", check=2)
    assert shell.json("mailing-list", "subscribe", LIST, "--file", str(people))[0]["added"] == [
        "ada@localhost",
        "bea@localhost",
    ]
    shell.run("mailing-list", "subscribe", LIST, "eve@localhost", "no address", check=2)
    (found,) = shell.json("mailing-list", "list")
    assert (found["address"], found["subscribers"], found["held"]) == (LIST, 2, 0)
    shell.run("send", LIST, "--from", "ada@localhost", "--subject", "Slugs", "--body", "They are back.")
    (held,) = shell.json("mailing-list", "held")
    assert (held["author"], held["subject"]) == ("ada@localhost", "Slugs")
    assert "They are back." in shell.run("mailing-list", "show", LIST, str(held["number"])).stdout
    shell.run("mailing-list", "approve", LIST, str(held["number"]))
    shell.run("mailing-list", "approve", LIST, str(held["number"]), check=2)
    (copy,) = arrived(shell, "bea@localhost", 1)
    assert b"ada@localhost" in copy
    latest = time.monotonic() + 60
    while shell.json("mailing-list", "undelivered", LIST) != []:  # it arrives before that is noted
        assert time.monotonic() < latest
    client = PlainClient(port, IdentityStore(shell.root / "identities").load(LIST), "localhost")
    assert client.ask("/list/").body == b"=> /list/garden/info garden@localhost: What grows.\n"
    page = client.ask("/list/garden/info").body.decode()
    assert "=> misfin:garden@localhost?subscribe " in page
    assert client.ask("/list/../info").status == client.ask("/list/nothing/info").status == 51
    shell.run("mailing-list", "unsubscribe", LIST, "bea@localhost")
    assert [each["address"] for each in shell.json("mailing-list", "subscribers", LIST)] == ["ada@localhost"]


def test_an_absence_has_dates_and_blocks_are_kept_for_one_mailbox(shell):
    shell.run("identity", "new", "postmaster@localhost", "--ca")
    shell.run("mailbox", "add", "ada@localhost")
    (nothing,) = shell.json("mailbox", "away", "ada@localhost")
    assert nothing["away"] is False
    span = ("--from", "2026-12-24", "--until", "2099-01-06")
    (found,) = shell.json("mailbox", "away", "ada@localhost", "--text", "Gone fishing.", *span)
    assert (found["from"], found["until"], found["text"]) == ("2026-12-24", "2099-01-06", "Gone fishing.")
    for wrong in (
        ("--until", "yesterday"),
        ("--until", "2001-01-01"),
        ("--text", " "),
        ("--text", "x" * 9000),
    ):
        shell.run("mailbox", "away", "ada@localhost", "--text", "Gone.", *wrong, check=2)
    shell.run("mailbox", "away", "ada@localhost", "--until", "2099-01-01", check=2)
    shell.run("mailbox", "away", "ada@localhost", "--off")
    assert shell.json("mailbox", "away", "ada@localhost")[0]["away"] is False
    shell.run("mailbox", "block", "ada@localhost", "bea@hive.test", "@Junk.Example")
    rows = shell.json("mailbox", "block", "ada@localhost")
    assert [each["sender"] for each in rows] == ["@junk.example", "bea@hive.test"]
    shell.run("mailbox", "block", "ada@localhost", "@not a host", check=2)
    shell.run("mailbox", "unblock", "ada@localhost", "@junk.example")
    shell.run("mailbox", "unblock", "ada@localhost", "@junk.example", check=1)
