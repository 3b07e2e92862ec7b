"""Replies and forwards: who they go to, what they quote, how a queued message becomes a draft again."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from misfin.compose.reply import as_draft, forward_draft, read_original, reply_draft
from misfin.compose.writing import gemmail_of
from misfin.errors import LocalError
from misfin.model.account import AddressKind
from misfin.model.address import MisfinAddress
from misfin.model.gemmail import Version
from misfin.store.evidence import Evidence
from misfin.store.message.envelope import wrap, wrap_sent
from misfin.store.outgoing.deliveries import Outgoing
from misfin.store.outgoing.drafts import Draft, to_bytes
from misfin.store.outgoing.finished import FinishedMessage
from misfin.store.rows import MessageRow

ALICE = MisfinAddress.parse("alice@mail.example Alice")
WHEN = datetime(2026, 11, 20, tzinfo=UTC)
RECEIVED = (
    b"bob@hive.test Bob Jones\nalice@mail.example, carol@far.test, alice@mail.example\n2026-11-20T10:00:00Z\n"
    b"# Meeting\n\nfirst\n\nsecond\n"
)


def row(sender: str = "bob@hive.test", to: tuple[str, ...] = ()) -> MessageRow:
    return MessageRow(
        1,
        "key",
        ALICE.address,
        "Inbox",
        "Bob \u202eJones",
        sender,
        to,
        "Encounter",
        0.0,
        False,
        False,
        (),
        Evidence.VERIFIED,
        1,
        100,
        Path("x"),
    )


def original(gemmail: bytes = RECEIVED, message: MessageRow | None = None):
    return read_original(wrap(gemmail, version=Version.C, account=ALICE, now=WHEN), message or row())


def reply(message=None, *, everyone=False, quoted=None, signature="", link=False) -> Draft:
    message = message or original()
    return reply_draft(message, [ALICE], everyone=everyone, quoted=quoted, signature=signature, link=link)


def test_a_reply_goes_to_the_sender_and_quotes():
    draft = reply()
    assert draft.to == ("bob@hive.test Bob Jones",)
    assert draft.subject == "Re: Meeting"
    assert draft.account == ALICE.address
    # The subject is not quoted: it would come back with every answer.
    first, *quoted = draft.body.splitlines()
    assert first.endswith(" wrote:")
    assert quoted == ["> first", ">", "> second", ""]
    assert draft.in_reply_to
    assert draft.references == (draft.in_reply_to,)


def test_the_attribution_is_harmless():
    assert "\u202e" not in reply().body


def test_only_the_chosen_lines_are_quoted():
    assert "> second" in reply(quoted="second\n").body
    assert "first" not in reply(quoted="second\n").body
    assert reply(quoted="").body == ""


def test_reply_all_never_includes_oneself_nor_a_person_twice():
    assert reply(everyone=True).to == ("bob@hive.test Bob Jones", "carol@far.test")


def test_a_reply_to_nobody_is_refused():
    alone = original(b"alice@mail.example Alice\n\n2026-11-20T10:00:00Z\nnote\n", row("alice@mail.example"))
    with pytest.raises(LocalError, match="nobody"):
        reply(alone)


def test_a_reply_to_what_one_sent_goes_to_whom_it_went():
    sent = wrap_sent(
        b"\n\n\n# Hi\n\ntext\n",
        version=Version.C,
        account=ALICE,
        to=[MisfinAddress.parse("bob@hive.test")],
        now=WHEN,
    )
    mine = read_original(sent, row(ALICE.address, to=("bob@hive.test",)))
    assert reply(mine).to == ("bob@hive.test",)


def test_the_signature_and_the_link_stand_below():
    draft = reply(signature="\nAlice\n", link=True)
    assert draft.body.endswith("\n\nAlice\n")
    assert f"=> mid:{draft.in_reply_to.strip('<>')} In reply to" in draft.body


def test_a_thread_grows_by_one_reference_each_time():
    first = reply()
    answer = wrap_sent(
        gemmail_of(first),
        version=Version.C,
        account=ALICE,
        to=[MisfinAddress.parse("bob@hive.test")],
        now=WHEN,
        in_reply_to=first.in_reply_to,
        references=first.references,
    )
    second = reply(read_original(answer, row(ALICE.address, to=("bob@hive.test",))))
    assert second.references[:-1] == first.references
    assert second.references[-1] == second.in_reply_to != first.in_reply_to


def test_a_forward_keeps_every_byte():
    draft = forward_draft(original())
    assert draft.forwards == RECEIVED
    assert gemmail_of(Draft(to=("x@y.test",), forwards=draft.forwards)) == RECEIVED


def test_mail_that_is_no_misfin_cannot_be_answered_as_such():
    with pytest.raises(LocalError, match="ordinary e-mail"):
        read_original(b"From: x@y.test\n\nhello\n", row())


def outgoing(**facts):
    return Outgoing(
        **{
            "group": "g",
            "kind": AddressKind.MISFIN,
            "account": ALICE.address,
            "recipients": ("a@b.test",),
            "cc": (),
            "bcc": (),
            "attachments": (),
            "subject": "Hi",
            "message": b"",
            "draft": b"",
            "created": 0.0,
            **facts,
        }
    )


def test_copies_that_are_taken_back_stand_on_the_line_they_stood_on():
    queued = outgoing(cc=("c@b.test",), bcc=("d@b.test", "e@b.test"), message=b"\n\n\ntext\n")
    draft = as_draft(queued, ["a@b.test", "c@b.test", "e@b.test"])
    assert (draft.to, draft.cc, draft.bcc) == (("a@b.test",), ("c@b.test",), ("e@b.test",))


def test_names_written_with_addresses_come_back_with_them():
    draft = Draft(to=('"Doe, Ann" <a@b.test>', "b@b.test"), cc=("Cal <c@b.test>",), subject="Hi", body="x\n")
    queued = outgoing(cc=("c@b.test",), message=b"", draft=to_bytes(draft))
    back = as_draft(queued, ["a@b.test", "b@b.test", "c@b.test"])
    assert (back.to, back.cc) == (draft.to, draft.cc)


def test_a_forward_that_is_taken_back_forwards_the_message_that_was_queued():
    draft = Draft(to=("a@b.test",), subject="Flowers", body="The rose.\n", forwards=RECEIVED)
    back = as_draft(outgoing(message=RECEIVED, draft=to_bytes(draft)), ["a@b.test"])
    assert back.forwards == RECEIVED


def test_what_was_queued_without_a_draft_becomes_one():
    queued = outgoing(message=b"\n\n\n# Hi\n\ntext\n")
    draft = as_draft(queued, ["a@b.test"])
    assert (draft.subject, draft.body, draft.to, draft.account) == (
        "Hi",
        "text\n",
        ("a@b.test",),
        ALICE.address,
    )


def test_a_message_of_another_program_is_not_made_a_draft():
    kept = FinishedMessage("ab" * 32, "ada@example.org").to_bytes()
    people, nobody = ("bea@example.org",), ()
    message = Outgoing(
        "g", AddressKind.MAIL, "work", people, nobody, nobody, ("ab" * 32,), "Hi", kept, b"", 1.0
    )
    with pytest.raises(LocalError, match="Another program wrote"):
        as_draft(message, people)
