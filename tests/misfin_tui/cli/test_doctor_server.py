"""``doctor --server`` says what keeps a server from receiving, and what to do, and leaves nothing behind."""

from __future__ import annotations

import socket
import sys

import pytest
from dovecot import running
from peers import person

from misfin.store.identities import IdentityStore
from misfin_tui.cli import doctor_server
from misfin_tui.cli.finding import CheckVerdict
from misfin_tui.paths import profile_at

ADA = person("ada@localhost Ada")


def findings(shell, *topics: str) -> dict[str, tuple[str, str]]:
    found = shell.json("doctor", "--server", check=None)
    return {
        each["text"]: (each["verdict"], each["remedy"])
        for each in found
        if each["topic"].startswith("server") and (not topics or each["topic"] in topics)
    }


@pytest.fixture
def host(shell):
    IdentityStore(shell.root / "identities").save(ADA)
    return shell


def test_without_a_receiver_it_says_how_to_start_one(host):
    found = findings(host, "server")
    verdict, remedy = found["No receiver is running for this profile."]
    assert verdict == "bad"
    assert "systemctl start" in remedy
    assert not (host.root / "trust.db").exists()


def test_it_is_not_looked_at_without_the_option(host):
    assert not [each for each in host.json("doctor", check=None) if each["topic"].startswith("server")]


def looked(profile, monkeypatch, port) -> dict[str, CheckVerdict]:
    monkeypatch.setattr(doctor_server, "_PORT", port)
    return {each.text: each.verdict for each in doctor_server.check_server(profile)}


def test_a_host_presents_its_own_certificate_or_another(host, monkeypatch):
    receiver = host.receive("--listen", "127.0.0.1:0")
    (note,) = (host.root / "run").glob("*.json")
    port = int(note.read_text().partition("127.0.0.1:")[2].partition('"')[0])
    profile = profile_at(host.root)
    found = looked(profile, monkeypatch, port)
    assert any("presents its certificate" in text for text in found), found
    assert CheckVerdict.BAD not in found.values(), found
    other = profile_at(host.root.parent / "other")
    IdentityStore(other.identities).save(person("ada@localhost Ada", number=1))
    found = looked(other, monkeypatch, port)
    assert any("presents another certificate" in text for text in found), found
    receiver.terminate()


def test_a_name_that_does_not_resolve_is_said(shell, monkeypatch):
    IdentityStore(shell.root / "identities").save(person("ada@nowhere.invalid Ada"))

    def nowhere(*_args, **_how):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", nowhere)
    found = looked(profile_at(shell.root), monkeypatch, 1958)
    assert found["The name does not resolve here, so nobody can send to it."] is CheckVerdict.BAD


def test_the_mail_server_answers_or_does_not(host, tmp_path):
    host.settings(f'[deliver]\nlmtp = "{tmp_path}/none"\n')
    ((text, (verdict, _)),) = findings(host, "server (deliver)").items()
    assert verdict == "bad"
    assert text.startswith(f"{tmp_path}/none does not take mail: ")
    with running(lmtp=True) as server:
        host.settings(f'[deliver]\nlmtp = "{server.base}/lmtp"\n')
        ((text, (verdict, _)),) = findings(host, "server (deliver)").items()
    assert verdict == "good"
    assert "Dovecot" in text


def test_balancers_that_nobody_named_are_an_error(host):
    host.settings("[proxy_protocol]\nenable = true\n")
    found = findings(host)
    assert "[proxy_protocol] is enabled, and no balancer is trusted." in found


@pytest.mark.skipif(sys.platform != "linux", reason="several processes receive on Linux only")
def test_it_says_how_many_processes_receive(host):
    host.settings("[receive]\nprocesses = 2\n")
    host.receive("--listen", "127.0.0.1:0")
    found = findings(host, "server")
    (text,) = [text for text in found if text.startswith("2 processes are receiving, on a machine with ")]
    assert found[text][0] in ("good", "note")
    assert any("in each of 2 processes" in text for text in found)
    host.settings("")
    assert (
        findings(host, "server")["[receive] processes is 1, but the receiver was started with 2."][0]
        == "note"
    )
