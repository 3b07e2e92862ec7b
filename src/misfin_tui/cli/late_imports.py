"""Keeps Textual from importing modules that it hardly ever uses, until one of them is used.

``textual.types`` gathers names from trees, selects and lists of files, for people who annotate programs.
Textual itself takes one name from it, which is defined elsewhere; the widgets take time before the first
frame, and half a megabyte. So do some modules of Python of which Textual uses a single function, and that
seldom (:data:`_FUNCTIONS`).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from types import MappingProxyType, ModuleType
from typing import Any, Final

_NAME: Final = "textual.types"
_LIGHT: Final = "textual._types"
"""Where Textual defines what it needs itself; it imports no widget."""
_FUNCTIONS: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "difflib": frozenset({"get_close_matches"}),  # for mistakes in a style sheet
        "uuid": frozenset({"uuid4"}),  # to name a file it offers, or a notice of its own
    }
)
"""Modules, and the functions of each that Textual takes from it while it is imported."""


def put_off_imports() -> None:
    """Call this before Textual is imported; afterwards it has no effect."""
    if "textual" not in sys.modules:
        sys.modules[_NAME] = _LateTypes(_NAME)
        for name in _FUNCTIONS.keys() - sys.modules.keys():
            sys.modules[name] = _LateFunctions(name)


class _LateTypes(ModuleType):
    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        light = vars(import_module(_LIGHT))
        if name in light:
            return light[name]
        return getattr(_real(self), name)


class _LateFunctions(ModuleType):
    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if name in _FUNCTIONS[self.__name__]:
            return _late(self, name)
        return getattr(_real(self), name)


def _late(module: ModuleType, name: str) -> Callable[..., Any]:
    def call(*arguments: Any, **named: Any) -> Any:
        return getattr(_real(module), name)(*arguments, **named)

    return call


def _real(module: ModuleType) -> ModuleType:
    """The module that ``module`` stands for, which takes its place."""
    if sys.modules.get(module.__name__) is module:
        del sys.modules[module.__name__]
    return import_module(module.__name__)
