"""Whom a receiver serves."""

import pytest
from peers import odd_person, person

from misfin.errors import IdentityError
from misfin.model.address import MisfinAddress
from misfin.net.directory import Directory, Missing, Moved, ServedMailbox
from misfin.trust.identity import generate

ADA = person("ada@mail.example")
BEN = person("ben@mail.example")
CAL = person("cal@second.example")


def test_mailboxes_are_found_by_exact_name_and_host_without_case():
    directory = Directory([ADA, BEN, CAL])
    assert directory.lookup("ada", "mail.example") == ServedMailbox(ADA)
    assert directory.lookup("ada", "MAIL.example.") == ServedMailbox(ADA)
    assert directory.lookup("Ada", "mail.example") is Missing.UNKNOWN_MAILBOX
    assert directory.lookup("cal", "mail.example") is Missing.UNKNOWN_MAILBOX
    assert directory.lookup("ada", "other.example") is Missing.UNKNOWN_HOST
    assert directory.hosts == ("mail.example", "second.example")


def test_a_host_shows_its_own_certificate_if_it_has_one():
    host = generate(MisfinAddress.parse("root@mail.example"), now=ADA.info.not_before, ca=True, days=50)
    assert Directory([ADA, BEN]).certificate_for("mail.example") is ADA
    assert Directory([ADA, host, BEN]).certificate_for("Mail.Example") is host
    assert Directory([ADA, CAL], hosts={"mail.example": CAL}).certificate_for("mail.example") is CAL
    assert Directory([ADA]).certificate_for("second.example") is None


def test_former_mailboxes_win_over_identities_that_are_still_there():
    ada, old = MisfinAddress.parse("ada@mail.example"), MisfinAddress.parse("old@gone.example")
    new = Moved(MisfinAddress.parse("ada@new.example"), permanent=False)
    directory = Directory([ADA], moved={ada: new}, gone=[old])
    assert directory.lookup("ada", "mail.example") == new
    assert directory.lookup("old", "gone.example") is Missing.GONE
    assert directory.lookup("else", "gone.example") is Missing.UNKNOWN_MAILBOX
    assert directory.certificate_for("gone.example") is ADA


def test_a_directory_needs_an_identity_with_an_address():
    with pytest.raises(IdentityError, match="at least one"):
        Directory([])
    with pytest.raises(IdentityError, match="names no Misfin address"):
        Directory([odd_person(users=())])


def test_aliases_receive_and_are_no_senders():
    aliases = {
        "info@Mail.Example": "ada@mail.example",
        "ben@mail.example": "ada@mail.example",
        "lost@mail.example": "nobody@mail.example",
        "*@second.example": "ben@mail.example",
        "x@other.example": "ada@mail.example",
    }
    directory = Directory([ADA, BEN, CAL], aliases=aliases)
    assert directory.recipient("info", "MAIL.example") == ServedMailbox(ADA)
    assert directory.recipient("ben", "mail.example") == ServedMailbox(BEN), "a mailbox comes first"
    assert directory.recipient("lost", "mail.example") is Missing.UNKNOWN_MAILBOX
    assert directory.recipient("anything", "second.example") == ServedMailbox(BEN)
    assert directory.recipient("cal", "second.example") == ServedMailbox(CAL)
    assert directory.recipient("x", "other.example") is Missing.UNKNOWN_HOST
    assert directory.lookup("info", "mail.example") is Missing.UNKNOWN_MAILBOX, "nobody writes as an alias"
