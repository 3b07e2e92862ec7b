"""Which windows of a view are wanted, kept and given up."""

from __future__ import annotations

from misfin.store.evidence import Evidence
from misfin.store.rows import ConversationRow
from misfin_tui.widgets.pages import PAGE, Pages

HEIGHT = 20


def page(number: int, rows: int = PAGE) -> list[ConversationRow]:
    """The rows of a page, each numbered by its place in the view."""
    return [
        ConversationRow(
            thread=place,
            message=place,
            id=f"{place}.M1P1.x",
            participants="",
            subject="",
            snippet="",
            count=1,
            unread=0,
            starred=False,
            date=0.0,
            evidence=Evidence.UNPROVEN,
            tags=(),
            attachment=False,
            held=False,
        )
        for place in range(number * PAGE, number * PAGE + rows)
    ]


def fetched(pages: Pages, first: int) -> list[int]:
    """The pages asked for, in order, when each one comes at once."""
    order = []
    while (number := pages.next_wanted(first, HEIGHT)) is not None:
        order.append(number)
        pages.put(number, page(number))
    return order


def test_a_row_is_known_once_its_page_came() -> None:
    pages = Pages()
    pages.begin(PAGE + 3, {})
    assert pages.row(0) is None
    pages.put(1, page(1, rows=3))
    assert pages.row(0) is None
    last = pages.row(PAGE + 2)
    assert last is not None
    assert last.thread == PAGE + 2
    assert pages.row(PAGE + 3) is None


def test_the_page_in_sight_comes_before_its_neighbours_and_none_beyond_the_ends() -> None:
    pages = Pages()
    pages.begin(10 * PAGE, {})
    assert pages.look_at(5 * PAGE, HEIGHT)
    assert fetched(pages, 5 * PAGE) == [5, 4]
    assert not pages.look_at(5 * PAGE, HEIGHT)
    assert pages.look_at(0, HEIGHT)
    assert fetched(pages, 0) == [0]
    assert pages.look_at(10 * PAGE - HEIGHT, HEIGHT)
    assert fetched(pages, 10 * PAGE - HEIGHT) == [9]


def test_what_was_scrolled_past_is_not_fetched_any_more() -> None:
    pages = Pages()
    pages.begin(100 * PAGE, {})
    for first in range(0, 50 * PAGE, PAGE):
        pages.look_at(first, HEIGHT)
    assert fetched(pages, 60 * PAGE) == []
    pages.look_at(60 * PAGE + 60, HEIGHT)
    assert fetched(pages, 60 * PAGE + 60) == [60]


def test_a_view_read_again_forgets_what_the_old_one_had_and_wanted() -> None:
    pages = Pages()
    pages.begin(3 * PAGE, {1: page(1)})
    pages.look_at(0, HEIGHT)
    pages.begin(PAGE, {0: page(0)})
    assert pages.row(PAGE) is None
    assert pages.next_wanted(0, HEIGHT) is None


def test_a_source_that_fails_is_asked_again_only_when_somebody_looks() -> None:
    pages = Pages()
    pages.begin(PAGE, {})
    pages.look_at(0, HEIGHT)
    pages.want_none()
    assert pages.next_wanted(0, HEIGHT) is None
    assert pages.look_at(0, HEIGHT)
