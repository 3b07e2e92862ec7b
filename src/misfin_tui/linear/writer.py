"""A message being written: its text and fields, saved all the time, and how its recipients are known."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from misfin.compose.addresslist import entries_of
from misfin.compose.quoting import signed_again
from misfin.compose.recipients import read_recipients, reread
from misfin.errors import StoreError
from misfin.store.outgoing.drafts import Draft
from misfin_tui.linear.desk import sentence_of
from misfin_tui.wording.sending import from_follows, standing_words

if TYPE_CHECKING:
    from misfin.compose.recipients import TypedRecipient
    from misfin.model.account import Account
    from misfin_tui.linear.desk import Desk
    from misfin_tui.services.accounts import Sender


class Writer:
    """One message being written. Its text is the lines that are done, and perhaps one that is being typed."""

    def __init__(self, desk: Desk, draft: Draft, sender: Sender) -> None:
        self.desk = desk
        self.draft = draft
        self.sender = sender
        self.before: list[str] | None = None
        """The lines above which is written at present, None while none are."""
        self.after: list[str] = []
        self.below = quoted_or_signed(draft)
        """The lines that were there before anything was written: a quotation, and the signature."""
        self.finished = False
        self.follows = False
        """Whether From may become an account of another kind, for the recipients, without a question."""
        self.keeper = desk.services.sending.autosave(self._saved, self._not_saved, last=draft)

    def keep(self) -> None:
        """Have what is written saved soon."""
        self.keeper.put(self.draft)

    def keep_as_it_is(self) -> None:
        """The program ends now: hand over what is written, also the line that is being typed."""
        if self.finished:
            return
        if self.before is not None:
            begun = [self.desk.terminal.begun] if self.desk.terminal.begun else []
            self.draft = replace(self.draft, body=joined([*self.before, *begun, *self.after]))
        if self.draft.id or not self.draft.empty:
            self.keep()

    def change(self, draft: Draft) -> None:
        """Go on with this."""
        self.draft = draft
        self.keep()

    @property
    def recipients(self) -> list[TypedRecipient]:
        """Everybody it goes to."""
        entries = (*self.draft.to, *self.draft.cc, *self.draft.bcc)
        return [each for entry in entries for each in read_recipients(entry, self.sender)]

    def _saved(self, draft: Draft) -> None:
        if self.draft.id not in ("", draft.id):
            self.desk.terminal.notice(
                "This draft was changed in another window. Both are kept: this one is now a separate draft."
            )
        self.draft = replace(self.draft, id=draft.id)

    def _not_saved(self, error: StoreError) -> None:
        what = "The draft could not be saved; saving will be tried again."
        self.desk.terminal.notice(sentence_of(error, what))


def quoted_or_signed(draft: Draft) -> list[str]:
    """What stands below the text that is to be written; nothing of a draft that is continued."""
    return [] if draft.id or not draft.body.strip() else ["", *draft.body.strip("\n").split("\n")]


def divided(body: str, below: list[str]) -> tuple[list[str], list[str]]:
    """The lines to write below, and those to write above."""
    lines = body.rstrip("\n").split("\n") if body.strip() else []
    if below and ["", *lines][-len(below) :] == below:
        own = lines[: max(len(lines) - len(below), 0)]
        return own if any(line.strip() for line in own) else [], below
    return lines, []


def joined(lines: list[str]) -> str:
    return "\n".join(lines)


async def tell_people(writer: Writer) -> None:
    """How it is known who each recipient is."""
    contacts = writer.desk.services.contacts
    for entry in writer.recipients:
        if entry.recipient is None:
            await writer.desk.say(f"{entry.text}: {entry.problem}")
            continue
        known = (await contacts.known_recipients([entry.recipient.address], entry.kind))[0]
        words = "your own address" if known.own else standing_words(known.standing, entry.kind)
        await writer.desk.say(f"To {entry.address}: {words}.")


async def follow_recipients(writer: Writer) -> None:
    """Write from another account where only that reaches them and From was not chosen, and say so."""
    draft = writer.draft
    if writer.follows:
        people = (*draft.to, *draft.cc, *draft.bcc)
        found = await writer.desk.services.accounts.reaching(people, writer.sender.kind)
        if found is not None:
            await use_account(writer, found.account, from_follows(found.address, found.kind, found.account))
            return
    await tell_people(writer)


async def use_account(writer: Writer, account: Account, words: str = "") -> None:
    """Write from another account from now on; ``words`` say why, where a person did not choose it."""
    senders = await writer.desk.services.accounts.senders([account.directory])
    before, writer.sender = writer.sender, senders[account.directory]
    body = signed_again(writer.draft.body, before.signature, writer.sender.signature)
    to, cc, bcc = (
        tuple(entries_of(reread(", ".join(people), before, writer.sender)))
        for people in (writer.draft.to, writer.draft.cc, writer.draft.bcc)
    )
    draft = replace(writer.draft, account=account.directory, sender="", to=to, cc=cc, bcc=bcc)
    writer.change(draft if body is None else replace(draft, body=body))
    writer.desk.services.sending.composing.opened(writer, account.directory)
    await writer.desk.say(words or f"From {account.address}.")
    await tell_people(writer)
