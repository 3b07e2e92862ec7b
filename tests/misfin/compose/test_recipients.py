"""Addresses as they stand on a To line, and what is read from there."""

from __future__ import annotations

from misfin.compose.recipients import routes_of, typed
from misfin.model.address import MisfinAddress


def test_unfinished_addresses_are_left_out_and_each_mailbox_counts_once():
    assert routes_of(["bob@hive.test", "caro", "bob@hive.test Bob"]) == [MisfinAddress("bob", "hive.test")]


def test_an_unusual_port_stays_in_the_to_line():
    assert typed(MisfinAddress.parse("bob@hive.test:1999 Bob")) == "bob@hive.test:1999 Bob"
    assert typed(MisfinAddress.parse("bob@hive.test:1958")) == "bob@hive.test"
