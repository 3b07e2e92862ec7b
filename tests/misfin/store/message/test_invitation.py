"""What a message says about an event, as values and in words."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from invitations import EVENT, ZONE, calendar, invitation_mail

from misfin.store.message.invitation import read_invitations
from misfin.store.message.invitation_words import in_words, shown
from misfin.store.message.mime import read_message

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


def said(event: str = EVENT, *, method: str = "REQUEST", before: str = "", zone: ZoneInfo = BERLIN) -> str:
    (invitation,), _ = read_invitations(calendar(event, method=method, before=before))
    return in_words(invitation, NOW, zone)


def when(start: str, *more: str, before: str = "") -> str:
    lines = said("\n".join(["SUMMARY:x", start, *more, ""]), before=before).splitlines()
    return next(line for line in lines if line.startswith("When: ")).removeprefix("When: ")


def test_an_invitation_says_everything_in_lines() -> None:
    assert said(EVENT + "DESCRIPTION:Bring\\nOrganiser: the boss\n") == (
        "Invitation: Budget round\n"
        "When: Tuesday, 10 March 2026, 10:00–11:00 (09:00–10:00 in UTC)\n"
        "Where: Room 7\n"
        "Organiser: Ida Probe <ida@sender.example>\n"
        "Who: Ada <ada@example.org> (no answer yet), Bea, Mayor <bea@example.org> (accepted)\n"
        "\n"
        "  Bring\n"
        "  Organiser: the boss"
    )


@pytest.mark.parametrize(
    ("event", "method", "title"),
    [
        (EVENT, "REQUEST", "Invitation: Budget round"),
        (EVENT + "SEQUENCE:2\n", "REQUEST", "Updated invitation: Budget round"),
        (EVENT, "CANCEL", "Cancelled: Budget round"),
        (EVENT + "STATUS:CANCELLED\n", "REQUEST", "Cancelled: Budget round"),
        (EVENT, "PUBLISH", "Event: Budget round"),
        (EVENT, "", "Event: Budget round"),
        (EVENT, "COUNTER", "Ada <ada@example.org> proposes a change: Budget round"),
        (EVENT.replace("NEEDS-ACTION", "DECLINED"), "REPLY", "Ada <ada@example.org> declined: Budget round"),
        (EVENT.replace("NEEDS-ACTION", "X\x1b"), "REPLY", "Ada <ada@example.org> answered: Budget round"),
        ("UID:x\n", "REQUEST", "Invitation: (no title)"),
    ],
)
def test_the_first_line_says_what_it_is(event: str, method: str, title: str) -> None:
    assert said(event, method=method).splitlines()[0] == title


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (
            ["DTSTART:20260310T230000Z"],
            "Wednesday, 11 March 2026, 00:00 (Tuesday, 10 March 2026, 23:00 in UTC)",
        ),
        (
            ["DTSTART;TZID=America/New_York:20260310T090000", "DURATION:PT1H30M"],
            "Tuesday, 10 March 2026, 14:00–15:30 (09:00–10:30 in America/New_York)",
        ),
        (["DTSTART;TZID=Europe/Berlin:20260710T090000"], "Friday, 10 July 2026, 09:00"),
        (["DTSTART;TZID=/x.example/20260101/Asia/Tokyo:20260310T170000"], "Tuesday, 10 March 2026, 09:00"),
        (["DTSTART;TZID=Tokyo Standard Time:20260310T170000"], "Tuesday, 10 March 2026, 09:00"),
        (
            ["DTSTART;TZID=../../etc/passwd:20260310T170000"],
            "Tuesday, 10 March 2026, 17:00, in the time zone “../../etc/passwd”, which is not known here",
        ),
        (["DTSTART:20260310T170000"], "Tuesday, 10 March 2026, 17:00, in whatever time zone you are"),
        (["DTSTART;VALUE=DATE:20260310", "DTEND;VALUE=DATE:20260311"], "Tuesday, 10 March 2026, all day"),
        (
            ["DTSTART;VALUE=DATE:20260310", "DTEND;VALUE=DATE:20260313"],
            "Tuesday, 10 March 2026 to Thursday, 12 March 2026, all day",
        ),
        (["DTSTART:20261399"], "no date given"),
        (["DTSTART:00010101T000000Z", "DURATION:P9999W"], "Monday, 1 January 1, 00:"),
    ],
)
def test_when_it_is(lines: list[str], words: str) -> None:
    assert when(*lines).startswith(words)


@pytest.mark.parametrize(
    ("date", "hour"), [("20260328", "09"), ("20260330", "09"), ("20260710", "09"), ("20261201", "09")]
)
def test_a_zone_that_the_file_describes(date: str, hour: str) -> None:
    """Its rules are those of Berlin, so nothing is to be converted."""
    words = when(f"DTSTART;TZID=Harbour Time:{date}T090000", before=ZONE)
    assert words.endswith(f"2026, {hour}:00")


def test_a_zone_described_by_hostile_rules_is_only_unknown_or_wrong() -> None:
    zone = ZONE.replace("FREQ=YEARLY", "FREQ=SECONDLY")
    assert "10 July 2026" in when("DTSTART;TZID=Harbour Time:20260710T090000", before=zone)


def test_a_recurring_event_says_its_rule_and_next_dates() -> None:
    lines = said(EVENT + "RRULE:FREQ=WEEKLY;COUNT=5\nEXDATE:20260317T090000Z\n").splitlines()
    assert "Repeats: every week, 5 times" in lines
    assert "Next: 10 March 2026, 24 March 2026, 31 March 2026" in lines
    lines = said(EVENT.replace("20260310", "20250310") + "RRULE:FREQ=WEEKLY;UNTIL=20250401\n").splitlines()
    assert "Next: none, the last date has passed" in lines
    lines = said(EVENT + "RRULE:FREQ=SECONDLY\n").splitlines()
    assert "Next: not worked out; the rule is too unusual" in lines
    assert "Next: 1 May 2026" in said(EVENT + "RDATE:20260501T090000Z\n").splitlines()


def test_many_guests_are_counted() -> None:
    words = said(EVENT + "".join(f"ATTENDEE:mailto:g{number}@example.org\n" for number in range(50)))
    assert words.splitlines()[-1].endswith("g17@example.org (no answer yet), 32 more")


@pytest.mark.parametrize("text", ["You are invited.", ""])
def test_it_stands_above_the_text_of_the_message(text: str) -> None:
    message = read_message(invitation_mail(calendar(), text))
    words = shown(message, NOW, BERLIN).text
    assert words.startswith("Invitation: Budget round\n")
    assert words.rstrip().endswith(text or "(accepted)")
    assert [file.name for file in message.attachments] == ["invitation.ics"]


def test_a_file_sent_twice_is_shown_once_and_others_are_counted() -> None:
    extra = "END:VEVENT\nBEGIN:VEVENT\n".join(EVENT.replace("ev1", f"ev{number}") for number in range(9))
    message = read_message(invitation_mail(calendar(extra)))
    words = shown(message, NOW, BERLIN).text
    assert words.count("Invitation: ") == 5
    assert "There are 4 more events in it." in words


@pytest.mark.parametrize(
    ("file", "words"),
    [
        (b"\x00garbage", "No event can be read in the calendar file."),
        (b"BEGIN:VCALENDAR\nBEGIN:VTODO\nEND:VTODO\nEND:VCALENDAR", "There are only tasks or free times"),
    ],
)
def test_what_is_not_an_event_is_said(file: bytes, words: str) -> None:
    assert shown(read_message(invitation_mail(file, "")), NOW, BERLIN).text.startswith(words)


VALUES = st.one_of(
    st.text(max_size=40),
    st.sampled_from(
        [
            "20260310T090000Z",
            "00010101T000000",
            "99991231T235959Z",
            "FREQ=YEARLY;UNTIL=99991231",
            "FREQ=WEEKLY",
            "P9999W",
            "+2359",
            "-2359",
            "mailto:ada@example.org",
        ]
    ),
)
NAMES = st.sampled_from(
    [
        "DTSTART",
        "DTSTART;TZID=Harbour Time",
        "DTSTART;VALUE=DATE",
        "DTEND",
        "DURATION",
        "RRULE",
        "EXDATE",
        "RDATE",
        "SUMMARY",
        "ATTENDEE;CN=x",
        "ORGANIZER",
        "SEQUENCE",
        "RECURRENCE-ID",
        "STATUS",
        "UID",
        "COMMENT",
    ]
)
CHANGES = st.lists(
    st.tuples(st.sampled_from(["DTSTART", "TZOFFSETTO", "TZOFFSETFROM", "RRULE"]), VALUES), max_size=6
)


@given(
    st.lists(st.tuples(NAMES, VALUES), max_size=12), CHANGES, st.sampled_from(["REQUEST", "REPLY", "CANCEL"])
)
def test_any_event_can_be_said(
    lines: list[tuple[str, str]], changes: list[tuple[str, str]], method: str
) -> None:
    event = "".join(f"{name}:{value}\n" for name, value in lines)
    zone = "BEGIN:VTIMEZONE\nTZID:Harbour Time\nBEGIN:STANDARD\n"
    zone += "".join(f"{name}:{value}\n" for name, value in changes) + "END:STANDARD\nEND:VTIMEZONE\n"
    raw = calendar("", before=zone).replace(b"END:VEVENT", event.encode() + b"END:VEVENT")
    for invitation in read_invitations(raw)[0]:
        assert in_words(invitation, NOW, BERLIN)
