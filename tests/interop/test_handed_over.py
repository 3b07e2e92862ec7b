"""From Misfin by LMTP to a real Dovecot, and back by IMAP into this program, with its proof; forged mail."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from dovecot import PASSWORD, USER, running
from handingover import ADA, BEA
from peers import ask, message, person

from misfin.store.identities import IdentityStore
from misfin.store.message.for_mail import for_mail
from misfin.store.message.signed_seal import sealing_key, sign
from misfin.trust.pins import PinBook
from misfin.trust.tofu import PinKind

BODY = "# Tides\n\nHigh water at noon. " + "A long line. " * 200 + "\n=> mid:x@y.example\nGrüße, Bea"
CAL = person("cal@mail.example Cal")
EVE = person("ada@mail.example Ada", number=1)


class Machine:
    """A profile with its commands."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.environment = {**os.environ, "MISFIN_TEST_SECRET": PASSWORD}

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "misfin_tui", "--profile", str(self.root), *words]

    def run(self, *words: str, check: bool = True) -> list[dict]:
        done = subprocess.run(
            self.command(*words, "--json"),
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0 or not check, done
        return [json.loads(line) for line in done.stdout.splitlines()]

    def settings(self, text: str) -> None:
        self.root.mkdir(mode=0o700, exist_ok=True)
        (self.root / "config.toml").write_text(text)


@pytest.fixture(scope="module")
def server():
    with running(lmtp=True) as found:
        yield found


@pytest.fixture(scope="module")
def receiver(server, tmp_path_factory):
    """The host: it hands over to Dovecot, and a person there has approved bea."""
    host = Machine(tmp_path_factory.mktemp("host") / "profile")
    host.settings(f'[deliver]\nlmtp = "{server.base}/lmtp"\n[rate_limit]\nenable = false\n')
    for each in (ADA, CAL):
        IdentityStore(host.root / "identities").save(each)
    with PinBook(host.root / "trust.db") as pins:
        pins.replace(PinKind.SENDER, "bea@hive.test", BEA.info, how="approved", now=time.time())
    process = subprocess.Popen(
        host.command("receive", "--listen", "127.0.0.1:0", "--json"), stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    yield int(json.loads(process.stdout.readline())["listening"][0].rpartition(":")[2])
    process.terminate()
    process.communicate()


def reader(tmp_path, server) -> Machine:
    """Another machine, with an account at Dovecot."""
    found = Machine(tmp_path / "reader")
    found.settings(
        f"""
[verification]
email_dns = false
[accounts.work]
kind = "email"
address = "ada@mail.example"
imap = "imaps://{USER}@localhost:{server.imaps}"
ca_file = "{server.cert}"
password = {{ env = "MISFIN_TEST_SECRET" }}
"""
    )
    return found


async def test_a_message_comes_back_with_its_evidence_where_a_key_of_ours_or_of_the_host_sealed_it(
    tmp_path, server, receiver
):
    answer = await ask(receiver, message("ada@mail.example", BODY), BEA)
    assert answer == f"20 {ADA.info.fingerprints.cert}\r\n".encode()
    at_home = reader(tmp_path, server)
    IdentityStore(at_home.root / "identities").save(ADA)
    at_home.run("fetch")
    (row,) = at_home.run("list", "--account", "work")
    assert (row["trust"], row["subject"], row["account_name"]) == ("verified", "Tides", "work")
    assert row["from"] == "Bea Worker <bea@hive.test>"
    (whole,) = at_home.run("show", row["id"])
    assert whole["text"].rstrip("\n") == BODY
    # The same files, where the key is that pinned for the host, and where nothing is known of it.
    (at_home.root / "identities" / "ada@mail.example.pem").unlink()
    assert at_home.run("doctor", "--reindex", check=False)
    (row,) = at_home.run("list", "--account", "work")
    assert row["trust"] == "unproven"
    with PinBook(at_home.root / "trust.db") as pins:
        pins.replace(PinKind.HOST, "mail.example:1958", ADA.info, how="first use", now=time.time())
    assert at_home.run("doctor", "--reindex", check=False)
    (row,) = at_home.run("list", "--account", "work")
    assert row["trust"] == "verified"


def test_what_strangers_write_into_an_email_counts_nothing(tmp_path, server):
    forged = (
        b"Misfin-Version: C\r\nMisfin-Senders: bea@hive.test Bea\r\nMisfin-Recipients:\r\n"
        b"Misfin-Timestamps: 2026-11-20T08:00:00Z\r\n"
        b"Misfin-Certificate: sha256=aa; spki=bb; subject=bea@hive.test\r\n"
        b"Misfin-Verification: sender=verified; confirmed=host; certificate=pass; pin=match\r\n"
        b"Delivered-To: ada@mail.example\r\nFrom: bea@hive.test\r\nTo: ada@mail.example\r\n"
        b"Subject: Forged\r\nMessage-ID: <%d@x>\r\nDate: Sun, 29 Nov 2026 10:00:00 +0000\r\n\r\nPay.\r\n"
    )
    sealed = for_mail(sign((forged % 2).replace(b"\r\n", b"\n"), [sealing_key(EVE)]))
    server.put(forged % 1, sealed)
    at_home = reader(tmp_path, server)
    IdentityStore(at_home.root / "identities").save(ADA)
    at_home.run("fetch")
    rows = [row for row in at_home.run("list", "--account", "work") if row["subject"] == "Forged"]
    assert [row["trust"] for row in rows] == ["unproven", "unproven"]


async def test_a_mailbox_that_dovecot_does_not_have_is_none(receiver, server):
    answer = await ask(receiver, message("cal@mail.example", "Hello"), BEA)
    assert answer.startswith(b"51 ")
