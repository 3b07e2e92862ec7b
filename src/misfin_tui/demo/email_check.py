"""The steps of ``misfin-tui demo --check`` for e-mail."""

from __future__ import annotations

import signal
from collections.abc import Callable
from email import message_from_bytes
from email.policy import default
from typing import Any

from misfin.model.folders import ARCHIVE, INBOX, SENT
from misfin.store.mail.maildir import Entry, Maildir, MailStore
from misfin_tui.demo.email_stories import mail_people
from misfin_tui.demo.imap import mailboxes as hosted
from misfin_tui.demo.play import READY
from misfin_tui.demo.post_office import ANSWERS
from misfin_tui.demo.shell import PATIENCE, Play, StepFailed, need, wait_for
from misfin_tui.demo.stories import MAIL_ACCOUNT, MAIL_ME

CHART = b"The deep water is east of the lamp.\n"
NOBODY = "otis@wharf.test"
NOTE = "A note to myself"


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


def fetch_email(play: Play) -> None:
    """A first fetch brings the answers, finds what is here on the server too, and uploads what was sent."""
    answer = ANSWERS["lena"].encode()

    def answers() -> int:
        return sum(answer in data for _, data in _on_server(play, hosted.INBOX))

    wait_for("Lena's answers", lambda: answers() == 2)
    play.run("fetch", "--account", MAIL_ACCOUNT)
    for folder, name in ((INBOX, hosted.INBOX), (SENT, SENT)):
        ours, theirs = len(_folder(play, folder).list()), len(_on_server(play, name))
        need(ours == theirs >= 2, f"{folder} has {ours} messages here and {theirs} on the server")


def keep_in_sync(play: Play) -> None:
    """The account is kept in sync from now on."""
    words = ("--profile", str(play.world.root), "fetch", "--follow", "--until-eof")
    play.start("misfin_tui", *words, ready="connected")


def write_to_oneself(play: Play) -> None:
    """A message to oneself arrives by itself, as soon as the server has it."""
    _send(play, MAIL_ME.address, "--subject", NOTE, "--body", "Buy oil for the lamp.", expect=0)
    wait_for("the message to oneself", lambda: _file(play, INBOX))


def read_there(play: Play) -> None:
    """What is read here is marked as read on the server."""
    entry = _the_file(play, INBOX)
    _folder(play, INBOX).set_flags(entry.key, "S")
    wait_for("the mark on the server", lambda: "\\Seen" in (_flags_on_server(play, hosted.INBOX) or ()))


def archive_there(play: Play) -> None:
    """What is archived here is moved to the server's archive."""
    entry = _the_file(play, INBOX)
    _folder(play, INBOX).move(entry.key, _folder(play, ARCHIVE))
    wait_for("the message in the server's archive", lambda: _flags_on_server(play, ARCHIVE) is not None)
    need(_flags_on_server(play, hosted.INBOX) is None, "it is in the server's inbox, too")


def stop_following(play: Play) -> None:
    """The process that keeps the account in sync ends cleanly when asked to."""
    follower = play.children[-1]
    follower.send_signal(signal.SIGTERM)
    need(follower.wait(PATIENCE) == 0, f"it ended with {follower.returncode}")


def change_offline(play: Play) -> None:
    """Without the server, a change stays here, and a fetch says that it is for later."""
    provider = play.children[0]
    assert provider.stdin is not None
    provider.stdin.close()
    need(provider.wait(PATIENCE) == 0, f"the servers ended with {provider.returncode}")
    entry = _the_file(play, ARCHIVE)
    _folder(play, ARCHIVE).set_flags(entry.key, "FS")
    play.run("fetch", "--account", MAIL_ACCOUNT, expect=4)
    need("\\Flagged" not in (_flags_on_server(play, ARCHIVE) or ()), "the server was changed all the same")


def push_later(play: Play) -> None:
    """Once the server is back, it gets the change."""
    play.start("misfin_tui.demo.correspondents", str(play.world.root), ready=READY)
    play.run("fetch", "--account", MAIL_ACCOUNT)
    need("\\Flagged" in (_flags_on_server(play, ARCHIVE) or ()), "the server did not get the change")


def no_email_lost(play: Play) -> None:
    """Every e-mail arrived once."""
    counts = {name: len(play.arrived_email(name)) for name in ("lena", "tomas")}
    need(counts == {"lena": 2, "tomas": 1}, f"e-mail that arrived: {counts}")
    for ours, theirs in ((INBOX, hosted.INBOX), (SENT, SENT), (ARCHIVE, ARCHIVE)):
        here, there = len(_folder(play, ours).list()), len(_on_server(play, theirs))
        need(here == there, f"{ours} has {here} messages here and {there} on the server")


STEPS: tuple[Callable[[Play], None], ...] = (
    write_email,
    log_in_wrong,
    log_in_right,
    refuse_recipient,
    fetch_email,
    keep_in_sync,
    read_email_answer,
    write_to_oneself,
    read_there,
    archive_there,
    stop_following,
    change_offline,
    push_later,
    no_email_lost,
)


def _send(play: Play, *words: str, expect: int) -> list[dict[str, Any]]:
    return play.run("send", *words, "--account", MAIL_ACCOUNT, expect=expect)


def _rows(play: Play) -> list[dict[str, Any]]:
    """The deliveries of the e-mail account."""
    return [row for row in play.run("outbox") if row["account_name"] == MAIL_ACCOUNT]


def _folder(play: Play, name: str) -> Maildir:
    return MailStore(play.world.profile.mail).folder(MAIL_ACCOUNT, name)


def _file(play: Play, folder: str) -> Entry | None:
    """The message to oneself, here."""
    maildir = _folder(play, folder)
    entries = maildir.list() if maildir.exists() else []
    return next((entry for entry in entries if NOTE.encode() in entry.path.read_bytes()), None)


def _the_file(play: Play, folder: str) -> Entry:
    entry = _file(play, folder)
    if entry is None:
        raise StepFailed(f"the message to oneself is not in {folder}")
    return entry


def _on_server(play: Play, folder: str) -> list[tuple[frozenset[str], bytes]]:
    """Flags and bytes of each message the provider has in a folder."""
    mailboxes = hosted.Mailboxes(play.world.mailboxes)
    try:
        found = mailboxes.messages(folder)
        return [(message.flags, mailboxes.data(folder, message.uid)) for message in found]
    finally:
        mailboxes.close()


def _flags_on_server(play: Play, folder: str) -> frozenset[str] | None:
    """The flags of the message to oneself on the server; None where it is not in this folder."""
    return next((flags for flags, data in _on_server(play, folder) if NOTE.encode() in data), None)


def _nothing_arrived(play: Play) -> None:
    need(not any(map(play.arrived_email, mail_people())), "something was sent all the same")


def _address(name: str) -> str:
    return mail_people()[name].address
