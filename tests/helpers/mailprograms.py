"""Other programs on a Maildir of ours: mutt and neomutt in a terminal, notmuch, Dovecot serving IMAP."""

from __future__ import annotations

import imaplib
import os
import shutil
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

IMAP = next((str(path) for path in Path("/usr").glob("lib*/dovecot/imap")), "")
WAIT = 60.0

MUTTRC = """
set folder={home}
set print_decode=yes
set print_command='cat >> {home}/printed'
set wait_key=no
set quit=yes
set confirmappend=no
set delete=yes
set print=yes
unset move
set mark_old=no
set prompt_after=no
set timeout=1
set sleep_time=0
set mail_check=1
set sort=date
set index_format="%Z %s"
"""

needs_notmuch = pytest.mark.skipif(not shutil.which("notmuch"), reason="notmuch is not installed")


def namespace() -> list[str] | None:
    """What makes root somebody else, whom Dovecot serves; None where that is not possible."""
    if os.getuid():
        return []
    command = ["unshare", "-U", "--map-user=1000", "--map-group=1000"]
    works = (
        shutil.which("unshare") and subprocess.run([*command, "true"], capture_output=True).returncode == 0
    )
    return command if works else None


needs_dovecot = pytest.mark.skipif(
    not IMAP or namespace() is None,
    reason="Dovecot's imap is not installed, or root cannot become somebody else",
)


def environment(home: Path) -> dict[str, str]:
    return {"HOME": str(home), "PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "TERM": "xterm", "TZ": "UTC"}


def mutt_command(program: str, home: Path, box: Path) -> list[str]:
    """What starts mutt or neomutt on a folder, with settings of its own."""
    rc = home / "muttrc"
    rc.write_text(MUTTRC.format(home=home))
    return [program, "-n", "-F", str(rc), "-f", str(box)]


def notmuch(home: Path, mail: Path, *arguments: str, data: bytes | None = None) -> str:
    """Run notmuch over all mail below ``mail``; flags and tags follow each other."""
    (home / ".notmuch-config").write_text(
        f"[database]\npath={mail}\n[user]\nname=Ada\nprimary_email=ada@mail.example\n"
        "[new]\ntags=unread;inbox\n[maildir]\nsynchronize_flags=true\n"
    )
    done = subprocess.run(
        ["notmuch", *arguments],
        env=environment(home),
        input=data,
        capture_output=True,
        timeout=WAIT,
        check=True,
    )
    return done.stdout.decode()


@contextmanager
def dovecot(home: Path, maildir: Path) -> Iterator[imaplib.IMAP4_stream]:
    """Dovecot's ``imap`` process on a Maildir, its inbox selected."""
    inside = namespace()
    assert inside is not None
    user, group = (1000, 1000) if inside else (os.getuid(), os.getgid())
    config = home / "dovecot.conf"
    config.write_text(
        f"protocols = imap\nbase_dir = {home}/run\nstate_dir = {home}/run\nssl = no\nmail_home = {home}\n"
        f"mail_location = maildir:{maildir}\nmail_uid = {user}\nmail_gid = {group}\n"
        "first_valid_uid = 0\nfirst_valid_gid = 0\nlog_path = /dev/stderr\n"
        "namespace inbox {\n  inbox = yes\n  separator = /\n}\n"
    )
    words = ["env", "USER=ada", f"HOME={home}", *inside, IMAP, "-c", str(config)]
    client = imaplib.IMAP4_stream(" ".join(words) + f" 2>>{home}/dovecot.log")
    try:
        client.select("INBOX")
        yield client
    finally:
        client.logout()
        client.process.stdin.close()
        client.process.stdout.close()
        client.process.wait(60)


class Terminal:
    """A program in a terminal of its own: keys go in, the screen is read."""

    def __init__(self, command: list[str], home: Path) -> None:
        self._server = ["tmux", "-L", f"misfin-test-{uuid.uuid4().hex}", "-f", "/dev/null"]
        self._env = environment(home)
        self._tmux("new-session", "-d", "-x", "120", "-y", "40", *command)

    def close(self) -> None:
        subprocess.run([*self._server, "kill-server"], env=self._env, capture_output=True, check=False)

    def press(self, *keys: str) -> None:
        self._tmux("send-keys", *keys)

    def screen(self) -> str:
        return self._tmux("capture-pane", "-p")

    def line(self, word: str) -> str:
        """The first line of the screen with this word, '' when there is none."""
        return next((line for line in self.screen().splitlines() if word in line), "")

    def until(self, holds: Callable[[], object], what: str = "") -> None:
        """Wait until something holds; the terminal is looked at all the time."""
        end = time.monotonic() + WAIT
        while not holds():
            assert time.monotonic() < end, f"never: {what}; on the screen:\n{self.screen()}"
            time.sleep(0.05)

    def _tmux(self, *arguments: str) -> str:
        done = subprocess.run(
            [*self._server, *arguments], env=self._env, capture_output=True, text=True, check=True
        )
        return done.stdout


needs_tmux = pytest.mark.skipif(not shutil.which("tmux"), reason="tmux is not installed")
