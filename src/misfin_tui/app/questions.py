"""Questions about certificates: put to the person at once, but never into what they are doing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from misfin.errors import MisfinError
from misfin_tui.app.controller import AppController
from misfin_tui.widgets.controller import worker

if TYPE_CHECKING:
    from textual.app import App

    from misfin_tui.messages import TrustAsked


class TrustQuestions(AppController):
    """One question about each host or sender at a time, one dialog at a time."""

    def __init__(self, app: App[int]) -> None:
        super().__init__(app)
        self._asking: set[tuple[str, str]] = set()
        self._to_ask: dict[tuple[str, str], None] = {}
        """What else came up while a question stood, in that order."""

    async def ask(self, kind: str, name: str, *, unasked: bool = False) -> bool:
        """Put a question about a certificate to the person, once at a time. Call it in a worker.

        False when no certificate of that name waits for a decision. Raises :class:`StoreError`, and
        :class:`LocalError` when the certificate is another one by now. ``unasked`` when nobody called for it.
        """
        from misfin.trust.tofu import PinKind
        from misfin_tui.dialogs.certificate import Answer, CertificateDialog

        if (kind, name) in self._asking:
            return True
        self._asking.add((kind, name))
        try:
            pin_kind, trust = PinKind(kind), self.host.services.trust
            question = await trust.question(pin_kind, name)
            if question is None:
                return False
            dialog = CertificateDialog(question)
            if unasked:
                if self._occupied():
                    return True
                dialog.comes_unasked()
            answer = await self.app.push_screen_wait(dialog)
            if answer is Answer.TRUST:
                await trust.approve(pin_kind, name, question.shown.fingerprints.cert)
                self.host.say(f"The new certificate of {name} is trusted from now on.")
            elif answer is Answer.REFUSE:
                await trust.refuse(pin_kind, name)
                self.host.say(f"The pin of {name} stays as it was.")
            return True
        finally:
            self._asking.discard((kind, name))

    @worker(group="trust", description="ask about a certificate")
    async def asked(self, message: TrustAsked) -> None:
        """Somebody has to decide: ask at once, unless a person is writing or answering something else."""
        wanted = (message.kind, message.name)
        if self._asking:
            if wanted not in self._asking:
                self._to_ask[wanted] = None
            return
        self._to_ask = {wanted: None}
        while self._to_ask:
            kind, name = next(iter(self._to_ask))
            del self._to_ask[kind, name]
            if self._occupied():
                continue  # the notice said so already, and the outbox keeps the question
            try:
                await self.ask(kind, name, unasked=True)
            except MisfinError as error:
                self.host.report(error)

    def _occupied(self) -> bool:
        """Whether the keys of the person are meant for something."""
        writing = self.app.focused is not None and self.app.focused.check_consume_key("a", "a")
        return writing or self.app.screen.is_modal or self.host.type_ahead.waiting
