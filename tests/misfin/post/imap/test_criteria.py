"""Our search language as a server understands it; nothing in it can become a command."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from misfin.email.imap import IMAPClientProtocol, commands
from misfin.errors import MisfinError, QueryError
from misfin.post.imap.criteria import criteria_of, places_of
from misfin.store.search.query import parse

NOW = 1_800_000_000.0  # 15 January 2027


def selected() -> IMAPClientProtocol:
    engine = IMAPClientProtocol()
    for said in (b"* PREAUTH [CAPABILITY IMAP4rev1 ESEARCH LITERAL+] hi\r\n", b"A1 OK [READ-WRITE] in\r\n"):
        engine.feed_bytes(said)
        list(engine.events())
        if not said.startswith(b"A1"):
            engine.send(commands.select("INBOX"))
    engine.get_outgoing_data()
    return engine


def written(query: str, *, gmail: bool = False) -> bytes:
    """The command as it is sent."""
    engine = selected()
    engine.send(commands.search(*criteria_of(parse(query, now=NOW).root, gmail=gmail), returning=["ALL"]))
    return engine.get_outgoing_data().removeprefix(b"A2 UID SEARCH RETURN (ALL) ").removesuffix(b"\r\n")


@pytest.mark.parametrize(
    ("query", "asked"),
    [
        ("", b"ALL"),
        ("boat", b'TEXT "boat"'),
        ("boat oil", b'(TEXT "boat" TEXT "oil")'),
        ('"small boat" -draft', b'(TEXT "small boat" NOT TEXT "draft")'),
        ("from:lena to:ada", b'(FROM "lena" OR TO "ada" CC "ada")'),
        ("(boat OR oil) is:unread", b'(OR TEXT "boat" TEXT "oil" UNSEEN)'),
        ("-(boat oil)", b'NOT (TEXT "boat" TEXT "oil")'),
        ("is:starred tag:work", b"(FLAGGED KEYWORD work)"),
        ("in:Archive", b"ALL"),
        ("in:Archive boat", b'(TEXT "boat")'),
        ("after:2026-11-20", b"SINCE 20-Nov-2026"),
        ("\xd6l", b"CHARSET UTF-8 TEXT {3+}\r\n\xc3\x96l"),
    ],
)
def test_what_is_asked_for(query: str, asked: bytes):
    assert written(query) == asked


@pytest.mark.parametrize(
    ("query", "asked"),
    [
        ("", b"ALL"),
        ("from:lena boat", b'X-GM-RAW "from:\\"lena\\" \\"boat\\""'),
        ("has:attachment -oil", b'X-GM-RAW "has:attachment -(\\"oil\\")"'),
        ("(boat OR oil) is:unread", b'X-GM-RAW "{(\\"boat\\") (\\"oil\\")} is:unread"'),
    ],
)
def test_gmail_is_asked_in_its_own_words(query: str, asked: bytes):
    assert written(query, gmail=True) == asked


@pytest.mark.parametrize("query", ["is:held", "has:link", "boat is:unverified", "(in:Archive OR in:Sent) x"])
def test_what_a_server_cannot_search_for_is_refused(query: str):
    with pytest.raises(QueryError, match="cannot search"):
        written(query)


def test_folders_are_where_it_is_asked():
    assert places_of(parse("in:Archive boat", now=NOW).root) == ["Archive"]
    assert places_of(parse("boat", now=NOW).root) == []


@given(st.text(max_size=80), st.booleans())
def test_no_search_becomes_a_command_of_its_own(text: str, gmail: bool):
    try:
        sent = written(text, gmail=gmail)
    except MisfinError:
        return
    lines = sent.split(b"\r\n")
    for line in lines[:-1]:  # a line of the command ends only where a literal begins
        assert line.endswith(b"+}")
    assert b"\n" not in sent.replace(b"\r\n", b"")
