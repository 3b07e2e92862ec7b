"""``misfin-tui backup``: copy the whole profile while its programs run (docs/server.md §8)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from misfin_tui.cli import Exit
from misfin_tui.cli.output import emit, profile_of, say

if TYPE_CHECKING:
    from argparse import Namespace


def backup(args: Namespace) -> int:
    """Make the copy, and say what is in it."""
    from misfin.store.backup import back_up

    profile = profile_of(args)
    target = Path(args.folder).expanduser()
    earlier = Path(args.since).expanduser() if args.since else None
    report = back_up(profile.root, target, leave_out=(profile.cache, profile.runtime), earlier=earlier)
    for path in report.skipped:
        say(f"{path} is neither a file nor a folder, and was left out.")
    record = {
        "path": str(target),
        "messages": report.messages,
        "databases": report.databases,
        "files": report.files,
    }
    words = (
        f"{target}: {report.messages:,} messages, {report.databases} databases, {report.files:,} other files"
    )
    emit(args, record, words)
    return Exit.DONE
