"""The inbox: mailboxes on the left, conversations, and a preview of the one under the cursor."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from textual import on, work
from textual.containers import Container
from textual.content import Content

from misfin.errors import MessageGoneError, MisfinError, QueryError
from misfin.model.folders import DRAFTS, INBOX, OUTBOX
from misfin.store.index.rows import View
from misfin_tui.keymap import KeyContext, readable
from misfin_tui.messages import ConfigChanged
from misfin_tui.screens.inbox_news import NewsScreen
from misfin_tui.screentext import plain
from misfin_tui.widgets.bindings import bindings
from misfin_tui.widgets.cells import wrap
from misfin_tui.widgets.message_list import MessageList
from misfin_tui.widgets.message_rows import at_home
from misfin_tui.widgets.preview import Preview
from misfin_tui.widgets.sidebar import Sidebar, SidebarEntry, SidebarKind
from misfin_tui.widgets.statusbar import KeyBar, StatusBar

if TYPE_CHECKING:
    from textual.app import ComposeResult
    from textual.timer import Timer

    from misfin.store.index.rows import ConversationRow, MessageRow
    from misfin.store.message.mime import ParsedMessage
    from misfin_tui.services.mail import FirstPage
    from misfin_tui.widgets.message_view import MessageView

PREVIEW_DELAY = 0.06
"""Seconds the cursor must rest before its message is read: running past costs nothing."""
NARROW = 100
"""Cells under which the sidebar folds away."""
WIDTHS = [(0, "-narrow"), (NARROW, "-medium"), (140, "-wide")]
HEIGHTS = [(0, "-short"), (22, "-tall")]


class Panes(Container):
    """Panes side by side or one above the other, which cover it."""

    BLANK = True
    """One line for all of it: to divide each of them among the panes was most of what a new layout cost."""


class InboxScreen(NewsScreen):
    """The first screen."""

    BLANK = True

    BINDINGS = bindings(KeyContext.INBOX, KeyContext.LIST)
    AUTO_FOCUS = "#messages"
    HORIZONTAL_BREAKPOINTS = WIDTHS
    VERTICAL_BREAKPOINTS = HEIGHTS
    DEFAULT_CSS = """
    InboxScreen {
        layout: vertical;
        #panes { layout: horizontal; height: 1fr; }
        #sidebar { width: 24; height: 1fr; border: round $border-blurred; }
        #main { layout: vertical; width: 1fr; height: 1fr; }
        #messages { height: 3fr; border: round $border-blurred; }
        #preview { height: 2fr; border: round $border-blurred; }
        #sidebar, #messages, #preview { border-title-color: $mail-muted; }
        #sidebar:focus, #messages:focus, #preview:focus {
            border: round $border; border-title-color: $border;
        }
        &.-wide #main { layout: horizontal; }
        &.-wide #messages { width: 3fr; height: 1fr; }
        &.-wide #preview { width: 2fr; height: 1fr; }
        &.-narrow #sidebar { display: none; }
        &.-narrow.-sidebar #sidebar { display: block; }
        &.-short #preview, &.-no-preview #preview { display: none; }
    }
    """

    def __init__(self, first: FirstPage | None = None) -> None:
        super().__init__(first.view if first else View(None, INBOX))
        self._first = first
        self.sidebar = Sidebar(id="sidebar")
        self.messages: MessageList
        self.preview = Preview(id="preview")
        self._preview_timer: Timer | None = None

    # ---- the first frame

    def compose(self) -> ComposeResult:
        """The panes."""
        self.messages = MessageList(self.services.mail, self.home, id="messages")
        yield self.status
        with Panes(id="panes"):
            yield self.sidebar
            with Panes(id="main"):
                yield self.messages
                yield self.preview
        yield KeyBar(id="keys")

    def on_mount(self) -> None:
        """Fill the panes before anything is drawn; the rest waits until it was."""
        self.set_class(not self.misfin.config.ui.preview, "-no-preview")
        if self._first is not None:
            self.show_folders(self._first.folders)
            self.messages.show(self._first.total, self._first.rows)
        self.titles_changed()
        self.call_after_refresh(self._after_first_frame)

    _started = False
    """Whether the first frame was drawn: nothing may come before it."""

    def _after_first_frame(self) -> None:
        self._started = True
        self.refresh_all()
        self.count_outbox()
        self.find_own()

    def on_screen_resume(self) -> None:
        """Back from another screen, where there may be another identity now."""
        if self._started:
            self.find_own()

    # ---- what the list says of itself

    def titles_changed(self) -> None:
        """Say what the list shows, and why it is empty when it is."""
        messages, view = self.messages, self.messages.view
        name = f"Search: {self.written(view.query)}" if view.query else view.folder or "All mail"
        more = "" if messages.complete else "+"
        parts = [name, f"{messages.total:,}{more} conversation{'' if messages.total == 1 else 's'}"]
        if view.unread_only:
            parts.append("unread only")
        if messages.marks:
            parts.append(f"{len(messages.marks):,} selected")
        messages.border_title = Content(plain(" · ".join(parts), one_line=True))
        messages.empty_text = self._why_empty(view)

    def _why_empty(self, view: View) -> str:
        if view.query:
            return f"Nothing found so far.\n\n{self._progress}" if self._progress else "Nothing found."
        if away := [account for account in self.away if view.account in (None, account)]:
            return "\n".join(self._where_it_was(account) for account in away)
        if view.unread_only:
            return f"Nothing unread. Press {self._key('unread-only')} to see all."
        if self._progress or view != self.home:
            return self._progress or "Nothing here yet."
        lines = [
            "No mail yet.",
            "",
            f"{self._key('compose')} writes a message, {self._key('help')} shows every key.",
        ]
        return "\n".join([*lines, f"Others reach you at {view.account}."] if view.account else lines)

    def _where_it_was(self, account: str) -> str:
        room = max(self.messages.size.width - 2, 20)
        where = plain(at_home(self.services.profile.mail / account), one_line=True)
        lines = [
            f"The mail of {account} cannot be found.",
            "Its folder should be",
            where,
            "It is shown as soon as it is back.",
        ]
        return "\n".join(part for line in lines for part in (*wrap(line, room), ""))

    def _key(self, action: str) -> str:
        """The first key of an action, as people read it."""
        keys = self.misfin.keys.of(action) or self.misfin.keys.of("commands")
        return readable(keys[0]) if keys else "?"

    def on_config_changed(self, message: ConfigChanged) -> None:
        """Searches or the preview may be others."""
        self.set_class(not self.misfin.config.ui.preview, "-no-preview")
        self.refresh_all()

    # ---- the list speaks

    @on(MessageList.Loaded)
    def _loaded(self) -> None:
        self.titles_changed()
        self.count_on()

    @on(MessageList.MarksChanged)
    def _marks_changed(self) -> None:
        self.titles_changed()

    @on(MessageList.Failed)
    def _list_failed(self, event: MessageList.Failed) -> None:
        if isinstance(event.error, QueryError):
            self.search_failed(event.error)
        else:
            self.misfin.report(event.error)

    @on(MessageList.Opened)
    def _opened(self) -> None:
        self.action_open_conversation()

    @on(MessageList.Highlighted)
    def _highlighted(self) -> None:
        if self._preview_timer is not None:
            self._preview_timer.stop()
        self._preview_timer = self.set_timer(PREVIEW_DELAY, self._show_preview)

    @property
    def idle_actions(self) -> Collection[str]:
        """What the list shown gives no occasion for."""
        view = self.messages.view
        drafts = () if view.folder == DRAFTS else ("edit_draft",)
        return drafts if view.query else (*drafts, "save_search")

    def on_resize(self) -> None:
        """In a narrow window the line on top brings the sidebar; in a larger one the preview comes back."""
        self.status.opens = self.size.width < NARROW
        if self.away:
            self.call_after_refresh(self.titles_changed)
        if self.preview.display and self.preview.message is None:
            self._highlighted()

    @work(group="preview", exclusive=True, description="read a message for the preview")
    async def _show_preview(self) -> None:
        row = self.messages.current
        if not self.preview.display:
            return
        if row is None:
            self.preview.clear()
            return
        try:
            message_row = await self.services.mail.message(row.id)
            message = await self.services.mail.read(message_row)
        except MessageGoneError:
            self.preview.clear()  # moved or removed by another program: the list is about to say so
        except MisfinError as error:
            self.preview.show_problem(row, f"{error} {error.remedy}".strip())
        else:
            if self.messages.current is not None and self.messages.current.id == row.id:
                self.preview.show_message(message_row, message)

    # ---- moving about

    @property
    def pane(self) -> MessageList | Sidebar | Preview:
        """The pane the keys are for."""
        focused = self.focused
        return focused if isinstance(focused, (MessageList, Sidebar, Preview)) else self.messages

    def action_cursor_up(self) -> None:
        """One row up."""
        self.pane.move(-1)

    def action_cursor_down(self) -> None:
        """One row down."""
        self.pane.move(1)

    def action_page_up(self) -> None:
        """One page up."""
        self.pane.move_page(-1)

    def action_page_down(self) -> None:
        """One page down."""
        self.pane.move_page(1)

    def action_cursor_top(self) -> None:
        """To the first row."""
        self.pane.move_to(0)

    def action_cursor_bottom(self) -> None:
        """To the last row."""
        self.pane.move_to(1 << 40)

    def focus_next(self, selector: str = "*") -> object:  # type: ignore[override]  # as Screen's, for any selector
        """The next pane; in a narrow window that brings the sidebar back for as long as it is used."""
        if self.has_class("-narrow") and self.focused is self.messages and not self.has_class("-sidebar"):
            self.add_class("-sidebar")
            self.sidebar.focus()
            return self.sidebar
        return super().focus_next(selector)

    @on(StatusBar.Pressed)
    def _line_on_top(self) -> None:
        """A click on the line on top of a narrow window: the sidebar comes, or goes again."""
        if self.has_class("-sidebar"):
            self.messages.focus()
        elif self.has_class("-narrow"):
            self.add_class("-sidebar")
            self.sidebar.focus()

    def on_descendant_blur(self) -> None:
        """A sidebar that was brought back folds away again."""
        if self.has_class("-sidebar") and self.focused is not self.sidebar:
            self.remove_class("-sidebar")

    def action_back(self) -> None:
        """Out of the search, the selection, another folder; then out of the program."""
        if self.messages.marks:
            self.messages.set_marks(())
        elif self._before_search is not None:
            self._leave_search()
        elif self.messages.view != self.home:
            self.open_view(self.home)
        elif self.focused is not self.messages:
            self.messages.focus()
        else:
            self.run_worker(self.misfin.action_quit(), group="quit", description="quit")

    def action_leave_search(self) -> None:
        """Escape: out of the sidebar, the selection and the search, never out of the program."""
        if self.focused is not self.messages:
            self.messages.focus()
        elif self.messages.marks or self._before_search is not None:
            self.action_back()

    @on(Sidebar.SidebarChosen)
    def _chosen(self, event: Sidebar.SidebarChosen) -> None:
        self.choose(event.entry)

    def choose(self, entry: SidebarEntry) -> None:
        """Show what a line of the sidebar stands for."""
        if entry.kind is SidebarKind.OUTBOX:
            self.misfin.open_outbox()
        else:
            self._choose(entry)

    def action_unread_only(self) -> None:
        """Show unread conversations only, or all."""
        view = self.messages.view
        self.open_view(replace(view, unread_only=not view.unread_only))

    def action_preview(self) -> None:
        """Show or hide the preview."""
        self.toggle_class("-no-preview")
        if not self.has_class("-no-preview"):
            if self.has_class("-short"):
                self.misfin.say("The window is too low for a preview.", severity="warning")
            self._highlighted()

    def action_select(self) -> None:
        """Mark the conversation under the cursor."""
        self.messages.toggle_mark()

    @work(group="marks", exclusive=True, description="mark all")
    async def action_select_all(self) -> None:
        """Mark every conversation of the list."""
        if not self.messages.complete:
            await self.messages.reload()
        await self.messages.mark_all()

    def action_refresh(self) -> None:
        """Look for new mail now."""
        self.services.mail.rescan()
        self.services.wake_courier()
        self.misfin.say("Looking for new mail.", timeout=2)

    # ---- opening

    def action_open_conversation(self) -> None:
        """Open what is under the cursor: a folder, a draft, or a conversation."""
        if self.pane is self.sidebar:
            self.sidebar.choose()
            return
        row = self.messages.current
        if row is None:
            return
        if self.messages.view.folder == DRAFTS:
            self.action_edit_draft()
        elif self.messages.view.folder == OUTBOX:
            self.misfin.open_outbox()
        else:
            self.misfin.open_thread(row, self)

    async def neighbour(self, step: int) -> ConversationRow | None:
        """Move the cursor to the conversation before or after, for the conversation screen."""
        return await self.messages.step(step)

    # ---- for the actions on messages

    async def chosen_message(self) -> MessageRow | None:
        """The newest message of the conversation under the cursor."""
        row = self.messages.current
        return await self.services.mail.message(row.id) if row else None

    def attachment_chosen(self, event: MessageView.AttachmentChosen) -> None:
        """The name of one was clicked in the preview."""
        if self.preview.message is not None and self.preview.read is not None:
            self.offer_attachments(self.preview.message, self.preview.read, event.number - 1)

    def messages_shown(self) -> Sequence[tuple[MessageRow, ParsedMessage]]:
        """The message of the preview."""
        if self.preview.message is None or self.preview.read is None:
            return ()
        return [(self.preview.message, self.preview.read)]

    def targets(self) -> Sequence[int]:
        """The marked conversations, else the one under the cursor."""
        return self.messages.targets()

    def view(self) -> View:
        """What the list shows."""
        return self.messages.view

    async def filed(self, gone: bool) -> None:
        """Marks are used up; the list is read again at once."""
        self.messages.set_marks(())
        self.refresh_all()
