"""A mailbox on somebody's server at the shell: added, fetched, read, filed, sent from, removed."""

from __future__ import annotations

import pytest
from gmapserver import GmapBox, GmapServer, gemmail
from peers import person

from misfin.trust.identity import KeyKind

OWNER = person("ada@mail.test", key=KeyKind.EC)


@pytest.fixture
def remote():
    box = GmapBox()
    with GmapServer(person("localhost@localhost"), OWNER, box) as server:
        yield box, server


@pytest.fixture
def shell_with_key(shell, tmp_path):
    key = tmp_path / "ada.pem"
    key.write_bytes(OWNER.cert_pem + OWNER.key_pem)
    shell.run("identity", "import", str(key))
    (name,) = [each["name"] for each in shell.json("identity", "list")]
    shell.identity = name
    return shell


def add(shell, server, *words, check=0):
    where = ("--host", "localhost", "--port", str(server.port), "--identity", shell.identity)
    return shell.json("account", "add", "away", "--kind", "gmap", *where, *words, check=check)


def test_a_remote_mailbox_is_added_fetched_read_and_filed(shell_with_key, remote):
    shell, (box, server) = shell_with_key, remote
    box.add(gemmail(1))
    box.add(gemmail(2), "Archive")
    *steps, added = add(shell, server)
    assert [each["step"] for each in steps] == ["server", "trust", "identity", "inbox"]
    assert {each["verdict"] for each in steps} == {"good"}
    assert steps[-1]["text"] == "1 message in the inbox."
    assert steps[1]["fingerprint"] == steps[-1]["fingerprint"] != ""
    assert (added["name"], added["address"]) == ("away", "ada@mail.test")
    (account,) = shell.json("account", "list")
    assert (account["name"], account["kind"], account["address"]) == ("away", "gmap", "ada@mail.test")

    assert [each.name for each in (shell.root / "mail").iterdir()] == ["away@"], "no empty account beside it"

    fetched, _ = shell.json("fetch")
    assert (fetched["account"], fetched["arrived"], fetched["problems"]) == ("ada@mail.test", 2, [])
    (row,) = shell.json("list", "in:inbox")
    assert (row["subject"], row["from"], row["account"]) == (
        "Number 1",
        "Bea <bea@hive.test>",
        "ada@mail.test",
    )
    assert row["trust"] == "unconfirmed"
    shown = shell.run("show", row["id"]).stdout
    assert "stamped by localhost" in shell.run("show", row["id"], "--json").stdout + shown

    assert shell.json("fetch", "--account", "ada@mail.test")[0]["arrived"] == 0


def test_mail_that_the_identity_received_itself_stays_beside_the_remote_mailbox(shell_with_key, remote):
    shell, (_, server) = shell_with_key, remote
    own = shell.root / "mail" / "ada@mail.test"
    (own / "new" / "1.M1.here").write_bytes(b"Subject: Kept\n\n")
    add(shell, server)
    assert [each.name for each in own.rglob("*.here")] == ["1.M1.here"]
    assert {each.name for each in own.iterdir()} > {"cur", "new", "tmp", ".Sent"}


def test_a_key_that_the_server_does_not_know_is_told_and_nothing_is_added(shell_with_key, remote):
    shell, (box, server) = shell_with_key, remote
    box.odd = lambda _asked: b"61 Not registered\r\n"
    *before, checked = add(shell, server, check=1)
    assert [(each["step"], each["verdict"]) for each in before] == [("server", "good"), ("trust", "good")]
    assert (checked["step"], checked["verdict"]) == ("identity", "bad")
    assert "does not accept the certificate" in checked["text"]
    assert not (shell.root / "config.toml").exists()


def findings(shell, check=0) -> str:
    rows = shell.json("doctor", check=check)
    return "\n".join(each["text"] for each in rows if each["topic"] == "accounts")


def test_each_step_that_fails_is_named_and_what_waits_for_a_decision_is_found_by_doctor(shell_with_key):
    shell = shell_with_key
    box = GmapBox()
    first, other = (person("localhost@localhost", number=number) for number in range(2))
    with GmapServer([first, first, other], OWNER, box) as server:  # two requests look at the mailbox
        add(shell, server)
        port = server.port
        *before, changed = shell.json("account", "test", "away", check=3)
    (gone,) = shell.json("account", "test", "away", check=1)
    assert (gone["step"], gone["verdict"]) == ("server", "bad")
    assert [each["step"] for each in before] == ["server"]
    assert (changed["step"], changed["verdict"]) == ("trust", "bad")
    assert f"the certificate of localhost:{port} has changed" in findings(shell, check=1)


def test_an_account_can_be_tested_and_removed_and_its_mail_stays(shell_with_key, remote):
    shell, (box, server) = shell_with_key, remote
    box.add(gemmail(1))
    add(shell, server, "--no-test")
    assert "away: There has been no contact with localhost yet." in findings(shell)
    assert shell.json("account", "test", "away")[-1]["verdict"] == "good"
    assert f"away: localhost:{server.port} is trusted" in findings(shell)
    shell.run("fetch")
    (removed,) = shell.json("account", "remove", "away", "--yes")
    assert removed["path"].endswith("/mail/away@")
    assert list((shell.root / "mail" / "away@").rglob("*.*"))
    (account,) = shell.json("account", "list")  # the identity is an account of its own again
    assert (account["kind"], account["address"]) == ("misfin", "ada@mail.test")


def test_an_identity_that_is_not_there_is_told(shell, remote):
    _, server = remote
    words = ("--kind", "gmap", "--host", "localhost", "--port", str(server.port))
    assert "needs --host and --identity" in shell.run("account", "add", "away", *words, check=2).stderr
    done = shell.run("account", "add", "away", *words, "--identity", "nobody", check=None)
    assert "There is no identity nobody." in done.stderr


def test_settings_that_do_not_fit_are_told_with_their_line(shell):
    for text, words in (
        ('kind = "gmap"\nhost = "x.test"\n', "needs `identity`"),
        ('kind = "gmap"\nhost = "a b"\nidentity = "x"\n', "is not a host name"),
        ('kind = "gmap"\nhost = "x.test"\nidentity = "x"\nimap = "imaps://x.test"\n', "has no `imap`"),
        ('kind = "email"\naddress = "a@x.test"\nhost = "x.test"\n', "has no `host`"),
    ):
        shell.settings(f"[accounts.away]\n{text}")
        assert words in shell.run("account", "list", check=None).stderr
