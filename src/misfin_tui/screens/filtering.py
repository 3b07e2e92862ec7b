"""Makes a filter for new mail, from the search shown or from the message under the cursor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from misfin.errors import MisfinError
from misfin_tui.config.filters import FilterConfig
from misfin_tui.dialogs.filter import FilterDialog
from misfin_tui.services.filters import filters_of
from misfin_tui.widgets.facts import many
from misfin_tui.widgets.searchbox import SEARCH_WORDS
from misfin_tui.wording.filters import free_name, search_like

if TYPE_CHECKING:
    from misfin_tui.screens.prompts import Prompts
    from misfin_tui.screens.selection import Selection


async def make_filter(selection: Selection, prompts: Prompts) -> None:
    """Ask for a search, show what it finds, save the filter. Call it in a worker."""
    screen, services = selection.screen, selection.services
    try:
        search = selection.view().query or await _about_selected(selection)
    except MisfinError as error:
        screen.misfin.report(error)
        return
    while True:
        search = await prompts.ask("Filter what matches", search, help=SEARCH_WORDS) or ""
        if not search.strip():
            return
        try:
            trial = await filters_of(services).attempt(search)
            name = free_name(search, services.config.filters)
            lines = [f"{row.sender or row.sender_address}: {row.subject}" for row in trial.first]
            dialog = FilterDialog(search, trial.count, lines, name)
            answer = await screen.app.push_screen_wait(dialog)
            if answer is None:
                return
            rule = FilterConfig(search, answer.tags, answer.folder, read=answer.read, notify=answer.notify)
            screen.misfin.use_config(await filters_of(services).keep(answer.name, rule))
            if not answer.now:
                screen.misfin.say(f"Saved as “{answer.name}”; it runs on new mail from now on.")
                return
            changed = await filters_of(services).run(answer.name, rule)
            key = screen.misfin.keys.shown("undo")
            screen.misfin.say(
                f"Filter saved; {many(changed, 'message')} changed.  {key} undo", about="filing"
            )
            await selection.filed(bool(answer.folder))
        except (MisfinError, OSError) as error:
            screen.misfin.report(error)  # then ask again
            continue
        return


async def _about_selected(selection: Selection) -> str:
    """A search for messages like the selected one: of its list, else of its sender."""
    row = await selection.chosen_message()
    if row is None:
        return ""
    return search_like(row, await selection.services.mail.read(row))
