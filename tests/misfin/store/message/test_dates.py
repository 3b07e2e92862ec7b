"""Dates are read as the world writes them; what is not a date is none."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from misfin.store.message import fields
from misfin.store.message.dates import newest


@pytest.mark.parametrize(
    ("date", "iso"),
    [
        ("Thu, 19 Nov 2026 15:02:00 +0100", "2026-11-19T14:02:00+00:00"),
        ("Tue, 029 Apr 2019 23:34:45 -0800 (PST)", "2019-04-30T07:34:45+00:00"),
        ("Fri, Nov 01 02 01:50:58", "2002-11-01T01:50:58+00:00"),
        ("19 Nov 2026 14:02 GMT", "2026-11-19T14:02:00+00:00"),
        ("Thu,  1 Jan 1970 00:00:00 -0000", "1970-01-01T00:00:00+00:00"),
        ("1 Jan 2100 00:00:00 EST", "2100-01-01T05:00:00+00:00"),
        ("1 Jan 69 00:00:00 +0000", "1969-01-01T00:00:00+00:00"),
        ("Thu, 22 Aug 0102 04:07:35 +0000", "2002-08-22T04:07:35+00:00"),
        ("22 Aug 102 04:07:35 +0000", "2002-08-22T04:07:35+00:00"),
        ("31 Feb 2026 00:00:00 +0000", None),
        ("31 Dec 9999 23:59:60 -1200", None),
        ("yesterday", None),
        ("", None),
    ],
)
def test_dates_are_read_or_left_out(date, iso):
    found = fields.moment(date.encode())
    assert (found.isoformat() if found else None) == iso


@pytest.mark.parametrize(
    ("date", "iso"),
    [
        ("Tue, 3 Jun 2025 10:00:00 CEST", "2025-06-03T08:00"),
        ("Tue, 3 Feb 2026 10:00:00 BST", "2026-02-03T09:00"),
        ("Tue, 3 Feb 2026 10:00:00 JST", "2026-02-03T01:00"),
        ("Tue, 3 Feb 2026 10:00:00 MEZ", "2026-02-03T09:00"),
        ("Tue, 3 Feb 2026 10:00:00 (CET)", "2026-02-03T09:00"),
        ("Tue, 3 Feb 2026 10:00:00 QZX", "2026-02-03T10:00"),
        ("Tue, 3 Feb 2026 10:00:00 +08:00", "2026-02-03T02:00"),
        ("Tue, 3 Feb 2026 10:00:00 +05:30 (IST)", "2026-02-03T04:30"),
        ("Tue, 3 Feb 2026 10:00:00 GMT+0800", "2026-02-03T02:00"),
        ("Tue, 3 Feb 2026 10:00:00 GMT+08:00 (China)", "2026-02-03T02:00"),
        ("Tue, 3 Feb 2026 10:00:00 UTC+2", "2026-02-03T08:00"),
        ("Tue, 3 Feb 2026 10:00:00 --0500", "2026-02-03T15:00"),
        ("Tue, 3 Feb 2026 10:00:00 +-0500", "2026-02-03T15:00"),
        ("Tue, 3 Feb 2026 10:00:00 +100", "2026-02-03T09:00"),
        ("Tue, 3 Feb 2026 10:00:00 +9999", "2026-02-03T10:00"),
        ("Tue (yes), 3 (third) Feb (short) 2026 (now) 10:00:00 +0000", "2026-02-03T10:00"),
        ("Tue, 3 Feb 2026 10.00.00 +0000", "2026-02-03T10:00"),
        ("Tue, 3 Feb 2026 9:5:7 +0000", "2026-02-03T09:05"),
        ("Tue, 3 Feb 2026 24:00:00 +0000", "2026-02-04T00:00"),
        ("Tue, 3 Feb 2026 10:00:00.123 +0100", "2026-02-03T09:00"),
        ("Tue, 3 February 2026 10:00:00 +0000", "2026-02-03T10:00"),
        ("Tue,3 Feb 2026 10:00:00+0100", "2026-02-03T09:00"),
        ("Tuesday, 03-Feb-26 10:00:00 GMT", "2026-02-03T10:00"),
        ("3 Feb 2026", "2026-02-03T00:00"),
        ("Di, 3 Mär 2026 10:00:00 +0100", "2026-03-03T09:00"),
        ("Dienstag, 3. März 2026 10:00 MEZ", "2026-03-03T09:00"),
        ("03.02.2026 10:00:00", "2026-02-03T10:00"),
        ("03.02.2026 10.00 +0100", "2026-02-03T09:00"),
        ("Mi, 14 Okt 2026 10:00:00 +0200", "2026-10-14T08:00"),
        ("mar., 3 févr. 2026 10:00:00 +0100", "2026-02-03T09:00"),
        ("martes, 3 de febrero de 2026 10:00:00", "2026-02-03T10:00"),
        ("2/3/2026 10:00:00 PM", "2026-02-03T22:00"),
        ("2/3/2026 12:00 a.m.", "2026-02-03T00:00"),
        ("13/2/2026 10:00", "2026-02-13T10:00"),
        ("February 3, 2026 10:00:00 AM PST", "2026-02-03T18:00"),
        ("Tuesday, February 3, 2026 10:00 PM", "2026-02-03T22:00"),
        ("2026-02-03T10:00:00Z", "2026-02-03T10:00"),
        ("2026-02-03T10:00:00.5+01:00", "2026-02-03T09:00"),
        ("2026-02-03 10:00:00 -0500", "2026-02-03T15:00"),
        ("2026/02/03 10:00", "2026-02-03T10:00"),
        ("Tue Feb  3 10:00:00 2026", "2026-02-03T10:00"),
        ("Tue Feb  3 10:00:00 CET 2026", "2026-02-03T09:00"),
        ("Tue Feb  3 10:00:00 2026 +0100", "2026-02-03T09:00"),
    ],
)
def test_dates_are_read_however_they_are_written(date, iso):
    found = fields.moment(f" {date}".encode())
    assert found is not None
    assert found.isoformat()[:16] == iso


@given(
    st.datetimes(datetime(1970, 1, 2), datetime(2999, 1, 1)),
    st.timezones(),
    st.sampled_from(["{}", " {}\n", "{} (comment)", "\t{}"]),
)
def test_what_the_standard_library_writes_is_read(time, zone, form):
    aware = time.replace(microsecond=0, tzinfo=zone)
    if aware.utcoffset() % timedelta(minutes=1):  # local mean time, which no mail can say
        return
    assert fields.moment(form.format(format_datetime(aware)).encode()) == aware.astimezone(UTC)


@given(
    st.one_of(
        st.binary(max_size=250), st.text(max_size=250).map(lambda text: text.encode("utf-8", "replace"))
    )
)
def test_no_bytes_make_a_date_fail(raw):
    found = fields.moment(raw)
    assert found is None or found.tzinfo is UTC


_pieces = st.sampled_from(
    ["3", "Feb", "2026", "10:00:00", ".", "/", "-", "+", " ", "(", ")", "PM", "CET", "99", "T", "0"]
)


@given(st.lists(_pieces, max_size=20).map("".join))
def test_no_broken_date_makes_reading_fail(text):
    fields.moment(text.encode())


def test_the_newest_received_field_counts():
    fields_ = [
        b"from a by b; Wed, 4 Feb 2026 12:00:00 +0000",
        b"x; nonsense",
        b"x; 3 Feb 2026 12:00:00 +0000",
    ]
    assert newest(fields_) == datetime(2026, 2, 4, 12, tzinfo=UTC)
    assert newest([b"Wed, 4 Feb 2026 12:00:00 +0000"]) is None
    assert newest([]) is None
