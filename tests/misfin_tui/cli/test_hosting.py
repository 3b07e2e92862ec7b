"""A host for others at the shell: mailboxes are added, handed over, opened from elsewhere."""

from __future__ import annotations

import contextlib
import random
import signal
import threading
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from gmapclient import PlainClient
from gmapserver import gemmail

from misfin.model.gemmail import Version
from misfin.store.identities import IdentityStore, identity_from_files
from misfin.store.mail.maildir import MailStore
from misfin.store.message.envelope import to_gemmail, wrap

SETTINGS = '[receive]\nlisten = ["127.0.0.1:0"]\n[gmap]\nenable = true\nlisten = ["127.0.0.1:0"]\n'
FOLDERS = ("Inbox", "Archive", "Trash")
HERE = "ada@localhost"


def serve(shell) -> int:
    """Start the receiver; returns the port of the mailboxes."""
    receiver = shell.receive()
    line = receiver.stdout.readline()
    assert "Mailboxes can be opened on 127.0.0.1:" in line
    return int(line.rsplit(":", 1)[1])


def fill(shell, count: int) -> None:
    owner = IdentityStore(shell.root / "identities").load(HERE).address
    now = datetime.now(UTC)
    files = [wrap(gemmail(each), version=Version.C, account=owner, now=now) for each in range(count)]
    MailStore(shell.root / "mail").folder(HERE).deliver_many(files)


def placed(shell) -> Counter[tuple[bytes, str]]:
    store = MailStore(shell.root / "mail")
    return Counter(
        (to_gemmail(each.path.read_bytes()), folder)
        for folder in store.folders(HERE)
        for each in store.folder(HERE, folder).list()
    )


def test_a_mailbox_is_opened_beside_the_receiver_and_each_change_is_logged(shell):
    shell.settings(SETTINGS)
    shell.run("identity", "new", HERE)
    fill(shell, 3)
    port = serve(shell)
    client = PlainClient(port, IdentityStore(shell.root / "identities").load(HERE), "localhost")
    ids = client.ids("Inbox")
    for each in ids:
        client.move(each, "Archive", "Inbox")
    assert {folder for _, folder in placed(shell)} == {"Archive"}
    (receiver,) = shell.receivers
    receiver.send_signal(signal.SIGTERM)
    _, said = receiver.communicate(timeout=60)
    assert receiver.returncode == 0
    assert sum(" tag Archive " in line and line.endswith(": 20") for line in said.splitlines()) == 3


class Owner(threading.Thread):
    """Moves and deletes messages, and remembers what was answered and what was only asked."""

    def __init__(self, client: PlainClient, ids: list[tuple[str, bytes]], seed: int) -> None:
        super().__init__(daemon=True)
        self.client, self.ids, self.chance = client, ids, random.Random(seed)
        self.answered: dict[bytes, str] = {}
        self.asked: dict[bytes, str] = {}

    def run(self) -> None:
        with contextlib.suppress(OSError, AssertionError):  # the server was killed
            while True:
                name, text = self.chance.choice(self.ids)
                spare = len(self.ids) > 2  # the next round needs some
                if spare and self.answered.get(text) == "Trash" and self.chance.random() < 0.5:
                    self._ask(f"/delete?{name}", text, "")
                    self.ids.remove((name, text))
                else:
                    to = self.chance.choice(FOLDERS)
                    self._ask(f"/tag/{to}?{name}", text, to)

    def _ask(self, path: str, text: bytes, to: str) -> None:
        self.asked[text] = to
        assert self.client.ask(path).status == 20
        self.answered[text] = to
        del self.asked[text]


def test_a_server_that_is_killed_during_changes_loses_nothing_and_keeps_what_it_answered(shell):
    shell.settings(SETTINGS)
    shell.run("identity", "new", HERE)
    fill(shell, 30)
    identity = IdentityStore(shell.root / "identities").load(HERE)
    expected = {gemmail(each) for each in range(30)}
    for seed in range(3):
        port = serve(shell)
        client = PlainClient(port, identity, "localhost")
        names = [(each, client.read(each)) for tag in FOLDERS for each in client.ids(tag)]
        assert {text for _, text in names} == expected
        owners = [Owner(client, names[at::3], seed * 10 + at) for at in range(3)]
        for owner in owners:
            owner.start()
        latest = time.monotonic() + 60
        while not all(owner.answered for owner in owners) and time.monotonic() < latest:
            time.sleep(0.02)
        time.sleep(0.2 + seed / 5)
        shell.receivers[-1].kill()
        shell.receivers[-1].wait()
        for owner in owners:
            owner.join(30)
        there = placed(shell)
        assert set(there.values()) <= {1}
        folders = dict(there.keys())
        assert len(folders) == len(there), "each is in one folder only"
        for owner in owners:
            assert owner.answered
            for text, folder in owner.answered.items():
                allowed = {folder, owner.asked.get(text, folder)}
                assert folders.get(text, "") in allowed
                if not folders.get(text):
                    expected.discard(text)
            for text, folder in owner.asked.items():
                if not folder and text not in folders:
                    expected.discard(text)
        assert set(folders) == expected


def test_two_mailboxes_on_one_host_from_nothing(shell, tmp_path):
    shell.settings(SETTINGS)
    refused = shell.run("mailbox", "add", HERE, check=2)
    assert "identity new postmaster@localhost --ca" in refused.stderr
    shell.run("identity", "new", "postmaster@localhost", "--ca")
    invitation = tmp_path / "ada.pem"
    (added,) = shell.json("mailbox", "add", HERE, "--blurb", "Ada", "--output", str(invitation))
    assert (added["address"], added["blurb"], added["signed_by"]) == (HERE, "Ada", "postmaster@localhost")
    assert invitation.stat().st_mode & 0o777 == 0o600
    shell.run("mailbox", "add", "bea@localhost", "--days", "30")
    fill(shell, 2)
    rows = {each["address"]: each for each in shell.json("mailbox", "list")}
    assert set(rows) == {HERE, "bea@localhost"}
    assert (rows[HERE]["messages"], rows[HERE]["unread"]) == (2, 2)
    assert rows[HERE]["bytes"] > 100
    assert rows["bea@localhost"]["expires"] < rows[HERE]["expires"]

    other = tmp_path / "bea.pem"
    (told,) = shell.json("mailbox", "invite", "bea@localhost", "--output", str(other))
    assert (
        told["fingerprint"]
        == IdentityStore(shell.root / "identities").load("postmaster@localhost").info.fingerprints.cert
    )
    assert "already exists" in shell.run("mailbox", "invite", HERE, "--output", str(other), check=2).stderr
    cal = tmp_path / "cal.pem"
    words = shell.run("mailbox", "add", "cal@localhost", "--output", str(cal)).stdout.splitlines()
    assert f"The server's certificate has the fingerprint {told['fingerprint']}." in words
    assert "  misfin-tui identity import cal.pem" in words
    words = shell.run("mailbox", "invite", HERE, "--output", str(tmp_path / "again.pem")).stdout.splitlines()
    assert "  misfin-tui identity import again.pem" in words  # a line of its own, to be copied
    port = serve(shell)
    assert len(PlainClient(port, identity_from_files(invitation), "localhost").ids()) == 2
    bea = PlainClient(port, identity_from_files(other), "localhost")
    assert bea.ids() == []

    assert "--yes" in shell.run("mailbox", "remove", "bea@localhost", check=2).stderr
    (gone,) = shell.json("mailbox", "remove", "bea@localhost", "--yes")
    assert Path(gone["identity"]).read_bytes() == other.read_bytes()
    assert (shell.root / "mail" / "bea@localhost").is_dir()
    latest = time.monotonic() + 60
    while bea.ask("/tag/").status != 61:
        assert time.monotonic() < latest, "the removed mailbox can still be opened"
        time.sleep(0.05)
    assert "no mailbox" in shell.run("mailbox", "remove", "postmaster@localhost", "--yes", check=2).stderr


def test_a_file_from_the_operator_is_all_that_another_machine_needs(shell, tmp_path):
    shell.settings(SETTINGS)
    shell.run("identity", "new", "postmaster@localhost", "--ca")
    file = tmp_path / "ada.pem"
    shell.run("mailbox", "add", HERE, "--output", str(file))
    fill(shell, 4)
    port = serve(shell)
    other = type(shell)(tmp_path / "other")
    other.run("identity", "import", str(file))
    where = ("--kind", "gmap", "--host", "localhost", "--port", str(port), "--identity", HERE)
    other.run("account", "add", "away", *where)
    assert other.json("fetch")[0]["arrived"] == 4
    assert len(other.json("list", "in:inbox")) == 4
