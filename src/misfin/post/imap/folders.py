"""Which folders an IMAP server has, and what each is for, from what it says about them. Pure.

Roles come from the settings, from special uses (RFC 6154), and from well-known names, in this order; each
role is given once. Folders of other people and shared ones are left out.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Final

from misfin.email.imap import ListEntry, MailboxStatus, Namespaces
from misfin.post.imap.gmail import ALL
from misfin.post.sync.values import LOCAL_NAMES, RemoteFolder, Role, SyncPoint
from misfin.valueclass import dataclass

_ATTRIBUTES: Final = {
    "\\inbox": Role.INBOX,
    "\\sent": Role.SENT,
    "\\drafts": Role.DRAFTS,
    "\\all": Role.ARCHIVE,  # only at Gmail: elsewhere it is left out
    "\\allmail": Role.ARCHIVE,  # the same by XLIST
    "\\archive": Role.ARCHIVE,
    "\\junk": Role.JUNK,
    "\\spam": Role.JUNK,  # XLIST
    "\\trash": Role.TRASH,
}
NO_FOLDER: Final = frozenset({"\\noselect", "\\nonexistent"})
"""What a name is marked with that cannot be opened."""
VIEWS: Final = frozenset({"\\all", "\\allmail", "\\flagged", "\\starred", "\\important"})
"""Folders that only show again what others hold."""

_NAMES: Final = {
    Role.SENT: "sent, sent items, sent messages, sent mail, sent-mail, gesendet, gesendete objekte,"
    " gesendete elemente, envoyés, éléments envoyés, messages envoyés, enviados, elementos enviados, posta"
    " inviata, inviata, verzonden, verzonden items, skickat, wysłane, отправленные",
    Role.DRAFTS: "drafts, draft, entwürfe, brouillons, borradores, bozze, concepten, rascunhos, utkast,"
    " wersje robocze, черновики",
    Role.TRASH: "trash, deleted items, deleted messages, deleted, bin, papierkorb, gelöschte elemente,"
    " gelöschte objekte, corbeille, éléments supprimés, papelera, elementos eliminados, cestino, prullenbak,"
    " lixeira, papperskorgen, kosz, корзина",
    Role.JUNK: "junk, junk email, junk e-mail, spam, bulk, bulk mail, spamverdacht, indésirables, courrier"
    " indésirable, correo no deseado, posta indesiderata, ongewenste e-mail, skräppost, спам",
    Role.ARCHIVE: "archive, archives, archiv, archivio, archivo, archief, arquivo, arkiv",
}
_ROLE_OF_NAME: Final = {name.strip(): role for role, names in _NAMES.items() for name in names.split(",")}
_LOCAL_ROLES: Final = {name: role for role, name in LOCAL_NAMES.items()}


@dataclass(frozen=True, slots=True)
class Layout:
    """How a server spells names: ``prefix`` before a person's own folders, ``separator`` between levels.

    ``foreign`` are the prefixes of other people's folders and of shared ones.
    """

    prefix: str = ""
    separator: str = "/"
    foreign: tuple[str, ...] = ()

    def shown(self, name: str, separator: str) -> str:
        """A server's name as people see it, with ``/`` between levels."""
        if self.prefix and name.startswith(self.prefix) and len(name) > len(self.prefix):
            name = name[len(self.prefix) :]
        if not separator or separator == "/":
            return name
        return "/".join(part.replace("/", "_") for part in name.split(separator))

    def spelled(self, name: str) -> str:
        """One of our names as the server would spell it."""
        separator = self.separator or "_"
        return self.prefix + separator.join(part.replace(separator, "_") for part in name.split("/"))

    def owns(self, name: str) -> bool:
        """Whether a folder is the person's own."""
        return not any(name.startswith(each) for each in self.foreign if each)


def layout_of(found: Namespaces | None, entries: Sequence[ListEntry]) -> Layout:
    """The spelling, from NAMESPACE where the server has it, else from the list."""
    separator = next((each.separator for each in entries if each.separator), "/")
    if found is None or not found.personal:
        return Layout(separator=separator)
    own = found.personal[0]
    foreign = tuple(each.prefix for each in (*found.others, *found.shared) if each.prefix != own.prefix)
    return Layout(own.prefix, own.separator or separator, foreign)


def to_folders(
    entries: Iterable[ListEntry],
    statuses: Mapping[bytes, MailboxStatus],
    layout: Layout,
    chosen: Mapping[str, str],
    *,
    gmail: bool = False,
) -> list[RemoteFolder]:
    """The folders to keep in sync; ``chosen`` are the server's names by ours, from the settings.

    At ``gmail`` All Mail is one of them, as the archive (:mod:`misfin.post.imap.gmail`).
    """
    left_out = NO_FOLDER | (VIEWS - ALL if gmail else VIEWS)
    real = [each for each in _once(entries) if not each.attributes & left_out]
    own = [each for each in real if layout.owns(each.name) or each.raw.upper() == b"INBOX"]
    roles = _roles(own, layout, chosen)
    return [
        RemoteFolder(
            entry.raw,
            layout.shown(entry.name, entry.separator),
            roles.get(entry.raw, Role.NONE),
            id=_mailbox_id(statuses.get(entry.raw)),
            uploads="\\noinsert" not in entry.attributes,
            status=None if entry.attributes & ALL else point_of(statuses.get(entry.raw)),
        )
        for entry in own
    ]


def _once(entries: Iterable[ListEntry]) -> Iterator[ListEntry]:
    seen: set[bytes] = set()
    for entry in entries:
        if "\\inbox" in entry.attributes:  # XLIST says its name in the person's language
            entry = entry._replace(name="INBOX", raw=b"INBOX")
        raw = b"INBOX" if entry.raw.upper() == b"INBOX" else entry.raw
        if raw not in seen:
            seen.add(raw)
            yield entry


def _roles(entries: Sequence[ListEntry], layout: Layout, chosen: Mapping[str, str]) -> dict[bytes, Role]:
    given: dict[bytes, Role] = {}

    def give(entry: ListEntry, role: Role | None) -> None:
        if role is not None and entry.raw not in given and role not in given.values():
            given[entry.raw] = role

    for entry in entries:
        give(entry, Role.INBOX if entry.raw.upper() == b"INBOX" else None)
    wanted = {theirs: _LOCAL_ROLES.get(ours) for ours, theirs in chosen.items()}
    for entry in entries:
        give(entry, wanted.get(entry.name) or wanted.get(layout.shown(entry.name, entry.separator)))
    for entry in entries:
        give(entry, next((_ATTRIBUTES[each] for each in sorted(entry.attributes & _ATTRIBUTES.keys())), None))
    for entry in sorted(entries, key=lambda each: each.name.count(each.separator or "/")):
        give(entry, role_of_name(layout.shown(entry.name, entry.separator)))
    return given


def role_of_name(name: str) -> Role | None:
    """What a folder with this name is usually for; ``INBOX/Sent`` and ``[Provider]/Sent`` count too."""
    *above, last = name.split("/")
    if len(above) > 1 or (above and above[0].upper() != "INBOX" and above[0][:1] != "["):
        return None
    return _ROLE_OF_NAME.get(last.casefold())


def point_of(status: MailboxStatus | None) -> SyncPoint | None:
    """The moment a STATUS describes; None where it does not say enough to tell that nothing has changed."""
    if status is None:
        return None
    values = [status.items.get(each) for each in ("UIDVALIDITY", "UIDNEXT", "HIGHESTMODSEQ", "MESSAGES")]
    match values:
        case [int(epoch), int(following), int(modseq), int(count)]:
            return SyncPoint(str(epoch), following, modseq, count)
    return None


def _mailbox_id(status: MailboxStatus | None) -> str:
    found = status.items.get("MAILBOXID") if status else None
    return found if isinstance(found, str) else ""


def status_items(capabilities: Collection[str]) -> tuple[str, ...]:
    """What to ask STATUS for; ``capabilities`` are those the server offers."""
    items = ["MESSAGES", "UIDNEXT", "UIDVALIDITY"]
    if "CONDSTORE" in capabilities:
        items.append("HIGHESTMODSEQ")
    if "OBJECTID" in capabilities:
        items.append("MAILBOXID")
    return tuple(items)
