"""Servers are found over real DNS, HTTPS and TLS on loopback, in the right order, and in time."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest
from namedpeers import NOT_FOUND, Hosts, dns_server, https_server, ok, redirect, tls_for
from namedpeers import SMTP_XML as SMTP
from namedpeers import autoconfig_xml as config
from namedpeers import server_xml as server
from smtppeers import Inbox, aiosmtpd, listening

from misfin.email.account import Login, MailServer
from misfin.email.discovery import Asking, DiscoveryError, FoundBy, find_servers
from misfin.email.discovery.finding import fetching
from misfin.email.discovery.probing import Prober
from misfin.email.http import HttpsClient
from misfin.email.resolving import Resolver
from misfin.errors import AddressError

NAMES = (
    *("example.org", "autoconfig.example.org", "imap.example.org", "mail.example.org", "smtp.example.org"),
    "pop.example.org",
)
SRV = {
    ("_imaps._tcp.example.org", "SRV"): ["0 1 993 imap.example.org."],
    ("_submissions._tcp.example.org", "SRV"): ["0 1 465 smtp.example.org."],
}


def asking(hosts: Hosts, dns_port: int, timeout: float = 5.0) -> Asking:
    """The real ways of asking, led to this machine."""
    context = tls_for(*NAMES)[1]
    resolver = Resolver(["127.0.0.1"], dns_port, timeout=timeout)
    client = HttpsClient(context=context, reach=hosts, timeout=timeout)
    return Asking(resolver.srv, resolver.mx, fetching(client), Prober(context, hosts, timeout))


async def find(records=None, answer=None, ports=None, address="ada@example.org", silent=frozenset(), **how):
    """Find with these DNS records and this web server; also who was asked."""
    async with AsyncExitStack() as stack:
        dns_port, _ = await stack.enter_async_context(dns_server(records or {}, silent))
        hosts = Hosts(dict(ports or {}))
        if answer:
            port = await stack.enter_async_context(https_server(answer, tls_for(*NAMES)[0]))
            hosts.ports |= {("autoconfig.example.org", 443): port, ("example.org", 443): port}
        return await find_servers(address, asking(hosts, dns_port), **how), hosts.asked


async def test_the_domains_own_file_is_the_best_source():
    found, _ = await find(SRV, lambda host, path, body: ok(config(server(), SMTP)))
    assert found.best.how is FoundBy.AUTOCONFIG
    assert str(found.best.incoming) == "imaps://imap.example.org"
    assert str(found.best.outgoing) == "smtps://smtp.example.org"
    assert found.best.detail == "Named by autoconfig.example.org for Example Mail."
    assert found.best.question == ""
    assert found.found[1:] == () or found.found[1].how is FoundBy.SRV


async def test_the_well_known_place_counts_where_the_first_has_nothing():
    def answer(host, path, body):
        return ok(config(server(), SMTP)) if host == "example.org" else NOT_FOUND

    found, _ = await find({}, answer)
    assert found.best.detail == "Named by example.org for Example Mail."


async def test_a_first_place_that_does_not_answer_does_not_hide_the_second():
    async def silent(reader, writer):
        await reader.read()

    context = tls_for(*NAMES)[0]
    async with (
        listening(silent, ssl=context) as dead,
        https_server(lambda *_: ok(config(server(), SMTP)), context) as good,
        dns_server({}) as (dns_port, _),
    ):
        hosts = Hosts({("autoconfig.example.org", 443): dead, ("example.org", 443): good})
        # The first place uses up all of it, and a busy machine may need longer for the second.
        for patience in (0.5, 2.0, 8.0):
            found = await find_servers("ada@example.org", asking(hosts, dns_port, timeout=patience))
            if found.best is not None:
                break
    assert found.best.detail == "Named by example.org for Example Mail."


async def test_who_drops_answers_cannot_choose_among_the_services():
    records = SRV | {("_pop3s._tcp.example.org", "SRV"): ["0 1 995 pop.example.org."]}
    silent = frozenset({"_imaps._tcp.example.org"})
    found, _ = await find(records, silent=silent, timeout=0.5)
    assert found.best is None


async def test_a_redirect_off_https_is_not_followed_and_the_next_way_counts():
    found, asked = await find(SRV, lambda *_: redirect("http://evil.example/config.xml"))
    assert found.best.how is FoundBy.SRV
    assert not [host for host, _ in asked if "evil" in host]
    assert any("HTTPS" in each.reason for each in found.failures)


async def test_srv_records_within_the_domain_need_no_question():
    found, _ = await find(SRV)
    assert found.best.how is FoundBy.SRV
    assert (found.best.outside, found.best.question) == ((), "")


async def test_srv_records_that_lead_outside_are_asked_about():
    records = SRV | {("_imaps._tcp.example.org", "SRV"): ["0 1 993 imap.elsewhere.example."]}
    found, _ = await find(records)
    assert found.best.outside == ("imap.elsewhere.example",)
    assert "imap.elsewhere.example" in found.best.question
    assert (await find(SRV | {k: ["0 1 993 notexample.org."] for k in list(SRV)[:1]}))[0].best.outside


async def test_srv_records_that_lead_to_this_machine_are_not_used():
    records = SRV | {("_imaps._tcp.example.org", "SRV"): ["0 1 993 localhost."]}
    found, _ = await find(records)
    assert found.best is None


async def test_a_known_provider_is_found_by_its_domain():
    found, _ = await find({}, address="ada@gmail.com")
    assert (found.best.how, found.best.login) == (FoundBy.PROVIDER, Login.OAUTH)
    assert found.best.incoming.host == "imap.gmail.com"


async def test_a_domain_whose_mail_goes_to_a_known_provider_is_found_by_its_mx():
    records = {("example.org", "MX"): ["20 mx.other.example.", "10 aspmx.l.google.com."]}
    found, _ = await find(records)
    assert (found.best.how, found.best.incoming.host) == (FoundBy.MX, "imap.gmail.com")
    second = {("example.org", "MX"): ["10 mx.other.example.", "20 aspmx.l.google.com."]}
    assert (await find(second))[0].best is None


async def greeting(line: bytes):
    async def serve(reader, writer):
        writer.write(line)
        await reader.read()

    return listening(serve, ssl=tls_for(*NAMES)[0])


async def test_servers_with_the_usual_names_are_found_by_their_proof():
    async with await greeting(b"* OK ready\r\n") as imap, await greeting(b"220 ready\r\n") as smtp:
        ports = {("imap.example.org", 993): imap, ("smtp.example.org", 465): smtp}
        found, asked = await find({}, None, ports)
    assert found.best.how is FoundBy.GUESS
    assert str(found.best.incoming) == "imaps://imap.example.org"
    assert str(found.best.outgoing) == "smtps://smtp.example.org"
    assert all(host == "example.org" or host.endswith(".example.org") for host, _ in asked)


async def test_a_submission_server_with_starttls_proves_itself_too():
    async with (
        await greeting(b"* OK ready\r\n") as imap,
        aiosmtpd(Inbox(), tls_context=tls_for(*NAMES)[0]) as smtp,
    ):
        ports = {("mail.example.org", 993): imap, ("smtp.example.org", 587): smtp}
        found, _ = await find({}, None, ports)
    assert str(found.best.incoming) == "imaps://mail.example.org"
    assert str(found.best.outgoing) == "smtp://smtp.example.org"


@pytest.mark.parametrize("line", [b"HTTP/1.1 400 Bad Request\r\n", b"* BYE\r\n", b"x" * 100_000, b""])
async def test_what_does_not_greet_like_a_mail_server_is_not_a_guess(line):
    async with await greeting(line) as imap, await greeting(b"220 ready\r\n") as smtp:
        ports = {("imap.example.org", 993): imap, ("smtp.example.org", 465): smtp}
        found, _ = await find({}, None, ports, timeout=3.0)
    assert found.best is None


async def test_a_certificate_for_another_name_is_not_proof():
    async def serve(reader, writer):
        writer.write(b"* OK\r\n")
        await reader.read()

    async with listening(serve, ssl=tls_for("other.example")[0]) as imap:
        prober = Prober(tls_for("other.example")[1], Hosts({("imap.example.org", 993): imap}))
        with pytest.raises(DiscoveryError):
            await prober(MailServer("imap", "imap.example.org", 993))


async def test_what_does_not_answer_in_time_does_not_hold_up_what_has():
    silent = frozenset({f"{name}.example.org" for name in ("_imaps._tcp", "_imap._tcp")})
    records = {("example.org", "MX"): ["10 aspmx.l.google.com."]}
    # Less than DNS takes to give up; a busy machine may need longer for the answer that does come.
    for patience in (0.5, 1.5, 4.5):
        found, _ = await find(records, silent=silent, timeout=patience)
        if found.best is not None:
            break
    assert found.best.how is FoundBy.MX
    assert "There was no answer in time." in [each.reason for each in found.failures]


async def test_when_nothing_is_found_every_way_says_why():
    found, _ = await find({})
    assert found.found == ()
    assert [each.how for each in found.failures] == list(FoundBy)
    assert all(each.reason.endswith(".") for each in found.failures)


async def test_a_dead_resolver_is_a_reason_and_not_an_error():
    found = await find_servers("ada@example.org", asking(Hosts(), 1, timeout=0.3))
    assert "DNS does not answer." in [each.reason for each in found.failures]


async def test_a_bug_does_not_pass_for_nothing_found():
    async def broken(_):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await find_servers("ada@example.org", replace(asking(Hosts(), 1, timeout=0.1), mx=broken))


async def test_nobody_is_asked_about_what_is_not_an_address():
    with pytest.raises(AddressError):
        await find_servers("ada@exa\x1bmple.org")


async def test_giving_up_leaves_nothing_running():
    before = asyncio.all_tasks()
    async with dns_server({}, frozenset({"example.org"})) as (port, _):
        task = asyncio.create_task(find_servers("ada@example.org", asking(Hosts(), port, timeout=30)))
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert asyncio.all_tasks() == before
