"""Commands for scripts do their work without loading what draws the screens."""

from __future__ import annotations

import subprocess
import sys
import time
from datetime import UTC, datetime

import pytest
from certificates import build

from misfin.model.address import MisfinAddress
from misfin.model.gemmail import Version
from misfin.store.mail.maildir import MailStore
from misfin.store.message import envelope
from misfin.trust.pins import PinBook
from misfin.trust.tofu import PinKind
from misfin_tui.paths import profile_at

from .conftest import Shell

ADA = "ada@harbour.test"
BEA = "bea@hive.test"
PROGRAM = """
import sys
from misfin_tui.cli import main
status = main(sys.argv[1:])
loaded = sorted({name.split(".")[0] for name in sys.modules} & {"textual", "rich"})
print(f"status={status} loaded={loaded}", file=sys.stderr)
"""
SHOWN = build(users=("bea",), names=("Bea",)).info


def loaded_by(shell: Shell, *words: str) -> str:
    """The exit status of a command, and which of the screen's libraries it loaded."""
    command = [sys.executable, "-c", PROGRAM, "--profile", str(shell.root), *words]
    done = subprocess.run(command, input="", capture_output=True, text=True, timeout=60, check=True)
    return done.stderr.splitlines()[-1]


@pytest.fixture
def lived_in(shell: Shell) -> Shell:
    """A profile with a message, and with certificates of a host and of a sender that wait for a decision."""
    shell.settings('[hosts."hive.test"]\nconnect = "127.0.0.1:1"\n')
    shell.run("identity", "new", ADA)
    profile = profile_at(shell.root)
    message = envelope.wrap(
        f"{BEA}\n\n2027-01-15T08:00:00Z\n# Hi\n\ntext\n".encode(),
        version=Version.C,
        account=MisfinAddress.parse(ADA),
        now=datetime.now(UTC),
    )
    store = MailStore(profile.mail)
    store.create(ADA)
    store.folder(ADA, "Inbox").deliver(message)
    with PinBook(profile.trust_db) as book:
        book.offer(PinKind.HOST, "hive.test:1958", SHOWN, now=time.time())
        book.offer(PinKind.SENDER, BEA, SHOWN, now=time.time())
    return shell


@pytest.mark.parametrize(
    ("words", "status"),
    [
        ("list", 0),
        ("search hi", 0),
        ("show ID", 0),
        ("show ID --raw", 0),
        ("fetch", 0),
        ("send bea@hive.test --body Hi --queue", 0),
        ("send bea@hive.test --body Hi", 4),
        ("outbox", 0),
        ("outbox run", 0),
        ("trust list", 0),
        ("trust show hive.test", 0),
        ("trust approve hive.test --fingerprint SHOWN", 0),
        ("trust approve --senders bea@hive.test --fingerprint SHOWN", 0),
        ("trust forget nobody.test", 2),
        ("identity list", 0),
    ],
)
def test_a_command_for_scripts_loads_no_screens(lived_in: Shell, words: str, status: int) -> None:
    if "ID" in words:
        words = words.replace("ID", lived_in.json("list")[0]["id"])
    words = words.replace("SHOWN", SHOWN.fingerprints.cert)
    assert loaded_by(lived_in, *words.split()) == f"status={status} loaded=[]"


def test_what_follows_mailboxes_loads_no_screens(shell: Shell) -> None:
    shell.settings(
        '[accounts.work]\nkind = "email"\naddress = "ada@example.org"\nauth = "none"\nplaintext = true\n'
        'smtp = "smtp://127.0.0.1:1"\nimap = "imap://127.0.0.1:1"\n'
    )
    words = ["--profile", str(shell.root), "fetch", "--follow", "--until-eof", "--json"]
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        while '"waiting"' not in (line := process.stdout.readline()):
            assert line, "it ended before it had tried to connect"
        _, said = process.communicate(timeout=60)
    assert said.splitlines()[-1] == "status=0 loaded=[]"


def test_it_is_noticed_when_screens_are_loaded(lived_in: Shell) -> None:
    program = "import misfin_tui.screens.inbox\n" + PROGRAM
    command = [sys.executable, "-c", program, "--profile", str(lived_in.root), "outbox"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert "textual" in done.stderr
