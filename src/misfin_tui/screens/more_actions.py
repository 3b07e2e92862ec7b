"""What is done with a message now and then; each action is imported when it is first used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from misfin_tui.screens.base import AppScreen, ScreenController
from misfin_tui.widgets.controller import worker

if TYPE_CHECKING:
    from misfin_tui.screens.prompts import Prompts
    from misfin_tui.screens.selection import Selection


class MoreActions(ScreenController):
    """The rarer actions on what is selected."""

    def __init__(self, screen: AppScreen, selection: Selection, prompts: Prompts) -> None:
        super().__init__(screen)
        self.selection = selection
        self.prompts = prompts

    @worker(group="lists", exclusive=True, description="leave a mailing list")
    async def action_unsubscribe(self) -> None:
        """Unsubscribe from the mailing list it came from."""
        from misfin_tui.screens import unsubscribing

        await unsubscribing.unsubscribe(self.selection, self.prompts)

    @worker(group="lists", exclusive=True, description="accept a mailing list")
    async def action_accept_list(self) -> None:
        """Accept the mailing list it came from, or take that back."""
        from misfin_tui.screens import accepting

        await accepting.accept_list(self.selection)

    @worker(group="lists", exclusive=True, description="accept a mail server")
    async def action_accept_server(self) -> None:
        """Count what the account's own server found out about senders."""
        from misfin_tui.screens import accepting

        await accepting.accept_server(self.selection)

    @worker(group="answer", exclusive=True, description="answer an invitation")
    async def action_answer_invitation(self) -> None:
        """Accept or decline the invitation in it."""
        from misfin_tui.screens import invitations

        await invitations.answer(self.selection)

    @worker(group="answer", exclusive=True, description="bounce a message")
    async def action_bounce(self) -> None:
        """Send it on to others, unchanged."""
        from misfin_tui.screens import resending

        await resending.bounce(self.selection, self.prompts)

    @worker(group="answer", exclusive=True, description="edit a message as new")
    async def action_edit_as_new(self) -> None:
        """Write a new message from it."""
        from misfin_tui.screens import resending

        await resending.edit_as_new(self.selection)

    @worker(group="parts", exclusive=True, description="show the parts of a message")
    async def action_parts(self) -> None:
        """Show its parts."""
        from misfin_tui.screens import parts

        await parts.show_parts(self.selection, self.prompts)

    @worker(group="parts", exclusive=True, description="show the header of a message")
    async def action_headers(self) -> None:
        """Show every header field of it."""
        from misfin_tui.screens import parts

        await parts.show_headers(self.selection)

    @worker(group="print", exclusive=True, description="print a message")
    async def action_print_message(self) -> None:
        """Print it."""
        from misfin_tui.screens import printing

        await printing.print_message(self.selection, self.prompts)

    @worker(group="filter", exclusive=True, description="make a filter")
    async def action_make_filter(self) -> None:
        """Make a filter for new mail like it."""
        from misfin_tui.screens import filtering

        await filtering.make_filter(self.selection, self.prompts)

    @worker(group="file", description="mute a conversation")
    async def action_mute(self) -> None:
        """Mute the conversations, or unmute them."""
        from misfin_tui.screens import muting

        await muting.mute(self.selection)
