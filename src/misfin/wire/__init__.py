"""Misfin on the wire without any I/O: bytes in, events out, and back (docs/protocol.md §1, §2).

To use it as a client over your own transport:

1. open the connection and decide about its certificate: nothing here knows about trust;
2. ``client = ClientProtocol()``; ``client.send_request(request)``;
3. write ``client.get_outgoing_data()``: from now on the message may have arrived;
4. read, and pass the bytes to ``client.feed_bytes()``, or call ``client.receive_eof()`` at the end of input;
5. repeat step 4 until one of them returns a response or raises.

As a server: read, ``server.feed_bytes()`` until it returns a request (an error carries the status to answer
with), ``server.send_response()``, write ``server.get_outgoing_data()``. Nothing here times out: the caller
watches the clock. docs/examples/blocking_socket.py does both.
"""

from misfin.wire.client import ClientProtocol
from misfin.wire.request import MisfinRequest
from misfin.wire.response import MisfinResponse
from misfin.wire.server import ServerProtocol
from misfin.wire.states import ProtocolState

__all__ = ["ClientProtocol", "MisfinRequest", "MisfinResponse", "ProtocolState", "ServerProtocol"]
