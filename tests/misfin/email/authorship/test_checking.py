"""Who wrote an e-mail: what its domain signed, asks for and does not, and whose word counts."""

from __future__ import annotations

import asyncio
import time

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import example, given
from hypothesis import strategies as st
from mailsigning import MESSAGE, ScriptedDns, ed25519_record, rsa_key, rsa_record, sign, sign_ed25519
from namedpeers import dns_server

from misfin.email import resolving
from misfin.email.authorship.checking import check
from misfin.email.authorship.dmarc import Policy, aligned, organisation_of
from misfin.email.authorship.header import split
from misfin.email.authorship.results import server_results
from misfin.email.dnsrecords import DNSError
from misfin.email.resolving import Resolver
from misfin.model.authorship import MailFindings
from misfin.store.evidence import Evidence
from misfin.store.mail_evidence import evidence_of, explained

KEY = rsa_record(rsa_key())
ORG = "s._domainkey.example.org"
OTHER = "s._domainkey.list.example"


def dns(*down: str, **policies: str) -> ScriptedDns:
    """Keys of two domains, and the policies of some."""
    records = {ORG: [KEY], OTHER: [KEY], "s._domainkey.mail.example.org": [KEY]}
    for domain, policy in policies.items():
        records[f"_dmarc.{domain.replace('_', '.')}"] = [f"v=DMARC1; {policy}".encode()]
    return ScriptedDns(records, down)


async def found(data: bytes, lookup: ScriptedDns | None, author: str = "example.org", **more) -> MailFindings:
    return await check(data, author, lookup=lookup, **more)


async def sign_of(data: bytes, lookup: ScriptedDns | None, author: str = "example.org", **more) -> Evidence:
    checked = await found(data, lookup, author, **more)
    assert list(explained(checked))
    return evidence_of(checked)


# ---- the table


async def test_a_message_signed_by_the_domain_in_from_is_verified():
    checked = await found(sign(), dns())
    assert (checked.aligned, checked.by, checked.bad) == ("example.org", "", ())
    assert evidence_of(checked) is Evidence.VERIFIED
    assert "example.org signed it (checked here)" in " ".join(explained(checked))


async def test_of_several_signatures_the_aligned_one_counts():
    both = sign(sign(), "list.example")
    assert await sign_of(both, dns()) is Evidence.VERIFIED
    broken = sign(sign().replace(b"Notes", b"Changed"), "list.example")
    checked = await found(broken, dns(example_org="p=none"))
    assert (checked.others, checked.bad) == (("list.example",), (("example.org", "broken"),))
    assert evidence_of(checked) is Evidence.UNCONFIRMED
    assert await sign_of(broken, dns(example_org="p=reject")) is Evidence.DIFFERS


@pytest.mark.parametrize(
    ("policy", "proven"),
    [
        ("p=none", Evidence.UNPROVEN),
        ("p=quarantine", Evidence.DIFFERS),
        ("p=reject", Evidence.DIFFERS),
        ("p=whatever", Evidence.UNPROVEN),
    ],
)
async def test_what_nobody_signed_is_what_its_domain_asks_for(policy, proven):
    assert await sign_of(MESSAGE, dns(example_org=policy)) is proven


async def test_another_domains_signature_confirms_nothing():
    assert await sign_of(sign(domain="list.example"), dns()) is Evidence.UNCONFIRMED
    assert await sign_of(sign(domain="list.example"), dns(example_org="p=reject")) is Evidence.DIFFERS


async def test_the_only_signature_is_broken():
    assert await sign_of(sign().replace(b"Notes", b"Changed"), dns()) is Evidence.DIFFERS


async def test_a_weak_signature_proves_nothing():
    assert await sign_of(sign(length=True), dns()) is Evidence.UNPROVEN
    assert await sign_of(sign(length=True), dns(example_org="p=reject")) is Evidence.DIFFERS


async def test_without_dns_nothing_is_checked_and_nothing_accused():
    for lookup in (None, dns(ORG, "_dmarc.example.org"), dns("_dmarc.example.org", "_dmarc.org")):
        checked = await found(sign(domain="list.example"), lookup)
        assert checked.unchecked
        assert evidence_of(checked) is Evidence.UNPROVEN
    assert await sign_of(sign(), None) is Evidence.UNPROVEN
    assert await sign_of(sign(), dns("_dmarc.example.org")) is Evidence.VERIFIED  # the key is enough


@pytest.mark.parametrize("more", [b"From: Eve <eve@example.net>\r\n", b"FROM: x\r\n", b"From : x\r\n"])
async def test_a_second_from_proves_nothing(more):
    checked = await found(more + sign(), dns())
    assert (checked.author, checked.aligned) == ("", "")
    assert evidence_of(checked) is not Evidence.VERIFIED


async def test_what_the_person_sees_is_what_is_compared():
    assert await sign_of(sign(), dns(), "example.com") is Evidence.UNCONFIRMED
    assert await sign_of(sign(), dns(), "") is not Evidence.VERIFIED
    assert await sign_of(sign(), dns(), "EXAMPLE.org.") is Evidence.VERIFIED


# ---- mailing lists

LISTED = b"List-Id: Crew talk <Crew.lists.example>\r\n" + MESSAGE
COVERED = [b"from", b"subject", b"list-id"]


async def test_a_list_is_known_by_its_identifier_and_the_domain_that_signed_that():
    checked = await found(sign(LISTED, "list.example", include_headers=COVERED), dns(example_org="p=reject"))
    assert (checked.list_id, checked.listed) == ("crew.lists.example", ("list.example",))
    assert evidence_of(checked) is Evidence.DIFFERS
    assert evidence_of(checked, "list.example") is Evidence.UNCONFIRMED
    assert "list.example signs it" in " ".join(explained(checked, "list.example"))
    own = await found(sign(LISTED, include_headers=COVERED), dns(example_org="p=reject"))
    assert (own.aligned, own.listed) == ("example.org", ())


@pytest.mark.parametrize(
    "data",
    [
        b"List-Id: <crew.lists.example>\r\n" + sign(domain="list.example", include_headers=[b"from"]),
        b"List-Id: <crew.lists.example>\r\n" + sign(LISTED, "list.example", include_headers=COVERED),
        sign(LISTED, "list.example", include_headers=COVERED).replace(b"Crew.", b"other."),
        sign(LISTED.replace(b"<Crew.lists.example>", b"crew"), "list.example", include_headers=COVERED),
        sign(LISTED, "list.example", include_headers=COVERED, length=True),
    ],
    ids=["not-covered", "two-lists", "changed", "no-id", "a-length"],
)
async def test_a_list_that_nobody_signed_for_cannot_be_accepted(data):
    assert (await found(data, dns(example_org="p=reject"))).listed == ()


# ---- organisations


async def test_alignment_is_relaxed_unless_the_domain_is_strict():
    data = sign(domain="mail.example.org")
    assert await sign_of(data, dns(example_org="p=none")) is Evidence.VERIFIED
    assert await sign_of(data, dns(example_org="p=reject; adkim=s")) is Evidence.DIFFERS
    # Where nobody publishes anything, a name above is not known to be the same organisation.
    assert await sign_of(data, dns()) is Evidence.UNCONFIRMED


@pytest.mark.parametrize(
    ("domain", "records", "organisation"),
    [
        ("a.example.org", {"example.org": "p=reject; sp=none"}, ("example.org", Policy.NONE)),
        ("example.org", {"example.org": "p=reject; sp=none"}, ("example.org", Policy.REJECT)),
        (
            "a.example.org",
            {"a.example.org": "p=none", "example.org": "p=reject"},
            ("example.org", Policy.NONE),
        ),
        ("a.b.example.org", {"b.example.org": "p=reject; psd=n"}, ("b.example.org", Policy.REJECT)),
        ("a.b.co.uk", {"co.uk": "p=reject; psd=y"}, ("b.co.uk", Policy.NONE)),
        ("a.b.c", {}, ("a.b.c", Policy.NONE)),
        ("a.example.org", {"example.org": "broken"}, ("example.org", Policy.NONE)),
    ],
)
async def test_the_walk_up_a_name(domain, records, organisation):
    lookup = ScriptedDns({f"_dmarc.{name}": [f"v=DMARC1; {text}".encode()] for name, text in records.items()})
    if "broken" in records.values():
        organisation = (domain, Policy.NONE)
    known = await organisation_of(domain, lookup)
    assert (known.domain, known.policy) == organisation


async def test_a_name_of_many_labels_asks_no_more_than_eight_times():
    lookup = ScriptedDns()
    await organisation_of(".".join("a" * 120), lookup)
    assert len(lookup.asked) == 8
    assert lookup.asked[1] == "_dmarc.a.a.a.a.a.a.a"


async def test_two_records_are_none_and_neighbours_are_not_aligned():
    lookup = ScriptedDns({"_dmarc.example.org": [b"v=DMARC1; p=reject", b"v=DMARC1; p=none"]})
    assert (await organisation_of("example.org", lookup)).policy is Policy.NONE
    suffix = ScriptedDns({"_dmarc.host.example": [b"v=DMARC1; p=none; psd=y"]})
    mine = await organisation_of("me.host.example", suffix)
    assert not await aligned("you.host.example", "me.host.example", mine, suffix)
    assert not await aligned("host.example", "me.host.example", mine, suffix)


async def test_a_message_asks_only_so_many_questions():
    lookup = dns()
    many = b"".join(
        b"DKIM-Signature: v=1; a=rsa-sha256; d="
        + b"a." * 60
        + b"x%d.example" % n
        + b"; s=s; h=from; bh=AA==; b=AA==\r\n"
        for n in range(100)
    )
    await found(many + MESSAGE, lookup, "b." * 60 + "example.org")
    assert len(lookup.asked) <= 40


# ---- what the account's own server says

SERVER = "mx.example.net"
RECEIVED = b"Received: from sender.example ([192.0.2.1]) by mx.example.net with ESMTPS; x\r\n"
RESULTS = b"Authentication-Results: mx.example.net; dkim=pass header.d=example.org\r\n"


async def test_the_servers_own_result_counts_with_its_id_alone():
    data = RESULTS + RECEIVED + MESSAGE
    checked = await found(data, None, server=SERVER)
    assert (checked.aligned, checked.by) == ("example.org", SERVER)
    assert evidence_of(checked) is Evidence.VERIFIED
    assert f"your server {SERVER} says" in " ".join(explained(checked))
    for server in ("", "example.net", "mx.example.com"):
        assert await sign_of(data, None, server=server) is Evidence.UNPROVEN


@pytest.mark.parametrize(
    "data",
    [
        RESULTS + MESSAGE,
        RECEIVED + b"Received: from a by sender.example; x\r\n" + RESULTS + MESSAGE,
        b"Received: from mx.example.net by imap.elsewhere.example; x\r\n" + RESULTS + RECEIVED + MESSAGE,
        RECEIVED + RECEIVED.replace(b"sender", b"forged") + RESULTS + MESSAGE,
        RESULTS.replace(b"dkim=pass", b"dkim=fail") + RECEIVED + RESULTS + MESSAGE,
        RESULTS.replace(b"dkim=pass header.d=example.org", b"none") + RECEIVED + RESULTS + MESSAGE,
        RESULTS.replace(b"mx.example.net;", b"other.example; (mx.example.net;)") + RECEIVED + MESSAGE,
        RESULTS.replace(b"header.d=example.org", b"(header.d=example.org)") + RECEIVED + MESSAGE,
        RESULTS.replace(b"example.org", b"example.com") + RECEIVED + MESSAGE,
        RECEIVED.replace(b"by mx.example.net", b"(by mx.example.net)") + RESULTS + MESSAGE,
        RECEIVED.replace(b"mx.example.net", b"mx.example.net.evil.example") + RESULTS + MESSAGE,
    ],
)
async def test_a_result_that_somebody_else_may_have_written_counts_nothing(data):
    assert await sign_of(data, None, server=SERVER) is Evidence.UNPROVEN


async def test_hops_within_the_server_belong_to_it():
    inner = b"Received: from a.mx.example.net by b.mx.example.net; x\r\n"
    assert await sign_of(inner + RECEIVED + RESULTS + MESSAGE, None, server=SERVER) is Evidence.VERIFIED


async def test_the_server_cannot_lend_a_signature_that_leaves_the_body_open():
    data = RESULTS + RECEIVED + sign(length=True)
    assert await sign_of(data, None, server=SERVER) is Evidence.UNPROVEN


async def test_aligned_spf_alone_is_unconfirmed():
    spf = RESULTS.replace(b"dkim=pass header.d=example.org", b"spf=pass smtp.mailfrom=ada@example.org")
    for policy in ("p=none", "p=reject"):
        assert await sign_of(spf + RECEIVED + MESSAGE, dns(example_org=policy), server=SERVER) is (
            Evidence.UNCONFIRMED
        )
    other = spf.replace(b"example.org", b"bounce.example")
    assert await sign_of(other + RECEIVED + MESSAGE, dns(), server=SERVER) is Evidence.UNPROVEN


@given(st.binary(max_size=300))
@example(b"mx.example.net; " + b"(" * 250)
def test_any_bytes_may_be_results(data):
    fields, _ = split(b"Authentication-Results: " + data + b"\r\n" + RECEIVED + MESSAGE)
    server_results(fields, SERVER)


def test_long_results_take_no_time():
    started = time.process_time()
    for hostile in (b"(" * 500_000, b'"' * 500_000, b"a.b=" * 100_000, b";" * 500_000, b"a" * 500_000):
        field = b"Authentication-Results: mx.example.net; " + hostile + b"\r\n"
        fields, _ = split(field + RECEIVED + MESSAGE)
        assert server_results(fields, SERVER) == []
    assert time.process_time() - started < 5


async def test_a_dns_that_never_answers_can_be_left():
    async def never(_name):
        await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await check(sign(), "example.org", lookup=never)


async def test_a_signature_that_had_expired_when_the_message_came_does_not_count():
    key = Ed25519PrivateKey.generate()
    data = sign_ed25519(MESSAGE, "example.org", key, "x=2000; ")
    lookup = ScriptedDns({"ed._domainkey.example.org": [ed25519_record(key)]})
    assert await sign_of(data, lookup, received=1000.0) is Evidence.VERIFIED
    checked = await found(data, lookup, received=9000.0)
    assert checked.bad == (("example.org", "expired"),)
    assert evidence_of(checked) is Evidence.UNPROVEN
    assert "had expired" in " ".join(explained(checked))


async def test_a_name_that_does_not_answer_is_asked_once_for_a_message():
    lookup = dns(ORG, "_dmarc.example.org")
    await found(sign(sign(MESSAGE.replace(b"Hello", b"Bye"))), lookup)
    assert lookup.asked.count(ORG) == 1


async def test_answers_are_remembered_across_messages_and_silence_is_not():
    records = {("a.example", "TXT"): ['"one"'], ("b.example", "TXT"): ['"two"']}
    async with dns_server(records, frozenset({"silent.example"})) as (port, asked):
        resolver = Resolver(["127.0.0.1"], port, timeout=0.2)
        for _ in range(3):
            assert await resolver.txt("a.example") == [b"one"]
            assert await resolver.txt("b.example") == [b"two"]
            with pytest.raises(DNSError):
                await resolver.txt("silent.example")
        assert asked.count(("a.example", "TXT")) == asked.count(("b.example", "TXT")) == 1
        assert asked.count(("silent.example", "TXT")) >= 3


async def test_an_answer_is_asked_again_when_its_time_is_over():
    async with dns_server({("a.example", "TXT"): ['"one"']}, ttl=0) as (port, asked):
        resolver = Resolver(["127.0.0.1"], port)
        await resolver.txt("a.example")
        await resolver.txt("a.example")
        assert len(asked) == 2


async def test_only_so_many_answers_are_remembered(monkeypatch):
    monkeypatch.setattr(resolving, "_REMEMBERED", 2)
    records = {(f"{name}.example", "TXT"): ['"x"'] for name in "abc"}
    async with dns_server(records) as (port, asked):
        resolver = Resolver(["127.0.0.1"], port)
        for name in "abca":
            await resolver.txt(f"{name}.example")
        assert len(asked) == 4
