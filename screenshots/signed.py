"""A message signed with OpenPGP for the pictures: a real signature, by a key made for it."""

from __future__ import annotations

import atexit
import os
import sys
from contextlib import ExitStack
from email.utils import formatdate
from functools import cache
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "helpers"))

from keyrings import gpg, keyring, make_key

PERSON = "Lena Mooring <lena@wharf.example>"
SUBJECT = "The key to the boathouse"
_TEXT = b"""Content-Type: text/plain; charset=utf-8\r
\r
Hello Ada,\r
\r
the key is under the third stone on the left. Please put it back.\r
\r
Lena\r
"""


@cache
def message() -> bytes:
    """The message. GnuPG uses its keyring from now on, until the program ends."""
    ending = ExitStack()
    atexit.register(ending.close)
    keys = ending.enter_context(keyring())
    os.environ["GNUPGHOME"] = keys.home
    make_key(keys, PERSON)
    signature = gpg(keys, "--armor", "--detach-sign", "--local-user", PERSON, data=_TEXT)
    head = (
        f"Date: {formatdate()}\r\nFrom: {PERSON}\r\nTo: Ada Harbour <ada@harbour.example>\r\n"
        f"Subject: {SUBJECT}\r\nMessage-ID: <key@wharf.example>\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/signed; micalg=pgp-sha512; protocol="application/pgp-signature"; '
        'boundary="s"\r\n\r\n--s\r\n'
    )
    tail = b"\r\n--s\r\nContent-Type: application/pgp-signature\r\n\r\n" + signature + b"\r\n--s--\r\n"
    return head.encode() + _TEXT + tail
