"""SRV records are chosen as RFC 2782 and RFC 8314 say, and an address is divided at its host."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from misfin.email.account import MailProtocol, MailServer, Protection
from misfin.email.discovery import DiscoveryError, SrvRecord
from misfin.email.discovery.found import split_address
from misfin.email.discovery.srv import SERVICES, choose
from misfin.errors import AddressError

SUBMISSION = {"_submissions._tcp": [SrvRecord(0, 0, 465, "smtp.example.org")]}


def test_tls_comes_before_starttls_and_imap_before_pop3():
    records = {
        "_imap._tcp": [SrvRecord(0, 0, 143, "a.example.org")],
        "_imaps._tcp": [SrvRecord(5, 0, 993, "b.example.org")],
        "_pop3s._tcp": [SrvRecord(0, 0, 995, "c.example.org")],
        "_submission._tcp": [SrvRecord(0, 0, 587, "d.example.org")],
    }
    assert choose(records) == (
        MailServer(MailProtocol.IMAP, "b.example.org", 993),
        MailServer(MailProtocol.SMTP, "d.example.org", 587, Protection.STARTTLS),
    )


def test_the_lowest_priority_counts_and_then_the_highest_weight():
    records = [
        SrvRecord(10, 99, 1, "a.example.org"),
        SrvRecord(5, 1, 2, "b.example.org"),
        SrvRecord(5, 9, 3, "c.example.org"),
    ]
    assert choose({"_imaps._tcp": records} | SUBMISSION)[0].host == "c.example.org"


@pytest.mark.parametrize(
    "target", ["", ".", "localhost", "a.localhost", "127.0.0.1", "bare", "a\x1b.example.org", "x y.z"]
)
def test_a_target_that_is_not_a_host_out_there_is_passed_over(target):
    with pytest.raises(DiscoveryError):
        choose({"_imaps._tcp": [SrvRecord(0, 0, 993, target)]} | SUBMISSION)
    with pytest.raises(DiscoveryError):
        choose({"_imaps._tcp": [SrvRecord(0, 0, 0, "a.example.org")]} | SUBMISSION)


_RECORDS = st.builds(
    SrvRecord,
    st.integers(0, 3),
    st.integers(0, 3),
    st.integers(0, 65535),
    st.sampled_from(["a.b", "", "c.d"]),
)


@given(
    st.dictionaries(st.sampled_from(sorted(SERVICES)), st.lists(_RECORDS, max_size=4), max_size=5),
    st.randoms(),
)
def test_the_choice_does_not_depend_on_the_order_of_the_answer(records, random):
    def chosen(records):
        try:
            return choose(records)
        except DiscoveryError:
            return None

    mixed = {name: random.sample(list(each), len(each)) for name, each in records.items()}
    first, second = chosen(records), chosen(mixed)
    assert first == second


@pytest.mark.parametrize(
    ("address", "parts"),
    [
        ("Ada@Example.ORG", ("Ada", "example.org")),
        (" ada@münchen.example ", ("ada", "xn--mnchen-3ya.example")),
        ("a+b@x.y", ("a+b", "x.y")),
    ],
)
def test_an_address_has_two_parts(address, parts):
    assert split_address(address) == parts


@pytest.mark.parametrize(
    "address",
    ["", "ada", "@x.y", "ada@", "a b@x.y", "a\x1b@x.y", "a@x\n.y", "a@[::1]", "a@b@c.d", "x" * 65 + "@a.b"],
)
def test_what_is_not_an_address_is_refused(address):
    with pytest.raises(AddressError):
        split_address(address)
