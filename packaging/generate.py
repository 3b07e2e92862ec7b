"""Writes the manual page and the completion scripts that packages ship.

    python packaging/generate.py

They are made from the program's own tables; a test compares them.
"""

from __future__ import annotations

from pathlib import Path

from misfin_tui.cli.completion import script
from misfin_tui.cli.manual import page

HERE = Path(__file__).parent
FILES = {
    "misfin-tui.1": page,
    "completions/misfin-tui": lambda: script("bash"),
    "completions/misfin-tui.fish": lambda: script("fish"),
    "completions/_misfin-tui": lambda: script("zsh"),
}
"""Where each is written, below this folder, and what makes it."""


def main() -> None:
    for name, make in FILES.items():
        (HERE / name).write_text(make(), encoding="utf-8")


if __name__ == "__main__":
    main()
