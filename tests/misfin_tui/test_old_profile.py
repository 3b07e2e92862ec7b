"""A profile written by version 0.1.0 opens, with everything in it and nothing sent twice."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path

import pytest
from desk import at_desk, on_screen, shown
from releases import profile_of_0_1

from misfin.store.outgoing.deliveries import DeliveryState
from misfin.store.rows import View
from misfin.trust.tofu import PinKind
from misfin_tui.config import load
from misfin_tui.services import Services

from .cli.conftest import Shell

PRECIOUS = ("identities", "mail", "config.toml")


@pytest.fixture
def profile(tmp_path: Path):
    return profile_of_0_1(tmp_path)


@pytest.fixture
def services(profile):
    opened = Services(profile, load(profile.config))
    yield opened
    opened.close()


def contents(root: Path) -> dict[str, str]:
    """Every precious file that no database owns."""
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for name in PRECIOUS
        for path in sorted([root / name, *(root / name).rglob("*")])
        if path.is_file()
    }


def test_its_accounts_are_those_it_had_and_the_default_stays(services):
    accounts = services.accounts.read_all()
    assert [(each.name, each.address, each.title) for each in accounts] == [
        ("ada@mail.example", "ada@mail.example", "Ada Lovelace"),
        ("host@mail.example", "host@mail.example", "Host"),
        ("work", "grace@office.example", "Grace Hopper"),
    ]
    assert {each.directory for each in accounts} == set(services.store.accounts())


def test_its_mail_is_indexed_again_beside_the_old_index_and_nothing_of_it_changes(profile, services):
    before, old = contents(profile.root), (profile.cache / "index.db").read_bytes()
    services.index.scan()
    rows = services.index.messages(View(), 50)
    assert Counter((row.account.partition("@")[0], row.folder) for row in rows) == {
        ("ada", "Inbox"): 1,
        ("ada", "Held"): 1,
        ("ada", "Drafts"): 1,
        ("ada", "Sent"): 1,
        ("host", "Inbox"): 1,
        ("grace", "Inbox"): 1,
        ("grace", "Sent"): 1,
    }
    assert {row.subject for row in rows if row.folder == "Inbox"} == {
        "Hello ada",
        "Hello grace",
        "Hello host",
    }
    assert sum(row.unread for row in rows) == 4
    assert contents(profile.root) == before
    assert (profile.cache / "index.db").read_bytes() == old


def test_its_outbox_draft_people_and_pins_are_there(services):
    rows = services.outbox_queue.rows()
    assert Counter(row.state for row in rows) == {
        DeliveryState.DELIVERED: 2,
        DeliveryState.DEFERRED: 1,
        DeliveryState.WAITING: 2,
    }
    assert {row.account for row in rows} == {"ada@mail.example", "grace@office.example", "host@mail.example"}
    services.index.scan()
    (draft,) = services.index.messages(View(folder="Drafts"), 9)
    opened = services.draft_box.load(draft.id)
    assert (opened.account, opened.to, opened.subject, opened.body) == (
        "ada@mail.example",
        ("bob@hive.test",),
        "A draft",
        "Half a thought",
    )
    assert services.pin_book.get(PinKind.HOST, "hive.test:1958") is not None
    assert services.pin_book.get(PinKind.SENDER, "bob@hive.test") is not None
    assert [offer.name for offer in services.pin_book.offers()] == ["bob@hive.test"]
    services.contacts.learn(lambda: False)
    assert "bob@hive.test" in [each.address for each in services.contact_book.all(now=2e9)]


async def test_its_screen_shows_accounts_folders_and_what_waits(profile):
    settings = profile.config.read_text()
    profile.config.write_text(settings.replace("[receive]", "[receive]\nenabled = false"))
    async with at_desk(profile) as (app, pilot):
        await on_screen(pilot, "Hello ada")
        await on_screen(pilot, "▾ grace@office")
        await on_screen(pilot, "▾ host@mail.example")
        assert "Hello host" in shown(app)


def test_its_commands_work_with_the_name_an_identity_was_kept_under(profile):
    shell = Shell(profile.root)
    (row,) = shell.json("list", "--account", "work", "--folder", "Inbox")
    assert (row["subject"], row["account"], row["account_name"]) == (
        "Hello grace",
        "grace@office.example",
        "work",
    )
    for sender in ("work", "host@mail.example", "grace@office.example"):
        shell.json("send", "bob@hive.test", "--from", sender, "--queue", "--body", "x")
    found = {record["topic"]: record["verdict"] for record in shell.json("doctor", check=None)}
    assert found["accounts"] == found["databases"] == found["mail"] == "good"
