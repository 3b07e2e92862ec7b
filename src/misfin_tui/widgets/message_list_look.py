"""The looks of the list of conversations: its parts, their default colours, and the styles of a line."""

from __future__ import annotations

from typing import Final, Protocol

from rich.style import Style

from misfin.store.evidence import Evidence
from misfin_tui.widgets.message_list_columns import Palette

_PREFIX: Final = "message-list--"
PARTS: Final = tuple(
    _PREFIX + part
    for part in (
        "row",
        "cursor",
        "marked",
        "unread",
        "people",
        "star",
        "mark",
        *Evidence,
        "subject",
        "snippet",
        "tag",
        "count",
        "date",
        "bar",
        "strong",
    )
)
"""The component classes a theme or a style sheet may colour."""
LOOK: Final = """
MessageList {
    overflow-x: hidden; overflow-y: auto; scrollbar-size-vertical: 1; scrollbar-gutter: stable;
    .message-list--cursor { background: $block-cursor-blurred-background;
        text-style: $block-cursor-blurred-text-style; }
    &:focus .message-list--cursor { background: $block-cursor-background;
        color: $block-cursor-foreground; text-style: $block-cursor-text-style; }
    .message-list--marked { background: $secondary 20%; }
    &:ansi .message-list--marked { background: ansi_default; }
    .message-list--strong { text-style: bold; }
    .message-list--unread { color: $mail-unread; text-style: bold; }
    .message-list--star { color: $mail-star; }
    .message-list--mark { color: $secondary; text-style: bold; }
    .message-list--verified { color: $evidence-verified; }
    .message-list--differs { color: $evidence-differs; text-style: bold; }
    .message-list--unconfirmed { color: $evidence-unconfirmed; }
    .message-list--unproven { color: $evidence-unproven; }
    .message-list--snippet { color: $mail-muted; }
    .message-list--tag { color: $mail-tag; text-style: italic; }
    .message-list--count { color: $mail-muted; }
    .message-list--date { color: $mail-muted; }
    .message-list--bar { color: $primary; text-style: bold; }
}
"""


class Styles(Protocol):
    """How a widget gives the style of one of its component classes."""

    def __call__(self, *names: str, partial: bool = False) -> Style: ...


def line_styles(styles: Styles, *, cursor: bool, marked: bool) -> tuple[Style, Palette]:
    """The styles of a line in one of its states: each part's own colours over the state's background."""
    state = "cursor" if cursor else "marked" if marked else "row"
    base = styles(_PREFIX + state)

    def over(*names: str) -> Style:
        style = base
        for name in names:
            own = styles(_PREFIX + name, partial=True)
            if base.reverse:  # a colour of its own would become a block of that colour
                own = Style(bold=own.bold, italic=own.italic)
            style = style + own
        return style

    palette = Palette(
        unread=over("unread"),
        people=over("people"),
        people_unread=over("people", "strong"),
        star=over("star"),
        mark=over("mark"),
        evidence={each: over(each.value) for each in Evidence},
        subject=over("subject"),
        subject_unread=over("subject", "strong"),
        snippet=over("snippet"),
        tag=over("tag"),
        count=over("count"),
        date=over("date"),
        cursor=over("bar"),
    )
    return base, palette
