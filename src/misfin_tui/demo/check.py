"""``misfin-tui demo --check``: runs the main workflow through the command line, step by step.

Every step runs the same commands a person or a script would run, as separate processes, against the real
servers of the demo world. The first step that fails ends the run.
"""

from __future__ import annotations

import asyncio
import signal
import subprocess
import time
from collections.abc import Callable
from typing import Any

from misfin.model.address import MisfinAddress
from misfin_tui.demo import correspondents, email_check
from misfin_tui.demo.email_stories import email_count
from misfin_tui.demo.play import READY
from misfin_tui.demo.shell import PATIENCE, Play, StepFailed, need, wait_for
from misfin_tui.demo.stories import ME, stories
from misfin_tui.demo.throwaway import throwaway_folder
from misfin_tui.demo.world import CHANGED_SENDER, NEW_HOME, World, cast, open_world

# ---- the steps ------------------------------------------------------------------------------------


def start_correspondents(play: Play) -> None:
    """The correspondents' servers listen."""
    play.start("misfin_tui.demo.correspondents", str(play.world.root), ready=READY)


def start_receiver(play: Play) -> None:
    """Our own receiver listens."""
    words = ("--profile", str(play.world.root), "receive", "--until-eof")
    play.start("misfin_tui", *words, ready=str(play.world.port))


def list_mailbox(play: Play) -> None:
    """Every message of the demo mailbox is listed."""
    expected = sum(len(story.messages) for story in stories()) + email_count()
    found = play.run("list", "--limit", "1000")
    need(len(found) == expected, f"{len(found)} messages are listed, not {expected}")


def write_to_bea(play: Play) -> None:
    """A message to the correspondent who answers is delivered."""
    (sent,) = play.run("send", _address("bea"), "--subject", "The lantern", "--body", "Does it still leak?")
    need(
        sent["state"] == "delivered" and sent["status"] == 20,
        f"it is {sent['state']}, status {sent['status']}",
    )
    need(len(play.arrived("bea")) == 1, "her mailbox does not hold exactly one message")


def read_answer(play: Play) -> None:
    """Her answer arrives and joins the conversation."""
    (ours,) = play.run("search", "in:Sent", "subject:lantern")

    def answer() -> Any:
        found = play.run("search", "in:Inbox", "subject:lantern")
        return [message for message in found if _address("bea") in message["from"]]

    (message,) = wait_for("Bea's answer", answer)
    need(message["thread"] == ours["thread"], "the answer is not in the conversation of the message")
    need(message["trust"] in ("verified", "unconfirmed"), f"the answer is shown as {message['trust']}")
    play.memory["answer"] = message["id"]


def reply(play: Play) -> None:
    """A reply is sent and joins the conversation."""
    play.run("send", _address("bea"), "--subject", "Re: The lantern", "--body", "Good to know.")
    found = play.run("search", "subject:lantern")
    need(len({message["thread"] for message in found}) == 1, "the reply opened another conversation")


def show_raw(play: Play) -> None:
    """The raw message can be shown."""
    message = play.run("show", play.memory["answer"], "--raw")[0]
    need("Re: The lantern" in message["gemmail"], "the raw gemmail does not hold the subject")


def write_to_changed(play: Play) -> None:
    """A message to a host whose certificate changed is held, and none of it is sent."""
    (held,) = play.run("send", _address("dora"), "--subject", "Seeds", "--body", "They came up!", expect=3)
    need(held["state"] == "held", f"it is {held['state']}")
    need(not play.arrived("dora"), "the host with the changed certificate received something")


def keep_waiting(play: Play) -> None:
    """It stays held, however often the outbox runs."""
    play.run("outbox", "run", expect=3)
    need(not play.arrived("dora"), "the host with the changed certificate received something")


def trust_changed(play: Play) -> None:
    """Once the fingerprint is approved, the message is sent, once."""
    host = MisfinAddress.parse(_address("dora")).hostname
    (pin,) = play.run("trust", "show", host)
    need(pin["waiting"], "no certificate waits for a decision")
    play.run("trust", "approve", host, "--fingerprint", pin["waiting"])
    play.run("outbox", "run")
    need(len(play.arrived("dora")) == 1, "it did not arrive exactly once")


def write_to_moved(play: Play) -> None:
    """A message to somebody who moved is held with the new address, and sent there once approved."""
    (held,) = play.run("send", _address("carl"), "--body", "Where are you?", expect=3)
    need(NEW_HOME.address in held["why"] + held["meta"], "the new address is not shown")
    (row,) = [row for row in play.run("outbox") if row["state"] == "held"]
    play.run("outbox", "follow", str(row["id"]))
    need(len(play.arrived("carl-new")) == 1, "it did not arrive at the new address")


def write_to_b_only(play: Play) -> None:
    """A host that speaks only Misfin(B) gets the text unchanged."""
    text = "# Short\n\nTwo lines,\n* kept as they are"
    play.run("send", _address("otto"), "--body", text)
    (message,) = play.arrived("otto")
    need(text.encode() in message, "the text arrived changed")


def write_to_slow(play: Play) -> None:
    """A slow host is waited for."""
    play.run("send", _address("sam"), "--body", "No hurry.")
    need(len(play.arrived("sam")) == 1, "it did not arrive exactly once")


def hold_changed_sender(play: Play) -> None:
    """Mail from a sender whose certificate changed is held, and released once that is approved."""
    before = len(play.run("search", "is:held"))
    asyncio.run(_send_as(play.world, CHANGED_SENDER, "Shells for you"))
    held = wait_for("the held message", lambda: play.run("search", "is:held"))
    need(len(held) == before + 1, "the message was not held")
    address = _address(CHANGED_SENDER)
    (pin,) = play.run("trust", "show", address, "--senders")
    play.run("trust", "approve", address, "--senders", "--fingerprint", pin["waiting"])
    need(not play.run("search", "is:held"), "mail is still held after its sender was approved")


def stop_receiver(play: Play) -> None:
    """The receiver ends cleanly when asked to."""
    receiver = play.children[-1]
    receiver.send_signal(signal.SIGTERM)
    need(receiver.wait(PATIENCE) == 0, f"it ended with {receiver.returncode}")


def nothing_lost(play: Play) -> None:
    """Everything arrived once, and the outbox is empty."""
    counts = {name: len(play.arrived(name)) for name in cast()}
    expected = dict.fromkeys(counts, 0) | {"bea": 2, "dora": 1, "carl-new": 1, "otto": 1, "sam": 1}
    need(counts == expected, f"messages that arrived: {counts}")
    left = [row for row in play.run("outbox") if row["state"] != "delivered"]
    need(not left, f"{len(left)} messages are still in the outbox")


STEPS: tuple[Callable[[Play], None], ...] = (
    start_correspondents,
    start_receiver,
    list_mailbox,
    write_to_bea,
    read_answer,
    reply,
    show_raw,
    write_to_changed,
    keep_waiting,
    trust_changed,
    write_to_moved,
    write_to_b_only,
    write_to_slow,
    hold_changed_sender,
    stop_receiver,
    nothing_lost,
    *email_check.STEPS,
)


def check(steps: tuple[Callable[[Play], None], ...] = STEPS) -> int:
    """Run all steps in a world of their own and print each; 0 when all passed, 1 at the first that failed."""
    with throwaway_folder("misfin-tui-check-") as folder:
        play = Play(open_world(folder / "world", now=time.time()))
        try:
            return _play(play, steps)
        finally:
            play.close()


def _play(play: Play, steps: tuple[Callable[[Play], None], ...]) -> int:
    for number, step in enumerate(steps, 1):
        title = (step.__doc__ or step.__name__).strip()
        started = time.monotonic()
        try:
            step(play)
        except (StepFailed, OSError, ValueError, LookupError, subprocess.SubprocessError) as error:
            print(
                f"✗ {number:2}  {step.__name__}: {title}\n      {type(error).__name__}: {error}", flush=True
            )
            return 1
        print(f"✓ {number:2}  {title}  ({time.monotonic() - started:.1f} s)", flush=True)
    print(f"All {len(steps)} steps passed.")
    return 0


def _address(name: str) -> str:
    return cast()[name].address


async def _send_as(world: World, name: str, subject: str) -> None:
    person = correspondents.load(world, name)
    async with correspondents.client_of(world, name, person) as client:
        response = await client.send(to=ME.address, body="It is really me.", subject=subject)
    need(response.status == 20, f"our receiver answered {response.status} {response.meta}")
