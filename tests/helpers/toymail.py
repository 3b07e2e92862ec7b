"""A second kind of account: e-mail addresses, sent by the transport of docs/adding-a-transport.md."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from misfin.post.transport import Capabilities
from misfin_tui.config import accounts
from misfin_tui.services import posting

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "spool_transport.py"
WORK = 'kind = "email"\naddress = "ada@example.org"\nname = "Ada Example"\n'
"""The rest of a section ``[accounts.work]``."""


def load() -> Any:
    """The module of the example."""
    spec = importlib.util.spec_from_file_location("spool_transport", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def register(monkeypatch: pytest.MonkeyPatch, folder: Path, **can: bool) -> Any:
    """Let the program have e-mail accounts that send into a spool folder; returns their transport.

    ``can`` changes its capabilities.
    """
    folder.mkdir(exist_ok=True)
    spool = load().SpoolTransport(folder)
    spool.capabilities = replace(spool.capabilities, **can)
    assert isinstance(spool.capabilities, Capabilities)
    make = posting.make_transports
    monkeypatch.setattr(accounts, "KINDS", ("email",))
    monkeypatch.setattr(posting, "make_transports", lambda services: make(services) | {spool.kind: spool})
    return spool
