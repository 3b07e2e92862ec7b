"""Keys that come faster than they are handled act in the order they were pressed."""

from __future__ import annotations

import pytest
from desk import until
from textual import events
from textual.app import App, ComposeResult
from textual.containers import Vertical

from misfin_tui import theming
from misfin_tui.widgets.address_input import OneLine
from misfin_tui.widgets.gemtext_area import GemtextArea


class Fields(App[None]):
    def get_theme_variable_defaults(self) -> dict[str, str]:
        return theming.variable_defaults(self.current_theme)

    def compose(self) -> ComposeResult:
        with Vertical(), Vertical():
            yield OneLine(id="line")
            yield GemtextArea(id="area")


def key(name: str) -> events.Key:
    return events.Key(name, name if len(name) == 1 else None)


@pytest.mark.parametrize("field", ["line", "area"])
async def test_a_correction_in_the_middle_of_a_burst_of_keys_stays_where_it_was_made(field):
    app = Fields()
    async with app.run_test() as pilot:
        widget = app.query_one(f"#{field}")
        widget.focus()
        await pilot.pause()
        for name in (
            *"teh",
            "backspace",
            "backspace",
            *"he",
            "left",
            "delete",
            *"e",
            "home",
            *"a",
            "end",
            *"z",
        ):
            app.post_message(key(name))
        await until(pilot, lambda: len(widget.value if field == "line" else widget.text) >= 5)
        await pilot.pause()
        await until(pilot, lambda: (widget.value if field == "line" else widget.text) == "athez")


@pytest.mark.parametrize("field", ["line", "area"])
async def test_letters_that_python_does_not_print_are_typed_all_the_same(field):
    """A wide space, a narrow one, the joiners of Persian and of emoji, a sign of private use; no control."""
    app = Fields()
    async with app.run_test() as pilot:
        widget = app.query_one(f"#{field}")
        widget.focus()
        await pilot.pause()
        for message in "私\u3000は\u202fمی\u200ca\u200db\ue0a0\x1b\x01\u202ec":
            app.post_message(events.Key(f"key-{ord(message)}", message))
        app.post_message(key("!"))
        await until(pilot, lambda: (widget.value if field == "line" else widget.text).endswith("!"))
        assert (
            widget.value if field == "line" else widget.text
        ) == "私\u3000は\u202fمی\u200ca\u200db\ue0a0c!"


async def test_what_a_field_does_not_use_still_goes_on():
    got = []

    class Asking(Fields):
        BINDINGS = [("f5", "note"), ("ctrl+s", "note")]  # noqa: RUF012 - Textual declares it per instance

        def action_note(self) -> None:
            got.append("note")

    app = Asking()
    async with app.run_test() as pilot:
        app.query_one("#line").focus()
        await pilot.press("f5")
        app.query_one("#area").focus()
        await pilot.press("ctrl+s")
        await pilot.pause()
    assert got == ["note", "note"]
