"""The steps of ``misfin-tui demo --check`` for e-mail."""

from __future__ import annotations

from collections.abc import Callable
from email import message_from_bytes
from email.policy import default
from typing import Any

from misfin_tui.demo.email_stories import mail_people
from misfin_tui.demo.shell import Play, need, wait_for
from misfin_tui.demo.stories import MAIL_ACCOUNT

CHART = b"The deep water is east of the lamp.\n"
NOBODY = "otis@wharf.test"


def write_email(play: Play) -> None:
    """An e-mail with a copy and a file is held: nobody vouches for the provider's certificate."""
    file = play.world.root / "chart.txt"
    file.write_bytes(CHART)
    words = ("--cc", _address("tomas"), "--attach", str(file), "--subject", "The charts")
    rows = _send(play, _address("lena"), *words, "--body", "Here they are.", expect=3)
    need([row["state"] for row in rows] == ["held"] * 2, f"it is {[row['state'] for row in rows]}")
    _nothing_arrived(play)


def log_in_wrong(play: Play) -> None:
    """Once the certificate is approved, a wrong password is a question, and nothing is sent."""
    name = f"localhost:{play.world.mail_port}"
    (pin,) = play.run("trust", "show", name, "--mail")
    need(pin["waiting"], "no certificate waits for a decision")
    play.world.mail_password.write_bytes(b"wrong\n")
    play.run("trust", "approve", name, "--mail", "--fingerprint", pin["waiting"])
    play.run("outbox", "run", expect=3)
    questions = [row["question"] for row in _rows(play)]
    need(questions == ["account"] * 2, f"the questions are {questions}")
    _nothing_arrived(play)


def log_in_right(play: Play) -> None:
    """With the right password it is accepted for both, and the file arrives as it was."""
    play.world.mail_password.write_bytes(play.world.mail_server_password.read_bytes() + b"\n")
    for row in _rows(play):
        play.run("outbox", "retry", str(row["id"]))
    states = [(row["state"], row["accepted_by"]) for row in _rows(play)]
    need(states == [("accepted", "localhost")] * 2, f"the states are {states}")
    for name in ("lena", "tomas"):
        (data,) = play.arrived_email(name)
        message = message_from_bytes(data, policy=default)
        files = [part.get_payload(decode=True) for part in message.iter_attachments()]
        need(files == [CHART], f"{name} did not get the file as it was")
        need(_address("tomas") in message["Cc"], "the copy is not in the header")


def refuse_recipient(play: Play) -> None:
    """Of two recipients one is refused for good, and the other gets the message."""
    words = (NOBODY, _address("lena"), "--subject", "Is Otis there?", "--body", "I cannot reach him.")
    refused, accepted = _send(play, *words, expect=1)
    need(
        (refused["state"], refused["status"]) == ("failed", 550),
        f"it is {refused['state']}, status {refused['status']}",
    )
    need(accepted["state"] == "accepted", f"it is {accepted['state']} for the other")


def read_email_answer(play: Play) -> None:
    """An answer arrives in the e-mail account and joins the conversation."""
    (ours,) = play.run("search", "in:Sent", "subject:charts")

    def answer() -> Any:
        found = play.run("search", "in:Inbox", "subject:charts")
        return [message for message in found if _address("lena") in message["from"]]

    (message,) = wait_for("Lena's answer", answer)
    need(message["account_name"] == MAIL_ACCOUNT, f"it is in the account {message['account_name']}")
    need(message["thread"] == ours["thread"], "the answer is not in the conversation of the message")


def no_email_lost(play: Play) -> None:
    """Every e-mail arrived once."""
    counts = {name: len(play.arrived_email(name)) for name in ("lena", "tomas")}
    need(counts == {"lena": 2, "tomas": 1}, f"e-mail that arrived: {counts}")


STEPS: tuple[Callable[[Play], None], ...] = (
    write_email,
    log_in_wrong,
    log_in_right,
    refuse_recipient,
    read_email_answer,
    no_email_lost,
)


def _send(play: Play, *words: str, expect: int) -> list[dict[str, Any]]:
    return play.run("send", *words, "--account", MAIL_ACCOUNT, expect=expect)


def _rows(play: Play) -> list[dict[str, Any]]:
    """The deliveries of the e-mail account."""
    return [row for row in play.run("outbox") if row["account_name"] == MAIL_ACCOUNT]


def _nothing_arrived(play: Play) -> None:
    need(not any(map(play.arrived_email, mail_people())), "something was sent all the same")


def _address(name: str) -> str:
    return mail_people()[name].address
