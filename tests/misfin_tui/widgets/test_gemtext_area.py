"""Writing in the area: after every key the screen shows what drawing all of it again would show."""

from __future__ import annotations

import random

import pytest
from textual.app import App, ComposeResult

from misfin_tui import theming
from misfin_tui.widgets.gemtext_area import GemtextArea

TEXT = """# A title that is a good deal longer than the area is wide, so that it takes two rows
=> gemini://hive.test/a/rather/long/path/that/wraps A label
* An item
> A quotation, wide enough to be broken into several rows of the area as it is being written
```
Preformatted ( [ { text
```
Plain words, some of them 漢字 and some e\u0301 with marks, and enough for three rows.

The end
"""
KEYS = (
    *("x", "space", "(", "漢", "#", ">", "`", "=", "*"),
    *("enter", "backspace", "delete", "ctrl+z", "ctrl+y"),
    *("left", "right", "up", "down", "home", "end", "pageup", "pagedown"),
    *("shift+down", "shift+right", "ctrl+shift+home", "ctrl+k", "ctrl+u", "ctrl+w"),
)


class Desk(App[None]):
    def get_theme_variable_defaults(self) -> dict[str, str]:
        return theming.variable_defaults(self.current_theme)

    def compose(self) -> ComposeResult:
        yield GemtextArea(TEXT)


def screen(app: App[None]) -> list[list[tuple[str, object]]]:
    """Every row as pieces with their styles."""
    return [
        [(segment.text, segment.style) for segment in strip.simplify()]
        for strip in app.screen._compositor.render_strips()
    ]


@pytest.mark.parametrize("seed", range(3))
async def test_each_key_draws_all_that_it_changes(seed):
    keys = random.Random(seed)
    app = Desk()
    async with app.run_test(size=(40, 14)) as pilot:
        area = app.query_one(GemtextArea)
        area.cursor_blink = False
        area.focus()
        await pilot.pause()
        for _ in range(25):
            key = keys.choice(KEYS)
            await pilot.press(*(key,) * keys.choice((1, 1, 2, 5)))
            await pilot.pause()
            drawn = screen(app)
            area.refresh()
            await pilot.pause()
            assert screen(app) == drawn, key


async def test_a_fence_changes_the_rows_below_it():
    app = Desk()
    async with app.run_test(size=(40, 14)) as pilot:
        area = app.query_one(GemtextArea)
        area.cursor_blink = False
        area.focus()
        await pilot.press(*"```", "enter")
        await pilot.pause()
        drawn = screen(app)
        area.refresh()
        await pilot.pause()
        assert screen(app) == drawn


async def test_a_key_draws_its_row_only():
    app = Desk()
    async with app.run_test(size=(40, 14)) as pilot:
        area = app.query_one(GemtextArea)
        area.cursor_blink = False
        area.focus()
        area.move_cursor((2, 3))
        await pilot.pause()
        asked = []
        refresh_line = area.refresh_line
        area.refresh_line = lambda y: (asked.append(y), refresh_line(y))  # type: ignore[method-assign]
        await pilot.press("x")
        await pilot.pause()
        rows = set(asked)
        assert len(rows) == 1
