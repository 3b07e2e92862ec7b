"""What of e-mail is loaded when: nothing by the rest, and no I/O by the engines."""

import subprocess
import sys

import pytest

IO = {"asyncio", "socket", "ssl", "selectors", "subprocess", "email", "OpenSSL", "cryptography", "misfin.net"}


@pytest.mark.parametrize("module", ["misfin.email.smtp", "misfin.email.sasl"])
def test_the_engines_load_no_io(module):
    program = f"import sys, {module}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) & IO == set()


STARTED = (
    "misfin, misfin.post.courier, misfin_tui.app, misfin_tui.cli.parser, misfin_tui.config.accounts,"
    " misfin_tui.demo.world, misfin_tui.screens.inbox, misfin_tui.services.posting"
)


def test_nothing_of_e_mail_is_loaded_by_the_rest_before_it_is_used():
    """Settings know what an account is, and the courier that there is a transport."""
    program = f"import sys, {STARTED}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = {name for name in done.stdout.split() if name.startswith("misfin.email")}
    assert loaded <= {"misfin.email", "misfin.email.account"}
