"""The book of pins: what it remembers, across processes, threads, crashes and other programs' files."""

import json
import sqlite3
import stat
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from certificates import build, certificate_k
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule

from misfin.errors import StoreError
from misfin.model.gemmail import Version
from misfin.trust import pinfile
from misfin.trust.pins import PinBook
from misfin.trust.records import VERSION_MEMORY, HostMemory, LogEvent, MailServerFacts
from misfin.trust.tofu import Decision, PinKind, Remark

K = certificate_k().info
K_AGAIN = build(key="k", serial=2).info
OTHER = build(san=None).info
HOST, SENDER = PinKind.HOST, PinKind.SENDER
NAME = "mail.example:1958"
NOW = 1_800_000_000.0


@pytest.fixture
def path(tmp_path):
    return tmp_path / "deep" / "trust.db"


@pytest.fixture(params=["file", "memory"])
def book(request, path):
    with PinBook(path if request.param == "file" else None) as opened:
        yield opened


# ---- pins -----------------------------------------------------------------------------------------


def test_a_first_use_becomes_a_pin(book):
    assert book.get(HOST, NAME) is None
    verdict = book.record(HOST, NAME, K, now=NOW, how="first send")
    assert verdict.decision is Decision.FIRST_USE
    pin = book.get(HOST, NAME)
    assert (pin.cert_sha256, pin.spki_sha256) == (K.fingerprints.cert, K.fingerprints.spki)
    assert (pin.not_before, pin.not_after) == (K.not_before.timestamp(), K.not_after.timestamp())
    assert (pin.first_seen, pin.last_seen, pin.uses, pin.how) == (NOW, NOW, 1, "first send")
    assert book.get(SENDER, NAME) is None


def test_uses_are_counted(book):
    for second in range(5):
        book.record(HOST, NAME, K, now=NOW + second)
    pin = book.get(HOST, NAME)
    assert (pin.uses, pin.first_seen, pin.last_seen) == (5, NOW, NOW + 4)
    assert book.all() == [pin]
    assert [entry.event for entry in book.log()] == [LogEvent.FIRST_USE]


def test_a_renewal_is_taken_and_kept_in_history(book):
    book.record(HOST, NAME, K, now=NOW)
    book.record(HOST, NAME, K, now=NOW + 1)
    assert book.record(HOST, NAME, K_AGAIN, now=NOW + 2).decision is Decision.RENEWED
    pin = book.get(HOST, NAME)
    assert pin.cert_sha256 == K_AGAIN.fingerprints.cert
    assert (pin.first_seen, pin.uses) == (NOW, 3)
    (past,) = pin.history
    assert (past.cert_sha256, past.uses, past.replaced) == (K.fingerprints.cert, 2, NOW + 2)
    assert [entry.event for entry in book.log()] == [LogEvent.RENEWED, LogEvent.FIRST_USE]


def test_a_change_alters_nothing_and_waits_for_a_person(book):
    book.record(HOST, NAME, K, now=NOW)
    before = book.get(HOST, NAME)
    for _ in range(3):
        verdict = book.record(HOST, NAME, OTHER, now=NOW + 1)
        assert verdict.decision is Decision.CHANGED
        assert verdict.remarks == {Remark.HOST_MISMATCH}
    assert book.get(HOST, NAME) == before
    offer = book.offered(HOST, NAME)
    assert offer.certificate == OTHER
    assert offer.shown == NOW + 1
    assert book.offers() == [offer]
    assert [entry.event for entry in book.log()] == [LogEvent.REFUSED, LogEvent.FIRST_USE], "said once"


def test_approval_replaces_the_pin_and_ends_the_question(book):
    book.record(HOST, NAME, K, now=NOW)
    book.record(HOST, NAME, OTHER, now=NOW + 1)
    book.replace(HOST, NAME, OTHER, how="compared by telephone", now=NOW + 2)
    pin = book.get(HOST, NAME)
    assert (pin.cert_sha256, pin.how, pin.first_seen) == (
        OTHER.fingerprints.cert,
        "compared by telephone",
        NOW + 2,
    )
    assert [past.cert_sha256 for past in pin.history] == [K.fingerprints.cert]
    assert book.offered(HOST, NAME) is None
    assert book.record(HOST, NAME, OTHER, now=NOW + 3).decision is Decision.TRUSTED
    assert book.record(HOST, NAME, K, now=NOW + 3).decision is Decision.CHANGED, "the old one counts no more"
    assert book.log()[1].event is LogEvent.APPROVED


def test_approval_before_any_use_makes_a_pin(book):
    book.replace(HOST, NAME, K, how="from a card", now=NOW)
    assert book.get(HOST, NAME).uses == 0
    assert book.record(HOST, NAME, K, now=NOW + 1).decision is Decision.TRUSTED


def test_approving_the_same_again_keeps_its_past(book):
    book.record(HOST, NAME, K, now=NOW)
    book.replace(HOST, NAME, K, how="compared", now=NOW + 1)
    pin = book.get(HOST, NAME)
    assert (pin.how, pin.first_seen, pin.uses, pin.history) == ("compared", NOW, 1, ())


def test_forgetting_leaves_only_a_line_in_the_log(book):
    assert not book.forget(HOST, NAME, now=NOW)
    book.record(HOST, NAME, K, now=NOW)
    book.record(HOST, NAME, K_AGAIN, now=NOW)
    book.record(HOST, NAME, OTHER, now=NOW)
    assert book.forget(HOST, NAME, now=NOW + 1)
    assert book.get(HOST, NAME) is None
    assert book.offered(HOST, NAME) is None
    newest = book.log(1)[0]
    assert (newest.event, newest.at, newest.cert_sha256) == (
        LogEvent.FORGOTTEN,
        NOW + 1,
        K_AGAIN.fingerprints.cert,
    )
    assert book.record(HOST, NAME, OTHER, now=NOW).decision is Decision.FIRST_USE
    assert book.get(HOST, NAME).history == ()


def test_forgetting_what_only_waited_for_a_decision_is_told_as_done(book):
    book.offer(HOST, NAME, K, now=NOW)
    assert book.forget(HOST, NAME, now=NOW)
    assert book.offered(HOST, NAME) is None
    assert not book.forget(HOST, NAME, now=NOW)


def test_an_offer_can_be_withdrawn(book):
    book.offer(HOST, NAME, K, now=NOW)
    assert book.withdraw(HOST, NAME)
    assert not book.withdraw(HOST, NAME)
    assert book.offered(HOST, NAME) is None


def test_senders_and_hosts_do_not_mix(book):
    book.record(HOST, NAME, K, now=NOW)
    book.record(SENDER, "ada@mail.example", OTHER, now=NOW)
    assert [pin.name for pin in book.all(SENDER)] == ["ada@mail.example"]
    assert [pin.name for pin in book.all(HOST)] == [NAME]
    assert len(book.all()) == 2


def test_the_past_is_bounded(book, monkeypatch):
    monkeypatch.setattr(pinfile, "MAX_HISTORY", 3)
    monkeypatch.setattr(pinfile, "MAX_LOG", 5)
    for serial in range(2, 12):
        book.record(SENDER, "ada@mail.example", build(key="k", serial=serial).info, now=NOW + serial)
    assert [past.replaced for past in book.get(SENDER, "ada@mail.example").history] == [
        NOW + 9,
        NOW + 10,
        NOW + 11,
    ]
    assert len(book.log(1000)) == 5


def test_the_export_is_json_a_person_can_read(book):
    book.record(HOST, NAME, K, now=0.0)
    book.record(HOST, NAME, K_AGAIN, now=86400.0)
    (pin,) = json.loads(book.export())
    assert pin["name"] == NAME
    assert pin["first_seen"] == "1970-01-01T00:00:00Z"
    assert pin["history"][0]["replaced"] == "1970-01-02T00:00:00Z"


# ---- memory of hosts ------------------------------------------------------------------------------


def test_what_a_host_showed_is_remembered(book):
    assert book.recall("mail.example", 1958) == HostMemory()
    book.remember("mail.example", 1958, now=NOW, speaks=Version.B)
    book.remember("mail.example", 1958, now=NOW + 1, sender_line=True)
    book.remember("Mail.Example", 1958, now=NOW + 2, size_limit=2048)
    assert book.recall("mail.example", 1958) == HostMemory(Version.B, NOW, True, 2048)
    assert book.recall("mail.example", 1959) == HostMemory()
    book.unlearn("mail.example", 1958)
    assert book.recall("mail.example", 1958) == HostMemory(None, 0.0, True, 2048)


def test_a_version_is_believed_for_a_month():
    memory = HostMemory(Version.B, NOW)
    assert memory.version(NOW + VERSION_MEMORY) is Version.B
    assert memory.version(NOW + VERSION_MEMORY + 1) is None


def test_a_version_learnt_under_a_clock_that_was_ahead_is_asked_again(book):
    book.remember("hive.test", 1958, now=NOW + 10 * VERSION_MEMORY, speaks=Version.B)
    assert book.recall("hive.test", 1958).version(NOW) is None
    book.remember("hive.test", 1958, now=NOW, speaks=Version.B)
    assert book.recall("hive.test", 1958).version(NOW + 1) is Version.B


def test_uses_are_written_now_and_then_also_after_the_clock_was_put_back(path):
    with PinBook(path) as book, PinBook(path) as other:
        for now in (NOW, NOW + 1, NOW - 10**6):
            book.record(HOST, NAME, K, now=now)
        assert other.get(HOST, NAME).uses == 3


def test_confirming_a_version_is_written_once_a_day(book):
    book.remember("mail.example", 1958, now=NOW, speaks=Version.C)
    book.remember("mail.example", 1958, now=NOW + 3600, speaks=Version.C)
    assert book.recall("mail.example", 1958).since == NOW
    book.remember("mail.example", 1958, now=NOW + 90_000, speaks=Version.C)
    assert book.recall("mail.example", 1958).since == NOW + 90_000


# ---- the file -------------------------------------------------------------------------------------


def test_the_file_and_its_folder_are_private(path):
    with PinBook(path) as book:
        book.record(HOST, NAME, K, now=NOW)
        files = [path, path.with_name("trust.db-wal")]
        assert [stat.S_IMODE(file.stat().st_mode) for file in files] == [0o600] * 2
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_everything_is_there_after_closing(path):
    with PinBook(path) as book:
        book.record(HOST, NAME, K, now=NOW)
        for second in range(1, 10):
            book.record(HOST, NAME, K, now=NOW + second)
        book.remember("mail.example", 1958, now=NOW, speaks=Version.B)
        before = book.all()
    with PinBook(path) as book:
        assert book.all() == before
        assert book.get(HOST, NAME).uses == 10
        assert book.recall("mail.example", 1958).speaks is Version.B


def test_what_one_process_decides_another_sees_at_once(path):
    with PinBook(path) as one, PinBook(path) as two:
        assert two.get(HOST, NAME) is None
        assert two.recall("mail.example", 1958).speaks is None
        one.record(HOST, NAME, K, now=NOW)
        one.remember("mail.example", 1958, now=NOW, speaks=Version.B)
        assert two.get(HOST, NAME) == one.get(HOST, NAME)
        assert two.recall("mail.example", 1958).speaks is Version.B
        assert two.record(HOST, NAME, OTHER, now=NOW).decision is Decision.CHANGED
        one.forget(HOST, NAME, now=NOW)
        assert two.get(HOST, NAME) is None


def test_a_book_that_looks_now_and_then_sees_its_own_decisions_at_once_and_others_a_little_later(path):
    clock = [100.0]
    with PinBook(path) as one, PinBook(path, clock=lambda: clock[0], look_again=0.5) as two:
        two.record(HOST, NAME, K, now=NOW)
        assert two.get(HOST, NAME).cert_sha256 == K.fingerprints.cert
        one.replace(HOST, NAME, OTHER, how="a person", now=NOW)
        assert two.get(HOST, NAME).cert_sha256 == K.fingerprints.cert
        # Whatever is written down is decided by what the file says, never by what is remembered.
        assert two.record(HOST, "other.example:1958", K, now=NOW).decision is Decision.FIRST_USE
        assert two.get(HOST, NAME).cert_sha256 == OTHER.fingerprints.cert
        one.forget(HOST, NAME, now=NOW)
        clock[0] += 0.5
        assert two.get(HOST, NAME) is None


def test_of_two_first_uses_at_once_only_one_counts(path, monkeypatch):
    with PinBook(path) as one, PinBook(path) as two:
        two.get(HOST, NAME)
        one.record(HOST, NAME, K, now=NOW)
        # As if the decision had fallen just before the other process wrote.
        monkeypatch.setattr(two, "get", lambda *_: None)
        assert two.record(HOST, NAME, OTHER, now=NOW).decision is Decision.CHANGED
        assert two.record(HOST, NAME, K, now=NOW).decision is Decision.TRUSTED
        assert one.get(HOST, NAME).cert_sha256 == K.fingerprints.cert
        assert one.offered(HOST, NAME).certificate == OTHER


def test_a_first_use_survives_a_killed_process(path):
    program = f"""
import os, pathlib, sys
sys.path[:0] = {sys.path!r}
from certificates import certificate_k
from misfin.trust.pins import PinBook
from misfin.trust.tofu import PinKind
book = PinBook(pathlib.Path({str(path)!r}))
book.record(PinKind.HOST, {NAME!r}, certificate_k().info, now=1.0)
os.kill(os.getpid(), 9)
"""
    assert subprocess.run([sys.executable, "-c", program]).returncode == -9
    with PinBook(path) as book:
        assert book.get(HOST, NAME).cert_sha256 == K.fingerprints.cert


def test_a_mere_use_writes_nothing_and_waits_for_nobody(path):
    with PinBook(path) as book:
        book.record(HOST, NAME, K, now=NOW)
        writer = sqlite3.connect(path, isolation_level=None)
        writer.execute("BEGIN IMMEDIATE")  # somebody else is writing and takes his time
        try:
            for second in range(0, 600, 30):  # the counters fall due again and again
                assert book.record(HOST, NAME, K, now=NOW + second).decision is Decision.TRUSTED
        finally:
            writer.execute("ROLLBACK")
            writer.close()
        assert book.get(HOST, NAME).uses == 21
        book.record(HOST, NAME, K, now=NOW + 700)
        with PinBook(path) as second:
            assert second.get(HOST, NAME).uses == 22, "written by and by, without closing"


def test_threads_share_a_book(path):
    with PinBook(path) as book, ThreadPoolExecutor(8) as pool:
        start = threading.Barrier(8)

        def work(number):
            start.wait()
            for turn in range(25):
                book.record(HOST, NAME, K, now=NOW + turn)
                book.record(HOST, f"host{number}.example:1958", K, now=NOW)
                book.remember("mail.example", 1958, now=NOW, sender_line=bool(turn % 2))
                book.all()

        list(pool.map(work, range(8)))
        assert book.get(HOST, NAME).uses == 200
        assert len(book.all()) == 9


def test_a_closed_book_says_so(path):
    book = PinBook(path)
    book.close()
    book.close()
    with pytest.raises(StoreError, match="closed"):
        book.get(HOST, NAME)
    with pytest.raises(StoreError, match="closed"):
        book.record(HOST, NAME, K, now=NOW)


def test_a_damaged_file_is_an_error_and_stays_as_it_is(path):
    path.parent.mkdir()
    path.write_bytes(b"SQLite format 3\0" + b"junk" * 500)
    before = path.read_bytes()
    with pytest.raises(StoreError, match="cannot be used"):
        PinBook(path)
    assert path.read_bytes() == before


def test_a_file_of_a_newer_version_is_not_touched(path):
    PinBook(path).close()
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(StoreError, match="newer version"):
        PinBook(path)


def test_a_database_of_another_program_is_not_touched(path):
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("CREATE TABLE known_hosts (hostname TEXT)")
    database.close()
    with pytest.raises(StoreError, match="another program"):
        PinBook(path)


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError):
        PinBook(tmp_path / "file" / "trust.db")


# ---- any order of events --------------------------------------------------------------------------


class AnyOrder(RuleBasedStateMachine):
    """Whatever happens in whatever order, the book agrees with a dictionary."""

    names = Bundle("names")
    infos = st.sampled_from([K, K_AGAIN, OTHER])

    @initialize()
    def open(self):
        self.book = PinBook(None)
        self.trusted = {}
        self.uses = {}

    @rule(target=names, name=st.sampled_from(["a.example:1958", "b.example:1958"]))
    def choose(self, name):
        return name

    @rule(name=names, info=infos)
    def meet(self, name, info):
        old = self.trusted.get(name)
        decision = self.book.record(HOST, name, info, now=NOW).decision
        if old is None:
            assert decision is Decision.FIRST_USE
        elif old.fingerprints.cert == info.fingerprints.cert:
            assert decision is Decision.TRUSTED
        elif old.fingerprints.spki == info.fingerprints.spki:
            assert decision is Decision.RENEWED
        else:
            assert decision is Decision.CHANGED
            assert self.book.offered(HOST, name).certificate == info
            return
        self.trusted[name] = info
        self.uses[name] = self.uses.get(name, 0) + 1

    @rule(name=names, info=infos)
    def approve(self, name, info):
        old = self.trusted.get(name)
        if old is None or old.fingerprints.cert != info.fingerprints.cert:
            self.uses[name] = 0
        self.book.replace(HOST, name, info, how="approved", now=NOW)
        self.trusted[name] = info

    @rule(name=names)
    def forget(self, name):
        assert self.book.forget(HOST, name, now=NOW) is (name in self.trusted)
        self.trusted.pop(name, None)
        self.uses.pop(name, None)

    @rule()
    def flush(self):
        self.book.flush()

    @invariant()
    def agree(self):
        pins = {pin.name: pin for pin in self.book.all()}
        assert {n: p.cert_sha256 for n, p in pins.items()} == {
            n: i.fingerprints.cert for n, i in self.trusted.items()
        }
        assert {n: p.uses for n, p in pins.items()} == self.uses
        assert all(self.book.get(HOST, name) == pin for name, pin in pins.items())

    def teardown(self):
        self.book.close()


AnyOrder.TestCase.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)
TestAnyOrder = AnyOrder.TestCase


# ---- keys of recipients ---------------------------------------------------------------------------

BOB = "bob@hive.test"


def test_the_fingerprint_of_a_mailbox_is_remembered_and_a_change_is_told_with_the_one_before(book):
    assert book.mailbox_keys(BOB) == []
    assert book.note_mailbox_key(BOB, "aa" * 32, now=NOW) is None
    assert book.note_mailbox_key(BOB, "aa" * 32, now=NOW + 5) is None
    before = book.note_mailbox_key(BOB, "bb" * 32, now=NOW + 9)
    assert (before.fingerprint, before.first_seen, before.last_seen) == ("aa" * 32, NOW, NOW + 5)
    assert book.note_mailbox_key(BOB, "aa" * 32, now=NOW + 10).fingerprint == "bb" * 32
    assert [key.fingerprint[:2] for key in book.mailbox_keys(BOB)] == ["aa", "bb", "aa"]
    assert book.mailbox_keys("cal@hive.test") == []
    newest = book.log()[0]
    assert (newest.event, newest.name) == (LogEvent.MAILBOX_KEY, BOB)
    assert "bb" * 32 in newest.how


def test_two_fingerprints_of_the_certificate_a_person_writes_with_are_one_key(book):
    book.record(SENDER, BOB, K, now=NOW)
    book.note_mailbox_key(BOB, K.fingerprints.cert, now=NOW)
    assert book.note_mailbox_key(BOB, K.fingerprints.spki, now=NOW) is None
    assert book.note_mailbox_key(BOB, "bb" * 32, now=NOW) is not None


def test_a_certificate_renewed_over_the_same_key_is_no_other_key_of_the_recipient(book):
    book.record(SENDER, BOB, K, now=NOW)
    book.note_mailbox_key(BOB, K.fingerprints.cert, now=NOW)
    book.record(SENDER, BOB, K_AGAIN, now=NOW + 1)
    assert book.note_mailbox_key(BOB, K_AGAIN.fingerprints.cert, now=NOW + 2) is None
    assert book.note_mailbox_key(BOB, K.fingerprints.spki, now=NOW + 3) is None
    assert LogEvent.MAILBOX_KEY not in {entry.event for entry in book.log()}
    assert book.note_mailbox_key(BOB, OTHER.fingerprints.cert, now=NOW + 4) is not None
    book.replace(SENDER, BOB, OTHER, how="approved", now=NOW + 5)
    assert book.note_mailbox_key(BOB, K_AGAIN.fingerprints.cert, now=NOW + 6) is not None


def test_the_keys_of_a_mailbox_are_bounded(book, monkeypatch):
    monkeypatch.setattr(pinfile, "MAX_HISTORY", 3)
    for number in range(9):
        book.note_mailbox_key(BOB, f"{number:064x}", now=NOW)
    assert [int(key.fingerprint, 16) for key in book.mailbox_keys(BOB)] == [6, 7, 8]


def test_a_thing_is_told_once(book):
    assert [book.already_reported(what, now=NOW) for what in ("a", "b", "a")] == [False, False, True]


def test_a_file_of_the_first_version_is_taken_over_with_its_pins(path):
    path.parent.mkdir()
    database = sqlite3.connect(path)
    for statement in pinfile._TABLES.split(";"):
        database.execute(statement)
    database.execute("PRAGMA user_version = 1")
    pinfile.put_pin(database, pinfile.new_pin(HOST, NAME, K, how="test", now=NOW, uses=1))
    database.commit()
    database.close()
    for _ in range(2):
        with PinBook(path) as opened:
            assert opened.get(HOST, NAME).cert_sha256 == K.fingerprints.cert
            opened.note_mailbox_key(BOB, "aa" * 32, now=NOW)
            assert len(opened.mailbox_keys(BOB)) == 1


def test_uses_counted_in_memory_survive_a_write_that_fails(book, monkeypatch):
    book.record(HOST, NAME, K, now=NOW)
    book.record(HOST, NAME, K, now=NOW + 1)

    def full(*_args):
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(pinfile, "put_offer", full)
    with pytest.raises(StoreError, match="full"):
        book.offer(HOST, NAME, OTHER, now=NOW + 2)
    monkeypatch.undo()
    book.flush()
    assert (book.get(HOST, NAME).uses, book.get(HOST, NAME).last_seen) == (2, NOW + 1)


def test_recipients_keys_are_listed_exported_and_forgotten(book):
    book.note_mailbox_key(BOB, "aa" * 32, now=NOW)
    book.note_mailbox_key(BOB, "bb" * 32, now=NOW + 9)
    book.note_mailbox_key("cal@hive.test", "cc" * 32, now=NOW)
    assert [key.fingerprint[:2] for key in book.all_mailbox_keys()[BOB]] == ["aa", "bb"]
    exported = {each["name"]: each for each in json.loads(book.export()) if each["kind"] == "recipient"}
    assert [key["fingerprint"][:2] for key in exported[BOB]["keys"]] == ["aa", "bb"]
    assert exported[BOB]["keys"][0]["first_seen"].endswith("Z")
    assert book.forget_mailbox_keys(BOB, now=NOW + 10)
    assert not book.forget_mailbox_keys(BOB, now=NOW + 10)
    assert list(book.all_mailbox_keys()) == ["cal@hive.test"]
    assert book.log()[0].event is LogEvent.FORGOTTEN
    assert book.note_mailbox_key(BOB, "dd" * 32, now=NOW + 11) is None  # the first again


# ---- mail servers ---------------------------------------------------------------------------------


SERVER = "smtp.example.org:465"


def test_a_mail_servers_pin_keeps_the_whole_certificate(book):
    assert book.anchor(SERVER) is None
    book.replace(PinKind.MAIL, SERVER, K, how="approved", now=NOW)
    assert book.anchor(SERVER) == K.der
    assert book.get(HOST, SERVER) is None
    assert book.record(PinKind.MAIL, SERVER, K_AGAIN, now=NOW).decision is Decision.RENEWED
    assert book.anchor(SERVER) == K_AGAIN.der
    assert book.record(PinKind.MAIL, SERVER, OTHER, now=NOW).decision is Decision.CHANGED
    assert book.anchor(SERVER) == K_AGAIN.der
    assert [pin.name for pin in book.all(PinKind.MAIL)] == [SERVER]
    book.forget(PinKind.MAIL, SERVER, now=NOW)
    assert book.anchor(SERVER) is None


def test_what_a_mail_server_said_about_itself_is_known_per_account(book):
    facts = MailServerFacts(20_000_000, frozenset({"SIZE", "SMTPUTF8"}))
    assert book.recall_mail_server("work", SERVER) == MailServerFacts()
    book.remember_mail_server("work", SERVER, facts)
    assert book.recall_mail_server("work", SERVER) == facts
    assert book.recall_mail_server("home", SERVER) == MailServerFacts()
    book.remember_mail_server("work", SERVER, MailServerFacts())
    assert book.recall_mail_server("work", SERVER) == MailServerFacts()


def test_a_file_from_before_there_was_e_mail_is_brought_up_to_date(path):
    path.parent.mkdir()
    database = sqlite3.connect(path, isolation_level=None)
    for statement in (one for step in pinfile._STEPS[:2] for one in step):
        database.execute(statement)
    database.execute("PRAGMA user_version = 2")
    database.execute(
        "INSERT INTO pins VALUES ('host', ?, ?, ?, 0, 0, 0, 0, 7, 'first use')",
        (NAME, K.fingerprints.cert, K.fingerprints.spki),
    )
    database.close()
    with PinBook(path) as book:
        assert book.get(HOST, NAME).uses == 7
        book.replace(PinKind.MAIL, SERVER, K, how="approved", now=NOW)
        assert book.anchor(SERVER) == K.der
