"""Lines kept between draws look as if drawn again, and the scrollbar is where it belongs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.segment import Segment
from textual.app import App
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.scrollbar import ScrollBarRender
from textual.strip import Strip

from misfin_tui.widgets.quick_scroll import QuickScroll, thumb_start

ROWS = 500
CSS = """
ScrollView { height: 1fr; border: round $primary; padding: 0 1; scrollbar-size-vertical: 1; }
ScrollView:focus { border: heavy $accent; background: $boost; }
"""


class Numbers(ScrollView, can_focus=True):
    """Numbered rows, as Textual finishes them."""

    def on_mount(self) -> None:
        self.virtual_size = Size(1, ROWS)
        self.border_title = "Numbers"
        self.strips: dict[tuple[int, int], Strip] = {}

    def render_line(self, y: int) -> Strip:
        key = (y + self.scroll_offset.y, self.scrollable_content_region.width)
        if key not in self.strips:
            style = self.rich_style
            text = f"{key[0]} \N{CJK UNIFIED IDEOGRAPH-6F22}" if key[0] < ROWS else ""
            self.strips[key] = Strip([Segment(text, style)]).adjust_cell_length(key[1], style)
        return self.strips[key]

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self.strips = {}


class QuickNumbers(QuickScroll, Numbers):
    """The same rows, kept."""


class Both(App[None]):
    """One above the other."""

    CSS = CSS

    def compose(self):
        yield Numbers()
        yield QuickNumbers()


def halves(app) -> tuple[list[str], list[str]]:
    """What is drawn of both, in the codes a terminal gets."""
    height = app.size.height // 2
    lines = [strip.render(app.console) for strip in app.screen._compositor.render_strips()]
    return lines[:height], lines[height : 2 * height]


@pytest.mark.parametrize("colour", [True, False])
async def test_every_step_looks_as_textual_draws_it(monkeypatch, colour):
    if not colour:
        monkeypatch.setenv("NO_COLOR", "1")
    async with Both().run_test(size=(40, 24)) as pilot:
        app = pilot.app
        plain, quick = app.query_one(Numbers), app.query_one(QuickNumbers)
        app.set_focus(None)
        await pilot.pause()
        assert "\x1b[" in "".join(halves(app)[1])
        for y in (0, 1, 2, 40, 41, 40, ROWS - 10, ROWS, 3):
            for view in (plain, quick):
                view.scroll_to(y=y, animate=False, immediate=True)
            await pilot.pause()
            one, other = halves(app)
            assert other == one, y


async def test_focus_theme_and_size_reach_lines_that_were_kept():
    async with Both().run_test(size=(40, 24)) as pilot:
        app = pilot.app
        quick = app.query_one(QuickNumbers)
        seen = []
        for change in (
            lambda: app.set_focus(None),
            lambda: app.set_focus(quick),
            lambda: setattr(app, "theme", "textual-light"),
            lambda: setattr(quick, "border_title", "Other"),
        ):
            change()
            await pilot.pause()
            drawn = halves(app)[1]
            assert drawn not in seen
            seen.append(drawn)
        app.set_focus(None)
        app.query_one(Numbers).border_title = "Other"
        await pilot.resize_terminal(50, 30)
        await pilot.pause()
        one, other = halves(app)
        assert other == one
        assert "499" not in "".join(other)


async def test_a_scrollbar_that_looks_the_same_still_knows_its_place():
    async with Both().run_test(size=(40, 24)) as pilot:
        quick = pilot.app.query_one(QuickNumbers)
        await pilot.pause()
        for y in range(60):
            quick.scroll_to(y=y, animate=False, immediate=True)
            assert quick.vertical_scrollbar.position == y


@given(
    height=st.integers(1, 60),
    more=st.integers(1, 200_000),
    steps=st.tuples(st.floats(0, 1), st.floats(0, 1)),
)
def test_the_thumb_is_drawn_alike_wherever_it_begins_alike(height, more, steps):
    whole = height + more
    places = [step * more for step in steps]

    def drawn(position: float) -> list[tuple[str, str]]:
        segments = ScrollBarRender.render_bar(height, whole, height, position).segments
        return [(segment.text, str(segment.style)) for segment in segments]

    if len({thumb_start(height, whole, height, place) for place in places}) == 1:
        assert drawn(places[0]) == drawn(places[1])
