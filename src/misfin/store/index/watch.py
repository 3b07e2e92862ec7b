"""Watches the mail for changes by other programs: an iterator that sleeps until there is one."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from importlib.machinery import PathFinder
from importlib.util import find_spec, module_from_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

from misfin.store.index.listing import look

if TYPE_CHECKING:
    from watchfiles import _rust_notify

STEP_MS: Final = 25
"""A burst of changes is over when nothing followed for this long."""

DEBOUNCE_MS: Final = 400
"""A burst that does not end is reported this often."""

LOOK_ANYWAY: Final = 30.0
"""Seconds after which to look anyway: network file systems do not report changes."""

POLL: Final = 2.0
"""Seconds between two looks if the system cannot report changes at all."""

_LIBRARY: Final = "watchfiles._rust_notify"
_loading: Final = threading.Lock()

_MESSAGES: Final = frozenset({"new", "cur"})
_FOLDERS: Final = 2
_DEPTH: Final = 9
"""Levels below the root: accounts, folders, and their contents; an account is a folder too,
and folders may be inside others."""


def watch(root: Path, stop: threading.Event) -> Iterator[None]:
    """Yield whenever it is time to scan, until ``stop`` is set; for a thread of its own.

    The first time is when watching has begun, so that a scan then misses nothing. While ``root`` does not
    exist, or the system has no watches left, it is time every ``POLL`` seconds. If ``root`` is replaced, the
    new one is watched.
    """
    while not stop.is_set():
        try:
            yield from _changes(root, stop)
        except (OSError, RuntimeError):  # watchfiles raises this for both
            yield
            stop.wait(POLL)


def load_notifier() -> type[_rust_notify.RustNotify]:
    """The part of watchfiles that talks to the system, without the rest of it.

    Importing the package would bring a second event loop library and multiprocessing along, two megabytes
    and thirty modules that are never called here. A compiled library: not for the first frame.
    """
    with _loading:
        module = sys.modules.get(_LIBRARY)
        if module is None:
            package = find_spec("watchfiles")
            places = package.submodule_search_locations if package else []
            found = PathFinder.find_spec(_LIBRARY, places)
            if found is None or found.loader is None:
                raise ModuleNotFoundError(f"No module named {_LIBRARY!r}", name=_LIBRARY)
            module = module_from_spec(found)
            found.loader.exec_module(module)
            sys.modules[_LIBRARY] = module  # whoever imports the package after all finds it there
    notifier: type[_rust_notify.RustNotify] = module.RustNotify
    return notifier


def _changes(root: Path, stop: threading.Event) -> Iterator[None]:
    """Yield whenever the system reports a change, until a directory is added or removed."""
    notifier = load_notifier()
    if not root.exists():
        raise FileNotFoundError(root)  # it would be watched forever, without noticing when it is created
    identity = look(root, 0.0).identity
    places = directories(root)
    known = set(places)
    try:
        watcher = notifier(places, False, False, 0, False, True)
    except UnicodeEncodeError:  # it accepts such a name only if it finds it itself
        watcher = notifier([str(root)], False, False, 0, True, True)
    with watcher:
        if known != set(directories(root)):
            return  # one was added before it was watched
        yield
        while not stop.is_set() and look(root, 0.0).identity == identity:
            happened = watcher.watch(DEBOUNCE_MS, STEP_MS, int(LOOK_ANYWAY * 1000), stop)
            if happened == "signal":  # the interpreter is shutting down
                stop.set()
            elif happened != "stop":
                yield
                if happened != "timeout" and any(_is_directory(path, known) for _, path in happened):
                    return  # one was added or removed; a recreated one may have the identity of the old one


def directories(root: Path) -> list[str]:
    """The directories whose changes matter: root, accounts, folders, and ``new`` and ``cur`` of each.

    Watching everything below ``root`` would work, but it first looks at every message while holding the
    interpreter: with a hundred thousand messages, no key is handled for a third of a second.
    """
    found = level = [str(root)]
    for depth in range(_DEPTH):
        inner = [path for path in level if depth < _FOLDERS or _name(path) not in _MESSAGES]
        level = []
        for path in inner:
            with suppress(OSError), os.scandir(path) as entries:
                level += [entry.path for entry in entries if entry.name != "tmp" and _can_be_watched(entry)]
        found = found + level
    return found


def _can_be_watched(entry: os.DirEntry[str]) -> bool:
    """Whether it is a directory that can be entered, not only listed."""
    return entry.is_dir() and os.path.isdir(entry.path)  # noqa: PTH112 (never raises)


def _name(path: str) -> str:
    return path.rpartition(os.sep)[2]


def _is_directory(path: str, known: set[str]) -> bool:
    """Whether a change was about a directory, so that the set of watched directories may change."""
    parent, _, name = path.rpartition(os.sep)
    message = parent in known and _name(parent) in _MESSAGES
    return path in known or (not (message or name == "tmp") and os.path.isdir(path))  # noqa: PTH112 (never raises)
