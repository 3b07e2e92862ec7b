"""How fast the mail index is: building, following, windows, searching, filing; and what memory it takes.

Targets at 100,000 messages: a window of 200 conversations under 5 ms; first page of a search for a rare and
for a common word under 50 ms; a new delivery seen in under 200 ms; building at least half as fast as
``notmuch new``; a scan without changes under 100 ms. notmuch runs on the same messages where installed.

Usage: ``bench_store.py [MESSAGES ...] [--without-peers] [--keep FOLDER]``; 10,000 and 100,000 messages unless
told otherwise. Making 100,000 messages takes longer than measuring them: ``--keep`` makes them once.
"""

from __future__ import annotations

import argparse
import os
import queue
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from make_mailbox import ACCOUNT, RARE, make

from misfin.store.filing import Action, Filing
from misfin.store.index import MailIndex
from misfin.store.index.watch import watch
from misfin.store.mail.maildir import MailStore
from misfin.store.rows import View

INBOX = View(ACCOUNT, "Inbox")
ROUNDS = 9
MESSAGE = b"From: Bea <bea@hive.test>\nSubject: fresh\nMessage-ID: <fresh%d@x>\n\nHello.\n"


def say(what: str, figure: float, unit: str, note: str = "") -> None:
    print(f"  {what:<52} {figure:>10,.2f} {unit:<10} {note}", flush=True)


def median(work: Callable[[], object], rounds: int = ROUNDS) -> float:
    """Milliseconds of one call, in the middle of some."""
    spent = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        spent.append((time.perf_counter() - start) * 1e3)
    return statistics.median(spent)


def build(root: Path, path: Path, messages: int) -> float:
    """Messages a second of a first build; says when the first page stood."""
    index = MailIndex(path, root)
    first: list[float] = []

    def progress(done: int, total: int) -> None:
        if not first:
            first.append((time.perf_counter() - start) * 1e3)

    start = time.perf_counter()
    index.open()
    index.scan(progress)
    rate = messages / (time.perf_counter() - start)
    say("first page of a first build", first[0], "ms")
    say("first build", rate, "messages/s", f"{messages / rate:.1f} s")
    say("size of the index", path.stat().st_size / 1e6, "MB")
    index.close()
    return rate


def read(index: MailIndex) -> None:
    count = index.count(INBOX)
    for name, offset in (("newest", 0), ("middle", count // 2), ("oldest", count - 200)):
        spent = median(lambda offset=offset: index.conversations(INBOX, max(0, offset), 200))
        say(f"window of 200 of {count:,}, {name}", spent, "ms")
    thread = index.conversations(INBOX, count // 2, 1)[0].thread
    say("position of a conversation", median(lambda: index.position(INBOX, thread)), "ms")
    say("folders with their counts", median(index.folders), "ms")
    say("a conversation", median(lambda: index.thread(thread)), "ms")


def search(index: MailIndex) -> None:
    for name, query in (
        ("a rare word", RARE),
        ("a common word", "the"),
        ("one letter, as typed", "a*"),
        ("two letters, as typed", "th*"),
        ("three letters, as typed", "the*"),
        ("a phrase", '"of the"'),
        ("a name", "from:bea"),
        ("unread", "is:unread"),
        ("a common word in one folder", "the in:archive"),
        ("not a common word", "-the"),
    ):
        query_view = View(query=query)

        def first_page(view: View = query_view) -> None:
            index._results._searches.clear()
            index.conversations(view, 0, 50)

        page = median(first_page)
        begun = time.perf_counter()
        found = index.count(query_view)
        counted = (time.perf_counter() - begun) * 1e3
        say(f"first page of a search, {name}", page, "ms", f"{query} → {found:,} in {counted:,.0f} ms")


def follow(index: MailIndex, root: Path) -> None:
    say("scan without changes", median(lambda: index.scan()), "ms")
    inbox = MailStore(root).folder(ACCOUNT)
    names = iter(sorted(path.name for path in (inbox.path / "cur").iterdir() if path.name.endswith(":2,S")))

    def flag_and_scan() -> None:
        (inbox.path / "cur" / (name := next(names))).rename(
            inbox.path / "cur" / name.replace(":2,S", ":2,FS")
        )
        index.scan()

    say("scan after another program set a flag", median(flag_and_scan), "ms")
    told: queue.Queue[object] = queue.Queue()
    stop = threading.Event()

    def follow_on() -> None:
        for _ in watch(root, stop):
            if changes := index.scan():
                told.put(changes)

    watcher = threading.Thread(target=follow_on)
    watcher.start()
    time.sleep(3)  # until the folders' times have settled
    delays = []
    for number in range(ROUNDS):
        while not told.empty():
            told.get()
        start = time.perf_counter()
        inbox.deliver(MESSAGE % number)
        told.get(timeout=10)
        delays.append((time.perf_counter() - start) * 1e3)
        time.sleep(0.2)
    stop.set()
    watcher.join()
    say("delivery until it is told, median", statistics.median(delays), "ms", f"worst {max(delays):.0f}")


def file_away(index: MailIndex, root: Path) -> None:
    filing = Filing(index, MailStore(root))
    newest = index.conversations(INBOX, 0, 1)[0].thread
    undo = filing.apply(Action.STAR, [newest], view=INBOX)
    filing.undo(undo)
    say(
        "star and undo one conversation",
        median(lambda: filing.undo(filing.apply(Action.STAR, [newest]))),
        "ms",
    )
    start = time.perf_counter()
    undo = filing.apply(Action.ARCHIVE, View(ACCOUNT, "Inbox", query="xi* OR mim*"))
    spent = time.perf_counter() - start
    if undo.count:
        say(f"archive {undo.count:,} messages a search finds", undo.count / spent, "messages/s")
    start = time.perf_counter()
    filing.undo(undo)
    if undo.count:
        say("take that back", undo.count / (time.perf_counter() - start), "messages/s")


def memory(path: Path, root: Path) -> None:
    """Peak memory of a process that opens a built index, reads a page, searches, and follows the mail."""
    program = (
        "from pathlib import Path; from misfin.store.index import MailIndex;"
        "from misfin.store.rows import View;"
        f"index = MailIndex(Path({str(path)!r}), Path({str(root)!r})); index.open();"
        f"view = View({ACCOUNT!r}, 'Inbox'); index.conversations(view, 0, 200); index.scan();"
        "index.conversations(View(query='the'), 0, 200); index.count(View(query='the'));"
        "print(Path('/proc/self/status').read_text().partition('VmHWM:')[2].split()[0])"
    )
    if not Path("/proc/self/status").exists():
        return
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    say("peak memory of a process using the index", int(said.stdout) / 1024, "MB")


def notmuch(root: Path, rate: float, messages: int) -> None:
    if not shutil.which("notmuch"):
        print("  notmuch is not installed")
        return
    config = root.parent / "notmuch-config"
    config.write_text(
        f"[database]\npath={root}\n[user]\nname=Ada\nprimary_email={ACCOUNT}\n[new]\ntags=inbox\n"
        "[maildir]\nsynchronize_flags=false\n"
    )
    environment = {**os.environ, "NOTMUCH_CONFIG": str(config)}

    def run(*arguments: str) -> None:
        subprocess.run(["notmuch", *arguments], env=environment, capture_output=True, check=True)

    start = time.perf_counter()
    run("new", "--quiet")
    theirs = messages / (time.perf_counter() - start)
    say("notmuch new", theirs, "messages/s", f"we build at {rate / theirs:.1f} × that")
    for query in (RARE, "the"):
        say(
            f"notmuch search, 50 threads, {query}",
            median(lambda q=query: run("search", "--limit=50", q), 3),
            "ms",
        )
    say("notmuch new without changes", median(lambda: run("new", "--quiet"), 3), "ms")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("messages", type=int, nargs="*", default=[10_000, 100_000])
    parser.add_argument("--without-peers", action="store_true")
    parser.add_argument("--keep", type=Path, help="where made mailboxes are kept for the next time")
    given = parser.parse_args()
    for messages in given.messages:
        with tempfile.TemporaryDirectory(prefix="misfin-bench-") as name:
            root, path = Path(name) / "mail", Path(name) / "cache" / "index.db"
            print(f"{messages:,} messages", flush=True)
            if given.keep:
                root = given.keep / str(messages)
            if not root.exists():
                make(root, messages)
            rate = build(root, path, messages)
            time.sleep(2.1)  # the mailbox was only just made: let the folders' times settle
            with MailIndex(path, root) as index:
                index.scan()
                read(index)
                search(index)
                follow(index, root)
                file_away(index, root)
            memory(path, root)
            say(
                "peak memory of this benchmark",
                resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
                "MB",
            )
            if not given.without_peers:
                notmuch(root, rate, messages)


if __name__ == "__main__":
    main()
