"""Everything around the list of conversations, kept up to date: the status line, the sidebar, the rows."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from textual.content import Content

from misfin.errors import MisfinError
from misfin.model.folders import INBOX
from misfin.store.rows import Order, View
from misfin_tui.config import ReceiveConfig, split_listen
from misfin_tui.messages import IndexProgress
from misfin_tui.screens.base import AppScreen, ScreenController
from misfin_tui.screens.inbox_search import SearchSession
from misfin_tui.screentext import plain
from misfin_tui.widgets.cells import wrap
from misfin_tui.widgets.controller import worker
from misfin_tui.widgets.message_list import MessageList
from misfin_tui.widgets.sidebar import Sidebar, entries
from misfin_tui.widgets.statusbar import StatusBar
from misfin_tui.wording.message import at_home

if TYPE_CHECKING:
    from textual.timer import Timer

    from misfin.store.rows import FolderRow

RELOAD_PAUSE = 0.25
"""Seconds between two readings of the list while mail pours in."""
AWAY_PAUSE = 3.0
"""Seconds between two checks for a folder of mail that is not where it was."""
ORDER = ("unread", "sending", "held", "index", "server", "receiver")
"""The pieces of news on the status line; where there is no room, the last ones are left out."""
SORTED = {
    Order.OLDEST: "oldest first",
    Order.SENDER: "by sender",
    Order.SUBJECT: "by subject",
    Order.SIZE: "by size",
}
"""What the title says of a list that is not sorted as usual."""
SOURCES = {"running": ("●", "good"), "stopped": ("○", "muted"), "failed": ("○", "bad")}
"""How the states of what brings mail are marked; the others as a warning."""


class InboxStatus(ScreenController):
    """The status line, the sidebar and the titles of the list, as mail, outbox and sources change."""

    def __init__(
        self,
        screen: AppScreen,
        messages: MessageList,
        sidebar: Sidebar,
        status: StatusBar,
        search: SearchSession,
    ) -> None:
        super().__init__(screen)
        self.messages = messages
        self.sidebar = sidebar
        self.status = status
        self.search = search
        self.several = False
        """Whether there are several accounts."""
        self._news: dict[str, tuple[str, str]] = {}
        self._outbox: dict[str, int] = {}
        self._own: list[str] = []
        self._received_here: list[str] = []
        """The user's own addresses, also those of accounts without any mail."""
        self.away: tuple[str, ...] = ()
        """Those whose folder of mail, made with every identity, is not where it was."""
        self._away_timer: Timer | None = None
        self._attics: tuple[str, ...] = ()
        """Accounts that have one."""
        self.removed: tuple[str, ...] = ()
        """Whose mail is here although the account was removed."""
        self._held = 0
        self._asking = 0
        """Deliveries, and folders elsewhere, that need a decision."""
        self._progress = ""
        self._stale = False
        self._reloading = False

    def titles_changed(self) -> None:
        """Say what the list shows, and why it is empty when it is."""
        messages, view = self.messages, self.messages.view
        name = view.folder or ("Search" if view.query else "All mail")
        if view.query:
            name = f"{name}: {self.search.written(view.query)}"
        more = "" if messages.complete else "+"
        parts = [name, f"{messages.total:,}{more} conversation{'' if messages.total == 1 else 's'}"]
        if messages.tail.rows:
            parts.append(f"{len(messages.tail.rows):,} on the server")
        if view.unread_only:
            parts.append("unread only")
        if said := SORTED.get(self.services.mail.order_of(view)):
            parts.append(said)
        if messages.marks:
            parts.append(f"{len(messages.marks):,} selected")
        messages.border_title = Content(plain(" · ".join(parts), one_line=True))
        messages.empty_text = self._why_empty(view)
        self._show_news()  # it begins with the account

    def set_news(self, what: str, text: str, tone: str = "muted") -> None:
        """Set or remove one piece of news of the status line; their order is fixed."""
        self._news[what] = (text, tone)
        self._show_news()

    def _show_news(self) -> None:
        news = [self._news[key] for key in ORDER if self._news.get(key, ("", ""))[0]]
        view = self.messages.view
        several = "All accounts" if self.several else ""
        self.status.show(view.account or self.search.home.account or several, news)

    def show_folders(self, folders: list[FolderRow]) -> None:
        """Show folders and counts beside the list."""
        searches = list(self.misfin.config.searches.items())
        self.sidebar.show(
            entries(folders, self._outbox, searches, self._own, self.away, self._attics, self.removed)
        )
        self.sidebar.mark_shown(self.messages.view)
        unread = sum(row.unread for row in folders if row.folder == INBOX)
        self.set_news("unread", f"{unread:,} unread" if unread else "", "warning")

    def _find_home(self, folders: list[FolderRow]) -> None:
        """The inbox to start from is that of the only account, else all of them."""
        accounts = {row.account for row in folders} or set(self._own)
        self.several = len(accounts) > 1
        home = View(accounts.pop() if len(accounts) == 1 else None, INBOX)
        if (folders or self._own) and home != self.search.home:
            if self.messages.view == self.search.home:
                self.messages.view = home
                self._stale = True
            self.search.home = home

    @worker(group="own", exclusive=True, description="look for own addresses")
    async def find_own(self) -> None:
        """Show an account also before it has any mail."""
        try:
            own = [each.directory for each in await self.services.accounts.all()]
            self._received_here = await self.services.accounts.received_here()
            await self.services.accounts.create_new_mail()
            removed = await self.services.email_accounts.leftover.directories()
        except MisfinError:
            return  # the app says so
        if (own, removed) != (self._own, self.removed):
            self._own, self.removed = own, removed
            self.refresh_all()
        self.find_away()

    @worker(group="away", exclusive=True, description="look for folders of mail")
    async def find_away(self) -> None:
        """Say so where the mail of an account is not there, and look again for as long as it is not."""
        if self._away_timer is not None:
            self._away_timer.stop()
        try:
            away = await self.services.accounts.away()
        except MisfinError:
            return  # as above
        if away != self.away:
            self.away = away
            self.titles_changed()
            self.messages.refresh()
            self.refresh_all()  # the sidebar says it too
        if away:
            self._away_timer = self.screen.set_timer(AWAY_PAUSE, self.find_away)

    def _why_empty(self, view: View) -> str:
        """What an empty list says."""
        if view.query:
            if self._progress:
                return f"Nothing found so far.\n\n{self._progress}"
            key = self.misfin.keys.shown
            return f"Nothing found.\n\nPress {key('search')} to search again, {key('back')} to go back."
        if away := [account for account in self.away if view.account in (None, account)]:
            return "\n".join(self._where_it_was(account) for account in away)
        if view.unread_only:
            return f"Nothing unread. Press {self.misfin.keys.shown('unread-only')} to see all."
        if self._progress:
            return self._progress
        if view != self.search.home:
            from misfin_tui.screens.empty_folders import empty_folder  # late: not for the first screen

            return empty_folder(view.folder, self.misfin.keys)
        key = self.misfin.keys.shown
        keys = f"Press {key('compose')} to write a message, {key('help')} to see all keys."
        lines = ["No mail yet.", "", keys]
        account = view.account if view.account in self._received_here else None
        return "\n".join([*lines, *self._reached_at(account)] if account else lines)

    def _reached_at(self, account: str) -> list[str]:
        """What others write to reach an account here, with the port where it is not the usual one."""
        ports = [split_listen(text)[1] for text in self.misfin.config.receive.listen]
        usual = split_listen(ReceiveConfig().listen[0])[1]
        if not ports or usual in ports:
            return [f"Others reach you at {account}."]
        return [
            f"Others reach you at {account}:{ports[0]}.",
            f"They have to include the port: without it, mail goes to port {usual}.",
        ]

    def _where_it_was(self, account: str) -> str:
        room = max(self.messages.size.width - 2, 20)
        where = plain(at_home(self.services.profile.mail / account), one_line=True)
        lines = [
            f"The mail of {account} cannot be found.",
            "Its folder should be",
            where,
            "Its mail will be shown as soon as the folder is back.",
        ]
        return "\n".join(part for line in lines for part in (*wrap(line, room), ""))

    def look_at_sources(self) -> None:
        """Say whether mail is received."""
        worst = self.services.sources.worst()  # it is imported: a source has just said something
        if worst is None:
            self.set_news("receiver", "")
        else:
            mark, style = SOURCES.get(worst.state, ("○", "warning"))
            whose = f"{worst.account}: " if worst.account else ""
            self.set_news("receiver", f"{mark} {whose}{worst.sentence}", style)

    def index_progress(self, message: IndexProgress) -> None:
        """Say how far reading the mail, or an action on many messages, has come."""
        running = message.done < message.total
        if message.what == "reading":
            self._progress = f"Reading your mail: {message.done:,} of {message.total:,}" if running else ""
        self.set_news("index", f"{message.what} {message.done:,}/{message.total:,}" if running else "")
        self.titles_changed()
        self.messages.refresh()

    def refresh_all(self) -> None:
        """Read list and folders again; while that runs, further calls make for one more round."""
        self._stale = True
        if not self._reloading:
            self._reloading = True
            self._reload()

    @worker(group="reload", description="read the list again")
    async def _reload(self) -> None:
        try:
            while self._stale:
                self._stale = False
                try:
                    folders = await self.services.mail.folders()
                    if not self.services.mail.scanned and not any(row.total for row in folders):
                        continue  # an index just begun knows less than the page shown; the scan will report
                    await self.messages.reload()
                    self._find_home(folders)
                    self.show_folders(folders)
                    if self._own:
                        self.find_away()
                except MisfinError as error:  # what came meanwhile is another chance
                    self.misfin.report(error)
                await asyncio.sleep(RELOAD_PAUSE)
        finally:
            self._reloading = False

    @worker(group="outbox", exclusive=True, description="count the outbox")
    async def count_outbox(self) -> None:
        """Say how many messages are being sent and how many need a decision."""
        from misfin_tui.wording.outbox import MOVING, under_way  # late: not for the first frame

        try:
            sending = await asyncio.to_thread(lambda: self.services.sending)  # its first use imports a lot
            rows = await sending.outbox()
            folders = await self.services.mail.folders()
        except MisfinError as error:
            self.misfin.report(error)
            return
        moving = [row for row in rows if row.state in MOVING]
        held = [row for row in rows if row.state in ("held", "uncertain", "failed")]
        self._outbox = {}
        for row in (*moving, *held):
            self._outbox[row.account] = self._outbox.get(row.account, 0) + 1
        self.set_news("sending", under_way(moving, time.time()))
        self._held = len(held)
        self._say_needing()
        self.show_folders(folders)

    def _say_needing(self) -> None:
        from misfin_tui.widgets.facts import needing  # late: not for the first frame

        number = self._held + self._asking
        self.set_news("held", needing(number) if number else "", "warning")

    @worker(group="elsewhere", exclusive=True, description="look at accounts kept elsewhere")
    async def look_elsewhere(self) -> None:
        """Say how many folders kept elsewhere need a decision, and which accounts have an attic."""
        if not self.misfin.config.accounts and not self._attics:
            return
        try:
            syncing = await asyncio.to_thread(lambda: self.services.syncing)
            asking = len(await syncing.questions())
            attics = tuple(await self.services.attics.accounts())
        except MisfinError:
            return  # the sync screen says so, and what fetches
        if asking != self._asking:
            self._asking = asking
            self._say_needing()
        if attics != self._attics:
            self._attics = attics
            self.refresh_all()
