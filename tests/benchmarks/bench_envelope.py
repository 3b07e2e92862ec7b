"""How fast messages are wrapped, read and stored (target: wrapping under 0.1 ms, far below the disk's share).

The standard library's ``email`` does the same two jobs beside it, as does ``mailbox.Maildir`` for storing.
"""

from __future__ import annotations

import email
import email.policy
import mailbox
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path

from misfin.model.address import MisfinAddress
from misfin.model.gemmail import GemmailMessage, Version
from misfin.store.mail.maildir import Maildir
from misfin.store.message.envelope import read, wrap
from misfin.store.message.html import html_to_text
from misfin.store.message.mime import read_message

ADA = MisfinAddress("ada", "mail.example", "Ada Example")
NOW = datetime(2026, 11, 19, 14, 2, tzinfo=UTC)
PARAGRAPH = (
    "## Minutes of the meeting\n\nWe spoke about the garden, the bees, the weather.\n\n* water\n* honey\n\n"
    "=> gemini://hive.example/minutes.gmi The minutes\n> what was said before, quoted\n\n"
)
GEMMAIL = (
    "bea@hive.example Bea Wörker\nada@mail.example, cal@x.example\n2026-11-19T13:00:00Z\n# Grüße\n\n"
    + PARAGRAPH * 5
).encode()
CHECKS = {"certificate": "pass", "pin": "match"}
HTML = "<p>Some <b>words</b> and <a href='https://x.example/'>a link</a>.</p>\n" * 100


def best(work: Callable[[], object], rounds: int = 7, least: float = 0.1) -> float:
    """Microseconds of one call: the best of some rounds is the least disturbed."""
    fastest = float("inf")
    for _ in range(rounds):
        count, start = 0, time.perf_counter()
        while (spent := time.perf_counter() - start) < least:
            work()
            count += 1
        fastest = min(fastest, spent / count)
    return fastest * 1e6


def by_stdlib() -> bytes:
    """The same message as ``email`` would write it."""
    message = GemmailMessage.from_bytes(GEMMAIL)
    out = EmailMessage(email.policy.SMTPUTF8)
    out["From"] = f'"{message.senders[0].blurb}" <{message.senders[0].address}>'
    out["To"] = ", ".join(one.address for one in message.recipients)
    out["Date"] = message.newest
    out["Subject"] = message.subject
    for number, name in enumerate(("Misfin-Senders", "Misfin-Recipients", "Misfin-Timestamps")):
        out[name] = GEMMAIL.decode().split("\n")[number]
    out.set_content(message.body, subtype="gemini")
    return bytes(out)


def wrapped() -> bytes:
    return wrap(
        GEMMAIL,
        version=Version.C,
        account=ADA,
        now=NOW,
        verification=CHECKS,
        received_from="192.0.2.7",
        received_by="mail.example",
    )


def plain_mail(*, alternative: bool) -> bytes:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "Zoë <z@x.example>", "a@b.example", "Grüße"
    message["Date"], message["Message-ID"] = NOW, "<1@x.example>"
    message.set_content(PARAGRAPH * 5)
    if alternative:
        message.add_alternative(HTML, subtype="html")
        message.add_attachment(b"x" * 20_000, maintype="application", subtype="pdf", filename="x.pdf")
    return bytes(message)


def main() -> None:
    """Print microseconds per message, ours and the standard library's."""
    message, mail, large = wrapped(), plain_mail(alternative=False), plain_mail(alternative=True)
    rows: list[tuple[str, Callable[[], object], Callable[[], object] | None]] = [
        ("wrap a 1 KiB gemmail", wrapped, by_stdlib),
        ("open it again", lambda: read(message), None),
        ("read it as a message", lambda: read_message(message), None),
        ("read a plain mail", lambda: read_message(mail), lambda: _read_by_stdlib(mail)),
        ("read mail with HTML and a file", lambda: read_message(large), lambda: _read_by_stdlib(large)),
        ("7 KiB of HTML to text", lambda: html_to_text(HTML), None),
    ]
    print(f"{'':34}{'ours':>10}{'stdlib':>10}   µs per message")
    for name, ours, theirs in rows:
        other = f"{best(theirs):10.1f}" if theirs else f"{'-':>10}"
        print(f"{name:34}{best(ours):10.1f}{other}")
    with tempfile.TemporaryDirectory() as folder:
        box = Maildir(Path(folder) / "ours").create()
        other = mailbox.Maildir(Path(folder) / "theirs")
        rows = [
            ("store one, fsynced", lambda: box.deliver(message), lambda: other.add(message)),
            ("store 32 at once, per message", lambda: box.deliver_many([message] * 32), None),
        ]
        for name, ours, theirs in rows:
            each = 32 if "32" in name else 1
            other_time = f"{best(theirs):10.1f}" if theirs else f"{'-':>10}"
            print(f"{name:34}{best(ours) / each:10.1f}{other_time}")
        print("(the standard library syncs the file, not the folder)")


def _read_by_stdlib(data: bytes) -> str:
    message = email.message_from_bytes(data, policy=email.policy.default)
    body = message.get_body(("plain", "html"))
    return f"{message['from']}{message['subject']}{message['date']}" + (body.get_content() if body else "")


if __name__ == "__main__":
    main()
