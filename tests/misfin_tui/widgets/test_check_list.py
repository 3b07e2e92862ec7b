"""Results of a check come as lines that can be read at any width."""

from __future__ import annotations

import pytest
from textual.app import App

from misfin.email.account import parse_server
from misfin.email.checking import Checked, CheckStep, CheckVerdict
from misfin_tui.widgets.check_list import CheckList

ASKS = Checked(
    parse_server("imaps://ada@localhost:993"),
    CheckStep.TLS,
    CheckVerdict.ASKS,
    "The certificate of localhost is not trusted: it is self-signed. Nothing was sent.",
)


class Desk(App[None]):
    def compose(self):
        yield CheckList()


def lines(app: App[None]) -> list[str]:
    strips = app.screen._compositor.render_strips()
    return [line for strip in strips if (line := "".join(segment.text for segment in strip).rstrip())]


@pytest.mark.parametrize("width", [200, 70, 30, 4])
async def test_what_does_not_fit_goes_on_below_its_first_word(width):
    app = Desk()
    async with app.run_test(size=(width, 40)) as pilot:
        app.query_one(CheckList).add(ASKS)
        await pilot.pause()
        found = lines(app)
        if width > 10:
            assert found[0] == "imaps://ada@localhost"
            assert found[1].startswith("  ? The certificate of")
            assert all(line.startswith("    ") for line in found[2:])
            assert " ".join(line.strip(" ?") for line in found[1:]) == ASKS.text
        await pilot.resize_terminal(120, 40)
        await pilot.pause()
        assert lines(app)[1:] == [f"  ? {ASKS.text}"]


async def test_a_result_that_comes_after_the_screen_is_gone_is_dropped():
    app = Desk()
    async with app.run_test() as pilot:
        checks = app.query_one(CheckList)
        await checks.remove()
        checks.add(ASKS)
        await pilot.pause()
