"""Answers to invitations: who may give them, to whom they go, and what the organiser's calendar reads."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from icalendar import Calendar
from invitations import EVENT, ZONE, calendar, invitation_mail

from misfin.compose.invitation_answer import (
    InvitationAnswer,
    answer_draft,
    answer_file,
    invited_as,
    organiser_of,
    to_answer,
)
from misfin.compose.mail_reply import MailOriginal, OwnAddresses
from misfin.errors import LocalError
from misfin.store.message.fields import Person
from misfin.store.message.invitation import EventTime, Invitation, read_invitations
from misfin.store.message.mime import read_message
from misfin.store.outgoing.attachments import AttachedFile

ADA = OwnAddresses("ada@example.org", ("ada+*@example.org",), ("ada@elsewhere.example",))
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


def invitation(event: str = EVENT, *, method: str = "REQUEST", before: str = "") -> Invitation:
    return read_invitations(calendar(event, method=method, before=before))[0][0]


def answered(asked: Invitation, answer: InvitationAnswer = InvitationAnswer.ACCEPT) -> Calendar:
    return Calendar.from_ical(answer_file(asked, invited_as(asked, ADA), answer, NOW))


def test_the_organisers_calendar_reads_one_answer_of_one_attendee() -> None:
    read = answered(invitation(EVENT + "SEQUENCE:3\n"), InvitationAnswer.TENTATIVE)
    assert read["method"] == "REPLY"
    (event,) = read.walk("VEVENT")
    assert (event["uid"], event["sequence"], event["summary"]) == ("ev1@cal.example", 3, "Budget round")
    assert event["organizer"] == "mailto:ida@sender.example"
    assert event["attendee"] == "mailto:ada@example.org"
    assert event["attendee"].params["partstat"] == "TENTATIVE"
    assert event.decoded("dtstart") == datetime(2026, 3, 10, 9, tzinfo=UTC)


def test_an_answer_about_one_date_names_it() -> None:
    asked = invitation(EVENT + "RECURRENCE-ID;TZID=Harbour Time:20260710T110000\n", before=ZONE)
    (event,) = answered(asked).walk("VEVENT")
    assert event.decoded("recurrence-id") == datetime(2026, 7, 10, 9, tzinfo=UTC)


def test_only_an_attendee_that_is_this_accounts_own_can_answer() -> None:
    assert invited_as(invitation(), ADA).address == "ada@example.org"
    alias = invitation(EVENT.replace("ada@example.org", "Ada+Work@Example.org"))
    assert invited_as(alias, ADA).address == "Ada+Work@Example.org"
    for other in ("ada@elsewhere.example", "eve@example.org"):
        with pytest.raises(LocalError, match="is not among those invited"):
            invited_as(invitation(EVENT.replace("ada@example.org", other)), ADA)


@pytest.mark.parametrize(
    ("event", "method"),
    [
        (EVENT, "CANCEL"),
        (EVENT, "REPLY"),
        (EVENT, "PUBLISH"),
        (EVENT, ""),
        (EVENT + "STATUS:CANCELLED\n", "REQUEST"),
    ],
)
def test_only_an_invitation_that_holds_is_answered(event: str, method: str) -> None:
    with pytest.raises(LocalError, match="does not ask for an answer"):
        to_answer([invitation(event, method=method)])
    with pytest.raises(LocalError, match="does not contain an invitation"):
        to_answer([])


@pytest.mark.parametrize(
    ("organiser", "why"),
    [("ada@elsewhere.example", "You are the organiser"), ("nobody", "does not name an organiser")],
)
def test_an_answer_needs_somebody_else_to_go_to(organiser: str, why: str) -> None:
    with pytest.raises(LocalError, match=why):
        organiser_of(invitation(EVENT.replace("ida@sender.example", organiser)), ADA)


def test_the_message_is_from_the_address_that_was_invited() -> None:
    message = read_message(invitation_mail(calendar()))
    asked = invitation(EVENT.replace("ada@example.org", "ada+work@example.org"))
    draft = answer_draft(
        MailOriginal.of("work", message),
        ADA,
        asked,
        InvitationAnswer.DECLINE,
        AttachedFile("k", "answer.ics", 1),
    )
    assert (draft.account, draft.sender) == ("work", "ada+work@example.org")
    assert draft.to == ("Ida Probe <ida@sender.example>",)
    assert draft.subject == "Declined: Budget round"
    assert draft.body == "Ada declined your invitation: Budget round.\n"
    assert draft.in_reply_to == "<invitation-1@sender.example>"


TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=120)


@given(TEXT, TEXT, st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1)))
def test_no_text_of_a_stranger_adds_a_line_of_its_own(summary: str, name: str, at: datetime) -> None:
    start = EventTime(at.replace(microsecond=0))
    asked = Invitation("REQUEST", "id;\n1", summary=f"{summary}\r\nMETHOD:CANCEL", start=start)
    raw = answer_file(asked, Person(name, "ada@example.org"), InvitationAnswer.ACCEPT, NOW)
    assert raw.count(b"\r\nMETHOD:") == 1
    assert raw.count(b"\r\nATTENDEE") == 1
    ((read,), file) = read_invitations(raw)
    assert file.method == "REPLY"
    assert read.attendees[0].person.address == "ada@example.org"
