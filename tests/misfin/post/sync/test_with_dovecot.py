"""Whole passes against a real Dovecot: renamed folders, awkward names, and bytes that come back unchanged."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

import pytest
from dovecot import Dovecot, running
from imapdesk import imap_remote, other_client
from syncdesk import SyncDesk, text

from misfin.post.sync.lineends import sent_bytes

SIZE = 50 << 20 if os.environ.get("MISFIN_THOROUGH") else 5 << 20
LARGE = b"Subject: large\r\n\r\n" + b"99 bottles of beer\r\n" * (SIZE // 20)
ODD = {
    "NUL": b"Subject: nul\r\n\r\na\0b\xff\xfe\r\n",
    "bare CR": b"Subject: bare\r\n\r\na\rb\r\nc\r\n",
    "bare LF": b"Subject: bare\r\n\r\na\nb\r\nc\r\n",
    "no final line end": b"Subject: end\r\n\r\nlast",
    "no header": b"no header at all",
    "a long line": b"Subject: long\r\n\r\n" + b"x" * 70_000 + b"\r\n",
}


@pytest.fixture(scope="module")
def server() -> Iterator[Dovecot]:
    with running() as found:
        yield found


@pytest.fixture
def dovecot(server: Dovecot) -> Dovecot:
    with other_client(server) as client:
        for name in names_there(client):
            if name not in ("INBOX", "Sent", "Trash"):
                client.delete(f'"{name}"')
        for name in ("Sent", "Trash", "INBOX"):
            if int(client.select(name)[1][0]):
                client.store("1:*", "+FLAGS", "\\Deleted")
                client.expunge()
    return server


@pytest.fixture
def desk(tmp_path, monkeypatch) -> SyncDesk:
    monkeypatch.setattr("misfin.store.mail.snapshot.SETTLED_AFTER", -1.0)
    return SyncDesk(tmp_path)


def names_there(client) -> set[str]:
    return {re.search(rb'"/" "?([^"]*)"?$', line)[1].decode() for line in client.list()[1]}


def contents_there(client, folder: str) -> list[bytes]:
    _, (count,) = client.select(f'"{folder}"', readonly=True)
    numbers = range(1, int(count) + 1)
    return [client.fetch(str(number), "(BODY.PEEK[])")[1][0][1] for number in numbers]


async def settle(desk: SyncDesk, remote) -> list[str]:
    """Passes until nothing is left to do; what the last one did on the server."""
    desk.remote = remote
    remote.calls = []
    await desk.settle()
    before = desk.state.read("SELECT max(id) FROM change")
    result = await desk.once()
    assert (result.arrived, result.here, result.there, result.again, result.problems) == (0, 0, 0, False, ())
    assert desk.state.read("SELECT max(id) FROM change") == before


async def test_a_folder_renamed_here_is_renamed_there_and_nothing_is_left_of_the_old_one(desk, dovecot):
    async with imap_remote(dovecot) as remote:
        desk.store.create("work", ["Empty", "Old", "Old/Sub", "Grüße"])
        for name, number in (("Old", 1), ("Old/Sub", 2), ("Grüße", 3)):
            desk.store.folder("work", name).deliver(text(number).replace(b"\r\n", b"\n"), flags="S")
        await settle(desk, remote)
        for old, new in (("Empty", "Leer"), ("Old", "New"), ("Old/Sub", "New/Sub"), ("Grüße", "日本語")):
            desk.store.folder("work", old).path.rename(desk.store.folder("work", new).path)
        await settle(desk, remote)
        with other_client(dovecot) as client:
            assert names_there(client) == {
                *("INBOX", "Sent", "Trash", "Leer", "New", "New/Sub", "&ZeVnLIqe-"),
            }
            assert contents_there(client, "New/Sub") == [text(2)]
            assert contents_there(client, "&ZeVnLIqe-") == [text(3)]


async def test_names_that_differ_only_in_case_or_form_are_folders_of_their_own(desk, dovecot):
    names = ["Crew", "crew", "Gr&APwA3w-e", "Gru&AwgA3w-e", "x" * 190, "Trash/inbox"]
    with other_client(dovecot) as client:
        for number, name in enumerate(names):
            assert client.create(f'"{name}"')[0] == "OK", name
            client.append(f'"{name}"', "", None, text(number))
        async with imap_remote(dovecot) as remote:
            await settle(desk, remote)
            folders = [each for each in desk.state.folders() if each.remote.raw.decode() in names]
            assert len({folder.local.lower() for folder in folders}) == len(names)
            for folder in folders:
                number = names.index(folder.remote.raw.decode())
                assert desk.here(folder.local) == {text(number): 1}
            for folder in folders:  # and what is put there goes there
                desk.store.folder("work", folder.local).deliver(text(99).replace(b"\r\n", b"\n"), flags="S")
            await settle(desk, remote)
        for name in names:
            assert sorted(contents_there(client, name))[-1] == text(99), name
        assert len(names_there(client)) == len(names) + 3


@pytest.mark.parametrize("name", ODD)
async def test_odd_bytes_come_back_as_they_were_sent(desk, dovecot, name):
    with other_client(dovecot) as client:
        if client.append("INBOX", "", None, ODD[name])[0] != "OK":
            pytest.skip("Dovecot does not take such a message")
        stored = contents_there(client, "INBOX")  # Dovecot ends bare line ends itself
        async with imap_remote(dovecot) as remote:
            await settle(desk, remote)
            (entry,) = desk.files()
            assert sent_bytes(entry.path.read_bytes()) == stored[0]
            desk.store.folder("work", "Archive").deliver(entry.path.read_bytes(), flags="S")
            await settle(desk, remote)
        assert contents_there(client, "Archive") == stored
    assert sum(desk.here("Archive").values()) == 1


async def test_a_large_message_goes_up_and_comes_back_byte_for_byte(desk, dovecot, tmp_path):
    desk.store.folder("work", "Archive").deliver(LARGE.replace(b"\r\n", b"\n"), flags="S")
    async with imap_remote(dovecot) as remote:
        await settle(desk, remote)
        other = SyncDesk(tmp_path / "other")
        await settle(other, remote)
    (entry,) = other.files("Archive")
    assert entry.path.read_bytes() == LARGE.replace(b"\r\n", b"\n")


async def test_a_message_with_lf_goes_up_with_crlf_and_the_pass_comes_to_rest(desk, dovecot, tmp_path):
    local = [b"Subject: %d\n\nline\nline %d\n" % (number, number) for number in range(3)]
    local += [b"Subject: mixed\n\nline\r\nline\n", b"Subject: cr\n\na\rb\n", b"Subject: end\n\nlast"]
    for data in local:
        desk.store.folder("work").deliver(data, flags="S")
    async with imap_remote(dovecot) as remote:
        await settle(desk, remote)
        assert sorted(entry.path.read_bytes() for entry in desk.files()) == sorted(local)  # not rewritten
        with other_client(dovecot) as client:
            there = contents_there(client, "INBOX")
        assert sorted(there) == sorted(map(sent_bytes, local))
        other = SyncDesk(tmp_path / "other")  # another machine, or this one after its files were lost
        await settle(other, remote)
        assert sorted(sent_bytes(entry.path.read_bytes()) for entry in other.files()) == sorted(there)
        desk.state.close()
        (desk.root / "sync" / "work.db").unlink()
        again = SyncDesk(desk.root)
        await settle(again, remote)
        assert sorted(entry.path.read_bytes() for entry in again.files()) == sorted(local)
        with other_client(dovecot) as client:
            assert sorted(contents_there(client, "INBOX")) == sorted(there)
