"""Columns of lists: what they need, what they get where cells are free, and where they are not."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from misfin_tui.widgets.row_columns import LEAST, Column, shape

COLUMNS = (Column("", 1), Column("To", 28), Column("Subject"), Column("State"), Column("Tries", 5, spare=2))


def test_nothing_is_cut_while_another_column_has_free_cells():
    made = shape(COLUMNS, (1, 18, 13, 60, 5), 110)
    assert made.widths[2:4] == (13, 60)
    assert made.gap > 1


def test_wide_windows_set_columns_apart_and_leave_the_rest_free():
    made = shape(COLUMNS, (1, 18, 13, 30, 5), 190)
    assert made.widths == (1, 28, 13, 30, 5)
    assert made.gap == 4


def test_long_columns_share_what_is_left():
    made = shape(COLUMNS, (1, 18, 200, 200, 5), 80)
    assert abs(made.widths[2] - made.widths[3]) <= 1


def test_a_free_column_keeps_its_least_beside_one_that_lacks_much():
    made = shape((Column("Setting", 26), Column("Value", 30), Column("What it does")), (24, 70, 60), 78)
    assert made.widths[2] >= LEAST


@given(
    st.lists(st.integers(0, 300), min_size=5, max_size=5),
    st.integers(12, 300),
)
def test_the_columns_fit(needed, room):
    made = shape(COLUMNS, needed, room)
    shown = [width for width in made.widths if width]
    assert sum(shown) + len(shown) - 1 <= max(room, 16)


PEOPLE = (
    Column("", 1),
    Column("Name", 24),
    Column("Address"),
    Column("Sent", 6, right=True, spare=2),
    Column("Received", 8, right=True, spare=2),
    Column("Last", 11, spare=1),
    Column("Sender", 12, spare=3),
    Column("Since", 11, spare=2),
)


def test_a_column_goes_before_the_others_crowd():
    made = shape(PEOPLE, (1, 18, 22, 4, 8, 11, 11, 11), 74)
    assert made.gap == 2
    assert made.widths == (1, 19, 22, 4, 8, 11, 0, 0)


def test_a_column_that_is_good_to_know_goes_where_an_address_would_be_cut():
    made = shape(PEOPLE, (1, 18, 23, 4, 8, 11, 11, 11), 96)
    assert made.widths[2] == 23
    assert made.widths[-2:] == (0, 11)


def test_a_sign_is_never_left_alone():
    assert shape(COLUMNS, (1, 18, 13, 30, 5), 14).widths == (1, 12, 0, 0, 0)


def test_no_column_goes_in_vain():
    assert shape(COLUMNS, (1, 18, 13, 70, 5), 76).widths[-1] == 5
