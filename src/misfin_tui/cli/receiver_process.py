"""The process of ``misfin-tui receive``, which runs all day and so loads nothing it never uses."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING

from misfin_tui.services.late_tls import leave_out_tls

if TYPE_CHECKING:
    from argparse import Namespace


def receive(args: Namespace) -> int:
    """See :func:`misfin_tui.cli.receive.receive`."""
    _leave_out_openssl()
    from misfin_tui.cli.receive import receive as run

    return run(args)


def _leave_out_openssl() -> None:
    """Keep Python's OpenSSL, megabytes, out of this process: TLS here is pyOpenSSL's, which has its own.

    asyncio works without where `ssl` cannot be imported, and hashlib without `_hashlib`: then it has Python's
    own hashes, if this Python was built with them.
    """
    leave_out_tls()
    if "hashlib" not in sys.modules and (find_spec("_sha256") or find_spec("_sha2")):
        sys.modules["_hashlib"] = None  # type: ignore[assignment]  # as above
