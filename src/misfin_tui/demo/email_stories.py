"""The invented e-mail of the demo, read from ``email_stories.toml`` and filed as if it had arrived."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, formataddr
from importlib.resources import files
from typing import Any

from misfin.model.folders import INBOX, SENT
from misfin.store.mail.maildir import MailStore
from misfin_tui.demo.stories import MAIL_ACCOUNT, MAIL_ME, DemoPerson
from misfin_tui.paths import Profile

_POLICY = SMTP.clone(linesep="\n", cte_type="7bit")


def mail_people() -> dict[str, DemoPerson]:
    """The people who write e-mail, by the mailbox part of their address."""
    found = (DemoPerson(entry["address"], entry["name"]) for entry in _data()["person"])
    return {person.address.partition("@")[0]: person for person in found}


def email_count() -> int:
    """How many messages the account begins with."""
    return len(_data()["message"])


def fill_email(profile: Profile, now: float) -> None:
    """Write every message into the account's Maildir."""
    store, people = MailStore(profile.mail), mail_people()
    store.create(MAIL_ACCOUNT)
    for entry in _data()["message"]:
        moment = now - entry["hours"] * 3600
        flags = ("" if entry.get("unread") else "S") + ("F" if entry.get("starred") else "")
        folder = store.folder(MAIL_ACCOUNT, INBOX if entry["from"] else SENT)
        folder.deliver(_written(entry, people, moment).as_bytes(), flags=flags, now=moment)


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
