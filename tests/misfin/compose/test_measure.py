"""Sizes are those of what is written to the wire."""

from __future__ import annotations

from hypothesis import assume, given
from hypothesis import strategies as st

from misfin.compose.measure import KnownServer, measure
from misfin.compose.writing import gemmail_of
from misfin.errors import LocalError
from misfin.model.address import MisfinAddress
from misfin.model.gemmail import MAX_B_REQUEST, MAX_MESSAGE, Version
from misfin.store.outgoing.drafts import Draft
from misfin.wire import MisfinRequest

ALICE = MisfinAddress("alice", "mail.example", "Alice Smith")
BOB = MisfinAddress("bob", "hive.test")
CAROL = MisfinAddress("carol", "old.test")


def draft(body: str = "", subject: str = "", to: tuple[str, ...] = ("bob@hive.test",)) -> Draft:
    return Draft(id="d", account="alice@mail.example", to=to, subject=subject, body=body)


@given(st.text(max_size=300), st.text(alphabet="abc äé🌿", max_size=20))
def test_the_size_for_c_is_the_length_of_the_message(body, subject):
    try:
        sent = gemmail_of(draft(body, subject))
    except LocalError:
        assume(False)
    assert measure(draft(body, subject), ALICE, [KnownServer(BOB)]).size == len(sent)


@given(st.text(alphabet="abc äé🌿\n<:@", max_size=300), st.text(alphabet="abc äé🌿", max_size=20))
def test_the_size_for_b_is_the_length_of_the_request(body, subject):
    from misfin.model.gemmail import GemmailMessage

    one = draft(body, subject)
    message = GemmailMessage.from_bytes(gemmail_of(one)).to_bytes(Version.B)
    request = MisfinRequest(CAROL.mailbox, CAROL.hostname, message, Version.B).to_bytes()
    found = measure(one, ALICE, [KnownServer(CAROL, Version.B)])
    assert (found.size, found.limit, found.host) == (len(request), MAX_B_REQUEST, "old.test")


def test_a_server_that_wants_the_sender_leaves_less_room():
    plain = measure(draft("hello"), ALICE, [KnownServer(BOB)])
    named = measure(draft("hello"), ALICE, [KnownServer(BOB, sender_line=True)])
    assert named.size == plain.size + len("alice@mail.example Alice Smith")


def test_the_recipient_with_the_least_room_counts():
    found = measure(
        draft("x" * 100, to=("bob@hive.test", "carol@old.test")),
        ALICE,
        [KnownServer(BOB), KnownServer(CAROL, Version.B)],
    )
    assert found.limit == MAX_B_REQUEST
    assert found.limit_reason == "old.test accepts at most 2,048 bytes"


def test_a_servers_own_limit_counts():
    found = measure(draft("x" * 600), ALICE, [KnownServer(BOB, limit=500)])
    assert found.over
    assert found.limit == 500


def test_without_recipients_misfins_own_limit_counts():
    found = measure(draft("hello", to=()), ALICE, [])
    assert (found.size, found.limit, found.limit_reason) == (len("\n\n\nhello"), MAX_MESSAGE, "")


def test_too_many_recipients_are_a_problem_of_their_own():
    people = [MisfinAddress(f"person{n}", "some-longer-host.example") for n in range(60)]
    found = measure(draft("hi"), ALICE, [KnownServer(each) for each in people])
    assert found.over
    assert "metadata line" in found.limit_reason


def test_a_forward_is_measured_as_it_is():
    stored = b"bob@hive.test Bob\n\n2026-11-20T10:00:00Z\n# Hi\n\ntext\n"
    assert measure(Draft(forwards=stored), ALICE, [KnownServer(BOB)]).size == len(stored)
