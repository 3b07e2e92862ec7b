"""Mailboxes of which only their owners have the key: certified at the shell, received for, and opened."""

from __future__ import annotations

from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from freeports import free_port
from gmapclient import PlainClient
from tests.misfin.trust.test_requests import KEY, request

from misfin.model.address import MisfinAddress
from misfin.store.mail.maildir import MailStore
from misfin.trust.identity import generate, identity_from_pem

HERE = "ada@localhost"
SETTINGS = '[receive]\nlisten = ["127.0.0.1:{port}"]\n[gmap]\nenable = true\nlisten = ["127.0.0.1:0"]\n'
SETTINGS += '[verification]\nallow_private = true\n[hosts.localhost]\nconnect = "127.0.0.1:{port}"\n'
SECRET = KEY.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
)


def asked(shell, name="ada", **what) -> str:
    path = shell.root.parent / f"{name}.csr"
    path.write_bytes(request(users=(name,), places=(x509.DNSName("localhost"),), **what))
    return str(path)


def test_an_owner_who_keeps_the_key_gets_mail_reads_it_and_writes_as_proven_sender(shell, tmp_path):
    shell.settings(SETTINGS.format(port=free_port()))
    shell.run("identity", "new", "postmaster@localhost", "--ca")
    shell.run("mailbox", "add", "bea@localhost")
    receiver = shell.receive()
    port = int(receiver.stdout.readline().rsplit(":", 1)[1])
    output = tmp_path / "ada.pem"
    (made,) = shell.json("mailbox", "sign", HERE, asked(shell), "--output", str(output))
    assert (made["address"], made["blurb"], made["signed_by"]) == (
        HERE,
        "Ada Example",
        "postmaster@localhost",
    )
    owner = identity_from_pem(output.read_bytes(), SECRET)
    assert not list((shell.root / "identities").glob("ada*")), "nothing here can write as the owner"

    shell.run("send", HERE, "--from", "bea@localhost", "--subject", "Slugs", "--body", "They are back.")
    client = PlainClient(port, owner, "localhost")
    (message,) = client.ids("Inbox")
    assert b"They are back." in client.read(message)
    stranger = generate(MisfinAddress("ada", "localhost"), now=datetime.now(UTC))
    assert PlainClient(port, stranger, "localhost").ask("/tag/Inbox").status == 61

    rows = {each["address"]: each for each in shell.json("mailbox", "list")}
    assert (rows[HERE]["messages"], rows[HERE]["unread"]) == (1, 1)
    shell.run("mailbox", "away", HERE, "--text", "Gone.", check=2)
    shell.run("mailbox", "add", HERE, check=2)
    shell.run("mailing-list", "create", HERE, check=2)
    shell.run("mailbox", "invite", HERE, "--output", str(tmp_path / "again.pem"))
    assert (tmp_path / "again.pem").read_bytes() == output.read_bytes()

    shell.run("mailbox", "remove", HERE, "--yes")
    assert client.ask("/tag/Inbox").status == 61
    shell.run("send", HERE, "--from", "bea@localhost", "--body", "Anybody there?", check=1)
    assert len(MailStore(shell.root / "mail").folder(HERE).list()) == 1, "its mail stays"


def test_a_request_for_another_mailbox_or_a_taken_address_leaves_nothing_behind(shell, tmp_path):
    output = tmp_path / "out.pem"
    sign = ("mailbox", "sign", HERE)
    shell.run(*sign, asked(shell), "--output", str(output), check=2)  # no host identity yet
    shell.run("identity", "new", "postmaster@localhost", "--ca")
    refused = shell.run(*sign, asked(shell, "eve"), "--output", str(output), check=2)
    assert "The request is for eve, not for ada." in refused.stderr
    shell.run(*sign, str(tmp_path / "missing.csr"), "--output", str(output), check=2)
    assert not output.exists()
    assert not (shell.root / "mailbox-certificates").exists()
    shell.run("mailbox", "add", HERE)
    taken = shell.run(*sign, asked(shell), "--output", str(output), check=2)
    assert "is here already" in taken.stderr
    shell.run("mailbox", "remove", HERE, "--yes")
    shell.run(*sign, asked(shell), "--output", str(output))
    other = shell.run(*sign, asked(shell, key=new_key()), "--output", str(tmp_path / "2"), check=2)
    assert "for another key" in other.stderr
    shell.run(*sign, asked(shell), "--output", str(tmp_path / "renewed.pem"), "--days", "30")
    (row,) = shell.json("mailbox", "list")
    assert row["expires"] < f"{datetime.now(UTC).year + 2}", "renewed in place"


def new_key():
    return generate(MisfinAddress("ada", "localhost"), now=datetime.now(UTC)).private_key()
