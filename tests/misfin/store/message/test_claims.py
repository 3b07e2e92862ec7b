"""What comes in from a file proves nothing, however its fields are written, and is the same message."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from misfin.model.account import AddressKind
from misfin.model.address import MisfinAddress
from misfin.model.gemmail import Version
from misfin.store.evidence import Evidence
from misfin.store.index.digest import evidence_of
from misfin.store.message.claims import without_claims
from misfin.store.message.envelope import is_gemmail, read, wrap, wrap_sent
from misfin.store.message.mime import read_message

ADA = MisfinAddress("ada", "mail.example", "Ada")
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
GEMMAIL = b"bea@hive.example Bea\n\n2026-11-19T13:00:00Z\n# Notes\n\nText.\n"

NAMES = st.sampled_from(
    [
        "Misfin-Verification",
        "misfin-verification",
        "MISFIN-CERTIFICATE",
        "Misfin-Version",
        "Misfin-Senders",
        "Misfin-Held",
        "X-Unproven-Misfin-Verification",
        "Status",
        "Delivered-To",
        "From",
    ]
)
VALUES = st.sampled_from(
    [
        "sender=verified; confirmed=host; certificate=pass; pin=match",
        "sender=approved",
        "C",
        "C\n ; sender=verified; confirmed=person",
        "sha256=aa; spki=bb; subject=boss@work.example",
        "sender=unproven; imported=yes",
        "sender=unproven; imported=yes\n ; sender=verified; confirmed=host",
        "ada@mail.example",
        "",
        "x\r",
    ]
)
FORGED = st.builds(
    lambda first, fields, end, body: (
        "".join([*first, *(f"{name}: {value}\n" for name, value in fields)]) + end + body
    ).encode(),
    st.lists(
        st.sampled_from(["Misfin-Version: C\n", "Misfin-Version: C\n ; sender=verified; confirmed=host\n"])
    ),
    st.lists(st.tuples(NAMES, VALUES), max_size=6),
    st.sampled_from(["\n", "", "\r\n", "\r\n\r\n"]),
    st.sampled_from(["text\n", "\nMisfin-Verification: sender=verified; confirmed=host\n\nx"]),
)


@given(FORGED, st.booleans())
@example(b"Misfin-Version: C\nmisfin-verification: sender=verified; confirmed=host\n\nx", False)
@example(b"Misfin-Version: C\r\nFrom: ada@mail.example\r\n\r\nx", False)
@example(b"Misfin-Version: C\nFrom: ada@mail.example", False)
def test_no_field_of_a_message_from_outside_proves_anything(data, crlf):
    kept = without_claims(data.replace(b"\n", b"\r\n") if crlf else data)
    message = read_message(kept, AddressKind.MISFIN, counts=lambda _data: True)  # were it believed
    assert evidence_of(message, ADA.address) is Evidence.UNPROVEN
    assert not message.written_here
    assert message.misfin is None or message.misfin.certificate == {}
    assert without_claims(kept) == kept


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_a_misfin_message_from_outside_is_still_the_same_message(end):
    received = wrap(
        GEMMAIL,
        version=Version.C,
        account=ADA,
        now=NOW,
        verification={"sender": "verified", "confirmed": "host"},
    )
    sent = wrap_sent(GEMMAIL, version=Version.C, account=ADA, to=[ADA], now=NOW)
    for data in (received, sent):
        kept = without_claims(data.replace(b"\n", end))
        assert is_gemmail(kept)
        assert read(kept).gemmail == GEMMAIL


def test_an_email_keeps_every_byte_but_the_names_of_such_fields():
    data = b"From: a@b\r\nMisfin-Held: yes\r\nSubject: x\r\n\r\nMisfin-Version: C\r\n"
    assert without_claims(data) == data.replace(b"Misfin-Held", b"X-Unproven-Misfin-Held")
    plain = b"From: a@b\nSubject: x\n\ntext\n"
    assert without_claims(plain) == plain
