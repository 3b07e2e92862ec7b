"""Prints the licences of everything the program needs, as a page for docs/.

    python packaging/licences.py > docs/licences.md

It reads the metadata of what is installed, so run it in the environment of the development tools.
"""

from __future__ import annotations

from importlib.metadata import Distribution, distribution

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROGRAM = "misfin-tui"
NOTE = """# Licences

<!-- Made by packaging/licences.py; do not change it by hand. -->

The program is under the MIT licence. Everything it needs is under a licence that lets you use it,
change it and pass it on:

| library | licence | needed by |
| --- | --- | --- |"""


def needed() -> dict[str, tuple[Distribution, set[str]]]:
    """Every library the program needs on this system, by name: what is installed, and what needs it."""
    found: dict[str, tuple[Distribution, set[str]]] = {}
    waiting = [(PROGRAM, frozenset[str]())]
    seen = set(waiting)
    while waiting:
        name, extras = waiting.pop()
        for line in distribution(name).requires or ():
            wanted = Requirement(line)
            where = [{"extra": extra} for extra in extras] or [{"extra": ""}]
            if wanted.marker is not None and not any(wanted.marker.evaluate(one) for one in where):
                continue
            library = canonicalize_name(wanted.name)
            found.setdefault(library, (distribution(library), set()))[1].add(name)
            step = (library, frozenset(wanted.extras))
            if step not in seen:
                seen.add(step)
                waiting.append(step)
    return found


def licence(library: Distribution) -> str:
    """The licence as the library's own metadata names it."""
    said = library.metadata
    classified = [
        line.rpartition(" :: ")[2] for line in said.get_all("Classifier", []) if line.startswith("License ::")
    ]
    short = (said.get("License") or "").splitlines()
    named = said.get("License-Expression") or (short[0] if len(short) == 1 and len(short[0]) < 40 else "")
    return named or ", ".join(classified) or "see its files"


def main() -> None:
    print(NOTE)
    for name, (library, users) in sorted(needed().items()):
        print(f"| {name} | {licence(library)} | {', '.join(sorted(users))} |")


if __name__ == "__main__":
    main()
