"""Who is believed to be who: receivers that ask each other over real TLS on loopback."""

import asyncio
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest
from peers import NOW, ask, message, odd_person, person, renewed, words_of
from scripted import ScriptedServer

from misfin.model.address import MisfinAddress
from misfin.net.asking import HostAsker
from misfin.net.client import HostOverride
from misfin.net.directory import Directory, Moved
from misfin.net.incoming import CheckResult, HandlerOutcome, Incoming, accepted
from misfin.net.limits import ProbeBudget
from misfin.net.verification import (
    FIRST_MESSAGE,
    VOUCHED,
    CertificateVerifier,
    CombinedVerifier,
    ProbeVerifier,
    SenderChange,
    SenderVerificationCache,
    SPKIVerifier,
    VerificationMode,
    VerifyingHandler,
)
from misfin.post.intake import verification_of
from misfin.trust.identity import generate
from misfin.trust.pins import PinBook
from misfin.trust.tofu import Decision, PinKind
from misfin.wire import MisfinResponse

ADA = person("ada@mail.example Ada")
BEA = person("bea@hive.test Bea")
IMPOSTOR = person("bea@hive.test Bea", number=1)
GHOST = person("ghost@hive.test Ghost")
BEA_ADDRESS = MisfinAddress.parse("bea@hive.test")


@dataclass
class World:
    """Ada's receiver, which verifies, and the host of the senders."""

    stack: AsyncExitStack
    serve: object
    pins: PinBook = field(default_factory=lambda: PinBook(None))
    cache: SenderVerificationCache = field(default_factory=SenderVerificationCache)
    messages: list[Incoming] = field(default_factory=list)
    hosts: dict[str, HostOverride] = field(default_factory=dict)
    port: int = 0
    asker: HostAsker | None = None

    async def host(self, receiver_of: Directory | None = None, handler=None, name: str = "hive.test"):
        """Put up the senders' host; returns its post."""
        post = await self.serve(receiver_of or Directory([BEA]), handler)
        self.hosts[name] = HostOverride(connect=("127.0.0.1", post.port))
        return post

    def scripted(self, answer: bytes | None, identity=BEA) -> ScriptedServer:
        """Put up a host with one answer for all."""
        script = answer if answer is not None else lambda visit: visit.read_to_end()
        server = self.stack.enter_context(ScriptedServer(identity, script))
        self.hosts["hive.test"] = HostOverride(connect=("127.0.0.1", server.port))
        return server

    async def verify(self, mode="optional", method="certificate", change="hold", **asking) -> None:
        """Put up Ada's receiver."""
        asking = {"timeout": 60.0, **asking}
        self.asker = asker = HostAsker(self.pins, hosts=self.hosts, **asking)
        verifiers = {
            "certificate": CertificateVerifier(self.pins, asker, self.cache),
            "probe": ProbeVerifier(self.cache, asker=asker),
            "spki": SPKIVerifier(self.cache, asker=asker),
        }
        chosen = method.split("+")
        verifier = (
            verifiers[method]
            if len(chosen) == 1
            else CombinedVerifier(verifiers={name: verifiers[name] for name in chosen})
        )

        async def keep(incoming: Incoming) -> MisfinResponse:
            self.messages.append(incoming)
            return accepted(incoming)

        handler = VerifyingHandler(
            wrapped=keep,
            verifier=verifier,
            mode=VerificationMode(mode),
            method=method,
            pins=self.pins,
            on_sender_change=SenderChange(change),
        )
        post = await self.serve(Directory([ADA]), handler)
        self.port = post.port

    async def post(self, identity=BEA, lines="\n\n\n") -> bytes:
        """Send a message to Ada; the status."""
        return (await ask(self.port, message("ada@mail.example", lines=lines), identity))[:2]

    @property
    def pin(self):
        return self.pins.get(PinKind.SENDER, "bea@hive.test")

    @property
    def last(self) -> CheckResult:
        return next(iter(self.messages[-1].checks.results.values()))


@pytest.fixture
async def world(serve):
    async with AsyncExitStack() as stack:
        yield World(stack, serve)


def count_connections(post) -> list[int]:
    """Counts admitted connections of a receiver from now on, in its only element."""
    count = [0]
    connection_from = post.receiver.connection_from

    def counting(address):
        count[0] += 1
        return connection_from(address)

    post.receiver.connection_from = counting
    return count


# ---- the certificate method -----------------------------------------------------------------------


async def test_a_sender_whose_host_names_its_certificate_is_verified_and_pinned(world):
    hive = await world.host()
    await world.verify("required")
    assert await world.post() == b"20"
    checks = world.messages[0].checks
    assert checks.verified
    assert words_of(checks) == {"certificate": "pass", "pin": "first use"}
    assert world.pin.how == VOUCHED
    assert hive.messages == []


async def test_a_confirmed_pin_is_believed_without_asking_again(world):
    hive = await world.host()
    await world.verify("required")
    asked = count_connections(hive)
    for _ in range(3):
        assert await world.post() == b"20"
    assert asked == [1]
    assert world.messages[-1].checks.verified
    assert words_of(world.messages[-1].checks) == {"certificate": "pass", "pin": "trusted"}


@pytest.mark.parametrize("method", ["certificate", "probe", "certificate+probe+spki", "probe+spki"])
@pytest.mark.parametrize(
    ("identity", "lines"),
    [
        (IMPOSTOR, "\n\n\n"),
        (GHOST, "\n\n\n"),
        (person("mal@nowhere.test Mal"), "bea@hive.test Bea\n\n\n"),
    ],
    ids=["somebody else's key", "no such mailbox", "forged sender line"],
)
async def test_forgeries_are_never_verified(world, method, identity, lines):
    await world.host()
    world.hosts["nowhere.test"] = world.hosts["hive.test"]  # answers 53 for that name
    await world.verify("optional", method)
    assert await world.post(identity, lines) == b"20"
    (incoming,) = world.messages
    assert not incoming.checks.verified
    assert "fail" in words_of(incoming.checks).values()
    assert world.pin is None


@pytest.mark.parametrize("method", ["certificate", "probe", "certificate+probe+spki", "probe+spki"])
@pytest.mark.parametrize("identity", [IMPOSTOR, GHOST], ids=["somebody else's key", "no such mailbox"])
async def test_forgeries_are_refused_where_verification_is_required(world, method, identity):
    await world.host()
    await world.verify("required", method)
    assert await world.post(identity) == b"61"
    assert world.messages == []
    assert world.pins.all(PinKind.SENDER) == []


async def test_a_forgery_repeated_does_not_become_true(world):
    await world.verify("optional")  # the host is down: nobody can say no
    world.hosts["hive.test"] = HostOverride(connect=("127.0.0.1", 1))
    for _ in range(2):
        assert await world.post(IMPOSTOR) == b"20"
        assert not world.messages[-1].checks.verified
    assert world.pin.how == FIRST_MESSAGE


async def test_the_true_owner_replaces_a_pin_nobody_confirmed(world):
    world.hosts["hive.test"] = HostOverride(connect=("127.0.0.1", 1))
    await world.verify("optional")
    assert await world.post(IMPOSTOR) == b"20"
    hive = await world.host()
    world.asker._hosts = world.hosts
    world.asker._heard.clear()
    assert await world.post(BEA) == b"20"
    assert world.messages[-1].checks.verified
    assert not world.messages[-1].checks.hold
    assert (world.pin.cert_sha256, world.pin.how) == (BEA.info.fingerprints.cert, VOUCHED)
    assert hive.messages == []
    assert await world.post(IMPOSTOR) == b"20"
    assert world.messages[-1].checks.hold


async def test_a_second_message_with_the_same_certificate_is_worth_as_much_as_the_first(world):
    world.hosts["hive.test"] = HostOverride(connect=("127.0.0.1", 1))
    await world.verify("optional")
    words = []
    for _ in range(2):
        await world.post()
        words.append(verification_of(world.messages[-1].checks)["sender"])
    assert words == ["unconfirmed", "unconfirmed"]


async def test_a_pin_alone_verifies_nobody_where_nobody_is_asked(world):
    await world.verify("off")
    for _ in range(2):
        await world.post()
        assert verification_of(world.messages[-1].checks)["sender"] == "unconfirmed"


async def test_a_pin_that_was_vouched_for_stays_verified_while_the_host_is_down(world):
    await world.host()
    await world.verify("optional", "certificate+probe")
    await world.post()
    world.hosts["hive.test"] = HostOverride(connect=("127.0.0.1", 1))
    world.asker._heard.clear()
    world.cache.revoke("bea@hive.test")
    await world.post()
    assert [verification_of(message.checks)["sender"] for message in world.messages] == ["verified"] * 2


async def test_a_change_after_the_pinned_certificate_expired_says_since_when_it_was_due(world):
    old = odd_person(start=NOW - timedelta(days=9), end=NOW - timedelta(days=2))
    world.pins.record(PinKind.SENDER, "bea@hive.test", old.info, now=1.0, how=VOUCHED)
    await world.verify("off")
    await world.post()
    words = verification_of(world.messages[-1].checks)
    assert (words["sender"], words["due"]) == ("differs", f"{NOW - timedelta(days=2):%Y-%m-%d}")
    assert "due" not in verification_of(replace(world.messages[-1].checks, due=""))


async def test_a_pin_is_confirmed_as_soon_as_the_host_answers(world):
    world.hosts["hive.test"] = HostOverride(connect=("127.0.0.1", 1))
    await world.verify("optional")
    await world.post()
    assert world.pin.how == FIRST_MESSAGE
    await world.host()
    world.asker._hosts = world.hosts
    world.asker._heard.clear()
    await world.post()
    assert world.pin.how == VOUCHED
    assert world.messages[-1].checks.verified


async def test_a_host_that_is_down_leaves_the_sender_unknown(world):
    world.hosts["hive.test"] = HostOverride(connect=("127.0.0.1", 1))
    await world.verify("optional")
    assert await world.post() == b"20"
    assert world.last.outcome is HandlerOutcome.UNKNOWN
    assert not world.messages[0].checks.verified


async def test_a_host_that_is_down_postpones_the_message_where_verification_is_required(world):
    world.hosts["hive.test"] = HostOverride(connect=("127.0.0.1", 1))
    await world.verify("required")
    answer = await ask(world.port, message("ada@mail.example"), BEA)
    assert answer.startswith(b"41 ")
    assert b"127.0.0.1" not in answer
    assert world.pin is None


async def test_a_host_that_never_answers_is_given_up_in_time(world):
    world.scripted(None)
    await world.verify("optional", timeout=0.2)
    async with asyncio.timeout(30):
        assert await world.post() == b"20"
    assert world.last.outcome is HandlerOutcome.UNKNOWN


async def test_the_ca_of_the_host_vouches_for_what_it_signed(world):
    ca = generate(MisfinAddress.parse("root@hive.test Hive"), now=NOW, ca=True)
    bea = generate(BEA_ADDRESS, now=NOW, signed_by=ca)
    world.scripted(b"20 welcome\r\n", ca)
    await world.verify("required")
    assert await world.post(bea) == b"20"
    assert world.messages[0].checks.verified
    assert await world.post(IMPOSTOR) == b"20"
    assert world.messages[1].checks.hold
    assert await world.post(GHOST) == b"61"


async def test_the_ca_is_believed_even_where_probes_are_not_understood(world):
    ca = generate(MisfinAddress.parse("root@hive.test Hive"), now=NOW, ca=True)
    bea = generate(BEA_ADDRESS, now=NOW, signed_by=ca)
    server = world.scripted(b"59 what?\r\n", ca)
    await world.verify("required")
    assert await world.post(bea) == b"20"
    requests = [visit.got for visit in await server.wait()]
    assert requests == [b"misfin://bea@hive.test\t0\r\n", b"misfin://bea@hive.test \r\n"]


async def test_a_signed_certificate_for_a_mailbox_that_is_gone_is_not_verified(world):
    ca = generate(MisfinAddress.parse("root@hive.test Hive"), now=NOW, ca=True)
    bea = generate(BEA_ADDRESS, now=NOW, signed_by=ca)
    world.scripted(b"52 gone\r\n", ca)
    await world.verify("required")
    assert await world.post(bea) == b"61"


async def test_a_host_that_shows_the_senders_own_certificate_vouches_for_it(world):
    world.scripted(b"59 what?\r\n", BEA)
    await world.verify("required")
    assert await world.post() == b"20"
    assert world.messages[0].checks.verified


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (b"20 hello there\r\n", HandlerOutcome.UNKNOWN),
        (b"20 " + b"ab" * 32 + b"\r\n", HandlerOutcome.UNKNOWN),  # the same for every mailbox
        (b"31 bea@new.test\r\n", HandlerOutcome.FAIL),
        (b"51 no\r\n", HandlerOutcome.FAIL),
        (b"60 certificate\r\n", HandlerOutcome.UNKNOWN),
        (b"44 10\r\n", HandlerOutcome.UNKNOWN),
        (b"nonsense\r\n", HandlerOutcome.UNKNOWN),
    ],
)
async def test_other_answers_do_not_vouch(world, answer, outcome):
    world.scripted(answer, ADA)
    await world.verify("optional")
    assert await world.post() == b"20"
    assert world.last.outcome is outcome
    assert not world.messages[0].checks.verified


async def test_a_moved_mailbox_is_not_followed(world):
    elsewhere = await world.serve(Directory([BEA]))
    eve = MisfinAddress.parse("bea@new.test")
    asked = count_connections(elsewhere)
    world.hosts["new.test"] = HostOverride(connect=("127.0.0.1", elsewhere.port))
    await world.host(Directory([person("root@hive.test")], moved={BEA_ADDRESS: Moved(eve)}))
    await world.verify("optional")
    await world.post()
    assert world.last.outcome is HandlerOutcome.FAIL
    assert asked == [0]


async def test_a_host_whose_own_certificate_changed_vouches_for_nobody(world):
    await world.host()
    world.pins.replace(PinKind.HOST, "hive.test:1958", ADA.info, how="test", now=1.0)
    await world.verify("required")
    assert await world.post() == b"61"


async def test_a_certificate_of_another_address_is_no_proof_of_this_one(world):
    await world.host()
    await world.verify()
    asker = world.asker
    for verifier in (
        CertificateVerifier(world.pins, asker),
        ProbeVerifier(asker=asker),
        SPKIVerifier(SenderVerificationCache(), asker=asker),
    ):
        result = await verifier.verify_sender(BEA_ADDRESS, ADA.info)
        assert result.outcome is HandlerOutcome.FAIL
        assert not result.verified
    result = await CertificateVerifier(world.pins, asker).verify_sender(BEA_ADDRESS)
    assert result.outcome is HandlerOutcome.FAIL


# ---- senders that change --------------------------------------------------------------------------


async def test_a_renewed_certificate_over_the_same_key_is_taken(world):
    hive = await world.host()
    await world.verify("required")
    await world.post()
    asked = count_connections(hive)
    assert await world.post(renewed(BEA)) == b"20"
    assert world.messages[-1].checks.pin is Decision.RENEWED
    assert world.messages[-1].checks.verified
    assert asked == [0]


async def test_a_changed_sender_is_passed_on_to_be_held_with_what_a_person_needs(world):
    world.pins.record(PinKind.SENDER, "bea@hive.test", IMPOSTOR.info, now=1.0, how="approved by you")
    await world.host()
    await world.verify("optional")
    assert await world.post(BEA) == b"20"
    checks = world.messages[0].checks
    assert checks.pin is Decision.CHANGED
    assert "another certificate" in checks.hold
    assert checks.results["certificate"].outcome is HandlerOutcome.PASS  # its host vouches for the new key
    assert not checks.verified
    offer = world.pins.offered(PinKind.SENDER, "bea@hive.test")
    assert offer.certificate.fingerprints == BEA.info.fingerprints
    assert world.pin.cert_sha256 == IMPOSTOR.info.fingerprints.cert


async def test_a_changed_sender_can_be_refused_without_asking_anybody(world):
    world.pins.record(PinKind.SENDER, "bea@hive.test", IMPOSTOR.info, now=1.0, how="approved by you")
    hive = await world.host()
    asked = count_connections(hive)
    await world.verify("optional", change="reject")
    assert await world.post(BEA) == b"63"
    assert world.messages == []
    assert asked == [0]
    assert world.pins.offered(PinKind.SENDER, "bea@hive.test") is not None


async def test_a_forged_change_is_refused_where_verification_is_required(world):
    await world.host()
    await world.verify("required")
    await world.post(BEA)
    assert await world.post(IMPOSTOR) == b"61"
    assert len(world.messages) == 1
    assert world.pin.cert_sha256 == BEA.info.fingerprints.cert


async def test_two_first_messages_with_different_keys_cannot_both_be_first(world):
    world.hosts["hive.test"] = HostOverride(connect=("127.0.0.1", 1))
    await world.verify("optional")
    await asyncio.gather(world.post(BEA), world.post(IMPOSTOR))
    assert sorted(bool(incoming.checks.hold) for incoming in world.messages) == [False, True]


async def test_without_verification_pins_still_count(world):
    hive = await world.host()
    asked = count_connections(hive)
    await world.verify("off")
    assert await world.post(BEA) == b"20"
    assert words_of(world.messages[-1].checks) == {"pin": "first use"}
    assert not world.messages[-1].checks.verified
    assert await world.post(IMPOSTOR) == b"20"
    assert world.messages[-1].checks.hold
    assert asked == [0]


# ---- the other methods ----------------------------------------------------------------------------


async def test_a_probe_alone_shows_that_the_mailbox_exists_and_no_more(world):
    world.scripted(b"20 welcome\r\n")
    await world.verify("required", "probe")
    assert await world.post(IMPOSTOR) == b"20"
    assert words_of(world.messages[0].checks)["probe"] == "pass"
    assert not world.messages[0].checks.verified


async def test_a_probe_whose_fingerprint_matches_proves_the_sender(world):
    await world.host()
    await world.verify("required", "probe")
    assert await world.post() == b"20"
    assert world.messages[0].checks.verified


async def test_spki_compares_the_hosts_key_and_proves_nothing_about_the_sender(world):
    await world.host()
    await world.verify("required", "spki")
    assert await world.post(IMPOSTOR) == b"20"
    assert words_of(world.messages[0].checks)["spki"] == "pass"
    assert not world.messages[0].checks.verified


@pytest.mark.parametrize(
    ("on_change", "outcome"), [("reject", HandlerOutcome.FAIL), ("accept", HandlerOutcome.PASS)]
)
@pytest.mark.parametrize("pinned", [True, False], ids=["pinned host", "remembered key"])
async def test_a_host_that_shows_another_key(world, on_change, outcome, pinned):
    await world.host()
    await world.verify()
    cache = SenderVerificationCache(ttl_seconds=0)
    if pinned:
        world.pins.record(PinKind.HOST, "hive.test:1958", ADA.info, now=1.0)
    else:
        cache.add_server_spki("hive.test", ADA.info.fingerprints.spki)
    verifier = SPKIVerifier(cache, asker=world.asker, on_spki_change=on_change)
    result = await verifier.verify_sender(BEA_ADDRESS, BEA.info)
    assert result.outcome is outcome
    assert result.fingerprint == BEA.info.fingerprints.spki


async def test_a_hosts_key_is_looked_at_again_only_after_its_time(world):
    hive = await world.host()
    asked = count_connections(hive)
    await world.verify()
    clock = [1000.0]
    cache = SenderVerificationCache(ttl_seconds=100, now=lambda: clock[0])
    asker = HostAsker(world.pins, hosts=world.hosts, now=lambda: clock[0])
    verifier = SPKIVerifier(cache, asker=asker)
    for now, expected in ((1000.0, 1), (1099.0, 1), (1101.0, 2)):
        clock[0] = now
        assert (await verifier.verify_sender(BEA_ADDRESS, BEA.info)).outcome is HandlerOutcome.PASS
        assert asked == [expected]


async def test_combined_methods_share_one_question_and_must_all_pass(world):
    hive = await world.host()
    asked = count_connections(hive)
    await world.verify("required", "certificate+probe+spki")
    assert await world.post() == b"20"
    assert asked == [1]
    summary = words_of(world.messages[0].checks)
    assert summary == {"certificate": "pass", "probe": "pass", "spki": "pass", "pin": "first use"}
    assert world.messages[0].checks.verified


async def test_combined_fails_when_one_method_does(world):
    async def fails(*_: object) -> CheckResult:
        return CheckResult(HandlerOutcome.FAIL, "no")

    class No:
        verify_sender = staticmethod(fails)

    class Yes:
        @staticmethod
        async def verify_sender(*_: object) -> CheckResult:
            return CheckResult(HandlerOutcome.PASS, "yes", proves_sender=True)

    result = await CombinedVerifier(Yes(), No()).verify_sender(BEA_ADDRESS)
    assert result.outcome is HandlerOutcome.FAIL
    assert not result.verified
    assert list(result.checks) == ["probe", "spki"]


async def test_a_message_without_certificate_is_never_verified(world):
    async def keep(incoming: Incoming) -> MisfinResponse:
        world.messages.append(incoming)
        return accepted(incoming)

    await world.host()
    await world.verify()
    verifier = ProbeVerifier(asker=world.asker)
    for mode, status in (("optional", b"20"), ("required", b"60")):
        handler = VerifyingHandler(
            wrapped=keep, verifier=verifier, mode=VerificationMode(mode), method="probe"
        )
        post = await world.serve(Directory([ADA]), handler, require_certificate=False)
        forged = message("ada@mail.example", lines="bea@hive.test Bea\n\n\n")
        assert (await ask(post.port, forged)).startswith(status)
    assert len(world.messages) == 1
    assert words_of(world.messages[0].checks) == {"probe": "fail"}


async def test_a_neighbour_is_not_asked_about(world):
    gus = person("gus@mail.example Gus")

    async def never(*_: object) -> CheckResult:
        raise AssertionError

    class Never:
        verify_sender = staticmethod(never)

    async def keep(incoming: Incoming) -> MisfinResponse:
        world.messages.append(incoming)
        return accepted(incoming)

    handler = VerifyingHandler(wrapped=keep, verifier=Never(), mode=VerificationMode.REQUIRED)
    post = await world.serve(Directory([ADA, gus]), handler)
    assert (await ask(post.port, message("ada@mail.example"), gus)).startswith(b"20 ")
    assert world.messages[0].checks.verified
    stranger = person("zoe@mail.example")
    assert (await ask(post.port, message("ada@mail.example"), stranger)).startswith(b"61 ")


# ---- sparing strangers ----------------------------------------------------------------------------


async def test_two_verifying_receivers_do_not_ask_each_other_in_circles(world, serve):
    await world.verify("required")
    hive_messages: list[Incoming] = []

    async def hive_keeps(incoming: Incoming) -> MisfinResponse:
        hive_messages.append(incoming)
        return accepted(incoming)

    back = HostAsker(PinBook(None), hosts={"mail.example": HostOverride(connect=("127.0.0.1", world.port))})
    asked_back = []
    original = back.ask

    async def counting(*args: object) -> object:
        asked_back.append(args)
        return await original(*args)

    back.ask = counting
    handler = VerifyingHandler(
        wrapped=hive_keeps, verifier=ProbeVerifier(asker=back), mode=VerificationMode.REQUIRED
    )
    await world.host(Directory([BEA]), handler)
    world.asker._hosts = world.hosts
    assert await world.post() == b"20"
    assert asked_back == []
    assert hive_messages == []


async def test_many_messages_at_once_ask_once(world):
    hive = await world.host()
    asked = count_connections(hive)
    await world.verify("required")
    assert await asyncio.gather(*(world.post() for _ in range(10))) == [b"20"] * 10
    assert asked == [1]


async def test_a_host_is_not_flooded_with_questions_about_ever_new_mailboxes(world):
    hive = await world.host()
    asked = count_connections(hive)
    await world.verify("required", budget=ProbeBudget(per_host=3, per_host_rate=0.01))
    answers = [await world.post(person(f"no{number}@hive.test")) for number in range(6)]
    assert answers == [b"61"] * 3 + [b"44"] * 3
    assert asked == [3]


async def test_a_host_that_failed_is_left_alone_for_a_while(world):
    server = world.scripted(b"40 busy\r\n")
    await world.verify("optional", now=lambda: 1000.0)
    for _ in range(5):
        assert await world.post() == b"20"
    assert len(server.visits) == 2  # once as C, once as B


async def test_hosts_with_private_addresses_are_not_called(world, serve):
    local = person("mal@localhost")
    trap = await serve(Directory([local]))
    asked = count_connections(trap)
    await world.verify("optional", port=trap.port)
    assert await world.post(local) == b"20"
    assert world.last.outcome is HandlerOutcome.UNKNOWN
    assert asked == [0]


async def test_closed_networks_can_allow_private_addresses(world, serve):
    local = person("mal@localhost")
    post = await serve(Directory([local]), host="localhost")
    await world.verify("required", port=post.port, allow_private=True)
    assert await world.post(local) == b"20"
    assert world.messages[0].checks.verified


async def test_whoever_gives_up_waiting_does_not_take_the_answer_from_others(world):
    await world.host()
    asker = HostAsker(PinBook(None), hosts=world.hosts)
    first = asyncio.create_task(asker.ask(BEA_ADDRESS))
    second = asyncio.create_task(asker.ask(BEA_ADDRESS))
    await asyncio.sleep(0)
    first.cancel()
    answer = await second
    assert answer.response.fingerprint == BEA.info.fingerprints.cert


# ---- by itself, as a library ----------------------------------------------------------------------


async def test_a_probe_verifier_works_without_any_of_the_rest(world, tmp_path, serve):
    local = person("bea@localhost")
    post = await serve(Directory([local]), host="localhost")
    cert, key = tmp_path / "me.pem", tmp_path / "me.key"
    cert.write_bytes(ADA.cert_pem)
    key.write_bytes(ADA.key_pem)
    with SenderVerificationCache(db_path=tmp_path / "cache.db", ttl_seconds=60) as cache:
        verifier = ProbeVerifier(cache, identity_cert=cert, identity_key=key, port=post.port, timeout=60.0)
        verifier._asker._allow_private = True
        result = await verifier.verify_sender(MisfinAddress.parse("bea@localhost"))
    assert result.outcome is HandlerOutcome.PASS
    assert result.fingerprint == local.info.fingerprints.cert
    assert not result.verified


@pytest.mark.parametrize("method", ["certificate", "spki"])
async def test_a_cache_that_cannot_be_used_stops_no_mail(world, method):
    await world.host()
    await world.verify("required", method)
    world.cache.close()
    assert await world.post() == b"20"


async def test_a_host_that_stays_down_holds_up_only_the_first_message(world):
    clock = [1000.0]
    silent = world.scripted(None)
    asker = HostAsker(PinBook(None), hosts=world.hosts, timeout=0.5, now=lambda: clock[0])
    bea = BEA.info.fingerprints.cert
    assert (await asker.ask(BEA_ADDRESS, certificate=bea)).response is None
    for later, asked, visits in ((29, False, 1), (31, True, 2), (80, False, 2), (95, True, 3)):
        clock[0] = 1000.0 + later
        assert (await asker.ask(BEA_ADDRESS, certificate=bea)).response is None
        assert bool(asker._running) is asked  # nothing was waited for: it is only asked now
        async with asyncio.timeout(30):
            while asker._running or len(silent.visits) < visits:
                await asyncio.sleep(0.01)
        assert len(silent.visits) == visits
    clock[0] += 31
    began = time.monotonic()
    await asker.ask(BEA_ADDRESS, certificate="another certificate")  # is worth waiting for
    assert time.monotonic() - began > 0.4
