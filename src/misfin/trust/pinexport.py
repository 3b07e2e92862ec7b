"""Pins and recipients' keys as JSON text, for people and other programs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Final

from misfin.trust.tofu import MailboxKey, Pin

_TIMES: Final = frozenset({"not_before", "not_after", "first_seen", "last_seen", "replaced"})


def as_json(pins: Iterable[Pin], keys: Mapping[str, Iterable[MailboxKey]]) -> str:
    """All ``pins`` with their history, then ``keys`` by address; times in ISO 8601, UTC."""
    records = [asdict(pin) for pin in pins]
    for address, known in keys.items():
        records.append({"kind": "recipient", "name": address, "keys": [asdict(key) for key in known]})
    return json.dumps([_readable(record) for record in records], indent=2, ensure_ascii=False) + "\n"


def _readable(value: object) -> object:
    """The same value with every Unix time in it written as ISO 8601."""
    if isinstance(value, dict):
        return {k: _iso(v) if k in _TIMES else _readable(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_readable(item) for item in value]
    return value


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
