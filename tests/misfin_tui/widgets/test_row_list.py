"""The list of rows: columns that give way, a cursor that stays on its item, the mouse, a great many rows."""

from __future__ import annotations

from contextlib import asynccontextmanager

import pytest
from desk import shown, until
from textual.app import App, ComposeResult

from misfin_tui import theming
from misfin_tui.widgets.row_columns import Column
from misfin_tui.widgets.row_list import RowList

COLUMNS = (
    Column("", 1),
    Column("Name"),
    Column("Number", 6, right=True, spare=1),
    Column("Note", 20, spare=2),
)


class Host(App[None]):
    def __init__(self, items: list[int]) -> None:
        super().__init__()
        self.items = items
        self.moved: list[int] = []
        self.chosen: list[int] = []
        self.drawn = 0

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return theming.variable_defaults(self.current_theme)

    def compose(self) -> ComposeResult:
        def cells(item: int):
            self.drawn += 1
            return (
                ("✓", "good"),
                (f"name {item} of somebody", "strong"),
                (str(item), "muted"),
                (f"note {item} that is long", "normal"),
            )

        yield RowList(COLUMNS, cells, lambda item: item, empty="Nothing here.")

    def on_mount(self) -> None:
        rows = self.query_one(RowList)
        rows.focus()
        rows.show(self.items)

    def on_row_list_moved(self, event: RowList.Moved) -> None:
        self.moved.append(event.item)

    def on_row_list_chosen(self, event: RowList.Chosen) -> None:
        self.chosen.append(event.item)


@asynccontextmanager
async def listed(count: int, size: tuple[int, int] = (60, 10)):
    app = Host(list(range(count)))
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        yield app, app.query_one(RowList), pilot


async def test_an_empty_list_says_so():
    async with listed(0) as (app, rows, _pilot):
        assert "Nothing here." in shown(app)
        assert rows.current is None
        rows.move(1)
        rows.move_to_end(top=False)
        assert rows.current is None


async def test_the_cursor_moves_and_scrolls():
    async with listed(100) as (app, rows, pilot):
        rows.move_to_end(top=False)
        await pilot.pause()
        assert rows.current == 99
        await until(pilot, lambda: "name 99" in shown(app))
        rows.move_page(-1)
        rows.move(-1)
        assert rows.current == 90
        rows.move_to_end(top=True)
        await pilot.pause()
        await until(pilot, lambda: "name 0" in shown(app))
        assert app.moved[-1] == 0


async def test_the_cursor_stays_on_its_item_when_others_come_and_go():
    async with listed(10) as (app, rows, pilot):
        rows.move(5)
        rows.show([100, 101, *range(10)])
        assert rows.current == 5
        rows.show([1, 2, 3])
        await pilot.pause()
        assert rows.current == 3
        rows.go_to(2)
        assert rows.current == 2
        rows.go_to(77)
        assert rows.current == 2
        await pilot.pause()
        assert app.moved[-1] == 2


async def test_a_click_moves_and_a_double_click_chooses():
    async with listed(10) as (app, rows, pilot):
        await pilot.click(RowList, offset=(10, 4))
        assert rows.current == 3
        await pilot.click(RowList, offset=(10, 4), times=2)
        assert app.chosen == [3]
        await pilot.click(RowList, offset=(10, 0))
        assert rows.current == 3


@pytest.mark.parametrize(
    ("width", "there", "gone"),
    [
        (70, ["Name", "Number", "Note"], []),
        (40, ["Name", "Number"], ["Note"]),
        (22, ["Name"], ["Number", "Note"]),
        (8, [], ["Number", "Note"]),
    ],
)
async def test_columns_give_way_in_their_order(width, there, gone):
    async with listed(3, (width, 10)) as (app, _rows, _pilot):
        title = shown(app).split("\n")[0]
        assert all(word in title for word in there), title
        assert not any(word in title for word in gone), title


@pytest.mark.parametrize("size", [(1, 1), (2, 2), (20, 3), (300, 80)])
async def test_any_size_can_be_drawn(size):
    async with listed(50, size) as (app, rows, pilot):
        rows.move(20)
        await pilot.resize_terminal(5, 2)
        await pilot.resize_terminal(80, 24)
        await pilot.pause()
        await until(pilot, lambda: "name 20" in shown(app))


async def test_a_hundred_thousand_rows_are_no_burden():
    async with listed(100_000) as (app, rows, pilot):
        app.drawn = 0
        for _ in range(20):
            rows.move_page(1)
            await pilot.pause()
        assert 0 < app.drawn < 1000  # what is in sight, not all there is
