"""Reports about messages are said in words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from misfin.store.message.mime import read_message
from misfin.store.message.reports import ReportKind, in_words

BOUNCE = b"""\
From: MAILER-DAEMON@mx.example
Subject: Undelivered
Content-Type: multipart/report; report-type=delivery-status; boundary=b

--b
Content-Type: text/plain

I could not deliver it.
--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example
Arrival-Date: Mon, 2 Mar 2026 10:00:00 +0000

Final-Recipient: rfc822; bob@far.example
Action: failed
Status: 5.1.1 (no such user)
Remote-MTA: dns; mx.far.example
Diagnostic-Code: smtp; 550 5.1.1
 No such user here

Original-Recipient: rfc822;cal@far.example
Action: delayed
Status: 4.4.1
Will-Retry-Until: Tue, 3 Mar 2026 10:00:00 +0000

--b
Content-Type: %s

From: Ida <ida@sender.example>
Subject: quince

Body with medlar.
--b--
"""


def test_a_bounce_says_who_did_not_get_what_and_why():
    message = read_message(BOUNCE % b"message/rfc822")
    assert message.text == (
        "I could not deliver it.\n\n"
        "To bob@far.example: the message could not be delivered (5.1.1)."
        " mx.far.example said: 550 5.1.1 No such user here\n"
        "To cal@far.example: the message is not delivered yet (4.4.1)."
        " The server tries until 2026-03-03 10:00 UTC.\n\n"
        "Attached message:\nFrom: Ida <ida@sender.example>\nSubject: quince\n\nBody with medlar.\n"
    )
    assert [file.name for file in message.attachments] == ["message.eml"]
    returned = read_message(BOUNCE % b"text/rfc822-headers")
    assert returned.text.endswith("Returned message:\nFrom: Ida <ida@sender.example>\nSubject: quince\n")
    assert returned.attachments == ()
    assert read_message((BOUNCE % b"message/rfc822").replace(b"\n", b"\r\n")).text == message.text


@pytest.mark.parametrize(
    ("disposition", "sentence"),
    [
        (b"manual-action/MDN-sent-manually; displayed", "bob@x reports: the message was displayed."),
        (b"automatic-action/MDN-sent-automatically; deleted/error", "was deleted without being displayed."),
        (b"nonsense", ""),
        (b"", ""),
    ],
)
def test_a_reading_report_says_what_was_done(disposition, sentence):
    raw = b"Final-Recipient: rfc822; bob@x\nDisposition: %s\n" % disposition
    said = in_words(ReportKind.READING, raw)
    assert said.endswith(sentence) if sentence else said == ""


def test_a_report_that_says_nothing_is_listed_as_a_file():
    message = read_message(b"From: a@b\nContent-Type: message/delivery-status\n\nnothing\n")
    assert [file.type for file in message.attachments] == ["message/delivery-status"]


def test_a_report_of_very_many_recipients_is_cut():
    one = b"Final-Recipient: rfc822; a@b\nAction: failed\nStatus: 5.0.0\n\n"
    said = in_words(ReportKind.DELIVERY, one * 5000).splitlines()
    assert len(said) < 110
    assert said[-1] == "The report names more than 100 recipients."


@given(st.binary(), st.sampled_from(ReportKind))
def test_no_bytes_make_a_report_fail(raw, kind):
    in_words(kind, raw)
