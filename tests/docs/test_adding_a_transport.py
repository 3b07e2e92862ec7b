"""The transport of docs/adding-a-transport.md: complete, short, and sent through by a real courier."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from misfin.errors import AddressError, LocalError
from misfin.post.courier import Courier
from misfin.post.submission import submit
from misfin.post.transport import Accepted, Ask, Ending, Pace, Permanent, Temporary, Transport
from misfin.store.mail.maildir import MailStore
from misfin.store.outgoing.deliveries import Question
from misfin.store.outgoing.drafts import Draft, DraftBox
from misfin.store.outgoing.outbox import DeliveryState, Outbox

DOCS = Path(__file__).parents[2] / "docs"
EXAMPLE = DOCS / "examples" / "spool_transport.py"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def load():
    spec = importlib.util.spec_from_file_location("spool_transport", EXAMPLE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def spool(tmp_path) -> Transport:
    (tmp_path / "spool").mkdir(mode=0o700)
    return load().SpoolTransport(tmp_path / "spool")


@pytest.fixture
def outbox(tmp_path):
    outbox = Outbox(tmp_path / "outbox.db")
    yield outbox
    outbox.close()


@pytest.fixture
def store(tmp_path):
    return MailStore(tmp_path / "mail")


def queued(outbox, store, spool, **facts):
    draft = Draft(
        **{"account": "work", "to": ("bob@example.org",), "subject": "Hi", "body": "Text\n", **facts}
    )
    return submit(outbox, DraftBox(store), DraftBox(store).save(draft, now=1.0), spool, now=time.time())


def test_it_is_under_a_hundred_lines():
    assert len(EXAMPLE.read_text().splitlines()) < 100


async def test_one_file_for_all_recipients_and_no_bcc_in_the_copy(outbox, store, spool):
    queued(outbox, store, spool, cc=("Cal <cal@example.org>",), bcc=("dan@example.org", "bob@EXAMPLE.org"))
    rows = await Courier(outbox, [spool], store).run_once()
    assert {row.state for row in rows} == {DeliveryState.ACCEPTED}
    (file,) = spool.folder.iterdir()
    assert file.read_text() == ("bob@example.org\ncal@example.org\ndan@example.org\n\nSubject: Hi\n\nText\n")
    (copy,) = store.folder("work", "Sent").list()
    assert copy.path.read_text() == "To: bob@example.org\nSubject: Hi\n\nText\n"


async def test_a_folder_that_is_missing_is_waited_for(outbox, store, spool):
    spool.folder.rmdir()
    (row_id,) = queued(outbox, store, spool)
    await Courier(outbox, [spool], store).run_once()
    assert (outbox.row(row_id).state, outbox.row(row_id).why) == (
        DeliveryState.DEFERRED,
        f"The folder {spool.folder} is missing.",
    )
    spool.folder.mkdir(mode=0o700)
    outbox.retry(row_id, time.time())
    await Courier(outbox, [spool], store).run_once()
    assert outbox.row(row_id).state is DeliveryState.ACCEPTED


async def test_a_folder_that_others_can_write_to_holds_everything_until_that_is_fixed(outbox, store, spool):
    spool.folder.chmod(0o777)
    row_ids = [*queued(outbox, store, spool), *queued(outbox, store, spool, to=("cal@example.org",))]
    courier = Courier(outbox, [spool], store)
    await courier.run_once()
    await courier.run_once()
    held = [outbox.row(row_id) for row_id in row_ids]
    assert {(row.state, row.question) for row in held} == {(DeliveryState.HELD, Question.PERSON)}
    assert {row.why for row in held} == {f"The folder {spool.folder} is writable by others."}
    spool.folder.chmod(0o700)
    await courier.run_once()
    assert {outbox.row(row_id).state for row_id in row_ids} == {DeliveryState.ACCEPTED}


def let_raise(function, error, spool, monkeypatch):
    def broken(*_arguments):
        raise error

    monkeypatch.setitem(type(spool).send.__globals__, function, broken)


async def test_a_folder_that_cannot_be_written_is_tried_again(outbox, store, spool, monkeypatch):
    (row_id,) = queued(outbox, store, spool)
    with monkeypatch.context() as patch:
        let_raise("write_private", OSError("No space left on device"), spool, patch)
        await Courier(outbox, [spool], store).run_once()
    row = outbox.row(row_id)
    assert (row.state, row.why) == (DeliveryState.DEFERRED, "No space left on device.")
    assert list(spool.folder.iterdir()) == []
    outbox.retry(row_id, time.time())
    await Courier(outbox, [spool], store).run_once()
    assert outbox.row(row_id).state is DeliveryState.ACCEPTED


async def test_an_error_after_the_mark_leaves_it_uncertain(outbox, store, spool, monkeypatch):
    let_raise("sync_folder", OSError("Input/output error"), spool, monkeypatch)
    (row_id,) = queued(outbox, store, spool)
    await Courier(outbox, [spool], store).run_once()
    assert outbox.row(row_id).state is DeliveryState.UNCERTAIN
    assert len(list(spool.folder.iterdir())) == 1  # the other program may have passed it on


async def test_the_recipients_of_one_job_can_end_differently(outbox, store, spool, monkeypatch):
    endings = {
        "bob": Ending(Accepted(delivered=True)),
        "cal": Ending(Permanent(), "There is no such mailbox."),
        "dan": Ending(Temporary(Pace.HOURS), "The mailbox is full."),
        "eve": Ending(Ask(Question.PERSON), "Is this address right?"),
    }

    async def send(job, _over, marks):
        await marks.sending()
        return [endings[due.address.partition("@")[0]] for due in job.deliveries]

    monkeypatch.setattr(spool, "send", send)
    row_ids = queued(outbox, store, spool, to=tuple(f"{name}@example.org" for name in endings))
    await Courier(outbox, [spool], store).run_once()
    bob, cal, dan, eve = (outbox.row(row_id) for row_id in row_ids)
    assert (bob.state, cal.state) == (DeliveryState.DELIVERED, DeliveryState.FAILED)
    assert (dan.state, dan.why) == (DeliveryState.DEFERRED, "The mailbox is full.")
    assert dan.next_attempt > time.time() + 3600
    assert (eve.state, eve.question) == (DeliveryState.HELD, Question.PERSON)
    endings["dan"] = endings["eve"] = endings["bob"]
    for row in (dan, eve):
        outbox.retry(row.id, time.time())
    await Courier(outbox, [spool], store).run_once()
    assert {outbox.row(row.id).state for row in (bob, dan, eve)} == {DeliveryState.DELIVERED}
    assert len(store.folder("work", "Sent").list()) == 1


@pytest.mark.parametrize(
    ("facts", "error"),
    [({"to": ()}, AddressError), ({"to": ("hal",)}, AddressError), ({"body": "x" * 10**6}, LocalError)],
)
def test_what_cannot_be_sent_stays_a_draft(outbox, store, spool, facts, error):
    with pytest.raises(error):
        queued(outbox, store, spool, **facts)
    assert outbox.rows() == []
    assert len(DraftBox(store).all()) == 1


def test_the_script_of_the_guide_prints_what_it_says(tmp_path):
    blocks = BLOCK.findall((DOCS / "adding-a-transport.md").read_text("utf-8"))
    script = next(text for language, text in blocks if language == "python" and "Courier(" in text)
    printed = next(text for language, text in blocks if language == "text")
    (tmp_path / "try_it.py").write_text(script)
    found = subprocess.run(
        [sys.executable, "try_it.py"],
        cwd=tmp_path,
        env={"PYTHONPATH": f"{EXAMPLE.parent}:{DOCS.parent / 'src'}"},
        capture_output=True,
        text=True,
    )
    assert (found.stdout, found.stderr) == (printed, "")
