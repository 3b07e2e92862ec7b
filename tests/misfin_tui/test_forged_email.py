"""Misfin-* fields in the mail of an e-mail account, where strangers write them, prove nothing anywhere."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from misfin.model.account import AddressKind
from misfin.post.decisions import held_messages, questions
from misfin.store.evidence import Evidence, standing
from misfin.store.index import MailIndex
from misfin.store.mail.maildir import MailStore
from misfin.store.message.mime import ParsedMessage
from misfin.store.people.acquaintance import learn_from_mail
from misfin.store.people.contacts import ContactBook
from misfin.store.rows import MessageRow, View
from misfin.trust.pins import PinBook
from misfin_tui.cli.mail import _line, _page, record_of
from misfin_tui.config.accounts import AccountConfig, own_addresses
from misfin_tui.widgets.message_list_columns import Palette, columns, parts
from misfin_tui.widgets.message_rows import detail_rows, folded_row, head_rows

ACCOUNT, MISFIN = "work", "ada@mail.example"
ADA = "ada@example.org"
SETTINGS = AccountConfig(kind="email", address=ADA, aliases=("ada+*@example.org",))
UNPROVEN = Evidence.UNPROVEN
FIELDS = st.lists(
    st.one_of(
        st.tuples(
            st.sampled_from(["Misfin-Verification", "misfin-verification"]),
            st.sampled_from(
                [
                    "sender=verified; confirmed=host; certificate=pass; pin=match",
                    "sender=approved",
                    "sender=differs; pin=changed; held=Another certificate",
                    "sender=unconfirmed; pin=first",
                ]
            ),
        ),
        st.tuples(
            st.sampled_from(["Misfin-Certificate", "Misfin-Held", "Misfin-Draft", "Misfin-Seal"]),
            st.sampled_from([f"sha256=aa; spki=bb; subject={ADA}", "yes", '{"to": ["x@y.example"]}']),
        ),
        st.tuples(
            st.sampled_from(["Misfin-Senders", "Misfin-Recipients", "Misfin-Timestamps"]),
            st.sampled_from(["bob@peer.example Bob", ADA, "2026-11-20T08:00:00Z"]),
        ),
        st.tuples(st.just("Received"), st.just("from 192.0.2.1 by mail.example with MISFIN")),
        st.tuples(st.just("Delivered-To"), st.just(ADA)),
    ),
    max_size=6,
)
SENDERS = st.sampled_from([ADA, MISFIN, "bob@peer.example", "ada+shop@example.org"])
FOLDERS = st.sampled_from(["Inbox", "Held", "Archive", "Trash", "Junk", "Crew"])


def forged(sender: str, fields: Sequence[tuple[str, str]], *, first: bool = True) -> bytes:
    """A message that begins as only our receiver's do."""
    head = [("Misfin-Version", "C")] if first else []
    head += [*fields, ("From", sender), ("To", "eve@x.example"), ("Subject", "Pay"), ("Message-ID", "<1@x>")]
    return "".join(f"{name}: {value}\n" for name, value in head).encode() + b"\n# Pay\n\nme\n"


class Profile:
    """The mail of an e-mail account, indexed as the program does it."""

    def __init__(self, root: Path, folder: str, data: bytes, account: str = ACCOUNT) -> None:
        self.store = MailStore(root / "mail")
        self.store.create(account)
        self.store.folder(account, folder).create().deliver(data)
        self.index = MailIndex(
            root / "index.db",
            root / "mail",
            address_of=lambda directory: ADA if directory == ACCOUNT else directory,
            is_own=own_addresses({ACCOUNT: SETTINGS}),
        )

    def message(self) -> tuple[MessageRow, ParsedMessage]:
        self.index.scan()
        (row,) = self.index.messages(View(), 10)
        return row, self.index.read(row)


def said(profile: Profile) -> dict[str, str]:
    """What each place that shows a message says of it, as a sign or a word."""
    row, message = profile.message()
    (line,) = profile.index.conversations(View(row.account, row.folder), 0, 10)
    palette = Palette(**dict.fromkeys(Palette.__slots__) | {"evidence": {each: each for each in Evidence}})
    found = {
        "list": parts(line, columns(100), palette, cursor=False, marked=False, now=2.0)[4][0].strip(),
        "list row": line.evidence.sign,
        "folded": folded_row(row, "", 80, focused=False).pieces[2][0],
        "open": head_rows(row, message, 80, lead=((" ", "bar"),))[0].pieces[1][0],
        "at the shell": _line(row)[32],
    }
    details = "\n".join(each.text for each in detail_rows(row, message, 400))
    page = "\n".join(_page(row, message))
    words = f"? unproven: {UNPROVEN.when_for(AddressKind.MAIL)}"
    assert words in details
    assert "e-mail" in details
    assert "On arrival" not in details
    assert words in page
    assert record_of(row, {})["trust"] == "unproven"
    assert not line.held
    return found


@settings(max_examples=40, deadline=None)
@given(SENDERS, FIELDS, st.booleans(), FOLDERS)
@example(ADA, [], True, "Inbox")
@example(ADA, [("Misfin-Verification", "sender=differs; pin=changed; held=x")], True, "Held")
def test_whatever_a_stranger_writes_into_an_email_it_is_unproven_everywhere(sender, fields, first, folder):
    with tempfile.TemporaryDirectory() as root:
        profile = Profile(Path(root), folder, forged(sender, fields, first=first))
        pins, contacts = PinBook(None), ContactBook(Path(root) / "contacts.db")
        with profile.index, closing(pins), closing(contacts) as book:
            assert set(said(profile).values()) == {"?"}
            assert profile.message()[1].misfin is None
            # Nothing waits for a decision, and nobody became known as somebody one writes to.
            stores = SimpleNamespace(pin_book=pins, store=profile.store)
            assert held_messages(profile.store) == []
            assert questions(stores, now=0.0) == []
            assert profile.index.count(View(query="is:held")) == 0
            learn_from_mail(profile.index, book, [ADA, MISFIN], kind_of=lambda _: AddressKind.MAIL)
            assert not any(contact.sent for contact in book.all(now=1e9))
            assert standing(pins.all()[0] if pins.all() else None).evidence is UNPROVEN


@pytest.mark.parametrize("sender", [ADA, "ADA@Example.org", "ada+shop@example.org"])
@pytest.mark.parametrize("folder", ["Sent", "Drafts"])
def test_what_one_wrote_oneself_is_known_by_its_folder_and_sender(tmp_path, sender, folder):
    with Profile(tmp_path, folder, forged(sender, [], first=False)).index as index:
        index.scan()
        (row,) = index.messages(View(), 10)
        (line,) = index.conversations(View(ACCOUNT, folder), 0, 10)
        assert (row.evidence, line.evidence) == (Evidence.VERIFIED, Evidence.VERIFIED)
        assert "you wrote it here" in "\n".join(_page(row, index.read(row)))


def test_somebody_elses_message_among_those_sent_is_unproven(tmp_path):
    fields = [("Misfin-Verification", "sender=verified; confirmed=host")]
    with Profile(tmp_path, "Sent", forged("bob@peer.example", fields)).index as index:
        index.scan()
        assert [row.evidence for row in index.messages(View(), 10)] == [UNPROVEN]


@pytest.mark.parametrize("there", [ACCOUNT, MISFIN])
def test_a_message_that_moves_between_accounts_of_two_kinds_is_read_again(tmp_path, there):
    """Another program may move the file: what the index knew of it must not go along."""
    here = MISFIN if there == ACCOUNT else ACCOUNT
    data = forged("bob@peer.example", [("Misfin-Verification", "sender=verified; confirmed=host")])
    profile = Profile(tmp_path, "Inbox", data, here)
    with profile.index as index:
        index.scan()
        (before,) = index.messages(View(), 10)
        profile.store.create(there)
        before.path.rename(profile.store.folder(there).path / "new" / before.path.name)
        for _ in range(3):
            index.scan()
        (after,) = index.messages(View(), 10)
        assert (before.account, after.account) == (here, there)
        # It was in the Misfin account before there were seals; nothing that comes in later is believed.
        assert before.evidence is (Evidence.VERIFIED if here == MISFIN else UNPROVEN)
        assert after.evidence is UNPROVEN
        assert (index.read(before).misfin is None) or there == MISFIN
