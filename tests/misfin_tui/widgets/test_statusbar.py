"""The first and the last line of a screen, at every width."""

from __future__ import annotations

import pytest
from desk import at_desk, make_profile, settled, shown, until
from rich.cells import cell_len

from misfin_tui.screens.help import HelpScreen


@pytest.fixture
def profile(profile_root):
    return make_profile(profile_root)


@pytest.mark.parametrize("width", [20, 40, 60, 80, 100, 140, 200, 300])
async def test_both_lines_fill_the_width_and_say_what_matters_most(profile, width):
    async with at_desk(profile, (width, 24)) as (app, pilot):
        await settled(pilot)
        app.screen.news.set_news("unread", "3 unread", "warning")
        app.screen.news.set_news("receiver", "● receiving on :1958", "good")
        app.screen.news.set_news("sending", "1 sending")
        await pilot.pause()
        first, last = app.screen.status.render_line(0), app.screen.query_one("#keys").render_line(0)
        assert first.cell_length == last.cell_length == width
        assert all(cell_len(segment.text) <= width for segment in first)
        assert "3 unread" in first.text
        if width >= 80:
            assert "● receiving on :1958" in first.text
        assert "? Help" in last.text
        if width >= 40:
            assert "q Quit" in last.text
            assert "^p Commands" in last.text
        if width >= 80:
            assert all(words in last.text for words in ("c Compose", "r Reply", "e Archive", "d Trash"))


async def test_the_keys_are_those_that_work_right_now_and_a_click_presses_one(profile):
    async with at_desk(profile, (120, 24)) as (app, pilot):
        assert "e Archive" in shown(app)
        await pilot.press("slash", "a")
        await until(pilot, lambda: "e Archive" not in shown(app))
        assert "esc Close" in shown(app)
        await pilot.press("escape")
        await until(pilot, lambda: "? Help" in shown(app))
        column = shown(app).splitlines()[-1].index("? Help")
        await pilot.click(offset=(column, 23))
        await until(pilot, lambda: isinstance(app.screen, HelpScreen))


@pytest.mark.parametrize("width", [60, 80, 120, 200])
async def test_short_of_room_it_leaves_out_why_but_not_that(profile, width):
    async with at_desk(profile, (width, 24)) as (app, pilot):
        await settled(pilot)
        app.screen.news.set_news("unread", "3 unread", "warning")
        app.screen.news.set_news("sending", "2 need you")
        app.screen.news.set_news(
            "receiver", "○ not receiving: cannot listen on 127.0.0.1, port 1958: it is taken", "bad"
        )
        await pilot.pause()
        said = app.screen.status.render_line(0).text
        assert "2 need you · ○ not receiving" in said
        assert ("it is taken" in said) == (width >= 120)
