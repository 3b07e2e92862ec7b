"""Run every benchmark, one process each, and print what it measured: ``make bench``.

Name some to run only those: ``python -m tests.benchmarks gemmail receiver``.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def main(wanted: list[str]) -> int:
    """Run the benchmarks named, or all; the exit status is 1 when one of them broke."""
    failed = []
    for script in sorted(HERE.glob("bench_*.py")):
        name = script.stem.removeprefix("bench_")
        if wanted and name not in wanted:
            continue
        print(f"== {name}", flush=True)
        if subprocess.run([sys.executable, str(script)], check=False, cwd=HERE.parent.parent).returncode:
            failed.append(name)
    if failed:
        print("broken: " + ", ".join(failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
