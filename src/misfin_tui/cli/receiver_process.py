"""The process of ``misfin-tui receive``, which runs all day and so loads nothing it never uses."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argparse import Namespace


def receive(args: Namespace) -> int:
    """See :func:`misfin_tui.cli.receive.receive`."""
    if "asyncio" not in sys.modules and "ssl" not in sys.modules:
        # TLS here is pyOpenSSL's, with its own OpenSSL. asyncio would also load Python's, a megabyte that is
        # never used; it works without where `ssl` cannot be imported.
        sys.modules["ssl"] = None  # type: ignore[assignment]
    from misfin_tui.cli.receive import receive as run

    return run(args)
