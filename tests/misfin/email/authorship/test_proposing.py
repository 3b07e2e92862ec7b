"""The server is proposed whose results are in all mail that came by it, and never what a sender wrote."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from misfin.email.authorship.header import split
from misfin.email.authorship.proposing import LEAST, SENDERS, ServerTrace, proposed, trace_of

SERVER = "mx.example.net"
OWN = b"Received: from a.example ([192.0.2.1]) by mx.example.net with ESMTPS; x\r\n"
INNER = b"Received: from mx.example.net by box.mx.example.net with LMTP; x\r\n"
RESULTS = b"Authentication-Results: mx.example.net; dkim=pass header.d=example.org\r\n"
FORGED = RESULTS.replace(b"mx.example.net", b"evil.example")
BEFORE = b"Received: from c.example by a.example; x\r\n"
REST = b"From: ada@example.org\r\n\r\ntext\r\n"


def traces(*heads: bytes, senders: int = 30, count: int = 30) -> list[ServerTrace]:
    """The traces of some messages with these headers in turn, from some proven domains."""
    return [
        trace_of(split(heads[at % len(heads)] + REST)[0], f"d{at}.example" if at < senders else "")
        for at in range(count)
    ]


@pytest.mark.parametrize("head", [RESULTS + OWN, OWN + RESULTS + BEFORE, INNER + OWN + RESULTS])
def test_a_server_is_proposed_whose_results_are_in_all_mail_that_came_by_it(head):
    assert proposed(traces(head)) == SERVER


def test_what_never_left_the_server_says_nothing_about_it():
    assert proposed(traces(RESULTS + OWN, RESULTS + OWN, INNER)) == SERVER


def test_some_messages_or_a_few_proven_senders_are_not_enough():
    assert proposed(traces(RESULTS + OWN, count=LEAST - 1)) == ""
    assert proposed(traces(RESULTS + OWN, count=LEAST)) == SERVER
    assert proposed(traces(RESULTS + OWN, senders=SENDERS - 1)) == ""
    assert proposed([]) == ""
    same = [ServerTrace(each.hops, each.ids, "example.org") for each in traces(RESULTS + OWN)]
    assert proposed(same) == ""
    itself = [
        ServerTrace(each.hops, each.ids, f"{at}.{SERVER}") for at, each in enumerate(traces(RESULTS + OWN))
    ]
    assert proposed(itself) == ""


@pytest.mark.parametrize(
    "forged",
    [
        OWN + FORGED,  # another id than that of the host the mail came by
        OWN + BEFORE + RESULTS,  # below what the sender's own server wrote
        RESULTS + BEFORE,  # in mail that came another way
        RESULTS,
        OWN + RESULTS.replace(b"mx.example.net", b"net"),
        OWN + RESULTS.replace(b"mx.example.net", b"(mx.example.net)"),
        OWN.replace(b"by mx.example.net", b"by mx.example.net.evil.example") + RESULTS,
        OWN.replace(b"by mx.example.net", b"by evil.example (by mx.example.net)") + RESULTS,
    ],
)
def test_what_a_sender_wrote_is_never_proposed_even_in_every_message(forged):
    assert proposed(traces(forged)) == ""


def test_what_a_sender_wrote_in_the_servers_place_is_not_proposed_if_other_mail_lacks_it():
    """The server writes no results, and a stranger does, just where the server would."""
    forged, honest = traces(OWN + RESULTS, senders=30), traces(OWN)
    assert proposed([*forged, honest[0]]) == ""
    assert proposed(traces(OWN + RESULTS, senders=0)) == ""  # nothing proves who sent these


def test_a_forged_parent_of_the_servers_id_does_not_replace_it():
    parent = RESULTS.replace(b"mx.example.net", b"example.net")
    assert proposed([*traces(RESULTS + OWN), *traces(RESULTS + OWN + parent, count=29)]) == SERVER
    assert proposed(traces(RESULTS + OWN + parent)) == ""  # which of the two it is cannot be told


@given(st.binary(max_size=300))
def test_any_bytes_may_be_a_header(data):
    proposed([trace_of(split(data + RESULTS + OWN + REST)[0])])


def test_a_long_header_takes_no_time():
    started = time.process_time()
    fields, _ = split(FORGED * 900 + RESULTS * 900 + OWN * 100 + b"(" * 100_000)
    trace_of(fields)
    assert time.process_time() - started < 2
