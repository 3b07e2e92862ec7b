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


def test_nothing_of_e_mail_is_loaded_before_it_is_used_but_what_an_account_is():
    """Start-up does not get slower: the app, its services and a courier with Misfin know only the values."""
    program = "import sys, misfin_tui.app, misfin_tui.services.mail, misfin.post.courier, misfin.post.misfin"
    done = subprocess.run(
        [sys.executable, "-c", f"{program}; print(*sys.modules)"], capture_output=True, text=True, check=True
    )
    loaded = {name for name in done.stdout.split() if name.startswith(("misfin.email", "misfin.post.email"))}
    assert loaded <= {"misfin.email", "misfin.email.account"}


def test_the_transport_loads_neither_engine_nor_mime_before_it_sends():
    program = "import sys, misfin.post.email; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = {name for name in done.stdout.split() if name.startswith("misfin.email")}
    assert loaded == {"misfin.email", "misfin.email.account"}
    assert not {"email.header", "mimetypes"} & set(done.stdout.split())


def test_a_provider_is_known_without_what_finds_servers():
    """The composer asks whether a domain is a big provider's; only new accounts need XML."""
    program = "import sys, misfin.email.providers; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert {"misfin.email.discovery", "pyexpat"} & set(done.stdout.split()) == set()
