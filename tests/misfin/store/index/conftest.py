"""A mailbox and an index over it."""

from __future__ import annotations

import pytest
from mailboxes import Mailbox

from misfin.store.index import MailIndex, listing


@pytest.fixture(autouse=True)
def _just_now(monkeypatch):
    """What a test changes was changed just now, however long a busy machine takes for the rest of it."""
    monkeypatch.setattr(listing, "RACY", 3600.0)


@pytest.fixture
def box(tmp_path):
    return Mailbox(tmp_path / "mail")


@pytest.fixture
def index(tmp_path, box):
    with MailIndex(tmp_path / "cache" / "index.db", box.root) as opened:
        yield opened
