"""What the index keeps of a message."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mailboxes import ME, mail

from misfin.model.account import AddressKind
from misfin.model.address import MisfinAddress
from misfin.model.gemmail import Version
from misfin.store.evidence import ORDER, Evidence
from misfin.store.index.digest import MAX_SNIPPET, Digest, Owner, digest_message, evidence_of
from misfin.store.index.file_place import SEPARATOR, FilePlace
from misfin.store.index.listing import Meaning
from misfin.store.message.envelope import wrap, wrap_sent
from misfin.store.message.mime import ParsedMessage, read_message
from misfin.store.search.words import searchable

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
GEMMAIL = b"bob@remote.host Bob\n\n2026-11-20T11:00:00Z\n# Notes\n\nHere they are.\n"


def ours(data: bytes) -> ParsedMessage:
    """A message whose fields count, as our receiver filed it."""
    return read_message(data, AddressKind.MISFIN, counts=lambda _data: True)


def digest(data: bytes) -> Digest:
    return digest_message(
        ours(data),
        FilePlace(1, b"new/1.x"),
        Owner(ME, ME),
        Meaning(True, False, ""),
        12.5,
        10,
        1,
    )


@pytest.mark.parametrize(
    ("said", "proven"),
    [
        ({"sender": "verified", "certificate": "pass", "pin": "match"}, Evidence.VERIFIED),
        ({"sender": "approved", "pin": "changed"}, Evidence.VERIFIED),
        ({"sender": "first", "pin": "first"}, Evidence.UNCONFIRMED),
        ({"sender": "changed", "pin": "changed"}, Evidence.DIFFERS),
        ({"sender": "unproven", "certificate": "fail", "pin": "match"}, Evidence.UNCONFIRMED),
        ({"sender": "whatever"}, Evidence.UNPROVEN),
        ({"certificate": "pass", "pin": "match"}, Evidence.VERIFIED),
        ({"certificate": "pass", "pin": "changed"}, Evidence.DIFFERS),
        ({"certificate": "unknown", "pin": "first"}, Evidence.UNCONFIRMED),
        ({"certificate": "fail"}, Evidence.UNPROVEN),
        ({}, Evidence.UNPROVEN),
    ],
)
def test_evidence_is_what_our_receiver_found(said, proven):
    data = wrap(
        GEMMAIL,
        version=Version.C,
        account=MisfinAddress.parse(ME),
        now=NOW,
        verification=said,
        received_from="192.0.2.1",
        received_by="mail.example",
    )
    assert evidence_of(ours(data), ME) is proven
    assert ORDER[digest(data).evidence] is proven


def test_what_was_written_here_needs_no_proof_and_what_claims_it_has_none():
    me = MisfinAddress.parse(ME)
    sent = wrap_sent(b"\n\n\nhello\n", version=Version.C, account=me, to=[me], now=NOW)
    assert evidence_of(ours(sent), ME) is Evidence.VERIFIED
    forged = wrap(
        f"{ME} Me\n\n\nhello\n".encode(),
        version=Version.C,
        account=me,
        now=NOW,
        received_from="192.0.2.1",
        received_by="mail.example",
    )
    assert evidence_of(ours(forged), ME) is Evidence.UNPROVEN
    assert evidence_of(read_message(mail("x", sender=ME)), ME) is Evidence.UNPROVEN


def test_what_was_imported_under_ones_own_name_was_not_written_here():
    me = MisfinAddress.parse(ME)
    claimed = wrap(f"{ME} Me\n\n\nhello\n".encode(), version=Version.C, account=me, now=NOW)
    assert evidence_of(ours(claimed), ME) is Evidence.UNPROVEN


def test_a_gemmail():
    found = digest(wrap(GEMMAIL, version=Version.C, account=MisfinAddress.parse(ME), now=NOW))
    assert (found.sender, found.address, found.recipients) == ("Bob", "bob@remote.host", ME)
    assert (found.subject, found.snippet) == ("Notes", "Here they are.")
    assert found.date == datetime(2026, 11, 20, 11, tzinfo=UTC).timestamp()
    assert not found.own


def test_the_snippet_leaves_out_what_is_quoted():
    found = digest(
        mail("x", "On Monday, Bob wrote:\n> what you said\n> and more\n\nYes,\n   indeed:\n\nthis")
    )
    assert found.snippet == "Yes, indeed: this"
    assert len(digest(mail("x", "word " * 500)).snippet) <= MAX_SNIPPET


@pytest.mark.parametrize(
    ("body", "link"),
    [
        ("=> gemini://x.example there", True),
        ("see https://x.example", True),
        ("a => b", False),
        ("=>", False),
        ("http", False),
        ("x\n=>\tmisfin:bob@x.example\n", True),
    ],
)
def test_links(body, link):
    assert digest(mail("x", body)).link is link


def test_a_message_without_a_date_has_that_of_its_file():
    assert digest(mail("x", date=None)).date == 12.5


@given(st.binary(max_size=400))
def test_any_bytes_make_a_row_that_a_database_takes(data):
    found = digest(data)
    for text in (
        found.sender,
        found.address,
        found.subject,
        found.snippet,
        *found.recipients.split(SEPARATOR),
    ):
        text.encode()
        assert not set(text) & {"\n", "\0", "\x1b", SEPARATOR}


@given(
    st.text(max_size=80)
    | st.text("aŁßı\u00ad\u200b\u200c\ufe0f\u0301\u0640\u064b\u0627\u0e01山 ʼ", max_size=12)
)
def test_text_made_searchable_stays_so(text):
    once = searchable(text)
    assert searchable(once).split() == once.split()
