"""Keys for people who come from another mail program: what each set changes in the table of actions.

A set names only what differs from the table; everything else keeps its standard key. The keymap knows single
keys, so where the other program has two in a row (``gg``, ``ctrl+x ctrl+s``) a set has the nearest one.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

_PLACES = {
    "show-inbox": "alt+m",
    "show-outbox": "alt+o",
    "show-trust": "alt+t",
    "show-contacts": "alt+c",
    "show-identities": "alt+i",
    "show-sync": "alt+y",
    "add-account": "alt+n",
}
"""Other screens: in the other programs the capital letters are for messages."""


def _mail(**keys: str) -> dict[str, str]:
    """Keys of actions that the list and a conversation share; ``_`` stands for ``-``."""
    named = {name.replace("_", "-"): key for name, key in keys.items()}
    return {**named, **{f"thread-{name}": key for name, key in named.items()}}


_MUTT = {
    **_PLACES,
    **_mail(
        compose="m",
        reply_all="g",
        forward_attached="alt+f",
        bounce="b",
        block="B",
        edit_as_new="alt+e",
        edit_draft="R",
        undo="u",
        unread="N",
        star="F",
        tag="Y",
        move="s",
        copy="C",
        print="p",
        invitation="alt+a",
        next_unread="tab",
    ),
    "commands": "colon",
    "next-pane": "f7",
    # The list
    "cursor-top": "equals_sign,home",
    "cursor-bottom": "asterisk,end",
    "page-down": "z,pagedown,space",
    "page-up": "Z,minus,pageup",
    "go-to-folder": "c,y",
    "select": "t",
    "select-matching": "T",
    "refresh": "G,dollar_sign",
    "empty-folder": "E",
    "parts": "v",
    "preview": "V",
    # A conversation
    "thread-headers": "h",
    "left": "left",
    "next-message": "J",
    "previous-message": "K",
    "next-conversation": "ctrl+n",
    "previous-conversation": "ctrl+p",
    "fold-all": "T",
    "open-link": "o,ctrl+b",
    # Elsewhere
    "contact-compose": "m",
    "outbox-compose": "m",
    "undo-send": "u",
    "contact-undo": "u",
}

_VIM = {
    **_PLACES,
    **_mail(
        compose="m,C",
        reply="R",
        reply_all="r",
        archive="a,A",
        trash="d,D",
        undo="u",
        unread="U",
        move="M",
        bounce="b",
        block="B",
        headers="H",
        unsubscribe="X",
        invitation="alt+a",
    ),
    "commands": "colon",
    # The list
    "page-down": "ctrl+f,ctrl+d,pagedown",
    "page-up": "ctrl+b,ctrl+u,pageup",
    "next-folder": "J",
    "previous-folder": "K",
    "go-to-folder": "c",
    "next-account": "ctrl+n",
    "select": "v,space",
    "select-all": "V",
    "limit": "backslash",
    "preview": "S",
    "save-search": "alt+s",
    "parts": "p",
    "filter": "alt+k",
    "new-folder": "alt+f",
    "remove-folder": "alt+d",
    "decide": "e",
    "refresh": "ctrl+r",
    "read-all": "alt+r",
    # A conversation
    "release": "e",
    "next-message": "ctrl+j,n",
    "previous-message": "ctrl+k,p",
    "fold-all": "z",
    "replies": "T",
    "open-link": "o,O",
    "unlock": "alt+k",
    "charset": "alt+u",
    # Elsewhere
    "contact-undo": "u",
    "undo-send": "u",
}

_EMACS = {
    **_PLACES,
    **_mail(
        compose="C",
        reply="R",
        reply_all="W",
        forward="F",
        forward_attached="alt+f",
        archive="r",
        undo="u,ctrl+underscore",
        unread="exclamation_mark",
        star="plus",
        accept_list="alt+l",
        invitation="alt+a",
        search="slash,s,ctrl+s",
        next_unread="right_square_bracket,semicolon",
    ),
    "commands": "alt+x,colon",
    # Any list
    "cursor-down": "n,down,ctrl+n",
    "cursor-up": "p,up,ctrl+p",
    "page-down": "ctrl+v,pagedown,space",
    "page-up": "alt+v,pageup",
    "cursor-top": "alt+less_than_sign,home",
    "cursor-bottom": "alt+greater_than_sign,end",
    "leave-search": "escape,ctrl+g",
    # The list
    "go-to-folder": "j",
    "next-folder": "right_curly_bracket",
    "previous-folder": "left_curly_bracket",
    "refresh": "g",
    "select": "number_sign,x",
    "read-all": "c",
    "sort": "O,o",
    "new-folder": "N",
    "rename-folder": "alt+r",
    "search-server": "alt+s",
    # A conversation
    "thread-headers": "alt+h",
    "next-message": "N",
    "previous-message": "left_square_bracket",
    "next-conversation": "right_curly_bracket",
    "previous-conversation": "left_curly_bracket",
    "attachments": "e,v",
    "open-link": "g,o",
    "copy-link": "k,y",
    "open-in-browser": "alt+w",
    # Writing
    "leave": "escape,ctrl+g",
    "editor": "alt+e",
    "shorten": "alt+g",
    "attach": "f3,alt+a",
    "discard": "f8,alt+k",
    # Elsewhere
    "outbox-compose": "C",
    "contact-compose": "C",
    "new-contact": "plus",
    "new-identity": "plus",
    "sync-pause": "P",
    "add-setting": "plus",
    "dialog-close": "escape,ctrl+g",
    "help-close": "q,escape,ctrl+g",
    "wizard-back": "escape,ctrl+g",
}

KEY_SETS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "mutt": MappingProxyType(_MUTT),
        "vim": MappingProxyType(_VIM),
        "emacs": MappingProxyType(_EMACS),
    }
)
"""Keys by action, for each set but the standard one."""
