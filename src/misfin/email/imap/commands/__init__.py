"""Every command the engine can send. Arguments that cannot be sent safely raise :class:`CommandError`.

Sets of UIDs are always sent as ranges; one longer than a server's line allows is cut by
:meth:`UidSet.split` first.
"""

from misfin.email.imap.commands.connection import (
    authenticate,
    capability,
    identify,
    login,
    logout,
    noop,
    starttls,
)
from misfin.email.imap.commands.mailboxes import (
    close,
    create,
    delete,
    enable,
    list_mailboxes,
    namespace,
    rename,
    select,
    status,
    subscribe,
    unselect,
)
from misfin.email.imap.commands.messages import append, body, copy, expunge, fetch, move, search, store
from misfin.email.imap.commands.watching import idle, notify, notify_none

__all__ = [
    "append",
    "authenticate",
    "body",
    "capability",
    "close",
    "copy",
    "create",
    "delete",
    "enable",
    "expunge",
    "fetch",
    "identify",
    "idle",
    "list_mailboxes",
    "login",
    "logout",
    "move",
    "namespace",
    "noop",
    "notify",
    "notify_none",
    "rename",
    "search",
    "select",
    "starttls",
    "status",
    "store",
    "subscribe",
    "unselect",
]
