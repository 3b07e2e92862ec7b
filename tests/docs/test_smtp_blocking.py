"""The example of SMTP over a blocking socket runs: as a program, over TLS, with refusals."""

import runpy
import subprocess
import sys
from pathlib import Path

import pytest
from smtppeers import Inbox, aiosmtpd_in_a_thread, check_password, contexts

from misfin.email.sasl import Credentials
from misfin.email.smtp import SMTPMissingExtension, SMTPResponseError

PROGRAM = Path(__file__).parents[2] / "docs/examples/smtp_blocking.py"
EXAMPLE = runpy.run_path(str(PROGRAM))
send = EXAMPLE["send"]
ADA, BEA, CAL = "ada@example.org", "bea@example.org", "cal@example.org"
MESSAGE = b"Subject: Hi\n\n.dots\nend"
ARRIVED = b"Subject: Hi\r\n\r\n.dots\r\nend\r\n"


def run(port, *recipients):
    command = [sys.executable, PROGRAM, "127.0.0.1", str(port), ADA, *recipients]
    return subprocess.run(command, input=MESSAGE, capture_output=True, check=False)


def test_the_program_sends_a_message_and_says_what_became_of_it():
    inbox = Inbox({CAL: "550 5.1.1 nobody"})
    with aiosmtpd_in_a_thread(inbox) as port:
        done = run(port, BEA)
        assert (done.returncode, done.stdout) == (0, b"bea@example.org: 250 '2.0.0 queued'\n"), done.stderr
        done = run(port, BEA, CAL)
        assert done.returncode == 1
        assert b"cal@example.org: 550 '5.1.1 nobody'\n" in done.stdout
        assert run(port, CAL).returncode == 1
    assert inbox.contents == [ARRIVED, ARRIVED]


def test_with_a_password_it_wants_tls():
    inbox, (server, trusting) = Inbox(), contexts()
    credentials = Credentials("ada", "secret")
    how = {"credentials": credentials, "context": trusting}
    with aiosmtpd_in_a_thread(inbox, tls_context=server, authenticator=check_password) as port:
        assert send("127.0.0.1", port, ADA, [BEA], MESSAGE, **how)[BEA].code == 250
        with pytest.raises(SMTPResponseError, match="535"):
            send("127.0.0.1", port, ADA, [BEA], MESSAGE, **{**how, "credentials": Credentials("ada", "no")})
    with aiosmtpd_in_a_thread(inbox) as port, pytest.raises(SMTPMissingExtension):
        send("127.0.0.1", port, ADA, [BEA], MESSAGE, **how)
    assert inbox.contents == [ARRIVED]


def test_a_large_message_goes_in_blocks():
    inbox, large = Inbox(), b"Subject: large\r\n\r\n" + b".x\r\n" * 60_000
    with aiosmtpd_in_a_thread(inbox) as port:
        send("127.0.0.1", port, ADA, [BEA], large)
    assert inbox.contents == [large]
