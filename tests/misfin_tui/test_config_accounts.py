"""``[accounts.NAME]``: what an e-mail account's settings can be, with the line and a remedy for the rest."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from misfin.email.account import (
    Login,
    MailProtocol,
    MailServer,
    Protection,
    SaveSent,
    SecretPlace,
    SecretRef,
    SendHTML,
)
from misfin.errors import AccountError, InputError
from misfin_tui import config
from misfin_tui.config import ConfigError, accounts, writing
from misfin_tui.config.email import POP3_FETCH_UP_TO, email_account, server_for, signature_of

WORK = '[accounts.work]\nkind = "email"\naddress = "ada@example.org"\n'
EVERYTHING = """
# my work
[accounts.work]
kind = "email"
address = "ada@example.org" # since 2020
name = "Ada Example"
imap = "imaps://ada@imap.example.org"
smtp = "smtp://ada@smtp.example.org"
password = { keyring = "misfin-tui/work" }
ca_file = "/etc/ours.pem"
min_tls = "1.3"
cram_md5 = true
aliases = ["ada@example.net", "ada+*@example.org", "*@ada.example"]
signature = "Ada"
send_html = "never"
save_sent = false
folders = { Sent = "Sent Items" }
keep = "1y"
keep_folders = { Archive = "90d" }
fetch_up_to = "2 MiB"
authserv_id = "mx.example.org"
"""


def read(text: str, name: str = "work") -> accounts.AccountConfig:
    return config.parse(text).accounts[name]


def test_every_setting_of_an_account_becomes_part_of_it() -> None:
    account = email_account("work", read(EVERYTHING))
    assert account.incoming == MailServer(MailProtocol.IMAP, "imap.example.org", 993, Protection.TLS, "ada")
    assert account.outgoing == MailServer(
        MailProtocol.SMTP, "smtp.example.org", 587, Protection.STARTTLS, "ada"
    )
    assert (account.name, account.address, account.title) == ("work", "ada@example.org", "Ada Example")
    assert account.login is Login.PASSWORD
    assert account.password == SecretRef(SecretPlace.KEYRING, "misfin-tui/work")
    assert (account.ca_file, account.min_tls, account.cram_md5) == ("/etc/ours.pem", "1.3", True)
    assert account.aliases == ("ada@example.net", "ada+*@example.org", "*@ada.example")
    assert (account.signature, account.send_html, account.save_sent) == ("Ada", SendHTML.NEVER, SaveSent.NO)
    assert account.folders == (("Sent", "Sent Items"),)
    assert (account.keep, account.keep_folders) == ("1y", (("Archive", "90d"),))
    assert account.fetch_up_to == 2 * 1024 * 1024
    assert account.authserv_id == "mx.example.org"


def test_pop3_fetches_up_to_five_mebibytes_unless_told_otherwise() -> None:
    assert email_account("work", read(f'{WORK}pop3 = "pop3s://x.example"\n')).fetch_up_to == POP3_FETCH_UP_TO
    assert email_account("work", read(f'{WORK}imap = "imaps://x.example"\n')).fetch_up_to is None
    unlimited = read(f'{WORK}pop3 = "pop3s://x.example"\nfetch_up_to = "no limit"\n')
    assert email_account("work", unlimited).fetch_up_to is None


@pytest.mark.parametrize("key", ["password", "token", "client_secret"])
def test_a_secret_in_clear_text_is_refused_with_its_line_and_not_repeated(key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(f'{WORK}{key} = "hunter2"\n')
    assert caught.value.line == 4
    assert "clear text" in str(caught.value)
    assert "hunter2" not in f"{caught.value} {caught.value.remedy} {caught.value.__cause__!r}"
    assert f"{key} = {{" in caught.value.remedy


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ('imap = "imaps://ada:hunter2@x.example"', "password does not belong"),
        ('imap = "smtps://x.example"', "not the address of an IMAP server"),
        ('smtp = "https://ada:hunter2@x.example"', "password does not belong"),
        ('smtp = "x.example"', "not the address of a mail server"),
        ('smtp = "smtps://[x"', "not the address of a mail server"),
        ('auth = "magic"', '"password", "oauth", "none"'),
        ('auth = "oauth"', "needs `token` or `client_id`"),
        ("password = {}", "must be {"),
        ('password = { safe = "x" }', "must be {"),
        ('password = { keyring = "a", env = "B" }', "must be {"),
        ("password = { keyring = 3 }", "text in quotes"),
        ('password = { env = "A B" }', "cannot name an environment variable"),
        ('password = { command = "pass \'x" }', "not closed"),
        ('token = { keyring = "x" }', "must be { command"),
        ('oauth = "https://login.example/"', "`oauth` must be {"),
        ('oauth = { authorize = "https://x.example/" }', "`oauth` must be {"),
        (
            'oauth = { authorize = "https://x.example/", token = "http://x.example/", scopes = "a" }',
            "`token` must begin with https://",
        ),
        (
            'oauth = { authorize = "https://a@x.example/", token = "https://x.example/", scopes = "a" }',
            "`authorize` must begin with https://",
        ),
        (
            'oauth = { authorize = "https://x.example/", token = "https://x.example/", scopes = 5 }',
            "`scopes` must be text",
        ),
        ('min_tls = "1.1"', '"1.2", "1.3", "1.0"'),
        ('plaintext = "yes"', "true or false"),
        ('aliases = ["*"]', "is not an address"),
        ('aliases = ["a*b@x.example"]', "neither an address nor a pattern"),
        ("signature = 5", "must be text"),
        ('signature = { path = "x" }', "must be text"),
        ('save_sent = "maybe"', '"auto", true or false'),
        ('folders = { Outgoing = "x" }', "`Outgoing` is not one of"),
        ('folders = "Sent"', "must be a table"),
        ('folders = { Sent = "" }', "needs a name"),
        ('keep = "forever"', "nor a period"),
        ('keep_folders = { Archive = "1" }', "nor a period"),
        ('fetch_up_to = "5 parsecs"', "a size is text"),
        ("fetch_up_to = -5", "a size is text"),
        ("fetch_up_to = true", "a size is text"),
        ('pop3_leave = "0d"', "nor a period"),
        ('name = "Ada\\u0007"', "control character"),
        ('passwort = "hunter2"', "did you mean `password`"),
    ],
)
def test_a_value_that_cannot_be_used_is_named_with_its_line(line: str, word: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(f"{WORK}{line}\n")
    assert caught.value.line == 4
    assert word in str(caught.value)
    assert caught.value.remedy
    assert "hunter2" not in str(caught.value)


def test_an_account_has_one_incoming_server() -> None:
    with pytest.raises(ConfigError, match="one incoming server") as caught:
        read(f'{WORK}imap = "imaps://x.example"\npop3 = "pop3s://x.example"\n')
    assert caught.value.line == 5


def test_plaintext_is_only_for_this_machine() -> None:
    local = read(f'{WORK}smtp = "smtp://127.0.0.1:2525"\nplaintext = true\n')
    outgoing = email_account("work", local).outgoing
    assert outgoing is not None
    assert outgoing.protection is Protection.NONE
    with pytest.raises(ConfigError, match="only for a server on this machine") as caught:
        read(f'{WORK}plaintext = true\nimap = "imap://x.example"\n')
    assert caught.value.line == 4


def test_a_secret_kept_in_a_section_of_its_own_is_found_with_its_line() -> None:
    text = f'{WORK}\n[accounts.work.password]\nkeyring = "a/b"\n'
    assert read(text).password == SecretRef(SecretPlace.KEYRING, "a/b")
    with pytest.raises(ConfigError) as caught:
        read(text.replace("keyring", "wallet"))
    assert caught.value.line == 5


def test_the_signature_can_be_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "signature"
    file.write_text("Ada\nAnalyst\n")
    account = read(f'{WORK}signature = {{ file = "{file}" }}\n')
    assert email_account("work", account).signature == "Ada\nAnalyst"
    file.unlink()
    assert email_account("work", account).signature == ""
    with pytest.raises(InputError, match="cannot be read"):
        signature_of(account)


# ---- writing


def test_an_account_is_written_and_removed_with_every_comment_kept(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    before = '# mine\n[ui]\nbell = true # loud\n\n[accounts.old]\n# why\nkind = "email"\naddress = "a@b.c"\n'
    path.write_text(before)
    account = read(EVERYTHING)
    assert writing.write_account(path, "work", account).accounts["work"] == account
    text = path.read_text()
    assert text.startswith(before.rstrip())
    assert 'password = {keyring = "misfin-tui/work"}' in text
    assert path.stat().st_mode & 0o777 == 0o600
    assert set(writing.remove_account(path, "work").accounts) == {"old"}
    assert path.read_text().rstrip() == before.rstrip()


def test_one_setting_of_an_account_is_changed_in_place(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(EVERYTHING)
    ref = SecretRef(SecretPlace.COMMAND, "pass show mail")
    changed = writing.write_setting(path, "accounts", "password", ref, name="work")
    assert changed.accounts["work"].password == ref
    assert "# since 2020" in path.read_text()
    assert "[accounts.work.password]" not in path.read_text()


def test_an_account_that_cannot_be_used_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    with pytest.raises(ConfigError):
        writing.write_account(path, "Not a name", read(EVERYTHING))
    assert not path.exists()


TEXT = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=20)
SECRETS = st.builds(SecretRef, st.sampled_from([SecretPlace.KEYRING]), TEXT)


@given(
    st.builds(
        accounts.AccountConfig,
        kind=st.just("email"),
        address=st.just("ada@example.org"),
        name=TEXT,
        password=st.none() | SECRETS,
        signature=TEXT | TEXT.map(Path),
        save_sent=st.sampled_from(SaveSent),
        folders=st.just(()) | TEXT.map(lambda text: (("Sent", text), ("Junk", "x"))),
        plaintext=st.booleans(),
    )
)
def test_whatever_is_written_is_read_back(tmp_path_factory, account: accounts.AccountConfig) -> None:
    path = tmp_path_factory.mktemp("written") / "config.toml"
    assert writing.write_account(path, "work", account).accounts["work"] == account
    assert config.load(path).accounts["work"] == account


@pytest.mark.parametrize(
    ("typed", "incoming", "meant"),
    [
        ("imap.example.org", True, "imaps://imap.example.org"),
        (" imap.example.org:993 ", True, "imaps://imap.example.org"),
        ("ada@imap.example.org:143", True, "imap://ada@imap.example.org"),
        ("pop.example.org:995", True, "pop3s://pop.example.org"),
        ("smtp.example.org", False, "smtps://smtp.example.org"),
        ("smtp.example.org:587", False, "smtp://smtp.example.org"),
        ("localhost:12345", False, "smtps://localhost:12345"),
        ("imap://imap.example.org", True, "imap://imap.example.org"),
    ],
)
def test_a_host_alone_is_a_server_with_tls_unless_its_port_says_otherwise(typed, incoming, meant) -> None:
    assert str(server_for(typed, incoming=incoming)) == meant


@pytest.mark.parametrize(
    ("typed", "incoming"), [("smtp.x.org:587", True), ("imaps://x.org", False), ("", True)]
)
def test_a_server_of_the_other_kind_is_refused(typed, incoming) -> None:
    with pytest.raises(AccountError):
        server_for(typed, incoming=incoming)
