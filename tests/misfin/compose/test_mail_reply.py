"""Answers to ordinary e-mail: to whom, as who, with which subject, ids and quotation."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from misfin.compose import mail_reply
from misfin.compose.mail_reply import MailOriginal, OwnAddresses
from misfin.errors import LocalError
from misfin.model.safetext import plain
from misfin.store.message.mime import read_message

OWN = OwnAddresses("ada@example.org", ("ada+*@example.org", "*@ada.example"), ("other@example.net",))


def original(head, body="Hello\n"):
    return MailOriginal.of("work", read_message(f"{head}\n\n{body}".encode()))


FROM_BEA = "From: Bea <bea@example.org>\nTo: ada@example.org, Cal <cal@example.org>\nCc: dee@example.org\n"


def reply(made, to_and_cc, **more):
    return mail_reply.reply(made, *to_and_cc, OWN, **more)


def test_a_reply_goes_to_the_author_and_quotes_the_text():
    made = original(
        FROM_BEA + "Subject: Re: re: Hi\nMessage-ID: <2@x>\nIn-Reply-To: <1@x>\nReferences: <0@x> <1@x>"
    )
    draft = reply(made, mail_reply.reply_to_author(made, OWN), signature="-- \nAda")
    assert (draft.account, draft.to, draft.cc) == ("work", ("Bea <bea@example.org>",), ())
    assert draft.subject == "Re: Hi"
    assert (draft.in_reply_to, draft.references) == ("<2@x>", ("<0@x>", "<1@x>", "<2@x>"))
    assert draft.body == "Bea <bea@example.org> wrote:\n> Hello\n\n\n\n-- \nAda\n"
    assert draft.sender == ""


def test_reply_to_and_mail_followup_to_are_honoured():
    made = original(FROM_BEA + "Reply-To: Desk <desk@example.org>, ada@example.org")
    assert mail_reply.reply_to_author(made, OWN) == (["Desk <desk@example.org>"], [])
    assert mail_reply.reply_to_everyone(made, OWN) == (
        ["Desk <desk@example.org>"],
        ["Cal <cal@example.org>", "dee@example.org"],
    )
    made = original(FROM_BEA + "Mail-Followup-To: list@example.org, ada@example.org")
    assert mail_reply.reply_to_author(made, OWN) == (["Bea <bea@example.org>"], [])
    assert mail_reply.reply_to_everyone(made, OWN) == (["list@example.org"], [])


def test_a_reply_to_all_goes_to_everybody_but_ourselves_once():
    made = original(
        "From: bea@example.org\nTo: ada@example.org, ada+tag@example.org, x@ada.example, other@example.net,"
        " bea@example.org\nCc: cal@example.org, CAL <cal@EXAMPLE.org>"
    )
    assert mail_reply.reply_to_everyone(made, OWN) == (["bea@example.org"], ["cal@example.org"])


def test_a_reply_to_our_own_message_goes_where_that_went():
    made = original("From: ada@example.org\nTo: bea@example.org\nCc: cal@example.org")
    assert mail_reply.reply_to_author(made, OWN) == (["bea@example.org"], [])
    assert mail_reply.reply_to_everyone(made, OWN) == (["bea@example.org"], ["cal@example.org"])


def test_a_reply_to_a_list_goes_to_the_list_alone():
    made = original(FROM_BEA + "List-Post: <mailto:list%40example.org@example.org?subject=x>")
    with pytest.raises(LocalError):
        mail_reply.reply_to_list(made, OWN)
    made = original(FROM_BEA + "List-Post: <mailto:list@example.org?subject=x>")
    assert mail_reply.reply_to_list(made, OWN) == (["list@example.org"], [])
    for none in ("", "List-Post: NO", "List-Post: <https://example.org>"):
        with pytest.raises(LocalError, match="mailing list"):
            mail_reply.reply_to_list(original(FROM_BEA + none), OWN)


@pytest.mark.parametrize(
    ("head", "sender"),
    [
        ("To: ada@example.org, ada+shop@example.org", ""),
        ("To: ada+shop@example.org", "ada+shop@example.org"),
        ("To: list@example.org\nDelivered-To: any@ada.example", "any@ada.example"),
        ("To: list@example.org", ""),
    ],
)
def test_the_answer_is_written_as_the_address_the_message_was_sent_to(head, sender):
    made = original(f"From: bea@example.org\n{head}")
    assert reply(made, mail_reply.reply_to_author(made, OWN)).sender == sender


def test_html_is_quoted_as_its_text_and_nobody_to_reply_to_is_said():
    made = original(
        "From: bea@example.org\nContent-Type: text/html", "<p>One <b>two</b></p><blockquote>q</blockquote>"
    )
    draft = reply(made, mail_reply.reply_to_author(made, OWN))
    assert draft.body.startswith("bea@example.org wrote:\n> One two\n")
    made = original("Subject: nobody")
    with pytest.raises(LocalError, match="nobody to reply to"):
        reply(made, mail_reply.reply_to_author(made, OWN))


def test_the_conversation_keeps_its_first_id_and_twenty_at_most():
    ids = [f"<{number}@x>" for number in range(40)]
    made = original(f"From: bea@example.org\nMessage-ID: <now@x>\nReferences: {' '.join(ids)}")
    draft = reply(made, mail_reply.reply_to_author(made, OWN))
    assert len(draft.references) == 20
    assert (draft.references[0], draft.references[-1]) == ("<0@x>", "<now@x>")


def test_a_forward_says_whose_it_was_and_quotes_it_whole():
    made = original(FROM_BEA + "Subject: Hi\nDate: Sun, 29 Nov 2026 18:00:00 +0100", "Text\n")
    draft = mail_reply.forward_text(made, OWN)
    assert draft.subject == "Fwd: Hi"
    assert draft.body == (
        "\n\n\nForwarded message:\nFrom: Bea <bea@example.org>\nDate: 2026-11-29 17:00 UTC\n"
        "To: ada@example.org, Cal <cal@example.org>\nSubject: Hi\n\nText\n"
    )
    assert (draft.to, draft.in_reply_to) == ((), "")


def test_a_forwarded_message_shows_nobody_its_bcc():
    data = b"From: a\nBCC: eve@example.org,\n mallory@example.org\nTo: b\n\nBcc: stays\n"
    assert mail_reply.without_bcc(data) == b"From: a\nTo: b\n\nBcc: stays\n"
    crlf = data.replace(b"\n", b"\r\n")
    assert mail_reply.without_bcc(crlf) == b"From: a\r\nTo: b\r\n\r\nBcc: stays\r\n"


HEADS = st.lists(
    st.sampled_from(
        ["From", "To", "Cc", "Reply-To", "Subject", "References", "List-Post", "Mail-Followup-To"]
    ),
    max_size=6,
)


@given(HEADS, st.lists(st.text(max_size=60), min_size=6, max_size=6), st.text(max_size=200))
def test_whatever_a_stranger_wrote_the_draft_is_clean(names, values, body):
    lines = [f"{name}: {value}" for name, value in zip(names, values, strict=False)]
    made = MailOriginal.of("work", read_message("\n".join([*lines, "", body]).encode("utf-8", "replace")))
    drafts = [mail_reply.forward_text(made, OWN)]
    for how in (mail_reply.reply_to_author, mail_reply.reply_to_everyone, mail_reply.reply_to_list):
        try:
            drafts.append(reply(made, how(made, OWN)))
        except LocalError:
            continue
    for draft in drafts:
        for text in (draft.subject, draft.sender, *draft.to, *draft.cc):
            assert plain(text, one_line=True) == text
            assert "ada@example.org" not in draft.to
