"""``demo --check`` plays the main job, and names the step that does not hold."""

from __future__ import annotations

import shutil
import socket
import time
from pathlib import Path

import pytest

from misfin.model.address import MisfinAddress
from misfin.store.evidence import Evidence
from misfin.store.rows import View
from misfin_tui.config import load
from misfin_tui.demo import check, shell
from misfin_tui.demo.check import STEPS
from misfin_tui.demo.shell import Play
from misfin_tui.demo.world import World, open_world
from misfin_tui.services import Services


def test_every_step_of_the_demo_holds(capsys: pytest.CaptureFixture[str]) -> None:
    assert check.check() == 0
    out = capsys.readouterr().out
    assert out.count("✓") == len(STEPS)
    assert f"All {len(STEPS)} steps passed." in out


@pytest.fixture(scope="module")
def dead_world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A world in which nobody listens, no message lies in the mailbox, and every port is taken."""
    world = open_world(tmp_path_factory.mktemp("demo") / "world", now=time.time())
    shutil.rmtree(world.profile.mail)
    return world


def _hold(port: int) -> socket.socket:
    """Take a port without listening: nobody else can have it, and who connects is refused at once."""
    holder = socket.socket()
    holder.bind(("127.0.0.1", port))
    return holder


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.__name__)
def test_a_broken_step_is_named_and_ends_the_play(
    step: object, dead_world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(shell, "PATIENCE", 1.5)
    play = Play(dead_world)
    taken = [_hold(port) for port in (dead_world.port, dead_world.mail_port, *dead_world.ports.values())]
    try:
        assert check._play(play, (step, pytest.fail)) == 1  # type: ignore[arg-type]  # the second must not run
    finally:
        play.close()
        for holder in taken:
            holder.close()
    assert step.__name__ in capsys.readouterr().out  # type: ignore[attr-defined]  # steps are functions


def test_a_world_is_entered_again_as_it_was_left(tmp_path: Path) -> None:
    first = open_world(tmp_path / "world", now=1_800_000_000.0)
    assert open_world(tmp_path / "world", now=1_800_009_999.0) == first


def test_a_folder_with_other_things_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("precious")
    with pytest.raises(Exception, match="not empty"):
        open_world(tmp_path, now=0.0)
    assert [entry.name for entry in tmp_path.iterdir()] == ["thesis.txt"]


async def test_everybody_in_the_demo_is_in_contacts_what_they_are_in_the_list(tmp_path: Path) -> None:
    world = open_world(tmp_path / "world", now=time.time())
    services = Services(world.profile, load(world.profile.config))
    try:
        services.index.scan()
        messages = [row for row in services.index.messages(View(), 1000) if row.folder != "Held"]
        proven = [row for row in messages if row.evidence is not Evidence.UNPROVEN and row.folder != "Sent"]
        senders = {row.sender_address: row.evidence for row in proven}
        standings = await services.contacts.standings([*map(MisfinAddress.parse, senders)])
        assert {*senders.values()} == {Evidence.VERIFIED, Evidence.UNCONFIRMED}
        assert [standing.evidence for standing in standings] == [*senders.values()]
    finally:
        services.close()
