"""Messages that another program wrote: their bytes are kept but for what cannot leave like that."""

from datetime import UTC, datetime
from email import message_from_bytes, policy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from misfin.compose.finished import Head, completed, read_head
from misfin.errors import InputError

NOW = datetime(2026, 11, 29, 17, 0, tzinfo=UTC)
WHOLE = (
    b"From: Ada Example <ada@example.org>\nTo: bea@example.org,\n Cal <cal@example.org>\n"
    b"Cc: dan@example.org\nDate: Sun, 29 Nov 2026 17:00:00 +0000\nMessage-ID: <1@example.org>\n"
    b"Subject: [PATCH]  two  spaces\n\nbody\n"
)


def header(head: Head) -> bytes:
    return completed(
        head,
        address="ada@example.org",
        name="Ada",
        now=NOW,
        message_id="<new@example.org>",
        local=lambda name: "ada@example.org",
    )


def test_a_complete_message_is_kept_byte_for_byte():
    head = read_head(WHOLE)
    assert header(head) + WHOLE[head.length :] == WHOLE
    assert (
        header(read_head(WHOLE.replace(b"\n", b"\r\n"))) == WHOLE.replace(b"\n", b"\r\n")[: -len("body\r\n")]
    )
    assert head.recipients == ("bea@example.org", "cal@example.org", "dan@example.org")
    assert (head.author, head.subject) == ("ada@example.org", "[PATCH] two spaces")


def test_bcc_is_read_and_removed_with_its_folded_lines():
    head = read_head(b"To: bea@example.org\nBCC: eve@example.org,\n\tfay@example.org\nSubject: x\n\nb\n")
    assert head.recipients == ("bea@example.org", "eve@example.org", "fay@example.org")
    sent = header(head)
    assert b"eve" not in sent
    assert b"fay" not in sent
    assert b"Subject: x\n" in sent


def test_what_is_missing_is_added_once():
    sent = header(read_head(b"To: bea@example.org\n\nbody\n"))
    assert sent == (
        b"To: bea@example.org\nFrom: Ada <ada@example.org>\nDate: Sun, 29 Nov 2026 17:00:00 +0000\n"
        b"Message-ID: <new@example.org>\n\n"
    )
    assert header(read_head(sent)) == sent


def test_local_users_become_addresses():
    sent = header(read_head(b"From: root (Cron Daemon)\nTo: root\nSubject: Cron <root@box> backup\n\nout\n"))
    assert b"To: ada@example.org\n" in sent
    assert b"Subject: Cron <root@box> backup\n" in sent
    (author,) = message_from_bytes(sent, policy=policy.default)["From"].addresses
    assert author.addr_spec == "ada@example.org"


def test_a_message_that_is_passed_on_goes_where_it_is_passed_on_to():
    head = read_head(b"Resent-From: ada@example.org\nResent-To: bea@example.org\n" + WHOLE)
    assert (head.author, head.recipients) == ("ada@example.org", ("bea@example.org",))


@pytest.mark.parametrize("text", [b"just text\nTo: nobody\n", b"", b"\nbody\n", b" folded: first\n"])
def test_what_begins_with_no_field_is_body(text):
    head = read_head(text)
    assert head.fields == ()
    assert text[head.length :] in (text, text.removeprefix(b"\n"))


def test_the_line_that_an_mbox_leaves_on_top_is_dropped():
    data = b"From ada@example.org Sun Nov 29 17:00:00 2026\n" + WHOLE
    assert header(read_head(data)) + data[read_head(data).length :] == WHOLE


def test_a_bare_cr_or_nul_cannot_begin_a_field():
    sent = header(read_head(b"Subject: a\rBcc: eve@example.org\0x\nTo: bea@example.org\n\n"))
    assert b"Subject: a Bcc: eve@example.org x\n" in sent


def test_a_header_without_end_is_refused():
    with pytest.raises(InputError, match="header"):
        read_head(b"X: " + b"y" * 300_000 + b"\n\n")


@given(
    st.binary(max_size=200)
    | st.lists(st.sampled_from([b"To: a", b"\n", b"\r\n", b" ", b":", b"x"])).map(b"".join)
)
def test_any_bytes_give_a_header_that_ends_once_and_a_body_that_is_kept(data):
    head = read_head(data)
    sent = header(head)
    end = b"\r\n\r\n" if head.fields and head.fields[0].raw.endswith(b"\r\n") else b"\n\n"
    assert sent.endswith(end)
    assert 0 <= head.length <= len(data)
    assert read_head(sent + b"body").length == len(sent)
