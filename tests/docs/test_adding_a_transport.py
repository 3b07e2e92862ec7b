"""The transport of docs/adding-a-transport.md: complete, short, and sent through by a real courier."""

from __future__ import annotations

import importlib.util
import time
from pathlib import Path

import pytest

from misfin.errors import AddressError, LocalError
from misfin.post.courier import Courier
from misfin.post.submission import submit
from misfin.post.transport import Transport
from misfin.store.mail.maildir import MailStore
from misfin.store.outgoing.drafts import Draft, DraftBox
from misfin.store.outgoing.outbox import DeliveryState, Outbox

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "spool_transport.py"


def load():
    spec = importlib.util.spec_from_file_location("spool_transport", EXAMPLE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def spool(tmp_path) -> Transport:
    (tmp_path / "spool").mkdir()
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
        f"The folder {spool.folder} is not there.",
    )
    spool.folder.mkdir()
    outbox.retry(row_id, time.time())
    await Courier(outbox, [spool], store).run_once()
    assert outbox.row(row_id).state is DeliveryState.ACCEPTED


async def test_a_folder_that_cannot_be_written_leaves_it_uncertain(outbox, store, spool, monkeypatch):
    def full(_path, _data):
        raise OSError("No space left on device")

    monkeypatch.setitem(type(spool).send.__globals__, "write_private", full)
    (row_id,) = queued(outbox, store, spool)
    await Courier(outbox, [spool], store).run_once()
    assert outbox.row(row_id).state is DeliveryState.UNCERTAIN


@pytest.mark.parametrize(
    ("facts", "error"),
    [({"to": ()}, AddressError), ({"to": ("hal",)}, AddressError), ({"body": "x" * 10**6}, LocalError)],
)
def test_what_cannot_be_sent_stays_a_draft(outbox, store, spool, facts, error):
    with pytest.raises(error):
        queued(outbox, store, spool, **facts)
    assert outbox.rows() == []
    assert len(DraftBox(store).all()) == 1
