"""What a server may write, generated: the engine reads back every value, and imaplib the same bytes."""

import imaplib
import socket
import threading

from hypothesis import given
from hypothesis import strategies as st
from imapstates import selected, take
from transcripts import events_of

from misfin.email.imap import Fetch, FetchPiece, ListEntry, SearchResult, UidSet, commands
from misfin.email.imap.names import decode_name

NAMES = st.binary(max_size=20).filter(lambda name: not {0, 10, 13} & set(name) and name)
BODIES = st.binary(max_size=80) | st.sampled_from(
    [b"", b"{5}\r\n", b")\r\nA4 OK x\r\n", b'"', b"\r\n* 9 EXISTS\r\n"]
)
FLAGS = st.frozensets(
    st.sampled_from(["\\Seen", "\\Flagged", "$Work", "a[b", "[x]", "007", "x{3}", "NotJunk"])
)
MESSAGES = st.lists(
    st.fixed_dictionaries(
        {}, optional={
            "UID": st.integers(1, 2**32 - 1),
            "FLAGS": FLAGS,
            "MODSEQ": st.integers(0, 2**63 - 1),
            "RFC822.SIZE": st.integers(0, 2**40),
            "BODY[]": BODIES,
            "BODY[HEADER.FIELDS (SUBJECT)]": BODIES,
        },
    ),
    max_size=4,
)  # fmt: skip


def string(data: bytes, how: int) -> bytes:
    """A string in one of the spellings a server may choose; a literal where the others cannot hold it."""
    if how % 3 == 0 and not {0, 10, 13} & set(data):
        return b'"' + data.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'
    return (b"~{%d}\r\n" if how % 3 == 1 else b"{%d}\r\n") % len(data) + data


def written(number: int, message: dict, order: list[str], how: int) -> bytes:
    """A FETCH answer."""
    items = []
    for name in order:
        value = message[name]
        if isinstance(value, bytes):
            text = string(value, how)
        elif isinstance(value, frozenset):
            text = b"(" + " ".join(sorted(value)).encode() + b")"
        else:
            text = (b"(%d)" if name == "MODSEQ" else b"%d") % value
        items.append(name.encode() + b" " + text)
    return b"* %d FETCH (" % number + b" ".join(items) + b")\r\n"


@given(MESSAGES, st.integers(0, 2), st.randoms(use_true_random=False), st.booleans(), st.data())
def test_every_item_is_read_back(messages, how, random, stream, data):
    engine = selected()
    engine.send(commands.fetch(UidSet.since(1), ["FLAGS", commands.body()], stream=stream))
    raw = b"".join(
        written(number, message, random.sample(sorted(message), len(message)), how)
        for number, message in enumerate(messages, 1)
    )
    cut = data.draw(st.integers(0, len(raw)))
    events = events_of(engine, [raw[:cut], raw[cut:]])
    fetched = [event for event in events if isinstance(event, Fetch)]
    pieces = {(e.number, e.name): e.data for e in events if isinstance(e, FetchPiece)}
    assert len(fetched) == len(messages)
    assert len(events) == len(fetched) + len(pieces)
    for number, (fetch, message) in enumerate(zip(fetched, messages, strict=True), 1):
        assert set(fetch.items) == set(message)
        for name, value in message.items():
            if isinstance(value, bytes):
                part = fetch.part(name)
                assert (pieces[number, name] if part.streamed else part.data) == value
                assert part.size == len(value)
            else:
                assert fetch.items[name] == value


@given(st.lists(st.tuples(NAMES, st.integers(0, 2)), max_size=4))
def test_every_name_is_read_back(names):
    raw = b"".join(b'* LIST (\\Marked) "/" ' + string(name, how) + b"\r\n" for name, how in names)
    entries = take(selected(), raw)
    assert all(isinstance(entry, ListEntry) for entry in entries)
    assert [(entry.raw, entry.name) for entry in entries] == [(name, decode_name(name)) for name, _ in names]


@given(st.sets(st.integers(1, 10_000)))
def test_both_forms_of_a_search_result_are_the_same(uids):
    ranges = bytes(UidSet(uids))
    old = b"* SEARCH" + b"".join(b" %d" % uid for uid in uids) + b"\r\n"
    new = b'* ESEARCH (TAG "A4") UID' + (b" ALL " + ranges if uids else b"") + b"\r\n"
    found = [event for event in take(selected(), old + new) if isinstance(event, SearchResult)]
    assert [result.uids for result in found] == [UidSet(uids)] * 2


def imaplib_reads(raw: bytes) -> list:
    """What imaplib hands out for these answers to a UID FETCH."""
    ours, theirs = socket.socketpair()

    class Peer(imaplib.IMAP4):
        def _create_socket(self, timeout):
            return ours

    def serve() -> None:
        lines = theirs.makefile("rb")
        theirs.sendall(b"* PREAUTH hi\r\n")
        while line := lines.readline():
            tag, _, rest = line.strip().partition(b" ")
            answer = {b"CAPABILITY": b"* CAPABILITY IMAP4rev1\r\n"}.get(
                rest, raw if b"FETCH" in rest else b""
            )
            theirs.sendall(answer + tag + b" OK done\r\n")
        lines.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        peer = Peer()
        peer.state = "SELECTED"
        return peer.uid("FETCH", "1:*", "(BODY.PEEK[])")[1]
    finally:
        peer.shutdown()
        thread.join()
        theirs.close()


@given(st.lists(st.tuples(st.integers(1, 2**32 - 1), FLAGS, BODIES), min_size=1, max_size=4))
def test_imaplib_cuts_the_same_bytes_at_the_same_places(messages):
    raw = b"".join(
        written(number, {"UID": uid, "FLAGS": flags, "BODY[]": body}, ["UID", "FLAGS", "BODY[]"], 2)
        for number, (uid, flags, body) in enumerate(messages, 1)
    )
    engine = selected()
    engine.send(commands.fetch(UidSet.since(1), [commands.body()]))
    ours = [(event.uid, event.part().data) for event in take(engine, raw) if isinstance(event, Fetch)]
    theirs = [
        (int(answer[0].split()[2]), answer[1]) for answer in imaplib_reads(raw) if isinstance(answer, tuple)
    ]
    assert ours == theirs == [(uid, body) for uid, _, body in messages]
