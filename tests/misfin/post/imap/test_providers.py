"""Servers as providers run them, through whole passes in both directions."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from hostedmail import Hosted, MakeSession, ProviderDesk
from providers import (
    OUTLOOK_FOLDERS,
    BridgeSession,
    CoremailSession,
    CourierSession,
    OutlookSession,
    RenumberedMailboxes,
    XlistSession,
    mailboxes,
)
from syncdesk import text

from misfin_tui import __version__
from misfin_tui.demo.imap.mailboxes import Mailboxes
from misfin_tui.demo.imap.session import ImapSession


@asynccontextmanager
async def provider(root: Path, make: MakeSession, boxes: Mailboxes) -> AsyncIterator[ProviderDesk]:
    hosted = Hosted(boxes, make)
    async with hosted.listening():
        yield ProviderDesk(root, hosted)


COURIER = ("Drafts", "Sent", "Trash", "Lists/python")
PROVIDERS: dict[str, tuple[MakeSession, Callable[[], Mailboxes], str, str]] = {
    "the demo's": (ImapSession, lambda: Mailboxes(None), "Trash", "Sent"),
    "Outlook": (OutlookSession, lambda: mailboxes(*OUTLOOK_FOLDERS), "Deleted Items", "Sent Items"),
    "XLIST": (XlistSession, lambda: mailboxes("Aus", "Halb", "Mist", "Stern", "Weg"), "Weg", "Aus"),
    "below INBOX": (CourierSession, lambda: mailboxes(*COURIER), "Trash", "Sent"),
    "163": (CoremailSession, lambda: Mailboxes(None), "Trash", "Sent"),
    "a bridge": (BridgeSession, lambda: Mailboxes(None), "Trash", "Sent"),
}


@pytest.mark.parametrize("name", PROVIDERS)
async def test_everything_goes_both_ways(name: str, tmp_path: Path):
    make, boxes, trash, sent = PROVIDERS[name]
    async with provider(tmp_path, make, boxes()) as desk:
        there = desk.hosted.mailboxes
        desk.put("INBOX", *map(text, range(1, 6)))
        desk.put(trash, text(6))
        desk.store.folder("work", "Sent").deliver(text(7).replace(b"\r\n", b"\n"), flags="S")
        await desk.settle()
        assert desk.here() == desk.on_server("INBOX") == {text(number): 1 for number in range(1, 6)}
        assert desk.here("Trash") == {text(6): 1}
        assert desk.on_server(sent) == {text(7): 1}
        desk.store.folder("work").set_flags(desk.key_of("Inbox", text(1)), "FS")
        desk.move(text(2), "Inbox", "Trash")
        there.set_flags("INBOX", 3, ["\\Seen", "\\Answered"])
        there.copy("INBOX", [4], trash, move=True)
        await desk.settle()
        assert {message.uid: message.flags for message in there.messages("INBOX")} == {
            1: {"\\Flagged", "\\Seen"},
            3: {"\\Seen", "\\Answered"},
            5: frozenset(),
        }
        assert sorted(entry.flags for entry in desk.files()) == ["", "FS", "RS"]
        assert desk.here("Trash") == desk.on_server(trash) == {text(number): 1 for number in (2, 4, 6)}
        assert not desk.attic()


async def test_outlook_folders_get_their_purpose_by_their_names(tmp_path: Path):
    async with provider(tmp_path, OutlookSession, mailboxes(*OUTLOOK_FOLDERS)) as desk:
        desk.put("Junk Email", text(1))
        desk.put("Deleted Items", text(2))
        desk.put("Notes", text(3))
        await desk.settle()
        assert (desk.here("Junk"), desk.here("Trash")) == ({text(1): 1}, {text(2): 1})
        assert desk.here("Notes") == {text(3): 1}
        assert "Junk Email" not in desk.store.folders("work")


async def test_sizes_that_outlook_only_guesses_cut_no_message_off(tmp_path: Path):
    large = text(1, b"x" * 900_000 + b"\r\n" + b"y" * 900_000)  # in pieces of a mebibyte
    async with provider(tmp_path, OutlookSession, mailboxes(*OUTLOOK_FOLDERS)) as desk:
        desk.put("INBOX", large, text(2))
        await desk.settle()
        assert desk.here() == {large: 1, text(2): 1}


async def test_xlist_says_what_folders_are_for(tmp_path: Path):
    async with provider(tmp_path, XlistSession, mailboxes("Aus", "Halb", "Mist", "Stern", "Weg")) as desk:
        desk.put("Mist", text(1))
        desk.put("INBOX", text(2))
        desk.put("Stern", text(2))
        await desk.settle()
        assert (desk.here("Junk"), desk.here()) == ({text(1): 1}, {text(2): 1})
        assert not {"Stern", "Posteingang", "Aus"} & set(desk.store.folders("work"))


async def test_the_prefix_and_the_separator_of_a_server_stay_with_it(tmp_path: Path):
    async with provider(tmp_path, CourierSession, mailboxes(*COURIER)) as desk:
        desk.put("Lists/python", text(1))
        await desk.settle()
        assert desk.here("Lists/python") == {text(1): 1}
        desk.store.folder("work", "Lists/rust").create().deliver(text(2).replace(b"\r\n", b"\n"))
        await desk.settle()
        assert desk.on_server("Lists/rust") == {text(2): 1}
        assert any('CREATE "INBOX.Lists.rust"' in line for line in desk.hosted.lines)


async def test_it_is_said_who_we_are_before_a_folder_is_opened(tmp_path: Path):
    async with provider(tmp_path, CoremailSession, Mailboxes(None)) as desk:
        desk.put("INBOX", text(1))
        await desk.settle()
        names = [line.split(" ", 2)[1] for line in desk.hosted.lines]
        assert names.index("ID") < names.index("SELECT")
        (said, *_) = [line for line in desk.hosted.lines if " ID " in line]
        assert "misfin-tui" in said
        assert f'"{__version__}"' in said


async def test_an_upload_whose_id_a_bridge_does_not_say_is_there_once(tmp_path: Path):
    async with provider(tmp_path, BridgeSession, Mailboxes(None)) as desk:
        await desk.settle()
        desk.store.folder("work", "Sent").deliver(text(1).replace(b"\r\n", b"\n"), flags="S")
        await desk.settle()
        await desk.settle()
        assert desk.on_server("Sent") == desk.here("Sent") == {text(1): 1}


@pytest.mark.parametrize("said", [True, False], ids=["and says so", "and does not say so"])
async def test_a_bridge_that_numbers_everything_again_loses_and_doubles_nothing(tmp_path: Path, said: bool):
    boxes = RenumberedMailboxes(None)
    async with provider(tmp_path, BridgeSession, boxes) as desk:
        desk.put("INBOX", *map(text, range(1, 31)))
        await desk.settle()
        keys = {entry.key for entry in desk.files()}
        boxes.renumber(epoch=said)
        result = await desk.once()
        everything = {text(number): 1 for number in range(1, 31)}
        assert desk.on_server("INBOX") == everything
        assert not desk.attic()
        for _ in range(4):
            desk.now += 61
            result = await desk.once()
        assert desk.on_server("INBOX") == everything
        if said:
            assert {entry.key for entry in desk.files()} == keys
            assert (result.asking, result.again) == ((), False)
            desk.move(text(3), "Inbox", "Trash")  # the ids of now are those that are acted upon
            await desk.settle()
            assert desk.on_server("Trash") == {text(3): 1}
        else:
            assert {text for text, count in (desk.here() + desk.attic()).items()} == set(everything)
