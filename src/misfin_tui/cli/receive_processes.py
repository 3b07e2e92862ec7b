"""``misfin-tui receive --processes N``: several processes that receive for one profile.

All of them accept on the same sockets, so a connection goes to a process that is free, and one that waits is
not lost when a process ends (docs/decisions.md §23).
"""

from __future__ import annotations

import asyncio
import sys
import time
from dataclasses import replace
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING

from misfin.errors import LocalError
from misfin.net.listening import listen
from misfin.post.process_share import MOST_PROCESSES, ProcessShare, ReceiverMemory
from misfin.post.receiver_lock import ReceiverLock
from misfin.post.supervisor import ProcessPart, Supervisor
from misfin_tui.cli import Exit, guarded
from misfin_tui.cli.logs import number_process
from misfin_tui.cli.receive import ListeningSockets, handed_over, serve, settings_of
from misfin_tui.config.values import split_local

if TYPE_CHECKING:
    import socket
    from argparse import Namespace

    from misfin_tui.config import Config
    from misfin_tui.paths import Profile

_BEFORE_THE_FORK = ("misfin.post.inbox", "misfin.post.reception", "misfin.post.serving")
"""What all of them import; imported before the fork, it is in memory once."""


def receive_in_processes(args: Namespace, profile: Profile, config: Config, processes: int) -> int:
    """Receive until SIGTERM or ctrl+c, and start every process again that ends.

    Raises :class:`LocalError`.
    """
    if not 1 <= processes <= MOST_PROCESSES:
        raise LocalError(
            f"{processes} is not a possible number of processes.", remedy=f"Use 1 to {MOST_PROCESSES}."
        )
    if sys.platform != "linux":
        raise LocalError(
            "Several processes can receive only on Linux.", remedy="Set [receive] processes = 1."
        )
    lock = ReceiverLock(profile.runtime)
    sockets = ListeningSockets()
    try:
        sockets = asyncio.run(_listening(args, profile, config))
        lock.note([each.getsockname()[:2] for each in sockets.mail], processes)
        for name in _BEFORE_THE_FORK:
            import_module(name)
        memory = ReceiverMemory(processes, started=time.time())
        work = partial(_work, args, profile, config, sockets, memory)
        # What is wrong with the settings is the same for the next process.
        return Supervisor(processes, work, memory.note_end, final=(Exit.USAGE,)).run()
    finally:
        _close(sockets)
        lock.release()


def _work(
    args: Namespace,
    profile: Profile,
    config: Config,
    sockets: ListeningSockets,
    memory: ReceiverMemory,
    part: ProcessPart,
) -> int:
    number_process(part.number + 1)
    share = ProcessShare(memory, part.number)
    return guarded(lambda: asyncio.run(serve(args, profile, config, sockets, part, share)))


async def _listening(args: Namespace, profile: Profile, config: Config) -> ListeningSockets:
    """Listen before the fork: all processes have the same sockets, including one that is started again."""
    sockets = handed_over()
    try:
        if not sockets.mail:
            where = settings_of(profile, config, args.listen or config.receive.listen).listen
            sockets = replace(sockets, mail=tuple(await listen(where)))
        if config.gmap.enable and not sockets.mailboxes:
            sockets = replace(sockets, mailboxes=await _for_mailboxes(profile, config))
        if (figures := split_local(config.operation.metrics)) is not None:
            sockets = replace(sockets, figures=tuple(await listen([figures])))
    except BaseException:
        _close(sockets)
        raise
    return sockets


async def _for_mailboxes(profile: Profile, config: Config) -> tuple[socket.socket, ...]:
    from misfin_tui.cli.hosting import mailbox_settings

    return tuple(await listen(mailbox_settings(profile, config).listen))


def _close(sockets: ListeningSockets) -> None:
    for each in (*sockets.mail, *sockets.mailboxes, *sockets.figures):
        each.close()
