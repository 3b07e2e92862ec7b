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
C = TypeVar("C", bound="Controller")


class Controller:
    """Something a node holds. Its workers are the node's: they end with it, in groups the node knows."""

    def __init__(self, node: DOMNode) -> None:
        self.node = node


def worker(
    *, group: str, description: str, exclusive: bool = False
) -> Callable[[Callable[Concatenate[C, P], Coroutine[Any, Any, T]]], Callable[Concatenate[C, P], Worker[T]]]:
    """What ``textual.work`` is for the methods of a node, for those of a :class:`Controller`."""

    def decorate(
        method: Callable[Concatenate[C, P], Coroutine[Any, Any, T]],
    ) -> Callable[Concatenate[C, P], Worker[T]]:
        @wraps(method)
        def start(controller: C, /, *args: P.args, **kwargs: P.kwargs) -> Worker[T]:
            return controller.node.run_worker(
                partial(method, controller, *args, **kwargs),
                name=method.__name__,
                group=group,
                description=description,
                exclusive=exclusive,
            )

        return start

    return decorate


def adopt(node: DOMNode, *controllers: object) -> None:
    """Make the actions of controllers actions of their node.

    Textual calls ``action_x`` of the node a key is bound on, and nothing else. Instead of a method on the
    node for every action of its controllers, the node gets them as attributes, in this one place: keys, the
    palette and the menu find them as they find the node's own.
    """
    for controller in controllers:
        for name in dir(type(controller)):
            if name.startswith("action_"):
                setattr(node, name, getattr(controller, name))
