"""Noticing at once that other programs touched the mail: an iterator that sleeps until there is news."""

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
"""A burst of changes is over when so long nothing followed."""

DEBOUNCE_MS: Final = 400
"""A burst that does not end is told so often."""

LOOK_ANYWAY: Final = 30.0
"""Seconds after which it is time to look unasked: file systems of other machines tell nothing."""

POLL: Final = 2.0
"""Seconds between two looks where the system cannot tell of changes at all."""

_LIBRARY: Final = "watchfiles._rust_notify"
_loading: Final = threading.Lock()

_MESSAGES: Final = frozenset({"new", "cur"})
_FOLDERS: Final = 2
_DEPTH: Final = 3
"""Levels below the root: accounts, then folders, then what is in those; an account is a folder, too."""


def watch(root: Path, stop: threading.Event) -> Iterator[None]:
    """Yields whenever it is time to scan, until ``stop`` is set; for a thread of its own.

    The first time comes when watching has begun, so a scan then misses nothing. While ``root`` does not
    exist, or the system has no watches left, it is time every ``POLL`` seconds. A ``root`` put in the place
    of another is watched instead of it.
    """
    while not stop.is_set():
        try:
            yield from _told(root, stop)
        except (OSError, RuntimeError):  # what watchfiles raises for both
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


def _told(root: Path, stop: threading.Event) -> Iterator[None]:
    """Yields whenever the system says that something changed, as long as there are the same directories."""
    notifier = load_notifier()
    if not root.exists():
        raise FileNotFoundError(root)  # it would be watched for ever, and never seen to come
    identity = look(root, 0.0).identity
    places = directories(root)
    known = set(places)
    try:
        watcher = notifier(places, False, False, 0, False, True)
    except UnicodeEncodeError:  # such a name it takes only when it finds it itself
        watcher = notifier([str(root)], False, False, 0, True, True)
    with watcher:
        if known != set(directories(root)):
            return  # one came before it could be told
        yield
        while not stop.is_set() and look(root, 0.0).identity == identity:
            happened = watcher.watch(DEBOUNCE_MS, STEP_MS, int(LOOK_ANYWAY * 1000), stop)
            if happened == "signal":  # the interpreter is being ended
                stop.set()
            elif happened != "stop":
                yield
                if happened != "timeout" and any(_is_directory(path, known) for _, path in happened):
                    return  # one came or went; made again, it may bear the identity of the old one


def directories(root: Path) -> list[str]:
    """Those whose changes mean something: root, accounts, folders, and ``new`` and ``cur`` of each.

    Watching all below ``root`` would do, but looks at every message first, and holds the interpreter
    meanwhile: at a hundred thousand messages no key is taken for a third of a second.
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
    """Whether it is a directory, and not one in a place that may be listed but not entered."""
    return entry.is_dir() and os.path.isdir(entry.path)  # noqa: PTH112 (never raises)


def _name(path: str) -> str:
    return path.rpartition(os.sep)[2]


def _is_directory(path: str, known: set[str]) -> bool:
    """Whether what happened there was about a directory, which may have to be watched or no more."""
    parent, _, name = path.rpartition(os.sep)
    message = parent in known and _name(parent) in _MESSAGES
    return path in known or (not (message or name == "tmp") and os.path.isdir(path))  # noqa: PTH112 (never raises)
