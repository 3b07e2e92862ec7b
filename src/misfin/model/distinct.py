"""Named tuples of different kinds that never count as equal.

A named tuple is made in a tenth of the time that a frozen dataclass takes, which counts where a program with
dozens of them is started every few minutes. But it equals every tuple with the same fields: a message that
arrived would equal one that was deleted. :func:`distinct` ends that.
"""

from __future__ import annotations

from typing import TypeVar

T = TypeVar("T")


def distinct(kind: type[T]) -> type[T]:
    """For a ``NamedTuple``: its values equal only values of the same kind."""
    for name, method in _METHODS.items():
        setattr(kind, name, method)
    return kind


def _equal(self: tuple[object, ...], other: object) -> bool:
    return type(other) is type(self) and tuple.__eq__(self, other)


def _differs(self: tuple[object, ...], other: object) -> bool:
    return not _equal(self, other)


_METHODS = {"__eq__": _equal, "__ne__": _differs, "__hash__": tuple.__hash__}
