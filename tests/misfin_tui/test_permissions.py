"""Everything the program writes is for its owner alone, whatever the umask: files 0600, folders 0700."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import pytest
from desk import ALICE, at_desk, identity, make_profile, until
from freeports import free_port
from mailboxes import Mailbox, mail

from misfin.net.verification_cache import SenderVerificationCache
from misfin.store.index_file import VERSION
from misfin.store.outgoing.drafts import Draft
from misfin.store.people.contacts import Contact
from misfin.store.rows import View
from misfin.trust.pins import PinBook
from misfin.trust.tofu import PinKind
from misfin_tui.demo.play import correspondents_of
from misfin_tui.demo.world import open_world
from misfin_tui.picture import Picture
from misfin_tui.screens.compose import ComposeScreen
from misfin_tui.widgets import handing_over

from .cli.conftest import Shell, config_for

ATTACHED = b"%PDF-1"


def open_to_others(folder: Path) -> dict[str, str]:
    """What below a folder others may read, write or enter, with its mode."""
    found = {}
    for path in folder.rglob("*"):
        mode = stat.S_IMODE(path.lstat().st_mode)
        if mode & (0o077 if path.is_dir() else 0o177):
            found[str(path.relative_to(folder))] = oct(mode)
    return found


@pytest.fixture
def anybody() -> Iterator[None]:
    """The most careless umask there is."""
    before = os.umask(0)
    yield
    os.umask(before)


def test_what_the_commands_write(anybody: None, tmp_path: Path) -> None:
    world = tmp_path / "world"
    world.mkdir(mode=0o700)
    ports = {"harbour.test": free_port(), "hive.test": free_port()}
    ada, bea = Shell(world / "deep" / "er" / "ada"), Shell(world / "bea")
    try:
        for who, host in ((ada, "harbour.test"), (bea, "hive.test")):
            who.run("config", "init")
            (who.root / "config.toml").write_text(config_for(ports[host], ports))
            who.run("identity", "new", f"{who.root.name}@{host}")
        bea.receive()
        ada.receive()
        ada.run("send", "bea@hive.test", "--body", "# One\n\ntext")
        bea.run("send", "ada@harbour.test", "--body", "# Two\n\ntext")
        ada.run("send", "bea@hive.test", "--body", "later", "--queue")
        ada.run("outbox", "run")
        ada.run("send", "nobody@hive.test", "--body", "in vain", check=None)
        for words in (
            ("identity", "renew", "ada@harbour.test"),
            ("identity", "export", "ada@harbour.test", "--output", str(world / "key.pem")),
            (
                "identity",
                "export",
                "ada@harbour.test",
                "--output",
                str(world / "c.pem"),
                "--certificate-only",
            ),
            ("export", str(world / "out.mbox")),
            ("export", str(world / "more" / "out"), "--format", "gmi"),
            ("import", str(world / "out.mbox"), "--account", "new@harbour.test"),
            ("search", "text"),
            ("trust", "list"),
            ("trust", "forget", "hive.test"),
            ("doctor", "--reindex"),
        ):
            ada.run(*words, check=None if words[0] == "doctor" else 0)
        other = identity("erin@far.test")
        (world / "other.pem").touch(mode=0o600)
        (world / "other.pem").write_bytes(other.pem)
        ada.run("identity", "import", str(world / "other.pem"))
        assert open_to_others(world) == {}  # also while the receivers run
    finally:
        ada.close()
        bea.close()
    assert open_to_others(world) == {}
    names = {path.name for path in world.rglob("*")}
    assert {
        f"index-{VERSION}.db",
        "outbox.db",
        "trust.db",
        "contacts.db",
        "verification.db",
        "misfin-imported",
    } <= names
    assert len(list((world / "more" / "out").glob("*.gmi"))) >= 2


async def test_what_the_app_writes(anybody: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "Bob <bob@x.example>", ALICE, "Files"
    message.set_content("see attachments\n")
    message.add_attachment(ATTACHED, maintype="application", subtype="pdf", filename="report.pdf")
    world = tmp_path / "world"
    world.mkdir(mode=0o700)
    os.umask(0o077)  # what this test puts there is its own affair
    profile = make_profile(world / "profile")
    box = Mailbox(profile.mail, ALICE)
    box.put(message.as_bytes())
    box.put(mail("another message"))
    with PinBook(profile.trust_db) as pins:
        pins.record(PinKind.HOST, "hive.test:1958", identity("bob@hive.test").info, now=time.time())
    os.umask(0)
    script = "import os,sys; p=sys.argv[1]; os.remove(p); open(p,'wb').write(bytes([99, 97, 102, 233]))"
    monkeypatch.setenv("VISUAL", f'{sys.executable} -c "{script}"')
    seen: list[dict[str, str]] = []

    async def as_it_runs(_app: object, argv: list[str]) -> tuple[int, str]:
        seen.append(open_to_others(world))
        return os.spawnv(os.P_WAIT, argv[0], argv), ""

    monkeypatch.setattr(handing_over, "_run", as_it_runs)
    async with at_desk(profile, (120, 40)) as (app, pilot):
        services = app.services
        await until(pilot, lambda: services.index.messages(View(), 9))
        rows = services.index.messages(View(), 9)
        row = next(each for each in rows if each.subject == "Files")
        await services.attached.save(row, 0, world / "report.pdf")
        (world / "all").mkdir(mode=0o700)
        await services.attached.save_all(row, world / "all")
        services.outside.open_file = seen_opening(seen, world)  # type: ignore[method-assign]  # no opener here
        await services.attached.open(row, 0)
        await services.outside.save(world / "message.eml", await services.mail.raw(row))
        await services.filer.apply("archive", [row.id])
        await services.identities.create("second@mail.example")
        for with_key in (True, False):
            await services.identities.export(
                "second@mail.example", world / f"{with_key}.pem", with_key=with_key
            )
        services.trust._export(world / "pins.json")
        await services.setup.change("ui", "theme", "ansi")
        await services.contacts.save(Contact("carl@far.test"))
        (world / "Downloads").mkdir(mode=0o700)
        for module in ("platformdirs", "textual.app"):
            monkeypatch.setattr(f"{module}.user_downloads_path", lambda: world / "Downloads")
        app.action_screenshot()
        await until(pilot, lambda: list((world / "Downloads").glob("*.svg")))
        app.open_composer(Draft(to=("bob@hive.test",), subject="Hi", body="text"))
        await until(pilot, lambda: isinstance(app.screen, ComposeScreen) and app.screen._opened is not None)
        await pilot.press("ctrl+e")
        await until(pilot, lambda: list(profile.runtime.glob("*.kept.gmi")))
        await until(pilot, lambda: services.store.folder(ALICE, "Drafts").list())
        await services.sending.submit(Draft(account=ALICE, to=("bob@hive.test",), subject="Hi", body="text"))
        assert open_to_others(world) == {}
    places = (profile.root, profile.cache, profile.runtime, 100, 30)
    subprocess.run([sys.executable, "-m", "misfin_tui.app.still", *map(str, places)], check=True, timeout=60)
    assert Picture(profile).path.exists()
    SenderVerificationCache(world / "not" / "there" / "cache.db").close()
    with PinBook(world / "nor" / "there" / "trust.db"):
        pass
    assert open_to_others(world) == {}
    assert seen == [{}, {}]
    names = {path.name for path in world.rglob("*")}
    assert {"undo.db", "outbox.db", "pins.json", "False.pem", "report.pdf", "message.eml"} <= names


def seen_opening(seen: list[dict[str, str]], world: Path):  # type: ignore[no-untyped-def]  # a stand-in
    async def open_file(path: Path) -> None:
        assert path.read_bytes() == ATTACHED
        seen.append(open_to_others(world))

    return open_file


def test_what_the_demo_writes(anybody: None, tmp_path: Path) -> None:
    root = tmp_path / "demo"
    world = open_world(root, now=time.time())
    with correspondents_of(world):
        assert open_to_others(root) == {}
    assert open_to_others(root) == {}
    assert root.stat().st_mode & 0o077 == 0
    assert (root / "correspondents.log").exists()
