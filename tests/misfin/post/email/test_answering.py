"""Answers as the transport gives them: files that go along, a whole message attached, what comes back out."""

from __future__ import annotations

import email
import email.policy
from io import BytesIO
from types import SimpleNamespace

import pytest
from emailpost import email_desk

from misfin.errors import LocalError
from misfin.post.transport import Answer, How, Stored

MIXED = b"""From: Bea <bea@example.org>
To: ada+shop@example.org
Bcc: eve@example.org
Subject: Photos / 2026
Message-ID: <1@example.org>
List-Post: <mailto:list@example.org>
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="x"

--x
Content-Type: text/plain

See these.
--x
Content-Type: image/png
Content-Disposition: attachment; filename="../../\x1b[2Jcat.png"
Content-Transfer-Encoding: base64

iVBORw0KGgo=
--x
Content-Type: application/octet-stream
Content-Disposition: attachment

raw bytes
--x--
"""


@pytest.fixture
def desk(tmp_path):
    with email_desk(tmp_path, aliases=("ada+*@example.org",)) as made:
        yield made


def answered(desk, how, data=MIXED, **more):
    stored = Stored(data, SimpleNamespace(account="work"))
    return desk.transport.answer(stored, Answer(how, **more), ["ada@example.org"])


def test_a_forward_takes_the_files_along_under_harmless_names(desk):
    draft = answered(desk, How.FORWARD)
    assert draft.subject == "Fwd: Photos / 2026"
    assert "See these." in draft.body
    names = [file.name for file in draft.attachments]
    assert names == ["␛[2Jcat.png", "attachment 2"]
    assert desk.files.read(draft.attachments[0].key) == b"\x89PNG\r\n\x1a\n"
    assert draft.sender == "ada+shop@example.org"


def test_a_message_forwarded_as_an_attachment_arrives_whole_and_without_its_bcc(desk):
    draft = answered(desk, How.FORWARD_ATTACHED)
    assert [file.name for file in draft.attachments] == ["Photos - 2026.eml"]
    file = BytesIO()
    from dataclasses import replace

    desk.transport.compose(replace(draft, to=("cal@example.org",))).write(file)
    message = email.message_from_bytes(file.getvalue(), policy=email.policy.default)
    (part,) = [each for each in message.walk() if each.get_content_type() == "message/rfc822"]
    inner = part.get_payload(0)
    assert (inner["Subject"], inner["Bcc"]) == ("Photos / 2026", None)
    assert b"eve@example.org" not in file.getvalue()


def test_a_reply_goes_to_the_author_or_to_the_list(desk):
    assert answered(desk, How.REPLY).to == ("Bea <bea@example.org>",)
    assert answered(desk, How.REPLY_LIST).to == ("list@example.org",)
    with pytest.raises(LocalError):
        answered(desk, How.REPLY_LIST, MIXED.replace(b"List-Post", b"X-List-Post"))
    assert answered(desk, How.REPLY_ALL, quoted="only this").body.endswith("> only this\n\n")
