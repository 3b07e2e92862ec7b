"""A split message loses nothing, and every part fits."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from misfin.compose.measure import KnownServer, measure
from misfin.compose.split import split
from misfin.errors import LocalError
from misfin.model.address import MisfinAddress
from misfin.store.outgoing.drafts import Draft

ALICE = MisfinAddress("alice", "mail.example", "Alice Smith")
BOB = MisfinAddress("bob", "hive.test")


def draft(body: str = "", subject: str = "") -> Draft:
    return Draft(id="d", account="alice@mail.example", to=("bob@hive.test",), subject=subject, body=body)


def fits_in(limit: int):
    return lambda part: measure(part, ALICE, [KnownServer(BOB, limit=limit)]).size <= limit


def test_a_message_is_split_at_blank_lines_and_numbered():
    body = "\n\n".join(f"paragraph {n} " + "word " * 10 for n in range(6))
    parts = split(draft(body, "Notes"), fits_in(200))
    assert [part.subject for part in parts] == [f"Notes ({n}/{len(parts)})" for n in range(1, len(parts) + 1)]
    assert all(part.body.startswith("paragraph") for part in parts)
    assert all(part.id == "" for part in parts)
    assert "\n\n".join(part.body for part in parts) == body


def test_without_a_subject_the_number_is_the_subject():
    parts = split(draft("word " * 100), fits_in(200))
    assert parts[0].subject == f"(1/{len(parts)})"


def test_a_preformatted_block_is_closed_and_opened_again():
    body = "before\n\n```ascii art\n" + "\n".join(f"row {n} {'x' * 20}" for n in range(20)) + "\n```\n\nafter"
    parts = split(draft(body), fits_in(200))
    for part in parts:
        assert part.body.count("```") % 2 == 0
    rows = [line for part in parts for line in part.body.split("\n") if line.startswith("row")]
    assert len(rows) == 20
    assert sum("```ascii art" in part.body for part in parts) > 1


def test_a_long_line_is_split_between_words():
    body = "word " * 200
    parts = split(draft(body.strip()), fits_in(200))
    assert " ".join(part.body for part in parts) == body.strip()


def test_a_word_without_spaces_is_split_between_characters():
    parts = split(draft("ä" * 500), fits_in(200))
    assert "".join(part.body for part in parts) == "ä" * 500


def test_a_forward_is_never_split():
    with pytest.raises(LocalError, match="sent unchanged"):
        split(Draft(forwards=b"\n\n\nx"), fits_in(200))


def test_where_nothing_fits_it_says_so():
    with pytest.raises(LocalError, match="no room"):
        split(draft("text", "s" * 300), fits_in(200))


@settings(max_examples=60)
@given(
    st.lists(st.text(alphabet="ab #>*=é🌿`", max_size=60), max_size=25),
    st.integers(min_value=150, max_value=400),
)
def test_every_part_fits_and_no_word_is_lost(lines, limit):
    body = "\n".join(lines)
    parts = split(draft(body, "S"), fits_in(limit))
    assert all(fits_in(limit)(part) for part in parts)
    told = "".join(part.body for part in parts).replace(" ", "").replace("\n", "").replace("`", "")
    assert told.replace("`", "") or not body.replace("`", "").split()
    wanted = body.replace(" ", "").replace("\n", "").replace("`", "")
    for character in set(wanted):
        assert told.count(character) >= wanted.count(character)
