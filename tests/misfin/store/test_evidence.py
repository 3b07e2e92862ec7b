"""The table of evidence: what is stamped on a message, what that proves, and how it is written down."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from misfin.model.account import AddressKind
from misfin.store import evidence
from misfin.store.evidence import TABLE, Evidence, Findings, explained, read, stamp, standing, writable
from misfin.trust.tofu import APPROVED, VOUCHED, Pin, PinKind

ROOT = Path(__file__).parents[3]


def pin(how: str, kind: PinKind = PinKind.SENDER) -> Pin:
    return Pin(kind, "bob@peer.example", "a" * 64, "b" * 64, 0.0, 9e9, 1000.0, 2000.0, 3, how)


@pytest.mark.parametrize("page", ["README.md", "docs/trust.md"])
def test_documents_show_the_table_as_it_is(page):
    assert evidence.markdown() in (ROOT / page).read_text()


def test_signs_and_plain_signs_are_all_different_and_one_cell_wide():
    for signs in ([each.sign for each in Evidence], [each.ascii for each in Evidence]):
        assert len(set(signs)) == len(Evidence)
        assert all(len(sign) == 1 for sign in signs)
    assert "".join(each.ascii for each in Evidence).isascii()


@pytest.mark.parametrize("encoding", ["ascii", "iso-8859-1", "cp437", "koi8-r", None, "no-such-encoding"])
def test_signs_stay_apart_where_the_output_cannot_write_them(encoding):
    written = [writable(each.sign, encoding) for each in Evidence]
    assert written == [each.ascii for each in Evidence]


def test_signs_are_themselves_where_the_output_can_write_them():
    text = "●★✓ Ünïcode"
    assert writable(text, "utf-8") == text
    assert writable(text, "iso-8859-1") == "N*+ Ünïcode"


FOUND = st.builds(
    Findings,
    pin=st.sampled_from(["", "first", "match", "renewed", "changed"]),
    confirmed=st.sampled_from(["", "host", "person"]),
    checks=st.dictionaries(
        st.sampled_from(["certificate", "probe", "spki", "local"]),
        st.tuples(st.sampled_from(["pass", "fail", "unknown"]), st.text(max_size=20)),
    ),
    held=st.sampled_from(["", "bob@peer.example presents another certificate than the pinned one."]),
    due=st.sampled_from(["", "2026-11-20"]),
)


@given(FOUND)
def test_what_is_stamped_reads_as_what_was_found(found):
    words = stamp(found)
    assert words["sender"] == found.evidence
    assert read(words) is found.evidence


@given(FOUND)
def test_approving_a_held_message_verifies_it_and_loses_no_word_about_the_checks(found):
    words = stamp(found)
    after = evidence.approved(words)
    assert read(after) is Evidence.VERIFIED
    dropped = {"sender", "held", "confirmed"}
    assert {k: v for k, v in words.items() if k not in dropped}.items() <= after.items()


@pytest.mark.parametrize(
    ("words", "proven"),
    [
        ({"sender": "first", "pin": "first"}, Evidence.UNCONFIRMED),
        ({"sender": "unproven", "certificate": "unknown", "pin": "match"}, Evidence.UNCONFIRMED),
        ({"sender": "verified", "certificate": "pass", "pin": "match"}, Evidence.VERIFIED),
        ({"sender": "verified", "local": "pass", "pin": "match"}, Evidence.VERIFIED),
        ({"sender": "approved", "pin": "changed"}, Evidence.VERIFIED),
        ({"sender": "changed", "pin": "changed", "held": "x"}, Evidence.DIFFERS),
        # Nobody was asked and nobody had vouched: the pin alone was called verified then.
        ({"sender": "verified", "pin": "match"}, Evidence.UNCONFIRMED),
        ({"sender": "unproven", "certificate": "fail", "pin": "first"}, Evidence.UNPROVEN),
        ({"sender": "unproven", "local": "fail"}, Evidence.UNPROVEN),
    ],
)
def test_what_earlier_versions_stamped_is_read_for_what_it_proves(words, proven):
    assert read(words) is proven


# ---- sentences ------------------------------------------------------------------------------------


def test_details_are_sentences_and_hold_no_raw_field():
    reason = "There is no mailbox eve@mail.example on this server."
    words = {"sender": "unproven", "local": "fail", "local-reason": reason}
    assert list(explained(words, certificate=True)) == [f"Checking the mailbox here failed: {reason}"]


@given(FOUND, st.booleans())
def test_every_explanation_is_made_of_whole_sentences(found, certificate):
    for sentence in explained(stamp(found), certificate=certificate):
        assert sentence[0].isupper()
        assert sentence.endswith(".")
        assert "-reason" not in sentence


def test_a_change_that_was_due_says_since_when():
    words = stamp(Findings(pin="changed", held="bob@peer.example presents another one.", due="2026-11-20"))
    said = " ".join(explained(words, certificate=True))
    assert "A change was due: the pinned certificate expired on 2026-11-20." in said


# ---- people ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("how", "proven"),
    [
        (VOUCHED, Evidence.VERIFIED),
        (f"{APPROVED} in the app", Evidence.VERIFIED),
        ("first message, not confirmed by its host", Evidence.UNCONFIRMED),
        ("first use", Evidence.UNCONFIRMED),
        ("", Evidence.UNCONFIRMED),
    ],
)
def test_a_pin_verifies_only_what_a_host_or_a_person_vouched_for(how, proven):
    assert standing(pin(how)).evidence is proven


def test_the_pin_of_a_host_says_nothing_about_the_person():
    known = standing(None, host=pin("approved", PinKind.HOST))
    assert known.evidence is Evidence.UNPROVEN
    assert (known.since, known.host_since) == (0.0, 1000.0)


def test_a_held_forgery_warns_of_the_forgery_and_not_of_the_true_owner():
    known = standing(pin(VOUCHED), claimed=True, held=True)
    assert known.evidence is Evidence.VERIFIED
    assert known.warning == "Another certificate claimed this name; its message is held."
    assert "held" not in standing(pin(VOUCHED), claimed=True).warning


def test_one_colour_belongs_to_each():
    assert len({meaning.color for meaning in TABLE.values()}) == len(Evidence)


def test_what_is_said_of_an_e_mail_is_not_about_certificates() -> None:
    for each in Evidence:
        assert each.when_for(AddressKind.MISFIN) in each.when
    assert "certificate" not in Evidence.UNPROVEN.when_for(AddressKind.MAIL)
    assert Evidence.UNPROVEN.when_for(AddressKind.MAIL) in evidence.markdown()
