"""The log of a receiver on standard error: a line for each event, as text or as JSON."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime

from misfin_tui.screentext import plain


class _OneLine(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return plain(super().format(record), one_line=True)


class _AsJson(logging.Formatter):
    """Objects with ``time`` (UTC), ``level``, ``logger`` and ``message``, and ``error`` with a traceback."""

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        said = {
            "time": at.replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": plain(record.getMessage(), one_line=True),
        }
        if record.exc_info:
            said["error"] = plain(self.formatException(record.exc_info), one_line=False)
        return json.dumps(said)  # only ASCII: no terminal takes it for a command


def log_to_stderr(form: str = "text") -> None:
    """At most one line a minute per cause, because strangers decide how many there are. ``form`` is ``text``
    or ``json``.
    """
    from misfin.net.budget import LogBudget

    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        _AsJson() if form == "json" else _OneLine("%(asctime)s %(name)s: %(message)s", "%Y-%m-%dT%H:%M:%S")
    )
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
