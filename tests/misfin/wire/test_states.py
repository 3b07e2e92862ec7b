"""The table of transitions: whole, and the same for both sides."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from misfin.errors import LocalProtocolError
from misfin.wire import ClientProtocol, MisfinRequest, MisfinResponse, ServerProtocol
from misfin.wire.states import TRANSITIONS, Event, ProtocolState, Transaction

TERMINAL = {ProtocolState.DONE, ProtocolState.CUT}


def test_every_state_is_in_the_table_and_can_be_reached():
    assert set(TRANSITIONS) == set(ProtocolState)
    reached, todo = {ProtocolState.IDLE}, [ProtocolState.IDLE]
    while todo:
        for state in TRANSITIONS[todo.pop()].values():
            if state not in reached:
                reached.add(state)
                todo.append(state)
    assert reached == set(ProtocolState)


def test_every_state_but_the_last_ones_has_a_way_to_an_end():
    ends = set(TERMINAL)
    while more := {s for s in ProtocolState if s not in ends and ends & set(TRANSITIONS[s].values())}:
        ends |= more
    assert ends == set(ProtocolState)
    assert {s for s in ProtocolState if not TRANSITIONS[s]} == TERMINAL


def test_every_event_has_its_use():
    assert {event for steps in TRANSITIONS.values() for event in steps} == set(Event)


def test_the_table_knows_no_side():
    words = " ".join(member.value for kind in (ProtocolState, Event) for member in kind)
    assert "client" not in words
    assert "server" not in words


@given(st.lists(st.sampled_from(Event)))
def test_any_walk_stays_in_the_table_or_is_refused(events):
    transaction = Transaction()
    for event in events:
        before = transaction.state
        if event in TRANSITIONS[before]:
            transaction.happens(event)
            assert transaction.state is TRANSITIONS[before][event]
        else:
            with pytest.raises(LocalProtocolError):
                transaction.happens(event)
            assert transaction.state is before
    assert transaction.over == (transaction.state in TERMINAL)


class Pair:
    """A client and a server with nothing between them."""

    def __init__(self) -> None:
        self.client, self.server = ClientProtocol(), ServerProtocol()

    def ask(self, request):
        self.client.send_request(request)
        return self.server.feed_bytes(self.client.get_outgoing_data())

    def answer(self, response):
        self.server.send_response(response)
        return self.client.feed_bytes(self.server.get_outgoing_data())


def test_both_sides_walk_the_same_way():
    pair = Pair()
    request = MisfinRequest("ada", "mail.example", b"\n\n\nHi\n")
    assert pair.ask(request) == request
    assert pair.client.state is pair.server.state is ProtocolState.ANSWERING
    assert pair.answer(MisfinResponse(20, "ab" * 32)) == MisfinResponse(20, "ab" * 32)
    assert pair.client.state is pair.server.state is ProtocolState.DONE
