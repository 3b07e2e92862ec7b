"""The contacts file: its tables in each version, and the keys under which people are found in it."""

from __future__ import annotations

import re
from typing import Final

from misfin.errors import AddressError
from misfin.model.account import AddressKind
from misfin.model.recipient import normal_address
from misfin.store.blake2 import blake2b
from misfin.store.search.folding import PLAIN, bare

MAX_ADDRESS = 320
_MAX_WORDS = 24
_UNSPACED = re.compile("[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff]")
_SEPARATORS = re.compile(r"[\s@._+<>()\"',;:\[\]/-]+")

_SCHEMA = """
CREATE TABLE contacts (
    id INTEGER PRIMARY KEY, address TEXT NOT NULL UNIQUE, own_name TEXT NOT NULL DEFAULT '',
    learnt_name TEXT NOT NULL DEFAULT '', name_since REAL NOT NULL DEFAULT 0, notes TEXT NOT NULL DEFAULT '',
    dead TEXT NOT NULL DEFAULT '', kept INTEGER NOT NULL DEFAULT 0,
    sent INTEGER NOT NULL DEFAULT 0, received INTEGER NOT NULL DEFAULT 0,
    last_sent REAL NOT NULL DEFAULT 0, last_received REAL NOT NULL DEFAULT 0
);
CREATE TABLE aliases (old TEXT PRIMARY KEY, contact INTEGER NOT NULL REFERENCES contacts ON DELETE CASCADE)
    WITHOUT ROWID;
CREATE TABLE words (word TEXT NOT NULL, contact INTEGER NOT NULL REFERENCES contacts ON DELETE CASCADE,
    PRIMARY KEY (word, contact)) WITHOUT ROWID;
CREATE INDEX words_of ON words (contact);
CREATE TABLE meetings (id BLOB PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE seen (id BLOB PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE blocks (name TEXT PRIMARY KEY, since REAL NOT NULL) WITHOUT ROWID
"""
# A key cannot be changed in place. What refers to contacts goes first: dropping them would empty it.
_BY_KIND = """
CREATE TABLE new_contacts (
    id INTEGER PRIMARY KEY, kind TEXT NOT NULL DEFAULT 'misfin', address TEXT NOT NULL,
    own_name TEXT NOT NULL DEFAULT '', learnt_name TEXT NOT NULL DEFAULT '',
    name_since REAL NOT NULL DEFAULT 0, notes TEXT NOT NULL DEFAULT '', dead TEXT NOT NULL DEFAULT '',
    kept INTEGER NOT NULL DEFAULT 0, sent INTEGER NOT NULL DEFAULT 0, received INTEGER NOT NULL DEFAULT 0,
    last_sent REAL NOT NULL DEFAULT 0, last_received REAL NOT NULL DEFAULT 0, UNIQUE (kind, address)
);
INSERT INTO new_contacts SELECT id, 'misfin', address, own_name, learnt_name, name_since, notes, dead, kept,
    sent, received, last_sent, last_received FROM contacts;
CREATE TABLE new_aliases (kind TEXT NOT NULL, old TEXT NOT NULL,
    contact INTEGER NOT NULL REFERENCES new_contacts ON DELETE CASCADE, PRIMARY KEY (kind, old))
    WITHOUT ROWID;
INSERT INTO new_aliases SELECT 'misfin', old, contact FROM aliases;
CREATE TABLE new_words (word TEXT NOT NULL,
    contact INTEGER NOT NULL REFERENCES new_contacts ON DELETE CASCADE, PRIMARY KEY (word, contact))
    WITHOUT ROWID;
INSERT INTO new_words SELECT word, contact FROM words;
CREATE TABLE new_blocks (kind TEXT NOT NULL, name TEXT NOT NULL, since REAL NOT NULL,
    PRIMARY KEY (kind, name)) WITHOUT ROWID;
INSERT INTO new_blocks SELECT 'misfin', name, since FROM blocks;
DROP TABLE words; DROP TABLE aliases; DROP TABLE contacts; DROP TABLE blocks;
ALTER TABLE new_contacts RENAME TO contacts; ALTER TABLE new_aliases RENAME TO aliases;
ALTER TABLE new_words RENAME TO words; ALTER TABLE new_blocks RENAME TO blocks;
CREATE INDEX words_of ON words (contact)
"""
_REPLACE = "UPDATE OR REPLACE words SET word = replace(word, '{0}', '{1}') WHERE instr(word, '{0}')"
STEPS: Final = (
    _SCHEMA.split(";"),
    # Words are kept in one plain form alone; before, some had two.
    [_REPLACE.format(odd, plain) for odd, plain in PLAIN.items() if plain.islower()],
    _BY_KIND.split(";"),
)
"""What leads from each version of the file to the next."""


def normal(address: str, kind: AddressKind) -> str:
    """The one form of an address the book knows; raises :class:`AddressError`."""
    if len(address) > MAX_ADDRESS:
        raise AddressError("This is too long for an address.")
    return normal_address(address, kind)


def blockable(name: str, kind: AddressKind) -> str:
    """The entry in the block list for an address or for ``@host``; raises :class:`AddressError`."""
    if name.startswith("@"):
        return f"@{normal('x' + name, kind).partition('@')[2]}"
    return normal(name, kind).casefold()


def block_names(address: str) -> tuple[str, str]:
    """The entries of the block list that would refuse an address: its own and its host's."""
    name = address.casefold()
    return name, name[name.rfind("@") :]


def words_of(text: str) -> list[str]:
    """The words of a name or an address without case, accents and strokes."""
    return [word for word in _SEPARATORS.split(bare(text)) if word]


def keys_of(text: str) -> set[str]:
    """What a name or an address is found by: its words, and other ways people begin to type them."""
    words = words_of(text)[:_MAX_WORDS]
    if text.isascii():
        return set(words)
    tails = [text[sign.start() :] for sign in _UNSPACED.finditer(text)][:_MAX_WORDS]
    return {*words, *(word for tail in tails for word in words_of(tail)[:1])}


def mark_of(text: str) -> bytes:
    """A short stand-in for a long name, so that remembering 100,000 messages takes 3 MB."""
    return blake2b(text.encode("utf-8", "replace"), digest_size=12).digest()


def clean(text: str, longest: int) -> str:
    return " ".join(text.replace("\0", " ").split())[:longest]
