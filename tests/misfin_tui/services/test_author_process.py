"""New e-mails are checked in a process of their own: DNS and keys never come into the memory of the app."""

from __future__ import annotations

import subprocess
import sys
import threading
import time

import pytest
from desk import SETTINGS, make_profile
from mailsigning import MESSAGE
from ratedmail import ACCOUNT, signs

from misfin.errors import StoreError
from misfin.store.evidence import Evidence
from misfin.store.mail.maildir import MailStore
from misfin.store.rows import View
from misfin_tui.config import load
from misfin_tui.messages import MailChanged
from misfin_tui.services import Services
from misfin_tui.services.author_process import AuthorProcess, Checked
from misfin_tui.services.authorship import PAUSE

WITHOUT_DNS = "[verification]\nemail_dns = false\n" + ACCOUNT + 'authserv_id = "mx.example.net"\n'
RATED = (
    b"Authentication-Results: mx.example.net; dkim=pass header.d=example.org\n"
    b"Received: from a.example by mx.example.net; x\n"
)


@pytest.fixture
def profile(profile_root):
    made = make_profile(profile_root, settings=SETTINGS + WITHOUT_DNS)
    store = MailStore(made.mail)
    store.create("work")
    plain = MESSAGE.replace(b"\r\n", b"\n")
    store.folder("work").deliver(RATED + plain.replace(b"Notes", b"Rated"))
    store.folder("work").deliver(plain.replace(b"<1@", b"<2@"))
    return made


@pytest.fixture
def services(profile):
    posted: list[object] = []
    made = Services(profile, load(profile.config, []), posted.append)
    made.index.scan()
    yield made, posted
    made.close()


def never() -> bool:
    return False


def test_what_came_is_checked_and_nothing_of_that_is_loaded_here(profile, services):
    made, posted = services
    before = set(sys.modules)
    made.mail.authorship.check_new(never)
    assert [type(each) for each in posted] == [MailChanged]
    assert signs(profile) == {"Rated": Evidence.VERIFIED, "Notes": Evidence.UNPROVEN}
    assert {"misfin.post.authorship", "misfin.email.authorship.checking", "dns"} & (
        set(sys.modules) - before
    ) == set()
    made.mail.authorship.check_new(never)
    assert len(posted) == 1  # both are done


def test_a_message_that_is_gone_fails_alone(profile, services):
    made, _ = services
    first, second = made.index.messages(View("work"), 10)
    first.path.unlink()
    made.index.scan()
    process = AuthorProcess(profile, never)
    try:
        assert process.check(first) is Checked.FAILED
        assert process.check(second) is not Checked.FAILED
    finally:
        process.close()


def test_a_process_that_cannot_start_is_tried_again_later(profile, services):
    made, posted = services
    profile.config.write_text("not settings")
    made.mail.authorship.check_new(never)
    assert made.mail.authorship._not_before > time.monotonic() + PAUSE / 2
    assert posted == []


def test_the_end_of_the_program_ends_a_check(profile, services, monkeypatch):
    made, _ = services
    row = made.index.messages(View("work"), 10)[0]
    stop = threading.Event()
    process = AuthorProcess(profile, stop.is_set)
    monkeypatch.setattr(process, "_start", lambda: _deaf())
    stop.set()
    with pytest.raises(StoreError):
        process.check(row)
    process.close()


def _deaf():
    command = [sys.executable, "-c", "import sys, time; sys.stdin.readline(); time.sleep(600)"]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)
