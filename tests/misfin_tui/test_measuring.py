"""Sizes are those of what is written to the wire, and a split message loses nothing."""

from __future__ import annotations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from misfin.errors import LocalError
from misfin.model.address import MisfinAddress
from misfin.model.gemmail import MAX_B_REQUEST, MAX_MESSAGE, Version
from misfin.store.drafts import Draft
from misfin.wire import MisfinRequest
from misfin_tui.services.measuring import Route, measure, routes_of, split

ALICE = MisfinAddress("alice", "mail.example", "Alice Smith")
BOB = MisfinAddress("bob", "hive.test")
CAROL = MisfinAddress("carol", "old.test")


def draft(body: str = "", subject: str = "", to: tuple[str, ...] = ("bob@hive.test",)) -> Draft:
    return Draft(id="d", account="alice@mail.example", to=to, subject=subject, body=body)


@given(st.text(max_size=300), st.text(alphabet="abc äé🌿", max_size=20))
def test_the_size_for_c_is_the_length_of_the_message(body, subject):
    try:
        sent = draft(body, subject).gemmail()
    except LocalError:
        assume(False)
    assert measure(draft(body, subject), ALICE, [Route(BOB)]).size == len(sent)


@given(st.text(alphabet="abc äé🌿\n<:@", max_size=300), st.text(alphabet="abc äé🌿", max_size=20))
def test_the_size_for_b_is_the_length_of_the_request(body, subject):
    from misfin.model.gemmail import GemmailMessage

    one = draft(body, subject)
    message = GemmailMessage.from_bytes(one.gemmail()).to_bytes(Version.B)
    request = MisfinRequest(CAROL.mailbox, CAROL.hostname, message, Version.B).to_bytes()
    found = measure(one, ALICE, [Route(CAROL, Version.B)])
    assert (found.size, found.limit, found.host) == (len(request), MAX_B_REQUEST, "old.test")


def test_a_server_that_wants_the_sender_leaves_less_room():
    plain = measure(draft("hello"), ALICE, [Route(BOB)])
    named = measure(draft("hello"), ALICE, [Route(BOB, sender_line=True)])
    assert named.size == plain.size + len("alice@mail.example Alice Smith")


def test_the_recipient_with_the_least_room_counts():
    found = measure(
        draft("x" * 100, to=("bob@hive.test", "carol@old.test")), ALICE, [Route(BOB), Route(CAROL, Version.B)]
    )
    assert found.limit == MAX_B_REQUEST
    assert found.whose == "old.test takes 2,048 bytes at most"


def test_a_servers_own_limit_counts():
    found = measure(draft("x" * 600), ALICE, [Route(BOB, limit=500)])
    assert found.over
    assert found.limit == 500


def test_without_recipients_misfins_own_limit_counts():
    found = measure(draft("hello", to=()), ALICE, [])
    assert (found.size, found.limit, found.whose) == (len("\n\n\nhello"), MAX_MESSAGE, "")


def test_too_many_recipients_are_a_problem_of_their_own():
    people = [MisfinAddress(f"person{n}", "some-longer-host.example") for n in range(60)]
    found = measure(draft("hi"), ALICE, [Route(each) for each in people])
    assert found.over
    assert "metadata line" in found.whose


def test_a_forward_is_measured_as_it_is():
    stored = b"bob@hive.test Bob\n\n2026-11-20T10:00:00Z\n# Hi\n\ntext\n"
    assert measure(Draft(forwards=stored), ALICE, [Route(BOB)]).size == len(stored)


def test_unfinished_addresses_do_not_count_as_routes():
    assert routes_of(["bob@hive.test", "caro", "bob@hive.test Bob"]) == [BOB]


# ---- splitting


def fits_in(limit: int):
    return lambda part: measure(part, ALICE, [Route(BOB, limit=limit)]).size <= limit


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
    with pytest.raises(LocalError, match="untouched"):
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
