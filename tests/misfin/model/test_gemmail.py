"""Gemmail: every form is read, no bytes are refused, what is written is read back.

See docs/protocol.md §10.3.
"""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from misfin.errors import GemmailError
from misfin.model.address import MisfinAddress
from misfin.model.gemmail import MAX_METADATA_LINE, Flag, Form, GemmailMessage, Hop, Version, stamp
from misfin.model.metadata import parse_time
from misfin.model.replies import author, reply_targets
from misfin.wire import MisfinRequest, ServerProtocol
from vectors import byte_by_byte, ids, load, octets

VECTORS = load("gemmail")["gemmail"]
VECTOR = pytest.mark.parametrize("vector", VECTORS, ids=ids(VECTORS))
ADA = MisfinAddress("ada", "mail.example", "Ada")
BEA = MisfinAddress("bea", "hive.example", "Bea")
NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)


def address(item):
    return MisfinAddress.parse(item) if isinstance(item, str) else MisfinAddress(*item[0].split("@"), item[1])


@VECTOR
def test_a_message_is_read_as_its_vector_says(vector):
    check(GemmailMessage.from_bytes(octets(vector["bytes"])), vector)


@VECTOR
def test_a_message_is_read_the_same_when_it_came_over_the_wire_byte_by_byte(vector):
    data = octets(vector["bytes"])
    if {"lone-cr", "not-utf8"} & set(vector.get("flags", [])) or data.count(b"\n") < 3:
        data = b"\n\n\n" + b"no request can carry the vector itself"
        vector = {"form": "c", "body": "no request can carry the vector itself"}
    server, request = ServerProtocol(), None
    for chunk in byte_by_byte(MisfinRequest("ada", "mail.example", data).to_bytes()):
        request = server.feed_bytes(chunk)
    check(request.parse_message(), vector)


def check(message, vector):
    assert message.form == vector["form"]
    assert list(message.senders) == [address(item) for item in vector.get("senders", [])]
    assert list(message.recipients) == [address(item) for item in vector.get("recipients", [])]
    assert list(message.timestamps) == [parse_time(item) for item in vector.get("times", [])]
    assert message.body == octets(vector["body"]).decode()
    assert message.raw_timestamps == vector.get("raw_timestamps", "")
    assert sorted(message.flags) == vector.get("flags", [])
    if "subject" in vector:
        assert message.subject == vector["subject"]
    if "hops" in vector:
        assert message.hops == tuple(map(Hop, message.senders, map(parse_time, vector["hops"])))
    assert message.written == parse_time(vector.get("written", ""))
    if "reply" in vector:
        assert [a.address for a in reply_targets(message, [])] == [vector["reply"]]
        assert author(message).address == vector["author"]


@pytest.mark.parametrize("data", [b",\n\n\nBody\n", b"\n, ,\n\nBody\n", b"\n\n,\nBody\n"])
def test_a_line_of_commas_is_text_and_no_metadata(data):
    message = GemmailMessage.from_bytes(data)
    assert (message.form, message.body) == (Form.RAW, data.decode())


def test_a_sender_without_a_time_of_receipt_has_none():
    message = GemmailMessage([ADA, BEA], timestamps=[NOON])
    assert message.hops == (Hop(ADA, NOON), Hop(BEA, None))
    assert (message.newest, message.written) == (NOON, None)
    assert GemmailMessage().newest is None


def test_the_one_time_of_an_anonymous_message_is_when_it_came():
    message = GemmailMessage(timestamps=[NOON])
    assert (message.newest, message.written, message.hops) == (NOON, None, ())


def test_lists_are_kept_as_tuples_and_times_as_utc():
    berlin = timezone(timedelta(hours=2))
    message = GemmailMessage([ADA], [BEA], [NOON.astimezone(berlin), NOON.replace(tzinfo=None)], "x")
    assert message.senders == (ADA,)
    assert message.timestamps == (NOON, NOON)
    assert all(t.tzinfo is UTC for t in message.timestamps)
    assert hash(message) == hash(GemmailMessage((ADA,), (BEA,), (NOON, NOON), "x"))


def test_what_is_written_has_no_port_no_carriage_return_and_whole_seconds():
    message = GemmailMessage(
        [MisfinAddress("ada", "mail.example", "Ada, the first", 1959)],
        [MisfinAddress("bea", "hive.example", "Bea"), MisfinAddress("cal", "x.example")],
        [NOON.replace(microsecond=999_999)],
        "a\r\nb\rc",
    )
    assert message.to_bytes() == (
        b"ada@mail.example Ada  the first\nbea@hive.example, cal@x.example\n2024-05-01T12:00:00Z\na\nb\nc"
    )


def test_early_years_have_four_digits():
    assert (
        GemmailMessage([ADA], timestamps=[datetime(7, 1, 1, tzinfo=UTC)]).to_bytes().splitlines()[2]
        == b"0007-01-01T00:00:00Z"
    )


def test_a_line_of_times_nobody_could_read_is_written_again():
    data = b"bea@hive.example\n\nyesterday\nBody\n"
    assert GemmailMessage.from_bytes(data).to_bytes() == data
    assert GemmailMessage(raw_timestamps="yesterday").to_bytes() == b"\n\n\n"


def test_half_a_character_cannot_be_written():
    with pytest.raises(GemmailError):
        GemmailMessage(body="\ud800").to_bytes()


def test_a_metadata_line_has_its_limit():
    crowd = [MisfinAddress(f"m{i}", "mail.example") for i in range(200)]
    with pytest.raises(GemmailError) as info:
        GemmailMessage(recipients=crowd).to_bytes()
    assert str(MAX_METADATA_LINE)[0] in str(info.value)
    longest = GemmailMessage([MisfinAddress("a", "b", "x" * (MAX_METADATA_LINE - 5))]).to_bytes()
    assert len(longest.split(b"\n")[0]) + 1 == MAX_METADATA_LINE


def test_b_reads_only_what_stands_at_the_top():
    data = b"\n\n\nHi"
    assert GemmailMessage.from_bytes(data).form is Form.C
    assert GemmailMessage.from_bytes_b(data).body == "\n\n\nHi"
    assert GemmailMessage.from_bytes_b(b"< bea@hive.example\n: ada@mail.example\n\nHi").body == "\nHi"


def test_a_second_line_of_recipients_is_body():
    message = GemmailMessage.from_bytes_b(b": ada@mail.example\n: bea@hive.example\n")
    assert message.recipients == (MisfinAddress("ada", "mail.example"),)
    assert message.body == ": bea@hive.example\n"


@pytest.mark.parametrize(
    "text",
    [
        "2024-05-01T10:00:00Z",
        "2024-05-01T10:00:00z",
        "2024-05-01t10:00:00Z",
        "2024-05-01 10:00:00+00:00",
        "2024-05-01T10:00Z",
        "20240501T100000Z",
        "2024-05-01T06:00:00-04:00",
        "2024-05-01T10:00:00.000000000Z",
    ],
)
def test_a_time_is_read(text):
    assert parse_time(text) == datetime(2024, 5, 1, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "2024-05-01",
        "20240501",
        "10:00:00",
        "2024-13-01T10:00:00Z",
        "0001-01-01T00:00:00+23:59",
        "1" * 5000,
    ],
)
def test_what_is_no_time_is_none(text):
    assert parse_time(text) is None


def test_a_stamp_leaves_the_text_below_untouched():
    below = b"\r\n# Hi\r\n\xff\rx"
    stamped = stamp(b"\r\nada@mail.example, cal@x.example \r\n\r\n" + below, Version.C, BEA, NOON)
    assert stamped == b"bea@hive.example Bea\nada@mail.example, cal@x.example\n2024-05-01T12:00:00Z\n" + below


def test_a_stamp_without_a_sender_leaves_the_chain_as_it_was_claimed():
    assert (
        stamp(b"bea@hive.example\n\n\nHi", Version.C, None, NOON)
        == b"bea@hive.example\n\n2024-05-01T12:00:00Z\nHi"
    )
    assert stamp(b"Hi", Version.B, None, NOON) == b"@ 2024-05-01T12:00:00Z\nHi"


def test_a_sender_who_signed_already_is_shown_once():
    stamped = stamp(b"bea@hive.example The Boss\n\n2024-05-01T11:59:58Z\nHi", Version.C, BEA, NOON)
    message = GemmailMessage.from_bytes(stamped)
    assert message.senders == (BEA,)
    assert message.written == NOON - timedelta(seconds=2)


def test_a_stamp_takes_unreadable_times_along():
    assert (
        stamp(b"bea@hive.example\n\nsoon\nHi", Version.C, ADA, NOON).splitlines()[2]
        == b"2024-05-01T12:00:00Z, soon"
    )


# ---- properties ------------------------------------------------------------------------------------

seconds = st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30)).map(
    lambda t: t.replace(microsecond=0, tzinfo=UTC)
)
names = st.from_regex(r"[a-zA-Z0-9ž._+-]{1,10}", fullmatch=True)
hosts = st.from_regex(r"[a-z0-9]{1,8}(\.[a-z0-9]{1,8}){0,2}", fullmatch=True)
blurbs = st.text(
    st.characters(exclude_characters=",@\t", exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=12
)
people = st.builds(MisfinAddress, names, hosts, blurbs)
bare = st.builds(MisfinAddress, names, hosts)
bodies = st.text(st.characters(exclude_characters="\r", exclude_categories=["Cs"]))
senders_lists = st.lists(people, max_size=4, unique_by=lambda a: a.key)
messages = st.builds(
    GemmailMessage, senders_lists, st.lists(bare, max_size=4), st.lists(seconds, max_size=4), bodies
)


@given(messages)
def test_a_written_message_is_read_back(message):
    assert GemmailMessage.from_bytes(message.to_bytes()) == message


@given(messages)
def test_a_message_written_as_b_is_read_back_but_for_what_b_leaves_out(message):
    read = GemmailMessage.from_bytes_b(message.to_bytes(Version.B))
    assert read.senders == message.senders
    assert read.timestamps == message.timestamps
    assert read.recipients == (message.recipients if len(message.recipients) > 1 else ())
    assert read.body in {message.body.removesuffix("\n"), "\n" + message.body.removesuffix("\n")}


fragments = st.lists(
    st.sampled_from(
        [
            b"\n", b"\r\n", b"\r", b" ", b",", b"<", b":", b"@", b"\t", b"\x00", b"\xff", b"\xef\xbb\xbf",
            b"word", "ž".encode(), "\u2028".encode(), b"a@b@c", b"ada@mail.example", b"bea@hive.example Bea",
            b"```\n", b"# x\n", b"< bea@hive.example\n", b": a@b c@d\n", b"@ 2024-05-01T10:00:00Z\n",
            b"2024-05-01T10:00:00Z",
        ]
    ),
    max_size=25,
).map(b"".join)  # fmt: skip
anything = st.binary(max_size=200) | fragments


@given(anything)
@example(b"<\n: a@b\n@ 2024-05-01T10:00:00Z\nx")
@settings(max_examples=400)
def test_any_bytes_are_a_message(data):
    for read in (GemmailMessage.from_bytes, GemmailMessage.from_bytes_b):
        message = read(data)
        assert "\r" not in message.body
        assert len(message.hops) == len(message.senders)
        assert (Flag.BAD_TIMES in message.flags) == bool(message.raw_timestamps)
        if message.form is Form.RAW:
            assert message == GemmailMessage(body=message.body)
        # Written and read again it says the same, whatever it was before.
        clean = message.to_bytes()
        assert GemmailMessage.from_bytes(clean).to_bytes() == clean


@given(anything, st.sampled_from(Version), st.none() | people)
def test_any_message_can_be_stamped_and_keeps_its_body(data, version, sender):
    read = GemmailMessage.from_bytes_b if version is Version.B else GemmailMessage.from_bytes
    before, after = read(data), read(stamp(data, version, sender, NOON))
    assert after.newest == NOON
    assert after.body == before.body
    if sender:
        assert after.senders[0].key == sender.key
        assert after.senders[-1:] == before.senders[-1:] or len(after.senders) == 1


@pytest.mark.parametrize(
    "data",
    [
        b"\n" * 2_000_000,
        b"," * 2_000_000 + b"\n\n\nx",
        b"a@b," * 100_000 + b"\n\n\nx",
        b"a@b " + b"x," * 500_000 + b"\n\n\nx",
        b"<a@b\n" * 100_000,
        b"@ 2024-05-01T10:00:00Z\n" * 50_000,
        b": " + b"a@b " * 100_000 + b"\nx",
        b"<" * 2_000_000,
        b"\r" * 2_000_000,
        b"\xff" * 2_000_000,
        b"#" * 2_000_000,
        b"```\n" * 500_000,
    ],
    ids=range(12),
)
def test_reading_is_linear(data):
    """Megabytes in no time; a quadratic reader would need hours."""
    assert GemmailMessage.from_bytes(data).subject is None
