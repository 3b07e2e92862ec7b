"""A mailbox and an index over it."""

from __future__ import annotations

import pytest
from mailboxes import Mailbox

from misfin.store.index import MailIndex


@pytest.fixture
def box(tmp_path):
    return Mailbox(tmp_path / "mail")


@pytest.fixture
def index(tmp_path, box):
    with MailIndex(tmp_path / "cache" / "index.db", box.root) as opened:
        yield opened
