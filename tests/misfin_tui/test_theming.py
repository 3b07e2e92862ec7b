"""Themes from files: what ships is legible, what is wrong is named and left out."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.app import App, ComposeResult
from textual.color import Color
from textual.theme import BUILTIN_THEMES, Theme
from textual.widgets import Footer, Input, OptionList, Static

from misfin.store.evidence import Evidence
from misfin_tui import theming

SHIPPED = theming.load(theming.shipped_dir())
TRUECOLOR = [name for name, theme in SHIPPED.themes.items() if not theme.ansi]


def contrast(one: str, two: str) -> float:
    """The contrast ratio of WCAG 2, 1 to 21."""

    def luminance(color: Color) -> float:
        parts = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in color.normalized]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]

    light, dark = sorted((luminance(Color.parse(one)), luminance(Color.parse(two))), reverse=True)
    return (light + 0.05) / (dark + 0.05)


GOOD = """
dark = false
[colors]
primary = "#336699"
background = "white"
[variables]
border = "red 50%"
link-style = "bold underline"
"""


def test_what_ships_is_sound():
    assert SHIPPED.problems == ()
    assert {"misfin-dark", "misfin-light", "misfin-contrast", "misfin-ansi"} <= set(SHIPPED.themes)
    assert theming.DEFAULT in SHIPPED.themes
    assert SHIPPED.themes[theming.PLAIN].ansi


@pytest.mark.parametrize("name", TRUECOLOR)
@pytest.mark.parametrize(
    "role",
    ["foreground", "primary", "secondary", "accent", "success", "warning", "error", "footer-key-foreground"],
)
@pytest.mark.parametrize("ground", ["background", "surface", "panel"])
def test_text_stands_out_from_its_ground(name, role, ground):
    variables = SHIPPED.themes[name].to_color_system().generate()
    assert contrast(variables[ground], variables[role]) >= (7.0 if "contrast" in name else 4.5)


@pytest.mark.parametrize("name", TRUECOLOR)
@pytest.mark.parametrize("cursor", ["block-cursor", "block-cursor-blurred"])
def test_the_cursor_row_is_legible(name, cursor):
    variables = SHIPPED.themes[name].to_color_system().generate()
    assert contrast(variables[f"{cursor}-background"], variables[f"{cursor}-foreground"]) >= 4.5


@pytest.mark.parametrize("name", TRUECOLOR)
@pytest.mark.parametrize("cursor", ["block-cursor-background", "block-cursor-blurred-background"])
def test_every_sign_of_a_row_is_legible_under_the_cursor(name, cursor):
    theme = SHIPPED.themes[name]
    variables = theme.to_color_system().generate()
    variables = {**theming.variable_defaults(theme), **theme.variables, **variables}
    for sign in (*(f"evidence-{each}" for each in Evidence), "mail-unread", "mail-tag", "mail-muted"):
        assert contrast(variables[cursor], variables[sign]) >= 4.5, sign
    if "contrast" in name:
        for sign in ("mail-unread", "mail-tag", "mail-muted"):
            assert contrast(variables[cursor], variables[sign]) >= 7.0, sign


@pytest.mark.parametrize("name", TRUECOLOR)
@pytest.mark.parametrize("ground", ["background", "surface", "panel"])
def test_muted_and_disabled_text_is_legible_on_every_ground(name, ground):
    theme = SHIPPED.themes[name]
    variables = {**theming.variable_defaults(theme), **theme.to_color_system().generate(), **theme.variables}
    for role in ("mail-muted", "text-disabled"):
        assert contrast(variables[ground], variables[role]) >= (7.0 if "contrast" in name else 4.5), role


class Sampler(App[None]):
    """A style sheet that names every variable of our own."""

    CSS = "Static { color: $text-muted; background: $surface; border: round $border-blurred; }\n" + "\n".join(
        f".own-{name} {{ color: ${name}; }}" for name in [*theming.OWN_VARIABLES, "surface-active"]
    )

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.register_theme(theme)
        self.theme = theme.name

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return theming.variable_defaults(self.current_theme)

    def compose(self) -> ComposeResult:
        for name in theming.OWN_VARIABLES:
            yield Static(name, classes=f"own-{name}")
        yield Input("text")
        yield OptionList("one", "two")
        yield Footer()


@pytest.mark.parametrize(
    "theme", [*SHIPPED.themes.values(), *BUILTIN_THEMES.values()], ids=lambda theme: theme.name
)
async def test_every_theme_draws_every_variable(theme):
    app = Sampler(theme)
    async with app.run_test(size=(40, 20)) as pilot:
        await pilot.pause()
        assert app.query(".own-evidence-differs").first().styles.color is not None


async def test_themes_can_be_changed_one_after_the_other():
    app = Sampler(SHIPPED.themes[theming.DEFAULT])
    async with app.run_test(size=(40, 20)) as pilot:
        for theme in [*SHIPPED.themes.values(), *BUILTIN_THEMES.values()]:
            app.register_theme(theme)
            app.theme = theme.name
            await pilot.pause()


def test_the_checkout_serves_when_the_package_has_no_folder():
    assert theming.shipped_dir() == Path(__file__).parents[2] / "themes"


def test_the_package_folder_comes_first(monkeypatch, tmp_path):
    (tmp_path / "themes").mkdir()
    monkeypatch.setattr(theming, "__file__", str(tmp_path / "theming.py"))
    assert theming.shipped_dir() == tmp_path / "themes"


def test_a_users_theme_is_read_and_wins(tmp_path):
    (tmp_path / "misfin-dark.toml").write_text(GOOD)
    (tmp_path / "mine.toml").write_text(GOOD)
    found = theming.load_all(tmp_path)
    assert found.problems == ()
    assert found.themes["mine"].variables == {"border": "red 50%", "link-style": "bold underline"}
    assert not found.themes["misfin-dark"].dark


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('[colors]\nprimary = "notacolour"', "`notacolour` is not a colour"),
        ('[colors]\nprimary = "#fff"\npriamry = "#fff"', "did you mean `primary`?"),
        ('[colors]\nbackground = "#fff"', "at least `primary`"),
        ("colors = 3", "`colors` must be a section"),
        ('dark = "yes"\n[colors]\nprimary = "red"', "`dark` must be a true or false"),
        ('darc = true\n[colors]\nprimary = "red"', "did you mean `dark`?"),
        ('[colors]\nprimary = "red"\n[variables]\nborder = "tall"', "variable border = `tall`"),
        ('[colors]\nprimary = "red"\n[variables]\nlink-style = "wavy"', "variable link-style"),
        ('[colors]\nprimary = "red"\n[variables]\nprimary = "red"', "variable primary"),
        ("[colors", "not valid TOML"),
        ('[colors]\nprimary = "\\u001b[31m"', "not a colour"),
    ],
)
def test_each_fault_is_named(tmp_path, text, complaint):
    (tmp_path / "mine.toml").write_text(text)
    found = theming.load(tmp_path)
    assert any(complaint in problem for problem in found.problems), found.problems
    assert all(problem.isprintable() for problem in found.problems)


def test_one_broken_file_does_not_hide_the_others(tmp_path):
    (tmp_path / "a.toml").write_text("[")
    (tmp_path / "b.toml").write_text(GOOD)
    (tmp_path / "c.toml").write_bytes(b"\xff\xfe")
    (tmp_path / "d.toml").write_text("#" * (theming.MAX_FILE + 1))
    (tmp_path / "e e.toml").write_text(GOOD)
    (tmp_path / "f.toml").mkdir()
    found = theming.load(tmp_path)
    assert set(found.themes) == {"b"}
    assert len(found.problems) == 5


def test_a_missing_folder_is_empty(tmp_path):
    assert theming.load(tmp_path / "none") == theming.Themes({}, ())


@given(
    st.dictionaries(
        st.sampled_from(["dark", "ansi", "colors", "variables", "x"]),
        st.one_of(
            st.booleans(),
            st.text(max_size=5),
            st.dictionaries(
                st.one_of(st.sampled_from(["primary", "surface", "border"]), st.text(max_size=5)),
                st.one_of(
                    st.sampled_from(["red", "#123456", "red 20%", "auto"]), st.text(max_size=8), st.integers()
                ),
            ),
        ),
    )
)
def test_anything_gives_a_theme_textual_can_use_or_a_reason(data):
    theme, faults = theming.build("mine", data)
    assert theme is not None or faults
    if theme is not None:
        theme.to_color_system().generate()


@pytest.mark.parametrize(
    ("wanted", "environ", "chosen"),
    [
        ("misfin-light", {}, "misfin-light"),
        ("misfin-light", {"NO_COLOR": ""}, "misfin-ansi"),
        ("misfin-dark", {"TERM": "linux"}, "misfin-ansi"),
        ("misfin-light", {"TERM": "linux"}, "misfin-light"),
        ("misfin-dark", {"TERM": "linux", "COLORTERM": "truecolor"}, "misfin-dark"),
        ("misfin-dark", {"TERM": "xterm-256color"}, "misfin-dark"),
        ("", {}, "misfin-dark"),
    ],
)
def test_the_terminal_has_a_say_in_the_theme(wanted, environ, chosen):
    assert theming.choose(wanted, SHIPPED.themes, environ) == (chosen, "")


def test_an_unknown_theme_names_the_nearest():
    name, problem = theming.choose("misfin-drak", SHIPPED.themes, {})
    assert name == "misfin-dark"
    assert "did you mean `misfin-dark`?" in problem


async def test_saving_a_theme_is_noticed(tmp_path):
    (tmp_path / "a.toml").write_text(GOOD)

    async def first() -> None:
        async for _ in theming.changes(tmp_path):
            return

    task = asyncio.create_task(first())
    for _ in range(200):  # the watcher needs a moment to start; saving again is harmless
        (tmp_path / "a.toml").write_text(GOOD)
        done, _ = await asyncio.wait([task], timeout=0.05)
        if done:
            break
    await task


async def test_watching_a_missing_folder_ends_at_once(tmp_path):
    assert [change async for change in theming.changes(tmp_path / "none")] == []
