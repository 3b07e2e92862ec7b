"""An action on all messages of the inbox, killed in the middle of it.

Run as a program: ``kill_undo.py FOLDER ACTION MESSAGES`` dies when so many messages have been dealt with.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from mailboxes import ME, NOW, Mailbox

from misfin.store.filing import Action, Filing
from misfin.store.index import MailIndex
from misfin.store.mail.maildir import Maildir, split_name
from misfin.store.rows import View
from misfin.store.undo_log import UndoLog

MESSAGES = 12
ACTIONS = [
    (Action.ARCHIVE, ""),
    (Action.MOVE, "Travel"),
    (Action.STAR, ""),
    (Action.READ, ""),
    (Action.UNREAD, ""),
    (Action.TAG, "work"),
    (Action.UNTAG, "kept"),
]


def main(root: Path, number: int, renames: int) -> None:
    """Do an action, and die after so many messages."""
    done = 0

    def counted(act):
        def rename(*args, **options):
            nonlocal done
            if done == renames:
                os.kill(os.getpid(), signal.SIGKILL)
            done += 1
            return act(*args, **options)

        return rename

    box = Mailbox(root / "mail")
    index = MailIndex(root / "index.db", box.root)
    filing, log = Filing(index, box.store), UndoLog(root / "undo.db", NOW)
    chosen, argument = ACTIONS[number]
    Maildir.move, Maildir.change_flags = counted(Maildir.move), counted(Maildir.change_flags)
    filing.apply(chosen, View(ME, "Inbox"), argument, begin=lambda planned: log.add(planned, NOW))


def looks(box: Mailbox) -> dict[str, tuple[str, str]]:
    """Where every message lies and what flags it bears."""
    return {
        split_name(file.name)[0]: (file.parent.parent.name, split_name(file.name)[1]) for file in box.files()
    }


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
