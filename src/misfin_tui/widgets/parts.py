"""Objects that a screen or the app holds: each does one kind of work, with actions and workers of its own."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import partial, wraps
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

if TYPE_CHECKING:
    from textual.dom import DOMNode
    from textual.worker import Worker

P = ParamSpec("P")
T = TypeVar("T")
H = TypeVar("H", bound="Part")


class Part:
    """Something a node holds. Its workers are the node's: they end with it, in groups the node knows."""

    def __init__(self, node: DOMNode) -> None:
        self.node = node


def worker(
    *, group: str, description: str, exclusive: bool = False
) -> Callable[[Callable[Concatenate[H, P], Coroutine[Any, Any, T]]], Callable[Concatenate[H, P], Worker[T]]]:
    """What ``textual.work`` is for the methods of a node, for those of a :class:`Part`."""

    def decorate(
        method: Callable[Concatenate[H, P], Coroutine[Any, Any, T]],
    ) -> Callable[Concatenate[H, P], Worker[T]]:
        @wraps(method)
        def start(part: H, /, *args: P.args, **kwargs: P.kwargs) -> Worker[T]:
            return part.node.run_worker(
                partial(method, part, *args, **kwargs),
                name=method.__name__,
                group=group,
                description=description,
                exclusive=exclusive,
            )

        return start

    return decorate


def adopt(node: DOMNode, *parts: object) -> None:
    """Make the actions of parts actions of their node.

    Textual calls ``action_x`` of the node a key is bound on, and nothing else. Instead of a method on the
    node for every action of its parts, the node gets them as attributes, in this one place: keys, the
    palette and the menu find them as they find the node's own.
    """
    for part in parts:
        for name in dir(type(part)):
            if name.startswith("action_"):
                setattr(node, name, getattr(part, name))
