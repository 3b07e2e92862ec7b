"""Searching on servers for what is not here, and opening what was found. Nothing found is kept on disk."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from misfin.errors import LocalError, MessageGoneError, MisfinError, QueryError, StoreError
from misfin.store.rows import View
from misfin.store.search.query import Node, parse

if TYPE_CHECKING:
    from misfin.post.fetching.connecting import Connected
    from misfin.post.fetching.server_search import FoundOnServer, OpenConnection
    from misfin.post.imap.finding import FoundMessage
    from misfin.post.sync.remote import Remote
    from misfin.store.rows import ConversationRow
    from misfin_tui.services import Services

TRIED_AGAIN: Final = 300.0
"""Seconds for which a server that could not be searched is not asked again, but for a person who says so."""
OPENS_WITHIN: Final = 60.0
"""Seconds in which a message that is opened has to arrive."""
_ASK_AGAIN: Final = 0.2


@dataclass(frozen=True, slots=True)
class ServerMessage:
    """A message on the server of an account, as a list shows it."""

    account: str
    found: FoundMessage


@dataclass(frozen=True, slots=True)
class ServerFindings:
    """What servers have beyond what is here; ``total`` counts also what is not shown.

    ``problems`` are sentences: accounts that are offline, folders that could not be searched.
    """

    messages: tuple[ServerMessage, ...]
    total: int
    problems: tuple[str, ...]


class ServerSearch:
    """What is on servers only. Connections are opened when needed, and closed a minute later."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._connections: dict[str, OpenConnection] = {}
        self._failed: dict[str, float] = {}
        """When an account could not be searched, by :func:`time.monotonic`."""

    def accounts(self, view: View) -> list[str]:
        """The accounts whose servers can be searched, of those a view shows."""
        config = self._services.config.accounts
        return [
            name
            for name, each in config.items()
            if (each.imap or (each.pop3 and not view.query)) and view.account in (None, name)
        ]

    async def search(self, view: View) -> ServerFindings:
        """What the servers find for the search of a view, or all they have of its folder, that is not here.

        Raises :class:`~misfin.errors.QueryError` for what a server cannot search for.
        """
        names = self.accounts(view)
        if not names:
            raise LocalError("No account here has a server that can be searched.")
        return await self._search_all(names, view)

    async def search_connected(self, view: View) -> ServerFindings:
        """The same without being asked for it: only accounts whose mail is being fetched without a problem.

        The others are in ``problems``. Raises as :meth:`search`.
        """
        from misfin.post.source import SourceState

        await asyncio.to_thread(_prepare)
        since = time.monotonic() - TRIED_AGAIN
        names: list[str] = []
        left_out: list[str] = []
        for name in self.accounts(view):
            if self._services.config.accounts[name].paused:
                continue
            status = self._services.sources.of(name)
            connected = status is not None and status.state is SourceState.RUNNING
            (names if connected and self._failed.get(name, since) <= since else left_out).append(name)
        found = await self._search_all(names, view)
        return replace(found, problems=(*found.problems, *(f"{name} is not connected." for name in left_out)))

    async def _search_all(self, names: list[str], view: View) -> ServerFindings:
        node = parse(view.query, now=time.time()).root
        searches = [self._search(name, view, node) for name in names]
        results = await asyncio.gather(*searches)
        messages = [each for result in results for each in result.messages]
        messages.sort(key=lambda each: each.found.date, reverse=True)
        problems = tuple(problem for result in results for problem in result.problems)
        return ServerFindings(tuple(messages), sum(result.total for result in results), problems)

    async def _search(self, name: str, view: View, node: Node) -> ServerFindings:
        try:
            found = await (
                self._left(name, view)
                if self._services.config.accounts[name].pop3
                else self._found(name, view, node)
            )
        except QueryError:
            raise
        except MisfinError as error:
            self._failed[name] = time.monotonic()
            return ServerFindings((), 0, (f"{name}: {error} {error.remedy}".strip(),))
        self._failed.pop(name, None)
        problems = tuple(f"{name}: {sentence}" for sentence in found.refused)
        return ServerFindings(
            tuple(ServerMessage(name, each) for each in found.messages), found.total, problems
        )

    async def _found(self, name: str, view: View, node: Node) -> FoundOnServer:
        from misfin.post.fetching.server_search import ServerFolder, known_folders, search

        def known() -> list[ServerFolder]:
            with self._services.syncing.reading(name) as state:
                return [] if state is None else known_folders(state)

        here = await asyncio.to_thread(known)
        return await self._connection(name).use(
            lambda remote: search(remote, here, node, account=name, folder=view.folder)
        )

    async def _left(self, name: str, view: View) -> FoundOnServer:
        """What is left in a maildrop: too large to be fetched, or kept back by its server."""
        from misfin.post.fetching.server_search import FoundOnServer, left_in_drop
        from misfin.post.pop3.remote import Pop3Remote
        from misfin.post.sync.left_there import left_on_server

        def known() -> dict[str, list[str]]:
            with self._services.syncing.reading(name) as state:
                left = {} if state is None else left_on_server(state)
            return {local: ids for local, ids in left.items() if view.folder in (None, local)}

        left = await asyncio.to_thread(known)
        if not left:
            return FoundOnServer()

        async def work(remote: Remote) -> FoundOnServer:
            assert isinstance(remote, Pop3Remote)
            return await left_in_drop(remote, left)

        return await self._connection(name, rest=0.0).use(work)

    async def left(self, view: View) -> int:
        """How many messages of a folder are on servers only, as far as is known without asking them.

        Raises :class:`~misfin.errors.StoreError`.
        """
        names = self.accounts(view)
        return await asyncio.to_thread(lambda: sum(self._known_left(name, view.folder) for name in names))

    def _known_left(self, name: str, local: str | None) -> int:
        from misfin.post.sync.left_there import left_on_server, not_here

        with self._services.syncing.reading(name) as state:
            if state is None or local is None:
                return 0
            if self._services.config.accounts[name].pop3:
                return len(left_on_server(state).get(local, ()))
            return not_here(state, local)

    async def still_there(self, messages: tuple[ServerMessage, ...]) -> tuple[ServerMessage, ...]:
        """Those of these messages that have not arrived here. Raises :class:`~misfin.errors.StoreError`."""
        return await asyncio.to_thread(self._still_there, messages)

    def _still_there(self, messages: tuple[ServerMessage, ...]) -> tuple[ServerMessage, ...]:
        arrived: set[tuple[str, str, str]] = set()
        for name in {each.account for each in messages}:
            with self._services.syncing.reading(name) as state:
                folders = {each.found.folder for each in messages if each.account == name} if state else ()
                for local in folders:
                    assert state is not None
                    folder = state.folder(local)
                    ids = [each.found.id for each in messages if each.found.folder == local]
                    if folder is not None:
                        arrived |= {(name, local, each) for each in state.by_remote_ids(folder.id, ids)}
        return tuple(
            each for each in messages if (each.account, each.found.folder, each.found.id) not in arrived
        )

    async def open(self, message: ServerMessage) -> ConversationRow:
        """Have a message fetched and stored; its conversation once it is listed, with the ``id`` of it.

        Raises :class:`~misfin.errors.StoreError`: fetching is paused, it is gone, or it takes too long.
        """
        from misfin.post.sync import opening

        account, found = message.account, message.found
        if account not in self._services.fetching.accounts():
            raise StoreError(f"{account} is paused.", remedy="Resume it on the sync screen.")

        def ask() -> None:
            with self._services.syncing.writing(account) as state:
                opening.ask_for(state, found.folder, found.epoch, found.id, found.size, time.time())

        def look() -> str | None:
            with self._services.syncing.reading(account) as state:
                return None if state is None else opening.opened(state, found.folder, found.id)

        await asyncio.to_thread(ask)
        self._services.fetching.look_now()
        ends = time.monotonic() + OPENS_WITHIN
        while time.monotonic() < ends:
            key = await asyncio.to_thread(look)
            if key is None:
                raise StoreError("The message could not be fetched.", remedy="It may be gone. Search again.")
            if key:
                row = await self._listed(key)
                if row is not None:
                    return row
            await asyncio.sleep(_ASK_AGAIN)
        raise StoreError(
            "The message has not arrived yet.", remedy="It is fetched as soon as the server answers."
        )

    async def _listed(self, key: str) -> ConversationRow | None:
        mail = self._services.mail
        try:
            row = await mail.message(key)
        except MessageGoneError:
            mail.rescan()
            return None
        view = View(row.account, row.folder)
        at = await mail.position(view, row.thread)
        found = [] if at is None else await mail.conversations(view, at, 1)
        return replace(found[0], id=row.id) if found else None

    async def close(self) -> None:
        """Close the connections."""
        connections, self._connections = [*self._connections.values()], {}
        await asyncio.gather(*(each.close() for each in connections), return_exceptions=True)

    def _connection(self, name: str, *, rest: float | None = None) -> OpenConnection:
        from misfin.post.fetching.server_search import REST, OpenConnection

        if name not in self._connections:
            seconds = REST if rest is None else rest
            self._connections[name] = OpenConnection(lambda: self._connect(name), rest=seconds)
        return self._connections[name]

    async def _connect(self, name: str) -> Connected:
        from misfin.post.fetching.connecting import connect

        services = self._services
        account = await asyncio.to_thread(services.email_accounts.account, name)
        return await connect(account, services.pin_book, now=time.time)


def _prepare() -> None:
    """Import what talks to servers, away from the loop."""
    from misfin.post.fetching import connecting, server_search  # noqa: F401
