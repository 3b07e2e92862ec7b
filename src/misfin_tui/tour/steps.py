"""The steps of the tour: what to do, and what counts as done. Nothing here knows a screen or a disk."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from misfin.store.filing import Action
from misfin.store.filing_changes import RegroupAction

FIRST_SUBJECT = "Meeting notes"
"""The conversation to open, of :mod:`misfin_tui.demo.stories`."""
FOUND_SUBJECT = "Recipe: harbour soup"
"""The message to find and to file."""
SEARCH = "leeks"


@dataclass(frozen=True, slots=True)
class Sight:
    """What can be seen of a program: enough to tell what its user has done."""

    screen: str = ""
    """The screen on top: ``inbox``, a name of :data:`misfin_tui.app.switcher.SCREENS`, ``commands`` for the
    palette, empty for any other."""
    subject: str = ""
    """Of the conversation under the cursor of the mail list, without ``Re:``."""
    query: str = ""
    """What the mail list was searched for."""
    sent: int = 0
    """The newest delivery ever queued."""
    filed: int = 0
    """The newest action that can be undone, by number."""
    filing: Action | RegroupAction | None = None
    """What that action was."""
    waiting: frozenset[str] = frozenset()
    """Hosts and senders with a certificate that waits for a decision."""
    people: frozenset[str] = frozenset()
    """Contacts that a person added or named."""


Done = Callable[[Sight, Sight], bool]
"""Whether a step is done: what was seen when it began, and what is seen now."""


@dataclass(frozen=True, slots=True)
class TourStep:
    """One thing to do. In ``text`` the id of an action in braces stands for its key."""

    name: str
    text: str
    done: Done


STEPS: tuple[TourStep, ...] = (
    TourStep(
        "move",
        f"Press {{cursor-down}} to move to “{FIRST_SUBJECT}” from Bea Worker.",
        lambda before, now: now.subject == FIRST_SUBJECT,
    ),
    TourStep(
        "open",
        "Open the conversation with {open}.",
        lambda before, now: now.screen == "thread",
    ),
    TourStep(
        "reply",
        "Reply with {thread-reply}, write a line, send it with {send}.",
        lambda before, now: now.sent > before.sent,
    ),
    TourStep(
        "outbox",
        "See what becomes of it in the outbox: press {show-outbox}.",
        lambda before, now: now.screen == "outbox",
    ),
    TourStep(
        "search",
        f"Go to the mail with {{show-inbox}}, press {{search}} and type: {SEARCH}",
        lambda before, now: bool(now.query) and now.subject == FOUND_SUBJECT,
    ),
    TourStep(
        "archive",
        "Press enter, then archive the recipe with {archive}.",
        lambda before, now: now.filed > before.filed and now.filing is Action.ARCHIVE,
    ),
    TourStep(
        "undo",
        "Put it back: undo with {undo}.",
        lambda before, now: now.filed < before.filed,
    ),
    TourStep(
        "decide",
        "Press {show-trust}, then {approve}: decide about Erin’s new certificate.",
        lambda before, now: bool(before.waiting - now.waiting),
    ),
    TourStep(
        "contact",
        "Press {show-contacts}, then {new-contact}, and add somebody: lea@hive.test",
        lambda before, now: bool(now.people - before.people),
    ),
    TourStep(
        "commands",
        "Press {commands} to find every command by name.",
        lambda before, now: now.screen == "commands",
    ),
)

OFFER = "New here? Press {help}, then {tour}, for a tour of ten steps."
"""On the first screen, before the tour."""
OFFER_IN_HELP = "Press {tour} for a tour of ten steps, done rather than read."
LAST = (
    "That was the tour. {help} lists every key, {show-settings} has the settings. Started without “demo”,"
    " the program sets up your own mail."
)
"""After it."""
