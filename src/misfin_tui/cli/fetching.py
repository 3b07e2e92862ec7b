"""``misfin-tui fetch``: begins to connect, and only then loads what fetches."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from argparse import Namespace

_SELDOM: Final = 50_000
"""New objects between two searches for garbage: to load this program takes many and leaves none."""


def fetch(args: Namespace) -> int:
    """Sync e-mail accounts with their servers, once or until stopped."""
    if not args.follow:
        gc.set_threshold(_SELDOM)
    from misfin_tui.cli.head_starts import head_starts
    from misfin_tui.paths import find_profile

    begun = head_starts(find_profile(args.profile).config, args.account)
    try:
        # What fetches is loaded late: the server answers meanwhile.
        if args.follow:
            from misfin_tui.cli.following import follow

            return follow(args, begun)
        from misfin_tui.cli.fetching_once import fetch_once

        return fetch_once(args, begun)
    finally:
        for each in begun.values():
            each.close()
        gc.freeze()  # what is left ends with the process: it need not be searched
