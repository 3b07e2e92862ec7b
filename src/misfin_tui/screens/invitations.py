"""Answering an invitation: the answer is chosen, and sent like any other message."""

from __future__ import annotations

from typing import TYPE_CHECKING

from misfin.compose.invitation_answer import InvitationAnswer
from misfin.errors import MisfinError
from misfin_tui.dialogs.prompt import ChooseDialog
from misfin_tui.screentext import plain, suspicious
from misfin_tui.services.invitations import Asked, invitations_of
from misfin_tui.wording.sending import submitted

if TYPE_CHECKING:
    from misfin_tui.screens.selection import Selection

_CHOICES = (
    (InvitationAnswer.ACCEPT.value, "Accept", "You will come."),
    (InvitationAnswer.TENTATIVE.value, "Tentative", "You may come."),
    (InvitationAnswer.DECLINE.value, "Decline", "You will not come."),
)


async def answer(selection: Selection) -> None:
    """Answer the invitation in the selected message. Call it in a worker."""
    screen, misfin = selection.screen, selection.misfin
    invitations = invitations_of(selection.services)
    try:
        row = await selection.chosen_message()
        if row is None:
            return
        asked = await invitations.asked(row)
        dialog = ChooseDialog(
            "Answer the invitation", _CHOICES, question=_question(asked), keys=("a", "t", "d")
        )
        chosen = await screen.app.push_screen_wait(dialog)
        if chosen is None:
            return
        submission = await invitations.answer(row, InvitationAnswer(chosen))
    except MisfinError as error:
        misfin.report(error)
        return
    hold = selection.services.config.send.undo_send_seconds
    words = submitted(1, len(submission.ids), hold, misfin.keys.shown("undo"))
    misfin.withdraw("send undone")
    misfin.say(
        words.replace("The message", "The answer"), timeout=max(hold, 4), about="sending" if hold else ""
    )


def _question(asked: Asked) -> str:
    title = plain(asked.summary, one_line=True) or "(no title)"
    organiser = plain(asked.organiser, one_line=True)
    said = [f"“{title}”", "", f"The answer goes to {organiser}, from {plain(asked.attendee, one_line=True)}."]
    if asked.author.casefold() != asked.organiser.casefold():
        author = plain(asked.author, one_line=True) or "somebody without an address"
        said.append(f"⚠ The invitation was sent by {author}.")
    if odd := suspicious(asked.organiser):
        said.append(f"⚠ Look closely at the address: {odd}.")
    return "\n".join(said)
