"""From an empty profile to an address or an account, in plain lines: on a terminal, and through pipes."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import ring
from desk import identity, make_profile
from freeports import free_port
from gmapserver import GmapBox, GmapServer, gemmail
from linedesk import at_lines
from lineterminal import do, said, text_of
from mailservers import PASSWORD, USER, mail_servers
from oauthpeer import CLIENT, HOST, LocalProvider, answer
from oauthworld import world
from peers import person
from plainlines import acting, piped
from ring import MemoryKeyring, use_keyring

from misfin.email.account import Login
from misfin.email.discovery import Discovery, Found, FoundBy
from misfin.store.identities import IdentityStore
from misfin_tui import config
from misfin_tui.paths import profile_at
from misfin_tui.services.email import EmailAccounts
from terminal import Terminal, program

Opener = Callable[..., Terminal]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Opener]:
    """Opens the linear mode on a terminal of some size, on a profile that does not exist."""
    terminals: list[Terminal] = []

    def open_it(columns: int = 80) -> Terminal:
        command = program("--profile", str(tmp_path / "profile"), "--linear")
        own = {"HOME": str(tmp_path), "TERM": "dumb", "PYTHON_KEYRING_BACKEND": "ring.MemoryKeyring"}
        own["PYTHONPATH"] = os.pathsep.join(
            [str(Path(ring.__file__).parent), os.environ.get("PYTHONPATH", "")]
        )
        terminals.append(Terminal(*command, size=(columns, 50), environ=own))
        return terminals[-1]

    yield open_it
    for terminal in terminals:
        terminal.end()


@pytest.mark.parametrize("columns", [20, 80])
def test_a_new_profile_begins_with_the_first_steps_and_receives_after_them(opened, tmp_path, columns):
    port = free_port()
    terminal = opened(columns)
    said(terminal, "Your choice: ")
    do(terminal, "misfin\r", "Address: ")
    do(terminal, "nothing\r", "nothing is neither an address nor a file.")
    do(terminal, "ada@\r", "Address: ")
    do(terminal, "ada@mail.example\r", "Name (optional): ")
    do(terminal, "Ada Lovelace\r", "Your choice: ")
    do(terminal, "receive\r", "TCP port: ")
    do(terminal, "0\r", "TCP port: ")
    assert not (tmp_path / "profile" / "config.toml").exists()
    do(terminal, f"{port}\r", "Your choice: ")
    assert f"This program will receive on port {port} while it is open." in text_of(terminal)
    assert not (tmp_path / "profile" / "config.toml").exists()
    do(terminal, "create\r", "ada@mail.example is ready.")
    said(terminal, f":{port}.")
    said(terminal, "Inbox: 0 conversations.")
    do(terminal, "accounts\r", "receiving on")
    terminal.send("quit\r")
    assert terminal.wait() == 0
    assert acting(terminal.written, "\r\n\b") == []
    stored = IdentityStore(profile_at(tmp_path / "profile").identities).load("ada@mail.example")
    assert stored.address.blurb == "Ada Lovelace"
    lines = terminal.written.decode().replace("\r", "").split("\n")
    typed = re.compile(r"[>:] |Ada|ada@|nothing")
    assert max(len(line) for line in lines if not typed.search(line)) < columns


def test_whoever_stops_half_way_leaves_nothing_behind(opened, tmp_path):
    terminal = opened()
    said(terminal, "Your choice: ")
    do(terminal, "1\r", "Address: ")
    do(terminal, "ada@mail.example\r", "Name (optional): ")
    do(terminal, "\x03", "Nothing more was created or saved. Type setup to begin again.")
    said(terminal, "Inbox: 0 conversations.")
    do(terminal, "compose\r", "You have no account to write from. Type setup to add one.")
    terminal.send("quit\r")
    assert terminal.wait() == 0
    profile = profile_at(tmp_path / "profile")
    assert not profile.config.exists()
    assert list(profile.identities.glob("*")) == []


def test_a_password_is_not_shown_while_it_is_typed_nor_brought_back(opened):
    terminal = opened()
    said(terminal, "Your choice: ")
    do(terminal, "e-mail\r", "E-mail address: ")
    do(terminal, "ada@nowhere.invalid\r", "Your name (optional): ")
    do(terminal, "\r", "Password: ")
    do(terminal, "hunter2\x7f2\r", "Incoming server: ")
    do(terminal, "\x1b[A\x03", "Nothing")
    assert "hunter" not in text_of(terminal)


async def test_an_identity_is_imported_with_its_password(tmp_path):
    from cryptography.hazmat.primitives.serialization import (
        BestAvailableEncryption,
        Encoding,
        PrivateFormat,
        load_pem_private_key,
    )

    bob = identity("bob@hive.test", "Bob")
    key = load_pem_private_key(bob.key_pem, None).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")
    )
    pem = tmp_path / "bob.pem"
    pem.write_bytes(bob.cert_pem + key)
    profile = profile_at(tmp_path / "profile")
    profile.root.mkdir()
    async with at_lines(profile) as lines:
        answers = ("misfin", str(pem), "", "wrong", "secret", "only", "import")
        said = await lines.do("setup", *answers)
        assert "bob@hive.test will be imported." in said
        assert "bob@hive.test is ready." in said
        assert config.load(profile.config).receive.enabled is False
        assert [each.address for each in await lines.desk.services.identities.all()] == ["bob@hive.test"]


@pytest.fixture
def mailbox(tmp_path):
    """The file of a mailbox, the server that keeps it, and what is in it."""
    owner, box = person("ada@localhost"), GmapBox()
    box.add(gemmail(1))
    pem = tmp_path / "ada.pem"
    pem.write_bytes(owner.pem)
    host = person("localhost@localhost")
    with GmapServer(host, owner, box) as server:
        yield pem, str(server.port), host.info.fingerprints.cert


async def test_a_mailbox_on_a_server_is_tested_before_it_is_saved(tmp_path, mailbox):
    pem, port, fingerprint = mailbox
    profile = profile_at(tmp_path / "profile")
    profile.root.mkdir()
    async with at_lines(profile) as lines:
        where = ("", "", "70000", port, "away")
        said = await lines.do(
            "setup", "server", "nowhere.pem", str(pem), *where, "trust", fingerprint[:4], ""
        )
        assert "nowhere.pem is not a file." in said
        assert "The file is for ada@localhost" in said
        assert "A port is a number from 1 to 65535." in said
        assert "Nothing has been sent there, not even your own certificate." in said
        assert "1 message in the inbox" in said
        assert said.endswith("Nothing was saved. Type setup to begin again.")
        assert not profile.config.exists()
        said = await lines.do("setup", "server", str(pem), "", "", port, "away", "save")
        assert "ada@localhost is ready." in said
        assert config.load(profile.config).accounts["away"].host == "localhost"
        (account,) = await lines.desk.services.accounts.all()
        assert account.directory == "away@"


async def test_a_mailbox_whose_server_is_not_trusted_is_not_opened(tmp_path, mailbox):
    pem, port, _ = mailbox
    profile = profile_at(tmp_path / "profile")
    profile.root.mkdir()
    async with at_lines(profile) as lines:
        said = await lines.do("setup", "server", str(pem), "", "", port, "away", "", "")
        assert "Not tested: a certificate is not trusted." in said
        assert "Save an account that does not work?" in said
        assert "Nothing was saved." in said


async def test_a_second_address_changes_neither_settings_nor_the_one_written_from(tmp_path):
    profile = make_profile(tmp_path / "profile", address="zoe@mail.example")
    async with at_lines(profile) as lines:
        said = await lines.do("setup", "misfin", "ada@mail.example", "", "create")
        assert "ada@mail.example is ready." in said
        assert await lines.desk.services.identities.default() == "zoe@mail.example"
        assert not config.load(profile.config).receive.enabled


@pytest.fixture
async def servers(monkeypatch):
    """Servers on loopback, which is where every address is said to have them."""
    async with mail_servers() as found:
        best = Found(found.imap, found.smtp, Login.PASSWORD, FoundBy.SRV, "Named in the DNS of localhost.")

        async def find(self: EmailAccounts, address: str) -> Discovery:
            return Discovery((best,))

        monkeypatch.setattr(EmailAccounts, "find", find)
        yield found


async def test_found_servers_are_shown_and_tested_before_anything_is_saved(tmp_path, servers):
    profile = profile_at(tmp_path / "profile")
    profile.root.mkdir()
    trusting = ("trust", servers.fingerprint[:4])
    with use_keyring(MemoryKeyring()) as kept:
        async with at_lines(profile) as lines:
            said = await lines.do("setup", "e-mail", USER, "Ada", PASSWORD, "use", "", *trusting, "")
            assert "Named in the DNS of localhost." in said
            assert f"Incoming: {servers.imap}" in said
            assert "Your password has not been sent." in said
            assert "IMAP, login: OK. Logged in as ada@localhost by PLAIN." in said
            assert "Everything works." in said
            assert "Nothing was saved." in said
            assert PASSWORD not in said
            assert kept.kept == {}
            assert not profile.config.exists()
            said = await lines.do("setup", "e-mail", USER, "Ada", PASSWORD, "use", "", "save")
            assert f"{USER} is ready." in said
            assert kept.kept == {("misfin-tui", "localhost"): PASSWORD}
            assert config.load(profile.config).accounts["localhost"].name == "Ada"
            assert PASSWORD not in profile.config.read_text()


async def test_signing_in_with_a_code_adds_an_account_that_works(tmp_path, monkeypatch):
    profile = profile_at(tmp_path / "profile")
    profile.root.mkdir()
    local = LocalProvider(interval=0.01)
    with use_keyring(MemoryKeyring()) as kept:
        async with world(monkeypatch, local, "OAuth2") as servers, at_lines(profile) as lines:
            who = ("e-mail", "ada@example.org", "Ada", "", "use", "")
            client = (CLIENT.id, CLIENT.secret, "with")
            trusting = ("trust", servers.fingerprint[:4]) * 2
            local.entered = True
            said = await lines.do("setup", *who, *client, *trusting, "save")
            assert "Open this address in any browser and enter the code WDJB-MJHT." in said
            assert f"https://{HOST}/enter" in said
            assert "Everything works." in said
            assert "ada@example.org is ready." in said
            assert CLIENT.secret not in said
    assert kept.kept[("misfin-tui", "example:client-secret")] == CLIENT.secret
    assert kept.kept[("misfin-tui", "example:refresh-token")].startswith("r")
    account = config.load(profile.config).accounts["example"]
    assert (account.auth, account.client_id, account.password) == ("oauth", CLIENT.id, None)


async def test_a_sign_in_that_is_refused_saves_nothing_and_can_be_begun_again(tmp_path, monkeypatch):
    profile = profile_at(tmp_path / "profile")
    profile.root.mkdir()
    local = LocalProvider(interval=0.01, scripted=[answer(400, error="access_denied")])
    with use_keyring(MemoryKeyring()) as kept:
        async with world(monkeypatch, local, "OAuth2"), at_lines(profile) as lines:
            answers = ("e-mail", "ada@example.org", "", "", "use", "", CLIENT.id, CLIENT.secret, "with")
            said = await lines.do("setup", *answers)
            assert "The sign-in was declined." in said
            assert said.endswith("Nothing more was created or saved. Type setup to begin again.")
    assert kept.kept == {}
    assert not profile.config.exists()


async def test_a_certificate_that_is_not_trusted_is_not_logged_in_to(tmp_path, servers):
    profile = profile_at(tmp_path / "profile")
    profile.root.mkdir()
    with use_keyring(MemoryKeyring()):
        async with at_lines(profile) as lines:
            said = await lines.do("setup", "e-mail", USER, "", PASSWORD, "use", "", "", "")
            assert "Not tested: a certificate is not trusted." in said
            assert "Save an account that does not work?" in said
            assert "Nothing was saved." in said
    assert servers.logins == []


async def test_servers_are_typed_where_none_are_found_and_mail_goes_out(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text(f"{PASSWORD}\n")
    profile = profile_at(tmp_path / "profile")
    environ = {"PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring"}
    async with mail_servers() as servers, piped(profile.root, environ=environ) as lines:
        await lines.until("You have no account yet.")
        await lines.do("setup", "Nothing now (enter)")
        await lines.send("e-mail", USER, "Ada Lovelace")
        await lines.until("This program never writes your password to a file.")
        await lines.send(f"{sys.executable} -c 'print(open(\"{secret}\").read())'")
        await lines.until(f"No servers were found for {USER}.")
        await lines.send(str(servers.smtp), str(servers.imap))
        await lines.until("SMTP is not for incoming mail.")
        await lines.send(str(servers.smtp), "")
        await lines.do("trust", "type its first 4 characters")
        await lines.do(servers.fingerprint[:4], "Everything works.")
        await lines.do("save", f"{USER} is ready.")
        await lines.do("sync", f"1. localhost, {USER}: ")
        await lines.do("set send.undo_send_seconds 0", "send.undo_send_seconds is now 0.")
        await lines.send("compose bob@example.org", "Hi", "Hello", ".")
        await lines.do("send", "The message is being sent.")
        await lines.until("Accepted by localhost for bob@example.org.")
        assert await lines.end() == 0
        assert acting(lines.written) == []
        assert servers.inbox.taken[0].rcpt_tos == ["bob@example.org"]
