"""How Sphinx builds these pages: ``make docs``.

The pages are plain Markdown. Added while building: the table of contents, from the links of README.md, and
the API reference, from the public names of ``misfin``. Links to files outside this folder become plain text.
"""

from __future__ import annotations

import inspect
import re
from collections import defaultdict
from pathlib import Path

import misfin
from misfin_tui import __version__

HERE = Path(__file__).parent

project = "misfin-tui"
author = "The misfin-tui authors"
release = version = __version__
extensions = ["myst_parser", "sphinx.ext.autodoc"]
root_doc = "README"
exclude_patterns = ["_build", "examples"]
html_theme = "furo"
html_title = "misfin-tui"
html_additional_pages = {"index": "redirect.html"}
templates_path = ["_templates"]
myst_heading_anchors = 3
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
add_module_names = False

_OUTSIDE = re.compile(r"\[([^\]]*)\]\(\.\./[^)]*\)")
_LINK = re.compile(r"\]\(([a-z-]+)\.(?:md|rst)\)")


def contents(readme: str) -> str:
    """The pages README.md links to, in its order, as Sphinx wants them named."""
    pages = dict.fromkeys([*_LINK.findall(readme), "reference"])
    return "\n".join(["", "```{toctree}", ":hidden:", "", *pages, "```", ""])


def reference() -> str:
    """Every public name of ``misfin``, below the module that defines it."""
    homes: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for name in misfin.__all__:
        value = getattr(misfin, name)
        kind = "autoclass" if inspect.isclass(value) else "autofunction" if callable(value) else "autodata"
        home = getattr(value, "__module__", "")
        homes[home if home.startswith("misfin") else "misfin"].append((kind, name))
    parts = ["API reference", "=============", "", "Every name can be imported from ``misfin``.", ""]
    for home, names in sorted(homes.items()):
        parts += [home, "-" * len(home), ""]
        for kind, name in names:
            value = getattr(misfin, name)
            # A second name of something documented already is only mentioned.
            if kind != "autodata" and value.__name__ != name:
                parts += [f"``{name}`` is another name of ``{value.__name__}``.", ""]
                continue
            where = home if kind != "autodata" else "misfin"
            parts.append(f".. {kind}:: {where}.{name}")
            if kind == "autoclass":
                parts += ["   :members:", "   :show-inheritance:"]
            parts.append("")
    return "\n".join(parts)


def _read(_app: object, page: str, source: list[str]) -> None:
    source[0] = _OUTSIDE.sub(r"\1", source[0])
    if page == "README":
        source[0] += contents(source[0])
    elif page == "reference":
        source[0] = reference()


def setup(app: object) -> None:
    app.connect("source-read", _read)  # type: ignore[attr-defined]  # Sphinx is not installed where this is checked
