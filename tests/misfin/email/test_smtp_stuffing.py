"""A message on its way after DATA: line ends, dots, the end; and back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from misfin.email.smtp import SMTPArgumentError, survey
from misfin.email.smtp.stuffing import DotStuffer, DotUnstuffer

PIECES = st.lists(
    st.sampled_from([b"\r", b"\n", b"\r\n", b".", b"..", b"x", b"Subject: y", b"", b"\xc3\xbc"])
)


def stuffed(pieces) -> bytes:
    stuffer = DotStuffer()
    return b"".join([*map(stuffer.feed, pieces), stuffer.finish()])


def normal(message: bytes) -> bytes:
    """What has to arrive, in the slowest and plainest way."""
    text = message.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    if text and not text.endswith(b"\n"):
        text += b"\n"
    return text.replace(b"\n", b"\r\n")


@pytest.mark.parametrize(
    ("message", "sent"),
    [
        (b"", b".\r\n"),
        (b"\n", b"\r\n.\r\n"),
        (b"end.", b"end.\r\n.\r\n"),
        (b".first", b"..first\r\n.\r\n"),
        (b".\r\n", b"..\r\n.\r\n"),
        (b"a\r\n.\r\nQUIT\r\n", b"a\r\n..\r\nQUIT\r\n.\r\n"),
        (b"a\n.\nQUIT\n", b"a\r\n..\r\nQUIT\r\n.\r\n"),
        (b"a\r.\rQUIT", b"a\r\n..\r\nQUIT\r\n.\r\n"),
        (b"a\r\n.\rb\n.\r\n", b"a\r\n..\r\nb\r\n..\r\n.\r\n"),
        (b"a\r", b"a\r\n.\r\n"),
        (b"a\n\r\nb", b"a\r\n\r\nb\r\n.\r\n"),
    ],
)
def test_messages_as_they_are_sent(message, sent):
    assert stuffed([message]) == sent
    assert stuffed([message[i : i + 1] for i in range(len(message))]) == sent


@given(PIECES, st.integers(0, 7))
def test_what_was_sent_arrives_however_it_was_cut(pieces, size):
    sent = stuffed(pieces)
    assert sent == stuffed([b"".join(pieces)])
    unstuffer, got = DotUnstuffer(), b""
    step = size or len(sent)
    for at in range(0, len(sent), step):
        assert not unstuffer.done
        got += unstuffer.feed(sent[at : at + step])
    assert unstuffer.done
    assert unstuffer.rest == b""
    assert got == normal(b"".join(pieces))


@given(PIECES)
def test_nothing_in_a_message_ends_it_for_any_server(pieces):
    """Whichever of the known wrong ends a server takes for the end, it is only there at the end."""
    sent = stuffed(pieces)
    body = sent[:-3]
    assert body == b"" or body.endswith(b"\r\n")
    assert sent.count(b"\r") == sent.count(b"\n") == sent.count(b"\r\n")
    assert b"\r\n.\r\n" not in b"\r\n" + body


@given(st.binary(max_size=40), st.lists(st.integers(1, 5)))
def test_the_way_back_takes_any_bytes_and_leaves_what_follows(data, sizes):
    sent = stuffed([data]) + b"MAIL"
    unstuffer, got, at = DotUnstuffer(), b"", 0
    for size in [*sizes, len(sent)]:
        if not unstuffer.done:
            got += unstuffer.feed(sent[at : at + size])
            at += size
    assert got == normal(data)
    assert (unstuffer.rest + sent[at:]).endswith(b"MAIL")


def test_a_bare_line_feed_does_not_end_a_message_on_the_way_back():
    unstuffer = DotUnstuffer()
    assert unstuffer.feed(b"a\n.\nb\r\n.\nc\r.\r\nd\n.\r\n") == b"a\n.\nb\r\n\nc\r.\r\nd\n."
    assert not unstuffer.done


@pytest.mark.parametrize("length", [998, 999])
@pytest.mark.parametrize("end", [b"", b"\r\n", b"\n", b"\r\nmore\r\n"])
@pytest.mark.parametrize("step", [1, 7, 500, 5000])
def test_a_line_over_998_bytes_is_not_sent(length, end, step):
    message = b"Subject: x\r\n\r\n" + b"." * length + end
    pieces = [message[at : at + step] for at in range(0, len(message), step)]
    if length == 998:
        assert stuffed(pieces)
        assert survey(pieces)
        return
    for work in (stuffed, survey):
        with pytest.raises(SMTPArgumentError, match="998"):
            work(pieces)


@given(PIECES, st.integers(1, 5))
def test_a_survey_counts_what_will_arrive(pieces, step):
    message = b"".join(pieces)
    facts = survey(message[at : at + step] for at in range(0, len(message), step))
    arrived = normal(message)
    header = (b"\r\n" + arrived).partition(b"\r\n\r\n")[0]
    assert facts.size == len(arrived)
    assert facts.eight_bit is (not arrived.isascii())
    assert facts.utf8_header is (not header.isascii())
