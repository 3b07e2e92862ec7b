"""What a draft becomes: the same message at every try, its files streamed, its size known, its copy filed."""

from __future__ import annotations

import email
import email.policy
import os
import tracemalloc
from dataclasses import replace
from io import BytesIO

import pytest
from emailpost import email_desk
from smtppeers import PLAIN, Inbox, ScriptedServer, aiosmtpd, listening

from misfin.compose.measure import NO_LIMIT
from misfin.email.account import MailProtocol, MailServer, SaveSent, SendHTML
from misfin.email.mime_out import AttachmentChangedError, file_on_disk
from misfin.errors import AccountError, AddressError, LocalError
from misfin.store.outgoing.drafts import Draft
from misfin.store.outgoing.outbox import DeliveryState, Question

ACCEPTED, HELD, FAILED = DeliveryState.ACCEPTED, DeliveryState.HELD, DeliveryState.FAILED
BEA = "bea@example.org"
MB = 1024 * 1024


@pytest.fixture
def desk(tmp_path):
    with email_desk(tmp_path) as made:
        yield made


def parsed(data):
    return email.message_from_bytes(data, policy=email.policy.strict)


# ---- writing ------------------------------------------------------------------------------------------


def test_nobody_gets_a_message_twice_and_bcc_is_in_no_field(desk):
    draft = Draft(
        account="work",
        to=("Bea <bea@EXAMPLE.org>", "bea@example.org"),
        cc=(BEA, "cal@x.org"),
        bcc=("dee@x.org",),
    )
    composed = desk.transport.compose(draft)
    assert [each.address for each in composed.to] == [BEA]
    assert [each.address for each in composed.cc] == ["cal@x.org"]
    assert [each.address for each in composed.bcc] == ["dee@x.org"]
    assert {each.route for each in (*composed.to, *composed.cc, *composed.bcc)} == {"smtp:work"}
    file = BytesIO()
    composed.write(file)
    assert len(file.getvalue()) == composed.size
    assert b"dee" not in file.getvalue()
    assert composed.kept == b""


def test_what_cannot_be_sent_is_refused_before_it_is_queued(desk):
    compose = desk.transport.compose
    with pytest.raises(AddressError, match="no recipient"):
        compose(Draft(account="work", to=(" ",)))
    with pytest.raises(AddressError, match="not an e-mail address"):
        compose(Draft(account="work", to=("bea",)))
    with pytest.raises(AccountError):
        compose(Draft(account="gone", to=(BEA,)))
    with pytest.raises(LocalError, match="subject contains a line break"):
        compose(Draft(account="work", to=(BEA,), subject="Hi\r\nBcc: eve@example.org"))
    with pytest.raises(LocalError, match="half a character"):
        compose(Draft(account="work", to=(BEA,), body="\ud800"))
    with pytest.raises(LocalError, match="forwarded unchanged"):
        compose(Draft(account="work", to=(BEA,), forwards=b"gemmail"))
    desk.account = replace(desk.account, outgoing=None)
    with pytest.raises(AccountError, match="no server for sending"):
        compose(Draft(account="work", to=(BEA,)))


def test_the_measure_is_the_size_and_says_what_is_wrong(desk):
    draft = Draft(account="work", to=(BEA,), subject="Hi", body="Hello\n")
    found = desk.transport.measure(draft, [desk.transport.parse(BEA)])
    assert (found.size, found.limit, found.over) == (desk.transport.compose(draft).size, NO_LIMIT, False)
    unfinished = desk.transport.measure(replace(draft, to=(BEA, "ca")), [desk.transport.parse(BEA)])
    assert unfinished.size == found.size
    assert (
        desk.transport.measure(replace(draft, subject="a\nb"), []).problem
        == "The subject contains a line break."
    )


async def test_an_alias_writes_and_sends(desk):
    inbox = Inbox()
    async with aiosmtpd(inbox) as port:
        desk.at(port)
        (row,) = desk.put(BEA, sender="ada@alias.example")
        await desk.run()
    assert inbox.taken[0].mail_from == "ada@alias.example"
    message = parsed(inbox.contents[0])
    assert message["From"] == "Ada Example <ada@alias.example>"
    assert message["Message-ID"] == f"<{row.group}@alias.example>"


@pytest.mark.parametrize(
    ("policy", "body", "html"),
    [
        (SendHTML.AUTO, "Hello\n", False),
        (SendHTML.AUTO, "=> https://example.org x\n", True),
        (SendHTML.AUTO, "* one\n", True),
        (SendHTML.AUTO, "> quoted\n", False),
        (SendHTML.NEVER, "# Hi\n", False),
        (SendHTML.ALWAYS, "Hello\n", True),
    ],
)
def test_html_goes_along_where_the_setting_says_so(desk, policy, body, html):
    desk.account = replace(desk.account, send_html=policy)
    file = BytesIO()
    desk.transport.compose(Draft(account="work", to=(BEA,), body=body)).write(file)
    message = parsed(file.getvalue())
    assert (message.get_body(("html",)) is not None) == html
    assert message.get_body(("plain",)).get_content().replace("\r\n", "\n") == body


# ---- sending ------------------------------------------------------------------------------------------


async def test_a_message_is_the_same_at_every_try(desk):
    inbox = Inbox({"DATA": "451 later"})
    (desk.files.folder.parent / "a.txt").write_text("attached\n")
    file = desk.files.add(desk.files.folder.parent / "a.txt")
    bodies = []
    async with ScriptedServer({**PLAIN, ".": "451 later"}) as server:
        desk.at(server.port)
        (row,) = desk.put(BEA, attachments=(file,), body="# Hi\n\nÜber\n")
        for _ in range(2):
            (row,) = await desk.run()
            bodies.append(server.got.partition(b"DATA\r\n")[2].partition(b"\r\n.\r\n")[0])
            server.got = b""
            desk.now = row.next_attempt
    async with aiosmtpd(inbox) as port:
        inbox.refuse.clear()
        desk.at(port)
        (row,) = await desk.run()
    assert row.state is ACCEPTED
    assert bodies[0] == bodies[1] == inbox.contents[0][:-2]
    assert row.size == len(inbox.contents[0])


async def test_smtputf8_is_used_where_an_address_needs_it_and_asked_about_where_it_is_missing(desk):
    inbox = Inbox()
    async with aiosmtpd(inbox, enable_SMTPUTF8=True) as port:
        desk.at(port)
        desk.put("jörg@exämple.org")
        (row,) = await desk.run()
    assert row.state is ACCEPTED, row.why
    assert inbox.taken[0].rcpt_tos == ["jörg@xn--exmple-cua.org"]
    assert "SMTPUTF8" in inbox.taken[0].mail_options
    async with ScriptedServer(PLAIN) as server:
        desk.at(server.port)
        desk.put("jörg@exämple.org")
        rows = await desk.run()
    assert (rows[1].state, rows[1].question) == (HELD, Question.PERSON)
    assert "SMTPUTF8" in rows[1].why
    assert b"MAIL" not in server.got


@pytest.mark.parametrize("what", ["gone", "longer", "shorter", "a pipe", "a folder"])
async def test_an_attached_file_that_is_not_as_it_was_is_noticed_and_nothing_is_sent(desk, tmp_path, what):
    (tmp_path / "a.bin").write_bytes(b"x" * 1000)
    file = desk.files.add(tmp_path / "a.bin")
    (row,) = desk.put(BEA, attachments=(file,))
    path = desk.files.path(file.key)
    path.unlink()
    if what == "a pipe":
        os.mkfifo(path)
    elif what == "a folder":
        path.mkdir()
    elif what != "gone":
        path.write_bytes(b"x" * (1001 if what == "longer" else 999))
    async with ScriptedServer(PLAIN) as server:
        desk.at(server.port)
        (row,) = await desk.run()
    assert (row.state, row.question) == (HELD, Question.PERSON), row.why
    assert "Nothing was sent." in row.why
    assert b"\r\n.\r\n" not in server.got


async def test_a_file_that_grows_while_it_is_sent_stops_before_the_final_dot(desk, tmp_path):
    (tmp_path / "a.bin").write_bytes(b"x" * MB)
    file = desk.files.add(tmp_path / "a.bin")
    (row,) = desk.put(BEA, attachments=(file,))
    path = desk.files.path(file.key)

    class Growing(Inbox):
        async def handle_MAIL(self, *args):
            with path.open("ab") as more:
                more.write(b"more")
            return await super().handle_MAIL(*args)

    inbox = Growing()
    async with aiosmtpd(inbox) as port:
        desk.at(port)
        (row,) = await desk.run()
    assert (row.state, row.question) == (HELD, Question.PERSON)
    assert inbox.taken == []


@pytest.mark.parametrize("what", ["a pipe", "a folder", "gone"])
def test_only_a_regular_file_is_attached_by_its_path_and_nobody_waits_for_a_pipe(tmp_path, what):
    path = tmp_path / "x"
    if what == "a pipe":
        os.mkfifo(path)
    elif what == "a folder":
        path.mkdir()
    with pytest.raises(AttachmentChangedError):
        file_on_disk(path)


async def test_a_large_attachment_takes_no_memory(desk, tmp_path):
    with (tmp_path / "big.bin").open("wb") as big:
        for number in range(25):
            big.write(bytes([number]) * MB)
    file = desk.files.add(tmp_path / "big.bin")
    received = 0

    async def serve(reader, writer):
        nonlocal received
        writer.write(b"220 mx\r\n")
        while line := await reader.readline():
            writer.write(b"354 go\r\n" if line == b"DATA\r\n" else b"250 ok\r\n")
            if line == b"DATA\r\n":
                tail = b""
                while not tail.endswith(b"\r\n.\r\n"):
                    data = await reader.read(MB)
                    received += len(data)
                    tail = (tail + data)[-5:]
                writer.write(b"250 ok\r\n")

    async with listening(serve) as port:
        desk.at(port)
        desk.put(BEA, attachments=(file,))
        tracemalloc.start()
        try:
            (row,) = await desk.run()
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert row.state is ACCEPTED, row.why
    assert received > 25 * MB * 4 / 3
    assert peak < 12 * MB  # server and client together, in one process
    assert desk.sent()[0].count(b"\n") > 400_000


# ---- the copy -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("save", "host", "incoming", "kept"),
    [
        (SaveSent.AUTO, "smtp.example.org", True, True),
        (SaveSent.AUTO, "smtp.gmail.com", True, False),
        (SaveSent.AUTO, "smtp.office365.com", True, False),
        (SaveSent.AUTO, "smtp.gmail.com", False, True),  # nothing would bring the provider's copy here
        (SaveSent.YES, "smtp.gmail.com", True, True),
        (SaveSent.NO, "smtp.example.org", True, False),
    ],
)
def test_a_copy_is_kept_where_the_provider_does_not_keep_one(desk, save, host, incoming, kept):
    inbox = MailServer(MailProtocol.IMAP, "imap.example.org", 993) if incoming else None
    server = replace(desk.account.outgoing, host=host)
    desk.account = replace(desk.account, save_sent=save, outgoing=server, incoming=inbox)
    desk.put(BEA)
    outgoing = desk.outbox.outgoing(desk.outbox.rows()[0].group)
    copy = desk.transport.sent_copy(outgoing)
    assert (copy is not None) == kept
    if copy is not None:
        files = [BytesIO(), BytesIO()]
        for file in files:
            copy.write(file)
        assert files[0].getvalue() == files[1].getvalue()
        assert len(files[0].getvalue()) == copy.size
