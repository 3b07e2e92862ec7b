"""Replies and forwards: who gets them and what they look like."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from misfin.errors import GemmailError
from misfin.model.address import MisfinAddress, same_person
from misfin.model.gemmail import GemmailMessage, Version
from misfin.model.replies import (
    author,
    forward_bytes,
    outgoing_recipients,
    quote,
    reply_all_targets,
    reply_subject,
    reply_targets,
)
from misfin.wire import MisfinRequest
from vectors import ids, load

VECTORS = load("replies")["reply"]
ADA = MisfinAddress("ada", "mail.example")
BEA = MisfinAddress("bea", "hive.example", "Bea")
CREW = MisfinAddress("crew", "hive.example", "Crew")


def addresses(texts):
    return [MisfinAddress.parse(text) for text in texts]


@pytest.mark.parametrize("vector", VECTORS, ids=ids(VECTORS))
def test_a_reply_goes_where_its_vector_says(vector):
    message = GemmailMessage(addresses(vector["senders"]), addresses(vector["recipients"]))
    me = addresses(vector["me"])
    assert [a.address for a in reply_targets(message, me)] == vector["reply"]
    assert [a.address for a in reply_all_targets(message, me)] == vector["all"]


def test_a_reply_to_a_list_goes_to_the_list_and_one_to_the_author_to_the_author():
    message = GemmailMessage([CREW, BEA], [CREW])
    assert reply_targets(message, [ADA]) == (CREW,)
    assert author(message) == BEA
    assert author(GemmailMessage()) is None


names = st.sampled_from(["ada", "Ada", "bea", "cal"])
people = st.builds(MisfinAddress, names, st.sampled_from(["mail.example", "HIVE.example"]))


@given(st.lists(people), st.lists(people), st.lists(people))
def test_nobody_is_sent_a_reply_twice_and_never_ourselves(senders, recipients, me):
    targets = reply_all_targets(GemmailMessage(senders, recipients), me)
    assert len({t.key for t in targets}) == len(targets)
    assert not any(same_person(t, mine) for t in targets for mine in me)
    assert set(targets) <= {*senders, *recipients}
    assert set(reply_targets(GemmailMessage(senders, recipients), me)) <= set(targets)


def test_a_single_recipient_is_not_written():
    assert outgoing_recipients([ADA]) == ()
    assert outgoing_recipients([ADA, BEA]) == (ADA, BEA)


@pytest.mark.parametrize(
    ("subject", "reply"),
    [
        ("Hi", "Re: Hi"),
        ("Re: Hi", "Re: Hi"),
        ("re:Hi", "Re: Hi"),
        ("RE: Re:  Hi", "Re: Hi"),
        ("Regarding", "Re: Regarding"),
        ("", ""),
        ("Re:", ""),
        (None, ""),
    ],
)
def test_a_reply_says_so_once(subject, reply):
    assert reply_subject(subject) == reply
    assert reply_subject(reply) == reply


def test_each_line_is_quoted():
    assert quote("a\n\n> b\r\n") == "> a\n>\n> > b\n"
    assert quote("a") == "> a\n"
    assert quote("") == ""


def test_a_forwarded_message_goes_out_as_it_came():
    stored = (
        b"crew@hive.example Crew, bea@hive.example Bea\nada@mail.example, cal@x.example\n"
        b"2024-05-01T11:00:00Z, 2024-05-01T10:00:00.5+01:00\n< not metadata\nBody"
    )
    assert forward_bytes(stored) == stored
    assert forward_bytes(stored.replace(b"\n", b"\r\n")) == stored
    assert forward_bytes(b"\xef\xbb\xbf" + stored) == stored


def test_a_forwarded_message_keeps_its_chain_in_the_other_form():
    stored = b"bea@hive.example Bea\nada@mail.example, cal@x.example\n2024-05-01T10:00:00Z\nFYI\n"
    as_b = b"< bea@hive.example Bea\n: ada@mail.example cal@x.example\n@ 2024-05-01T10:00:00Z\nFYI"
    assert forward_bytes(stored, Version.B) == as_b
    assert forward_bytes(as_b + b"\n") == stored


EARLY, LATE = "2024-05-01T10:00:00Z", "2024-05-01T11:00:00Z"


@pytest.mark.parametrize(
    ("senders", "times", "forwarded"),
    [
        ("bea@hive.example", f"{LATE}, {EARLY}", LATE),  # the author's own clock is not passed on
        ("a@x.example, b@x.example, c@x.example", f"{LATE}, {EARLY}", f"{LATE}, {EARLY}, {EARLY}"),
        ("bea@hive.example, bea@hive.example", f"{LATE}, {EARLY}", f"{LATE}, {EARLY}"),
        ("", LATE, ""),
        ("bea@hive.example", "", ""),
        ("bea@hive.example", "yesterday", "yesterday"),
        ("a@x.example, b@x.example", f"{LATE}, yesterday", f"{LATE}, yesterday"),
    ],
)
def test_a_forwarded_message_has_as_many_times_as_senders(senders, times, forwarded):
    stored = f"{senders}\nada@mail.example, cal@x.example\n{times}\nBody\n"
    expected = f"{senders}\nada@mail.example, cal@x.example\n{forwarded}\nBody\n"
    assert forward_bytes(stored.encode()) == expected.encode()


def test_a_chain_too_long_for_a_metadata_line_is_refused_and_not_sent_for_a_59():
    chain = ", ".join(f"person{n}@some-longer-host.example" for n in range(40))
    times = ", ".join([EARLY] * 40)
    with pytest.raises(GemmailError, match="1,024"):
        forward_bytes(f"{chain}\n\n{times}\nBody\n".encode())


def test_in_b_too_a_forwarded_message_has_as_many_times_as_senders():
    stored = f"bea@x.example Bea, bea@x.example Bea\n\n{LATE}, {EARLY}\nBody\n".encode()
    expected = f"< bea@x.example Bea\n@ {LATE}\nBody".encode()
    assert forward_bytes(stored, Version.B) == expected
    assert MisfinRequest("ada", "mail.example", forward_bytes(stored)).as_b().message == expected


def test_a_message_without_metadata_is_forwarded_with_three_blank_lines():
    assert forward_bytes(b"Dear Ada,\nhello") == b"\n\n\nDear Ada,\nhello"


def test_what_is_no_clean_text_is_forwarded_as_it_was_read():
    assert forward_bytes(b"bea@hive.example\n\n\nB\xffdy\rx") == "bea@hive.example\n\n\nB\ufffddy x".encode()
