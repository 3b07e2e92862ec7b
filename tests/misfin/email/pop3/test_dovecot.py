"""The engine against a real Dovecot, driven by the example of the guide."""

import poplib
import runpy
import socket
import ssl
from pathlib import Path

import pytest
from dovecot import PASSWORD, USER, running

from misfin.email.pop3 import Drop, Pop3State, commands

EXAMPLE = runpy.run_path(str(Path(__file__).parents[4] / "docs/examples/pop3_blocking.py"))
Maildrop, open_maildrop, RefusedError = (
    EXAMPLE[name] for name in ("Maildrop", "open_maildrop", "RefusedError")
)
MESSAGES = [
    b"Subject: one\r\n\r\nplain\r\n.\r\n..\r\n",
    b"Subject: two\r\n\r\n" + b"x" * 70_000 + b"\r\n",
    b"Subject: three\r\n\r\ncaf\xe9 \xff\r\n",
] + [b"Subject: %d\r\n\r\nmore\r\n" % number for number in range(60)]


@pytest.fixture(scope="module")
def server():
    with running(pop3=True) as dovecot:
        dovecot.put(*MESSAGES)
        yield dovecot


def trusted(server):
    return ssl.create_default_context(cafile=server.cert)


@pytest.fixture
def maildrop(server):
    maildrop = open_maildrop("localhost", server.pop3s, context=trusted(server))
    yield maildrop
    maildrop.sock.close()


@pytest.mark.parametrize("pipelining", [True, False])
def test_every_message_is_saved_byte_for_byte(maildrop, tmp_path, pipelining):
    if pipelining:
        maildrop.run(commands.capa())
        assert "PIPELINING" in maildrop.engine.capabilities
    maildrop.login(USER, PASSWORD)
    saved = maildrop.save_all(tmp_path)
    assert [path.read_bytes() for path in saved] == MESSAGES
    assert maildrop.run(commands.stat()).value.count == len(MESSAGES)


def test_what_there_is_before_and_after_deleting(server, maildrop):
    maildrop.login(USER, PASSWORD)
    uids = maildrop.run(commands.unique_ids()).value
    sizes = maildrop.run(commands.sizes()).value
    assert len(set(uids.values())) == len(sizes) == len(MESSAGES)
    peer = poplib.POP3_SSL("localhost", server.pop3s, context=trusted(server))
    peer.user(USER)
    peer.pass_(PASSWORD)
    assert {int(line.split()[0]): line.split()[1] for line in peer.uidl()[1]} == uids
    peer.quit()
    maildrop.run(commands.dele(1))
    with pytest.raises(RefusedError):
        maildrop.run(commands.dele(1))
    maildrop.run(commands.rset())
    assert maildrop.run(commands.stat()).value == Drop(len(MESSAGES), sum(sizes.values()))
    assert maildrop.run(commands.quit_()).ok
    assert maildrop.receive() == []
    assert maildrop.engine.state is Pop3State.CLOSED


def test_login_over_stls(server):
    maildrop = Maildrop(socket.create_connection(("localhost", server.pop3)))
    maildrop.run(commands.capa())
    maildrop.starttls(trusted(server), "localhost")
    maildrop.login(USER, PASSWORD)
    maildrop.sock.close()


def test_a_wrong_password_is_refused_with_its_code(maildrop):
    maildrop.run(commands.user(USER))
    with pytest.raises(RefusedError):
        maildrop.run(commands.password("wrong"))
    assert maildrop.engine.state is Pop3State.AUTHORIZATION
