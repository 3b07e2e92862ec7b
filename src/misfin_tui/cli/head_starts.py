"""Begins to connect to the servers of accounts, from as little of the settings as that takes.

The settings are read and checked in full meanwhile. Only the address of a server is used here, and nothing
is said to it.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Final

from misfin.net.head_start import HeadStart

_SERVER: Final = re.compile(
    r"(imaps?|pop3s?)://(?:[^@/\s]*@)?([A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]+\])(?::([0-9]{1,5}))?/?"
)
_PORTS: Final = {"imap": 143, "imaps": 993, "pop3": 110, "pop3s": 995}
_MOST: Final = 8
"""Accounts that get one: each is a thread for a moment."""


def head_starts(config: Path, wanted: str | None) -> dict[str, HeadStart]:
    """A connection that is being made for each account that will be fetched, by its name. Never raises."""
    try:
        accounts = tomllib.loads(config.read_text("utf-8"))["accounts"]
        servers = {
            name: server
            for name, each in accounts.items()
            if wanted in (None, name) and (wanted or not each.get("paused"))
            if (server := _SERVER.fullmatch(each.get("imap") or each.get("pop3") or ""))
        }
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return {}  # what is wrong with it is said when it is read in full
    return {
        name: HeadStart(found[2].strip("[]"), int(found[3] or _PORTS[found[1]]))
        for name, found in list(servers.items())[:_MOST]
    }
