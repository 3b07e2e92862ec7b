"""A connection begun early is there when it is wanted, and no trouble when it is not."""

from __future__ import annotations

import socket

import pytest

from misfin.net.head_start import HeadStart


@pytest.fixture
def server():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(60)
        yield listening


def port(server):
    return server.getsockname()[1]


def test_it_is_there_and_given_once(server):
    begun = HeadStart("localhost", port(server))
    found = begun.take(60)
    assert found is not None
    near, _ = server.accept()
    near.sendall(b"hello")
    found.settimeout(60)
    assert found.recv(10) == b"hello"
    assert begun.take(0) is None
    begun.close()
    near.sendall(b"still there")
    assert found.recv(20) == b"still there"
    found.close()
    near.close()


def test_what_nobody_takes_is_closed(server):
    begun = HeadStart("127.0.0.1", port(server))
    near, _ = server.accept()
    near.settimeout(60)
    begun._thread.join(60)
    begun.close()
    assert near.recv(1) == b""
    near.close()


def test_what_was_begun_long_ago_is_closed_and_not_given(server, monkeypatch):
    begun = HeadStart("127.0.0.1", port(server))
    near, _ = server.accept()
    near.settimeout(60)
    begun._thread.join(60)
    monkeypatch.setattr(begun, "_begun", begun._begun - 20)
    assert begun.take(0) is None
    assert near.recv(1) == b""
    near.close()


@pytest.mark.parametrize("host", ["127.0.0.1", "no-such-host.invalid", "\udcff", "x" * 300])
def test_a_failure_is_nothing_to_take(host):
    with socket.create_server(("127.0.0.1", 0)) as gone:
        closed = gone.getsockname()[1]
    assert HeadStart(host, closed).take(15) is None


def test_a_port_that_cannot_be_is_a_failure_too():
    assert HeadStart("localhost", 99999).take(15) is None
