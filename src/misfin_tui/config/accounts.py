"""``[accounts.NAME]`` in the settings: accounts that are not Misfin identities."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from misfin.model.account import Kind
from misfin.store.accounts import AccountBook, AccountSettings, is_account_name
from misfin.store.identities import IdentityStore
from misfin.store.mail.maildir import MailStore
from misfin_tui.config import Config, Reader, setting
from misfin_tui.paths import Profile

KINDS: tuple[Kind, ...] = ()
"""Kinds of accounts in the settings that this version supports."""


def _check_address(text: str) -> None:
    mailbox, at, host = text.rpartition("@")
    if text and not (mailbox and at and host and text.isprintable() and " " not in text):
        raise ValueError(f"`{text}` is not an address")


@dataclass(frozen=True, slots=True)
class AccountConfig:
    """``[accounts.NAME]``: an account that is not a Misfin identity."""

    kind: str = setting("", "How it sends and receives.")
    address: str = setting("", "Its address.", check=_check_address)
    name: str = setting("", "The name other people see beside the address.")
    aliases: tuple[str, ...] = setting(
        (), "Your other addresses: ada@example.net, ada+*@example.org, *@ada.example."
    )
    signature: str = setting("", "Put below each new message.")


def read_accounts(reader: Reader, tables: Mapping[str, object]) -> dict[str, AccountConfig]:
    """The accounts of kinds that this version supports; others are reported and not checked.

    Raises :class:`~misfin_tui.config.ConfigError`.
    """
    found = {}
    for name, table in tables.items():
        where = ("accounts", name)
        if not is_account_name(name):
            raise reader.error(where, f"`{name}` cannot name an account: use a-z, 0-9, _ and -")
        kind = table.get("kind", "") if isinstance(table, dict) else ""
        if kind == "misfin":
            raise reader.error(where, "a Misfin account needs no section: it is a file in identities/")
        if kind and kind not in KINDS:
            shown = f"the kind `{kind}`" if isinstance(kind, str) else "this kind of account"
            reader.unknown(where, f"{shown} is not supported by this version", [])
            continue
        found[name] = reader.section(AccountConfig, table, where)
        for key in ("kind", "address"):
            if not getattr(found[name], key):
                raise reader.error(where, f"[accounts.{name}] needs `{key}`")
    return found


def account_book(profile: Profile, config: Config) -> AccountBook:
    """The accounts of a profile with these settings."""
    configured = [
        AccountSettings(name, Kind(each.kind), each.address, each.name)
        for name, each in config.accounts.items()
    ]
    return AccountBook(IdentityStore(profile.identities), MailStore(profile.mail), configured)
