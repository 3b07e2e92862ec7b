"""Muting the selected conversations, or unmuting them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from misfin.errors import MisfinError
from misfin_tui.services.muting import muting_of
from misfin_tui.widgets.facts import many

if TYPE_CHECKING:
    from misfin_tui.screens.selection import Selection


async def mute(selection: Selection) -> None:
    """Call it in a worker."""
    misfin, targets = selection.misfin, selection.targets()
    if not targets:
        misfin.say("There is no message here.", severity="warning", timeout=2)
        return
    try:
        muted = await muting_of(selection.services).toggle(targets)
    except MisfinError as error:
        misfin.report(error)
        return
    what, key = many(len(targets), "conversation"), misfin.keys.shown("undo")
    said = "muted: what comes later goes to the archive, read" if muted else "no longer muted"
    misfin.say(f"{what} {said}.  {key} undo", about="filing")
    await selection.filed(muted)
