"""Files of a message being written: which to attach, by name, and what to do with those attached."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import events, on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from misfin.compose.typedpaths import as_pasted
from misfin.errors import MisfinError
from misfin_tui.dialogs.base import Choice, Dialog
from misfin_tui.screentext import plain
from misfin_tui.widgets.address_input import OneLine
from misfin_tui.widgets.facts import many, muted, text

if TYPE_CHECKING:
    from misfin.store.outgoing.attachments import AttachedFile
    from misfin.store.rows import Completion

Complete = Callable[[str, int], Awaitable[Sequence["Completion"]]]
Find = Callable[[str], Awaitable[list[Path]]]


class PathInput(OneLine):
    """The field for names; a paste of several lines is several names.

    ``used`` is asked about every key first, and says whether the key was for the offers.
    """

    def __init__(self, used: Callable[[str], bool]) -> None:
        super().__init__(id="paths", placeholder="~/plan.pdf", max_length=32_768)
        self._used = used

    def on_key(self, event: events.Key) -> None:
        """A key that is for the offers does nothing here."""
        if self._used(event.key):
            event.stop()
            event.prevent_default()

    def _on_paste(self, event: events.Paste) -> None:
        pasted = as_pasted(event.text)
        glued = self.cursor_position and not self.value[: self.cursor_position].endswith(" ")
        super()._on_paste(events.Paste(f" {pasted}" if glued and pasted else pasted))
        event.stop()
        event.prevent_default()


class AttachDialog(Dialog[list[Path]]):
    """Names of files, completed as they are typed; the answer is those that are there.

    ``complete`` offers names, ``find`` gives the files of a text or raises
    :class:`~misfin.errors.InputError`.
    """

    DEFAULT_CSS = """
    AttachDialog OptionList { height: 9; border: none !important; padding: 0; background: $surface; }
    AttachDialog OptionList { scrollbar-size-vertical: 1; margin-top: 1; }
    AttachDialog OptionList > .option-list--option-highlighted {
        background: $block-cursor-background; color: $block-cursor-foreground;
    }
    AttachDialog.-short OptionList { height: 4; }
    """

    def __init__(self, complete: Complete, find: Find) -> None:
        super().__init__("Attach files")
        self._complete = complete
        self._find = find
        self._offers: Sequence[Completion] = ()
        self._chosen = False  # whether the person moved among the offers

    def compose_body(self) -> ComposeResult:
        """The field, what it could become, and what is wrong with it."""
        yield text(
            "File names, separated by spaces. ~ and * work as in a shell; tab completes.", classes="muted"
        )
        yield PathInput(self._key)
        yield OptionList(id="offers", markup=False)
        yield text("", id="complaint", classes="warn")

    def choices(self) -> Sequence[Choice]:
        """Enter in the field attaches."""
        return Choice("cancel", "Cancel  esc"), Choice("attach", "Attach", "primary")

    def focus_first(self) -> None:
        """Names are typed at once; the offers follow the field and need no focus."""
        self.query_one("#offers", OptionList).can_focus = False
        self.query_one("#paths").focus()
        self._offer()

    # ---- offers

    @on(Input.Changed, "#paths")
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self._complain("")
        self._offer()

    @work(group="offer", exclusive=True, description="complete the name of a file")
    async def _offer(self) -> None:
        field = self.query_one("#paths", PathInput)
        value, cursor = field.value, field.cursor_position
        found = await self._complete(value, cursor)
        if (field.value, field.cursor_position) != (value, cursor) or not self.is_attached:
            return
        self._offers, self._chosen = found, False
        offers = self.query_one("#offers", OptionList)
        offers.clear_options()
        offers.add_options(
            Option(
                Content.assemble(
                    (f" {plain(_last(each.text), one_line=True)}  ", "bold"),
                    (plain(each.hint, one_line=True), muted(self.app)),
                )
            )
            for each in found
        )
        offers.highlighted = 0 if found else None

    def _key(self, key: str) -> bool:
        """Arrows move among the offers, tab takes one, enter too if one was chosen."""
        offers = self.query_one("#offers", OptionList)
        if not self._offers:
            return False
        if key in ("down", "up"):
            (offers.action_cursor_down if key == "down" else offers.action_cursor_up)()
            self._chosen = True
        elif key == "tab" or (key == "enter" and self._chosen):
            self._take(offers.highlighted or 0)
        else:
            return False
        return True

    @on(OptionList.OptionSelected)
    def _clicked(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self._take(event.option_index)

    def _take(self, number: int) -> None:
        """Put an offered name into the field; after a file the next may be typed."""
        field, offer = self.query_one("#paths", PathInput), self._offers[number]
        folder = offer.text.endswith("/")
        field.value = (
            f"{field.value[: offer.start]}{offer.text}{'' if folder else ' '}{field.value[offer.end :]}"
        )
        field.cursor_position = offer.start + len(offer.text) + (not folder)
        field.focus()

    # ---- answering

    @on(Input.Submitted, "#paths")
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        self.choose("attach")

    def choose(self, choice: str) -> None:
        """The files, or None."""
        if choice == "attach":
            self._answer()
        else:
            self.dismiss(None)

    @work(group="find", exclusive=True, description="find files to attach")
    async def _answer(self) -> None:
        try:
            found = await self._find(self.query_one("#paths", PathInput).value)
        except MisfinError as error:
            self._complain(f"{error} {error.remedy}".strip())
            self.query_one("#paths").focus()
        else:
            self.dismiss(found)

    def _complain(self, words: str) -> None:
        self.query_one("#complaint", Static).update(Content(plain(words, one_line=True)))


def _last(path: str) -> str:
    """The last part of an offered name, as it is called."""
    return path.rstrip("/").replace("\\", "").rpartition("/")[2] + ("/" if path.endswith("/") else "")


class FileAction(StrEnum):
    """What to do with an attached file."""

    OPEN = "open"
    REMOVE = "remove"
    EARLIER = "earlier"
    LATER = "later"
    ADD = "add"


class AttachedFilesDialog(Dialog[tuple[FileAction, int]]):
    """The attached files; the answer is what to do with which, counted from 0."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "move(1)", show=False),
        Binding("k", "move(-1)", show=False),
        Binding("J,shift+down", "answer('later')", show=False),
        Binding("K,shift+up", "answer('earlier')", show=False),
        Binding("d,delete", "answer('remove')", show=False),
        Binding("o", "answer('open')", show=False),
        Binding("a", "answer('add')", show=False),
    ]
    DEFAULT_CSS = """
    AttachedFilesDialog OptionList { height: auto; max-height: 14; border: none !important; padding: 0; }
    AttachedFilesDialog OptionList { background: $panel; scrollbar-size-vertical: 1; }
    """

    def __init__(self, files: Sequence[AttachedFile], types: Sequence[str], at: int = 0) -> None:
        """``types`` are those of the files, ``at`` is the one to begin at."""
        super().__init__(many(len(files), "attached file"))
        self._files = files
        self._types = types
        self._at = at

    def compose_body(self) -> ComposeResult:
        """One line each, and their keys."""
        files = OptionList(
            *(
                Option(
                    Content.assemble(
                        (f" {plain(file.name, one_line=True)}  ", "bold"),
                        (f"{plain(kind, one_line=True)}, {file.size:,} bytes", muted(self.app)),
                    )
                )
                for file, kind in zip(self._files, self._types, strict=True)
            ),
            markup=False,
        )
        files.highlighted = min(self._at, len(self._files) - 1)
        yield files
        yield text("o opens, d removes, J and K move it down and up, a attaches another", classes="muted gap")

    def choices(self) -> Sequence[Choice]:
        """Closing is safe."""
        return (
            Choice("close", "Close  esc"),
            Choice(FileAction.OPEN, "Open"),
            Choice(FileAction.REMOVE, "Remove"),
            Choice(FileAction.ADD, "Attach …"),
        )

    def action_move(self, lines: int) -> None:
        """As in every list of the program."""
        files = self.query_one(OptionList)
        files.focus()
        (files.action_cursor_down if lines > 0 else files.action_cursor_up)()

    def action_answer(self, choice: str) -> None:
        """A key for one of the answers."""
        self.choose(choice)

    @on(OptionList.OptionSelected)
    def _selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.choose(FileAction.OPEN)

    def choose(self, choice: str) -> None:
        """The answer, or None."""
        if choice == "close":
            self.dismiss(None)
        else:
            self.dismiss((FileAction(choice), self.query_one(OptionList).highlighted or 0))
