"""Paths and lists of GMAP: nothing that a server says leads a request elsewhere."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from misfin.errors import LocalProtocolError, RemoteProtocolError
from misfin.gmap import requests
from misfin.gmap.gemini import GeminiRequest


def test_paths_are_those_of_the_protocol():
    assert requests.message_path("20260101T000000Z-0badc0de") == "/msgid/20260101T000000Z-0badc0de"
    assert requests.list_path() == "/tag/"
    assert requests.list_path("Inbox") == "/tag/Inbox"
    since = datetime(2026, 1, 2, 3, 4, 5, 6, UTC)
    assert requests.list_path("Inbox", since) == "/tag/Inbox/2026-01-02T03:04:05Z"
    assert requests.tag_path("Archive") == "/tag/Archive"
    assert requests.untag_path("Unread") == "/untag/Unread"


@pytest.mark.parametrize(
    "text", ["", ".", "..", "a/b", "a?b", "a#b", "a b", "a,b", "a%2Fb", "a\n", "ä", "a" * 201, "\x1b[2J"]
)
def test_an_id_that_could_lead_elsewhere_is_never_sent(text):
    assert not requests.is_id(text)
    for ask in (requests.message_path, requests.query_of):
        with pytest.raises(LocalProtocolError):
            ask(text)


@pytest.mark.parametrize("tag", ["a/b", "../x", "a b", "", "ä", "List:x", "a?b"])
def test_a_tag_that_is_a_path_is_never_sent(tag):
    for ask in (requests.tag_path, requests.untag_path):
        with pytest.raises(LocalProtocolError):
            ask(tag)


@pytest.mark.parametrize(
    ("data", "ids"),
    [
        (b"", []),
        (b" \r\n", []),
        (b"a-1, b-2", ["a-1", "b-2"]),
        (b"a-1,b-2\r\nc-3\td-4\n", ["a-1", "b-2", "c-3", "d-4"]),
        (b"a-1, a-1", ["a-1"]),
    ],
)
def test_ids_are_separated_by_commas_or_white_space(data, ids):
    assert requests.read_ids(data) == ids


@pytest.mark.parametrize("data", [b"# Welcome to /my/ server", b"a/b", b"a, ../x", b"\xff", b"x" * 300])
def test_an_answer_that_is_not_a_list_is_not_taken_for_one(data):
    with pytest.raises(RemoteProtocolError):
        requests.read_ids(data)


@given(st.binary(max_size=200))
def test_every_id_of_any_answer_can_be_asked_for(data):
    try:
        ids = requests.read_ids(data)
    except RemoteProtocolError:
        return
    for each in ids:
        line = GeminiRequest("mail.example", 1958, requests.message_path(each)).to_bytes()
        assert line == b"gemini://mail.example:1958/msgid/%b\r\n" % each.encode()
