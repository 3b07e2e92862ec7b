"""``misfin-tui`` itself: opens the app on a profile, on the demo world, or on a link to write to."""

from __future__ import annotations

import gc
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

from misfin.errors import LocalError
from misfin_tui.cli import Exit, end_by_exception, guarded, open_at_once, print_version
from misfin_tui.cli.late_imports import put_off_imports
from misfin_tui.cli.output import profile_of, say
from misfin_tui.config import load
from misfin_tui.paths import HOME_VARIABLE, Profile, profile_at
from misfin_tui.services.late_tls import import_asyncio

if TYPE_CHECKING:
    from argparse import Namespace

    from misfin_tui.picture import Picture


def open_program(args: Namespace) -> int:
    """Open the program on the profile; without an identity it starts with the first-run wizard."""
    if args.version:
        print_version()
        return Exit.DONE
    if args.linear:
        return open_lines(profile_of(args, new=True))
    return open_profile(profile_of(args, new=True), dev=True) if args.dev else open_at_once(args.profile)


def open_link(args: Namespace) -> int:
    """Open the composer for a ``misfin:`` or ``mailto:`` link; nothing is sent by itself."""
    from misfin.model.address import parse_uri
    from misfin.model.mailto import is_mailto, parse_mailto

    (parse_mailto if is_mailto(args.link) else parse_uri)(args.link)  # a broken link is reported in the shell
    profile = profile_of(args, new=True)
    return open_lines(profile, link=args.link) if args.linear else open_profile(profile, link=args.link)


def demo(args: Namespace) -> int:
    """Open the demo world, or check it."""
    if args.check:
        from misfin_tui.demo.check import check

        return check()
    from misfin_tui.demo.play import correspondents_of
    from misfin_tui.demo.world import open_world

    with _demo_folder(args.profile) as folder:
        world = open_world(folder, now=time.time())
        with correspondents_of(world):
            return open_lines(world.profile) if args.linear else open_profile(world.profile, tour=True)


@contextmanager
def _demo_folder(named: str | None) -> Iterator[Path]:
    """The folder that was named, which is kept, or a temporary one."""
    if named:
        yield Path(named).expanduser().absolute()
        return
    from misfin_tui.demo.throwaway import throwaway_folder

    with throwaway_folder("misfin-tui-demo-") as folder:
        yield folder / "profile"


def open_profile(
    profile: Profile,
    *,
    link: str = "",
    dev: bool = False,
    picture: Picture | None = None,
    tour: bool = False,
) -> int:
    """Open the program; ``picture`` is that of its first screen, None to do without.

    With ``tour`` it offers one: for the mailbox of the demo.
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise LocalError(
            "misfin-tui needs a terminal; input or output is not one.",
            remedy="Use `misfin-tui --linear`, or a command: `misfin-tui --help` lists them.",
        )
    if os.environ.get("TERM") == "dumb":
        raise LocalError(
            "This terminal cannot show the program's screens (TERM is `dumb`).",
            remedy="Use `misfin-tui --linear`, or a command: `misfin-tui --help` lists them.",
        )
    end_by_exception()
    gc.disable()  # it takes a fifth of the time to the first frame; the app turns it on again
    import_asyncio()
    from misfin_tui.services.standby import dismiss, split_off  # late: it imports asyncio

    unknown: list[str] = []
    config = load(profile.config, unknown)
    if config.receive.enabled:
        split_off(profile.root, lambda: guarded(lambda: _receive(profile)))
    put_off_imports()
    try:
        from misfin_tui.app import MisfinApp, run

        kind: type[MisfinApp] = MisfinApp
        if tour:
            from misfin_tui.tour.app import DemoApp

            kind = DemoApp
        status = run(profile, config, link=link, dev=dev, problems=unknown, picture=picture, app_class=kind)
    finally:
        dismiss()
    if status == Exit.FAILED:
        say(f"The profile is in {profile.root}; choose another with --profile or {HOME_VARIABLE}.")
    return status


def open_lines(profile: Profile, *, link: str = "") -> int:
    """Open the program as plain lines of text; it needs no terminal."""
    end_by_exception()
    import_asyncio()
    from misfin_tui.services.standby import dismiss, split_off  # late: it imports asyncio

    unknown: list[str] = []
    config = load(profile.config, unknown)
    if config.receive.enabled:
        split_off(profile.root, lambda: guarded(lambda: _receive(profile)))
    try:
        from misfin_tui.linear.program import run

        return run(profile, config, link=link, problems=unknown)
    finally:
        dismiss()


def _receive(profile: Profile) -> int:
    """The command ``receive --until-eof``, in a process that was split off for it."""
    from misfin_tui.cli.receiver_process import receive

    root = str(profile.root) if profile == profile_at(profile.root) else None
    args = SimpleNamespace(profile=root, listen=None, until_eof=True, json=False)
    return receive(cast("Namespace", args))  # argparse would be half a megabyte, for four values
