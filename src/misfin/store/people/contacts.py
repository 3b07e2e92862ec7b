"""The people one writes to and hears from: learnt from mail, named by hand, found by their first letters.

What a person entered (own names, notes, aliases, blocks) exists nowhere else, so the file is precious. What
is learnt is counted once per message, however often and in whatever order messages are shown to the book.
Trust is not kept here: callers join the pins of ``trust.db``. The same text may be the address of two people,
one for each kind of address: everything here goes by both.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from misfin.errors import AddressError
from misfin.model.account import AddressKind
from misfin.store.database import Database
from misfin.store.people.contact_file import (
    STEPS,
    block_names,
    blockable,
    clean,
    keys_of,
    mark_of,
    normal,
    words_of,
)

MAX_NAME = 200
MAX_NOTES = 20_000

SENT_WEIGHT = 5.0
"""How many received messages a sent one is worth in the ranking: writing is a choice, receiving is not."""
HALF_LIFE = 90 * 86400.0
"""Seconds after which an acquaintance without messages counts half."""

_COLUMNS = "kind, address, own_name, learnt_name, notes, dead, kept, sent, received, last_sent, last_received"
_SCORE = """(sent * :weight + received + 0.5)
    * pow_half(max(0.0, :now - max(last_sent, last_received)) / :half_life) * (dead = '') DESC"""
_KINDS_AT = """SELECT DISTINCT kind FROM contacts
    WHERE dead = '' AND (kept OR sent) AND lower(substr(address, -length(:at))) = :at"""


@dataclass(frozen=True, slots=True)
class Contact:
    """One correspondent. ``address`` is ``mailbox@host`` in its normal form; times are Unix seconds or 0.

    ``own_name`` was given by the user, ``learnt_name`` is what the newest message called them. ``dead`` says
    why the mailbox is known to be gone (status 52); ``aliases`` are earlier addresses of the same person.
    ``kept`` marks one that was saved or edited by hand; the others are only learnt. ``kind`` and ``address``
    together are one person.
    """

    address: str
    own_name: str = ""
    learnt_name: str = ""
    notes: str = ""
    dead: str = ""
    kept: bool = False
    sent: int = 0
    received: int = 0
    last_sent: float = 0.0
    last_received: float = 0.0
    aliases: tuple[str, ...] = ()
    blocked: bool = False
    kind: AddressKind = AddressKind.MISFIN

    @property
    def name(self) -> str:
        """The name to show; empty when there is none."""
        return self.own_name or self.learnt_name


@dataclass(frozen=True, slots=True)
class Encounter:
    """One message to (``sent``) or from somebody; ``message`` names it for good, ``when`` is Unix seconds."""

    address: str
    name: str
    sent: bool
    when: float
    message: str
    kind: AddressKind = AddressKind.MISFIN


class ContactBook:
    """The contacts of a profile in one SQLite file (None: in memory).

    Thread-safe, and several processes may share the file. Every method raises :class:`StoreError` when the
    file cannot be used, and those that take an address raise :class:`AddressError` for what is not one
    of its ``kind``.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._db = Database(path, "The contacts file", STEPS)
        self._db.add_function("pow_half", lambda age: 0.5**age)

    def close(self) -> None:
        self._db.close()

    def release_memory(self) -> None:
        """Drop what is kept of the file in memory."""
        self._db.release_memory()

    # ---- looking ----------------------------------------------------------------------------------

    def complete(
        self, prefix: str, *, now: float, limit: int = 8, kind: AddressKind | None = None
    ) -> list[Contact]:
        """Who ``prefix`` may mean, the likeliest first; of one ``kind`` where one is given.

        Every word of it begins a word of a name, a mailbox, a host or an alias, whatever the case, accents
        and strokes. Blocked people are left out; dead mailboxes come last.
        """
        return self._find(
            prefix,
            now,
            limit,
            "AND NOT EXISTS (SELECT 1 FROM blocks b WHERE b.kind = contacts.kind AND b.name = lower(address))"
            " AND (:kind IS NULL OR kind = :kind)",
            kind,
        )

    def all(self, search: str = "", *, now: float) -> list[Contact]:
        """Everybody, or those ``search`` may mean, the likeliest first, blocked ones too."""
        return self._find(search, now, -1, "")

    def get(self, address: str, kind: AddressKind = AddressKind.MISFIN) -> Contact | None:
        """The contact with this address, present or earlier; None for a stranger."""
        rows = self._db.read(
            f"SELECT {_COLUMNS}, id FROM contacts WHERE kind = :kind AND address = :key"  # noqa: S608 - a constant
            " OR id = (SELECT contact FROM aliases WHERE kind = :kind AND old = :key)"
            " ORDER BY address = :key DESC LIMIT 1",
            {"key": normal(address, kind), "kind": kind},
        )
        return self._contacts(rows)[0] if rows else None

    def resolve(self, address: str, kind: AddressKind = AddressKind.MISFIN) -> str:
        """Where messages for ``address`` go now: its owner's present address, after any number of moves."""
        contact = self.get(address, kind)
        return contact.address if contact else normal(address, kind)

    def kinds_at(self, host: str) -> set[AddressKind]:
        """The kinds of living addresses at a host (in lower case) that were saved or written to."""
        return {AddressKind(kind) for (kind,) in self._db.read(_KINDS_AT, {"at": f"@{host}"})}

    # ---- learning ---------------------------------------------------------------------------------

    def learn(
        self, encounters: Iterable[Encounter], *, seen: Iterable[str] = (), now: float = math.inf
    ) -> int:
        """Count messages, each once however often it is shown; returns how many were new.

        The newest message gives the learnt name; one dated after ``now`` counts as of now. Whatever is not an
        address is skipped; the caller leaves out one's own addresses. ``seen`` are names of messages that
        :meth:`unseen` will no longer return.
        """
        new = 0
        with self._db.write():
            self._db.executemany("INSERT OR IGNORE INTO seen VALUES (?)", [(mark_of(name),) for name in seen])
            for encounter in encounters:
                try:
                    address = normal(encounter.address, encounter.kind)
                except AddressError:
                    continue
                # Misfin's marks are older than the kinds.
                kind = "" if encounter.kind is AddressKind.MISFIN else f"{encounter.kind}\n"
                mark = mark_of(f"{kind}{encounter.sent:d}\n{address}\n{encounter.message}")
                known = self._db.execute("INSERT OR IGNORE INTO meetings VALUES (?)", (mark,))
                if known.rowcount:
                    self._count(encounter, address, now)
                    new += 1
        return new

    def unseen(self, messages: Iterable[str]) -> set[str]:
        """Those names of messages (file keys, say) that were not yet given to :meth:`learn` as seen."""
        known = "SELECT 1 FROM seen WHERE id = ?"
        return {name for name in messages if not self._db.read(known, (mark_of(name),))}

    def seen_count(self) -> int:
        """How many messages were ever seen."""
        return int(self._db.read("SELECT count(*) FROM seen", ())[0][0])

    def _count(self, encounter: Encounter, address: str, now: float) -> None:
        present = self._db.execute(
            "SELECT contact FROM aliases WHERE kind = ? AND old = ?", (encounter.kind, address)
        ).fetchone()
        contact = present[0] if present else self._id_of(address, encounter.kind)
        when = min(encounter.when, now)
        # A message from a mailbox that was gone: it is back.
        change = (
            "sent = sent + 1, last_sent = max(min(last_sent, :now), :when)"
            if encounter.sent
            else "received = received + 1, last_received = max(min(last_received, :now), :when), dead = ''"
        )
        self._db.execute(
            f"UPDATE contacts SET {change} WHERE id = :id",  # noqa: S608 - one of two constants
            {"when": when, "now": now, "id": contact},
        )
        name = clean(encounter.name, MAX_NAME)
        if name and name.casefold() != address:
            renamed = self._db.execute(
                "UPDATE contacts SET learnt_name = :name, name_since = :when WHERE id = :id"
                " AND (name_since <= :when OR name_since > :now) AND learnt_name <> :name",
                {"name": name, "when": when, "now": now, "id": contact},
            )
            if renamed.rowcount:
                self._index(contact)

    # ---- changing by hand -------------------------------------------------------------------------

    def save(self, contact: Contact, *, replaces: str = "") -> Contact:
        """Keep a contact as a person entered it; ``replaces`` is its address before an edit.

        Counts are taken over only for somebody new, so that a deleted contact can be put back as it was.
        """
        kind = contact.kind
        address = normal(contact.address, kind)
        with self._db.write():
            before = normal(replaces, kind) if replaces else address
            if before != address:
                self._merge(before, address, kind, keep_old=False)
            new = self.get(address, kind) is None
            self._db.execute("DELETE FROM aliases WHERE kind = ? AND old = ?", (kind, address))
            row = self._id_of(address, kind)
            self._db.execute(
                "UPDATE contacts SET own_name = ?, notes = ?, dead = ?, kept = 1 WHERE id = ?",
                (
                    clean(contact.own_name, MAX_NAME),
                    contact.notes[:MAX_NOTES],
                    clean(contact.dead, MAX_NAME),
                    row,
                ),
            )
            if new:
                learnt = (contact.sent, contact.received, contact.last_sent, contact.last_received)
                self._db.execute(
                    "UPDATE contacts SET learnt_name = ?, sent = ?, received = ?, last_sent = ?,"
                    " last_received = ? WHERE id = ?",
                    (clean(contact.learnt_name, MAX_NAME), *learnt, row),
                )
            self._db.execute("DELETE FROM aliases WHERE contact = ?", (row,))
            for alias in contact.aliases:
                if (old := normal(alias, kind)) != address:
                    self._db.execute("INSERT OR REPLACE INTO aliases VALUES (?, ?, ?)", (kind, old, row))
            self._index(row)
            saved = self.get(address, kind)
        assert saved is not None
        return saved

    def delete(self, address: str, kind: AddressKind = AddressKind.MISFIN) -> Contact | None:
        """Remove a contact; returns it, for :meth:`save` to put back. Its messages are not counted again."""
        with self._db.write():
            contact = self.get(address, kind)
            if contact is not None:
                self._db.execute(
                    "DELETE FROM contacts WHERE kind = ? AND address = ?", (kind, contact.address)
                )
            return contact

    def moved(self, old: str, new: str, kind: AddressKind = AddressKind.MISFIN) -> Contact:
        """A mailbox moved for good (status 31): the contact gets the new address, the old one is an alias."""
        before, after = normal(old, kind), normal(new, kind)
        with self._db.write():
            if before != after:
                self._merge(before, after, kind, keep_old=True)
            elif self.get(after, kind) is None:
                self._id_of(after, kind)
            contact = self.get(after, kind)
        assert contact is not None
        return contact

    def note_dead(self, address: str, why: str, kind: AddressKind = AddressKind.MISFIN) -> None:
        """The mailbox is gone (status 52): still in the book, but last. An empty ``why`` says it is back."""
        with self._db.write():
            self._db.execute(
                "UPDATE contacts SET dead = ? WHERE kind = ? AND address = ?",
                (clean(why, MAX_NAME), kind, normal(address, kind)),
            )

    # ---- the block list ---------------------------------------------------------------------------

    def block(self, name: str, *, now: float, kind: AddressKind = AddressKind.MISFIN) -> None:
        """Refuse mail from an address, or with ``@host`` from everybody there."""
        with self._db.write():
            self._db.execute(
                "INSERT OR IGNORE INTO blocks VALUES (?, ?, ?)", (kind, blockable(name, kind), now)
            )

    def unblock(self, name: str, kind: AddressKind = AddressKind.MISFIN) -> bool:
        """Allow mail again; False when it was not blocked."""
        with self._db.write():
            gone = self._db.execute(
                "DELETE FROM blocks WHERE kind = ? AND name = ?", (kind, blockable(name, kind))
            )
            return gone.rowcount > 0

    def blocked(self, kind: AddressKind = AddressKind.MISFIN) -> list[str]:
        """Everything blocked of one kind, addresses and ``@host``, sorted."""
        found = self._db.read("SELECT name FROM blocks WHERE kind = ? ORDER BY name", (kind,))
        return [name for (name,) in found]

    # ---- inside -----------------------------------------------------------------------------------

    def _find(
        self, text: str, now: float, limit: int, condition: str, kind: AddressKind | None = None
    ) -> list[Contact]:
        values: dict[str, object] = {"kind": kind, "now": now, "limit": limit}
        values |= {"weight": SENT_WEIGHT, "half_life": HALF_LIFE}
        wanted = []
        for number, word in enumerate(words_of(text)[:8]):
            values |= {f"from{number}": word, f"to{number}": word + "\U0010ffff"}
            wanted.append(
                f"id IN (SELECT contact FROM words WHERE word >= :from{number} AND word < :to{number})"  # noqa: S608 - numbers
            )
        where = " AND ".join(wanted) or "1"
        rows = self._db.read(
            f"SELECT {_COLUMNS}, id FROM contacts WHERE {where} {condition}"  # noqa: S608 - constants
            f" ORDER BY {_SCORE}, kept DESC, address LIMIT :limit",
            values,
        )
        return self._contacts(rows)

    def _contacts(self, rows: list[Any]) -> list[Contact]:
        aliases: dict[int, list[str]] = {}
        for contact, old in self._db.read("SELECT contact, old FROM aliases ORDER BY old", ()):
            aliases.setdefault(contact, []).append(old)
        blocked = {kind: set(self.blocked(kind)) for kind in AddressKind}
        found = []
        for kind, address, own_name, learnt_name, notes, dead, kept, *counts, row in rows:
            sent, received, last_sent, last_received = counts
            found.append(
                Contact(
                    address=address,
                    own_name=own_name,
                    learnt_name=learnt_name,
                    notes=notes,
                    dead=dead,
                    kept=bool(kept),
                    sent=sent,
                    received=received,
                    last_sent=last_sent,
                    last_received=last_received,
                    aliases=tuple(aliases.get(row, ())),
                    blocked=not blocked[AddressKind(kind)].isdisjoint(block_names(address)),
                    kind=AddressKind(kind),
                )
            )
        return found

    def _id_of(self, address: str, kind: AddressKind) -> int:
        """The row of an address, made if need be."""
        key = (kind, address)
        made = self._db.execute("INSERT OR IGNORE INTO contacts (kind, address) VALUES (?, ?)", key)
        (row,) = self._db.execute("SELECT id FROM contacts WHERE kind = ? AND address = ?", key).fetchone()
        if made.rowcount:
            self._index(row)
        return int(row)

    def _index(self, row: int) -> None:
        """Write down the words a contact is found by: of its names, its address and its aliases."""
        texts = self._db.execute(
            "SELECT own_name || ' ' || learnt_name || ' ' || address FROM contacts WHERE id = :id"
            " UNION ALL SELECT old FROM aliases WHERE contact = :id",
            {"id": row},
        ).fetchall()
        found = {word for (text,) in texts for word in keys_of(text)}
        self._db.execute("DELETE FROM words WHERE contact = ?", (row,))
        self._db.executemany("INSERT INTO words VALUES (?, ?)", [(word, row) for word in found])

    def _merge(self, old: str, new: str, kind: AddressKind, *, keep_old: bool) -> None:
        """Make two addresses one contact under ``new``, with what is known of both."""
        source, target = self.get(old, kind), self._id_of(new, kind)
        if source is not None and source.address != new:
            before = self._id_of(source.address, kind)
            self._db.execute(
                """UPDATE contacts SET own_name = iif(contacts.own_name = '', o.own_name, contacts.own_name),
                   learnt_name = iif(contacts.learnt_name = '', o.learnt_name, contacts.learnt_name),
                   notes = trim(contacts.notes || char(10) || o.notes, char(10)),
                   kept = contacts.kept OR o.kept, sent = contacts.sent + o.sent,
                   received = contacts.received + o.received,
                   last_sent = max(contacts.last_sent, o.last_sent),
                   last_received = max(contacts.last_received, o.last_received)
                   FROM (SELECT * FROM contacts WHERE id = ?) AS o WHERE contacts.id = ?""",
                (before, target),
            )
            self._db.execute("UPDATE aliases SET contact = ? WHERE contact = ?", (target, before))
            self._db.execute("DELETE FROM contacts WHERE id = ?", (before,))
        self._db.execute("DELETE FROM aliases WHERE kind = ? AND old = ?", (kind, new))
        if keep_old:
            earlier = {old, source.address if source else old} - {new}
            self._db.executemany(
                "INSERT OR REPLACE INTO aliases VALUES (?, ?, ?)",
                [(kind, address, target) for address in earlier],
            )
        self._index(target)
