"""``[accounts.NAME]`` in the settings: accounts that are not Misfin identities."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from misfin.email.account import Login, MailProtocol, OAuthServer, SaveSent, SecretPlace, SecretRef, SendHTML
from misfin.model.account import Account, Kind, is_account_name
from misfin.valueclass import dataclass
from misfin_tui.config import Config, Reader, setting
from misfin_tui.config import email as values

if TYPE_CHECKING:
    from misfin.store.accounts import AccountBook
    from misfin.store.identities import IdentityStore
    from misfin_tui.paths import Profile

KINDS: tuple[Kind, ...] = (Kind.EMAIL, Kind.GMAP)
"""Kinds of accounts in the settings that this version supports."""

_NEEDS = {"email": ("address",), "gmap": ("host", "identity")}
_EXCLUDES = {"email": ("host", "port", "identity"), "gmap": ("address", "imap", "pop3", "smtp")}
"""What the kinds of accounts must have, and cannot have, in the settings."""
_KEPT = '`{ keyring = "…" }`, `{ command = "…" }`, `{ env = "…" }`'
_MADE = (SecretPlace.COMMAND, SecretPlace.ENV)


@dataclass(frozen=True, slots=True)
class AccountConfig:
    """``[accounts.NAME]``: an account that is not a Misfin identity."""

    kind: str = setting("", "How it sends and receives.", values='`"email"`, `"gmap"`')
    address: str = setting("", "Its address; a gmap account has its identity's.", check=values.check_address)
    name: str = setting("", "The name other people see beside the address.", check=values.check_line)
    imap: str = setting(
        "",
        "Server for incoming mail: imaps://USER@HOST, or imap:// for STARTTLS. Without USER, the address.",
        check=values.server_check(MailProtocol.IMAP),
    )
    pop3: str = setting(
        "", "The same for POP3: pop3s:// or pop3://.", check=values.server_check(MailProtocol.POP3)
    )
    smtp: str = setting(
        "",
        "Server for outgoing mail: smtps://, or smtp:// for STARTTLS on port 587.",
        check=values.server_check(MailProtocol.SMTP),
    )
    auth: str = setting(
        Login.PASSWORD.value,
        "How to log in; the strongest way that the server offers is used.",
        choices=tuple(each.value for each in Login),
    )
    password: SecretRef | None = setting(
        None,
        "Where the password is kept; the password itself is refused here.",
        read=values.secret_reader("password"),
        values=_KEPT,
    )
    token: SecretRef | None = setting(
        None,
        "Where to get an OAuth access token that another program makes.",
        read=values.secret_reader("token", _MADE),
        values='`{ command = "…" }`, `{ env = "…" }`',
    )
    client_id: str = setting("", "Your own registration with an OAuth provider.", check=values.check_line)
    client_secret: SecretRef | None = setting(
        None,
        "Where the secret of that registration is kept, if it has one.",
        read=values.secret_reader("client_secret"),
        values=_KEPT,
    )
    oauth: OAuthServer | None = setting(
        None,
        "Where to sign in, for a provider the program does not know. oauth.md explains it.",
        read=values.read_oauth,
        values='`{ authorize = "https://…", token = "https://…", scopes = "…", device = "https://…" }`',
    )
    ca_file: str = setting("", "PEM file with an authority to trust besides the system's.")
    min_tls: str = setting(
        "1.2",
        "Oldest version of TLS to accept; older than 1.2 only for a server that cannot do better.",
        choices=("1.2", "1.3", "1.0"),
    )
    plaintext: bool = setting(False, "Log in without TLS; only for a server on this machine.")
    cram_md5: bool = setting(False, "Use CRAM-MD5 where the server offers nothing better.")
    aliases: tuple[str, ...] = setting(
        (),
        "Your other addresses: ada@example.net, ada+*@example.org, *@ada.example.",
        check=values.check_alias,
    )
    signature: str | Path = setting(
        "", "Put below each new message.", read=values.read_signature, values='text, `{ file = "…" }`'
    )
    send_html: str = setting(
        SendHTML.AUTO.value,
        "Add an HTML version: auto when there is a heading, list or link.",
        choices=tuple(each.value for each in SendHTML),
    )
    sign: bool = setting(False, "Sign new messages with OpenPGP; `f6` in the composer changes it for one.")
    save_sent: SaveSent = setting(
        SaveSent.AUTO,
        "Keep a copy in Sent; auto: not where the provider does so itself.",
        read=values.read_save_sent,
        values='`"auto"`, `true`, `false`',
    )
    folders: tuple[tuple[str, str], ...] = setting(
        (),
        "What the server calls the folders, where it does not say which is which.",
        read=values.read_folders,
        values='`{ Sent = "Sent Items" }`',
    )
    keep: str = setting(
        "all",
        "How far back messages are stored here.",
        check=values.check_keep,
        values='`"all"`, `"90d"`, `"6m"`, `"1y"`',
    )
    keep_folders: tuple[tuple[str, str], ...] = setting(
        (),
        "The same for single folders.",
        read=values.read_keep_folders,
        values='`{ Archive = "1y" }`',
    )
    paused: bool = setting(False, "Do not fetch automatically; `misfin-tui fetch --account NAME` still does.")
    fetch_up_to: int | None = setting(
        None,
        "Larger messages are fetched when you open them. Not set: no limit, for POP3 5MiB.",
        read=values.read_size,
        values='`"no limit"`, `"5MiB"`',
    )
    pop3_leave: str = setting(
        "forever",
        "How long messages stay on a POP3 server.",
        check=values.check_pop3_leave,
        values='`"forever"`, `"14d"`, `"delete"`',
    )
    authserv_id: str = setting(
        "", "The server whose Authentication-Results are believed.", check=values.check_line
    )
    host: str = setting(
        "", "For gmap: the server where this Misfin mailbox is kept.", check=values.check_host
    )
    port: int = setting(
        0, "For gmap: its port. 0 means 1958, and 1960 where only Misfin is spoken there.", low=0, high=65535
    )
    identity: str = setting(
        "", "For gmap: the identity of the mailbox, by its name in identities/.", check=values.check_line
    )

    @property
    def logs_in(self) -> bool:
        """Whether it has servers, and a password or the like for them; a remote mailbox has a key."""
        return self.kind == Kind.EMAIL

    @property
    def fetches(self) -> bool:
        """Whether there is a server to fetch from."""
        return bool(self.imap or self.pop3 or self.host)


def read_accounts(reader: Reader, tables: Mapping[str, object]) -> dict[str, AccountConfig]:
    """The accounts of kinds that this version supports; others are reported and not checked.

    Raises :class:`~misfin_tui.config.ConfigError`.
    """
    found = {}
    for name, table in tables.items():
        where = ("accounts", name)
        if not is_account_name(name):
            raise reader.error(where, f"`{name}` cannot be the name of an account: use a-z, 0-9, _ and -")
        kind = table.get("kind", "") if isinstance(table, dict) else ""
        if kind == "misfin":
            raise reader.error(where, "a Misfin account needs no section: it is a file in identities/")
        if kind and kind not in KINDS:
            shown = f"the kind `{kind}`" if isinstance(kind, str) else "this kind of account"
            reader.unknown(where, f"{shown} is not supported by this version", [])
            continue
        account = found[name] = reader.section(AccountConfig, table, where)
        for key in _NEEDS.get(account.kind, ("kind",)):
            if not getattr(account, key):
                raise reader.error(where, f"[accounts.{name}] needs `{key}`")
        for key in _EXCLUDES.get(account.kind, ()):
            if getattr(account, key):
                raise reader.error((*where, key), f"an account of the kind {account.kind} has no `{key}`")
        if (conflict := values.conflicts(account)) is not None:
            key, error = conflict
            raise reader.error((*where, key), str(error), remedy=error.remedy)
    return found


def account_book(profile: Profile, config: Config) -> AccountBook:
    """The accounts of a profile with these settings."""
    from misfin.store.accounts import AccountBook, AccountSettings  # late: reading settings needs no store
    from misfin.store.mail.maildir import MailStore

    configured = [
        AccountSettings(name, Kind(each.kind), each.address, each.name, each.identity)
        for name, each in config.accounts.items()
    ]
    return AccountBook(identity_store(profile), MailStore(profile.mail), configured)


def mail_directory(name: str, account: AccountConfig) -> str:
    """The directory of the account's mail, and of its attic."""
    return Account(name, Kind(account.kind), account.address).directory


def identity_store(profile: Profile) -> IdentityStore:
    """The identities of a profile, with what is known of them remembered among its caches."""
    from misfin.store.identities import IdentityStore  # late: as above

    return IdentityStore(profile.identities, profile.cache / "identities.json")


def own_addresses(accounts: Mapping[str, AccountConfig]) -> Callable[[str, str], bool]:
    """Says for the directory of an account's mail whether an address is its own or one of its aliases."""

    def is_own(directory: str, address: str) -> bool:
        from misfin.compose import aliases  # late: not before the first frame

        account = accounts.get(directory)
        return account is not None and aliases.is_own(address, account.address, account.aliases)

    return is_own
