"""Commands for filters for new mail: listed, tried and saved, removed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from misfin.errors import InputError
from misfin_tui.config.filters import FilterConfig
from misfin_tui.linear.desk import Listing
from misfin_tui.linear.questions import choose, confirmed, typed
from misfin_tui.linear.terminal import Interrupted
from misfin_tui.services.filters import filters_of
from misfin_tui.wording.facts import many
from misfin_tui.wording.filters import doing, free_name, search_like
from misfin_tui.wording.sending import YesNo

if TYPE_CHECKING:
    from misfin.post.filters import FilterRule
    from misfin_tui.linear.desk import Desk

NONE = "There is no filter yet. To make one, type filter and a search, such as: filter from:ada report"


async def filters(desk: Desk, _rest: str) -> None:
    """Every filter in its order, and those that cannot run."""
    rules, problems = filters_of(desk.services).rules()

    async def show(rule: FilterRule) -> None:
        await _tell_trial(desk, rule.search, rule.account)

    desk.list_rows(Listing.FILTERS, rules, show)
    await desk.say(f"{many(len(rules), 'filter')}." if rules or problems else NONE)
    for number, rule in enumerate(rules, 1):
        await desk.say(f"{number}. {rule.name}: {rule.search}. Action: {doing(rule)}.")
    await desk.say(*problems)


async def _tell_trial(desk: Desk, search: str, account: str = "") -> int:
    """Say what a search finds in the inbox, and how many messages that is."""
    trial = await filters_of(desk.services).attempt(search, account)
    word = "matches" if trial.count == 1 else "match"
    await desk.say(f"{many(trial.count, 'message')} in the inbox {word}{':' if trial.first else '.'}")
    await desk.say(*(f"{row.sender or row.sender_address}: {row.subject}" for row in trial.first))
    if trial.count > len(trial.first):
        await desk.say(f"and {trial.count - len(trial.first):,} more.")
    return trial.count


async def make_filter(desk: Desk, rest: str) -> None:
    """Try a search on the inbox, ask what to do with such mail, and save that.

    Without a search it is for messages like the one that is open.
    """
    search = rest
    if not search:
        opened = desk.opened
        search = search_like(opened.row, opened.message)
        await desk.say(f"For messages like this one: {search}")
    count = await _tell_trial(desk, search)
    try:
        named = await _asked(desk, search, runs=count > 0)
    except Interrupted:
        named = None
    if named is None:
        await desk.say("Nothing was saved.")
        return
    name, rule, now = named
    await desk.use_config(await filters_of(desk.services).keep(name, rule))
    await desk.say(f"Saved as {name}; it runs on new mail from now on.")
    if now:
        changed = await filters_of(desk.services).run(name, rule)
        await desk.say(f"{many(changed, 'message')} changed. Type undo to undo.")


async def _asked(desk: Desk, search: str, *, runs: bool) -> tuple[str, FilterConfig, bool] | None:
    """A name, what it does, and whether to run it on the inbox too; None for no filter after all.

    Raises :class:`Interrupted` for ctrl+c, and :class:`InputError` for a filter that would do nothing.
    """
    await desk.say("What should happen to new mail that matches? ctrl+c discards the filter.")
    tags = tuple((await typed(desk.terminal, "Tags (optional)")).replace(",", " ").split())
    folder = await typed(desk.terminal, "Move to (optional)")
    marks: dict[bool | None, str] = {None: "No", True: "Yes"}
    read = await choose(desk.terminal, ("Mark as read?",), marks) is True
    announces: dict[bool | None, str] = {None: "Yes", False: "No"}
    silent = await choose(desk.terminal, ("Announce it when it arrives?",), announces) is False
    if not (tags or folder or read or silent):
        raise InputError("It would do nothing, so it was not saved.")
    name = await typed(desk.terminal, "Name", free_name(search, desk.services.config.filters))
    choices: dict[str | None, str] = {None: "Discard it", "save": "Save"}
    if runs:
        choices["now"] = "Save and run on the inbox now"
    chosen = await choose(desk.terminal, (f"{name}: {search}",), choices)
    if chosen is None:
        return None
    return name, FilterConfig(search, tags, folder, read=read, notify=not silent), chosen == "now"


async def remove_filter(desk: Desk, rest: str) -> None:
    """Remove a filter of the list, after asking."""
    rule: FilterRule = desk.row_listed(rest, Listing.FILTERS, "filter")
    text = "Messages that it has changed stay as they are."
    if await confirmed(desk.terminal, YesNo(f"Remove the filter {rule.name}?", text, yes="Remove")):
        await desk.use_config(await filters_of(desk.services).remove(rule.name))
        await desk.say(f"The filter {rule.name} was removed.")
