"""Writing a file a person asked for: never over another one, never half."""

from __future__ import annotations

import os
from pathlib import Path

from misfin.errors import LocalError


def write_new(path: Path, data: bytes, *, private: bool) -> None:
    """Write a file that must not exist yet, mode 0600 when ``private``. Raises :class:`LocalError`."""
    path = path.expanduser()
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600 if private else 0o644)
    except FileExistsError as error:
        raise LocalError(f"{path} exists already.", remedy="Choose another name.") from error
    except OSError as error:
        raise LocalError(f"{path} cannot be written: {error.strerror}.") from error
    try:
        with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor, not a path
            file.write(data)
    except OSError as error:
        path.unlink(missing_ok=True)
        raise LocalError(f"{path} cannot be written: {error.strerror}.") from error
