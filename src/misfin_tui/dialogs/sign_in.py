"""Signing in to a provider: where to go and the code to enter there, until the provider answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

from textual import work
from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Static

from misfin.errors import MisfinError
from misfin_tui.dialogs.base import Choice, Dialog
from misfin_tui.host import host_of
from misfin_tui.screentext import plain
from misfin_tui.widgets.facts import text


class Provider(Protocol):
    """Where to sign in, as the dialog sees it."""

    address: str
    """Whose account it is."""

    @property
    def provider(self) -> str:
        """Its name."""

    @property
    def ways(self) -> Sequence[str]:
        """The ways to sign in, the best first."""

    async def run(self, way: str, show: Callable[[str, str], None]) -> object:
        """Sign in, and return what that gives; ``show`` gets the address to open and a code, or none."""


class SignInDialog(Dialog[Any]):
    """Waits for a person to sign in; the answer is the token. Escape gives up.

    ``open_link`` opens an address in a browser.
    """

    DEFAULT_CSS = """
    SignInDialog #code { text-style: bold; padding: 0 2; }
    SignInDialog #url { color: $primary; }
    """

    def __init__(self, sign_in: Provider, open_link: Callable[[str], Awaitable[None]]) -> None:
        super().__init__(f"Sign in to {sign_in.provider}")
        self._sign_in = sign_in
        self._open_link = open_link
        self._way = sign_in.ways[0]
        self._url = ""

    def compose_body(self) -> ComposeResult:
        """What to do, where, and how it goes."""
        yield text("", id="what")
        yield text("", id="url", classes="gap")
        yield text("", id="code", classes="gap")
        yield text("", id="state", classes="muted gap")

    def choices(self) -> Sequence[Choice]:
        """Giving up is safe."""
        several = len(self._sign_in.ways) > 1
        return (
            Choice("cancel", "Cancel  esc"),
            Choice("open", "Open in browser", "primary"),
            Choice("copy", "Copy address"),
            Choice("again", "Another way" if several else "Start again"),
        )

    def on_mount(self) -> None:
        """Begin at once."""
        super().on_mount()
        self._begin()

    def choose(self, choice: str) -> None:
        """Cancel, open or copy the address, begin again."""
        if choice == "cancel":
            self.dismiss(None)
        elif choice == "again":
            ways = self._sign_in.ways
            self._way = ways[(ways.index(self._way) + 1) % len(ways)]
            self._begin()
        elif self._url and choice == "copy":
            self.app.copy_to_clipboard(self._url)
            host_of(self).say("The address was copied.")
        elif self._url:
            self._open(self._url)

    @work(group="open", exclusive=True, description="open a browser")
    async def _open(self, url: str) -> None:
        try:
            await self._open_link(url)
        except MisfinError as error:
            self._say("state", f"{error} {error.remedy} Copy the address into a browser.")

    @work(group="sign-in", exclusive=True, description="sign in")
    async def _begin(self) -> None:
        self._url = ""
        for part in ("what", "url", "code"):
            self._say(part, "")
        self._say("state", f"Asking {self._sign_in.provider} …")
        try:
            token = await self._sign_in.run(self._way, self._invite)
        except MisfinError as error:
            self._say("state", f"{error} {error.remedy}".strip())
        else:
            self.dismiss(token)

    def _invite(self, url: str, code: str) -> None:
        self._url = url
        where = "in any browser, and enter the code below" if code else "in a browser here"
        self._say("what", f"Open this address {where}. Allow access for {self._sign_in.address}.")
        self._say("url", url)
        self._say("code", code)
        self._say("state", "Waiting for you to sign in …")

    def _say(self, part: str, words: str) -> None:
        widget = self.query_one(f"#{part}", Static)
        widget.update(Content(plain(words, one_line=True)))
        widget.display = bool(words)
