"""Memory of the open program: nothing unused is imported, threads share a heap, garbage is collected."""

from __future__ import annotations

import asyncio
import gc
import json
import subprocess
import sys
import threading
import time

import pytest
from desk import ALICE, at_desk, make_profile, settled, until
from mailboxes import Mailbox, mail
from textual.screen import Screen

from misfin_tui.app import memory
from misfin_tui.screens.compose import ComposeScreen

OPEN = """
import json, sys, threading
from pathlib import Path
from misfin_tui.app import MisfinApp
from misfin_tui.config import load
from misfin_tui.paths import profile_at

class Watched(MisfinApp):
    def _after_first_frame(self):
        super()._after_first_frame()
        self.set_interval(0.2, self._look)

    def _look(self):
        ready = {"misfin_tui.screens.help", "misfin.store.index.scan", "misfin.post.courier"}
        followed = any(each.name == "follow" for each in threading.enumerate())
        if followed and ready <= sys.modules.keys() and not any(
            each.name == "import-ahead" for each in threading.enumerate()
        ):
            Path(sys.argv[2]).write_text(json.dumps(sorted(sys.modules)))
            self.exit(0)

profile = profile_at(Path(sys.argv[1]))
Watched(profile, load(profile.config)).run(headless=True)
"""

NEVER_USED = {
    "anyio",
    "multiprocessing",
    "argparse",
    "html.entities",
    "zipfile",
    "importlib.resources",
    "unittest",
    "pygments",
}
ONCE_SOMETHING_IS_SENT = {"OpenSSL", "misfin.net.client"}

RECEIVER = """
import sys
from importlib import import_module

for name in (
    "misfin_tui.cli.receive", "misfin.post.reception", "misfin.post.hosting.books",
    "misfin.post.hosting.duties", "misfin.store.hosting.posts",
    "misfin_tui.services.arriving", "misfin_tui.services.posting",
):
    import_module(name)
print(*sys.modules)
"""

HEAPS = """
import ctypes, sys, threading
from misfin_tui.app.memory import share_one_heap

if "share" in sys.argv:
    share_one_heap()
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
together = threading.Barrier(8)

def use():
    together.wait()
    libc.malloc(1000)
    together.wait()

threads = [threading.Thread(target=use) for _ in range(8)]
for each in threads: each.start()
for each in threads: each.join()
libc.fdopen.restype = ctypes.c_void_p
out = ctypes.c_void_p(libc.fdopen(1, b"w"))
libc.malloc_info(0, out)
libc.fflush(out)
"""


def test_the_open_program_imports_nothing_it_does_not_use(profile_root, tmp_path):
    profile = make_profile(profile_root)
    Mailbox(profile.mail, ALICE).put(mail("hello"))
    out = tmp_path / "modules.json"
    subprocess.run(
        [sys.executable, "-c", OPEN, str(profile.root), str(out)],
        check=True,
        timeout=120,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    modules = set(json.loads(out.read_text()))
    assert modules & NEVER_USED == set()
    assert modules & ONCE_SOMETHING_IS_SENT == set()


def test_a_receiver_at_rest_loads_neither_hashes_nor_random_numbers():
    done = subprocess.run(
        [sys.executable, "-c", RECEIVER], check=True, capture_output=True, text=True, timeout=60
    )
    assert {"hashlib", "hmac", "secrets", "random", "uuid", "platform"} & set(done.stdout.split()) == set()


@pytest.mark.skipif(sys.platform != "linux", reason="other C libraries have other heaps")
def test_threads_share_a_heap():
    def heaps(*words: str) -> int:
        done = subprocess.run(
            [sys.executable, "-c", HEAPS, *words], check=True, capture_output=True, timeout=60
        )
        return done.stdout.count(b"<heap nr")

    if heaps() < 2:
        pytest.skip("not glibc")
    assert heaps("share") == 1


@pytest.fixture
def no_collection():
    before = gc.isenabled(), gc.get_threshold()
    gc.disable()
    yield
    gc.set_threshold(*before[1])
    if before[0]:
        gc.enable()


def test_garbage_is_collected_once_nobody_types(no_collection):
    asked, typed, collected = [], time.monotonic(), threading.Semaphore(0)
    garbage = memory.GarbageCollection(
        lambda seconds, look: asked.append((seconds, look)), lambda: typed, collected.release
    )
    garbage.screen_closed()  # before there is time for the first collection
    garbage.begin()
    (first,) = asked
    assert first[0] == memory.STARTED
    first[1]()
    assert not gc.isenabled()
    assert not collected.acquire(blocking=False)
    typed -= memory.QUIET + 1
    asked[-1][1]()
    assert gc.isenabled()
    assert gc.get_freeze_count() > 0
    assert len(asked) == 2
    garbage.screen_closed()
    garbage.screen_closed()
    assert len(asked) == 3
    asked[-1][1]()
    assert collected.acquire(timeout=60)
    assert collected.acquire(timeout=60)
    garbage.screen_closed()
    assert len(asked) == 4


def test_garbage_is_collected_at_last_while_somebody_types_on(no_collection):
    asked = []
    memory.GarbageCollection(lambda _seconds, look: asked.append(look), time.monotonic).begin()
    for look in asked:
        look()
    assert gc.isenabled()
    assert len(asked) == memory.PATIENCE + 1


def test_where_garbage_is_collected_already_nothing_is_put_off():
    assert gc.isenabled()
    memory.GarbageCollection(lambda _seconds, _look: pytest.fail("begun"), time.monotonic).begin()


def screens() -> list[Screen]:
    """All screens in memory."""
    return [each for each in gc.get_objects() if isinstance(each, Screen)]


def test_a_closed_screen_leaves_nothing_behind(profile_root, no_collection):
    profile = make_profile(profile_root)
    gc.collect()
    others = screens()  # left by the tests before this one

    async def scenario():
        async with at_desk(profile) as (app, pilot):
            for _ in range(2):
                await pilot.press("c")
                await until(pilot, lambda: isinstance(app.screen, ComposeScreen) and app.focused)
                await pilot.press("escape")
                await until(pilot, lambda: not isinstance(app.screen, ComposeScreen))
            await settled(pilot)
            memory.forget_closed_widgets()
            gc.collect()
            return [type(each).__name__ for each in screens() if not any(each is other for other in others)]

    assert asyncio.run(scenario()) == ["InboxScreen"]
