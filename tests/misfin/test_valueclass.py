"""A value class is what the dataclass of the standard library is, in everything a user can tell."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
import subprocess
import sys
from collections.abc import Callable
from dataclasses import FrozenInstanceError, asdict, astuple, field, fields, replace
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from misfin.valueclass import dataclass

MAKERS = [dataclass, dataclasses.dataclass]


def point(maker, **options):
    class Point:
        """A point."""

        kinds: ClassVar[int] = 2
        x: int
        y: float = 0.5
        names: list[str] = field(default_factory=list)
        secret: str = field(default="hidden", repr=False)
        note: str = field(default="", compare=False)
        hashless: int = field(default=0, hash=False)
        sum: float = field(default=0.0, init=False)
        last: int = field(default=7, kw_only=True)

        def __post_init__(self) -> None:
            object.__setattr__(self, "sum", self.x + self.y)

    return maker(**options)(Point)


SHAPES = [
    {"frozen": True, "slots": True},
    {"frozen": True},
    {"slots": True},
    {},
    {"eq": False, "slots": True},
]


@pytest.mark.parametrize("options", SHAPES, ids=str)
def test_it_is_made_shown_and_compared_like_a_dataclass(options):
    ours, theirs = (point(maker, **options) for maker in MAKERS)
    for make in (
        lambda kind: kind(1),
        lambda kind: kind(1, 2, ["a"], "b", "c", 4, last=5),
        lambda kind: kind(x=1, names=["n"]),
    ):
        one, other = make(ours), make(theirs)
        assert repr(one) == repr(other).replace(theirs.__qualname__, ours.__qualname__)
        assert (asdict(one), astuple(one)) == (asdict(other), astuple(other))
        assert (one == make(ours)) == (other == make(theirs))
        assert one != other
        assert asdict(replace(one, x=9)) == asdict(replace(other, x=9))
        assert copy.copy(one).__class__ is ours
        assert asdict(copy.deepcopy(one)) == asdict(other)
    assert ours(1, note="a").__eq__(ours(1, note="b")) == theirs(1, note="a").__eq__(theirs(1, note="b"))
    assert ours(1).__eq__(1) is NotImplemented
    assert hasattr(ours(1), "__dict__") == hasattr(theirs(1), "__dict__")
    assert ours.__match_args__ == theirs.__match_args__
    assert [each.name for each in fields(ours)] == [each.name for each in fields(theirs)]
    assert (ours.__hash__ is None) == (theirs.__hash__ is None)
    assert str(inspect.signature(ours)) == str(inspect.signature(theirs))
    assert ours.__doc__ == theirs.__doc__


@pytest.mark.parametrize("options", SHAPES, ids=str)
@pytest.mark.parametrize("arguments", [(), (1, 2, [], "", "", 0, 0, 0)])
def test_wrong_arguments_are_refused_in_the_same_words(options, arguments):
    said = []
    for kind in (point(maker, **options) for maker in MAKERS):
        with pytest.raises(TypeError) as refused:
            kind(*arguments)
        said.append(str(refused.value))
    assert said[0] == said[1]


@pytest.mark.parametrize("slots", [True, False])
def test_a_frozen_one_can_neither_be_changed_nor_emptied(slots):
    for one in (point(maker, frozen=True, slots=slots)(1) for maker in MAKERS):
        for change in (lambda one: setattr(one, "x", 2), lambda one: delattr(one, "x")):
            with pytest.raises(FrozenInstanceError, match="'x'"):
                change(one)
        assert one.x == 1


@dataclass(frozen=True, slots=True)
class Pair:
    """Two numbers."""

    one: int
    two: int = 2


@dataclass(frozen=True, slots=True)
class Triple(Pair):
    """Three."""

    three: int = 3

    def __eq__(self, other: object) -> bool:
        return NotImplemented


@dataclass(slots=True)
class Nothing:
    """No fields."""


@dataclass(frozen=True, slots=True)
class One:
    """One field, of itself perhaps."""

    value: object


class Named(Pair):
    """Of a class that is no dataclass itself."""


@given(st.integers(), st.integers(), st.integers(), st.integers())
def test_equal_ones_have_equal_hashes_and_others_are_not_equal(a, b, c, d):
    assert (Pair(a, b) == Pair(c, d)) == ((a, b) == (c, d))
    assert Pair(a, b) != Named(a, b)
    assert hash(Pair(a, b)) == hash(Pair(a, b)) == hash((a, b))
    assert hash(One(a)) == hash((a,))


def test_fields_are_inherited_and_methods_of_its_own_are_kept():
    assert repr(Triple(1)) == "Triple(one=1, two=2, three=3)"
    assert Triple(1) != Triple(1)
    assert repr(Named(1)) == "Named(one=1, two=2)"
    assert Nothing() == Nothing()
    nan = float("nan")
    assert One(nan) == One(nan)
    with pytest.raises(FrozenInstanceError):
        Triple(1).two = 5


def test_one_that_holds_itself_can_be_shown():
    held: list[object] = []
    held.append(One(held))
    assert repr(held[0]) == "One(value=[...])"


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_it_can_be_pickled(protocol):
    assert pickle.loads(pickle.dumps(Pair(3, 4), protocol)) == Pair(3, 4)


def test_the_signature_is_known_before_there_is_an_instance():
    @dataclass(frozen=True, slots=True)
    class Fresh:
        """Never made."""

        of: Callable[[], int] | None = None

    assert str(inspect.signature(Fresh)) == "(of: 'Callable[[], int] | None' = None) -> None"
    assert not hasattr(Fresh, "__signature__")


def test_nothing_is_compiled_before_it_is_used():
    code = (
        "import dataclasses, builtins; from misfin.valueclass import dataclass\n"
        "ran = []; real = builtins.exec\n"
        # From Python 3.13 on, dataclasses compiles an empty function for a class without methods.
        "builtins.exec = lambda *given: ('self' in given[0] and ran.append(1), real(*given))[1]\n"
        "@dataclass(frozen=True, slots=True)\nclass A:\n 'a'\n x: int\n\n"
        "assert not ran; A(1); A(2); assert len(ran) == 1; assert A(1) == A(1)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
