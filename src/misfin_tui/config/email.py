"""What the settings of an e-mail account can be, value by value, and the account they describe.

A secret is never among them: the file says where it is kept, and text in its place is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from misfin.email.account import (
    EmailAccount,
    Login,
    MailProtocol,
    MailServer,
    OAuthServer,
    SaveSent,
    SecretPlace,
    SecretRef,
    SendHTML,
    is_loopback,
    parse_server,
    period_days,
)
from misfin.errors import AccountError, InputError, LocalError
from misfin.model.folders import FOLDERS

if TYPE_CHECKING:
    from misfin_tui.config.accounts import AccountConfig

POP3_FETCH_UP_TO = 5 * 1024 * 1024
"""Bytes of the largest message that POP3 fetches unless something else is set: it cannot fetch in parts."""
MAX_SIGNATURE = 64 * 1024
"""Bytes of a signature's file."""

_SAVE_SENT: Mapping[object, SaveSent] = {"auto": SaveSent.AUTO, True: SaveSent.YES, False: SaveSent.NO}
_UNITS = {"": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 1 << 10, "MIB": 1 << 20, "GIB": 1 << 30}
_SIZE = re.compile(r"([0-9]{1,12})\s*([A-Za-z]*)")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OAUTH_URL = re.compile(r"https://[^/@]+/|http://127\.0\.0\.1:[0-9]+/")
_EVERYWHERE = tuple(SecretPlace)
_SCHEME_OF_PORT = {"143": "imap", "110": "pop3", "995": "pop3s", "587": "smtp", "25": "smtp"}
"""The scheme that a port stands for if none is given; any other port means TLS from the beginning."""


class SettingError(LocalError, ValueError):
    """A value that an account cannot have. Its sentence follows the line, and ends without a period."""


# ---- one value each


def secret_reader(key: str, places: tuple[SecretPlace, ...] = _EVERYWHERE) -> Callable[[object], SecretRef]:
    """Reads ``{ keyring = "…" }`` and the like for ``key``; text instead of a table is refused."""

    def read(value: object) -> SecretRef:
        return _secret(key, places, value)

    return read


def _secret(key: str, places: tuple[SecretPlace, ...], value: object) -> SecretRef:
    ways = " or ".join(f'{{ {place.value} = "…" }}' for place in places)
    if not isinstance(value, dict):
        raise SettingError(
            f"`{key}` is in clear text, so whoever can read the file can read it",
            remedy=f"Write {key} = {ways}, and change the secret if the file was ever shared.",
        )
    if len(value) != 1 or next(iter(value)) not in list(places):
        raise SettingError(f"`{key}` must be {ways}")
    place, name = next((SecretPlace(place), name) for place, name in value.items())
    if not isinstance(name, str) or not name.strip() or not name.isprintable():
        raise SettingError(f"`{key}`: `{place.value}` must be text in quotes, on one line")
    if place is SecretPlace.ENV and not _VARIABLE.fullmatch(name):
        raise SettingError(f"`{key}`: `{name}` cannot name an environment variable")
    if place is SecretPlace.COMMAND:
        _check_command(key, name)
    return SecretRef(place, name)


def _check_command(key: str, command: str) -> None:
    import shlex  # late: few accounts run a command

    try:
        shlex.split(command)
    except ValueError:
        raise SettingError(f"`{key}`: a quote in the command is not closed") from None


def read_oauth(value: object) -> OAuthServer:
    """Where to sign in: HTTPS addresses (HTTP only on this machine), and the scopes to ask for."""
    keys = {"authorize", "token", "scopes", "device"}
    if not isinstance(value, dict) or not keys >= set(value) >= {"authorize", "token", "scopes"}:
        raise SettingError('`oauth` must be { authorize = "…", token = "…", scopes = "…" }')
    for key, text in value.items():
        if not isinstance(text, str) or not text.isascii() or not text.isprintable():
            raise SettingError(f"`oauth`: `{key}` must be text in quotes, on one line")
        if key != "scopes" and not _OAUTH_URL.match(text):
            raise SettingError(f"`oauth`: `{key}` must begin with https://")
    return OAuthServer(**value)


def read_signature(value: object) -> str | Path:
    """A signature's text, or the path of the file that has it."""
    if isinstance(value, str):
        return value
    if (
        isinstance(value, dict)
        and list(value) == ["file"]
        and isinstance(value["file"], str)
        and value["file"]
    ):
        return Path(value["file"])
    raise SettingError('`signature` must be text, or { file = "…" }')


def read_save_sent(value: object) -> SaveSent:
    """``"auto"``, true or false."""
    found = _SAVE_SENT.get(value) if isinstance(value, (str, bool)) else None
    if found is None:
        raise SettingError('`save_sent` must be "auto", true or false')
    return found


def read_folders(value: object) -> tuple[tuple[str, str], ...]:
    """Our names of folders, each with the server's."""
    pairs = _by_folder("folders", value)
    if any(not theirs or not theirs.isprintable() for _, theirs in pairs):
        raise SettingError("`folders`: a folder of the server needs a name of printable characters")
    return pairs


def read_keep_folders(value: object) -> tuple[tuple[str, str], ...]:
    """Our names of folders, each with how long its messages are kept."""
    pairs = _by_folder("keep_folders", value)
    for _, period in pairs:
        check_keep(period)
    return pairs


def _by_folder(key: str, value: object) -> tuple[tuple[str, str], ...]:
    if not isinstance(value, dict) or not all(isinstance(each, str) for each in value.values()):
        raise SettingError(f'`{key}` must be a table such as {{ Archive = "…" }}')
    for name in value:
        if name not in FOLDERS:
            raise SettingError(f"`{key}`: `{name}` is not one of {', '.join(FOLDERS)}")
    return tuple(value.items())


def check_keep(text: str) -> None:
    """``all``, or a period."""
    if text != "all" and period_days(text) is None:
        raise SettingError(f'`{text}` is neither "all" nor a period such as "90d", "6m" or "1y"')


def check_pop3_leave(text: str) -> None:
    """``forever``, ``delete``, or a period."""
    if text not in ("forever", "delete") and period_days(text) is None:
        raise SettingError(f'`{text}` is neither "forever" nor "delete" nor a period such as "14d"')


def read_size(value: object) -> int | None:
    """Bytes in ``"5MiB"``, or as a number; 0 for ``"no limit"``, None for an empty text: not set."""
    if value in ("", "no limit"):
        return 0 if value else None
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    found = _SIZE.fullmatch(value) if isinstance(value, str) else None
    unit = _UNITS.get(found[2].upper()) if found else None
    size = int(found[1]) * unit if found and unit else 0
    if not size:
        raise SettingError('a size is text such as "5MiB", or "no limit"')
    return size


def check_address(text: str) -> None:
    """``mailbox@host``; an empty text is not set."""
    mailbox, at, host = text.rpartition("@")
    if text and not (mailbox and at and host and text.isprintable() and not set(" <>,;\"'") & set(text)):
        raise ValueError(f"`{text}` is not an address")


def check_alias(text: str) -> None:
    """An address, ``ada+*@domain`` or ``*@domain``."""
    check_address(text)
    mailbox, _, host = text.rpartition("@")
    if (
        not text
        or "*" in host
        or "*" in (mailbox[:-1] if mailbox == "*" or mailbox.endswith("+*") else mailbox)
    ):
        raise ValueError(f"`{text}` is neither an address nor a pattern such as ada+*@domain or *@domain")


def check_host(text: str) -> None:
    """The name or address of a host; an empty text is not set."""
    from misfin.model.address import normal_hostname  # late: few profiles have such an account

    if text:
        normal_hostname(text)


def check_line(text: str) -> None:
    """Text that can stand in a header field or a login."""
    if not text.isprintable():
        raise ValueError("it contains a control character")


def server_check(protocol: MailProtocol) -> Callable[[str], None]:
    """Checks the address of a server that speaks ``protocol``; an empty text is not set."""

    def check(text: str) -> None:
        if text and (found := parse_server(text)).protocol is not protocol:
            name = protocol.value
            raise SettingError(
                f"`{found}` is not the address of {_ARTICLES[protocol]} server: {name}s://host"
            )

    return check


_ARTICLES = {MailProtocol.IMAP: "an IMAP", MailProtocol.POP3: "a POP3", MailProtocol.SMTP: "an SMTP"}


# ---- values that depend on each other


def server_for(url: str, *, incoming: bool) -> MailServer:
    """The server for incoming or outgoing mail that somebody typed.

    A host alone is what providers' help pages give: it is IMAP or SMTP with TLS from the beginning, unless
    its port says otherwise (RFC 8314 §7.3).
    Raises :class:`~misfin.errors.AccountError`, also for a server of the other kind.
    """
    if "://" not in url and url.strip():
        port = url.rpartition(":")[2].strip()
        url = f"{_SCHEME_OF_PORT.get(port) or ('imaps' if incoming else 'smtps')}://{url.strip()}"
    server = parse_server(url)
    if (server.protocol is MailProtocol.SMTP) is incoming:
        direction = "incoming" if incoming else "outgoing"
        raise AccountError(f"{server.protocol.value.upper()} is not for {direction} mail.")
    return server


def conflicts(account: AccountConfig) -> tuple[str, SettingError] | None:
    """The key of a setting that does not go with the others, and why; None when all is well."""
    if account.imap and account.pop3:
        return "pop3", SettingError("an account has one incoming server: `imap` or `pop3`")
    if account.auth == "oauth" and not (account.token or account.client_id):
        return "auth", SettingError(
            "`oauth` needs `token` or `client_id`",
            remedy="Register a client_id with the provider, or name a program that prints a token.",
        )
    for key in ("imap", "pop3", "smtp"):
        url = getattr(account, key)
        if account.plaintext and url and not is_loopback(parse_server(url).host):
            return "plaintext", SettingError(
                f"without TLS whoever is on the way to {parse_server(url).host} can read password and mail;"
                " `plaintext` is only for a server on this machine",
                remedy="Remove `plaintext`: imap:// and smtp:// then begin TLS by STARTTLS.",
            )
    return None


# ---- the account


def email_account(name: str, account: AccountConfig) -> EmailAccount:
    """The account that a section describes. Reads the file of its signature; one that cannot be read is left
    out here and reported by :func:`signature_of`.
    """
    incoming = _server(account, account.imap or account.pop3)
    pop3 = incoming is not None and incoming.protocol is MailProtocol.POP3
    largest = account.fetch_up_to
    if largest is None:
        largest = POP3_FETCH_UP_TO if pop3 else 0
    signature = ""
    with suppress(InputError):
        signature = signature_of(account)
    return EmailAccount(
        name,
        account.address,
        account.name,
        incoming=incoming,
        outgoing=_server(account, account.smtp),
        login=Login(account.auth),
        password=account.password,
        token=account.token,
        client_id=account.client_id,
        client_secret=account.client_secret,
        oauth=account.oauth,
        ca_file=str(Path(account.ca_file).expanduser()) if account.ca_file else "",
        min_tls=account.min_tls,
        cram_md5=account.cram_md5,
        aliases=account.aliases,
        signature=signature,
        send_html=SendHTML(account.send_html),
        save_sent=account.save_sent,
        folders=account.folders,
        keep=account.keep,
        keep_folders=account.keep_folders,
        fetch_up_to=largest or None,
        pop3_leave=account.pop3_leave,
        authserv_id=account.authserv_id,
    )


def _server(account: AccountConfig, url: str) -> MailServer | None:
    return parse_server(url, plaintext=account.plaintext) if url else None


def signature_of(account: AccountConfig) -> str:
    """The text of its signature. Blocking. Raises :class:`~misfin.errors.InputError` for its file."""
    if isinstance(account.signature, str):
        return account.signature
    path = account.signature.expanduser()
    try:
        with path.open("rb") as file:
            data = file.read(MAX_SIGNATURE + 1)
    except OSError as error:
        raise InputError(
            f"The signature file {path} cannot be read: {error.strerror}.",
            remedy="Create the file, or change `signature` of the account.",
        ) from error
    if len(data) > MAX_SIGNATURE:
        raise InputError(f"The signature file {path} is larger than {MAX_SIGNATURE // 1024} KiB.")
    return data.decode("utf-8", "replace").rstrip("\n")
