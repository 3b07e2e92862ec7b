"""The process of ``misfin-tui receive``, which runs all day: what it never uses is kept out of it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argparse import Namespace


def receive(args: Namespace) -> int:
    """See :func:`misfin_tui.cli.receive.receive`."""
    if "asyncio" not in sys.modules and "ssl" not in sys.modules:
        # TLS is pyOpenSSL's here, with an OpenSSL of its own. asyncio would load Python's beside it, a
        # megabyte that is never used, and works without where there is none.
        sys.modules["ssl"] = None  # type: ignore[assignment]
    from misfin_tui.cli.receive import receive as run

    return run(args)
