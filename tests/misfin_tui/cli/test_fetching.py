"""``misfin-tui fetch`` as a shell runs it: from address and password to mail, byte for byte."""

from __future__ import annotations

import hashlib
import imaplib
import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from dovecot import PASSWORD, Dovecot, running
from freeports import free_ports
from imapdesk import other_client, texts
from mailprofile import MailProfile, make_mail_profile

from misfin.post.sync.lineends import sent_bytes

ODD = {
    "bare CR": b"Subject: cr\r\n\r\na\rb\r\n\rc\r\n",
    "bare LF": b"Subject: lf\r\n\r\na\nb\r\n",
    "8-bit": b"Subject: \xe4\xf6\xfc \xff\xfe\r\n\r\n\x80\x81\r\n",
    "long line": b"Subject: long\r\n\r\n" + b"x" * 70_000 + b"\r\nend\r\n",
    "no final newline": b"Subject: end\r\n\r\nno newline",
    "no body": b"Subject: none\r\n\r\n",
    "no header": b"\r\njust a body\r\n",
    "dots": b"Subject: dots\r\n\r\n.\r\n..\r\n...x\r\n",
    "controls": b"Subject: \x1b]0;x\x07\r\n\r\n\x00\x01\x7f\r\n",
}


def profile(folder: Path, dovecot: Dovecot, scheme: str = "imaps", **more: str) -> MailProfile:
    port = getattr(dovecot, scheme)
    key = "pop3" if scheme.startswith("pop3") else "imap"
    lines = f'{key} = "{scheme}://ada@localhost:{port}"\n' + "".join(f"{k} = {v}\n" for k, v in more.items())
    folder.mkdir(exist_ok=True)
    return make_mail_profile(
        folder, "smtps://ada@localhost:1", password=PASSWORD, ca_file=dovecot.cert, more=lines
    )


def stored(made: MailProfile, folder: str = "") -> list[bytes]:
    inbox = made.root / "mail" / "work" / folder
    return [path.read_bytes() for part in ("new", "cur") for path in (inbox / part).iterdir()]


def records(done: subprocess.CompletedProcess[bytes]) -> list[dict[str, object]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def dovecot() -> Iterator[Dovecot]:
    with running(pop3=True) as found:
        found.put(*texts(3))
        yield found


@pytest.mark.parametrize("scheme", ["imaps", "imap", "pop3s", "pop3"])
def test_address_and_password_are_enough_for_mail(tmp_path, dovecot, scheme):
    made = profile(tmp_path, dovecot, scheme)
    first = made.run("fetch", "--json")
    assert first.returncode == 0, first.stderr
    account, index = records(first)
    assert account["account_name"] == "work"
    assert account["arrived"] == index["added"] == 3
    assert sorted(stored(made)) == sorted(texts(3))
    again = made.run("fetch", "--account", "ada@example.org", "--json")
    assert [each.get("arrived", each.get("added")) for each in records(again)] == [0, 0]


def test_every_byte_arrives_and_goes_back(tmp_path):
    big = b"Subject: big\r\n\r\n" + (b"0123456789abcdef" * 4 + b"\r\n") * (50_000_000 // 66)
    with running() as server:
        made = profile(tmp_path, server)
        with other_client(server) as client:
            for data in ODD.values():
                client.append("INBOX", "", None, data)
            client.append("Sent", "", None, big)
            theirs = {name: _on_server(client, name) for name in ("INBOX", "Sent")}
            first = made.run("fetch", "--json")
            assert first.returncode == 0, first.stderr
            assert sorted(map(sent_bytes, stored(made))) == theirs["INBOX"]
            assert [_digest(sent_bytes(each)) for each in stored(made, ".Sent")] == [_digest(big)]
            for number, data in enumerate(theirs["INBOX"]):  # the same messages, written here
                path = made.root / "mail" / "work" / ".Archive" / "cur" / f"17000000{number:02}.x.test:2,S"
                path.write_bytes(
                    data.replace(b"\r\n", b"\n") if b"\n" not in data.replace(b"\r\n", b"") else data
                )
            second = made.run("fetch", "--json")
            assert second.returncode == 0, second.stdout
            assert _on_server(client, "Archive") == theirs["INBOX"]
            assert records(made.run("fetch", "--json"))[0]["changed"] == 0


def _on_server(client: imaplib.IMAP4, folder: str) -> list[bytes]:
    client.select(folder)
    _, parts = client.fetch("1:*", "(BODY.PEEK[])")
    return sorted(part[1] for part in parts if isinstance(part, tuple))


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_a_wrong_password_fails_for_good(tmp_path, dovecot):
    made = profile(tmp_path, dovecot)
    made.environment["ADA_PASSWORD"] = "wrong"
    done = made.run("fetch")
    assert done.returncode == 1
    assert b"refused the log-in" in done.stderr


def test_a_certificate_nobody_trusts_needs_a_decision(tmp_path, dovecot):
    made = profile(tmp_path, dovecot)
    config = made.root / "config.toml"
    config.write_text("\n".join(line for line in config.read_text().splitlines() if "ca_file" not in line))
    done = made.run("fetch")
    assert done.returncode == 3, done.stderr
    assert not stored_exists(made)


def stored_exists(made: MailProfile) -> bool:
    inbox = made.root / "mail" / "work" / "new"
    return inbox.exists() and any(inbox.iterdir())


def test_a_server_that_is_away_is_tried_another_time(tmp_path, dovecot):
    made = profile(tmp_path, dovecot)
    config = made.root / "config.toml"
    (port,) = free_ports(1)
    config.write_text(config.read_text().replace(f":{dovecot.imaps}", f":{port}"))
    assert made.run("fetch").returncode == 4


def test_an_account_that_is_not_there_is_wrong_usage(tmp_path, dovecot):
    made = profile(tmp_path, dovecot)
    assert made.run("fetch", "--account", "nobody").returncode == 2


def test_a_folder_emptied_here_needs_a_decision_and_nothing_is_deleted(tmp_path):
    with running() as server:
        server.put(*texts(30))
        made = profile(tmp_path, server)
        assert made.run("fetch").returncode == 0
        for part in ("new", "cur"):
            for path in (made.root / "mail" / "work" / part).iterdir():
                path.unlink()
        done = made.run("fetch", "--json")
        assert done.returncode == 3
        assert records(done)[0]["asking"] == ["Inbox"]
        with other_client(server) as client:
            assert len(client.search(None, "ALL")[1][0].split()) == 30


def test_what_the_server_deleted_is_listed_and_comes_back(tmp_path):
    with running() as server:
        server.put(*texts(3))
        made = profile(tmp_path, server)
        made.run("fetch")
        with other_client(server) as client:
            client.store("2", "+FLAGS", "\\Deleted")
            client.expunge()
            made.run("fetch")
            (kept,) = records(made.run("attic", "--json"))
            assert (kept["subject"], kept["folder"]) == ("2", "Inbox")
            restored = made.run("attic", "restore", str(kept["id"]))
            assert restored.returncode == 0, restored.stderr
            assert made.run("attic", "restore", str(kept["id"])).returncode == 2
            made.run("fetch")
            client.select("INBOX")
            assert len(client.search(None, "ALL")[1][0].split()) == 3
        (change,) = records(made.run("sync", "log", "--account", "work", "--json"))
        assert (change["what"], change["folder"]) == ("uploaded", "Inbox")


def test_one_process_follows_and_says_what_it_does_until_it_is_stopped(tmp_path, dovecot):
    made = profile(tmp_path, dovecot)
    with subprocess.Popen(
        [made.bin / "misfin-tui", "fetch", "--follow", "--json"],
        env=made.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        try:
            assert process.stdout is not None
            said = [json.loads(process.stdout.readline())]
            while said[-1]["sentence"] != "in sync":
                said.append(json.loads(process.stdout.readline()))
            assert said[-1]["account_name"] == "work"
            second = made.run("fetch", "--follow")
            assert second.returncode == 2
            assert b"already fetches the mail" in second.stderr
            assert b"in sync" in made.run("doctor").stdout
            assert made.run("fetch").returncode == 0
        finally:
            process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0


def test_the_child_of_the_app_ends_with_it(tmp_path, dovecot):
    made = profile(tmp_path, dovecot)
    with subprocess.Popen(
        [made.bin / "misfin-tui", "fetch", "--follow", "--until-eof", "--json"],
        env=made.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.readline()
        process.stdin.close()
        assert process.wait(60) == 0


def test_a_password_kept_elsewhere_never_shows(tmp_path, dovecot):
    made = profile(tmp_path, dovecot)
    done = made.run("fetch")
    shown = done.stdout + done.stderr
    files = b"".join(path.read_bytes() for path in (made.root / "sync").iterdir())
    assert PASSWORD.encode() not in shown + files
    assert all(os.stat(path).st_mode & 0o077 == 0 for path in (made.root / "sync").iterdir())
