"""An account is checked step by step, and each failure is put where it belongs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import dovecot
import pytest
from mailservers import PASSWORD, MailServers, mail_servers

from misfin.email.account import (
    EmailAccount,
    Login,
    MailProtocol,
    MailServer,
    Protection,
    SecretPlace,
    SecretRef,
)
from misfin.email.checking import Checked, CheckStep, CheckVerdict, check_account
from misfin.trust.pins import PinBook
from misfin.trust.tofu import PinKind

GOOD, ASKS, BAD, NOTE = CheckVerdict.GOOD, CheckVerdict.ASKS, CheckVerdict.BAD, CheckVerdict.NOTE


@pytest.fixture
def pins(tmp_path: Path) -> Iterator[PinBook]:
    with PinBook(tmp_path / "trust.db") as book:
        yield book


@pytest.fixture
async def servers() -> AsyncIterator[MailServers]:
    async with mail_servers() as found:
        yield found


def account(*servers: MailServer, **more: object) -> EmailAccount:
    incoming = next((each for each in servers if each.protocol is not MailProtocol.SMTP), None)
    outgoing = next((each for each in servers if each.protocol is MailProtocol.SMTP), None)
    return EmailAccount(
        "work",
        "ada@localhost",
        incoming=incoming,
        outgoing=outgoing,
        **{"password": SecretRef(SecretPlace.ENV, "WORK_PASSWORD"), **more},  # type: ignore[arg-type]
    )


def verdicts(found: tuple[Checked, ...]) -> list[tuple[str, CheckStep, CheckVerdict]]:
    return [(each.server.protocol.value, each.step, each.verdict) for each in found]


@pytest.fixture(autouse=True)
def password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORK_PASSWORD", PASSWORD)


async def test_every_step_of_both_servers_is_reported_as_it_comes(servers, pins) -> None:
    seen: list[Checked] = []
    found = await check_account(
        account(servers.imap, servers.smtp, ca_file=str(servers.ca_file)), pins, seen.append
    )
    assert verdicts(found) == [
        ("imap", CheckStep.DNS, GOOD),
        ("imap", CheckStep.TCP, GOOD),
        ("imap", CheckStep.TLS, GOOD),
        ("imap", CheckStep.LOGIN, GOOD),
        ("imap", CheckStep.FOLDERS, GOOD),
        ("smtp", CheckStep.DNS, GOOD),
        ("smtp", CheckStep.TCP, GOOD),
        ("smtp", CheckStep.TLS, GOOD),
        ("smtp", CheckStep.LOGIN, GOOD),
        ("smtp", CheckStep.SIZE, GOOD),
    ]
    assert set(seen) == set(found)
    texts = " ".join(each.text for each in found)
    assert "TLS 1.3; the certificate is trusted and valid until" in texts
    assert "3 folders, among them sent" in texts
    assert "up to 34 MB" in texts
    facts = pins.recall_mail_server("work", servers.smtp.name)
    assert facts.size_limit == 33554432
    assert "SIZE" in facts.extensions
    assert PASSWORD not in repr(found)


async def test_a_certificate_nobody_vouches_for_is_a_question_for_a_person(servers, pins) -> None:
    found = await check_account(account(servers.imap, servers.smtp), pins)
    asking = [each for each in found if each.verdict is ASKS]
    assert [each.step for each in asking] == [CheckStep.TLS, CheckStep.TLS]
    assert len({each.fingerprint for each in asking}) == 1
    assert asking[0].fingerprint in asking[0].remedy
    assert not servers.logins
    for server in (servers.imap, servers.smtp):
        offer = pins.offered(PinKind.MAIL, server.name)
        assert offer is not None
        pins.replace(PinKind.MAIL, server.name, offer.certificate, how="in a test", now=0.0)
    found = await check_account(account(servers.imap, servers.smtp), pins)
    assert {each.verdict for each in found} == {GOOD}


async def test_a_wrong_password_is_the_log_ins_fault(servers, pins) -> None:
    found = await check_account(
        account(servers.imap, servers.smtp, ca_file=str(servers.ca_file)), pins, password="wrong"
    )
    bad = [each for each in found if each.verdict is BAD]
    assert [each.step for each in bad] == [CheckStep.LOGIN, CheckStep.LOGIN]
    assert all("refused" in each.text for each in bad)
    assert all(each.remedy == "Check your user name and password." for each in bad)


async def test_a_missing_password_leaves_the_rest_checked(servers, pins, monkeypatch) -> None:
    monkeypatch.delenv("WORK_PASSWORD")
    found = await check_account(account(servers.imap, ca_file=str(servers.ca_file)), pins)
    assert verdicts(found) == [
        ("imap", CheckStep.DNS, GOOD),
        ("imap", CheckStep.TCP, GOOD),
        ("imap", CheckStep.TLS, GOOD),
        ("imap", CheckStep.LOGIN, BAD),
    ]
    assert "WORK_PASSWORD is not set" in found[-1].text


async def test_a_host_that_does_not_exist_or_listen_is_found_out_first(pins) -> None:
    gone = MailServer(MailProtocol.IMAP, "no-such-host.invalid", 993)
    with_nobody = MailServer(MailProtocol.SMTP, "127.0.0.1", 1)
    found = await check_account(account(gone, with_nobody), pins)
    assert verdicts(found) == [
        ("imap", CheckStep.DNS, BAD),
        ("smtp", CheckStep.DNS, GOOD),
        ("smtp", CheckStep.TCP, BAD),
    ]
    assert all(each.remedy for each in found if each.verdict is BAD)


@asynccontextmanager
async def saying(greeting: bytes, *answers: bytes) -> AsyncIterator[int]:
    """A server that says this in the clear, line for line; its port."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(greeting)
        for answer in answers:
            tag = (await reader.readline()).split(b" ")[0]
            writer.write(answer.replace(b"TAG", tag))
        await reader.read()
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


@pytest.mark.parametrize(
    ("protocol", "lines", "word"),
    [
        (MailProtocol.IMAP, [b"* OK hi\r\n", b"* CAPABILITY IMAP4rev1\r\nTAG OK\r\n"], "does not offer TLS"),
        (MailProtocol.IMAP, [b"* BYE too busy\r\n"], "not available: too busy"),
        (MailProtocol.IMAP, [b"HTTP/1.1 400\r\n"], "does not speak IMAP"),
        (MailProtocol.POP3, [b"+OK hi\r\n", b"+OK\r\nUIDL\r\n.\r\n"], "does not offer TLS"),
        (MailProtocol.POP3, [b"-ERR too busy\r\n"], "not available: too busy"),
        (MailProtocol.POP3, [b"* OK hi\r\n"], "does not speak POP3"),
        (
            MailProtocol.IMAP,
            [b"* OK [CAPABILITY IMAP4rev1 STARTTLS] hi\r\n", b"TAG OK\r\n* OK injected\r\n"],
            "",
        ),
    ],
)
async def test_a_server_that_will_not_begin_tls_gets_no_password(pins, protocol, lines, word) -> None:
    async with saying(*lines) as port:
        server = MailServer(protocol, "127.0.0.1", port, Protection.STARTTLS)
        found = await check_account(account(server), pins)
    assert found[-1].step is CheckStep.TLS
    assert found[-1].verdict is BAD
    assert word in found[-1].text


async def test_tls_spoken_to_a_server_that_wants_starttls_says_which_to_try(pins) -> None:
    async with saying(b"220 hi\r\n") as port:
        found = await check_account(account(MailServer(MailProtocol.SMTP, "127.0.0.1", port)), pins)
    assert found[-1].verdict is BAD
    assert "the server may expect STARTTLS" in found[-1].remedy


async def test_an_account_without_a_log_in_is_not_logged_in(servers, pins) -> None:
    found = await check_account(account(servers.smtp, login=Login.NONE, ca_file=str(servers.ca_file)), pins)
    assert [each.step for each in found] == [CheckStep.DNS, CheckStep.TCP, CheckStep.TLS, CheckStep.SIZE]
    assert not servers.logins


@pytest.mark.parametrize("protection", [Protection.TLS, Protection.STARTTLS, Protection.NONE])
async def test_dovecot_is_checked_over_imap_and_pop3(pins, monkeypatch, protection: Protection) -> None:
    with dovecot.running(pop3=True) as running:
        monkeypatch.setenv("WORK_PASSWORD", dovecot.PASSWORD)
        running.put(b"Subject: one\r\n\r\n1\r\n")
        tls = protection is Protection.TLS
        ports = {
            MailProtocol.IMAP: (running.imap, running.imaps),
            MailProtocol.POP3: (running.pop3, running.pop3s),
        }
        for protocol, (clear, implicit) in ports.items():
            server = MailServer(protocol, "localhost", implicit if tls else clear, protection, dovecot.USER)
            found = await check_account(account(server, ca_file=str(running.cert)), pins)
            wanted = NOTE if protection is Protection.NONE else GOOD
            assert verdicts(found)[2:] == [
                (protocol.value, CheckStep.TLS, wanted),
                (protocol.value, CheckStep.LOGIN, GOOD),
                (protocol.value, CheckStep.FOLDERS, GOOD),
            ], found
            assert ("sent, trash" if protocol is MailProtocol.IMAP else "1 message") in found[-1].text
