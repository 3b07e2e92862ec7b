"""A GnuPG of a test's own: keys made in a folder of its own, whose agent is ended with it."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from misfin.store.protected.gnupg import GnuPG

MISSING = "" if shutil.which("gpg") and shutil.which("gpgconf") else "GnuPG is not installed"


@contextmanager
def keyring() -> Iterator[GnuPG]:
    """An empty keyring. Its path is short: the socket of the agent is in it."""
    home = tempfile.mkdtemp(prefix="gpg-", dir="/tmp")
    (Path(home) / "gpg-agent.conf").write_text("allow-loopback-pinentry\n")
    try:
        yield GnuPG(shutil.which("gpg") or "gpg", home)
    finally:
        subprocess.run(["gpgconf", "--homedir", home, "--kill", "all"], check=False, timeout=20)
        shutil.rmtree(home, ignore_errors=True)


def gpg(keys: GnuPG, *arguments: str, data: bytes = b"") -> bytes:
    """What one command of it prints."""
    command = [keys.program, "--homedir", keys.home, "--batch", "--yes", "--quiet", *arguments]
    return subprocess.run(command, input=data, capture_output=True, check=True, timeout=60).stdout


def make_key(keys: GnuPG, user: str, passphrase: str = "") -> str:
    """Make a key to sign and encrypt with; returns its fingerprint."""
    loopback = ("--pinentry-mode", "loopback", "--passphrase", passphrase)
    gpg(keys, *loopback, "--quick-gen-key", user, "ed25519", "sign,cert", "never")
    listed = gpg(keys, "--with-colons", "--list-keys", "--", f"={user}").decode()
    made = next(line.split(":")[9] for line in listed.splitlines() if line.startswith("fpr:"))
    gpg(keys, *loopback, "--quick-add-key", made, "cv25519", "encr", "never")
    return made


def forget_passphrases(keys: GnuPG) -> None:
    """End the agent, which remembers passphrases."""
    subprocess.run(["gpgconf", "--homedir", keys.home, "--kill", "all"], check=False, timeout=20)
