"""The log of a receiver on standard error: a line for each event, as text or as JSON."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime

from misfin_tui.screentext import plain

_process: int | None = None


def number_process(number: int) -> None:
    """Say in every line from now on which of several processes writes it, counted from 1."""
    global _process
    _process = number


class _OneLine(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        record.process_number = "" if _process is None else f"[{_process}]"
        return plain(super().format(record), one_line=True)


class _AsJson(logging.Formatter):
    """Objects with ``time`` (UTC), ``level``, ``logger`` and ``message``, ``process`` where there are
    several, and ``error`` with a traceback.
    """

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        said: dict[str, object] = {
            "time": at.replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": plain(record.getMessage(), one_line=True),
        }
        if _process is not None:
            said["process"] = _process
        if record.exc_info:
            said["error"] = plain(self.formatException(record.exc_info), one_line=False)
        return json.dumps(said)  # only ASCII: no terminal takes it for a command


def log_to_stderr(form: str = "text") -> None:
    """At most one line a minute per cause, because strangers decide how many there are. ``form`` is ``text``
    or ``json``.
    """
    from misfin.net.budget import LogBudget

    handler = logging.StreamHandler(sys.stderr)
    line = "%(asctime)s %(name)s%(process_number)s: %(message)s"
    handler.setFormatter(_AsJson() if form == "json" else _OneLine(line, "%Y-%m-%dT%H:%M:%S"))
    handler.addFilter(LogBudget())
    # Owners change their mailboxes, within limits: each of their changes is a line.
    every = logging.StreamHandler(sys.stderr)
    every.setFormatter(handler.formatter)
    for name, level, to in (
        ("misfin", logging.INFO, handler),
        ("asyncio", logging.WARNING, handler),
        ("misfin.gmap.audit", logging.INFO, every),
    ):
        logger = logging.getLogger(name)
        logger.addHandler(to)
        logger.setLevel(level)
        logger.propagate = False
