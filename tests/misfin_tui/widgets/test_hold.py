"""Drawing that is held back: until it is ended, or took too long, and never for ever."""

from __future__ import annotations

import asyncio

import pytest
from textual.app import App
from textual.widgets import Static

from misfin_tui.widgets.hold import Hold

LONG = 600.0


class Words(App[int]):
    """One text, and how often the screen was drawn."""

    def __init__(self) -> None:
        super().__init__()
        self.hold = Hold(self)
        self.drawn: list[str] = []
        self.news = asyncio.Event()

    def compose(self):
        yield Static("one")

    def _display(self, screen, renderable):
        super()._display(screen, renderable)
        strips = screen._compositor.render_strips()
        self.drawn.append("".join(segment.text for segment in strips[0]).strip())
        self.news.set()

    def write(self, text: str) -> None:
        self.query_one(Static).update(text)

    async def shows(self, text: str) -> None:
        async with asyncio.timeout(60):
            while self.drawn[-1:] != [text]:
                self.news.clear()
                await self.news.wait()


async def test_what_changes_meanwhile_is_drawn_once_it_ends():
    async with Words().run_test(size=(20, 2)) as pilot:
        app = pilot.app
        await app.shows("one")
        app.hold.begin(LONG)
        for text in ("two", "three", "four"):
            app.write(text)
            await pilot.pause()
        assert app.drawn[-1] == "one"
        app.hold.end()
        await app.shows("four")
        assert "two" not in app.drawn
        assert "three" not in app.drawn


async def test_it_ends_by_itself():
    async with Words().run_test(size=(20, 2)) as pilot:
        app = pilot.app
        await app.shows("one")
        app.hold.begin(0.01)
        app.write("two")
        await app.shows("two")
        app.write("three")
        await app.shows("three")


@pytest.mark.parametrize(("first", "second"), [(LONG, 0.01), (0.01, LONG)])
async def test_of_two_the_later_end_counts(first, second):
    async with Words().run_test(size=(20, 2)) as pilot:
        app = pilot.app
        await app.shows("one")
        app.hold.begin(first)
        app.hold.begin(second)
        app.write("two")
        await asyncio.sleep(0.05)
        await pilot.pause()
        assert app.drawn[-1] == "one"
        app.hold.end()
        app.hold.end()  # has ended: nothing happens
        await app.shows("two")
