"""Calendar files and the e-mails that carry them, for tests."""

from __future__ import annotations

import base64

ZONE = """BEGIN:VTIMEZONE
TZID:Harbour Time
BEGIN:STANDARD
DTSTART:16010101T030000
TZOFFSETFROM:+0200
TZOFFSETTO:+0100
RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=10
END:STANDARD
BEGIN:DAYLIGHT
DTSTART:16010101T020000
TZOFFSETFROM:+0100
TZOFFSETTO:+0200
RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=3
END:DAYLIGHT
END:VTIMEZONE
"""
EVENT = """UID:ev1@cal.example
DTSTAMP:20260301T080000Z
DTSTART:20260310T090000Z
DTEND:20260310T100000Z
SUMMARY:Budget round
LOCATION:Room 7
ORGANIZER;CN=Ida Probe:mailto:ida@sender.example
ATTENDEE;CN=Ada;PARTSTAT=NEEDS-ACTION:mailto:ada@example.org
ATTENDEE;CN="Bea, Mayor";PARTSTAT=ACCEPTED:mailto:bea@example.org
"""


def calendar(event: str = EVENT, *, method: str = "REQUEST", before: str = "") -> bytes:
    """A calendar file with one event."""
    start = f"BEGIN:VCALENDAR\nVERSION:2.0\n{f'METHOD:{method}' if method else 'PRODID:x'}\n"
    return (
        (start + before + "BEGIN:VEVENT\n" + event + "END:VEVENT\nEND:VCALENDAR\n")
        .replace("\n", "\r\n")
        .encode()
    )


def invitation_mail(
    file: bytes,
    text: str = "You are invited.",
    *,
    to: str = "ada@example.org",
    number: int = 1,
    method: str = "REQUEST",
) -> bytes:
    """An e-mail as calendars send them: the file is another form of the text, or all there is."""
    head = (
        f"From: Ida Probe <ida@sender.example>\nTo: {to}\nSubject: About a meeting\n"
        f"Date: Mon, 02 Mar 2026 10:0{number}:00 +0000\nMessage-ID: <invitation-{number}@sender.example>\n"
        "MIME-Version: 1.0\n"
    )
    coded = base64.encodebytes(file).decode()
    part = f"Content-Type: text/calendar; charset=utf-8; method={method}\n"
    part += f"Content-Transfer-Encoding: base64\n\n{coded}"
    if not text:
        return (head + part).encode()
    return (
        f'{head}Content-Type: multipart/alternative; boundary="b1"\n\n--b1\n'
        f"Content-Type: text/plain\n\n{text}\n"
        f"--b1\n{part}--b1--\n"
    ).encode()
