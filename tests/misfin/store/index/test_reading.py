"""Mail that many programs read wrong: its row in the list, the message, and the words that find it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from mailboxes import ME, Mailbox, mail, scanned
from readingcases import CASES, Case

from misfin.store.index import MailIndex
from misfin.store.rows import MessageRow, View


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MailIndex]:
    """An index of all the cases, each under its own name."""
    root = tmp_path_factory.mktemp("reading")
    mailbox = Mailbox(root / "mail")
    for case in CASES:
        mailbox.put(case.data, name=case.name)
    opened = MailIndex(root / "index.db", root / "mail")
    yield scanned(opened)
    opened.close()


def named(index: MailIndex, query: str = "") -> dict[str, MessageRow]:
    return {row.path.name.partition(":")[0]: row for row in index.messages(View(query=query), 1000)}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_it_is_listed_read_and_found(index: MailIndex, case: Case) -> None:
    row = named(index)[case.name]
    sender = f"{row.sender} <{row.sender_address}>" if row.sender else row.sender_address
    assert (row.subject, sender) == (case.subject or f"CASE {case.name}", case.sender)
    assert datetime.fromtimestamp(row.date, UTC).isoformat().startswith(case.date)
    message = index.read(row)
    assert message.text == case.text + "\n"
    assert tuple(file.name for file in message.attachments) == case.files
    if case.found:
        assert case.name in named(index, case.found)


def put_and_list(root: Path, *messages: bytes, query: str = "") -> list[MessageRow]:
    mailbox = Mailbox(root / "mail")
    for data in messages:
        mailbox.put(data)
    index = scanned(MailIndex(root / "index.db", root / "mail"))
    rows = list(index.messages(View(query=query), 100))
    index.close()
    return rows


@pytest.mark.parametrize(
    ("identifier", "answered"),
    [
        ("one@x.example", "one@x.example"),
        ("<one@x.example>", "one@x.example"),
        ("one@x.example", "<one@x.example>"),
        ("<one two@x.example>", "<one two@x.example>"),
        (f"<{'1' * 300}@x.example>", f"<{'1' * 300}@x.example>"),
    ],
)
def test_a_reply_joins_its_conversation_however_the_identifier_is_written(
    tmp_path: Path, identifier: str, answered: str
) -> None:
    first, second = put_and_list(
        tmp_path,
        mail("First", message_id=identifier),
        mail("Second", message_id="<2@x>", In_Reply_To=answered),
    )
    assert first.thread == second.thread


def test_a_date_in_the_future_does_not_stay_above_all_others(tmp_path: Path) -> None:
    received = "from a by b; Wed, 4 Feb 2026 12:00:00 +0000"
    (row,) = put_and_list(
        tmp_path, mail("x", date=None, Date="Tue, 3 Feb 2099 10:00:00 +0000", Received=received)
    )
    assert datetime.fromtimestamp(row.date, UTC).isoformat() == "2026-02-04T12:00:00+00:00"
    (row, _) = put_and_list(tmp_path, mail("x", date=None, Date="Tue, 3 Feb 2099 10:00:00 +0000"))
    assert row.date <= datetime.now(UTC).timestamp()


def test_pictures_inside_the_text_are_listed_but_are_no_attachment_in_the_list(tmp_path: Path) -> None:
    related = (
        b"From: a@x\nTo: %s\nContent-Type: multipart/related; boundary=b\n\n--b\nContent-Type: text/html\n\n"
        b'<img src="cid:1"> Hi\n--b\nContent-Type: image/png; name=logo.png\nContent-ID: <1>\n'
        b"%s\n\nabc\n--b--\n"
    )
    for disposition, attached in ((b"", False), (b"Content-Disposition: attachment\n", True)):
        root = tmp_path / str(attached)
        data = related.replace(b"%s", ME.encode(), 1).replace(b"%s", disposition)
        assert bool(put_and_list(root, data, query="has:attachment")) is attached
        assert put_and_list(root / "again", data, query="logo")
