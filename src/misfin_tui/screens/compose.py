"""The composer: recipients with completion and trust, files, gemtext with preview, a byte meter, autosave."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import Input, Select, TextArea

from misfin.store.outgoing.drafts import Draft, Purpose
from misfin_tui.keymap import KeyContext
from misfin_tui.messages import ConfigChanged
from misfin_tui.screens.compose_draft import DraftScreen
from misfin_tui.screens.compose_fields import RecipientFields
from misfin_tui.screens.compose_files import ComposerFact, MessageFiles
from misfin_tui.screens.compose_following import FromFollows
from misfin_tui.screens.compose_protection import OutgoingProtection
from misfin_tui.screens.compose_time import SendTime
from misfin_tui.screens.compose_views import WIDE, ComposePreview, RecipientHelp
from misfin_tui.widgets.address_input import AddressInput, HeaderLine
from misfin_tui.widgets.bindings import bindings
from misfin_tui.widgets.byte_meter import ByteMeter
from misfin_tui.widgets.controller import adopt
from misfin_tui.widgets.facts import text
from misfin_tui.widgets.gemtext_area import MAX_TEXT, GemtextArea, typable
from misfin_tui.widgets.statusbar import KeyBar, StatusBar

if TYPE_CHECKING:
    from textual.timer import Timer

MOST_PASTED = 1024 * 1024
"""Characters a text written here has at most after a paste, whatever its account could send."""
PAUSE = 0.15
"""Seconds without a key before preview, meter and trust are worked out: a key never waits for them."""


_TITLES = {Purpose.NEW: "New message", Purpose.REPLY: "Reply", Purpose.FORWARD: "Forward"}


class ComposeScreen(DraftScreen):
    """One message being written."""

    BINDINGS = bindings(KeyContext.COMPOSE)
    BINDING_GROUP_TITLE = "Composer"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (WIDE, "-wide")]  # noqa: RUF012 - Textual declares it per instance
    VERTICAL_BREAKPOINTS = [(0, "-tiny"), (12, "-short"), (20, "-tall"), (32, "-airy")]  # noqa: RUF012 - as above
    DEFAULT_CSS = """
    ComposeScreen {
        layers: base offers; background: $background;
        .line { height: 1; padding: 0 1; }
        .line > .label { width: 9; color: $text-muted; }
        .line > Input { width: 1fr; }
        ComposerFact { width: 1fr; height: 1; text-wrap: nowrap; text-overflow: ellipsis; }
        ComposerFact:hover { text-style: underline; }
        #from { width: 1fr; height: 1; }
        #people { height: auto; max-height: 2; padding: 0 1 0 10; color: $text-muted; display: none; }
        #people.-some { display: block; }
        #text { height: 1fr; }
        #body { width: 1fr; height: 1fr; }
        #side { display: none; width: 1fr; height: 1fr; border: round $border-blurred; }
        #side, #body { border-title-color: $text-muted; }
        #body:focus { border-title-color: $primary; }
        &.-airy #from-line, &.-airy #text { margin-top: 1; }
        #preview { height: 1fr; }
        &.-previewing #side { display: block; }
        ToastRack { margin-bottom: 2; }
        &:ansi SelectOverlay > .option-list--option-highlighted {
            color: ansi_bright_white; background: ansi_blue; text-style: bold underline;
        }
        &.-narrow #text { layout: vertical; }
        &.-short #status, &.-tiny #status { display: none; }
        &.-tiny #people, &.-tiny #from-line, &.-tiny #meter { display: none; }
        &.-tiny #body { border: none; padding: 0; }
    }
    """

    def __init__(self, draft: Draft | None = None) -> None:
        super().__init__(draft)
        self._look_timer: Timer | None = None
        self._recipients = RecipientHelp(self)
        self._previewing = ComposePreview(self)
        able = self.from_account.able
        self.fields = RecipientFields(self, self.draft, self._recipients.offers, able)
        self.files = MessageFiles(self, self.draft.attachments, able, lambda: self._measure)
        self.time = SendTime(self, self.draft.send_at)
        self.following = FromFollows(self, self.draft, self.from_account, self.fields)
        self.protection = OutgoingProtection(self, self.draft.protection, new=not self.draft.id)
        adopt(self, self._previewing, self.fields, self.files, self.time, self.protection)

    # ---- the frame

    def compose(self) -> ComposeResult:
        """From, To, Subject, the text with its preview, the meter."""
        draft, forward = self.draft, self.draft.forwards is not None
        self.offers = self._recipients.offers
        self.subject = HeaderLine(
            draft.subject, id="subject", placeholder="Subject", max_length=1000, select_on_focus=False
        )
        self.body = GemtextArea(typable(draft.body), id="body")
        self.body.border_title = "Message"
        self.preview = self._previewing.view
        self.people = self._recipients.people
        self.meter = ByteMeter(id="meter")
        yield StatusBar(_TITLES[draft.purpose], id="status")
        with Horizontal(classes="line", id="from-line"):
            yield text("From", classes="label")
            yield self.from_account.chooser
        yield from self.fields.lines()
        with Horizontal(classes="line"):
            yield text("Subject", classes="label")
            yield self.subject
        yield from self.files.lines()
        yield from self.time.lines()
        yield from self.protection.lines()
        yield self.people
        with Horizontal(id="text"):
            yield self.body
            with Vertical(id="side") as side:
                side.border_title = "Forwarded unchanged" if forward else "Preview"
                yield self.preview
        yield self.meter
        yield KeyBar(id="keys")
        yield self.offers

    async def on_mount(self) -> None:
        """Restore what an editor may have left, and start to watch the text."""
        self.keeper = self.services.sending.autosave(self._saved, self._not_saved, self.draft)
        self.services.sending.composing.opened(self, self.draft.account)
        if self.draft.forwards is not None:
            self.subject.disabled = True
            self.body.read_only = True
        self._previewing.arrange()
        _focus_first(self)
        self.call_after_refresh(self._begin)  # by then the widgets inside containers exist too

    @work(group="begin", description="begin a message")
    async def _begin(self) -> None:
        accounts = await self.attempt(self.services.accounts.all()) or []
        named = dict.fromkeys([*(each.directory for each in accounts), self.draft.account])
        await self.from_account.learn(named)
        if not self.standing:
            return
        self.from_account.fill(accounts)
        self.from_account.follow()
        self.from_account.known.set()
        self.begin_keeping()
        if self.draft.id:
            from misfin_tui.screens.compose_editor import recover

            await recover(self)
        self._look_again()

    @on(Select.Changed, "#from")
    def _from_changed(self) -> None:
        """The fields are those of the account in From."""
        self.from_account.follow()

    @on(ComposerFact.FactClicked)
    def _fact_clicked(self, event: ComposerFact.FactClicked) -> None:
        event.stop()
        if event.fact is self.files.names:
            self.files.action_attached()
        elif event.fact is self.protection.words:
            self.protection.action_protect()
        else:
            self.time.action_send_at()

    # ---- what changes

    @on(TextArea.Changed)
    @on(Select.Changed)
    @on(Input.Changed)
    @on(ComposerFact.FactChanged)
    def _changed(self, event: Any) -> None:
        """Anything was written: save it soon, and look at it soon after."""
        if self._opened is None or self._finished:
            return
        self.keep()
        self._look_soon()

    def _look_soon(self) -> None:
        if self._look_timer is not None:
            self._look_timer.stop()
        self._look_timer = self.set_timer(PAUSE, self._look_again)

    def _look_again(self) -> None:
        """Measure, draw the preview, look up recipients."""
        if not self.standing:
            return
        self._previewing.draw()
        self._measure_it()
        self._recipients.look_up()
        self.following.look()

    def on_descendant_blur(self) -> None:
        """The recipients may be complete once their line is left."""
        self.following.look()

    @work(group="measure", exclusive=True, description="measure a message")
    async def _measure_it(self) -> None:
        found = await self.attempt(self.services.sending.measure(self.draft_now()))
        if found is not None and self.standing:
            self._measure = found
            self.meter.measure(found.size, found.limit, found.host, split=self.from_account.splits)
            self.body.most = max(MAX_TEXT, min(4 * found.limit, MOST_PASTED))
            self.refresh_bindings()

    @property
    def idle_actions(self) -> Collection[str]:
        """Actions that do not apply: a message that fits is not split."""
        fits = self._measure is None or self._measure.size <= self._measure.limit
        can = self.from_account.able()
        idle = {
            "shorten": fits or not self.from_account.splits,
            "copies": can is not None and not (can.cc or can.bcc),
            "attach": can is not None and not can.attachments,
            "attached": not self.files.files,
            "protect": can is not None and not can.protect,
        }
        return [action for action, rests in idle.items() if rests]

    # ---- recipients

    @on(AddressInput.CompletionWanted)
    def _offers_wanted(self, event: AddressInput.CompletionWanted) -> None:
        event.stop()
        if self._opened is None or not event.prefix:
            self.offers.hide()
            return
        self._recipients.offer(event.field, event.prefix)

    def action_next_field(self) -> None:
        """From a recipient to the subject, and from there to the text."""
        last = self.focused is self.subject or self.subject.disabled
        self.set_focus(self.body if last else self.subject)  # at once: keys that follow wait for it

    @on(GemtextArea.TooMuch)
    def _too_much(self, event: GemtextArea.TooMuch) -> None:
        limit = self._measure.limit if self._measure else MAX_TEXT
        most = limit if event.size > limit else self.body.most
        self.misfin.say(
            f"The clipboard holds {event.size:,} bytes, more than any message can carry ({most:,})."
            " Nothing was pasted; it is still in the clipboard.",
            severity="warning",
        )

    # ---- preview

    def on_resize(self) -> None:
        """The width may decide whether the preview is shown."""
        self._previewing.arrange()

    def on_config_changed(self, message: ConfigChanged) -> None:
        """Limits of hosts may have changed."""
        self._look_soon()

    # ---- an external editor

    @work(group="editor", exclusive=True, description="run an editor")
    async def action_editor(self) -> None:
        """Write in an external editor and come back."""
        from misfin_tui.screens.compose_editor import write

        await write(self)


def _focus_first(screen: ComposeScreen) -> None:
    """Begin where something is missing; in an answer, below what is quoted."""
    if not screen.fields.to.value or screen.draft.forwards is not None:
        screen.fields.to.focus()
    elif not screen.subject.value:
        screen.subject.focus()
    else:
        screen.body.focus()
        lines = screen.body.document.lines
        quoted = [at for at, line in enumerate(lines) if line.startswith(">")]
        screen.body.move_cursor((min(quoted[-1] + 2, len(lines) - 1), 0) if quoted else (0, 0))
