"""The list of conversations: instant keys, windows of rows, and a place that survives new mail."""

from __future__ import annotations

import asyncio

from desk import ALICE, at_desk, make_profile, on_screen, shown, until
from mailboxes import Mailbox as MailRoot
from post import gemmail
from textual import events
from textual.app import App

from misfin.errors import StoreError
from misfin.store.evidence import Evidence
from misfin.store.rows import ConversationRow, Count, View
from misfin_tui import theming
from misfin_tui.widgets import message_list
from misfin_tui.widgets.message_list import MessageList
from misfin_tui.widgets.pages import PAGE, Tail

VIEW = View("me@mail.example", "Inbox")


def conversation(number: int) -> ConversationRow:
    return ConversationRow(
        thread=number,
        message=number,
        id=f"{number}.M1P1.x",
        participants=f"Person {number}",
        subject=f"subject {number}",
        snippet="words",
        count=1,
        unread=number % 3 == 0,
        starred=False,
        date=1.0e9 + number,
        evidence=Evidence.UNPROVEN,
        tags=(),
        attachment=False,
        held=False,
    )


class Mailbox:
    """A source of rows, newest first, that can be made to wait."""

    def __init__(self, total: int) -> None:
        self.threads = list(range(total, 0, -1))
        self.open = asyncio.Event()
        self.open.set()
        self.asked: list[tuple[int, int]] = []
        self.broken = False

    async def count(self, view: View, at_most: int | None = None) -> Count:
        if self.broken:
            raise StoreError("The disk is gone.")
        total = len(self.threads)
        known = total if at_most is None or not view.query else min(total, at_most)
        return Count(known, known == total)

    async def conversations(self, view: View, offset: int, limit: int) -> list[ConversationRow]:
        self.asked.append((offset, limit))
        await self.open.wait()
        return [conversation(thread) for thread in self.threads[offset : offset + limit]]

    async def position(self, view: View, thread: int) -> int | None:
        return self.threads.index(thread) if thread in self.threads else None


class Desk(App[None]):
    """Nothing but the list."""

    def __init__(self, mailbox: Mailbox) -> None:
        super().__init__()
        self.messages = MessageList(mailbox, VIEW)
        self.said: list[object] = []

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return theming.variable_defaults(self.current_theme)

    def compose(self):
        yield self.messages

    def on_message_list_failed(self, event: MessageList.Failed) -> None:
        self.said.append(event.error)

    def on_message_list_opened(self, event: MessageList.Opened) -> None:
        self.said.append(event.row and event.row.thread)


async def started(pilot, app: Desk) -> MessageList:
    app.messages.focus()
    await app.messages.open_view(VIEW)
    await pilot.pause()
    return app.messages


async def test_it_reads_the_window_in_sight_and_not_the_mailbox():
    mailbox = Mailbox(1_000_000)
    async with (app := Desk(mailbox)).run_test(size=(80, 24)) as pilot:
        messages = await started(pilot, app)
        assert "subject 1000000" in shown(app)
        assert messages.virtual_size.height == 1_000_000
        messages.move_to(1 << 40)
        await until(pilot, lambda: "subject 1 " in shown(app))
        assert sum(limit for _offset, limit in mailbox.asked) <= 6 * PAGE


async def test_keys_never_wait_for_rows():
    mailbox = Mailbox(10_000)
    async with (app := Desk(mailbox)).run_test(size=(80, 24)) as pilot:
        messages = await started(pilot, app)
        mailbox.open.clear()
        messages.move_to(5_000)
        await pilot.pause()
        await until(pilot, lambda: messages.cursor == 5_000)
        assert "···" in shown(app)
        messages.move(3)
        messages.move_page(2)
        assert messages.cursor > 5_000
        mailbox.open.set()
        await until(pilot, lambda: messages.current is not None)
        await until(pilot, lambda: "···" not in shown(app))
        assert f"subject {10_000 - messages.cursor}" in shown(app)


async def test_what_was_scrolled_past_is_not_read():
    mailbox = Mailbox(1_000_000)
    async with (app := Desk(mailbox)).run_test(size=(80, 24)) as pilot:
        messages = await started(pilot, app)
        mailbox.open.clear()
        for place in range(10_000, 500_000, 10_000):
            messages.move_to(place)
            await pilot.pause()
        mailbox.open.set()
        await until(pilot, lambda: messages.current is not None)
        assert len(mailbox.asked) < 12


async def test_new_mail_moves_the_cursor_with_its_conversation():
    mailbox = Mailbox(1_000)
    async with (app := Desk(mailbox)).run_test(size=(80, 24)) as pilot:
        messages = await started(pilot, app)
        messages.move_to(500)
        await until(pilot, lambda: messages.current is not None)
        thread, line = messages.current.thread, messages.cursor - messages.scroll_offset.y
        mailbox.threads[:0] = [3_000, 2_999, 2_998]
        await messages.reload()
        await pilot.pause()
        assert messages.current.thread == thread
        await until(pilot, lambda: messages.cursor == 503)
        await until(pilot, lambda: messages.cursor - messages.scroll_offset.y == line)


async def test_at_the_top_new_mail_comes_into_sight():
    mailbox = Mailbox(1_000)
    async with (app := Desk(mailbox)).run_test(size=(80, 24)) as pilot:
        messages = await started(pilot, app)
        mailbox.threads[:0] = [2_000]
        await messages.reload()
        await pilot.pause()
        assert messages.current.thread == 1_000
        assert messages.scroll_offset.y == 0
        await until(pilot, lambda: "subject 2000" in shown(app))


async def test_what_a_person_did_during_a_reload_counts():
    mailbox = Mailbox(1_000)
    async with (app := Desk(mailbox)).run_test(size=(80, 24)) as pilot:
        messages = await started(pilot, app)
        mailbox.threads[:0] = [2_000]
        mailbox.open.clear()
        reading = asyncio.ensure_future(messages.reload())
        await pilot.pause()
        messages.move(4)
        mailbox.open.set()
        await reading
        assert messages.cursor == 5
        assert messages.current.thread == 996


async def test_a_conversation_that_left_gives_its_line_to_the_next():
    mailbox = Mailbox(100)
    async with (app := Desk(mailbox)).run_test(size=(80, 24)) as pilot:
        messages = await started(pilot, app)
        messages.move_to(10)
        mailbox.threads.remove(90)
        await messages.reload()
        assert messages.cursor == 10
        assert messages.current.thread == 89
        mailbox.threads[:] = [1]
        await messages.reload()
        assert messages.current.thread == 1
        mailbox.threads.clear()
        await messages.reload()
        assert messages.current is None
        messages.move(1)
        messages.toggle_mark()
        assert messages.targets() == []


async def test_marks_are_the_targets_and_follow_their_conversations():
    mailbox = Mailbox(300)
    async with (app := Desk(mailbox)).run_test(size=(80, 24)) as pilot:
        messages = await started(pilot, app)
        assert messages.targets() == [300]
        messages.toggle_mark()
        messages.toggle_mark()
        assert messages.targets() == [299, 300]
        mailbox.threads[:0] = [500]
        await messages.reload()
        assert messages.targets() == [299, 300]
        await messages.mark_all()
        assert len(messages.targets()) == 301
        await messages.mark_all()
        assert not messages.marks
        await pilot.pause()


async def test_the_mouse_points_marks_and_opens():
    mailbox = Mailbox(300)
    async with (app := Desk(mailbox)).run_test(size=(80, 24)) as pilot:
        messages = await started(pilot, app)
        await pilot.click(messages, offset=(20, 5))
        await until(pilot, lambda: messages.cursor == 5)
        assert app.said == []
        await pilot.click(messages, offset=(1, 7))
        await until(pilot, lambda: messages.marks == {293})
        await pilot.click(messages, offset=(20, 3), times=2)
        assert app.said == [297]
        messages.post_message(events.MouseScrollDown(messages, 20, 3, 0, 1, 0, False, False, False))
        await until(pilot, lambda: messages.scroll_offset.y > 0)


async def test_a_source_that_fails_is_told_of_and_tried_again():
    mailbox = Mailbox(300)
    async with (app := Desk(mailbox)).run_test(size=(80, 24)) as pilot:
        messages = await started(pilot, app)
        mailbox.broken = True
        await messages.reload()
        await pilot.pause()
        assert [str(error) for error in app.said] == ["The disk is gone."]
        await until(pilot, lambda: "subject 300" in shown(app))
        mailbox.broken = False
        await messages.reload()
        assert messages.total == 300


async def test_stepping_waits_for_the_row_and_ends_at_the_ends():
    mailbox = Mailbox(2 * PAGE + 1)
    async with (app := Desk(mailbox)).run_test(size=(80, 24)) as pilot:
        messages = await started(pilot, app)
        assert await messages.step(-1) is None
        messages.move_to(2 * PAGE - 1)
        row = await messages.step(1)
        assert row is not None
        assert row.thread == 1
        assert await messages.step(1) is None
        await pilot.pause()


async def test_tiny_and_odd_windows_do_no_harm():
    mailbox = Mailbox(300)
    async with (app := Desk(mailbox)).run_test(size=(80, 24)) as pilot:
        messages = await started(pilot, app)
        messages.move_to(250)
        for size in ((20, 5), (5, 2), (300, 80), (1, 1), (80, 24)):
            await pilot.resize_terminal(*size)
            messages.move(1)
            messages.move_page(-1)
            await pilot.pause()
        assert messages.current is not None


async def test_a_cursor_that_reverses_colours_makes_no_blocks_of_them(profile_root, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    profile = make_profile(profile_root)
    MailRoot(profile.mail, ALICE).put(gemmail("# Hello\n\nText."))
    async with at_desk(profile) as (app, pilot):
        await on_screen(pilot, "Hello")
        strip = app.screen.messages.render_line(0)
        assert {segment.style.color for segment in strip} == {strip._segments[0].style.color}
        assert all(segment.style.reverse for segment in strip)


async def test_a_view_is_counted_to_the_end_only_when_it_is_read_again(monkeypatch):
    monkeypatch.setattr(message_list, "ENOUGH", 100)
    async with (app := Desk(Mailbox(300))).run_test(size=(80, 24)) as pilot:
        messages = await started(pilot, app)
        assert (messages.total, messages.complete) == (300, True)
        assert await messages.open_view(View(query="common"))
        assert (messages.total, messages.complete) == (100, False)
        await messages.reload()
        assert (messages.total, messages.complete) == (300, True)


async def test_a_view_opened_around_a_conversation_is_counted_to_the_end(monkeypatch):
    monkeypatch.setattr(message_list, "ENOUGH", 100)
    async with (app := Desk(Mailbox(300))).run_test(size=(80, 24)) as pilot:
        messages = await started(pilot, app)
        assert await messages.open_view(View(query="common"), 7)
        assert (messages.total, messages.complete) == (300, True)
        assert messages.current.thread == 7


class Unsure(Mailbox):
    """A source that finds out late that a search means nothing."""

    def __init__(self, total: int) -> None:
        super().__init__(total)
        self.waiting = asyncio.Event()

    async def count(self, view: View, at_most: int | None = None) -> Count:
        if not view.query:
            return await super().count(view, at_most)
        self.waiting.set()
        await self.open.wait()
        raise StoreError("This search means nothing.")


async def test_a_view_that_fails_while_it_is_read_again_does_not_stay():
    mailbox = Unsure(5)
    async with (app := Desk(mailbox)).run_test(size=(80, 24)) as pilot:
        messages = await started(pilot, app)
        mailbox.open.clear()
        opening = asyncio.ensure_future(messages.open_view(View(query="is:purple")))
        await mailbox.waiting.wait()
        again = asyncio.ensure_future(messages.reload())  # as when mail comes
        await pilot.pause()
        mailbox.open.set()
        assert not await opening
        await again
        assert messages.view == VIEW


async def test_a_tail_can_be_walked_to_and_outlives_new_mail_but_not_its_view():
    mailbox = Mailbox(50)
    async with (app := Desk(mailbox)).run_test(size=(80, 24)) as pilot:
        messages = await started(pilot, app)
        rows = (conversation(901), conversation(902))
        messages.set_tail(Tail(rows, "3 more there"))
        assert messages.virtual_size.height == 53
        messages.move_to(1 << 40)
        await until(pilot, lambda: "3 more there" in shown(app))
        assert "subject 902" in shown(app)
        assert (messages.current, messages.at_tail, messages.targets()) == (None, 2, [])
        messages.toggle_mark()
        assert not messages.marks
        await pilot.click(MessageList, offset=(20, 21))
        await pilot.click(MessageList, offset=(20, 21), times=2)
        await until(pilot, lambda: app.said == [None])
        assert messages.at_tail == 0
        mailbox.threads.insert(0, 51)
        await messages.reload()
        assert (messages.total, messages.at_tail, messages.lines) == (51, 0, 54)
        messages.move(-1)
        assert messages.current.thread == 1
        await messages.open_view(VIEW)
        assert messages.lines == 51


async def test_a_tail_stands_in_an_empty_list_instead_of_its_reason():
    async with (app := Desk(Mailbox(0))).run_test(size=(80, 24)) as pilot:
        messages = await started(pilot, app)
        messages.empty_text = "Nothing found."
        await pilot.pause()
        assert messages.at_tail < 0
        messages.set_tail(Tail((conversation(901),)))
        await until(pilot, lambda: "subject 901" in shown(app))
        assert "Nothing found." not in shown(app)
        assert messages.at_tail == 0
        messages.set_tail(Tail())
        await until(pilot, lambda: "Nothing found." in shown(app))
