"""From: the account a message is written from, as which of its addresses, and what follows from that."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from textual.content import Content
from textual.widgets import Select

from misfin.compose.aliases import is_own, is_pattern
from misfin.compose.quoting import signed_again
from misfin.errors import AddressError
from misfin.model.recipient import mail_address
from misfin_tui.dialogs.confirm import ConfirmDialog
from misfin_tui.screens.base import AppScreen, ScreenController
from misfin_tui.screentext import plain
from misfin_tui.widgets.controller import worker

if TYPE_CHECKING:
    from misfin.compose.recipients import TypedRecipient
    from misfin.model.account import Account
    from misfin.post.transport import Capabilities
    from misfin.store.outgoing.drafts import Draft
    from misfin_tui.services.accounts import Sender
    from misfin_tui.widgets.gemtext_area import GemtextArea

_TYPED = "*"
"""In place of an address: one that fits a pattern of the account, and that the person types."""


class FromChooser(Select[str]):
    """The list of accounts; ``used`` once a person took one of it, even the one that was taken already."""

    used = False

    def on_select_overlay_update_selection(self) -> None:
        """One was taken by key or mouse."""
        self.used = True


class FromAccount(ScreenController):
    """The choice of an account, and of one of its aliases.

    A choice is the directory of the account, and after a space the alias if it is not the account's own
    address. ``changed`` is called with the senders before and after when the account is another one.
    """

    def __init__(
        self, screen: AppScreen, draft: Draft, changed: Callable[[Sender | None, Sender], None]
    ) -> None:
        super().__init__(screen)
        self._draft = draft
        self._changed = changed
        self._senders: dict[str, Sender] = {}
        self._before = ""  # the choice that counted last
        self._given = ""  # the choice that was made for the person
        self._chosen = False
        self._options: list[tuple[Content, str]] = []
        self.chooser = FromChooser([], prompt="no address yet", compact=True, allow_blank=True, id="from")
        self.known = asyncio.Event()
        """Set once the fields can be read as the accounts read them."""

    # ---- what is chosen

    @property
    def account(self) -> str:
        """The directory of the account to write from."""
        return self._choice.partition(" ")[0]

    @property
    def alias(self) -> str:
        """The address to write as; empty for the account's own."""
        return self._choice.partition(" ")[2]

    @property
    def chosen(self) -> bool:
        """Whether a person decided about it."""
        return self._chosen or self.chooser.used

    @property
    def _choice(self) -> str:
        value = self.chooser.value
        if not isinstance(value, str):
            return f"{self._draft.account} {self._draft.sender}".strip()
        return self._before if value.endswith(f" {_TYPED}") else value

    @property
    def sender(self) -> Sender | None:
        """How the account writes; None while that is not known."""
        return self._senders.get(self.account)

    def able(self) -> Capabilities | None:
        """What a message from it can have; None while that is not known."""
        return self.sender.capabilities if self.sender else None

    @property
    def splits(self) -> bool:
        """Whether a text that is too long can go as several messages."""
        return self.sender is None or self.sender.capabilities.split

    # ---- what can be chosen

    async def learn(self, directories: Iterable[str]) -> None:
        """Find out how these accounts write."""
        self._senders = await self.screen.attempt(self.services.accounts.senders(directories)) or {}

    def fill(self, accounts: Sequence[Account]) -> None:
        """Offer the accounts and their aliases; the draft's own stay even if they are gone."""
        self._options = [option for account in accounts for option in self._of(account)]
        account = self._draft.account or (accounts[0].directory if accounts else "")
        wanted = f"{account} {self._draft.sender}".strip() if account else ""
        if account and not any(choice.partition(" ")[0] == account for _, choice in self._options):
            self._options.append((_shown(account, "(no identity)"), account))
        self._given = wanted
        self._offer(wanted)

    def give(self, directory: str) -> bool:
        """Write from another account, for the person; False where it is not offered."""
        if directory not in self._senders or directory not in {each for _, each in self._options}:
            return False
        self._given = directory
        self._offer(directory)
        return True

    def _of(self, account: Account) -> list[tuple[Content, str]]:
        sender, directory = self._senders.get(account.directory), account.directory
        aliases = sender.aliases if sender else ()
        options = [(_shown(account.address, account.title), directory)]
        options += [
            (_shown(alias, account.title), f"{directory} {alias}")
            for alias in aliases
            if not is_pattern(alias)
        ]
        if patterns := [alias for alias in aliases if is_pattern(alias)]:
            options.append((_shown(" or ".join(patterns), "…"), f"{directory} {_TYPED}"))
        return options

    def _offer(self, choice: str) -> None:
        """Choose something, offered from now on if it was not yet."""
        directory, _, alias = choice.partition(" ")
        if alias and choice not in {each for _, each in self._options}:
            sender = self._senders.get(directory)
            at = next(n for n, (_, each) in enumerate(self._options) if each.partition(" ")[0] == directory)
            self._options.insert(at + 1, (_shown(alias, sender.title if sender else ""), choice))
        with self.chooser.prevent(Select.Changed):
            self.chooser.set_options(self._options)
        if choice:
            self.chooser.value = choice

    # ---- it changes

    def follow(self) -> None:
        """The choice is another one, or how the accounts write is known by now."""
        value = self.chooser.value
        if isinstance(value, str) and value.endswith(f" {_TYPED}"):
            self._ask(value.partition(" ")[0])
            return
        before, self._before = self._before, self._choice
        self._chosen = self._chosen or self._choice != self._given
        if self.sender is not None:
            self._changed(self._senders.get(before.partition(" ")[0]), self.sender)

    @worker(group="alias", exclusive=True, description="write from another address")
    async def _ask(self, directory: str) -> None:
        from misfin_tui.dialogs.prompt import PromptDialog  # late: few people have such addresses

        sender = self._senders[directory]
        patterns = " or ".join(each for each in sender.aliases if is_pattern(each))
        dialog = PromptDialog(
            "Write from",
            f"Which address of {patterns}?",
            yes="Use it",
            check=lambda text: _not_ours(text, sender),
        )
        answer = await self.screen.app.push_screen_wait(dialog)
        if self.screen.standing:
            self._offer(f"{directory} {mail_address(answer)[0]}" if answer else self._before)

    def choose_address(self, address: str) -> bool:
        """Write as this address, whichever account has it; False where none has."""
        for directory, sender in sorted(self._senders.items(), key=lambda each: each[0] != self.account):
            if not sender.address:
                continue
            if address.casefold() == sender.address.casefold():
                self._offer(directory)
                return True
            if sender.aliases and not _not_ours(address, sender):
                self._offer(f"{directory} {address}")
                return True
        return False

    def resign(self, body: GemtextArea, before: Sender | None) -> None:
        """Put the account's signature in place of that of the one before, if that was not touched."""
        sender = self.sender
        if sender is None or before is None or body.read_only:
            return
        text = signed_again(body.text, before.signature, sender.signature)
        if text is not None:
            place = body.cursor_location
            body.replace(text, (0, 0), body.document.end)
            body.move_cursor(min(place, body.document.end))

    async def instead(self, entry: TypedRecipient) -> str | None:
        """For a recipient the account cannot write to: the directory of one that can, if it is wanted."""
        wanted = self.services.accounts.of_kind(entry.other) if entry.other else None
        account = await self.screen.attempt(wanted) if wanted else None
        if account is None:
            self.misfin.say(
                f"{entry.problem} You have no such account: write to another address.", severity="warning"
            )
            return None
        name = "" if account.name == account.address else f" ({account.name})"
        dialog = ConfirmDialog(
            "Write from another account?",
            f"{entry.problem} From can be {account.address}{name} instead; all recipients are then read as"
            " its addresses.",
            yes="Change From",
            no="Go back",
        )
        answer = await self.screen.app.push_screen_wait(dialog)
        self._chosen = True
        return account.directory if answer is True else None


def _shown(address: str, note: str) -> Content:
    return Content(plain(f"{address}  {note}".rstrip(), one_line=True))


def _not_ours(text: str, sender: Sender) -> str:
    """What is wrong with an address to write from; empty when it is one of the account's."""
    try:
        address, _ = mail_address(text)
    except AddressError as error:
        return f"{error} {error.remedy}"
    if is_own(address, sender.address, sender.aliases):
        return ""
    return f"{address} is not one of this account's addresses. Its `aliases` in the settings say which are."
