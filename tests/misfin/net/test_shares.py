"""Who gives way to a newcomer, compared with a table that looks at every connection each time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from misfin.net.shares import OpenConnections, Stage, network_of


class Plain:
    """The same rules, written as they are said."""

    def __init__(self) -> None:
        self.all: dict[int, tuple[str, Stage]] = {}

    def may_give_way(self, network: str | None) -> set[int]:
        held: dict[str, int] = {}
        for name, _ in self.all.values():
            held[name] = held.get(name, 0) + 1
        able = {one for one, (_, stage) in self.all.items() if stage is not Stage.COMPLETE}
        if network is not None:
            able = {one for one in able if self.all[one][0] == network}
        if not able:
            return set()
        most = max(held[self.all[one][0]] for one in able)
        able = {one for one in able if held[self.all[one][0]] == most}
        allowed = set()
        for name in {
            self.all[one][0] for one in able
        }:  # where several hold as many, any of them may be chosen
            own = {one for one in able if self.all[one][0] == name}
            first = min(self.all[one][1] for one in own)
            allowed |= {one for one in own if self.all[one][1] is first}
        return allowed


steps = st.one_of(
    st.tuples(st.just("enter"), st.sampled_from("abcd")),
    st.tuples(st.just("move"), st.integers(0, 30), st.sampled_from(list(Stage))),
    st.tuples(st.just("leave"), st.integers(0, 30)),
    st.tuples(st.just("ask"), st.sampled_from([None, "a", "b"])),
)


@given(st.lists(steps, max_size=80))
def test_the_largest_network_gives_way_in_the_order_of_its_stages(actions):
    table: OpenConnections[int] = OpenConnections()
    plain = Plain()
    entered = 0
    for action, *details in actions:
        if action == "enter":
            table.enter(entered, details[0])
            plain.all[entered] = (details[0], Stage.HANDSHAKE)
            entered += 1
        elif action == "move":
            connection, stage = details
            table.move(connection, stage)
            if connection in plain.all:
                plain.all[connection] = (plain.all[connection][0], stage)
        elif action == "leave":
            table.leave(details[0])
            plain.all.pop(details[0], None)
        else:
            able = plain.may_give_way(details[0])
            found = table.gives_way(details[0])
            assert found in able if able else found is None
        assert len(table) == len(plain.all)
    for network in "abcd":
        assert table.held_by(network) == sum(name == network for name, _ in plain.all.values())


def test_the_oldest_of_a_stage_gives_way_first():
    table: OpenConnections[str] = OpenConnections()
    for connection in ("old", "middle", "new"):
        table.enter(connection, "a")
    order = []
    for _ in range(3):
        found = table.gives_way()
        assert found is not None
        order.append(found)
        table.leave(found)
    assert order == ["old", "middle", "new"]


def test_waiting_networks_of_one_connection_keep_half_of_the_room_and_the_first_of_them_stay():
    table: OpenConnections[int] = OpenConnections()
    for number in range(100):
        table.enter(number, f"network {number}")
        table.move(number, Stage.REQUEST)
    for number in range(100, 120):
        table.enter(number, f"network {number}")
    for number in range(120, 1000):
        gone = table.gives_way()
        assert gone is not None
        table.leave(gone)
        table.enter(number, f"network {number}")
        if number % 3 == 0:
            table.move(number, Stage.REQUEST)
    left = set(table._of)
    assert set(range(30)) < left  # there before the flood
    assert len(left & set(range(900, 1000))) > 40  # time for a handshake
    assert len(left) == 120


def test_those_who_have_their_answer_and_stay_do_not_crowd_newcomers_out():
    table: OpenConnections[int] = OpenConnections()
    for number in range(100):
        table.enter(number, f"network {number}")
        table.move(number, Stage.ANSWERED)
    for number in range(100, 130):
        gone = table.gives_way()
        assert gone == number - 100
        table.leave(gone)
        table.enter(number, f"network {number}")


def test_a_network_whose_connections_are_all_complete_passes_its_turn_on():
    table: OpenConnections[int] = OpenConnections()
    for connection in range(5):
        table.enter(connection, "large")
        table.move(connection, Stage.COMPLETE)
    table.enter(10, "small")
    assert table.gives_way() == 10
    assert table.gives_way("large") is None


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.7", "192.0.2.200", True),
        ("192.0.2.7", "192.0.3.7", False),
        ("2001:db8:1:200::1", "2001:db8:1:2ff:9::1", True),
        ("2001:db8:1:200::1", "2001:db8:1:300::1", False),
        ("::ffff:192.0.2.7", "192.0.2.9", True),
        ("fe80::1%eth0", "fe80::2%eth1", True),
        ("", "", True),
        ("x:y", "x:z", False),
    ],
)
def test_networks_are_ipv4_24_and_ipv6_56(one, other, same):
    assert (network_of(one) == network_of(other)) is same
