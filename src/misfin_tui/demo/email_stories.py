"""The invented e-mail of the demo, read from ``email_stories.toml`` and filed as if it had arrived."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, formataddr
from importlib.resources import files
from pathlib import Path
from typing import Any

from misfin.model.folders import INBOX, SENT
from misfin.store.mail.maildir import MailStore
from misfin_tui.demo.imap import mailboxes as hosted_mail
from misfin_tui.demo.imap.mailboxes import Mailboxes, NewHosted
from misfin_tui.demo.stories import MAIL_ACCOUNT, MAIL_ME, DemoPerson
from misfin_tui.paths import Profile

_FLAGS = {"S": "\\Seen", "F": "\\Flagged"}
_POLICY = SMTP.clone(linesep="\n", cte_type="7bit")


def mail_people() -> dict[str, DemoPerson]:
    """The people who write e-mail, by the mailbox part of their address."""
    found = (DemoPerson(entry["address"], entry["name"]) for entry in _data()["person"])
    return {person.address.partition("@")[0]: person for person in found}


def email_count() -> int:
    """How many messages the account begins with."""
    return len(_data()["message"])


def fill_email(profile: Profile, server: Path, now: float) -> None:
    """Put every message into the file of the provider's server, and here as if it had been fetched."""
    store, people = MailStore(profile.mail), mail_people()
    store.create(MAIL_ACCOUNT)
    hosted: list[NewHosted] = []
    for entry in _data()["message"]:
        moment = now - entry["hours"] * 3600
        flags = ("" if entry.get("unread") else "S") + ("F" if entry.get("starred") else "")
        name = INBOX if entry["from"] else SENT
        data = _written(entry, people, moment).as_bytes()
        store.folder(MAIL_ACCOUNT, name).deliver(data, flags=flags, now=moment)
        there = hosted_mail.INBOX if entry["from"] else SENT
        marks = [_FLAGS[flag] for flag in flags]
        hosted.append(NewHosted(there, data.replace(b"\n", b"\r\n"), marks, moment))
    mailboxes = Mailboxes(server)
    mailboxes.add(hosted)
    mailboxes.close()


def _written(entry: dict[str, Any], people: dict[str, DemoPerson], moment: float) -> EmailMessage:
    author = people[entry["from"]] if entry["from"] else MAIL_ME
    to = [people[name] for name in entry.get("to", ())] or [MAIL_ME]
    message = EmailMessage(policy=_POLICY)
    message["Date"] = format_datetime(datetime.fromtimestamp(moment, UTC))
    message["From"] = _named(author)
    message["To"] = ", ".join(map(_named, to))
    if cc := [people[name] for name in entry.get("cc", ())]:
        message["Cc"] = ", ".join(map(_named, cc))
    message["Subject"] = entry["subject"]
    message["Message-ID"] = _message_id(entry["id"])
    if answers := entry.get("answers"):
        message["In-Reply-To"] = message["References"] = _message_id(answers)
    if name := entry.get("list"):
        message["List-Id"] = name
        message["List-Unsubscribe"] = "<https://harbourpress.test/leave>"
    _add_texts(message, entry["text"].lstrip("\n"), entry.get("html", "").lstrip("\n"))
    for file in entry.get("file", ()):
        kind, _, subtype = file["type"].partition("/")
        data = file["text"].lstrip("\n").encode()
        message.add_attachment(data, maintype=kind, subtype=subtype, filename=file["name"])
    return message


def _add_texts(message: EmailMessage, text: str, html: str) -> None:
    if text:
        message.set_content(text)
        if html:
            message.add_alternative(html, subtype="html")
    else:
        message.set_content(html, subtype="html")


def _named(person: DemoPerson) -> str:
    return formataddr((person.name, person.address))


def _message_id(name: str) -> str:
    return f"<{name}@demo.test>"


def _data() -> dict[str, Any]:
    return tomllib.loads((files("misfin_tui.demo") / "email_stories.toml").read_text("utf-8"))
