"""Keeps Textual from importing widgets that only ``textual.types`` names, until one of them is needed.

``textual.types`` gathers names from trees, selects and lists of files, for people who annotate programs.
Textual itself takes one name from it, which is defined elsewhere; the widgets take time before the first
frame, and half a megabyte.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import Any, Final

_NAME: Final = "textual.types"
_LIGHT: Final = "textual._types"
"""Where Textual defines what it needs itself; it imports no widget."""


def leave_out_widgets() -> None:
    """Call this before Textual is imported; afterwards it has no effect."""
    if "textual" not in sys.modules:
        sys.modules[_NAME] = _LateTypes(_NAME)


class _LateTypes(ModuleType):
    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        light = vars(import_module(_LIGHT))
        if name in light:
            return light[name]
        if sys.modules.get(_NAME) is self:
            del sys.modules[_NAME]
        return getattr(import_module(_NAME), name)
