"""Addresses as they stand on a To line, and what is read from there."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from misfin.compose.recipients import (
    TypedRecipient,
    completed_entry,
    read_address,
    reread,
    routes_of,
    to_entry,
)
from misfin.compose.recipients import read_recipients as read
from misfin.model.account import AddressKind
from misfin.model.address import MisfinAddress
from misfin.model.recipient import Recipient, mail_address, on_to_line


class Misfin:
    kind = AddressKind.MISFIN

    def parse(self, text: str) -> Recipient:
        address = read_address(text)
        return Recipient(address.with_port, address.hostname, address.blurb)


class Mail:
    kind = AddressKind.MAIL

    def parse(self, text: str) -> Recipient:
        address, name = mail_address(text)
        return Recipient(address, "smtp", name)


def read_recipients(text: str) -> list[TypedRecipient]:
    return read(text, Misfin())


def test_unfinished_addresses_are_left_out_and_each_mailbox_counts_once():
    assert routes_of(["bob@hive.test", "caro", "bob@hive.test Bob"]) == [MisfinAddress("bob", "hive.test")]


def test_an_unusual_port_stays_in_the_to_line():
    assert to_entry(MisfinAddress.parse("bob@hive.test:1999 Bob")) == "bob@hive.test:1999 Bob"
    assert to_entry(MisfinAddress.parse("bob@hive.test:1958")) == "bob@hive.test"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("bob@hive.test, carol@far.test;", ["bob@hive.test", "carol@far.test"]),
        ("bob@hive.test Bob Jones", ["bob@hive.test Bob Jones"]),
        ("Bob Jones <bob@hive.test>", ["bob@hive.test Bob Jones"]),
        ("Bob Jones (bob@hive.test:1999)", ["bob@hive.test:1999 Bob Jones"]),
        ("misfin:bob@hive.test", ["bob@hive.test"]),
        ("bob@Hive.TEST.", ["bob@hive.test"]),
        (" , ;; ", []),
    ],
)
def test_recipients_are_read_as_people_write_them(text, found):
    assert [entry.written for entry in read_recipients(text)] == found


def test_a_wrong_recipient_says_why_and_is_kept():
    (entry,) = read_recipients("bob")
    assert (entry.recipient, entry.address, entry.other) == (None, "", None)
    assert entry.written == "bob"
    assert "no @" in entry.problem


@given(st.text(max_size=200))
def test_any_text_is_some_list_of_recipients(text):
    for entry in read_recipients(text):
        assert entry.written
        if entry.recipient is not None:
            (again,) = read_recipients(entry.written.replace(",", " ").replace(";", " "))
            assert again.address == entry.address


def test_an_address_is_read_as_the_account_in_from_reads_it():
    text = "Bob Jones <bob@hive.test>, mailto:cal@x.test, misfin:dan@x.test, bob"
    bob, cal, dan, broken = read(text, Mail())
    assert (bob.written, bob.address) == ("Bob Jones <bob@hive.test>", "bob@hive.test")
    assert (cal.written, cal.other) == ("cal@x.test", None)
    assert (dan.recipient, dan.other, dan.written) == (None, AddressKind.MISFIN, "misfin:dan@x.test")
    assert "is a Misfin address" in dan.problem
    assert (broken.recipient, broken.other) == (None, None)
    assert [entry.other for entry in read(text, Misfin())] == [None, AddressKind.MAIL, None, None]


@pytest.mark.parametrize("reader", [Misfin(), Mail()])
def test_what_stands_on_a_to_line_is_read_back(reader):
    there = on_to_line("bob@hive.test", "Bob Jones", reader.kind)
    (entry,) = read(there, reader)
    assert (entry.address, entry.written, entry.recipient.name) == ("bob@hive.test", there, "Bob Jones")


def test_another_account_in_from_rewrites_what_it_can_read():
    misfin = "bob@hive.test Bob, Cal <cal@x.test>, mailto:dan@x.test, eve@hive.test:1999 Eve, hal"
    mail = "Bob <bob@hive.test>, Cal <cal@x.test>, dan@x.test, eve@hive.test:1999 Eve, hal"
    assert reread(misfin, Misfin(), Mail()) == mail
    assert reread(mail, Mail(), Misfin()) == (
        "bob@hive.test Bob, cal@x.test Cal, dan@x.test, eve@hive.test:1999 Eve, hal"
    )
    assert reread("misfin:bob@hive.test, mailto:cal@x", Misfin(), Mail()) == "misfin:bob@hive.test, cal@x"


@pytest.mark.parametrize(
    ("name", "entry"),
    [
        ("Ada Example", "Ada Example <ada@example.org>"),
        ("Doe, Jane", '"Doe, Jane" <ada@example.org>'),
        ('Jane "JD" Doe', r'"Jane \"JD\" Doe" <ada@example.org>'),
        ("bob@bank.example", '"bob@bank.example" <ada@example.org>'),
        ("Jürgen Groß", "Jürgen Groß <ada@example.org>"),
        ("Ada\r\nBcc: eve@x.example", '"Ada Bcc: eve@x.example" <ada@example.org>'),
        ("ADA@example.org", "ada@example.org"),
        ("", "ada@example.org"),
        ("gpj\u202egnp", "ada@example.org"),
    ],
)
def test_completion_names_people_of_e_mail_as_headers_need_it(name, entry):
    assert completed_entry("ada@example.org", name, AddressKind.MAIL) == entry


def test_completion_gives_the_address_alone_where_messages_name_nobody():
    assert completed_entry("ada@hive.test", "Ada", AddressKind.MISFIN) == "ada@hive.test"


@given(st.text(max_size=60))
def test_whatever_a_name_is_its_completion_is_one_recipient(name):
    entry = completed_entry("ada@example.org", name, AddressKind.MAIL)
    (found,) = read(f"bob@x.example, {entry}, ", Mail())[1:]
    assert found.address == "ada@example.org"
