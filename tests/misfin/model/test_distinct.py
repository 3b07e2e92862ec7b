"""Named tuples of different kinds differ, whatever they hold."""

from __future__ import annotations

from typing import NamedTuple

from misfin.model.distinct import distinct


@distinct
class Came(NamedTuple):
    number: int


@distinct
class Went(NamedTuple):
    number: int


def test_values_of_one_kind_are_equal():
    assert Came(1) == Came(1)
    assert hash(Came(1)) == hash(Came(1))
    assert not Came(1) != Came(1)  # noqa: SIM202 - the other operator
    assert Came(1) != Came(2)


def test_values_of_two_kinds_are_not():
    assert Came(1) != Went(1)
    assert not Came(1) == Went(1)  # noqa: SIM201 - the other operator
    assert Came(1) != (1,)
    assert len({Came(1), Went(1), Came(1)}) == 2
