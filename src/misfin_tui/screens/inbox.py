"""The inbox: folders on the left, conversations, and a preview of the one under the cursor."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from textual import on
from textual.containers import Container

from misfin.errors import QueryError
from misfin.model.folders import DRAFTS, INBOX, OUTBOX
from misfin.store.rows import View
from misfin_tui.keymap import KeyContext
from misfin_tui.screens.base import CursorKeys
from misfin_tui.screens.folder_actions import FolderActions
from misfin_tui.screens.going import GoingActions, NextUnread
from misfin_tui.screens.inbox_list import ListActions, ListSelection, PreviewFollower
from misfin_tui.screens.inbox_news import InboxStatus
from misfin_tui.screens.inbox_search import SearchSession
from misfin_tui.screens.message_actions import MessageActions
from misfin_tui.screens.message_screen import MessageScreen
from misfin_tui.screens.more_actions import MoreActions
from misfin_tui.screens.prompts import Prompts
from misfin_tui.screens.whole_list import WholeListActions
from misfin_tui.widgets.bindings import bindings
from misfin_tui.widgets.controller import adopt
from misfin_tui.widgets.message_list import MessageList
from misfin_tui.widgets.pages import Source
from misfin_tui.widgets.preview import Preview
from misfin_tui.widgets.sidebar import Sidebar, SidebarEntry, SidebarKind
from misfin_tui.widgets.statusbar import KeyBar, StatusBar

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from misfin_tui.messages import (
        ConfigChanged,
        IndexProgress,
        MailChanged,
        OutboxChanged,
        SourceChanged,
        SyncChanged,
    )
    from misfin_tui.screens.server_rows import ServerRows
    from misfin_tui.services.mail import FirstPage

NARROW = 100
"""Cells under which the sidebar folds away."""
WIDTHS = [(0, "-narrow"), (NARROW, "-medium"), (140, "-wide")]
HEIGHTS = [(0, "-short"), (22, "-tall")]


class Panes(Container):
    """Panes side by side or one above the other, which cover it."""

    BLANK = True
    """One line for all of it: to divide each of them among the panes was most of what a new layout cost."""


class InboxScreen(MessageScreen):
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

    def __init__(self, mail: Source, first: FirstPage | None = None) -> None:
        super().__init__()
        self._first = first
        home = first.view if first else View(None, INBOX)
        self.status = StatusBar(home.account or "", id="status")
        self.sidebar = Sidebar(id="sidebar")
        self.messages = messages = MessageList(mail, home, id="messages")
        self.preview = Preview(id="preview")
        self.prompts = Prompts(self)
        self.search = SearchSession(self, messages, self.sidebar, self.prompts, self._titles_changed)
        self.news = InboxStatus(self, messages, self.sidebar, self.status, self.search)
        self.follower = PreviewFollower(self, messages, self.preview)
        self.selection = ListSelection(self, messages, self.preview, self.news.refresh_all)
        self.folders = FolderActions(self, self.sidebar, self.prompts, self.search, lambda: self.news.removed)
        self.actions = MessageActions(self, self.selection, self.prompts)
        self.going = GoingActions(self, messages, self.sidebar, self.prompts, self.search, self.choose)
        self.other_words = self.going.other_words
        adopt(
            self,
            self.search,
            self.follower,
            self.actions,
            MoreActions(self, self.selection, self.prompts),
            ListActions(self, messages, self.search),
            self.going,
            NextUnread(self, messages),
            WholeListActions(self, messages, self.actions, self.prompts, self._titles_changed),
            self.folders,
            CursorKeys(lambda: self.pane, lambda top: self.pane.move_to(0 if top else 1 << 40)),
        )
        self._server_rows: ServerRows | None = None
        """What follows the list, once there is an account that may have anything to follow."""
        self._on_held = False
        """Whether a message is held in the conversation under the cursor, as the key line has it."""

    # ---- the first frame

    def compose(self) -> ComposeResult:
        """The panes."""
        yield self.status
        with Panes(id="panes"):
            yield self.sidebar
            with Panes(id="main"):
                yield self.messages
                yield self.preview
        yield KeyBar(id="keys")

    def on_mount(self) -> None:
        """Fill the panes before anything is drawn; the rest waits until it was."""
        self.follower.use_config()
        if self._first is not None:
            self.news.show_folders(self._first.folders)
            self.messages.show(self._first.total, self._first.rows)
        self.news.titles_changed()
        self.call_after_refresh(self._after_first_frame)

    _started = False
    """Whether the first frame was drawn: nothing may come before it."""

    def _after_first_frame(self) -> None:
        self._started = True
        self.news.refresh_all()
        self.news.count_outbox()
        self.news.find_own()
        self.news.look_elsewhere()

    def on_screen_resume(self) -> None:
        """Back from another screen, where an identity may have been added."""
        if self._started:
            self.news.find_own()

    # ---- changes elsewhere

    def on_mail_changed(self, message: MailChanged) -> None:
        """Messages came or changed."""
        self.news.refresh_all()

    def on_outbox_changed(self, message: OutboxChanged) -> None:
        """Count what is being sent again."""
        self.news.count_outbox()

    def on_source_changed(self, message: SourceChanged) -> None:
        """Say whether mail is received."""
        self.news.look_at_sources()

    def on_sync_changed(self, message: SyncChanged) -> None:
        """Something elsewhere may need a decision."""
        self.news.look_elsewhere()

    def on_index_progress(self, message: IndexProgress) -> None:
        """Say how far reading the mail, or an action on many messages, has come."""
        self.news.index_progress(message)

    def on_config_changed(self, message: ConfigChanged) -> None:
        """Searches, keys, the preview or the accounts may have changed."""
        self.follower.use_config()
        self.news.refresh_all()
        self.news.find_own()
        self.news.look_elsewhere()

    # ---- the list speaks

    def _titles_changed(self) -> None:
        self.news.titles_changed()
        if self.going.at_home() is not self.going.said_home:
            self.refresh_bindings()  # what the key line says of going back

    @on(MessageList.Loaded)
    def _loaded(self) -> None:
        self._titles_changed()
        self.search.count_on()
        if self._server_rows is None and self.misfin.config.accounts:
            from misfin_tui.screens.server_rows import ServerRows  # late: not for the first frame

            self._server_rows = ServerRows(self, self.messages, self.news.set_news, self._titles_changed)
        if self._server_rows is not None:
            self._server_rows.loaded(typing=self.search.typing)

    @on(MessageList.MarksChanged)
    def _marks_changed(self) -> None:
        self._titles_changed()

    @on(MessageList.Failed)
    def _list_failed(self, event: MessageList.Failed) -> None:
        if isinstance(event.error, QueryError):
            self.search.failed(event.error)
        else:
            self.misfin.report(event.error)

    @on(MessageList.Opened)
    def _opened(self) -> None:
        self.action_open_conversation()

    @on(MessageList.Highlighted)
    def _highlighted(self) -> None:
        row = self.messages.current
        if (held := row is not None and row.held) != self._on_held:
            self._on_held = held
            self.refresh_bindings()
        self.follower.follow()

    @property
    def idle_actions(self) -> Collection[str]:
        """Actions that do not apply to the list shown."""
        view = self.messages.view
        idle = [] if view.folder == DRAFTS else ["edit_draft"]
        idle += [] if view.query else ["save_search"]
        idle += [] if len(self.messages.marks) > 1 else ["join"]
        idle += self.folders.idle_actions
        row = self.messages.current
        return idle if row is not None and row.held else [*idle, "decide"]

    # ---- moving about

    def on_resize(self) -> None:
        """In a narrow window the line on top brings the sidebar; in a larger one the preview comes back."""
        self.status.opens = self.size.width < NARROW
        if self.news.away:
            self.call_after_refresh(self.news.titles_changed)
        self.follower.come_back()

    @property
    def pane(self) -> MessageList | Sidebar | Preview:
        """The pane the keys are for."""
        focused = self.focused
        return focused if isinstance(focused, (MessageList, Sidebar, Preview)) else self.messages

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
        elif self.search.active:
            self.search.leave()
        elif self.messages.view != self.search.home:
            self.search.open_view(self.search.home)
        elif self.focused is not self.messages:
            self.messages.focus()
        else:
            self.run_worker(self.misfin.action_quit(), group="quit", description="quit")

    def action_leave_search(self) -> None:
        """Escape: out of the sidebar, the selection and the search, never out of the program."""
        if self.focused is not self.messages:
            self.messages.focus()
        elif self.messages.marks or self.search.active:
            self.action_back()

    @on(Sidebar.SidebarChosen)
    def _chosen(self, event: Sidebar.SidebarChosen) -> None:
        self.choose(event.entry)

    def choose(self, entry: SidebarEntry) -> None:
        """Show what a line of the sidebar stands for."""
        if entry.kind is SidebarKind.OUTBOX:
            self.misfin.open_outbox()
        elif entry.kind is SidebarKind.ATTIC:
            self.misfin.open_attic(entry.group)
        else:
            self.search.choose(entry)

    def action_open_conversation(self) -> None:
        """Open what is under the cursor: a folder, a draft, or a conversation."""
        if self.pane is self.sidebar:
            self.sidebar.choose()
            return
        row = self.messages.current
        if row is None:
            if self._server_rows is not None:
                self._server_rows.open()
            return
        if self.messages.view.folder == DRAFTS:
            self.actions.action_edit_draft()
        elif self.messages.view.folder == OUTBOX:
            self.misfin.open_outbox()
        else:
            self.misfin.open_thread(row)
