"""Questions about certificates: asked at once, but never in the middle of something else."""

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
        """What else came up while a question was open, in that order."""

    async def ask(self, kind: str, name: str, *, by_itself: bool = False) -> bool:
        """Ask the user about a certificate, one question at a time. Call it in a worker.

        False when no certificate of that name needs a decision. Raises :class:`StoreError`, and
        :class:`LocalError` when the certificate is another one by now. ``by_itself``: the user did not ask.
        """
        from misfin.trust.tofu import PinKind
        from misfin_tui.dialogs.certificate import CertificateDialog
        from misfin_tui.wording.certificate import Answer

        if (kind, name) in self._asking:
            return True
        self._asking.add((kind, name))
        try:
            pin_kind, trust = PinKind(kind), self.host.services.trust
            question = await trust.question(pin_kind, name)
            if question is None:
                return False
            dialog = CertificateDialog(question)
            if by_itself:
                if self.occupied():
                    return True
                dialog.opens_by_itself()
            answer = await self.app.push_screen_wait(dialog)
            if answer is Answer.TRUST:
                await trust.approve(pin_kind, name, question.shown.fingerprints.cert)
                new = "new " if question.pin is not None else ""
                self.host.say(f"The {new}certificate of {name} is now trusted.")
            elif answer is Answer.REFUSE:
                await trust.refuse(pin_kind, name)
                self.host.say(f"The pin of {name} is unchanged.")
            return True
        finally:
            self._asking.discard((kind, name))

    @worker(group="trust", description="ask about a certificate")
    async def asked(self, message: TrustAsked) -> None:
        """A decision is needed: ask at once, unless the user is writing or answering something else."""
        wanted = (message.kind, message.name)
        if self._asking:
            if wanted not in self._asking:
                self._to_ask[wanted] = None
            return
        self._to_ask = {wanted: None}
        while self._to_ask:
            kind, name = next(iter(self._to_ask))
            del self._to_ask[kind, name]
            if self.occupied():
                continue  # the notice said so already, and the outbox keeps the question
            try:
                await self.ask(kind, name, by_itself=True)
            except MisfinError as error:
                self.host.report(error)
