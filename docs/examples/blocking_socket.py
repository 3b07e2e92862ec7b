"""The machines of misfin.wire over an ordinary blocking socket: no asyncio, no TLS library, no store.

Run it to see one message go from a client to a server in the same process:

    python docs/examples/blocking_socket.py

``deliver`` and ``serve`` take any socket with sendall() and recv(), including an ``ssl.SSLSocket``. What a
real program also needs is left out on purpose: deciding whether to trust the certificate *before*
``deliver``, storing the message durably *before* the answer, limits on connections and on total time.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable

from misfin.errors import RemoteProtocolError
from misfin.model.gemmail import GemmailMessage
from misfin.model.gemtext import compose
from misfin.model.status import StatusCode, explain
from misfin.wire import ClientProtocol, MisfinRequest, MisfinResponse, ServerProtocol

READ = 4096  # bytes asked for at once; any number works
PATIENCE = 30.0  # seconds of silence that end a connection


def deliver(sock: socket.socket, request: MisfinRequest) -> MisfinResponse:
    """Send one request and read its answer.

    Raises RemoteProtocolError or OSError. As the request left in one piece, the message may have arrived
    anyway: neither error is a reason to send it again.
    """
    client = ClientProtocol()
    client.send_request(request)
    sock.settimeout(PATIENCE)
    sock.sendall(client.get_outgoing_data())
    while data := sock.recv(READ):
        if response := client.feed_bytes(data):
            return response
    response = client.receive_eof()
    assert response is not None  # otherwise it would have been returned above
    return response


def serve(sock: socket.socket, handle: Callable[[MisfinRequest], MisfinResponse]) -> MisfinRequest | None:
    """Read one request, answer it, and return it; None when the client sent no whole and legal one."""
    server, request, response = ServerProtocol(), None, None
    sock.settimeout(PATIENCE)
    try:
        while not request and (data := sock.recv(READ)):
            request = server.feed_bytes(data)
        response = handle(request) if request else None
    except RemoteProtocolError as e:
        response = MisfinResponse(e.status_hint, str(e))
    except TimeoutError:
        response = MisfinResponse(StatusCode.BAD_REQUEST, "Request timed out")
    if response:
        server.send_response(response)
        sock.sendall(server.get_outgoing_data())
    return request


def main() -> None:
    """One message, from one thread to another."""
    ours, theirs = socket.socketpair()
    stored: list[GemmailMessage] = []

    def keep(request: MisfinRequest) -> MisfinResponse:
        if request.mailbox != "ada":
            return MisfinResponse(StatusCode.MAILBOX_NOT_FOUND, "No such mailbox")
        stored.append(request.parse_message())
        return MisfinResponse(StatusCode.MESSAGE_DELIVERED, "ab" * 32)

    with ours, theirs:
        thread = threading.Thread(target=serve, args=(theirs, keep))
        thread.start()
        message = GemmailMessage(body=compose("Lunch", "At noon, in the garden?\n"))
        response = deliver(ours, MisfinRequest("ada", "mail.example", message.to_bytes()))
        thread.join()
    print(f"{response.status}: {explain(response.status, response.meta)}")
    print(f"stored: {stored[0].subject}")


if __name__ == "__main__":
    main()
