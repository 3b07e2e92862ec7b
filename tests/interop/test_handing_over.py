"""git send-email, mutt and cron hand over their messages, which go out through a real Postfix."""

from __future__ import annotations

import shutil
import subprocess
from email import message_from_bytes, policy
from pathlib import Path

import postfix
import pytest
from mailprofile import make_mail_profile
from postfix import ADDRESS, PASSWORD, body_of

PATCH = "\n".join(
    [
        "From 0123456789012345678901234567890123456789 Mon Sep 17 00:00:00 2001",
        "From: Ada Example <ada@example.org>",
        "Date: Sun, 29 Nov 2026 17:00:00 +0000",
        "Subject: [PATCH] keep every byte",
        "",
        "Größe.",
        "---",
        " file | 2 +-",
        "",
        "diff --git a/file b/file",
        "--- a/file",
        "+++ b/file",
        "@@ -1,3 +1,3 @@",
        " .",
        "-From here",
        "+>From here \t",
        " ..",
        "-- ",
        "2.39.5",
        "",
    ]
)


@pytest.fixture(scope="module")
def server():
    with postfix.running() as running:
        yield running


@pytest.fixture
def profile(tmp_path, server):
    return make_mail_profile(
        tmp_path, f"smtps://ada@localhost:{server.smtps}", password=PASSWORD, ca_file=server.cert
    )


def parsed(data: bytes):
    return message_from_bytes(body_of(data), policy=policy.default)


def names(rows) -> dict[str, str]:
    return {row["to"]: row["state"] for row in rows}


# ---- git


def send_email(profile, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    if not Path("/usr/lib/git-core/git-send-email").exists():
        pytest.skip("git-email is not installed")
    if subprocess.run(["perl", "-MMail::Address", "-e", "1"], capture_output=True).returncode:
        pytest.skip("libmailtools-perl, which git send-email needs, is not installed")
    patch = folder / "0001.patch"
    patch.write_text(PATCH)
    repository = folder / "repository"
    subprocess.run(["git", "init", "-q", repository], check=True, env=profile.environment)
    settings = {
        "sendemail.sendmailCmd": "misfin-tui send",
        "sendemail.confirm": "never",
        "sendemail.suppressCc": "all",
        "user.name": "Ada Example",
        "user.email": ADDRESS,
    }
    options = [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]
    return subprocess.run(
        [
            "git",
            *options,
            "send-email",
            "--8bit-encoding=UTF-8",
            f"--from=Ada Example <{ADDRESS}>",
            *words,
            patch,
        ],
        cwd=repository,
        env={**profile.environment, "GIT_CONFIG_NOSYSTEM": "1", "HOME": str(folder)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_git_send_email(profile, tmp_path, server):
    before = server.count("bea")
    done = send_email(
        profile, tmp_path, "--to=bea@example.org", "--bcc=ada@example.org", "--envelope-sender=auto"
    )
    assert done.returncode == 0, done.stderr
    assert names(profile.rows()) == {"bea@example.org": "accepted", ADDRESS: "accepted"}
    arrived = server.arrived(before + 1, "bea")[-1]
    text = PATCH.partition("\n\n")[2].replace("\n", "\r\n").encode()
    assert arrived.replace(b"\n", b"\r\n").partition(b"\r\n\r\n")[2] == text
    assert b"\nReturn-Path: <ada@example.org>" in b"\n" + arrived
    assert parsed(arrived)["Bcc"] is None


def test_git_send_email_says_why_a_patch_was_refused(profile, tmp_path):
    done = send_email(profile, tmp_path, "--to=nobody@example.org")
    assert done.returncode != 0
    assert "nobody@example.org was refused" in done.stderr
    assert names(profile.rows()) == {"nobody@example.org": "failed"}


# ---- mutt


def mutt(profile, folder: Path, *words: str, text: str) -> subprocess.CompletedProcess[str]:
    program = shutil.which("mutt")
    if program is None:
        pytest.skip("mutt is not installed")
    settings = folder / "muttrc"
    settings.write_text(
        'set sendmail = "misfin-tui send -oem -oi"\nset use_envelope_from = yes\nset copy = no\n'
        'set from = "Ada Example <ada@example.org>"\nset folder = "."\nset dsn_notify = "failure"\n'
        "set use_8bitmime = yes\nset charset = utf-8\n"
    )
    return subprocess.run(
        [program, "-n", "-F", settings, *words],
        input=text,
        env={**profile.environment, "HOME": str(folder), "TERM": "dumb", "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_mutt(profile, tmp_path, server):
    before = server.count("bea")
    file = tmp_path / "a file.bin"
    file.write_bytes(b"\xff\x00attached\n" * 50)
    words = ("-s", "Grüße", "-c", ADDRESS, "-a", str(file), "--", "bea@example.org")
    done = mutt(profile, tmp_path, *words, text="Hello\n.\nFrom me\n")
    assert done.returncode == 0, done.stderr
    assert names(profile.rows()) == {"bea@example.org": "accepted", ADDRESS: "accepted"}
    arrived = parsed(server.arrived(before + 1, "bea")[-1])
    text, attached = arrived.iter_parts()
    assert (arrived["Subject"], text.get_content().replace("\r\n", "\n")) == ("Grüße", "Hello\n.\nFrom me\n")
    assert (attached.get_filename(), attached.get_content()) == ("a file.bin", file.read_bytes())


def test_mutt_says_that_a_message_was_refused(profile, tmp_path):
    done = mutt(profile, tmp_path, "-s", "x", "--", "nobody@example.org", text="x\n")
    assert done.returncode != 0
    assert names(profile.rows()) == {"nobody@example.org": "failed"}


# ---- cron: as Debian's cron and as cronie call /usr/sbin/sendmail


@pytest.mark.parametrize(
    "words",
    [
        ["-i", "-FCronDaemon", "-B8BITMIME", "-oem", "root"],
        ["-FCronDaemon", "-i", "-odi", "-oem", "-oi", "-t", "-f", "root"],
    ],
    ids=["debian", "cronie"],
)
def test_cron(profile, server, words):
    before = server.count()
    mail = (
        "From: root (Cron Daemon)\nTo: root\nSubject: Cron <root@box> backup\nMIME-Version: 1.0\n"
        "Content-Type: text/plain; charset=UTF-8\nContent-Transfer-Encoding: 8bit\n"
        "X-Cron-Env: <SHELL=/bin/sh>\n\nGröße: 5\n"
    )
    done = subprocess.run(
        [profile.bin / "sendmail", *words],
        input=mail.encode(),
        env=profile.environment,
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    arrived = parsed(server.arrived(before + 1)[-1])
    assert arrived.get_content().strip() == "Größe: 5"
    assert arrived["To"] == ADDRESS
    assert arrived["From"].addresses[0].addr_spec == ADDRESS
