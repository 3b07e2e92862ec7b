"""The composer: recipients with completion and trust, gemtext with preview, a byte meter, no lost word."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Input, Select, Static, TextArea

from misfin.errors import MisfinError, StoreError
from misfin.store.drafts import Draft
from misfin_tui.dialogs.confirm import ConfirmDialog, DraftDialog, Leaving
from misfin_tui.keymap import Room
from misfin_tui.messages import ConfigChanged, MailChanged
from misfin_tui.screens.place import AppScreen
from misfin_tui.screens.sending import certain, fitting, people_line
from misfin_tui.screentext import plain
from misfin_tui.widgets.address_input import AddressInput, AddressOffers, Offer, OneLine
from misfin_tui.widgets.bindings import bindings
from misfin_tui.widgets.byte_meter import ByteMeter
from misfin_tui.widgets.facts import clock, day, many, text
from misfin_tui.widgets.gemtext_area import MAX_TEXT, GemtextArea, typable
from misfin_tui.widgets.gemtext_view import GemtextView
from misfin_tui.widgets.statusbar import KeyBar, StatusBar

if TYPE_CHECKING:
    from textual.timer import Timer

    from misfin_tui.services.autosave import Autosave
    from misfin_tui.services.identities import OwnIdentity
    from misfin_tui.services.measuring import Measure

WIDE = 100
"""Cells from which the preview stands beside the text by itself."""
PAUSE = 0.15
"""Seconds without a key before preview, meter and trust are worked out: a key never waits for them."""


class ComposeScreen(AppScreen):
    """One message being written."""

    BINDINGS = bindings(Room.COMPOSE)
    BINDING_GROUP_TITLE = "Composer"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (WIDE, "-wide")]  # noqa: RUF012 - Textual declares it per instance
    VERTICAL_BREAKPOINTS = [(0, "-tiny"), (12, "-short"), (20, "-tall")]  # noqa: RUF012 - as above
    DEFAULT_CSS = """
    ComposeScreen {
        layers: base offers; background: $background;
        .line { height: 1; padding: 0 1; }
        .line > .label { width: 9; color: $text-muted; }
        .line > Input { width: 1fr; }
        #from { width: 1fr; height: 1; }
        #people { height: auto; max-height: 2; padding: 0 1 0 10; color: $text-muted; display: none; }
        #people.-some { display: block; }
        #text { height: 1fr; }
        #body { width: 1fr; height: 1fr; }
        #side { display: none; width: 1fr; height: 1fr; border: round $border-blurred; }
        #side { border-title-color: $text-muted; }
        #preview { height: 1fr; }
        &.-previewing #side { display: block; }
        &.-narrow #text { layout: vertical; }
        &.-short #status, &.-tiny #status { display: none; }
        &.-tiny #people, &.-tiny #from-line, &.-tiny #meter { display: none; }
        &.-tiny #body { border: none; padding: 0; }
    }
    """

    def __init__(self, draft: Draft | None = None) -> None:
        super().__init__()
        self.draft = draft or Draft()
        self._opened: Draft | None = None  # as the fields showed it first; None until they do
        self._keeper: Autosave | None = None
        self._preview: bool | None = None  # None: as the width decides
        self._measure: Measure | None = None
        self._finished = False
        self._look_timer: Timer | None = None
        self._looked_up = ""

    # ---- the frame

    def compose(self) -> ComposeResult:
        """From, To, Subject, the text with its preview, the meter."""
        draft, forward = self.draft, self.draft.forwards is not None
        self.offers = AddressOffers(id="offers")
        self.to = AddressInput(self.offers, value=", ".join(draft.to), id="to")
        self.subject = OneLine(draft.subject, id="subject", placeholder="Subject", max_length=1000)
        self.body = GemtextArea(typable(draft.body), id="body")
        self.preview = GemtextView(id="preview")
        self.people = Static(id="people", markup=False)
        self.meter = ByteMeter(id="meter")
        self.chooser = Select[str]([], prompt="no address yet", compact=True, allow_blank=True, id="from")
        yield StatusBar(
            "Forward" if forward else "Reply" if draft.in_reply_to else "New message", id="status"
        )
        with Horizontal(classes="line", id="from-line"):
            yield text("From", classes="label")
            yield self.chooser
        with Horizontal(classes="line"):
            yield text("To", classes="label")
            yield self.to
        yield self.people
        with Horizontal(classes="line"):
            yield text("Subject", classes="label")
            yield self.subject
        with Horizontal(id="text"):
            yield self.body
            with Vertical(id="side") as side:
                side.border_title = "Passed on as it is" if forward else "Preview"
                yield self.preview
        yield self.meter
        yield KeyBar(id="keys")
        yield self.offers

    async def on_mount(self) -> None:
        """Take up what an editor may have left, and begin to watch over the text."""
        self._keeper = self.services.sending.autosave(self._saved, self._not_saved)
        self._keeper.draft_id = self.draft.id
        if self.draft.forwards is not None:
            self.subject.disabled = True
            self.body.read_only = True
        self._show_preview()
        self._focus_first()
        self.call_after_refresh(self._begin)  # what stands inside containers is there then too

    def _focus_first(self) -> None:
        if not self.to.value or self.draft.forwards is not None:
            self.to.focus()
        elif not self.subject.value:
            self.subject.focus()
        else:
            self.body.focus()
            lines = self.body.document.lines
            quoted = [at for at, line in enumerate(lines) if line.startswith(">")]
            self.body.move_cursor((min(quoted[-1] + 2, len(lines) - 1), 0) if quoted else (0, 0))

    @work(group="begin", description="begin a message")
    async def _begin(self) -> None:
        identities = await self.attempt(self.services.identities.all()) or []
        if not self.standing:
            return
        self._fill_from(identities)
        self._opened = self.draft_now()
        await self._recover()
        self._look_again()

    def _fill_from(self, identities: list[OwnIdentity]) -> None:
        """The addresses to choose from; the draft's own stays even if its identity is gone."""
        options = [
            (
                Content(plain(f"{each.address}  {each.info.blurb if each.info else ''}", one_line=True)),
                each.address,
            )
            for each in identities
            if each.address
        ]
        known = {address for _, address in options}
        account = self.draft.account or (options[0][1] if options else "")
        if account and account not in known:
            options.append((Content(plain(f"{account}  (no identity)", one_line=True)), account))
        self.chooser.set_options(options)
        if account:
            self.chooser.value = account

    # ---- what is written

    @property
    def account(self) -> str:
        """The address to write from."""
        value = self.chooser.value
        return value if isinstance(value, str) else self.draft.account

    def draft_now(self) -> Draft:
        """The message as the fields have it."""
        forward = self.draft.forwards is not None
        return replace(
            self.draft,
            account=self.account,
            to=tuple(entry.written for entry in self.to.recipients),
            subject=self.draft.subject if forward else self.subject.value,
            body=self.draft.body if forward else self.body.text,
        )

    @property
    def touched(self) -> bool:
        """Whether a person changed anything since the composer opened."""
        return self._opened is not None and self.draft_now() != self._opened

    @on(TextArea.Changed)
    @on(Select.Changed)
    @on(Input.Changed)
    def _changed(self, event: Any) -> None:
        """Anything was written: save it soon, and look at it soon after."""
        if self._opened is None or self._finished:
            return
        if self._keeper is not None and (self.touched or self._keeper.draft_id):
            self._keeper.put(self.draft_now())
        self._look_soon()

    def _look_soon(self) -> None:
        if self._look_timer is not None:
            self._look_timer.stop()
        self._look_timer = self.set_timer(PAUSE, self._look_again)

    def _look_again(self) -> None:
        """Measure, draw the preview, look up recipients."""
        if not self.standing:
            return
        if self.has_class("-previewing"):
            self.preview.show_layout(self._layout(), keep=True)
        self._measure_it()
        if self.to.value != self._looked_up:
            self._looked_up = self.to.value
            self._show_people()

    def _layout(self) -> Any:
        from misfin_tui.widgets.gemtext_rows import lay_out

        subject = self.subject.value.strip()
        shown = f"# {subject}\n\n{self.body.text}" if subject else self.body.text
        return lambda width: lay_out(shown, width)

    @work(group="measure", exclusive=True, description="measure a message")
    async def _measure_it(self) -> None:
        found = await self.attempt(self.services.sending.measure(self.draft_now()))
        if found is not None and self.standing:
            self._measure = found
            self.meter.measure(found.size, found.limit, found.whose)

    # ---- saving

    def _saved(self, draft: Draft) -> None:
        self.draft = replace(self.draft, id=draft.id)
        if self.standing:
            self.meter.saved(f"draft saved {clock(draft.modified)}")

    def _not_saved(self, error: StoreError) -> None:
        if self.standing:
            self.meter.saved("DRAFT NOT SAVED")
        self.misfin.report(error, "The draft could not be saved; it is tried again.")

    def on_unmount(self) -> None:
        """However the screen goes: what was written is saved."""
        if self._keeper is not None and self._keeper.unsaved and not self._finished:
            self._keeper.save_now()

    async def _recover(self) -> None:
        """Text an editor had saved when the program died is taken up again."""
        from misfin_tui.editor import leftover

        if not self.draft.id or self.draft.forwards is not None:
            return
        found = await asyncio.to_thread(leftover, self.services.profile.runtime, self.draft.id)
        if found is not None and self.standing and typable(found) != self.body.text:
            self.body.text = typable(found)[:MAX_TEXT]
            self.misfin.say("The text your editor had saved when the program ended was taken up again.")

    # ---- recipients

    @on(AddressInput.Wanted)
    def _offers_wanted(self, event: AddressInput.Wanted) -> None:
        event.stop()
        if self._opened is None or not event.prefix:
            self.offers.hide()
            return
        self._offer(event.prefix)

    @work(group="offer", exclusive=True, description="complete an address")
    async def _offer(self, prefix: str) -> None:
        try:
            known = await self.services.contacts.complete(prefix)
        except MisfinError:
            return  # completion is a convenience: a broken address book is told where it is opened
        there = {entry.address.address for entry in self.to.recipients if entry.address}
        offers = [
            Offer(
                each.contact.address,
                each.contact.name,
                each.trust.badge.value,
                each.trust.note + (f" {day(each.trust.since)}" if each.trust.since else ""),
            )
            for each in known
            if each.contact.address not in there
        ]
        if self.standing and self.to.has_focus:
            region = self.to.region
            self.offers.styles.offset = (region.x, region.y + 1)
            self.offers.show(offers)

    @work(group="people", exclusive=True, description="look up recipients")
    async def _show_people(self) -> None:
        """One line below To: for each recipient whether it is known, and what is odd."""
        entries = self.to.recipients
        addresses = [entry.address for entry in entries if entry.address]
        states = await self.attempt(self.services.contacts.trust_of(addresses))
        if states is None or not self.standing:
            return
        self.people.update(people_line(entries, states))
        self.people.set_class(bool(entries), "-some")

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        (self.subject if event.input is self.to and not self.subject.disabled else self.body).focus()

    @on(GemtextArea.TooMuch)
    def _too_much(self, event: GemtextArea.TooMuch) -> None:
        self.misfin.say(
            f"The clipboard holds {event.size:,} bytes, more than any message can carry (16,384)."
            " Nothing was pasted; it is still in the clipboard.",
            severity="warning",
        )

    # ---- preview and editor

    def on_resize(self) -> None:
        """The width may decide about the preview."""
        self._show_preview()

    def action_toggle_preview(self) -> None:
        """Show or hide the preview."""
        self._preview = not self.has_class("-previewing")
        self._show_preview()

    def _show_preview(self) -> None:
        wanted = self._preview if self._preview is not None else self.size.width >= WIDE
        if wanted != self.has_class("-previewing"):
            self.set_class(wanted, "-previewing")
            if wanted:
                self.preview.show_layout(self._layout())

    @work(group="editor", exclusive=True, description="run an editor")
    async def action_editor(self) -> None:
        """Write in one's own editor and come back."""
        from misfin_tui.editor import command_for, edit, forget

        if self.draft.forwards is not None or self._keeper is None:
            return
        try:
            command = command_for(self.services.config.ui.editor, os.environ)
        except ValueError:
            self.misfin.say("The editor's command has an unclosed quote; see the settings.", severity="error")
            return
        runtime = self.services.profile.runtime
        try:
            self._keeper.put(self.draft_now())
            await self._keeper.flush()  # on disk before the terminal is given away
        except StoreError as error:
            self.misfin.report(error, "The draft could not be saved.")
        name = self._keeper.draft_id
        result = await edit(self.app, self.body.text, command=command, folder=runtime, name=name)
        if result.problem:
            self.misfin.say(result.problem, severity="warning", timeout=12)
        if result.text is not None and typable(result.text) != self.body.text:
            self.body.text = typable(result.text)
            self.body.move_cursor(self.body.document.end)
        await asyncio.to_thread(forget, runtime, name)
        self.body.focus()

    # ---- leaving

    @contextmanager
    def _finishing(self) -> Iterator[None]:
        """The screen goes for good: nothing is saved behind its back any more."""
        self._finished = True
        yield
        self.misfin.post_message(MailChanged())
        self.dismiss()

    @work(group="leave", exclusive=True, description="leave the composer")
    async def action_leave(self) -> None:
        """Leave; what was written is kept as a draft, what is empty is not."""
        keeper = self._keeper
        if keeper is None or not (self.touched or keeper.draft_id):
            self._finished = True
            self.dismiss()
            return
        now = self.draft_now()
        try:
            if now.empty:
                await keeper.stop()
                if keeper.draft_id:
                    await self.services.sending.discard(keeper.draft_id)
            else:
                if self.touched:
                    keeper.put(now)
                await keeper.flush()
        except StoreError as error:
            question = f"{error} Leave all the same, and lose what is not saved?"
            if not await self.app.push_screen_wait(
                ConfirmDialog("The draft cannot be saved", question, yes="Leave", no="Stay", danger=True)
            ):
                return
            await keeper.stop()
        else:
            if not now.empty:
                self.misfin.say("Kept as a draft.")
        with self._finishing():
            pass

    @work(group="leave", exclusive=True, description="discard a draft")
    async def action_discard(self) -> None:
        """Throw the draft away, after asking."""
        answer = await self.app.push_screen_wait(DraftDialog(self.subject.value))
        if answer is Leaving.KEEP:
            self.action_leave()
        if answer is not Leaving.DISCARD or self._keeper is None:
            return
        await self._keeper.stop()
        try:
            if self._keeper.draft_id:
                await self.services.sending.discard(self._keeper.draft_id)
        except StoreError as error:
            self.misfin.report(error)
        with self._finishing():
            pass

    # ---- sending

    @work(group="send", exclusive=True, description="split a message")
    async def action_shorten(self) -> None:
        """Offer to split the message."""
        if not self._measure or not self._measure.over:
            self.misfin.say("The message is not too long.")
            return
        await self._send()

    @work(group="send", exclusive=True, description="send a message")
    async def action_send(self) -> None:
        """Send it, after everything that may be wrong was asked about."""
        await self._send()

    async def _send(self) -> None:
        draft = self.draft_now()
        problem = self._problem(draft)
        if problem:
            self.misfin.say(problem, severity="warning")
            return
        drafts = await fitting(self, draft)
        if drafts is None:
            self.body.focus()
            return
        if not await certain(self, self.to.recipients) or self._keeper is None:
            return
        keeper = self._keeper
        try:
            keeper.put(draft)
            await keeper.flush()
            if len(drafts) == 1:
                drafts = [replace(draft, id=keeper.draft_id)]
            self._finished = True
            submission = await self.services.sending.submit(*drafts)
            await keeper.stop()
            if len(drafts) > 1:
                await self.services.sending.discard(keeper.draft_id)
        except MisfinError as error:
            self._finished = False
            self.misfin.report(error, "It was not sent.")
            return
        hold = self.services.config.send.undo_send_seconds
        what = many(len(submission.ids), "message") if len(submission.ids) > 1 else "The message"
        later = f" leaves in {hold} s; z takes it back." if hold else " is on its way."
        self.misfin.say(f"{what}{later}", timeout=max(hold, 4))
        with self._finishing():
            pass

    def _problem(self, draft: Draft) -> str:
        """What has to be mended before it can be sent; goes to the field."""
        entries = self.to.recipients
        wrong = next((entry for entry in entries if entry.address is None), None)
        if not entries or wrong:
            self.to.focus()
            return wrong.problem if wrong else "Write to whom it goes."
        if not (draft.body.strip() or draft.subject.strip() or draft.forwards):
            self.body.focus()
            return "There is nothing in the message yet."
        if not draft.account:
            return "You have no address to write from; make one under Identities."
        return ""

    def on_config_changed(self, message: ConfigChanged) -> None:
        """Limits of hosts may have changed."""
        self._look_soon()
