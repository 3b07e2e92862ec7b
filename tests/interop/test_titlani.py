"""Our client, receiver and verifiers with Titlani, another Misfin server and library, in both directions.

Titlani is run as its own process with its own settings; nothing of it is imported here.
"""

import asyncio
import socket
from contextlib import ExitStack
from pathlib import Path

import pytest
from peers import person
from tests.helpers.titlani import titlani_python, titlani_sends, titlani_server, why_not

from misfin.model.address import MisfinAddress
from misfin.model.gemmail import Version
from misfin.net.asking import HostAsker
from misfin.net.client import HostOverride, MisfinClient
from misfin.net.directory import Directory, Moved
from misfin.net.incoming import HandlerOutcome, Incoming, accepted
from misfin.net.limits import LimitSettings
from misfin.net.verification import (
    CertificateVerifier,
    CombinedVerifier,
    ProbeVerifier,
    SenderVerificationCache,
    SPKIVerifier,
    VerificationMode,
    VerifyingHandler,
)
from misfin.net.verifiers import FIRST_MESSAGE
from misfin.trust.identity import identity_from_pem
from misfin.trust.pins import PinBook
from misfin.trust.refusal import CertificateChangedError
from misfin.trust.tofu import VOUCHED, PinKind
from misfin.wire import MisfinResponse

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not() or "-")

ADA = person("ada@localhost Ada")
BEA = person("bea@hive.test Bea")


def pem_file(folder: Path, identity) -> Path:
    path = folder / f"{identity.address.mailbox}.pem"
    path.write_bytes(identity.pem)
    return path


async def titlani_mails(tmp_path, post, *bodies, **how):
    return await asyncio.to_thread(
        titlani_sends, tmp_path / "client", post.port, "ada@localhost", *bodies, **how
    )


# ---- its client, our receiver ---------------------------------------------------------------------


async def test_its_client_delivers_to_our_receiver(tmp_path, serve):
    post = await serve(Directory([ADA]))
    long = "Žluťoučký kůň 🐎\n" * 500
    answers = await titlani_mails(
        tmp_path, post, "# Hi\n\nHello", long, identity=pem_file(tmp_path, BEA), sender="bea@hive.test Bea"
    )
    assert answers == [(20, ADA.info.fingerprints.cert)] * 2
    first, second = (incoming.request.parse_message() for incoming in post.messages)
    assert first.subject == "Hi"
    assert second.body == long
    assert [incoming.sender.address for incoming in post.messages] == ["bea@hive.test"] * 2
    assert post.messages[0].request.version is Version.C


async def test_its_client_hears_every_refusal(tmp_path, serve):
    ben = MisfinAddress.parse("ben@localhost")
    post = await serve(Directory([ADA], gone=[ben]))
    bea = pem_file(tmp_path, BEA)
    for to, status in (("ben@localhost", 52), ("nobody@localhost", 51)):
        answers = await asyncio.to_thread(titlani_sends, tmp_path, post.port, to, "Hi", identity=bea)
        assert answers[0][0] == status
    assert (await titlani_mails(tmp_path, post, "Hi"))[0][0] == 60
    assert post.messages == []


async def test_its_client_waits_as_long_as_our_44_says(tmp_path, serve):
    post = await serve(Directory([ADA]), limits=LimitSettings(capacity=1, refill_rate=1.5, retry_after=1))
    answers = await titlani_mails(tmp_path, post, "one", "two", identity=pem_file(tmp_path, BEA))
    assert [status for status, _ in answers] == [20, 20]
    assert len(post.messages) == 2


async def test_its_client_follows_our_redirect(tmp_path, serve):
    ben = MisfinAddress.parse("ben@localhost")
    post = await serve(Directory([ADA], moved={ben: Moved(ADA.address)}))
    answers = await asyncio.to_thread(
        titlani_sends, tmp_path, post.port, "ben@localhost", "Hi", identity=pem_file(tmp_path, BEA)
    )
    assert answers[0][0] == 20
    assert len(post.messages) == 1


# ---- our client, its server -----------------------------------------------------------------------


@pytest.mark.parametrize("version", [Version.C, Version.B])
async def test_our_client_delivers_to_its_server(tmp_path, version):
    with titlani_server(tmp_path, mailboxes=("alice",)) as server:
        hosts = {"localhost": HostOverride(connect=("127.0.0.1", server.port), version=version)}
        async with MisfinClient(identity=BEA, hosts=hosts, timeout=60) as client:
            answer = await client.send("alice@localhost", "Grüße\nfrom the hive", subject="Hi")
            missing = await client.send("nobody@localhost", "Hello?")
        alice = identity_from_pem(
            (tmp_path / "identities" / "alice.pem").read_bytes(),
            (tmp_path / "identities" / "alice.key").read_bytes(),
        )
        (message,) = (server.mail / "alice").glob("*.gemmail*")
        assert (answer.status, answer.fingerprint) == (20, alice.info.fingerprints.cert)
        assert missing.status == 51
        assert b"# Hi\n\nGr\xc3\xbc\xc3\x9fe\nfrom the hive" in message.read_bytes()
        assert b"bea@hive.test" in message.read_bytes().partition(b"\n")[0]


async def test_our_client_sends_nothing_to_its_server_with_another_certificate(tmp_path):
    pins = PinBook(None)
    for turn in ("one", "two"):
        with titlani_server(tmp_path / turn, mailboxes=("alice",)) as server:
            hosts = {"localhost": HostOverride(connect=("127.0.0.1", server.port))}
            async with MisfinClient(identity=BEA, hosts=hosts, pins=pins, timeout=60) as client:
                if turn == "one":
                    assert (await client.send("alice@localhost", "Hello")).status == 20
                else:
                    with pytest.raises(CertificateChangedError):
                        await client.send("alice@localhost", "Hello")
    assert list((tmp_path / "two" / "mail" / "alice").glob("*.gemmail*")) == []


async def test_our_client_fills_the_sender_line_when_its_server_demands_one(tmp_path, serve):
    """Its "required" reads only line 1, and asks the sender's host, on the standard port, about it."""
    bea = person("bea@localhost Bea")
    post = await our_standard_port(serve, Directory([bea]))
    settings = '[verification]\nmode = "required"\nmethod = "probe"\n'
    with titlani_server(tmp_path, mailboxes=("alice",), config=settings) as server:
        async with MisfinClient(identity=bea, port=server.port, timeout=60) as client:
            answer = await client.send("alice@localhost", "Hello")
        assert answer.status == 20
        assert len(list((server.mail / "alice").glob("*.gemmail*"))) == 1
    assert post.messages == []


@pytest.mark.parametrize("mode", ["off", "optional", "required"])
@pytest.mark.parametrize("method", ["probe", "spki", "probe+spki"])
async def test_its_server_verifies_our_senders_in_every_mode(tmp_path, serve, mode, method):
    bea = person("bea@localhost Bea")
    await our_standard_port(serve, Directory([bea]))
    settings = (
        f'[verification]\nmode = "{mode}"\nmethod = "{method}"\ncache_path = "{tmp_path / "cache.db"}"\n'
    )
    with titlani_server(tmp_path, mailboxes=("alice",), config=settings) as server:
        async with MisfinClient(identity=bea, port=server.port, timeout=60) as client:
            answer = await client.send("alice@localhost", "Hello")
        assert answer.status == 20
        (facts,) = list((server.mail / "alice").glob("*.meta.json")) or [None]
    # Optional looks at the sender line too, which our client leaves blank as the specification wants.
    assert (facts is not None and '"verified": true' in facts.read_text()) == (mode == "required")


async def our_standard_port(serve, directory):
    """A receiver of ours where Titlani looks for it; skips where the port is taken."""
    with ExitStack() as stack:
        try:
            stack.enter_context(socket.create_server(("127.0.0.1", 1958)))
        except OSError:
            pytest.skip("port 1958, where Titlani asks about senders, is in use")
    return await serve(directory, listen=(("127.0.0.1", 1958),))


# ---- our verification of its users ----------------------------------------------------------------


def verifier_of(method, pins, asker, cache):
    made = {
        "certificate": CertificateVerifier(pins, asker, cache),
        "probe": ProbeVerifier(cache, asker=asker),
        "spki": SPKIVerifier(cache, asker=asker),
    }
    names = method.split("+")
    return made[method] if len(names) == 1 else CombinedVerifier(verifiers={n: made[n] for n in names})


class Verifying:
    """A receiver of ours that verifies senders at one Titlani server, as the host hive.test."""

    def __init__(self, server, mode, method) -> None:
        self.messages: list[Incoming] = []
        self.pins = PinBook(None)
        asker = HostAsker(self.pins, hosts={"hive.test": HostOverride(connect=("127.0.0.1", server.port))})
        self.handler = VerifyingHandler(
            wrapped=self.keep,
            verifier=verifier_of(method, self.pins, asker, SenderVerificationCache()),
            mode=VerificationMode(mode),
            method=method,
            pins=self.pins,
        )

    async def keep(self, incoming: Incoming) -> MisfinResponse:
        self.messages.append(incoming)
        return accepted(incoming)

    async def mail(self, post, identity) -> int:
        hosts = {"localhost": HostOverride(connect=("127.0.0.1", post.port))}
        async with MisfinClient(identity=identity, hosts=hosts, timeout=60) as client:
            return (await client.send("ada@localhost", "Hello")).status

    @property
    def pin(self):
        return self.pins.get(PinKind.SENDER, "alice@hive.test")


def identity_of(tmp_path, mailbox):
    folder = tmp_path / "identities"
    return identity_from_pem(
        (folder / f"{mailbox}.pem").read_bytes(), (folder / f"{mailbox}.key").read_bytes()
    )


FORGED = (person("alice@hive.test Alice"), person("ghost@hive.test Ghost"))


@pytest.fixture(scope="module")
def alices_server(tmp_path_factory):
    """A server that shows the certificate of its only user."""
    home = tmp_path_factory.mktemp("alice")
    with titlani_server(home, hostname="hive.test", mailboxes=("alice",), shows="alice") as server:
        yield server, identity_of(home, "alice")


@pytest.mark.parametrize("mode", ["off", "optional", "required"])
@pytest.mark.parametrize("method", ["certificate", "probe", "spki", "certificate+probe+spki"])
async def test_the_user_of_a_server_of_her_own_is_verified_and_no_forgery_is(
    alices_server, serve, mode, method
):
    """The server shows her certificate, so its host vouches for her and for nobody else."""
    server, alice = alices_server
    ours = Verifying(server, mode, method)
    post = await serve(Directory([ADA]), ours.handler)
    sure = mode != "off" and "certificate" in method
    assert await ours.mail(post, alice) == 20
    assert ours.messages[-1].checks.verified == sure
    assert ours.pin.how == (VOUCHED if sure else FIRST_MESSAGE)
    ours.messages.clear()
    for forged in FORGED:
        refused = mode == "required" and "certificate" in method and forged is not FORGED[0]
        assert await ours.mail(post, forged) == (61 if refused else 20)
    assert not any(incoming.checks.verified for incoming in ours.messages)
    assert ours.messages[0].checks.hold  # the one who calls herself Alice has another key than Alice
    assert ours.pin.cert_sha256 == alice.info.fingerprints.cert


@pytest.mark.parametrize("mode", ["optional", "required"])
async def test_a_server_that_vouches_for_everybody_vouches_for_nobody(tmp_path, serve, mode):
    """As installed it answers every probe with one fingerprint, its own, even for mailboxes it has not."""
    with titlani_server(tmp_path, hostname="hive.test", mailboxes=("alice",)) as server:
        ours = Verifying(server, mode, "certificate")
        post = await serve(Directory([ADA]), ours.handler)
        for sender in (identity_of(tmp_path, "alice"), FORGED[1]):
            assert await ours.mail(post, sender) == (20 if mode == "optional" else 61)
    for incoming in ours.messages:
        assert incoming.checks.results["certificate"].outcome is HandlerOutcome.UNKNOWN
        assert not incoming.checks.verified
    assert (ours.pin is not None) == (mode == "optional")


async def test_its_command_line_sends_to_us(tmp_path, serve):
    post = await our_standard_port(serve, Directory([ADA]))
    bea = pem_file(tmp_path, BEA)
    process = await asyncio.create_subprocess_exec(
        str(titlani_python()),
        "-m",
        "titlani",
        "send",
        "ada@localhost",
        "Hello from the shell",
        "--subject",
        "Hi",
        "--cert",
        str(bea),
        "--key",
        str(bea),
        env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await asyncio.wait_for(process.communicate(), 120)
    assert process.returncode == 0, output
    assert post.messages[0].request.parse_message().subject == "Hi"
