"""Whole processes, exec to exit: ``--version``, ``list``, and ``send --wait`` against ``titlani send``.

Both send the same text to the same receiver, by turns (target: 0.6 of Titlani's time); ours keeps the message
durably in outbox and Sent on top. Titlani knows no ports, so the receiver listens on 1958.
"""

from __future__ import annotations

import contextlib
import os
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent / "helpers")]

from titlani import titlani_python, why_not  # noqa: E402 - only to be found on the path just made

ROUNDS = 9
PORT = 1958


def timed(command: list[str], environment: dict[str, str]) -> tuple[float, float]:
    """Wall and CPU milliseconds of one run."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wall = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall * 1000, (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1000


def show(name: str, runs: list[tuple[float, float]]) -> float:
    wall, cpu = (sorted(column) for column in zip(*runs, strict=True))
    median = statistics.median(wall)
    spent = statistics.median(cpu)
    print(f"{name:28} wall {wall[0]:5.0f} {median:5.0f} {wall[-1]:5.0f} ms  cpu {spent:5.0f} ms")
    return median


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        environment = os.environ | {"MISFIN_TUI_HOME": str(root / "ours"), "HOME": folder}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed program is compiled
        ours = [sys.executable, "-m", "misfin_tui"]
        run = [*ours, "identity", "new", "ada@localhost", "--blurb", "Ada"]
        subprocess.run(run, env=environment, check=True, stdout=subprocess.DEVNULL)
        print("whole process; wall: least, median, most")
        bare = show(
            "python -c pass", [timed([sys.executable, "-c", "pass"], environment) for _ in range(ROUNDS)]
        )
        version = show(
            "misfin-tui --version", [timed([*ours, "--version"], environment) for _ in range(ROUNDS)]
        )
        listing = show("misfin-tui list", [timed([*ours, "list"], environment) for _ in range(ROUNDS)])
        print(f"  --version / bare Python: {version / bare:.2f}   list / bare Python: {listing / bare:.2f}")
        compare_sends(root, ours, environment)


def compare_sends(root: Path, ours: list[str], environment: dict[str, str]) -> None:
    """``send --wait`` beside ``titlani send``, by turns."""
    with contextlib.closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", PORT))
        except OSError:
            print(f"port {PORT} is in use: sending is not measured")
            return
    receiving = environment | {"MISFIN_TUI_HOME": str(root / "theirs")}
    (root / "theirs").mkdir()
    (root / "theirs" / "config.toml").write_text(
        "[rate_limit]\nenable = false\n[verification]\nmode = 'off'\n"
    )
    subprocess.run(
        [*ours, "identity", "new", "bea@localhost"], env=receiving, check=True, stdout=subprocess.DEVNULL
    )
    listen = [*ours, "receive", "--listen", f"127.0.0.1:{PORT}"]
    receiver = subprocess.Popen(listen, env=receiving, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        assert receiver.stdout is not None
        receiver.stdout.readline()
        send = [*ours, "send", "bea@localhost", "--body", "x" * 1024, "--wait"]
        peer = titlani_python()
        theirs: list[str] = []
        if peer is None:
            print(f"Titlani is not measured: {why_not()}")
        else:
            export = [*ours, "identity", "export", "ada@localhost", "--output", str(root / "ada.pem")]
            subprocess.run(export, env=environment, check=True, stderr=subprocess.DEVNULL)
            pem = str(root / "ada.pem")
            titlani = str(Path(peer).with_name("titlani"))
            theirs = [titlani, "send", "bea@localhost", "x" * 1024, "--cert", pem, "--key", pem]
        runs: dict[str, list[tuple[float, float]]] = {"ours": [], "theirs": []}
        for at in range(ROUNDS + 1):
            for name, command in (("ours", send), ("theirs", theirs)):
                if command and at:
                    runs[name].append(timed(command, environment))
                elif command:
                    timed(command, environment)  # warm-up
        mine = show("misfin-tui send --wait", runs["ours"])
        if theirs:
            his = show("titlani send", runs["theirs"])
            print(f"  ours / Titlani: {mine / his:.2f}  (target 0.60)")
    finally:
        receiver.terminate()
        receiver.wait()


if __name__ == "__main__":
    main()
