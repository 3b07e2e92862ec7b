"""Text fits exactly into the cells it is given."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st
from rich.cells import cell_len

from misfin_tui.screentext import plain
from misfin_tui.widgets.cells import cut, fit, wrap

TEXTS = st.text(st.sampled_from("ab c…é漢字\u0301 "), max_size=80).map(
    lambda text: plain(text, one_line=True)
)


@example("\u0301", 0)
@given(TEXTS, st.integers(0, 40))
def test_cut_text_never_takes_more_than_its_cells(text, width):
    assert cell_len(cut(text, width)) <= width
    if cell_len(text) <= width:
        assert cut(text, width) == text


@given(TEXTS, st.integers(2, 40), st.booleans())
def test_fitted_text_takes_exactly_its_cells(text, width, right):
    assert cell_len(fit(text, width, right=right)) == width


@given(TEXTS, st.integers(2, 40))
def test_wrapping_loses_nothing_but_spaces(text, width):
    lines = wrap(text, width)
    assert all(cell_len(line) <= width for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert len(lines) >= 1


def test_lines_break_at_spaces_where_there_are_any():
    assert wrap("the quick brown fox", 10) == ["the quick", "brown fox"]
    assert wrap("exactly ten", 11) == ["exactly ten"]
    assert wrap("unbreakable", 4) == ["unbr", "eaka", "ble"]
    assert wrap("漢字漢字漢", 4) == ["漢字", "漢字", "漢"]
    assert wrap("", 10) == [""]
