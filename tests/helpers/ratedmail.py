"""A paused e-mail account, and the signs that its messages have."""

from __future__ import annotations

from misfin.store.evidence import Evidence
from misfin.store.index import MailIndex
from misfin.store.rows import View
from misfin_tui.paths import Profile

ACCOUNT = """
[accounts.work]
kind = "email"
address = "bob@example.net"
smtp = "smtps://bob@smtp.example.net"
password = { env = "NONE" }
paused = true
"""


def signs(profile: Profile) -> dict[str, Evidence]:
    """What a new index says, asking nobody."""
    (profile.cache / "again.db").unlink(missing_ok=True)
    with MailIndex(profile.cache / "again.db", profile.mail) as index:
        index.scan()
        return {row.subject: row.evidence for row in index.messages(View("work"), 100)}
