"""The example of a blocking socket runs, over plain sockets and over TLS."""

import runpy
import socket
import ssl
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from misfin.errors import RemoteProtocolError
from misfin.model.address import MisfinAddress
from misfin.trust.identity import generate
from misfin.wire import MisfinRequest, MisfinResponse

EXAMPLE = runpy.run_path(str(Path(__file__).parents[2] / "docs/examples/blocking_socket.py"))
deliver, serve, main = EXAMPLE["deliver"], EXAMPLE["serve"], EXAMPLE["main"]
MESSAGE = MisfinRequest("ada", "mail.example", b"\n\n\n" + b"long message\n" * 1000)


def accept(request):
    return MisfinResponse(20, request.mailbox)


def exchange(ours, theirs, request=MESSAGE):
    """Deliver over one socket while a thread serves the other; the response and the request served."""
    served = []
    thread = threading.Thread(target=lambda: served.append(serve(theirs, accept)))
    thread.start()
    try:
        return deliver(ours, request), served
    finally:
        thread.join()


def test_it_prints_what_happened(capsys):
    main()
    assert capsys.readouterr().out == "20: The message was delivered.\nstored: Lunch\n"


def test_a_message_goes_over_a_plain_socket():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert exchange(ours, theirs) == (MisfinResponse(20, "ada"), [MESSAGE])


def test_a_garbled_request_is_answered():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.sendall(b"hello\r\n")
        assert serve(theirs, accept) is None
        assert ours.recv(100).startswith(b"59 ")


def test_a_client_that_hangs_up_is_not_answered():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.sendall(b"misfin://ada@mail.example\t10\r\n")
        ours.shutdown(socket.SHUT_WR)
        assert serve(theirs, accept) is None


def test_a_server_that_hangs_up_leaves_the_outcome_unknown():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.shutdown(socket.SHUT_WR)
        with pytest.raises(RemoteProtocolError):
            deliver(ours, MESSAGE)


def test_a_message_goes_over_tls(tmp_path):
    pem = tmp_path / "ada.pem"
    pem.write_bytes(generate(MisfinAddress("ada", "mail.example"), now=datetime.now(UTC)).pem)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(pem)
    client = ssl.create_default_context(cafile=pem)  # trusts this one certificate
    ours, theirs = socket.socketpair()
    with ours, theirs:
        both = []
        thread = threading.Thread(target=lambda: both.append(server.wrap_socket(theirs, server_side=True)))
        thread.start()
        secure = client.wrap_socket(ours, server_hostname="mail.example")
        thread.join()
        with secure, both[0] as peer:
            assert exchange(secure, peer) == (MisfinResponse(20, "ada"), [MESSAGE])
