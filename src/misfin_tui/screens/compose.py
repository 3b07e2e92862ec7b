"""The composer: recipients with completion and trust, gemtext with preview, a byte meter, and autosave."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Input, Select, TextArea

from misfin.store.outgoing.drafts import Draft
from misfin_tui.keymap import KeyContext
from misfin_tui.messages import ConfigChanged
from misfin_tui.screens.compose_draft import DraftScreen
from misfin_tui.screens.compose_views import WIDE, ComposePreview, RecipientHelp
from misfin_tui.screentext import plain
from misfin_tui.widgets.address_input import AddressInput, OneLine
from misfin_tui.widgets.bindings import bindings
from misfin_tui.widgets.byte_meter import ByteMeter
from misfin_tui.widgets.controller import adopt
from misfin_tui.widgets.facts import text
from misfin_tui.widgets.gemtext_area import MAX_TEXT, GemtextArea, typable
from misfin_tui.widgets.statusbar import KeyBar, StatusBar

if TYPE_CHECKING:
    from textual.timer import Timer

    from misfin.model.account import Account

MOST_PASTED = 1024 * 1024
"""Characters a text written here has at most after a paste, whatever its account could send."""
PAUSE = 0.15
"""Seconds without a key before preview, meter and trust are worked out: a key never waits for them."""


class ComposeScreen(DraftScreen):
    """One message being written."""

    BINDINGS = bindings(KeyContext.COMPOSE)
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
        adopt(self, self._previewing)

    # ---- the frame

    def compose(self) -> ComposeResult:
        """From, To, Subject, the text with its preview, the meter."""
        draft, forward = self.draft, self.draft.forwards is not None
        self.offers = self._recipients.offers
        self.to = AddressInput(self.offers, value=", ".join(draft.to), id="to")
        self.cc = AddressInput(self.offers, value=", ".join(draft.cc), id="cc")
        self.bcc = AddressInput(self.offers, value=", ".join(draft.bcc), id="bcc")
        self.files = text(", ".join(f"{each.name} ({each.size:,} bytes)" for each in draft.attachments))
        self.subject = OneLine(
            draft.subject, id="subject", placeholder="Subject", max_length=1000, select_on_focus=False
        )
        self.body = GemtextArea(typable(draft.body), id="body")
        self.preview = self._previewing.view
        self.people = self._recipients.people
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
        for label, widget in (("Cc", self.cc), ("Bcc", self.bcc), ("Files", self.files)):
            with Horizontal(classes="line") as line:
                line.display = False  # until it is known that the account in From has it
                yield text(label, classes="label")
                yield widget
        yield self.people
        with Horizontal(classes="line"):
            yield text("Subject", classes="label")
            yield self.subject
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
        if self.draft.forwards is not None:
            self.subject.disabled = True
            self.body.read_only = True
        self._previewing.arrange()
        self._focus_first()
        self.call_after_refresh(self._begin)  # by then the widgets inside containers exist too

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
        accounts = await self.attempt(self.services.accounts.all()) or []
        named = dict.fromkeys([*(each.directory for each in accounts), self.draft.account])
        await self.from_account.learn(named)
        if not self.standing:
            return
        self._fill_from(accounts)
        self._from_changed()
        self.from_account.known.set()
        self.begin_keeping()
        if self.draft.id:
            from misfin_tui.screens.compose_editor import recover

            await recover(self)
        self._look_again()

    def _fill_from(self, accounts: list[Account]) -> None:
        """The accounts to choose from; the draft's own stays even if it is gone."""
        options = [
            (Content(plain(f"{each.address}  {each.title}", one_line=True)), each.directory)
            for each in accounts
        ]
        known = {directory for _, directory in options}
        account = self.draft.account or (options[0][1] if options else "")
        if account and account not in known:
            options.append((Content(plain(f"{account}  (no identity)", one_line=True)), account))
        self.chooser.set_options(options)
        if account:
            self.chooser.value = account

    @on(Select.Changed, "#from")
    def _from_changed(self) -> None:
        """The fields are those of the account in From."""
        files = self.files if self.draft.attachments else None
        self.from_account.show_fields(self.to, self.cc, self.bcc, files)

    # ---- what changes

    @on(TextArea.Changed)
    @on(Select.Changed)
    @on(Input.Changed)
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

    @work(group="measure", exclusive=True, description="measure a message")
    async def _measure_it(self) -> None:
        found = await self.attempt(self.services.sending.measure(self.draft_now()))
        if found is not None and self.standing:
            self._measure = found
            self.meter.measure(found.size, found.limit, found.whose, split=self.from_account.splits)
            self.body.most = max(MAX_TEXT, min(4 * found.limit, MOST_PASTED))
            self.refresh_bindings()

    @property
    def idle_actions(self) -> Collection[str]:
        """Actions that do not apply: a message that fits is not split."""
        fits = self._measure is None or self._measure.size <= self._measure.limit
        return ("shorten",) if fits or not self.from_account.splits else ()

    # ---- recipients

    @on(AddressInput.CompletionWanted)
    def _offers_wanted(self, event: AddressInput.CompletionWanted) -> None:
        event.stop()
        if self._opened is None or not event.prefix:
            self.offers.hide()
            return
        self._recipients.offer(event.field, event.prefix)

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        (self.subject if event.input is not self.subject and not self.subject.disabled else self.body).focus()

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
