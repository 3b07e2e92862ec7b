"""A whole receiver from plain values, over real TLS on loopback: from the lock to the Maildir and back."""

from __future__ import annotations

import asyncio
import signal
import socket
import subprocess
import sys
import time
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from peers import Peer, ask, message, person, renewed

from misfin.errors import IdentityError, ListenError, StoreError
from misfin.model.address import MisfinAddress
from misfin.net.client import HostOverride, MisfinClient
from misfin.net.limits import LimitSettings
from misfin.net.verification import SenderChange, VerificationMethod, VerificationMode
from misfin.post.courier import Courier
from misfin.post.inbox import LocalInbox
from misfin.post.misfin import MisfinTransport
from misfin.post.reception import AlreadyReceivingError, Reception, ReceptionSettings, running, serve
from misfin.post.source import Report, Source, SourceState, SourceStatus
from misfin.post.submission import submit
from misfin.store.identities import IdentityStore
from misfin.store.mail.maildir import MailStore
from misfin.store.message import envelope
from misfin.store.outgoing.drafts import Draft
from misfin.store.outgoing.outbox import DeliveryState, Outbox
from misfin.store.people.contacts import ContactBook
from misfin.trust.identity import generate
from misfin.trust.pins import PinBook
from misfin.trust.tofu import PinKind

ADA = person("ada@mail.example Ada")
BEA = person("bea@hive.test Bea Worker")
NEW_BEA = person("bea@hive.test Bea Worker", number=1)


@pytest.fixture
def settings(tmp_path):
    root = tmp_path / "profile"
    remembered = root / "cache" / "identities.json"
    IdentityStore(root / "identities", remembered).save(ADA)
    return ReceptionSettings(
        listen=(("127.0.0.1", 0),),
        identities=root / "identities",
        remembered=remembered,
        mail=root / "mail",
        trust_db=root / "trust.db",
        contacts_db=root / "contacts.db",
        runtime=root / "run",
        limits=LimitSettings(enable=False),
        verification=VerificationMode.OFF,
    )


@asynccontextmanager
async def receiving(settings):
    reception = Reception(settings)
    ((_host, port),) = await reception.start()
    try:
        yield port
    finally:
        await reception.stop()


def mail(settings, folder="Inbox", account="ada@mail.example"):
    return [entry.path.read_bytes() for entry in MailStore(settings.mail).folder(account, folder).list()]


def blocked_by(settings, name):
    book = ContactBook(settings.contacts_db)
    book.block(name, now=time.time())
    book.close()


async def until(condition, seconds=60.0):
    async with asyncio.timeout(seconds):
        while not (found := await condition()):
            await asyncio.sleep(0.05)
    return found


async def test_a_message_comes_in_and_lies_in_the_inbox(settings):
    async with receiving(settings) as port:
        answer = await ask(port, message("ada@mail.example", "Hello"), BEA)
        assert answer == f"20 {ADA.info.fingerprints.cert}\r\n".encode()
        assert running(settings.runtime).addresses == (("127.0.0.1", port),)
    (data,) = mail(settings)
    assert envelope.read(data).certificate["subject"] == "bea@hive.test"
    assert envelope.to_gemmail(data).endswith(b"\nHello\n")
    assert running(settings.runtime) is None
    with PinBook(settings.trust_db) as pins:
        assert pins.get(PinKind.SENDER, "bea@hive.test").cert_sha256 == BEA.info.fingerprints.cert


async def test_what_is_sent_to_an_alias_arrives_in_its_mailbox(settings):
    aliases = {"info@mail.example": "ada@mail.example", "*@mail.example": "ada@mail.example"}
    async with receiving(replace(settings, aliases=aliases)) as port:
        for name in ("info", "ada", "typo"):
            answer = await ask(port, message(f"{name}@mail.example", name), BEA)
            assert answer == f"20 {ADA.info.fingerprints.cert}\r\n".encode()
    assert len(mail(settings)) == 3


async def test_ready_is_said_once_the_addresses_are_bound_and_cancelling_ends_it(settings):
    ready = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(serve(settings, ready=ready.set_result))
    ((_, port),) = await ready
    assert (await ask(port, message("nobody@mail.example"), BEA)).startswith(b"51 ")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    with pytest.raises(OSError):
        await Peer.dial(port)


async def test_as_a_source_it_fills_the_inbox_it_is_given_and_says_how_it_is(settings, tmp_path):
    told: asyncio.Queue[SourceStatus] = asyncio.Queue()
    elsewhere, stop = MailStore(tmp_path / "elsewhere"), asyncio.Event()
    reception = Reception(settings)
    source: Source = reception
    inbox = LocalInbox(elsewhere, told.put_nowait)
    assert await source.once(inbox) == Report()
    task = asyncio.create_task(source.run(inbox, stop))
    begun = await told.get()
    ((_host, port),) = reception.addresses
    assert begun == SourceStatus("", SourceState.RUNNING, f"receiving on 127.0.0.1:{port}")
    assert (await ask(port, message("ada@mail.example", "Hello"), BEA)).startswith(b"20 ")
    stop.set()
    await task
    assert (await told.get()).state is SourceState.STOPPED
    assert told.empty()
    assert len(list(elsewhere.folder("ada@mail.example").list())) == 1
    assert mail(settings) == []
    assert running(settings.runtime) is None


async def test_a_source_that_cannot_start_says_why_and_raises(settings):
    told: list[SourceStatus] = []
    async with receiving(settings):
        with pytest.raises(AlreadyReceivingError):
            await Reception(settings).run(LocalInbox(MailStore(settings.mail), told.append), asyncio.Event())
    (status,) = told
    assert status.state is SourceState.FAILED
    assert "is already running" in status.sentence


async def test_a_host_identity_beside_others_gets_no_folder_until_it_gets_mail(settings):
    host = generate(MisfinAddress.parse("host@mail.example Host"), now=ADA.info.not_before, ca=True)
    IdentityStore(settings.identities).save(host)
    store = MailStore(settings.mail)
    async with receiving(settings) as port:
        assert store.accounts() == ["ada@mail.example"]
        assert (await ask(port, message("host@mail.example"), BEA)).startswith(b"20 ")
    assert store.accounts() == ["ada@mail.example", "host@mail.example"]
    assert len(mail(settings, account="host@mail.example")) == 1


async def test_only_one_receiver_runs_per_profile(settings):
    async with receiving(settings) as port:
        with pytest.raises(AlreadyReceivingError):
            await Reception(settings).start()
        assert (await ask(port, message("ada@mail.example"), BEA)).startswith(b"20 ")
    async with receiving(settings):
        pass


async def test_what_keeps_it_from_starting_is_said_and_leaves_no_lock(settings, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        in_use = replace(settings, listen=(taken.getsockname(),))
        with pytest.raises(ListenError):
            await Reception(in_use).start()
    with pytest.raises(IdentityError, match="at least one identity"):
        await Reception(replace(settings, identities=tmp_path / "none")).start()
    assert running(settings.runtime) is None
    async with receiving(settings):
        pass


async def test_an_identity_that_cannot_be_read_does_not_stop_the_others(settings, caplog):
    (settings.identities / "broken@mail.example.pem").write_text("no PEM")
    async with receiving(settings) as port:
        assert (await ask(port, message("ada@mail.example"), BEA)).startswith(b"20 ")
    assert "broken@mail.example" in caplog.text


async def test_identities_added_renewed_or_removed_count_for_the_very_next_message(settings, monkeypatch):
    monkeypatch.setattr("misfin.post.reception._LOOK_AGAIN", 3600.0)
    identities, to = IdentityStore(settings.identities), message("cal@new.example", "Nothing")
    async with receiving(settings) as port:
        assert (await ask(port, to, BEA)).startswith(b"53 ")
        cal = person("cal@new.example Cal")
        for number in range(3):
            identities.save(cal)
            text = message("cal@new.example", f"Number {number}")
            assert (await ask(port, text, BEA, sni="new.example")).startswith(b"20 "), number
            identities.remove("cal@new.example")
            assert (await ask(port, to, BEA, sni="new.example")).startswith(b"53 "), number
        assert (await ask(port, message("ada@mail.example"), BEA)).startswith(b"20 ")
        identities.replace("ada@mail.example", renewed(ADA))
        answer = await ask(port, message("ada@mail.example"), BEA)
        assert answer != f"20 {ADA.info.fingerprints.cert}\r\n".encode()
        assert answer.startswith(b"20 ")
    assert len(mail(settings, account="cal@new.example")) == 3


async def test_a_message_in_pieces_waits_for_what_changed_and_arrives_whole(settings, monkeypatch):
    monkeypatch.setattr("misfin.post.reception._LOOK_AGAIN", 3600.0)
    async with receiving(settings) as port:
        assert (await ask(port, message("ada@mail.example"), BEA)).startswith(b"20 ")
        IdentityStore(settings.identities).save(person("cal@mail.example Cal"))
        peer = await Peer.connect(port, BEA)
        for byte in message("cal@mail.example", "piece by piece"):
            peer.say(bytes((byte,)))
        assert (await peer.answer()).startswith(b"20 ")
        await peer.close()
        IdentityStore(settings.identities).save(person("dan@mail.example Dan"))
        peer = await Peer.connect(port, BEA)
        peer.session.send(message("dan@mail.example", "and the end of TLS with it"))
        peer.session.close_notify()
        peer.flush()
        assert (await peer.answer()).startswith(b"20 ")
        await peer.close()
    assert mail(settings, account="cal@mail.example")[0].endswith(b"piece by piece\n")
    assert len(mail(settings, account="dan@mail.example")) == 1


async def test_an_identity_whose_mailbox_cannot_be_made_yet_is_served_once_it_can(settings, monkeypatch):
    real, refused = MailStore.create, []

    def create(store, account):
        if account == "cal@new.example" and len(refused) < 2:
            refused.append(account)
            raise (StoreError("The disk is full.") if len(refused) == 1 else RuntimeError("a bug"))
        return real(store, account)

    monkeypatch.setattr(MailStore, "create", create)
    monkeypatch.setattr("misfin.post.reception._LOOK_AGAIN", 0.05)
    async with receiving(settings) as port:
        IdentityStore(settings.identities).save(person("cal@new.example Cal"))

        async def served():
            return (await ask(port, message("cal@new.example"), BEA, sni="new.example")).startswith(b"20 ")

        await until(served)
    assert len(refused) == 2


async def test_with_nobody_left_to_receive_for_it_ends_at_the_first_connection(settings, monkeypatch):
    monkeypatch.setattr("misfin.post.reception._LOOK_AGAIN", 60.0)
    told: asyncio.Queue[SourceStatus] = asyncio.Queue()
    reception = Reception(settings)
    task = asyncio.create_task(
        reception.run(LocalInbox(MailStore(settings.mail), told.put_nowait), asyncio.Event())
    )
    assert (await told.get()).state is SourceState.RUNNING
    IdentityStore(settings.identities).remove("ada@mail.example")
    ((_host, port),) = reception.addresses
    caller = await Peer.dial(port)
    with pytest.raises(IdentityError, match="at least one identity"):
        await task
    await caller.close()
    assert (await told.get()).state is SourceState.FAILED
    assert told.empty()
    assert running(settings.runtime) is None


async def test_an_identity_that_becomes_unusable_while_it_waits_is_reported(settings, monkeypatch, caplog):
    monkeypatch.setattr("misfin.post.reception._LOOK_AGAIN", 0.05)
    async with receiving(settings) as port:
        (settings.identities / "broken@mail.example.pem").write_text("no PEM")

        async def reported():
            return "broken@mail.example" in caplog.text

        await until(reported)
        assert (await ask(port, message("ada@mail.example"), BEA)).startswith(b"20 ")


async def test_an_identity_that_cannot_be_used_for_a_moment_ends_nothing(settings, monkeypatch, caplog):
    monkeypatch.setattr("misfin.post.reception._LOOK_AGAIN", 0.05)
    async with receiving(settings) as port:
        path = settings.identities / "ada@mail.example.pem"
        path.rename(path.with_suffix(".aside"))

        async def reported():
            return "at least one identity" in caplog.text

        await until(reported)
        path.with_suffix(".aside").rename(path)
        assert (await ask(port, message("ada@mail.example"), BEA)).startswith(b"20 ")


async def test_blocked_senders_are_refused_as_soon_as_they_are_blocked(settings, monkeypatch):
    monkeypatch.setattr("misfin.post.reception._LOOK_AGAIN", 3600.0)
    blocked_by(settings, "bea@hive.test")
    async with receiving(settings) as port:
        assert await ask(port, message("ada@mail.example"), BEA) == b"61 Sender blocked\r\n"
        dan = person("Dan@Far.example")
        assert (await ask(port, message("ada@mail.example"), dan)).startswith(b"20 ")
        blocked_by(settings, "@far.example")
        assert (await ask(port, message("ada@mail.example"), dan)).startswith(b"61 ")


async def test_mail_of_a_changed_sender_is_held_with_the_reason(settings):
    async with receiving(settings) as port:
        await ask(port, message("ada@mail.example", "old key"), BEA)
        assert (await ask(port, message("ada@mail.example", "new key"), NEW_BEA)).startswith(b"20 ")
    (held,) = mail(settings, "Held")
    assert envelope.to_gemmail(held).endswith(b"new key\n")
    assert envelope.read(held).verification["sender"] == "differs"
    assert len(mail(settings)) == 1
    with PinBook(settings.trust_db) as pins:
        assert pins.offered(PinKind.SENDER, "bea@hive.test").certificate == NEW_BEA.info
        assert pins.get(PinKind.SENDER, "bea@hive.test").cert_sha256 == BEA.info.fingerprints.cert


async def test_mail_of_a_changed_sender_can_be_refused_instead(settings):
    async with receiving(replace(settings, on_sender_change=SenderChange.REJECT)) as port:
        await ask(port, message("ada@mail.example", "old key"), BEA)
        # A first key nobody vouched for may still be replaced by one its host names; a person's word stays.
        with PinBook(settings.trust_db) as pins:
            pins.replace(PinKind.SENDER, "bea@hive.test", BEA.info, how="approved", now=time.time())
        assert (await ask(port, message("ada@mail.example", "new key"), NEW_BEA)).startswith(b"63 ")
    assert mail(settings, "Held") == []
    assert len(mail(settings)) == 1


@pytest.mark.parametrize(
    "methods", [(VerificationMethod.CERTIFICATE,), tuple(VerificationMethod)], ids=["certificate", "all"]
)
@pytest.mark.parametrize("first_use", [True, False], ids=["accept", "ask"])
async def test_senders_are_verified_by_the_methods_of_the_settings(settings, tmp_path, methods, first_use):
    other = tmp_path / "other"
    IdentityStore(other / "identities").save(BEA)
    theirs = replace(
        settings,
        identities=other / "identities",
        remembered=None,
        mail=other / "mail",
        trust_db=other / "trust.db",
        contacts_db=other / "contacts.db",
        runtime=other / "run",
    )
    async with receiving(theirs) as their_port:
        ours = replace(
            settings,
            verification=VerificationMode.REQUIRED,
            methods=methods,
            hosts={"hive.test": HostOverride(("127.0.0.1", their_port))},
            cache=tmp_path / "cache" / "verification.db",
            allow_private=True,
            trust_on_first_use=first_use,
        )
        async with receiving(ours) as port:
            assert (await ask(port, message("ada@mail.example"), BEA)).startswith(b"20 ")
            assert (await ask(port, message("ada@mail.example"), person("ghost@hive.test"))).startswith(
                b"61 "
            )
    with PinBook(settings.trust_db) as pins:
        pinned = [pin.name for pin in pins.all(PinKind.HOST)]
    assert pinned == (["hive.test:1958"] if first_use else []), "a stranger's message settles no question"
    (data,) = mail(settings)
    said = envelope.read(data).verification
    assert said["sender"] == "verified"
    assert {said[method] for method in methods} == {"pass"}


async def test_rate_limits_are_those_of_the_settings(settings):
    limits = LimitSettings(capacity=2, refill_rate=0.001, retry_after=77)
    async with receiving(replace(settings, limits=limits)) as port:
        answers = [await ask(port, message("ada@mail.example", str(n)), BEA) for n in range(3)]
    assert [answer[:2] for answer in answers] == [b"20", b"20", b"44"]
    assert b"Retry after" in answers[2]


async def test_from_draft_to_maildir_through_both_post_offices(settings, tmp_path):
    """The main job without a screen: one profile writes, the other receives."""
    root = tmp_path / "bea"
    identities = IdentityStore(root / "identities")
    identities.save(BEA)
    outbox, store = Outbox(root / "outbox.db"), MailStore(root / "mail")
    text = "Two\n\n```\ncode\tand tabs\n```\n=> misfin:ada@mail.example\n"
    draft = Draft(
        account="bea@hive.test", to=("ada@mail.example", "cal@mail.example"), subject="Hi", body=text
    )
    async with receiving(settings) as port:
        with PinBook(root / "trust.db") as pins:
            misfin = MisfinTransport(
                identities, pins, hosts={"mail.example": HostOverride(("127.0.0.1", port))}
            )
            courier = Courier(outbox, [misfin], store)
            ids = submit(outbox, None, draft, misfin, now=time.time())
            await courier.run_once()
    assert [outbox.row(row_id).state for row_id in ids] == [DeliveryState.DELIVERED, DeliveryState.FAILED]
    assert outbox.row(ids[0]).fingerprint == ADA.info.fingerprints.cert
    outbox.close()
    (received,) = mail(settings)
    lines = envelope.to_gemmail(received).split(b"\n", 3)
    assert lines[0] == b"bea@hive.test Bea Worker"
    assert lines[1] == b"ada@mail.example, cal@mail.example"
    assert lines[3] == f"# Hi\n\n{text}".encode()
    (sent,) = store.folder("bea@hive.test", "Sent").list()
    ids = [envelope.read(data).fields["message-id"] for data in (received, sent.path.read_bytes())]
    assert ids[0] == ids[1]


RECEIVE = """
import asyncio, signal, sys
from pathlib import Path
from misfin.net.limits import LimitSettings
from misfin.net.verification import VerificationMode
from misfin.post.reception import ReceptionSettings, serve
root = Path(sys.argv[1])
settings = ReceptionSettings(
    listen=(("127.0.0.1", 0),), identities=root / "identities", mail=root / "mail",
    trust_db=root / "trust.db", contacts_db=root / "contacts.db", runtime=root / "run",
    limits=LimitSettings(enable=False), verification=VerificationMode.OFF,
)
async def main():
    task = asyncio.current_task()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    await serve(settings, ready=lambda bound: print(bound[0][1], flush=True))
try:
    asyncio.run(main())
except asyncio.CancelledError:
    pass
"""


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL], ids=["SIGTERM", "SIGKILL"])
async def test_however_it_ends_what_was_answered_20_is_in_the_maildir(settings, end):
    """Eight senders in a row without pause while the receiver is ended under them."""
    child = subprocess.Popen(
        [sys.executable, "-c", RECEIVE, settings.identities.parent], stdout=subprocess.PIPE
    )
    port = int(await asyncio.to_thread(child.stdout.readline))
    accepted: list[str] = []

    async def sender(name):
        for number in range(10_000):
            text = f"{name} {number}"
            try:
                answer = await ask(port, message("ada@mail.example", text), BEA)
            except (OSError, TimeoutError, asyncio.IncompleteReadError):
                return
            if not answer.startswith(b"20 "):
                return
            accepted.append(text)
            if len(accepted) == 60:
                child.send_signal(end)

    await asyncio.gather(*(sender(name) for name in "abcdefgh"))
    await asyncio.to_thread(child.communicate)
    stored = sorted(envelope.to_gemmail(data).split(b"\n", 3)[3].decode().strip() for data in mail(settings))
    assert len(accepted) >= 60
    assert set(accepted) <= set(stored)
    assert len(stored) == len(set(stored))
    if end is signal.SIGTERM:
        assert child.returncode == 0
        assert stored == sorted(accepted)  # nothing stored without its answer either
    async with receiving(settings) as new_port:  # and it starts again
        hosts = {"mail.example": HostOverride(("127.0.0.1", new_port))}
        client = MisfinClient(identity=BEA, hosts=hosts, timeout=60)
        async with client:
            assert (await client.send(MisfinAddress("ada", "mail.example"), "again")).status == 20
