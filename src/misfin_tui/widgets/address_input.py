"""A field for recipients, separated by commas, with offers from the address book below it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import events
from textual.binding import Binding
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, OptionList
from textual.widgets.option_list import Option

from misfin.compose.addresslist import entries_of, entry_at
from misfin.compose.recipients import AddressReader, TypedRecipient, read_recipient
from misfin.store.evidence import Evidence
from misfin_tui.screentext import plain
from misfin_tui.widgets.facts import muted
from misfin_tui.widgets.gemtext_area import typable
from misfin_tui.widgets.in_order import InOrder

MAX_LENGTH = 65_536  # characters: a pasted list of a thousand people and more


@dataclass(frozen=True, slots=True)
class Offer:
    """One completion: ``entry`` is what will be in the field, ``evidence`` and ``note`` say how it
    is known who that is."""

    address: str
    name: str
    entry: str
    evidence: Evidence
    note: str


# What hides in a line and no script is written with: zero-width space, word joiner and operators, tags.
_INVISIBLE = re.compile("[\u200b\u2060-\u2065\U000e0000-\U000e0fff]")


class OneLine(InOrder, Input):
    """An input whose text is harmless wherever it came from: typed, pasted or set."""

    BETWEEN_LINES: ClassVar[str] = " "
    """What replaces a line end in a paste of several lines."""

    DEFAULT_CSS = """
    OneLine { border: none; height: 1; padding: 0; background: $surface; }
    OneLine:focus { border: none; background: $panel; }
    """

    def validate_value(self, value: str) -> str:
        """What could act on a terminal or hide is not taken."""
        return _INVISIBLE.sub("", typable(value)).replace("\n", " ").replace("\t", " ")

    def _on_paste(self, event: events.Paste) -> None:
        """Take every line of a paste, or nothing of one that is too long, and say so."""
        event.stop()
        event.prevent_default()
        lines = typable(event.text).split("\n")
        if len(lines) > 1:
            between = self.BETWEEN_LINES.strip()
            lines = [text for line in lines if (text := line.strip().removesuffix(between))]
        pasted = self.validate_value(self.BETWEEN_LINES.join(lines))
        selected = abs(self.selection.end - self.selection.start)
        if self.max_length and len(self.value) - selected + len(pasted) > self.max_length:
            self.notify(
                f"The clipboard holds {len(pasted):,} characters, more than this line takes"
                f" ({self.max_length:,}). Nothing was pasted; it is still in the clipboard.",
                severity="warning",
                markup=False,
            )
        else:
            self.type_in(pasted)

    def type_in(self, text: str) -> None:
        """Replace what is selected with text, as keys do."""
        self.replace(text, *sorted(self.selection))


class HeaderLine(OneLine):
    """A line above the text of a message; its screen has ``action_next_field``, which enter runs."""

    BINDINGS: ClassVar = [Binding("enter", "screen.next_field", show=False)]
    LEAVE_KEYS: ClassVar = frozenset({"enter", "tab"})
    """Keys that end in an action of ``typeahead.MOVERS``; in which, only the keys before them decide."""


class AddressInput(HeaderLine):
    """The field itself. The screen answers :class:`CompletionWanted` with :meth:`AddressOffers.show`."""

    BETWEEN_LINES = ", "

    @dataclass
    class CompletionWanted(Message):
        """Offers are wanted for what is being typed; an empty ``prefix`` means none."""

        field: AddressInput
        prefix: str

        @property
        def control(self) -> AddressInput:
            """The field."""
            return self.field

    def __init__(self, offers: AddressOffers, *, value: str = "", id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(
            value,
            id=id,
            placeholder="mailbox@host, another@host",
            max_length=MAX_LENGTH,
            select_on_focus=False,  # who comes back to add somebody must not replace them all
        )
        self.offers = offers
        offers.field = self
        self.reader: AddressReader | None = None
        """How the account in From reads addresses; None while that is not known."""
        self._read: tuple[str, AddressReader | None, list[TypedRecipient]] = ("", None, [])

    @property
    def recipients(self) -> list[TypedRecipient]:
        """The entries of the field."""
        if self.reader is None:
            return [TypedRecipient(entry, None) for entry in entries_of(self.value)]
        value, reader, found = self._read
        if (value, reader) != (self.value, self.reader):
            # Of a list of hundreds, a key changes one entry.
            known = {each.text: each for each in found} if reader is self.reader else {}
            entries = entries_of(self.value)
            found = [known.get(each) or read_recipient(each, self.reader) for each in entries]
            self._read = (self.value, self.reader, found)
        return found

    @property
    def shown(self) -> bool:
        """Whether the account in From has such a field."""
        return bool(self.display and (self.parent is None or self.parent.display))

    @property
    def written(self) -> tuple[str, ...]:
        """Its entries as a draft keeps them; those of a field that is not shown as they were."""
        if not self.shown:
            return tuple(entries_of(self.value))
        return tuple(entry.written for entry in self.recipients)

    def _entry(self) -> tuple[int, int]:
        """Where the entry around the cursor begins and ends."""
        found = entry_at(self.value, self.cursor_position)
        return found.start, found.end

    def accept(self, entry: str) -> None:
        """Replace the entry being typed with another one and get ready for the next."""
        start, end = self._entry()
        head = self.value[:start].rstrip()
        tail = self.value[end:].lstrip(",; ")
        front = f"{head} {entry}, " if head else f"{entry}, "
        self.value = front + tail
        self.cursor_position = len(front)
        self.offers.hide()

    @property
    def prefix(self) -> str:
        """What is typed of the entry at the cursor; empty without the focus."""
        start, end = self._entry()
        return self.value[start : min(end, self.cursor_position)].strip() if self.has_focus else ""

    @property
    def offering(self) -> bool:
        """Whether offers are shown for what is there now; they follow a moment after the keys."""
        return self.offers.display and self.offers.prefix == self.prefix

    def on_input_changed(self) -> None:
        """Ask for offers for the entry at the cursor."""
        self.post_message(self.CompletionWanted(self, self.prefix))

    def check_consume_key(self, key: str, character: str | None = None) -> bool:
        """While offers are shown, tab does not move the focus."""
        return (key == "tab" and self.offering) or super().check_consume_key(key, character)

    async def on_key(self, event: events.Key) -> None:
        """While offers are shown: arrows move among them, enter or tab takes one, escape closes them."""
        if not self.offering and not (self.offers.display and event.key == "escape"):
            return
        if event.key in ("down", "up"):
            (self.offers.action_cursor_down if event.key == "down" else self.offers.action_cursor_up)()
        elif event.key in ("enter", "tab"):
            await self.run_action("take_offer")
        elif event.key == "escape":
            self.offers.hide()
        else:
            return
        event.stop()
        event.prevent_default()

    def action_take_offer(self) -> None:
        """Take the offer that is highlighted, at once: the next key goes behind it."""
        offers = self.offers
        if offers.highlighted is not None and (entry := offers.get_option_at_index(offers.highlighted).id):
            self.accept(entry)

    def on_blur(self) -> None:
        """Leaving the field closes the offers, unless the mouse is on them."""
        if not self.offers.mouse_hover:
            self.offers.hide()


class AddressOffers(OptionList, can_focus=False):
    """The offers, laid over what is below the field."""

    DEFAULT_CSS = """
    AddressOffers {
        display: none; layer: offers; height: auto; max-height: 8; max-width: 100%; min-width: 30;
        border: none; background: $panel; scrollbar-size: 0 1; padding: 0;
        text-wrap: nowrap; text-overflow: ellipsis;
        & > .option-list--option-highlighted {
            background: $block-cursor-background; color: $block-cursor-foreground; text-style: none;
        }
    }
    AddressOffers:ansi > .option-list--option-highlighted {
        color: ansi_bright_white; background: ansi_blue; text-style: bold underline;
    }
    """
    MAX_NAME: ClassVar[int] = 28

    field: AddressInput | None = None

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id, markup=False)
        self.prefix = ""
        """What these were offered for."""

    def show(self, offers: Sequence[Offer], prefix: str) -> None:
        """Show these offers for ``prefix``, or nothing when there are none."""
        self.prefix = prefix
        self.clear_options()
        self.add_options(
            Option(
                Content.assemble(
                    (f" {offer.evidence.sign} ", f"$evidence-{offer.evidence}"),
                    (plain(offer.address, one_line=True), "bold"),
                    (f"  {plain(offer.name, one_line=True)[: self.MAX_NAME]}" if offer.name else "", ""),
                    (f"  {plain(offer.note, one_line=True)}" if offer.note else "", muted(self.app)),
                ),
                id=offer.entry,
            )
            for offer in offers
        )
        self.display = bool(offers)
        if offers:
            self.highlighted = 0

    def hide(self) -> None:
        """Close them."""
        self.display = False

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Taken by key or mouse."""
        event.stop()
        if self.field is not None and event.option_id is not None:
            self.field.accept(event.option_id)
            self.field.focus()
