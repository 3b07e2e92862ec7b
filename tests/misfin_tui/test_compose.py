"""The composer: nothing typed is lost, sizes are true, and sending asks what it must."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from desk import ALICE, at_desk, identity, make_profile, notices, on_screen, shown, type_text, until
from textual import events
from textual.app import App
from textual.widgets import Input, Select
from textual.widgets._toast import Toast

from misfin.model.gemmail import Version
from misfin.store.mail.maildir import MailStore
from misfin.store.outgoing.drafts import Draft, DraftBox
from misfin.store.outgoing.outbox import DeliveryState, Outbox
from misfin.store.people.contacts import Contact, ContactBook
from misfin.trust.pins import PinBook
from misfin.trust.tofu import PinKind
from misfin_tui import editor
from misfin_tui.dialogs.confirm import ConfirmDialog, DraftDialog, TooLongDialog
from misfin_tui.screens.compose import ComposeScreen
from misfin_tui.services.autosave import LONGEST, PAUSE
from misfin_tui.widgets.byte_meter import ByteMeter
from misfin_tui.wording.sending import submitted


@pytest.fixture
def profile(profile_root):
    return make_profile(profile_root)


def drafts(profile) -> list[Draft]:
    return DraftBox(MailStore(profile.mail)).all()


def queued(profile):
    outbox = Outbox(profile.outbox_db)
    try:
        return outbox.rows()
    finally:
        outbox.close()


async def compose(app, pilot, draft: Draft | None = None) -> ComposeScreen:
    app.open_composer(draft or Draft())
    await until(pilot, lambda: isinstance(app.screen, ComposeScreen) and app.screen._opened is not None)
    return app.screen


# ---- what is written is kept


async def test_a_draft_is_on_disk_within_two_seconds_of_the_last_key(profile):
    assert PAUSE < 2
    assert LONGEST < 5
    async with at_desk(profile) as (app, pilot):
        screen = await compose(app, pilot)
        screen.body.focus()
        await pilot.press("h", "e", "l", "l", "o", "enter", "#")
        await until(pilot, lambda: [each.body for each in drafts(profile)] == ["hello\n#"])
        await on_screen(pilot, "draft saved")


async def test_a_draft_keeps_one_identity_through_many_saves(profile):
    async with at_desk(profile) as (app, pilot):
        screen = await compose(app, pilot)
        screen.body.focus()
        for text in ("one ", "two ", "three"):
            await type_text(pilot, text)
            await app.services.sending.flush()
        (draft,) = drafts(profile)
        assert draft.body == "one two three"


async def test_escape_keeps_the_draft_and_opens_again_where_it_was(profile):
    async with at_desk(profile) as (app, pilot):
        screen = await compose(app, pilot)
        await type_text(pilot, "bob@hive.test, caro")
        screen.subject.focus()
        await type_text(pilot, "Notes")
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, ComposeScreen))
        (draft,) = drafts(profile)
        assert (draft.to, draft.subject, draft.account) == (("bob@hive.test", "caro"), "Notes", ALICE)
        assert "Kept as a draft." in notices(app)
        again = await compose(app, pilot, draft)
        assert again.fields.to.value == "bob@hive.test, caro"
        assert not again.touched


async def test_an_untouched_composer_leaves_nothing(profile):
    async with at_desk(profile) as (app, pilot):
        await compose(app, pilot, Draft(to=("bob@hive.test",), body="> quoted\n\n"))
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, ComposeScreen))
        assert drafts(profile) == []


async def test_looking_at_a_draft_does_not_save_it_again(profile):
    saved = DraftBox(MailStore(profile.mail)).save(Draft(account=ALICE, body="text"), now=1.0)
    async with at_desk(profile) as (app, pilot):
        screen = await compose(app, pilot, saved)
        screen.subject.focus()
        await type_text(pilot, "x")
        await pilot.press("backspace")
        await app.services.sending.flush()
        before = drafts(profile)
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, ComposeScreen))
        assert drafts(profile) == before
        await compose(app, pilot, before[0])
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, ComposeScreen))
        assert drafts(profile) == before


async def test_a_draft_emptied_again_goes_away(profile):
    async with at_desk(profile) as (app, pilot):
        screen = await compose(app, pilot)
        screen.body.focus()
        await type_text(pilot, "x")
        await app.services.sending.flush()
        assert drafts(profile)
        await pilot.press("backspace", "escape")
        await until(pilot, lambda: not isinstance(app.screen, ComposeScreen))
        assert drafts(profile) == []


async def test_leaving_for_the_mail_by_any_way_saves(profile):
    async with at_desk(profile) as (app, pilot):
        screen = await compose(app, pilot)
        screen.body.focus()
        await type_text(pilot, "unsaved")
        await pilot.pause()
        app.action_show_inbox()
        await until(pilot, lambda: drafts(profile))
        assert drafts(profile)[0].body == "unsaved"


async def test_quitting_saves(profile):
    async with at_desk(profile) as (app, pilot):
        screen = await compose(app, pilot)
        screen.body.focus()
        await type_text(pilot, "last words")
        await pilot.press("ctrl+q")
        await until(pilot, lambda: app._exit)
    assert drafts(profile)[0].body == "last words"


async def test_discarding_asks_and_removes(profile):
    async with at_desk(profile) as (app, pilot):
        screen = await compose(app, pilot)
        screen.body.focus()
        await type_text(pilot, "rubbish")
        await app.services.sending.flush()
        await pilot.press("f8")
        await until(pilot, lambda: isinstance(app.screen, DraftDialog))
        assert app.focused.id == "keep"
        await pilot.click("#discard")
        await until(pilot, lambda: not isinstance(app.screen, (DraftDialog, ComposeScreen)))
        assert drafts(profile) == []


async def test_a_full_disk_is_told_and_nothing_is_lost(profile, monkeypatch):
    from misfin.errors import StoreError

    async with at_desk(profile) as (app, pilot):
        screen = await compose(app, pilot)

        def full(*_args, **_named):
            raise StoreError("No space left on device.")

        save = DraftBox.save
        monkeypatch.setattr(DraftBox, "save", full)
        screen.body.focus()
        await type_text(pilot, "precious")
        await until(pilot, lambda: "DRAFT NOT SAVED" in str(screen.meter.render()))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, ConfirmDialog))
        assert app.focused.id == "no"
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is screen)
        assert screen.body.text == "precious"
        monkeypatch.setattr(DraftBox, "save", save)
        await screen.keeper.flush()
        assert drafts(profile)[0].body == "precious"


# ---- recipients


async def test_addresses_complete_from_the_address_book(profile):
    book = ContactBook(profile.contacts_db)
    book.save(Contact("carol@hive.test", own_name="Carol Danvers"))
    book.save(Contact("caspar@other.test"))
    book.close()
    async with at_desk(profile) as (app, pilot):
        screen = await compose(app, pilot)
        await type_text(pilot, "bob@remote.host, ca")
        await until(pilot, lambda: screen.offers.display)
        assert screen.offers.option_count == 2
        await on_screen(pilot, "Carol Danvers")
        await pilot.press("down", "up", "tab")
        await until(pilot, lambda: not screen.offers.display)
        assert screen.fields.to.has_focus
        chosen = screen.fields.to.recipients
        assert chosen[0].address == "bob@remote.host"
        assert chosen[1].address in ("carol@hive.test", "carol@other.test")
        assert screen.fields.to.value.endswith(", ")


async def test_an_address_is_offered_with_the_port_at_which_its_host_was_met(profile):
    book = ContactBook(profile.contacts_db)
    for name in ("carol@hive.test", "carla@both.test", "carmen@new.test"):
        book.save(Contact(name))
    book.close()
    with PinBook(profile.trust_db) as pins:
        for host in ("hive.test:1965", "both.test:1965", "both.test:1958"):
            pins.record(PinKind.HOST, host, identity("x@x.test").info, how="first use", now=1.0)
    async with at_desk(profile) as (app, _pilot):
        found = await app.services.contacts.complete("ca")
        offered = {each.contact.address: each.standing.host_since for each in found}
        assert offered == {"carol@hive.test:1965": 1.0, "carla@both.test": 1.0, "carmen@new.test": 0.0}
        assert "carol@hive.test" in {each.contact.address for each in await app.services.contacts.all()}


async def test_escape_sends_offers_away_before_it_leaves(profile):
    book = ContactBook(profile.contacts_db)
    book.save(Contact("carol@hive.test"))
    book.close()
    async with at_desk(profile) as (app, pilot):
        screen = await compose(app, pilot)
        await type_text(pilot, "ca")
        await until(pilot, lambda: screen.offers.display)
        await pilot.press("escape")
        await pilot.pause()
        assert app.screen is screen
        assert not screen.offers.display


@pytest.mark.parametrize("key", ["enter", "tab"])
async def test_an_offer_for_an_older_beginning_is_never_taken(profile, key):
    book = ContactBook(profile.contacts_db)
    book.save(Contact("carol@hive.test"))
    book.close()
    async with at_desk(profile) as (app, pilot):
        screen = await compose(app, pilot)
        await type_text(pilot, "ca")
        await until(pilot, lambda: screen.offers.display)
        with screen.fields.to.prevent(Input.Changed):  # as on a busy machine: the offers follow later
            screen.fields.to.value = "caspar@hive.test"
            screen.fields.to.cursor_position = len(screen.fields.to.value)
        await pilot.press(key)
        await pilot.pause()
        await until(pilot, lambda: screen.fields.to.value == "caspar@hive.test")
        await until(pilot, lambda: not screen.fields.to.has_focus)


async def test_an_offer_can_be_clicked(profile):
    book = ContactBook(profile.contacts_db)
    book.save(Contact("carol@hive.test"))
    book.close()
    async with at_desk(profile) as (app, pilot):
        screen = await compose(app, pilot)
        await type_text(pilot, "ca")
        await until(pilot, lambda: screen.offers.display)
        await pilot.click("#offers", offset=(4, 0))
        await until(pilot, lambda: screen.fields.to.value == "carol@hive.test, ")


async def test_each_recipients_trust_is_shown(profile):
    from desk import identity

    from misfin.trust.tofu import PinKind

    pins = PinBook(profile.trust_db)
    pins.record(PinKind.HOST, "hive.test:1958", identity("bob@hive.test").info, now=1_700_000_000.0)
    pins.close()
    async with at_desk(profile, (160, 30)) as (app, pilot):
        await compose(app, pilot)
        await type_text(pilot, "bob@hive.test, new@other.test, broken")
        await on_screen(pilot, "? bob@hive.test unproven, host pinned 14 Nov 2023")
        await on_screen(pilot, "? new@other.test unproven, host not contacted yet")
        await on_screen(pilot, "broken is not an address")


async def test_what_is_wrong_with_recipients_stands_first_and_nobody_stands_twice(profile):
    async with at_desk(profile, (80, 24)) as (app, pilot):
        screen = await compose(app, pilot)
        await type_text(pilot, f"bob@hive.test, carol@far.test, Bob@hive.test, {ALICE}, broken")
        await on_screen(pilot, "broken is not an address")
        line = shown(app).splitlines()[screen.people.region.y].strip()
        assert line.startswith(f"✗ broken is not an address  ◂ {ALICE} is your own address")
        text = screen.people.render().plain
        assert text.count("bob@hive.test") == 1
        assert "carol@far.test" in text


async def test_a_name_in_foreign_letters_is_flagged(profile):
    async with at_desk(profile, (120, 30)) as (app, pilot):
        await compose(app, pilot, Draft(to=("bob@аррӏе.com",)))
        await on_screen(pilot, "⚠ bob@xn--80ak6aa92e.com")


async def test_sending_without_recipients_or_text_says_so(profile):
    async with at_desk(profile) as (app, pilot):
        screen = await compose(app, pilot)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: notices(app))
        assert "Add a recipient." in notices(app)[0]
        await type_text(pilot, "bob@@hive.test")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: len(notices(app)) > 1)
        assert screen.fields.to.has_focus
        screen.fields.to.value = "bob@hive.test"
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "The message is empty." in notices(app))
        assert queued(profile) == []


# ---- sending


async def test_sending_queues_for_each_recipient_and_forgets_the_draft(profile):
    async with at_desk(profile) as (app, pilot):
        screen = await compose(app, pilot, Draft(to=("bob@hive.test", "carol@hive.test"), subject="Hi"))
        screen.body.focus()
        await type_text(pilot, "text")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: not isinstance(app.screen, ComposeScreen))
        rows = queued(profile)
        assert sorted(row.to for row in rows) == ["bob@hive.test", "carol@hive.test"]
        assert all(row.state is DeliveryState.WAITING for row in rows)
        assert drafts(profile) == []
        outbox = Outbox(profile.outbox_db)
        message = outbox.outgoing(rows[0].group).message
        outbox.close()
        assert message == b"\nbob@hive.test, carol@hive.test\n\n# Hi\n\ntext\n"


@pytest.mark.parametrize(
    ("messages", "copies", "hold", "words"),
    [
        (1, 1, 10, "The message will be sent in 10 s; z to undo."),
        (1, 3, 10, "The message to 3 people will be sent in 10 s; z to undo."),
        (2, 2, 10, "2 messages will be sent in 10 s; z to undo."),
        (2, 6, 0, "2 messages to 3 people are being sent."),
        (1, 1, 0, "The message is being sent."),
    ],
)
def test_what_was_queued_is_told(messages, copies, hold, words):
    assert submitted(messages, copies, hold, "z") == words


async def test_the_offer_to_take_it_back_goes_with_it(profile):
    profile.config.write_text(profile.config.read_text() + '[keys]\nundo = "w"\n')
    async with at_desk(profile) as (app, pilot):
        app.say("Something else.", timeout=60)
        await compose(app, pilot, Draft(to=("bob@hive.test",), subject="Hi", body="text"))
        await pilot.press("ctrl+s")
        await on_screen(pilot, "The message will be sent in 3600 s; w to undo.")
        await pilot.press("w")
        await until(pilot, lambda: "Not sent. It is a draft again." in notices(app))
        assert not any("to undo" in each for each in notices(app))
        assert "Something else." in notices(app)
        await until(pilot, lambda: "to undo" not in shown(app))
        await until(pilot, lambda: isinstance(app.screen, ComposeScreen) and app.screen._opened is not None)
        assert not any(each.region.overlaps(app.screen.meter.region) for each in app.screen.query(Toast))
        await pilot.press("ctrl+s")
        await until(pilot, lambda: any("to undo" in each for each in notices(app)))
        assert "Not sent. It is a draft again." not in notices(app)


async def test_what_was_sent_can_be_taken_back(profile):
    async with at_desk(profile) as (app, pilot):
        await compose(app, pilot, Draft(to=("bob@hive.test",), subject="Hi", body="text"))
        await pilot.press("ctrl+s")
        await until(pilot, lambda: not isinstance(app.screen, ComposeScreen))
        last = app.services.sending.undoable()
        draft = await app.services.sending.undo_send(last.ids)
        assert (draft.subject, draft.body, draft.to) == ("Hi", "text", ("bob@hive.test",))
        assert [each.id for each in drafts(profile)] == [draft.id]
        assert queued(profile) == []
        assert app.services.sending.undoable() is None


async def test_writing_to_oneself_asks(profile):
    async with at_desk(profile) as (app, pilot):
        screen = await compose(app, pilot, Draft(to=("Alice@mail.example",), body="note"))
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(app.screen, ConfirmDialog))
        assert "your own address" in shown(app)
        assert app.focused.id == "no"
        await pilot.press("enter")
        await until(pilot, lambda: app.screen is screen)
        assert queued(profile) == []
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(app.screen, ConfirmDialog))
        await pilot.click("#yes")
        await until(pilot, lambda: queued(profile))


async def test_a_look_alike_of_somebody_known_asks(profile):
    book = ContactBook(profile.contacts_db)
    book.save(Contact("bob@example-host.test"))
    book.close()
    async with at_desk(profile) as (app, pilot):
        await compose(app, pilot, Draft(to=("bob@examp1e-host.test",), body="note"))
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(app.screen, ConfirmDialog))
        assert "looks like bob@example-host.test" in shown(app)


async def test_the_signature_stands_below(profile_root):
    profile = make_profile(
        profile_root, settings='[receive]\nenabled = false\n[send]\nsignature = "Alice\\nof mail"\n'
    )
    async with at_desk(profile) as (app, pilot):
        screen = await compose(app, pilot, await app.services.sending.new(["bob@hive.test"]))
        assert screen.body.text == "\n\nAlice\nof mail\n"
        assert screen.account == ALICE


async def test_a_forward_shows_the_message_and_changes_nothing_of_it(profile):
    stored = b"carol@hive.test Carol\n\n2026-11-19T10:00:00Z\n# Flowers\n\nThe rose.\n"
    draft = Draft(account=ALICE, subject="Flowers", body="# Flowers\n\nThe rose.\n", forwards=stored)
    async with at_desk(profile) as (app, pilot):
        screen = await compose(app, pilot, draft)
        assert screen.body.read_only
        await until(pilot, lambda: screen.preview.layout_rows.rows)
        assert [row.text for row in screen.preview.layout_rows.rows][:3] == ["Flowers", "", "The rose."]
        assert screen.subject.disabled
        await type_text(pilot, "bob@hive.test")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: not isinstance(app.screen, ComposeScreen))
        outbox = Outbox(profile.outbox_db)
        assert outbox.outgoing(outbox.rows()[0].group).message == stored
        outbox.close()


# ---- sizes


async def test_the_meter_counts_what_will_be_sent(profile):
    async with at_desk(profile) as (app, pilot):
        screen = await compose(app, pilot, Draft(to=("bob@hive.test",), subject="Grüße"))
        screen.body.focus()
        await type_text(pilot, "hi")
        size = len("\n\n\n# Grüße\n\nhi\n".encode())
        await on_screen(pilot, f"{size} of 16,384 bytes")


async def test_a_host_that_speaks_only_b_has_the_say(profile):
    pins = PinBook(profile.trust_db)
    import time

    pins.remember("old.test", 1958, speaks=Version.B, now=time.time())
    pins.close()
    async with at_desk(profile, (120, 30)) as (app, pilot):
        await compose(app, pilot, Draft(to=("bob@hive.test", "carol@old.test"), body="hi"))
        await on_screen(pilot, "of 2,048 bytes")
        await on_screen(pilot, "of 2,048 bytes that old.test accepts")


async def test_too_long_a_message_is_held_back_and_split_when_wanted(profile):
    body = "\n\n".join(f"Paragraph {n}. " + "word " * 300 for n in range(15))
    async with at_desk(profile) as (app, pilot):
        screen = await compose(app, pilot, Draft(to=("bob@hive.test",), subject="Long", body=body))
        await until(pilot, lambda: screen.query_one(ByteMeter).over)
        await on_screen(pilot, "too many")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(app.screen, TooLongDialog))
        assert app.focused.id == "shorten"
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is screen)
        assert queued(profile) == []
        await pilot.press("ctrl+g")
        await until(pilot, lambda: isinstance(app.screen, TooLongDialog))
        await pilot.click("#split")
        await until(pilot, lambda: not isinstance(app.screen, (ComposeScreen, TooLongDialog)))
        rows = queued(profile)
        assert sorted(row.subject for row in rows) == ["Long (1/2)", "Long (2/2)"]
        assert drafts(profile) == []


@pytest.mark.parametrize(
    ("width", "there", "gone", "unsaved"),
    [
        (
            120,
            ["━━━", "that old.test accepts", "614 too many: shorten or split", "draft saved 12:00:00"],
            [],
            "DRAFT NOT SAVED · 2,662",
        ),
        (
            80,
            ["that old.test accepts", "614 too many: shorten or split"],
            ["━", "…", "draft saved"],
            "DRAFT NOT SAVED · 614",
        ),
        (40, ["614 too many: shorten or split"], ["━", "…", "2,662"], "DRAFT NOT SAVED"),
    ],
)
async def test_the_meter_never_cuts_what_is_wrong(width, there, gone, unsaved):
    class Host(App[None]):
        def compose(self):
            yield ByteMeter()

    async with Host().run_test(size=(width, 5)) as pilot:
        meter = pilot.app.query_one(ByteMeter)
        meter.saved("draft saved 12:00:00")
        meter.measure(2_662, 2_048, "old.test")
        await on_screen(pilot, "614 too many")
        text = shown(pilot.app)
        assert [words for words in there if words not in text] == []
        assert [words for words in gone if words in text] == []
        meter.saved("DRAFT NOT SAVED", failed=True)
        await on_screen(pilot, unsaved)
        assert "…" not in shown(pilot.app)


async def test_splitting_is_named_only_where_it_is_of_use(profile):
    body = "\n\n".join(f"Paragraph {n}. " + "word " * 300 for n in range(15))
    async with at_desk(profile, (80, 24)) as (app, pilot):
        screen = await compose(app, pilot, Draft(to=("bob@hive.test",), subject="Long", body="short"))
        await on_screen(pilot, "^s Send")
        assert "Split" not in shown(app)
        screen.body.text = body
        await on_screen(pilot, "^g Split")
        screen.body.text = "short again"
        await until(pilot, lambda: "Split" not in shown(app))


async def test_megabytes_are_not_pasted(profile):
    async with at_desk(profile) as (app, pilot):
        screen = await compose(app, pilot, Draft(body="before"))
        screen.body.focus()
        screen.body.post_message(events.Paste("x" * 3_000_000))
        await until(pilot, lambda: any("3,000,000 bytes" in note for note in notices(app)))
        assert screen.body.text == "before"


async def test_pasted_controls_do_not_come_in(profile):
    async with at_desk(profile) as (app, pilot):
        screen = await compose(app, pilot)
        screen.body.focus()
        screen.body.post_message(events.Paste("a\x1b[31mb\r\nc\u202ed\x07"))
        await until(pilot, lambda: screen.body.text)
        assert screen.body.text == "a[31mb\ncd"
        screen.subject.value = "x\x1by\n\u202ez"
        assert screen.subject.value == "xy z"


@pytest.mark.parametrize("field", ["to", "subject"])
async def test_megabytes_are_not_pasted_into_a_line_and_that_is_told(profile, field):
    async with at_desk(profile) as (app, pilot):
        screen = await compose(app, pilot, Draft(to=("bob@hive.test",), subject="before"))
        line = screen.query_one(f"#{field}", Input)
        before = line.value
        line.focus()
        await pilot.pause()
        line.post_message(events.Paste("x" * 3_000_000))
        await until(pilot, lambda: any("3,000,000 characters" in note for note in notices(app)))
        assert line.value == before


async def test_every_line_of_a_paste_comes_in(profile):
    async with at_desk(profile) as (app, pilot):
        screen = await compose(app, pilot)
        screen.fields.to.post_message(events.Paste("bob@hive.test\r\n carol@far.test,\n\ndan@x.test\n"))
        await until(pilot, lambda: screen.fields.to.value == "bob@hive.test, carol@far.test, dan@x.test")
        screen.subject.post_message(events.Paste(" one\n"))
        screen.subject.post_message(events.Paste(" line \nand another"))
        await until(pilot, lambda: screen.subject.value == "oneline and another")


async def test_coming_back_to_a_line_selects_nothing_in_it(profile):
    async with at_desk(profile) as (app, pilot):
        screen = await compose(app, pilot, Draft(to=("bob@hive.test",), subject="Plans"))
        await until(pilot, lambda: screen.body.has_focus)
        await pilot.press("shift+tab")
        await until(pilot, lambda: screen.subject.has_focus)
        await type_text(pilot, "!")
        await pilot.press("shift+tab")
        await until(pilot, lambda: screen.fields.to.has_focus)
        await type_text(pilot, ", carol@far.test")
        await until(pilot, lambda: screen.fields.to.value == "bob@hive.test, carol@far.test")
        assert screen.subject.value == "Plans!"


# ---- preview and window


async def test_the_preview_follows_what_is_typed(profile):
    async with at_desk(profile, (120, 30)) as (app, pilot):
        screen = await compose(app, pilot)
        screen.body.focus()
        await type_text(pilot, "# Title")
        assert screen.has_class("-previewing")
        await until(pilot, lambda: any(row.text == "Title" for row in screen.preview.layout_rows.rows))
        await pilot.press("ctrl+t")
        await pilot.pause()
        assert not screen.has_class("-previewing")


async def test_a_narrow_window_has_no_preview_until_asked(profile):
    async with at_desk(profile, (80, 24)) as (app, pilot):
        screen = await compose(app, pilot, Draft(body="# Title"))
        assert not screen.has_class("-previewing")
        await pilot.press("ctrl+t")
        await until(pilot, lambda: screen.preview.size.height > 2)


@pytest.mark.parametrize("size", [(20, 5), (60, 20), (80, 24), (200, 50), (300, 80)])
async def test_every_size_of_window_can_be_written_in(profile, size):
    async with at_desk(profile, size) as (app, pilot):
        screen = await compose(app, pilot, Draft(to=("bob@hive.test",), subject="S"))
        screen.body.focus()
        await type_text(pilot, "written")
        await pilot.pause()
        assert screen.body.text == "written"
        assert screen.body.size.height >= 1
        await pilot.resize_terminal(20, 5)
        await pilot.pause()
        await pilot.resize_terminal(*size)
        await pilot.pause()
        assert screen.body.text == "written"


# ---- choosing an address


async def test_the_address_to_write_from_can_be_chosen(profile):
    from desk import identity

    from misfin.store.identities import IdentityStore

    IdentityStore(profile.identities).save(identity("work@office.test", "Alice at work"))
    async with at_desk(profile) as (app, pilot):
        screen = await compose(app, pilot)
        assert screen.account == ALICE
        screen.query_one("#from", Select).value = "work@office.test"
        await pilot.pause()
        assert screen.draft_now().account == "work@office.test"
        await app.services.sending.flush()
        assert drafts(profile)[0].account == "work@office.test"


async def test_a_kill_in_the_middle_loses_at_most_the_last_moment(profile):
    """The file is whole at every moment: what a second process reads is some draft that was typed."""
    async with at_desk(profile) as (app, pilot):
        screen = await compose(app, pilot)
        screen.body.focus()
        seen = set()
        for n in range(4):
            await type_text(pilot, f"line {n}\n")
            await app.services.sending.flush()
            seen.add(drafts(profile)[0].body)
        assert seen == {"".join(f"line {n}\n" for n in range(k + 1)) for k in range(4)}


# ---- an editor of one's own


def left_behind(profile, draft: Draft, text: str, saved: float | None = None) -> Path:
    """A file as an editor leaves it when the program dies."""
    path, lock = editor._write(profile.runtime, draft.id, text)
    os.close(lock)
    if saved is not None:
        os.utime(path, (saved, saved))
    return path


async def test_text_left_by_a_killed_editor_is_taken_up_once(profile):
    box = DraftBox(MailStore(profile.mail))
    draft = box.save(Draft(account=ALICE, body="old"), now=1.0)
    left_behind(profile, draft, "newer, from the editor")
    async with at_desk(profile) as (app, pilot):
        screen = await compose(app, pilot, draft)
        await until(pilot, lambda: screen.body.text == "newer, from the editor\n")
        await until(pilot, lambda: any("was restored" in note for note in notices(app)))
        await until(pilot, lambda: not list(profile.runtime.glob("draft-*")))
        assert drafts(profile)[0].body == "newer, from the editor\n"
        screen.body.focus()
        await pilot.pause()
        await pilot.press("ctrl+z")
        await until(pilot, lambda: screen.body.text == "old")
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, ComposeScreen))
        again = await compose(app, pilot, drafts(profile)[0])
        assert again.body.text == "old"


async def test_all_of_a_long_text_left_by_a_killed_editor_is_taken_up(profile):
    box = DraftBox(MailStore(profile.mail))
    draft = box.save(Draft(account=ALICE, body="old"), now=1.0)
    text = "".join(f"line {n} of a very long text\n" for n in range(10_000))
    left_behind(profile, draft, text)
    async with at_desk(profile) as (app, pilot):
        screen = await compose(app, pilot, draft)
        await until(pilot, lambda: screen.body.text == text)
        await until(pilot, lambda: drafts(profile)[0].body == text)


async def test_an_editors_text_that_is_older_than_the_draft_stays_beside_it(profile):
    box = DraftBox(MailStore(profile.mail))
    draft = box.save(Draft(account=ALICE, subject="Plans", body="newer, from here"), now=1_800_000_000.0)
    left_behind(profile, draft, "older, from the editor", saved=1_700_000_000.0)
    async with at_desk(profile) as (app, pilot):
        screen = await compose(app, pilot, draft)
        await until(pilot, lambda: not list(profile.runtime.glob("draft-*")))
        assert screen.body.text == "newer, from here"
        assert {each.body for each in drafts(profile)} == {"newer, from here", "older, from the editor\n"}
        assert {each.subject for each in drafts(profile)} == {"Plans"}


async def test_what_an_editor_wrote_is_on_disk_before_its_file_goes(profile, monkeypatch):
    async def written(app, text, *, command, folder, name, keep, note):
        path, lock = editor._write(folder, name, f"{text} and more")
        os.close(lock)
        return editor.Edited(f"{text} and more", left=path)

    forgotten = []
    forget = editor.forget

    def note(path):
        forgotten.append([each.body for each in drafts(profile)])
        forget(path)

    monkeypatch.setattr(editor, "edit", written)
    monkeypatch.setattr(editor, "forget", note)
    monkeypatch.setenv("VISUAL", "some-editor")
    async with at_desk(profile) as (app, pilot):
        screen = await compose(app, pilot, Draft(to=("bob@hive.test",), body="text"))
        await pilot.press("ctrl+e")
        await until(pilot, lambda: forgotten)
        assert screen.body.text == "text and more"
        assert forgotten == [["text and more"]]


async def test_an_editor_that_was_only_looked_into_leaves_no_draft(profile, monkeypatch):
    async def unchanged(app, text, *, command, folder, name, keep, note):
        return editor.Edited(text)

    monkeypatch.setattr(editor, "edit", unchanged)
    monkeypatch.setenv("VISUAL", "some-editor")
    async with at_desk(profile) as (app, pilot):
        screen = await compose(app, pilot, Draft(body="\n\nmy signature\n"))
        await pilot.press("ctrl+e")
        await until(pilot, lambda: screen.keeper.draft_id and screen.body.has_focus)
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, ComposeScreen))
        assert drafts(profile) == []


# ---- two windows


async def test_what_two_windows_write_into_one_draft_is_kept_as_two(profile):
    box = DraftBox(MailStore(profile.mail))
    draft = box.save(Draft(account=ALICE, body="common "), now=1.0)
    async with at_desk(profile) as (app, pilot):
        screen = await compose(app, pilot, draft)
        box.save(replace(draft, body="common, theirs"), now=2.0)  # as another window does
        screen.body.focus()
        screen.body.move_cursor(screen.body.document.end)
        await type_text(pilot, "mine")
        await app.services.sending.flush()
        assert {each.body for each in drafts(profile)} == {"common, theirs", "common mine"}
        await until(pilot, lambda: any("separate draft" in note for note in notices(app)))
        await type_text(pilot, " too")
        await app.services.sending.flush()
        assert {each.body for each in drafts(profile)} == {"common, theirs", "common mine too"}


async def test_focus_goes_from_recipient_to_subject_to_text(profile):
    async with at_desk(profile) as (app, pilot):
        screen = await compose(app, pilot)
        await type_text(pilot, "bob@hive.test\n")
        await until(pilot, lambda: screen.subject.has_focus)
        await type_text(pilot, "Hi\n")
        await until(pilot, lambda: screen.body.has_focus)
        assert isinstance(screen.subject, Input)
