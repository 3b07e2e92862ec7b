"""A line of recipients is divided as RFC 5322 writes lists, whatever stands in it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from misfin.compose.addresslist import entries, entries_of, entry_at
from misfin.compose.recipients import read_address
from misfin.model.account import AddressKind
from misfin.model.recipient import mail_address, on_to_line

NAMES = st.text(
    st.characters(exclude_categories=["C", "Z"], include_characters=" ,;:\"'()<>@\\[]."), max_size=30
)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('"Doe, Jane" <jane@a.example>, bob@b.example', ['"Doe, Jane" <jane@a.example>', "bob@b.example"]),
        (r'"Doe, \"JD\"; Jane" <jane@a.example>', [r'"Doe, \"JD\"; Jane" <jane@a.example>']),
        ("Jane (Doe, of a; b) <jane@a.example>, b@b", ["Jane (Doe, of a; b) <jane@a.example>", "b@b"]),
        ("jane@a.example (Doe, Jane (the first)), b@b", ["jane@a.example (Doe, Jane (the first))", "b@b"]),
        ("<a@x,@y:b@z>, c@d", ["<a@x,@y:b@z>", "c@d"]),
        ("a@x; b@y\nc@z,,; ,", ["a@x", "b@y", "c@z"]),
        ("Team: a@x, b@y; c@z", ["a@x", "b@y", "c@z"]),
        ('"Team, all": a@x, Bob <b@y>;', ["a@x", "Bob <b@y>"]),
        ("undisclosed-recipients:;", []),
        ("Team:", ["Team:"]),
        ("To: a@x, b@y", ["a@x", "b@y"]),
        ("mailto:a@x, misfin:b@y, MISFIN://c@z", ["mailto:a@x", "misfin:b@y", "MISFIN://c@z"]),
        ("bob@hive.test:1999 Bob, carol@hive.test:1958", ["bob@hive.test:1999 Bob", "carol@hive.test:1958"]),
        ("localhost:1958", ["localhost:1958"]),
        ('"Doe, Jane <jane@a.example>', ['"Doe', "Jane <jane@a.example>"]),
        ('a@x 5" of rain, b@y 6" of snow', ['a@x 5" of rain', 'b@y 6" of snow']),
        ("a@x :(, b@y <3, c@z", ["a@x :(", "b@y <3", "c@z"]),
    ],
)
def test_a_list_is_divided_at_what_separates_entries_only(text, found):
    assert entries_of(text) == found


@given(
    st.lists(st.tuples(st.sampled_from("abc"), NAMES), min_size=1, max_size=8), st.sampled_from(AddressKind)
)
def test_addresses_with_any_names_are_read_back_from_one_line(people, kind):
    written = [on_to_line(f"{local}@hive.test", name, kind) for local, name in people]
    line = ", ".join(written)
    assert entries_of(line) == written
    for entry, (local, name) in zip(written, people, strict=True):
        if kind is AddressKind.MAIL:
            assert mail_address(entry) == (f"{local}@hive.test", " ".join(name.split()))
        else:
            found = read_address(entry)
            assert (found.address, found.blurb) == (f"{local}@hive.test", " ".join(name.split()))


@given(st.text('",;:<>()\\ \na@.', max_size=60))
def test_every_entry_is_where_it_says_and_joining_them_again_changes_nothing(text):
    found = entries(text)
    assert all(each.text == text[each.start : each.end].strip() for each in found)
    assert [each.end for each in found] == sorted(each.end for each in found)
    again = entries_of(", ".join(each.text for each in found))
    assert entries_of(", ".join(again)) == again


@given(st.text('",;:<>()\\ a@.', max_size=40), st.integers(0, 40))
def test_there_is_an_entry_around_every_place(text, position):
    position = min(position, len(text))
    found = entry_at(text, position)
    assert 0 <= found.start <= found.end <= len(text)
    assert position <= found.end
    assert found.start <= position or ":" in text[: found.start]


@pytest.mark.parametrize("char", ['"', "(", "<", "\\", '" ', ' "', "(<", ":", "a: "])
def test_a_long_line_of_openings_is_divided_in_an_instant(char):
    assert isinstance(entries_of(char * 30_000), list)


def test_hundreds_of_pasted_addresses_are_as_many_entries():
    people = [f'"Person, Number {n}" <p{n}@lists.example>' for n in range(700)]
    assert entries_of("\n".join(people)) == entries_of(",\n".join(people)) == people
