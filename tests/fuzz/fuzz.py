"""A coverage-guided fuzzer for every parser that reads a stranger's bytes.

    python tests/fuzz/fuzz.py                         list the parsers
    python tests/fuzz/fuzz.py gemmail --seconds 600   look for an input that breaks one of them
    python tests/fuzz/fuzz.py all --seconds 600       one after the other

A parser may raise its documented errors and nothing else, must keep the promises its target checks, and
must not take long. With ``atheris`` installed that engine does the work; otherwise the small one below, which
keeps inputs that reach new pairs of lines and makes new ones from them. When something broke: exit status 1
and a file with the shortest input found.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from targets import TARGETS, Target

MAX_INPUT = 20_000  # bytes: the longest legal request, and some air
TRACED = 1_000  # bytes: longer inputs reach no new lines and are only timed
LONG = 0.02  # of all inputs may be long
MAX_SECONDS = 0.25  # for one input without tracing; a linear parser needs a few milliseconds


@dataclass
class Report:
    """What a run did; ``broken`` is the shortest input found that breaks the target by ``error``."""

    runs: int = 0
    steps: int = 0
    corpus: list[bytes] = field(default_factory=list)
    broken: bytes | None = None
    error: BaseException | None = None


class Tracer:
    """Records which line followed which in the watched modules while :meth:`run` runs."""

    def __init__(self, watch: tuple[str, ...]) -> None:
        self._watch = tuple(part.replace(".", "/") for part in watch)
        self._watched: dict[CodeType, bool] = {}
        self._taken: dict[tuple[CodeType, int, int], int] = {}

    def run(self, check: Callable[[bytes], None], data: bytes) -> set[tuple[Any, ...]]:
        """The steps taken, each with a rough count."""
        self._taken = {}
        before = sys.gettrace()
        sys.settrace(self._enter)
        try:
            check(data)
        finally:
            sys.settrace(before)
        # A rough count: a loop taken once more is news, the hundredth time is not.
        return {
            (*step, count if count < 4 else count.bit_length() + 1) for step, count in self._taken.items()
        }

    def _enter(self, frame: FrameType, event: str, arg: object) -> Callable[..., Any] | None:
        code = frame.f_code
        watched = self._watched.get(code)
        if watched is None:
            name = code.co_filename.replace("\\", "/").removesuffix(".py")
            watched = self._watched[code] = any(f"/{part}" in name for part in self._watch)
        if not watched:
            return None
        taken, last = self._taken, 0

        def step(frame: FrameType, event: str, arg: object) -> Callable[..., Any]:
            nonlocal last
            if event == "line":
                key = (code, last, frame.f_lineno)
                taken[key] = taken.get(key, 0) + 1
                last = frame.f_lineno
            return step

        return step


def explore(
    target: Target, *, seconds: float = 0.0, runs: int = 0, rng: random.Random, progress: bool = False
) -> Report:
    """Search until the time or the number of runs is over, or something breaks."""
    tracer, report, seen = Tracer(target.watch), Report(corpus=[*target.seeds]), set()
    started = shown = time.monotonic()
    todo = [*target.seeds, b""]
    while report.broken is None:
        now = time.monotonic()
        if not todo and ((runs and report.runs >= runs) or (seconds and now - started >= seconds)):
            break
        if progress and now - shown > 10:
            shown = now
            print(_line(report, now - started), flush=True)
        data = todo.pop() if todo else mutated(report.corpus, target.tokens, rng)
        report.runs += 1
        try:
            if len(data) > TRACED:
                _time(target.check, data)
                continue
            steps = tracer.run(target.check, data)
        except TimeoutError as e:
            report.broken, report.error = data, e
        except Exception as e:  # anything at all: that is what is looked for
            report.broken, report.error = shortest(target.check, data), e
        else:
            if not steps <= seen:
                seen |= steps
                report.steps = len(seen)
                report.corpus.append(data)
    if progress:
        print(_line(report, time.monotonic() - started), flush=True)
    return report


def _line(report: Report, spent: float) -> str:
    rate = report.runs / max(spent, 0.001)
    found = f"{report.steps:>6,} steps  {len(report.corpus):,} inputs"
    return f"{spent:6.0f} s  {report.runs:>9,} runs  {rate:>7,.0f}/s  {found}"


def _time(check: Callable[[bytes], None], data: bytes) -> None:
    """Raise TimeoutError when the input takes too long twice: once may be the machine's fault."""
    for _ in range(2):
        started = time.process_time()
        check(data)
        if time.process_time() - started < MAX_SECONDS:
            return
    raise TimeoutError(f"{len(data)} bytes took more than {MAX_SECONDS} s")


def mutated(corpus: list[bytes], tokens: tuple[bytes, ...], rng: random.Random) -> bytes:
    """A new input from old ones, changed in one to eight places."""
    # Half the time from the newest quarter: what reached something new last is where more may be new.
    newest = max(1, len(corpus) // 4)
    data = bytearray(rng.choice(corpus if rng.random() < 0.5 else corpus[-newest:]))
    for _ in range(1 << rng.randrange(4)):
        at, end = sorted(rng.randrange(len(data) + 1) for _ in range(2))
        match rng.randrange(9):
            case 0 if data:
                data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
            case 1:
                data[at:at] = bytes([rng.randrange(256)])
            case 2:
                del data[at : min(end, at + 16)]
            case 3:
                data[at:at] = data[at:end]
            case 4 if tokens:
                data[at:at] = rng.choice(tokens)
            case 5 if tokens:
                token = rng.choice(tokens)
                data[at : at + len(token)] = token
            case 6:
                other = rng.choice(corpus)
                start = rng.randrange(len(other) + 1)
                data[at:end] = other[start : start + rng.randrange(64)]
            case 7:
                piece = bytes(data[at : at + rng.randrange(1, 8)])
                data[at:at] = piece * (1 << rng.randrange(rng.choice((5, 12))))
            case 8:
                data = data[:at] if rng.random() < 0.5 else data[at:]
    return bytes(data[: MAX_INPUT if rng.random() < LONG else TRACED])


def shortest(check: Callable[[bytes], None], data: bytes) -> bytes:
    """Cut pieces out of an input for as long as it still breaks the check."""

    def breaks(candidate: bytes) -> bool:
        try:
            check(candidate)
        except Exception:
            return True
        return False

    if not breaks(data):
        return data  # it depends on what ran before
    size = len(data) // 2
    while size:
        at = 0
        while at < len(data):
            candidate = data[:at] + data[at + size :]
            if breaks(candidate):
                data = candidate
            else:
                at += size
        size //= 2
    return data


def main(argv: list[str] | None = None) -> int:
    """The command line; the exit status."""
    parser = argparse.ArgumentParser(description="Fuzz parsers, one after the other.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(sorted(TARGETS))}; or all")
    parser.add_argument("--seconds", type=float, default=60.0, help="for each")
    parser.add_argument("--runs", type=int, default=0, help="for each, in place of --seconds")
    parser.add_argument("--seed", type=int, default=None, help="to repeat a run")
    parser.add_argument("--crashes", type=Path, default=Path.cwd(), help="where an input that broke one goes")
    args = parser.parse_args(argv)
    names = sorted(TARGETS) if args.names == ["all"] else args.names
    for name in set(names) - set(TARGETS):
        parser.error(f"there is no {name}; the parsers are {', '.join(sorted(TARGETS))}")
    if not names:
        print("\n".join(sorted(TARGETS)))
    seed = args.seed if args.seed is not None else random.SystemRandom().randrange(1 << 32)
    return max([_fuzz(name, args.seconds, args.runs, seed, args.crashes) for name in names], default=0)


def _fuzz(name: str, seconds: float, runs: int, seed: int, crashes: Path) -> int:
    target = TARGETS[name]
    if not runs and _atheris(target, seconds, crashes):
        return 0
    print(f"{name}: {f'{runs} runs' if runs else f'{seconds:g} s'}, seed {seed}", flush=True)
    report = explore(
        target, seconds=0 if runs else seconds, runs=runs, rng=random.Random(seed), progress=True
    )
    if report.broken is None:
        print("nothing found", flush=True)
        return 0
    path = crashes / f"{name}-{sha256(report.broken).hexdigest()[:12]}.bin"
    crashes.mkdir(parents=True, exist_ok=True)
    path.write_bytes(report.broken)
    print(f"broken by {report.broken[:200]!r}: {report.error!r}\nwritten to {path}", flush=True)
    return 1


def _atheris(target: Target, seconds: float, crashes: Path) -> bool:
    """Let atheris do it, when it is there; it ends the process itself when something breaks."""
    try:
        import atheris  # type: ignore[import-not-found]  # optional, and no wheel for every Python
    except ImportError:
        return False
    atheris.instrument_all()
    options = [f"-max_total_time={int(seconds)}", f"-max_len={MAX_INPUT}", f"-artifact_prefix={crashes}/"]
    atheris.Setup([sys.argv[0], *options], target.check)
    atheris.Fuzz()
    return True


if __name__ == "__main__":
    sys.exit(main())
