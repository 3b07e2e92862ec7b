"""What DNS answers, or that it does not: for whoever does not ask it (:mod:`misfin.email.resolving` does)."""

from __future__ import annotations

from typing import NamedTuple

from misfin.errors import MisfinError

__all__ = ["DNSError", "SrvRecord"]


class DNSError(MisfinError):
    """DNS does not answer. That a name has no such records is an answer."""


class SrvRecord(NamedTuple):
    """One SRV record; ``target`` without a final dot, and empty where the service is not offered."""

    priority: int
    weight: int
    port: int
    target: str
