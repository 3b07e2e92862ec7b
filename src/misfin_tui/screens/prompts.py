"""Asking for a line of text at the bottom of a screen."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from misfin.store.rows import Completion
from misfin_tui.screens.base import AppScreen, ScreenController
from misfin_tui.widgets.controller import worker

if TYPE_CHECKING:
    from misfin_tui.widgets.searchbox import Prompt

OPENING = 0.03
"""Seconds a question is drawn later at most, so that what was typed ahead of it is drawn with it."""


class Prompts(ScreenController):
    """The questions of a screen, one at a time."""

    def __init__(self, screen: AppScreen) -> None:
        super().__init__(screen)
        self.prompt: Prompt | None = None
        """The question being asked."""
        self._changed: Callable[[Prompt, str], None] = self.complete

    async def ask(
        self,
        question: str,
        text: str = "",
        *,
        help: str = "",  # noqa: A002 - what it is
        offers: Sequence[str] = (),
        finder: Callable[[str], Awaitable[Sequence[Completion]]] | None = None,
        changed: Callable[[Prompt, str], None] | None = None,
        accepted: Callable[[], Awaitable[None]] | None = None,
    ) -> str | None:
        """Ask for a line of text; None when the person closed it.

        ``offers`` complete it, or what ``finder`` finds. ``changed`` is called for every change instead.
        ``accepted`` says that every change counts at once: it is awaited before the line goes away.
        """
        from misfin_tui.widgets.searchbox import Prompt  # late: not for the first frame

        if self.prompt is not None:
            self.prompt.finish(None)
        if self.misfin.type_ahead.waiting:
            self.misfin.hold.begin(OPENING)
        back = self.screen.focused
        prompt = self.prompt = Prompt(question, text, help=help)
        prompt.words, prompt.finder, prompt.live = tuple(offers), finder, accepted is not None
        self._changed = changed or self.complete
        self._keep_notices_off(True)
        await self.screen.mount(prompt, before="#keys")
        prompt.line.focus()
        self._changed(prompt, text)
        try:
            answer = await prompt.answer
            if accepted is not None and answer is not None:
                await accepted()
            return answer
        finally:
            if self.prompt is prompt:
                self.prompt = None
                self._keep_notices_off(False)
            if prompt.is_attached:
                if back is not None and back.is_attached and prompt.has_focus_within:
                    back.focus()
                await prompt.remove()

    def _keep_notices_off(self, asking: bool) -> None:
        """Notices keep clear of the input line. A class of the screen would style everything again."""
        self.screen.query("ToastRack").set_class(asking, "-asking")

    def changed(self, event: Prompt.Changed) -> None:
        """Something was typed."""
        if event.prompt is self.prompt:
            self._changed(event.prompt, event.text)

    def complete(self, prompt: Prompt, text: str) -> None:
        """Offer what the text may become."""
        if prompt.finder is not None:
            self._find_offers(prompt, text)
            return
        begun = text.casefold()
        fitting = [word for word in prompt.words if word.casefold().startswith(begun) and word != text]
        prompt.offer([Completion(word, 0, len(text), "") for word in fitting[:8]], text)

    @worker(group="offers", exclusive=True, description="complete an answer")
    async def _find_offers(self, prompt: Prompt, text: str) -> None:
        found = await prompt.finder(text) if prompt.finder is not None else ()
        if prompt.is_attached:
            prompt.offer([each for each in found[:8] if each.text != text[each.start : each.end]], text)
