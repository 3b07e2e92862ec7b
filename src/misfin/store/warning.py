"""Logs a problem with one of the program's own files, where it must not stop anything."""

from __future__ import annotations


def warn(logger: str, text: str, *values: object) -> None:
    """Log a warning, its values as :mod:`logging` puts them in."""
    import logging  # late: most commands have nothing to warn of

    logging.getLogger(logger).warning(text, *values)
