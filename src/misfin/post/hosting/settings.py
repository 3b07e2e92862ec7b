"""Where a host keeps its lists and rules, and how it sends. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from misfin.net.client import HostOverride

PATIENCE: Final = 30 * 86400.0
"""Seconds for which nothing could be delivered to a subscriber before the subscription ends."""


@dataclass(frozen=True, slots=True)
class HostingSettings:
    """What a host needs beyond receiving: ``file`` has its lists and rules, ``outbox`` is its own.

    Without ``allow_private`` a redirect leads to public addresses only.
    """

    file: Path
    outbox: Path
    timeout: float = 60.0
    hosts: Mapping[str, HostOverride] = field(default_factory=dict)
    trust_on_first_use: bool = True
    allow_private: bool = False
    patience: float = PATIENCE
