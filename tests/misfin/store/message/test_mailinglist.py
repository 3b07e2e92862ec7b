"""What a message says of its mailing list: all of it is the sender's word, and bounded."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from misfin.store.message.mailinglist import MAX_LIST_ID, Unsubscribing, unsubscribing
from misfin.store.message.mime import read_message

ONE_CLICK = "List-Unsubscribe-Post: List-Unsubscribe=One-Click"


@pytest.mark.parametrize(
    ("fields", "ways"),
    [
        ("", Unsubscribing()),
        ("List-Unsubscribe: <https://l.example/u?x=1>", Unsubscribing(page="https://l.example/u?x=1")),
        (
            f"List-Unsubscribe: <mailto:a@l.example?subject=u>,\n <https://l.example/u>\n{ONE_CLICK}",
            Unsubscribing("https://l.example/u", "mailto:a@l.example?subject=u", "https://l.example/u"),
        ),
        # RFC 2369 §2: comments are ignored, the first that can be used counts
        (
            "List-Unsubscribe: (to leave) <ftp://l.example>, <https://l.exa\n mple/u>",
            Unsubscribing(page="https://l.example/u"),
        ),
        (f"List-Unsubscribe: <http://l.example/u>\n{ONE_CLICK}", Unsubscribing()),
        (f"List-Unsubscribe: <https://u:p@l.example/u>\n{ONE_CLICK}", Unsubscribing()),
        (f"List-Unsubscribe: <https:///u>, <javascript:x>, <file:///etc>\n{ONE_CLICK}", Unsubscribing()),
        (f"{ONE_CLICK}", Unsubscribing()),
        (
            "List-Unsubscribe: <https://l.example/u>\nList-Unsubscribe-Post: maybe",
            Unsubscribing(page="https://l.example/u"),
        ),
        (f"List-Unsubscribe: <https://l.example/{'x' * 5000}>\n{ONE_CLICK}", Unsubscribing()),
    ],
)
def test_the_ways_to_leave_a_list(fields, ways):
    assert unsubscribing(f"From: a@b.c\n{fields}\n\n".encode()) == ways


@given(st.binary(max_size=300))
def test_any_bytes_are_read(value):
    found = unsubscribing(b"List-Unsubscribe: " + value + b"\n" + ONE_CLICK.encode() + b"\n\n")
    assert all(not uri or uri.startswith("https://") for uri in (found.one_click, found.page))


def test_a_list_id_is_one_line_and_bounded():
    message = read_message(b"From: a@b.c\nList-Id: =?utf-8?q?Caf=C3=A9?=\n\ttalk <cafe.l.example>\n\nhello\n")
    assert message.list_id == "Café talk <cafe.l.example>"
    assert len(read_message(b"List-Id: " + b"x" * 9999 + b"\n\nhello\n").list_id) == MAX_LIST_ID
