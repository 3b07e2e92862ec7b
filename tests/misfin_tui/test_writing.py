"""Replies, forwards, look-alikes, autosaving and recipients: the rules behind the composer."""

from __future__ import annotations

import asyncio
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from misfin.errors import LocalError, StoreError
from misfin.model.address import MisfinAddress
from misfin.model.gemmail import Version
from misfin.store.drafts import Draft
from misfin.store.envelope import wrap, wrap_sent
from misfin.store.evidence import Evidence
from misfin.store.outgoing import Outgoing
from misfin.store.rows import LetterRow
from misfin_tui.services import autosave
from misfin_tui.services.autosave import Autosave
from misfin_tui.services.lookalike import resembles
from misfin_tui.services.replying import (
    as_draft,
    forward_draft,
    read_original,
    reply_draft,
    signed,
    taken_apart,
    typed,
)
from misfin_tui.widgets.address_input import read_recipients
from misfin_tui.widgets.gemtext_area import preformatted, spans, typable, visible

ALICE = MisfinAddress.parse("alice@mail.example Alice")
WHEN = datetime(2026, 11, 20, tzinfo=UTC)
RECEIVED = (
    b"bob@hive.test Bob Jones\nalice@mail.example, carol@far.test, alice@mail.example\n2026-11-20T10:00:00Z\n"
    b"# Meeting\n\nfirst\n\nsecond\n"
)


def row(sender: str = "bob@hive.test", to: tuple[str, ...] = ()) -> LetterRow:
    return LetterRow(
        1,
        "key",
        ALICE.address,
        "Inbox",
        "Bob \u202eJones",
        sender,
        to,
        "Meeting",
        0.0,
        False,
        False,
        (),
        Evidence.VERIFIED,
        1,
        100,
        Path("x"),
    )


def original(gemmail: bytes = RECEIVED, letter: LetterRow | None = None):
    return read_original(wrap(gemmail, version=Version.C, account=ALICE, now=WHEN), letter or row())


def reply(message=None, *, everyone=False, quoted=None, signature="", link=False) -> Draft:
    message = message or original()
    return reply_draft(message, [ALICE], everyone=everyone, quoted=quoted, signature=signature, link=link)


# ---- replies


def test_a_reply_goes_to_the_sender_and_quotes():
    draft = reply()
    assert draft.to == ("bob@hive.test Bob Jones",)
    assert draft.subject == "Re: Meeting"
    assert draft.account == ALICE.address
    assert draft.body.splitlines()[1:] == ["> # Meeting", ">", "> first", ">", "> second", ""]
    assert draft.in_reply_to
    assert draft.references == (draft.in_reply_to,)


def test_the_attribution_is_harmless():
    assert "\u202e" not in reply().body


def test_only_the_chosen_lines_are_quoted():
    assert "> second" in reply(quoted="second\n").body
    assert "first" not in reply(quoted="second\n").body
    assert reply(quoted="").body == ""


def test_reply_all_never_includes_oneself_nor_a_person_twice():
    assert reply(everyone=True).to == ("bob@hive.test Bob Jones", "carol@far.test")


def test_a_reply_to_nobody_is_refused():
    alone = original(b"alice@mail.example Alice\n\n2026-11-20T10:00:00Z\nnote\n", row("alice@mail.example"))
    with pytest.raises(LocalError, match="nobody"):
        reply(alone)


def test_a_reply_to_what_one_sent_goes_to_whom_it_went():
    sent = wrap_sent(
        b"\n\n\n# Hi\n\ntext\n",
        version=Version.C,
        account=ALICE,
        to=[MisfinAddress.parse("bob@hive.test")],
        now=WHEN,
    )
    mine = read_original(sent, row(ALICE.address, to=("bob@hive.test",)))
    assert reply(mine).to == ("bob@hive.test",)


def test_the_signature_and_the_link_stand_below():
    draft = reply(signature="\nAlice\n", link=True)
    assert draft.body.endswith("\n\nAlice\n")
    assert f"=> mid:{draft.in_reply_to.strip('<>')} In reply to" in draft.body


def test_a_thread_grows_by_one_reference_each_time():
    first = reply()
    answer = wrap_sent(
        first.gemmail(),
        version=Version.C,
        account=ALICE,
        to=[MisfinAddress.parse("bob@hive.test")],
        now=WHEN,
        in_reply_to=first.in_reply_to,
        references=first.references,
    )
    second = reply(read_original(answer, row(ALICE.address, to=("bob@hive.test",))))
    assert second.references[:-1] == first.references
    assert second.references[-1] == second.in_reply_to != first.in_reply_to


def test_a_forward_keeps_every_byte():
    draft = forward_draft(original())
    assert draft.forwards == RECEIVED
    assert Draft(to=("x@y.test",), forwards=draft.forwards).gemmail() == RECEIVED


def test_mail_that_is_no_misfin_cannot_be_answered_as_such():
    with pytest.raises(LocalError, match="ordinary e-mail"):
        read_original(b"From: x@y.test\n\nhello\n", row())


# ---- small things


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("# Hi\n\ntext\n", ("Hi", "text\n")),
        ("text\n# later", ("", "text\n# later")),
        ("#\n\ntext", ("", "#\n\ntext")),
        ("", ("", "")),
    ],
)
def test_a_finished_text_is_taken_apart(text, parts):
    assert taken_apart(text) == parts


def test_without_a_signature_nothing_is_added():
    assert signed("body", " \n".strip()) == "body"


def test_an_unusual_port_stays_in_the_to_line():
    assert typed(MisfinAddress.parse("bob@hive.test:1999 Bob")) == "bob@hive.test:1999 Bob"
    assert typed(MisfinAddress.parse("bob@hive.test:1958")) == "bob@hive.test"


def test_what_was_queued_without_a_draft_becomes_one():
    letter = Outgoing("g", ALICE.address, ("a@b.test",), "Hi", b"\n\n\n# Hi\n\ntext\n", b"", 0.0)
    draft = as_draft(letter, ["a@b.test"])
    assert (draft.subject, draft.body, draft.to, draft.account) == (
        "Hi",
        "text\n",
        ("a@b.test",),
        ALICE.address,
    )


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
    assert entry.address is None
    assert entry.written == "bob"
    assert "no @" in entry.problem


@given(st.text(max_size=200))
def test_any_text_is_some_list_of_recipients(text):
    for entry in read_recipients(text):
        assert entry.written
        if entry.address is not None:
            (again,) = read_recipients(entry.written.replace(",", " ").replace(";", " "))
            assert again.address == entry.address


# ---- look-alikes


@pytest.mark.parametrize(
    "host",
    [
        "examp1e-host.test",
        "example-h0st.test",
        "exarnple-host.test",
        "exampIe-host.test".lower(),
        "examplehost.test",
        "exmaple-host.test",
        "example-hosts.test",
        MisfinAddress.parse("x@ехample-host.test").hostname,  # two Cyrillic letters
    ],
)
def test_names_that_pass_for_a_known_one_are_found(host):
    assert resembles(f"bob@{host}", ["carol@example-host.test"]) == "carol@example-host.test"


@pytest.mark.parametrize("host", ["example-host.test", "other-place.test", "a.test", "hive.test"])
def test_known_and_different_names_are_left_alone(host):
    assert resembles(f"bob@{host}", ["carol@example-host.test", "x@b.test"]) == ""


@given(st.text(max_size=80), st.lists(st.text(max_size=40), max_size=5))
def test_any_names_can_be_compared(address, known):
    resembles(address, known)


# ---- saving


class Disk:
    """Saves in memory, slowly or not at all."""

    def __init__(self) -> None:
        self.saved: list[Draft] = []
        self.told: list[Draft] = []
        self.failed: list[StoreError] = []
        self.full = False
        self.gate = threading.Event()
        self.gate.set()

    def save(self, draft: Draft) -> Draft:
        self.gate.wait(10)
        if self.full:
            raise StoreError("full")
        done = Draft(id=draft.id or "id-1", body=draft.body, modified=1.0)
        self.saved.append(done)
        return done

    def keeper(self) -> Autosave:
        return Autosave(self.save, self.told.append, self.failed.append)


async def test_a_burst_of_keys_is_one_save():
    disk = Disk()
    keeper = disk.keeper()
    for text in ("a", "ab", "abc"):
        keeper.put(Draft(body=text))
    await keeper.flush()
    assert [draft.body for draft in disk.saved] == ["abc"]
    assert keeper.draft_id == "id-1"
    assert not keeper.unsaved


async def test_what_is_typed_during_a_save_is_saved_too():
    disk = Disk()
    keeper = disk.keeper()
    disk.gate.clear()
    keeper.put(Draft(body="one"))
    first = asyncio.create_task(keeper.flush())
    await asyncio.sleep(0)
    keeper.put(Draft(body="one two"))
    assert keeper.unsaved
    disk.gate.set()
    await first
    await keeper.flush()
    assert [(draft.body, draft.id) for draft in disk.saved] == [("one", "id-1"), ("one two", "id-1")]


async def test_a_failed_save_keeps_the_text_and_says_so_once():
    disk = Disk()
    disk.full = True
    keeper = disk.keeper()
    keeper.put(Draft(body="precious"))
    for _ in range(3):
        keeper.save_now()
        await asyncio.gather(*asyncio.all_tasks() - {asyncio.current_task()})
    assert len(disk.failed) == 1
    disk.full = False
    await keeper.flush()
    assert [draft.body for draft in disk.saved] == ["precious"]
    await keeper.stop()


async def test_a_save_somebody_asked_for_is_tried_again_by_itself_when_it_failed(monkeypatch):
    monkeypatch.setattr(autosave, "RETRY", 0.01)
    disk = Disk()
    disk.full = True
    keeper = disk.keeper()
    keeper.put(Draft(body="precious"))
    with pytest.raises(StoreError):
        await keeper.flush()
    disk.full = False
    async with asyncio.timeout(60):
        while keeper.unsaved:
            await asyncio.sleep(0.01)
    assert [draft.body for draft in disk.saved] == ["precious"]
    await keeper.stop()


async def test_after_the_end_nothing_is_saved_any_more():
    disk = Disk()
    keeper = disk.keeper()
    keeper.put(Draft(body="x"))
    await keeper.stop()
    keeper.put(Draft(body="y"))
    await keeper.flush()
    assert disk.saved == []


# ---- the text area


@given(st.text())
def test_typable_text_holds_nothing_a_terminal_obeys(text):
    import unicodedata

    clean = typable(text)
    assert not [c for c in clean if unicodedata.category(c) in ("Cc", "Cs") and c not in "\n\t"]
    assert typable(clean) == clean


@given(st.text(alphabet=st.characters(blacklist_characters="\n\r"), max_size=60))
def test_what_is_drawn_has_as_many_characters_as_what_is_written(text):
    line = typable(text).replace("\n", " ")
    assert len(visible(line)) == len(line)


def test_joiners_are_written_but_not_drawn():
    assert typable("a\u200db") == "a\u200db"
    assert visible("a\u200db") == "a·b"


def test_lines_are_coloured_by_kind():
    assert spans("# Title", block=False) == [("heading", 0, 7)]
    assert spans("=>  gemini://x y", block=False) == [("list", 0, 2), ("link", 4, 14), ("label", 14, 16)]
    assert spans("* item", block=False) == [("list", 0, 1)]
    assert spans("> said", block=False) == [("quote", 0, 6)]
    assert spans("plain", block=False) == []
    assert spans("# code", block=True) == [("pre", 0, 6)]
    assert preformatted(["a", "```x", "# b", "```", "c"]) == [False, True, True, True, False]
