"""Dataclasses whose methods are made when first used: a command uses few of the classes that it loads.

To compile the methods of all took a third of the time of a command that does little. Use
``from misfin.valueclass import dataclass`` in modules that most commands load; what :mod:`dataclasses` does
with such a class, it does as ever.
"""

from __future__ import annotations

import dataclasses
import operator
import reprlib
from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any, Final

__all__ = ["dataclass"]

if TYPE_CHECKING:
    from dataclasses import dataclass
else:

    def dataclass(
        cls: type[Any] | None = None,
        /,
        *,
        frozen: bool = False,
        slots: bool = False,
        eq: bool = True,
        init: bool = True,
    ) -> object:
        """As :func:`dataclasses.dataclass`, of which it knows these arguments.

        A class and its bases have to be made in the same way: all with this, or none.
        """
        made = partial(_made, frozen=frozen, slots=slots, eq=eq, init=init)
        return made if cls is None else made(cls)


_SETS: Final = object.__setattr__


class _Factory:
    """In a signature, the default of what a function makes."""

    def __repr__(self) -> str:
        return "<factory>"


_FACTORY: Final = _Factory()


def _made(plain: type[Any], *, frozen: bool, slots: bool, eq: bool, init: bool) -> type[Any]:
    own = frozenset(plain.__dict__)
    if not plain.__doc__:  # instead of its signature, which would have to be made now
        plain.__doc__ = plain.__name__
    hashed = plain.__dict__.get("__hash__")
    made: type[Any] = dataclasses.dataclass(init=False, repr=False, eq=False, slots=slots)(plain)
    methods = {"__repr__": _repr} | (_comparing(made) if eq else {})
    if eq and hashed is None:
        own -= {"__hash__"}  # None is what a class gets that has an __eq__ of its own
        methods["__hash__"] = _hashing(made) if frozen else None
    if frozen:
        methods |= _frozen(made) | ({"__getstate__": _state, "__setstate__": _set_state} if slots else {})
    for name, method in methods.items():
        if name not in own:
            setattr(made, name, method)
    if init and "__init__" not in own:
        _initialised(made, frozen)
    return made


def _initialised(cls: type[Any], frozen: bool) -> None:
    """Have the first instance, or whoever asks for the signature, compile ``__init__``."""

    def compiled() -> Callable[..., None]:
        init: Callable[..., None] = vars(cls)["__init__"]
        if init is first:
            init = _compiled(cls, frozen)
            type.__setattr__(cls, "__init__", init)
        return init

    def first(self: object, /, *args: object, **named: object) -> None:
        compiled()(self, *args, **named)

    type.__setattr__(cls, "__init__", first)
    type.__setattr__(cls, "__signature__", _Asked(compiled))


class _Asked:
    """In the place of a signature that there is not, until somebody looks for it."""

    def __init__(self, compiled: Callable[[], object]) -> None:
        self._compiled = compiled

    def __get__(self, instance: object, owner: type) -> object:
        self._compiled()
        raise AttributeError("__signature__")


def _compiled(cls: type[Any], frozen: bool) -> Callable[..., None]:
    """``__init__`` as it would be written by hand."""
    names: dict[str, Any] = {"_set": _SETS, "_none": _FACTORY}
    places: list[str] = []
    named: list[str] = []
    body: list[str] = []
    for number, each in enumerate(dataclasses.fields(cls)):
        value, default = each.name, ""
        if each.default_factory is not dataclasses.MISSING:
            names[f"_make{number}"], default = each.default_factory, "=_none"
            value = f"_make{number}() if {each.name} is _none else {each.name}"
        elif each.default is not dataclasses.MISSING:
            names[f"_default{number}"], default = each.default, f"=_default{number}"
        if each.init:
            (named if each.kw_only else places).append(each.name + default)
        elif default:
            value = value.partition(" if ")[0] if "(" in value else default[1:]
        else:
            continue
        body.append(f"_set(self, {each.name!r}, {value})" if frozen else f"self.{each.name} = {value}")
    if hasattr(cls, "__post_init__"):
        body.append("self.__post_init__()")
    signs = ", ".join(["self", *places, *(["*", *named] if named else [])])
    exec(f"def __init__({signs}):\n " + "\n ".join(body or ["pass"]), names)  # noqa: S102 - names of our own
    init: Callable[..., None] = names["__init__"]
    types = {each.name: each.type for each in dataclasses.fields(cls) if each.init}
    init.__annotations__ = {**types, "return": None}
    init.__qualname__, init.__module__ = f"{cls.__qualname__}.__init__", cls.__module__
    return init


def _getter(cls: type[Any], wanted: Callable[[dataclasses.Field[Any]], object]) -> Callable[[object], object]:
    """Reads some of the fields of an instance, as a tuple."""
    names = [each.name for each in dataclasses.fields(cls) if wanted(each)]
    if len(names) > 1:
        return operator.attrgetter(*names)
    return lambda one: tuple(getattr(one, name) for name in names)


def _comparing(cls: type[Any]) -> dict[str, object]:
    values: Callable[[object], object] | None = None

    def equal(self: object, other: object) -> object:
        nonlocal values
        if other.__class__ is not self.__class__:
            return NotImplemented
        if values is None:
            values = _getter(cls, lambda each: each.compare)
        return values(self) == values(other)

    return {"__eq__": equal}


def _hashing(cls: type[Any]) -> Callable[[object], int]:
    values: Callable[[object], object] | None = None

    def hashed(self: object) -> int:
        nonlocal values
        if values is None:
            values = _getter(cls, lambda each: each.compare if each.hash is None else each.hash)
        return hash(values(self))

    return hashed


def _frozen(cls: type[Any]) -> dict[str, object]:
    def no_setting(self: object, name: str, value: object) -> None:
        if type(self) is cls or name in _names(cls):
            raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")
        super(cls, self).__setattr__(name, value)

    def no_deleting(self: object, name: str) -> None:
        if type(self) is cls or name in _names(cls):
            raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")
        super(cls, self).__delattr__(name)

    return {"__setattr__": no_setting, "__delattr__": no_deleting}


def _names(cls: type[Any]) -> Iterable[str]:
    return (each.name for each in dataclasses.fields(cls))


@reprlib.recursive_repr()
def _repr(self: Any) -> str:
    shown = (each.name for each in dataclasses.fields(type(self)) if each.repr)
    return f"{type(self).__qualname__}({', '.join(f'{name}={getattr(self, name)!r}' for name in shown)})"


def _state(self: Any) -> list[object]:
    return [getattr(self, name) for name in _names(type(self))]


def _set_state(self: Any, state: Iterable[object]) -> None:
    for name, value in zip(_names(type(self)), state, strict=True):
        _SETS(self, name, value)
