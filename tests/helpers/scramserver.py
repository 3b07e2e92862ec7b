"""The server's half of SCRAM, to test the client's."""

from __future__ import annotations

import base64
import hashlib
import hmac


class ScramServer:
    """The server's half, from RFC 5802 and nothing of ours."""

    def __init__(
        self, password="pencil", *, name="sha256", salt=b"salt", iterations=4096, binding=b""
    ) -> None:
        self.salted = hashlib.pbkdf2_hmac(name, password.encode(), salt, iterations)
        self.name, self.salt, self.iterations, self.binding = name, salt, iterations, binding

    def first(self, message: str) -> str:
        self.gs2, _, self.bare = message.partition(",n=")
        self.gs2, self.bare = self.gs2 + ",", "n=" + self.bare
        self.nonce = self.bare.rpartition(",r=")[2] + "server"
        salt = base64.b64encode(self.salt).decode()
        self.server_first = f"r={self.nonce},s={salt},i={self.iterations}"
        return self.server_first

    def final(self, message: str) -> str:
        without_proof, _, proof = message.rpartition(",p=")
        c, r = without_proof.split(",")
        assert base64.b64decode(c[2:]) == self.gs2.encode() + self.binding
        assert r == f"r={self.nonce}"
        signed = f"{self.bare},{self.server_first},{without_proof}".encode()
        key = hmac.digest(self.salted, b"Client Key", self.name)
        signature = hmac.digest(hashlib.new(self.name, key).digest(), signed, self.name)
        if bytes(a ^ b for a, b in zip(key, signature, strict=True)) != base64.b64decode(proof):
            return "e=invalid-proof"
        server_key = hmac.digest(self.salted, b"Server Key", self.name)
        return "v=" + base64.b64encode(hmac.digest(server_key, signed, self.name)).decode()
