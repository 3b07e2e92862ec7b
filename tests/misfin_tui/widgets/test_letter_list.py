"""The list of conversations: instant keys, windows of rows, and a place that survives new mail."""

from __future__ import annotations

import asyncio

from desk import ALICE, at_desk, make_profile, on_screen, shown, until
from mailboxes import Mailbox as MailRoot
from post import gemmail
from textual import events
from textual.app import App

from misfin.errors import StoreError
from misfin.store.rows import Badge, ConversationRow, Count, View
from misfin_tui import theming
from misfin_tui.widgets import letter_list
from misfin_tui.widgets.letter_list import LetterList
from misfin_tui.widgets.pages import PAGE

VIEW = View("me@mail.example", "Inbox")


def conversation(number: int) -> ConversationRow:
    return ConversationRow(
        thread=number,
        letter=number,
        id=f"{number}.M1P1.x",
        participants=f"Person {number}",
        subject=f"subject {number}",
        snippet="words",
        count=1,
        unread=number % 3 == 0,
        starred=False,
        date=1.0e9 + number,
        badge=Badge.NONE,
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
        self.letters = LetterList(mailbox, VIEW)
        self.said: list[object] = []

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return theming.variable_defaults(self.current_theme)

    def compose(self):
        yield self.letters

    def on_letter_list_failed(self, event: LetterList.Failed) -> None:
        self.said.append(event.error)

    def on_letter_list_opened(self, event: LetterList.Opened) -> None:
        self.said.append(event.row.thread)


async def started(pilot, app: Desk) -> LetterList:
    app.letters.focus()
    await app.letters.open_view(VIEW)
    await pilot.pause()
    return app.letters


async def test_it_reads_the_window_in_sight_and_not_the_mailbox():
    mailbox = Mailbox(1_000_000)
    async with (app := Desk(mailbox)).run_test(size=(80, 24)) as pilot:
        letters = await started(pilot, app)
        assert "subject 1000000" in shown(app)
        assert letters.virtual_size.height == 1_000_000
        letters.move_to(1 << 40)
        await until(pilot, lambda: "subject 1 " in shown(app))
        assert sum(limit for _offset, limit in mailbox.asked) <= 6 * PAGE


async def test_keys_never_wait_for_rows():
    mailbox = Mailbox(10_000)
    async with (app := Desk(mailbox)).run_test(size=(80, 24)) as pilot:
        letters = await started(pilot, app)
        mailbox.open.clear()
        letters.move_to(5_000)
        await pilot.pause()
        assert letters.cursor == 5_000
        assert "···" in shown(app)
        letters.move(3)
        letters.move_page(2)
        assert letters.cursor > 5_000
        mailbox.open.set()
        await until(pilot, lambda: letters.current is not None)
        await until(pilot, lambda: "···" not in shown(app))
        assert f"subject {10_000 - letters.cursor}" in shown(app)


async def test_what_was_scrolled_past_is_not_read():
    mailbox = Mailbox(1_000_000)
    async with (app := Desk(mailbox)).run_test(size=(80, 24)) as pilot:
        letters = await started(pilot, app)
        mailbox.open.clear()
        for place in range(10_000, 500_000, 10_000):
            letters.move_to(place)
            await pilot.pause()
        mailbox.open.set()
        await until(pilot, lambda: letters.current is not None)
        assert len(mailbox.asked) < 12


async def test_new_mail_moves_the_cursor_with_its_conversation():
    mailbox = Mailbox(1_000)
    async with (app := Desk(mailbox)).run_test(size=(80, 24)) as pilot:
        letters = await started(pilot, app)
        letters.move_to(500)
        await until(pilot, lambda: letters.current is not None)
        thread, line = letters.current.thread, letters.cursor - letters.scroll_offset.y
        mailbox.threads[:0] = [3_000, 2_999, 2_998]
        await letters.reload()
        await pilot.pause()
        assert letters.current.thread == thread
        assert letters.cursor == 503
        assert letters.cursor - letters.scroll_offset.y == line


async def test_at_the_top_new_mail_comes_into_sight():
    mailbox = Mailbox(1_000)
    async with (app := Desk(mailbox)).run_test(size=(80, 24)) as pilot:
        letters = await started(pilot, app)
        mailbox.threads[:0] = [2_000]
        await letters.reload()
        await pilot.pause()
        assert letters.current.thread == 1_000
        assert letters.scroll_offset.y == 0
        assert "subject 2000" in shown(app)


async def test_what_a_person_did_during_a_reload_counts():
    mailbox = Mailbox(1_000)
    async with (app := Desk(mailbox)).run_test(size=(80, 24)) as pilot:
        letters = await started(pilot, app)
        mailbox.threads[:0] = [2_000]
        mailbox.open.clear()
        reading = asyncio.ensure_future(letters.reload())
        await pilot.pause()
        letters.move(4)
        mailbox.open.set()
        await reading
        assert letters.cursor == 5
        assert letters.current.thread == 996


async def test_a_conversation_that_left_gives_its_line_to_the_next():
    mailbox = Mailbox(100)
    async with (app := Desk(mailbox)).run_test(size=(80, 24)) as pilot:
        letters = await started(pilot, app)
        letters.move_to(10)
        mailbox.threads.remove(90)
        await letters.reload()
        assert letters.cursor == 10
        assert letters.current.thread == 89
        mailbox.threads[:] = [1]
        await letters.reload()
        assert letters.current.thread == 1
        mailbox.threads.clear()
        await letters.reload()
        assert letters.current is None
        letters.move(1)
        letters.toggle_mark()
        assert letters.targets() == []


async def test_marks_are_the_targets_and_follow_their_conversations():
    mailbox = Mailbox(300)
    async with (app := Desk(mailbox)).run_test(size=(80, 24)) as pilot:
        letters = await started(pilot, app)
        assert letters.targets() == [300]
        letters.toggle_mark()
        letters.toggle_mark()
        assert letters.targets() == [299, 300]
        mailbox.threads[:0] = [500]
        await letters.reload()
        assert letters.targets() == [299, 300]
        await letters.mark_all()
        assert len(letters.targets()) == 301
        await letters.mark_all()
        assert not letters.marks
        await pilot.pause()


async def test_the_mouse_points_marks_and_opens():
    mailbox = Mailbox(300)
    async with (app := Desk(mailbox)).run_test(size=(80, 24)) as pilot:
        letters = await started(pilot, app)
        await pilot.click(letters, offset=(20, 5))
        assert letters.cursor == 5
        assert app.said == []
        await pilot.click(letters, offset=(1, 7))
        assert letters.marks == {293}
        await pilot.click(letters, offset=(20, 3), times=2)
        assert app.said == [297]
        letters.post_message(events.MouseScrollDown(letters, 20, 3, 0, 1, 0, False, False, False))
        await until(pilot, lambda: letters.scroll_offset.y > 0)


async def test_a_source_that_fails_is_told_of_and_tried_again():
    mailbox = Mailbox(300)
    async with (app := Desk(mailbox)).run_test(size=(80, 24)) as pilot:
        letters = await started(pilot, app)
        mailbox.broken = True
        await letters.reload()
        await pilot.pause()
        assert [str(error) for error in app.said] == ["The disk is gone."]
        assert "subject 300" in shown(app)
        mailbox.broken = False
        await letters.reload()
        assert letters.total == 300


async def test_stepping_waits_for_the_row_and_ends_at_the_ends():
    mailbox = Mailbox(2 * PAGE + 1)
    async with (app := Desk(mailbox)).run_test(size=(80, 24)) as pilot:
        letters = await started(pilot, app)
        assert await letters.step(-1) is None
        letters.move_to(2 * PAGE - 1)
        row = await letters.step(1)
        assert row is not None
        assert row.thread == 1
        assert await letters.step(1) is None
        await pilot.pause()


async def test_tiny_and_odd_windows_do_no_harm():
    mailbox = Mailbox(300)
    async with (app := Desk(mailbox)).run_test(size=(80, 24)) as pilot:
        letters = await started(pilot, app)
        letters.move_to(250)
        for size in ((20, 5), (5, 2), (300, 80), (1, 1), (80, 24)):
            await pilot.resize_terminal(*size)
            letters.move(1)
            letters.move_page(-1)
            await pilot.pause()
        assert letters.current is not None


async def test_a_cursor_that_reverses_colours_makes_no_blocks_of_them(profile_root, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    profile = make_profile(profile_root)
    MailRoot(profile.mail, ALICE).put(gemmail("# Hello\n\nText."))
    async with at_desk(profile) as (app, pilot):
        await on_screen(pilot, "Hello")
        strip = app.screen.letters.render_line(0)
        assert {segment.style.color for segment in strip} == {strip._segments[0].style.color}
        assert all(segment.style.reverse for segment in strip)


async def test_a_view_is_counted_to_the_end_only_when_it_is_read_again(monkeypatch):
    monkeypatch.setattr(letter_list, "ENOUGH", 100)
    async with (app := Desk(Mailbox(300))).run_test(size=(80, 24)) as pilot:
        letters = await started(pilot, app)
        assert (letters.total, letters.complete) == (300, True)
        assert await letters.open_view(View(query="common"))
        assert (letters.total, letters.complete) == (100, False)
        await letters.reload()
        assert (letters.total, letters.complete) == (300, True)


async def test_a_view_opened_around_a_conversation_is_counted_to_the_end(monkeypatch):
    monkeypatch.setattr(letter_list, "ENOUGH", 100)
    async with (app := Desk(Mailbox(300))).run_test(size=(80, 24)) as pilot:
        letters = await started(pilot, app)
        assert await letters.open_view(View(query="common"), 7)
        assert (letters.total, letters.complete) == (300, True)
        assert letters.current.thread == 7


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
        letters = await started(pilot, app)
        mailbox.open.clear()
        opening = asyncio.ensure_future(letters.open_view(View(query="is:purple")))
        await mailbox.waiting.wait()
        again = asyncio.ensure_future(letters.reload())  # as when mail comes
        await pilot.pause()
        mailbox.open.set()
        assert not await opening
        await again
        assert letters.view == VIEW
