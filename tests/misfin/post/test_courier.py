"""The courier against scripted TLS servers: what becomes of a message for each thing a host may do."""

from __future__ import annotations

import asyncio
import email
import email.policy
import subprocess
import sys
import threading
import time
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from outgoing import claimed, follow, recipients
from peers import odd_person, person
from scripted import ScriptedServer, answer, silent_listener

from misfin.errors import StoreError
from misfin.model.gemmail import Version
from misfin.net.client import HostOverride
from misfin.post import courier as courier_module
from misfin.post.courier import Courier
from misfin.post.events import (
    CourierNotice,
    Deferred,
    Failed,
    Held,
    SendingStarted,
    Sent,
    Trouble,
    Uncertain,
)
from misfin.post.misfin import MisfinTransport
from misfin.post.misfin.events import HostSeen, MailboxKeyChanged
from misfin.store.identities import IdentityStore
from misfin.store.mail.maildir import MailStore
from misfin.store.outgoing.outbox import DeliveryState, Outbox, Phase, Question
from misfin.trust.pins import PinBook
from misfin.trust.tofu import Decision, PinKind

ADA = person("ada@mail.example Ada Example")
HOST = person("hostmaster@hive.test")
OTHER = person("hostmaster@hive.test", number=1)
OK = b"20 " + b"ab" * 32 + b"\r\n"
HELD = (DeliveryState.HELD,)


class Office:
    """A profile with an outbox, pins, an identity, and hosts that are really on loopback."""

    def __init__(self, path) -> None:
        self.path = path
        self.outbox = Outbox(path / "outbox.db")
        self.pins = PinBook(path / "trust.db")
        self.identities = IdentityStore(path / "identities")
        self.identities.save(ADA)
        self.store = MailStore(path / "mail")
        self.hosts = {}
        self.events = []
        self.clock = time.time

    def courier(self, **options):
        sending = {name: options.pop(name) for name in ("trust_on_first_use", "timeout") if name in options}
        misfin = MisfinTransport(
            self.identities,
            self.pins,
            **{"hosts": self.hosts, "timeout": 60, "now": lambda: self.clock(), **sending},
        )
        return Courier(
            self.outbox,
            [misfin],
            self.store,
            **{
                "on_event": self.events.append,
                "rand": lambda: 0.0,
                "now": lambda: self.clock(),
                **options,
            },
        )

    def at(self, server, name="hive.test"):
        port = server if isinstance(server, int) else server.port
        self.hosts[name] = HostOverride(("127.0.0.1", port))
        return server

    def put(self, *to, body="# Hi\n\nText\n", **more):
        to = to or ("bob@hive.test",)
        lines = f"\n{', '.join(to) if len(to) > 1 else ''}\n\n"
        return self.outbox.enqueue(
            account=more.pop("account", "ada@mail.example"),
            recipients=recipients(*to),
            message=(lines + body).encode(),
            subject="Hi",
            now=time.time(),
            **more,
        )

    def row(self, row_id):
        return self.outbox.row(row_id)

    def happened(self, *kinds):
        return [event for event in self.events if isinstance(event, kinds)]

    def trust(self, identity, name="hive.test:1958", pins=None):
        (pins or self.pins).replace(PinKind.HOST, name, identity.info, how="test", now=time.time())

    def close(self):
        self.outbox.close()
        self.pins.close()


@pytest.fixture
def office(tmp_path):
    office = Office(tmp_path / "profile")
    yield office
    office.close()


@asynccontextmanager
async def running(courier):
    task = asyncio.create_task(courier.run())
    try:
        yield task
    finally:
        await courier.stop()
        await task


async def until(condition, seconds=60.0):
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.005)


# ---- delivered ------------------------------------------------------------------------------------


async def test_a_message_is_delivered_with_its_transcript_and_a_copy_in_sent(office):
    (row_id,) = office.put()
    with office.at(ScriptedServer(HOST, OK)) as server:
        (row,) = await office.courier().run_once()
        (visit,) = await server.wait()
    assert visit.got == b"misfin://bob@hive.test\t14\r\n\n\n\n# Hi\n\nText\n"
    assert row == office.row(row_id)
    assert (row.state, row.status, row.fingerprint) == (DeliveryState.DELIVERED, 20, "ab" * 32)
    (attempt,) = office.outbox.attempts(row_id)
    assert attempt.request == visit.got
    assert attempt.response == f"20 {'ab' * 32}"
    assert (attempt.host, attempt.port, attempt.version) == ("hive.test", 1958, "C")
    assert attempt.certificate == HOST.info.fingerprints.cert
    assert (attempt.decision, attempt.phase) == (Decision.FIRST_USE, Phase.ANSWERED)
    assert attempt.started <= attempt.left <= attempt.ended
    assert [type(event) for event in office.events] == [SendingStarted, HostSeen, Sent]
    (entry,) = office.store.folder("ada@mail.example", "Sent").list()
    assert entry.flags == "S"
    message = email.message_from_bytes(entry.path.read_bytes(), policy=email.policy.default)
    assert (message["To"], message["Subject"]) == ("bob@hive.test", "Hi")
    assert message["From"] == "Ada Example <ada@mail.example>"


async def test_a_message_to_several_has_one_copy_in_sent_that_names_them_all(office):
    ids = office.put("bob@hive.test", "cal@hive.test", "dan@gone.test")
    with (
        office.at(ScriptedServer(HOST, OK)) as server,
        office.at(ScriptedServer(person("x@gone.test"), b"52 gone\r\n"), "gone.test"),
    ):
        await office.courier().run_once()
        visits = await server.wait()
    assert [office.row(row_id).state for row_id in ids] == [
        DeliveryState.DELIVERED,
        DeliveryState.DELIVERED,
        DeliveryState.FAILED,
    ]
    text = b"\nbob@hive.test, cal@hive.test, dan@gone.test\n\n# Hi\n\nText\n"
    assert [visit.got.partition(b"\r\n")[2] for visit in visits] == [text, text]
    (entry,) = office.store.folder("ada@mail.example", "Sent").list()
    message = email.message_from_bytes(entry.path.read_bytes(), policy=email.policy.default)
    assert message["To"] == "bob@hive.test, cal@hive.test, dan@gone.test"


async def test_nothing_leaves_before_the_undo_time_is_over(office):
    office.put(hold_until=time.time() + 60)
    assert await office.courier().run_once() == []
    assert office.events == []


async def test_each_account_sends_with_its_own_identity(office):
    bea = person("bea@mail.example")
    office.identities.save(bea)
    office.put("bob@hive.test", account="bea@mail.example")
    office.put("cal@hive.test", account="ada@mail.example")
    with office.at(ScriptedServer(HOST, OK)) as server:
        await office.courier().run_once()
        visits = await server.wait()
    serials = [visit.client.serial_number for visit in visits]
    assert serials[0] != serials[1]
    assert len(office.store.folder("bea@mail.example", "Sent").list()) == 1


async def test_one_connection_at_a_time_per_host_and_several_hosts_at_once(office):
    gate, open_now, most = threading.Event(), [], []

    def script(visit):
        open_now.append(visit)
        most.append(len(open_now))
        visit.read_request()
        assert gate.wait(60)
        visit.say(OK)
        open_now.remove(visit)
        visit.goodbye()

    office.put("a@hive.test", "b@hive.test", "c@hive.test")
    office.put("d@other.test")
    with (
        office.at(ScriptedServer(HOST, script)) as hive,
        office.at(ScriptedServer(person("x@other.test"), script), "other.test") as other,
    ):
        task = asyncio.create_task(office.courier().run_once())
        await until(lambda: len(open_now) == 2)
        assert len(hive.visits) == len(other.visits) == 1
        gate.set()
        assert len(await task) == 4
    assert max(most) == 2


# ---- later, or never ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "pause", "kind"),
    [(b"44 90\r\n", 90, Deferred), (b"41 busy\r\n", 300, Deferred), (b"45 full\r\n", 7200, Deferred)],
)
async def test_a_temporary_refusal_is_tried_again_later(office, line, pause, kind):
    now = time.time()
    office.clock = lambda: now + 1
    (row_id,) = office.put()
    with office.at(ScriptedServer(HOST, line)):
        await office.courier().run_once()
    row = office.row(row_id)
    assert (row.state, row.next_attempt - now) == (DeliveryState.DEFERRED, pytest.approx(pause + 1))
    assert row.status == int(line[:2])
    assert office.happened(kind)


async def test_a_44_makes_the_hosts_other_messages_wait_too(office):
    ids = office.put("a@hive.test", "b@hive.test", "c@hive.test")
    with office.at(ScriptedServer(HOST, b"44 90\r\n")) as server:
        await office.courier().run_once()
        assert len(server.visits) == 1
    assert {office.row(row_id).state for row_id in ids} == {DeliveryState.DEFERRED}
    assert [office.row(row_id).attempts for row_id in ids] == [1, 0, 0]


async def test_a_final_refusal_keeps_the_servers_words_and_is_not_repeated(office):
    (row_id,) = office.put()
    with office.at(ScriptedServer(HOST, b"51 nobody of that name\r\n")) as server:
        await office.courier().run_once()
        await office.courier().run_once()
        assert len(server.visits) == 1
    row = office.row(row_id)
    assert (row.state, row.status, row.meta) == (DeliveryState.FAILED, 51, "nobody of that name")
    assert "nobody of that name" in row.why
    assert office.happened(Failed)
    assert not office.store.folder("ada@mail.example", "Sent").exists()


async def test_a_host_that_is_not_there_defers_all_its_messages(office):
    ids = office.put("a@hive.test", "b@hive.test")
    with silent_listener() as port:
        office.at(port)
    await office.courier().run_once()
    assert [office.row(row_id).state for row_id in ids] == [DeliveryState.DEFERRED, DeliveryState.DEFERRED]
    assert "refuses connections" in office.row(ids[0]).why
    assert office.outbox.attempts(ids[0])[0].phase is Phase.ENDED
    assert office.outbox.attempts(ids[1]) == []


async def test_no_answer_after_the_whole_message_is_uncertain_and_never_repeated(office):
    (row_id,) = office.put()

    def cut(visit):
        visit.read_request()
        visit.reset()

    with office.at(ScriptedServer(HOST, cut)) as server:
        await office.courier().run_once()
        office.clock = lambda: time.time() + 10**6
        await office.courier().run_once()
        assert len(server.visits) == 1
    assert office.row(row_id).state is DeliveryState.UNCERTAIN
    assert office.happened(Uncertain)
    office.outbox.retry(row_id, time.time())  # a person asked, and wants it
    with office.at(ScriptedServer(HOST, OK)):
        await office.courier().run_once()
    assert office.row(row_id).state is DeliveryState.DELIVERED


# ---- for a person ---------------------------------------------------------------------------------


async def test_a_changed_certificate_holds_all_messages_of_the_host_behind_one_question(office):
    office.trust(HOST)
    ids = office.put("a@hive.test", "b@hive.test", "c@hive.test")
    with office.at(ScriptedServer(OTHER, OK)) as server:
        await office.courier().run_once()
        (visit,) = await server.wait()
    assert visit.got == b""
    assert visit.client is None
    rows = [office.row(row_id) for row_id in ids]
    assert {row.state for row in rows} == {DeliveryState.HELD}
    assert {(row.question, row.pin_name) for row in rows} == {
        (Question.CHANGED_CERTIFICATE, "hive.test:1958")
    }
    assert len(office.happened(Held)) == 1
    assert office.pins.offered(PinKind.HOST, "hive.test:1958").certificate == OTHER.info


@pytest.mark.parametrize("elsewhere", [False, True], ids=["in this process", "in another"])
async def test_approval_sends_what_was_held(office, elsewhere, monkeypatch):
    monkeypatch.setattr(courier_module, "_POLL", 0.05)
    office.trust(HOST)
    ids = office.put("a@hive.test", "b@hive.test")
    with office.at(ScriptedServer(OTHER, OK)):
        async with running(office.courier()):
            await until(lambda: len(office.outbox.rows(HELD)) == 2)
            if elsewhere:
                with PinBook(office.path / "trust.db") as book:
                    office.trust(OTHER, pins=book)
            else:
                office.trust(OTHER)
            await until(lambda: len(office.happened(Sent)) == 2)
    assert [office.row(row_id).state for row_id in ids] == [DeliveryState.DELIVERED] * 2


async def test_another_certificate_after_the_approval_is_another_question(office):
    office.trust(HOST)
    (row_id,) = office.put()
    with office.at(ScriptedServer([OTHER, person("hostmaster@hive.test", number=2)], OK)):
        await office.courier().run_once()
        office.trust(OTHER)
        await office.courier().run_once()
        await office.courier().run_once()
    assert office.row(row_id).state is DeliveryState.HELD
    assert office.row(row_id).attempts == 2


async def test_a_host_met_for_the_first_time_can_be_asked_about(office):
    (row_id,) = office.put()
    with office.at(ScriptedServer(HOST, OK)):
        await office.courier(trust_on_first_use=False).run_once()
        assert office.row(row_id).question is Question.FIRST_USE
        office.trust(HOST)
        await office.courier(trust_on_first_use=False).run_once()
    assert office.row(row_id).state is DeliveryState.DELIVERED


async def test_a_redirect_waits_for_a_person_and_then_leads_to_the_new_host(office):
    (row_id,) = office.put()
    new = person("bob@new.example")
    with (
        office.at(ScriptedServer(HOST, b"31 bob@new.example\r\n")),
        office.at(ScriptedServer(new, OK), "new.example") as there,
    ):
        await office.courier().run_once()
        row = office.row(row_id)
        assert (row.question, row.target) == (Question.REDIRECT_ALWAYS, "bob@new.example")
        assert there.visits == []
        follow(office.outbox, row_id, time.time())
        await office.courier().run_once()
        (visit,) = await there.wait()
    assert visit.got.startswith(b"misfin://bob@new.example\t")
    assert office.row(row_id).state is DeliveryState.DELIVERED
    assert office.pins.get(PinKind.HOST, "new.example:1958") is not None


@pytest.mark.parametrize(
    ("meta", "word"),
    [
        (b"nonsense", "not an address"),
        (b"", "not an address"),
        (b"ADA@mail.example", "back to you"),
        (b"bob@hive.test", "already"),
    ],
)
async def test_a_redirect_that_leads_nowhere_is_a_failure(office, meta, word):
    (row_id,) = office.put()
    with office.at(ScriptedServer(HOST, b"30 " + meta + b"\r\n")):
        await office.courier().run_once()
    row = office.row(row_id)
    assert row.state is DeliveryState.FAILED
    assert word in row.why


async def test_redirects_end_after_five(office):
    (row_id,) = office.put("b0@hive.test")
    lines = [answer(b"30 b%d@hive.test\r\n" % n) for n in range(1, 9)]
    with office.at(ScriptedServer(HOST, lines)) as server:
        for _ in range(8):
            await office.courier().run_once()
            follow(office.outbox, row_id, time.time())
        assert len(server.visits) == 6
    assert "more than 5" in office.row(row_id).why


async def test_a_message_too_large_for_a_host_that_speaks_only_b_is_held(office):
    office.pins.remember("hive.test", 1958, now=time.time(), speaks=Version.B)
    (row_id,) = office.put(body="x" * 3000)
    with office.at(ScriptedServer(HOST, OK)) as server:
        await office.courier().run_once()
        assert server.visits == []
    row = office.row(row_id)
    assert (row.state, row.question) == (DeliveryState.HELD, Question.TOO_LARGE)
    assert "2,048" in row.why


@pytest.mark.parametrize(
    ("body", "question"), [("x" * 3000, Question.TOO_LARGE), ("a\tb\n", Question.PERSON)]
)
async def test_a_host_that_turns_out_to_speak_only_b_holds_what_has_no_b_form(office, body, question):
    (row_id,) = office.put(body=body)
    with office.at(ScriptedServer(HOST, b"59 what?\r\n")) as server:
        await office.courier().run_once()
        assert len(server.visits) == 1
    assert (office.row(row_id).state, office.row(row_id).question) == (DeliveryState.HELD, question)


async def test_the_fallback_to_b_is_one_attempt(office):
    (row_id,) = office.put()
    with office.at(ScriptedServer(HOST, [b"59 what?\r\n", OK])) as server:
        await office.courier().run_once()
        visits = await server.wait()
    assert visits[1].got == b"misfin://bob@hive.test # Hi\n\nText\r\n"
    (attempt,) = office.outbox.attempts(row_id)
    assert (attempt.version, office.row(row_id).state) == ("B", DeliveryState.DELIVERED)
    assert "Answered 59 to 41 bytes of Misfin(C); tried as Misfin(B)." in attempt.error


async def test_without_its_identity_a_message_waits_for_one(office):
    (row_id,) = office.put(account="nobody@mail.example")
    (broken,) = office.put(account="cal@mail.example")
    (office.path / "identities" / "cal@mail.example.pem").write_text("no PEM at all")
    with office.at(ScriptedServer(HOST, OK)) as server:
        await office.courier().run_once()
        assert server.visits == []
        for one in (row_id, broken):
            assert office.row(one).question is Question.NEEDS_IDENTITY
        assert "no identity nobody@mail.example" in office.row(row_id).why
        assert "cal@mail.example" in office.row(broken).why
        office.identities.save(person("nobody@mail.example"))
        office.outbox.retry(row_id, time.time())
        await office.courier().run_once()
    assert office.row(row_id).state is DeliveryState.DELIVERED


# ---- the loop -------------------------------------------------------------------------------------


async def test_the_loop_looks_at_once_when_woken(office, monkeypatch):
    monkeypatch.setattr(courier_module, "_POLL", 60.0)
    with office.at(ScriptedServer(HOST, OK)):
        courier = office.courier()
        async with running(courier):
            await asyncio.sleep(0.05)
            office.put()
            courier.wake()
            await until(lambda: office.happened(Sent))


async def test_the_loop_notices_by_itself_what_another_process_queued(office, monkeypatch):
    monkeypatch.setattr(courier_module, "_POLL", 0.05)
    other = Outbox(office.path / "outbox.db")
    with office.at(ScriptedServer(HOST, OK)):
        async with running(office.courier()):
            await asyncio.sleep(0.05)
            other.enqueue(
                account="ada@mail.example",
                recipients=recipients("bob@hive.test"),
                message=b"\n\n\nx\n",
                subject="",
                now=time.time(),
            )
            await until(lambda: office.happened(Sent))
    other.close()


async def test_a_deferred_message_goes_when_its_time_has_come(office):
    (row_id,) = office.put()
    with office.at(ScriptedServer(HOST, [b"44 1\r\n", OK])):
        async with running(office.courier()):
            await until(lambda: office.happened(Sent))
    assert office.row(row_id).attempts == 2


async def test_a_message_cancelled_during_the_handshake_does_not_leave(office):
    (row_id,) = office.put()
    go = threading.Event()

    class Slow(ScriptedServer):
        def _follow(self, visit, script):
            assert go.wait(60)
            super()._follow(visit, script)

    with office.at(Slow(HOST, lambda visit: visit.read_to_end())) as server:
        task = asyncio.create_task(office.courier().run_once())
        await until(lambda: server.visits)
        assert office.outbox.cancel(row_id, now=time.time())
        go.set()
        await task
        (visit,) = await server.wait()
    assert visit.got == b""
    assert office.row(row_id).state is DeliveryState.CANCELLED


@pytest.mark.parametrize(
    ("phase", "state"), [("handshake", DeliveryState.WAITING), ("answer", DeliveryState.UNCERTAIN)], ids=str
)
async def test_stopping_settles_what_was_under_way(office, monkeypatch, phase, state):
    monkeypatch.setattr(courier_module, "_WIND_DOWN", 0.1)
    (row_id,) = office.put()
    over = threading.Event()

    def silent(visit):
        visit.read_request()
        over.wait(60)

    with silent_listener() as port, ScriptedServer(HOST, silent) as server:
        office.at(port if phase == "handshake" else server)
        courier = office.courier()
        async with running(courier):
            await until(lambda: office.happened(SendingStarted))
            await until(lambda: phase == "handshake" or any(visit.got for visit in server.visits))
        over.set()
    assert office.row(row_id).state is state


async def test_stopping_between_a_refusal_and_the_next_try_leaves_the_message_waiting(office):
    (row_id,) = office.put()
    over = threading.Event()

    class SecondWaits(ScriptedServer):
        def _follow(self, visit, script):
            if len(self.visits) == 2:
                over.wait(60)  # its handshake does not come
            super()._follow(visit, script)

    with office.at(SecondWaits(HOST, b"59 what?\r\n")) as server:
        courier = office.courier()
        async with running(courier):
            await until(lambda: len(server.visits) == 2)
            assert not office.outbox.retry(row_id, time.time())  # it is still being sent
        over.set()
    assert office.row(row_id).state is DeliveryState.WAITING


async def test_a_message_on_the_wire_gets_time_to_end_when_the_program_stops(office):
    (row_id,) = office.put()
    go = threading.Event()

    def slow(visit):
        visit.read_request()
        assert go.wait(60)
        visit.say(OK)
        visit.goodbye()

    with office.at(ScriptedServer(HOST, slow)) as server:
        courier = office.courier()
        task = asyncio.create_task(courier.run())
        await until(lambda: any(visit.got for visit in server.visits))
        stopping = asyncio.create_task(courier.stop())
        await asyncio.sleep(0)
        go.set()
        await stopping
        await task
    assert office.row(row_id).state is DeliveryState.DELIVERED


async def test_cancelling_the_loop_is_as_good_as_stopping_it(office):
    (row_id,) = office.put()
    with silent_listener() as port:
        office.at(port)
        task = asyncio.create_task(office.courier().run())
        await until(lambda: office.happened(SendingStarted))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert office.row(row_id).state is DeliveryState.WAITING


async def test_waiting_for_ones_own_message_includes_the_time_another_process_needs(office):
    mine, other = office.put("a@hive.test", "b@hive.test")
    elsewhere = Outbox(office.path / "outbox.db")
    claim = elsewhere.claim(time.time(), only=[other])
    with office.at(ScriptedServer(HOST, OK)):
        task = asyncio.create_task(office.courier().run_once(only=[mine]))
        await asyncio.sleep(0.15)
        assert not task.done()
        elsewhere.cancel(claim.deliveries[0].row.id, now=time.time())
        (row,) = await task
    elsewhere.close()
    assert (row.id, row.state) == (mine, DeliveryState.DELIVERED)


# ---- our own disk ---------------------------------------------------------------------------------


async def test_an_answer_is_not_lost_while_the_outbox_cannot_be_written(office, monkeypatch):
    (row_id,) = office.put()
    finish, refusals = office.outbox.finish_and_claim, []

    def full(*args, **more):
        if len(refusals) < 2:
            refusals.append(args)
            raise StoreError("The disk is full.", remedy="Make room.")
        return finish(*args, **more)

    monkeypatch.setattr(office.outbox, "finish_and_claim", full)
    with office.at(ScriptedServer(HOST, OK)) as server:
        await office.courier().run_once()
        assert len(server.visits) == 1
    assert office.row(row_id).state is DeliveryState.DELIVERED
    assert [event.text for event in office.happened(Trouble)] == ["The disk is full. Make room."]


async def test_a_mark_that_cannot_be_written_keeps_the_message_at_home(office, monkeypatch):
    (row_id,) = office.put()

    def full(*_args):
        raise StoreError("The disk is full.")

    monkeypatch.setattr(office.outbox, "leaving", full)
    with office.at(ScriptedServer(HOST, lambda visit: visit.read_to_end())) as server:
        await office.courier().run_once()
        (visit,) = await server.wait()
    assert visit.got == b""
    assert office.row(row_id).state is DeliveryState.DEFERRED


async def test_a_delivered_message_is_delivered_although_nothing_can_be_remembered(office, monkeypatch):
    (row_id,) = office.put()

    def full(*_args, **_more):
        raise StoreError("The disk is full.")

    monkeypatch.setattr(office.pins, "remember", full)
    with office.at(ScriptedServer(HOST, OK)):
        await office.courier().run_once()
    assert office.row(row_id).state is DeliveryState.DELIVERED


async def test_a_missing_copy_in_sent_is_made_up_for(office, monkeypatch):
    office.put()
    real, calls = office.store.folder, []

    def full(account, name="Inbox"):
        if not calls:
            calls.append(name)
            raise StoreError("The disk is full.")
        return real(account, name)

    monkeypatch.setattr(MailStore, "folder", staticmethod(full))
    with office.at(ScriptedServer(HOST, OK)):
        await office.courier().run_once()
        assert office.happened(Trouble)
        assert not real("ada@mail.example", "Sent").exists()
        await office.courier().run_once()
    assert len(real("ada@mail.example", "Sent").list()) == 1


async def test_a_copy_in_sent_written_just_before_a_crash_is_not_written_twice(office):
    office.put()
    with office.at(ScriptedServer(HOST, OK)):
        await office.courier().run_once()
    office.outbox._db.execute("UPDATE message SET sent_copy = 0")  # as if the note of it had been lost
    await office.courier().run_once()
    assert office.outbox.without_sent_copy() == []
    assert len(office.store.folder("ada@mail.example", "Sent").list()) == 1


async def test_a_fault_of_our_own_neither_loses_a_message_nor_repeats_it_for_ever(
    office, monkeypatch, caplog
):
    (row_id,) = office.put()

    async def bug(*_args, **_more):
        raise RuntimeError("a bug")

    monkeypatch.setattr("misfin.net.client.MisfinClient.deliver", bug)
    await office.courier().run_once()
    row = office.row(row_id)
    assert row.state is DeliveryState.FAILED
    assert "report" in row.why
    assert "a bug" in caplog.text


async def test_a_message_that_cannot_be_filed_in_sent_does_not_stop_the_mail(office, monkeypatch, caplog):
    (first,) = office.put()
    monkeypatch.setattr("misfin.store.message.envelope.wrap_sent", lambda *_args, **_more: 1 / 0)
    with office.at(ScriptedServer(HOST, OK)):
        await office.courier().run_once()
        (second,) = office.put()
        async with running(office.courier()):
            await until(lambda: office.row(second).state is DeliveryState.DELIVERED)
    assert office.row(first).state is DeliveryState.DELIVERED
    assert len(office.happened(Sent)) == 2
    assert {event.text.partition("(")[0] for event in office.happened(Trouble)} == {
        "There was an internal error "
    }
    assert "ZeroDivisionError" in caplog.text


async def test_a_listener_that_fails_loses_no_message(office, caplog):
    ids = office.put("a@hive.test", "b@hive.test")

    def broken(_event):
        raise RuntimeError("no screen")

    with office.at(ScriptedServer(HOST, OK)):
        await office.courier(on_event=broken).run_once()
    assert [office.row(row_id).state for row_id in ids] == [DeliveryState.DELIVERED] * 2
    assert "no screen" in caplog.text


async def test_a_bug_in_one_turn_of_the_loop_is_told_and_does_not_end_it(office, monkeypatch):
    monkeypatch.setattr(courier_module, "_POLL", 0.02)
    real, calls = office.outbox.next_due, []

    def bug():
        calls.append(1)
        return 1 / 0 if len(calls) < 3 else real()

    monkeypatch.setattr(office.outbox, "next_due", bug)
    office.put()
    with office.at(ScriptedServer(HOST, OK)):
        async with running(office.courier()):
            await until(lambda: office.happened(Sent))
    assert len(office.happened(Trouble)) == 1


async def test_a_message_claimed_while_the_loop_is_cancelled_is_given_back(office, monkeypatch):
    (row_id,) = office.put()
    real, claimed, go = office.outbox.claims, threading.Event(), threading.Event()

    def slow(*args, **more):
        claim = real(*args, **more)
        claimed.set()
        assert go.wait(60)
        return claim

    monkeypatch.setattr(office.outbox, "claims", slow)
    task = asyncio.create_task(office.courier().run_once())
    await asyncio.to_thread(claimed.wait, 60)
    task.cancel()
    await asyncio.sleep(0)
    go.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert office.row(row_id).state is DeliveryState.WAITING


async def test_waiting_for_a_process_that_died_ends(office, monkeypatch):
    (row_id,) = office.put()
    other = Outbox(office.path / "outbox.db")
    assert claimed(other, time.time())
    alive = [True]
    monkeypatch.setattr("misfin.store.outgoing.outbox_claims.is_alive", lambda _token: alive[0])
    with office.at(ScriptedServer(HOST, OK)):
        task = asyncio.create_task(office.courier().run_once(only=[row_id]))
        await asyncio.sleep(0.15)
        assert not task.done()
        alive[0] = False
        async with asyncio.timeout(60):
            (row,) = await task
    other.close()
    assert row.state is DeliveryState.DELIVERED


async def test_a_clock_that_is_put_back_keeps_no_message_for_a_year(office):
    year = 365 * 86400.0
    office.clock = lambda: time.time() + year
    (row_id,) = office.put()
    with office.at(ScriptedServer(HOST, [b"41 later\r\n", OK])):
        await office.courier().run_once()
        assert office.row(row_id).next_attempt > time.time() + year
        office.clock = time.time
        courier = office.courier()
        await courier.run_once()
        assert office.row(row_id).next_attempt < time.time() + 3600
        office.clock = lambda: time.time() + 3600
        await courier.run_once()
    assert office.row(row_id).state is DeliveryState.DELIVERED


async def test_two_couriers_send_each_message_once(office):
    ids = office.put(*(f"m{n}@h{n}.test" for n in range(6)))
    other = Outbox(office.path / "outbox.db")
    with office.at(ScriptedServer(HOST, OK), "h0.test") as server:
        for n in range(1, 6):
            office.at(server, f"h{n}.test")
        ours, office.outbox, mine = office.courier(), other, office.outbox
        theirs, office.outbox = office.courier(), mine
        await asyncio.gather(ours.run_once(ids), theirs.run_once(ids))
        visits = await server.wait()
    other.close()
    assert len({visit.got for visit in visits}) == len(visits) == 6
    assert {office.row(row_id).state for row_id in ids} == {DeliveryState.DELIVERED}


# ---- told once ------------------------------------------------------------------------------------


async def test_another_key_of_the_recipient_is_told_after_the_delivery_with_both(office):
    with office.at(ScriptedServer(HOST, [OK, b"20 subscribed\r\n", b"20 " + b"CD:" * 31 + b"CD\r\n", OK])):
        for _ in range(4):
            office.put()
            await office.courier().run_once()
    assert len(office.happened(Sent)) == 4
    first, back = office.happened(MailboxKeyChanged)
    assert (first.address, first.before, first.now) == ("bob@hive.test", "ab" * 32, "cd" * 32)
    assert (back.before, back.now) == ("cd" * 32, "ab" * 32)
    assert office.events.index(first) > office.events.index(office.happened(Sent)[2])
    assert "ab" * 32 in first.text
    assert "cd" * 32 in first.text


async def test_a_host_whose_new_certificate_was_trusted_is_not_reported_again_for_its_own_mailbox(office):
    answers = [f"20 {each.info.fingerprints.cert}\r\n".encode() for each in (HOST, OTHER)]
    with office.at(ScriptedServer([HOST, OTHER], answers)):
        office.put()
        await office.courier().run_once()
        office.trust(OTHER)
        office.put()
        await office.courier().run_once()
    assert len(office.happened(Sent)) == 2
    assert office.happened(MailboxKeyChanged) == []


async def test_a_delivery_does_not_fail_where_the_key_cannot_be_remembered(office, monkeypatch):
    (row_id,) = office.put()

    def full(*_args, **_more):
        raise StoreError("The disk is full.")

    monkeypatch.setattr(office.pins, "note_mailbox_key", full)
    with office.at(ScriptedServer(HOST, OK)):
        await office.courier().run_once()
    assert office.row(row_id).state is DeliveryState.DELIVERED
    assert office.happened(Sent)


async def test_tls_1_2_is_told_once_per_host(office):
    office.put("a@hive.test", "b@hive.test", "c@other.test")
    with (
        office.at(ScriptedServer(HOST, OK, tls_1_2=True)),
        office.at(ScriptedServer(person("x@other.test"), OK, tls_1_2=True), "other.test"),
    ):
        await office.courier().run_once()
        office.put("a@hive.test")
        await office.courier().run_once()
    texts = sorted(event.text for event in office.happened(CourierNotice))
    assert [text.partition(" speaks only TLS 1.2")[0] for text in texts] == [
        "hive.test:1958",
        "other.test:1958",
    ]


async def test_an_expired_certificate_of_a_known_host_is_told_once_and_mail_goes_on(office):
    now = datetime.now(UTC)
    old = odd_person(start=now - timedelta(days=9), end=now - timedelta(days=2))
    office.trust(old)
    office.put("a@hive.test", "b@hive.test")
    with office.at(ScriptedServer(old, OK)):
        await office.courier().run_once()
    (notice,) = office.happened(CourierNotice)
    assert "hive.test:1958 expired on" in notice.text
    assert len(office.happened(Sent)) == 2


async def test_a_certificate_expired_at_first_contact_is_not_called_trusted(office):
    now = datetime.now(UTC)
    expired = odd_person(start=now - timedelta(days=9), end=now - timedelta(days=2))
    office.put("a@hive.test", "b@hive.test")
    with office.at(ScriptedServer(expired, OK)):
        await office.courier().run_once()
    (notice,) = office.happened(CourierNotice)
    day = f"{now - timedelta(days=2):%Y-%m-%d}"
    assert notice.text.startswith(f"The certificate of hive.test:1958 expired on {day}. This was the first")
    assert "still" not in notice.text


async def test_a_certificate_that_is_not_valid_yet_is_told_once(office):
    now = datetime.now(UTC)
    early = odd_person(start=now + timedelta(days=2), end=now + timedelta(days=9))
    office.put("a@hive.test", "b@hive.test")
    with office.at(ScriptedServer(early, OK)):
        await office.courier().run_once()
    (notice,) = office.happened(CourierNotice)
    assert f"hive.test:1958 is not valid before {now + timedelta(days=2):%Y-%m-%d}" in notice.text


async def test_a_change_of_host_certificate_that_was_due_says_since_when(office):
    now = datetime.now(UTC)
    office.trust(odd_person(start=now - timedelta(days=9), end=now - timedelta(days=2)))
    office.put("a@hive.test")
    with office.at(ScriptedServer(odd_person(), OK)):
        await office.courier().run_once()
    (held,) = office.happened(Held)
    day = f"{now - timedelta(days=2):%Y-%m-%d}"
    assert f"A change was due: the pinned certificate expired on {day}." in held.row.why


async def test_a_new_host_whose_certificate_names_another_is_told(office):
    office.put("a@hive.test", "b@hive.test")
    with office.at(ScriptedServer(person("x@elsewhere.test"), OK)):
        await office.courier().run_once()
    (notice,) = office.happened(CourierNotice)
    assert "does not name" in notice.text


async def test_a_doubtful_identity_is_told_once_before_sending_and_explains_a_62(office):
    now = datetime.now(UTC)
    expired = odd_person(
        users=("old",),
        san=(x509.DNSName("mail.example"),),
        start=now - timedelta(days=9),
        end=now - timedelta(days=2),
    )
    office.identities.save(expired)
    ids = office.put("a@hive.test", "b@hive.test", account="old@mail.example")
    with office.at(ScriptedServer(HOST, [OK, b"62 expired?\r\n"])):
        await office.courier().run_once()
        office.put("a@hive.test")  # of an identity without defects
        await office.courier().run_once()
    (notice,) = office.happened(CourierNotice)
    assert "old@mail.example" in notice.text
    assert "It expired on" in notice.text
    assert office.events.index(notice) < office.events.index(office.happened(Sent)[0])
    row = office.row(ids[1])
    assert (row.state, row.status) == (DeliveryState.FAILED, 62)
    assert "It expired on" in row.why


@pytest.mark.parametrize(("body", "word"), [("x" * 3000, "2,048"), ("a\tb\n", "TAB")])
async def test_a_40_that_cannot_be_answered_in_b_is_temporary_and_says_why(office, body, word):
    (row_id,) = office.put(body=body)
    with office.at(ScriptedServer(HOST, b"40 what?\r\n")) as server:
        await office.courier().run_once()
        assert len(server.visits) == 1
    row = office.row(row_id)
    assert (row.state, row.status) == (DeliveryState.DEFERRED, 40)
    assert "not tried as Misfin(B)" in row.why
    assert word in row.why


# ---- kill -9 --------------------------------------------------------------------------------------

COURIER = """
import asyncio, sys
from pathlib import Path
from misfin.net.client import HostOverride
from misfin.post.courier import Courier
from misfin.post.misfin import MisfinTransport
from misfin.store.identities import IdentityStore
from misfin.store.mail.maildir import MailStore
from misfin.store.outgoing.outbox import Outbox
from misfin.trust.pins import PinBook
root, port = Path(sys.argv[1]), int(sys.argv[2])
misfin = MisfinTransport(
    IdentityStore(root / "identities"), PinBook(root / "trust.db"),
    hosts={"hive.test": HostOverride(("127.0.0.1", port))},
)
courier = Courier(Outbox(root / "outbox.db"), [misfin], MailStore(root / "mail"))
asyncio.run(courier.run_once())
"""


@pytest.mark.parametrize(
    ("stage", "state"),
    [
        ("connected", DeliveryState.WAITING),
        ("left", DeliveryState.UNCERTAIN),
        ("refused", DeliveryState.WAITING),
        ("answered", DeliveryState.DELIVERED),
    ],
)
async def test_kill_9_in_the_middle(office, stage, state):
    """The host itself kills the courier at the stage; afterwards another one takes over."""
    (row_id,) = office.put()
    child = None

    def kill(visit):
        if stage == "connected":
            child.kill()
            visit.read_to_end()
            return
        visit.read_request()
        if stage == "left":
            child.kill()
            return
        visit.say(b"59 what?\r\n" if stage == "refused" else OK)
        visit.read_to_end()

    class Server(ScriptedServer):
        def _follow(self, visit, script):
            if len(self.visits) == {"connected": 1, "refused": 2}.get(stage):
                child.kill()
            super()._follow(visit, script)

    with office.at(Server(HOST, [kill, OK])) as server:
        child = subprocess.Popen([sys.executable, "-c", COURIER, office.path, str(server.port)])
        await asyncio.to_thread(child.wait, 10)
        requests_before = [visit.got for visit in server.visits if visit.got]
        await office.courier().run_once()
        after = office.row(row_id).state
        requests = [visit.got for visit in server.visits if visit.got]
    if state is DeliveryState.WAITING:
        assert len(requests_before) == (stage == "refused")
        assert after is DeliveryState.DELIVERED  # waiting again, and sent by the second courier
    else:
        assert after is state
    assert len(requests) == len(requests_before) + (state is DeliveryState.WAITING)
