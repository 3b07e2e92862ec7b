"""The settings of a profile: what ``config.toml`` can hold, the defaults, and errors that name the line.

A profile needs no such file. Each section below is a frozen dataclass; a field's metadata holds its
explanation (printed by ``config init``) and its limits, so reading, checking and documenting share one table.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from misfin.valueclass import dataclass
from misfin_tui.config.hosting import DeliverConfig, OperationConfig, ProxyConfig
from misfin_tui.config.reading import ConfigError, Reader, line_in, setting
from misfin_tui.config.values import split_alias, split_connect, split_listen

if TYPE_CHECKING:
    from misfin_tui.config.accounts import AccountConfig
    from misfin_tui.config.filters import FilterConfig

__all__ = [
    "FREE_SECTIONS",
    "SECTIONS",
    "Config",
    "ConfigError",
    "HostConfig",
    "Reader",
    "load",
    "parse",
    "setting",
    "split_alias",
    "split_connect",
    "split_listen",
]


@dataclass(frozen=True, slots=True)
class IdentityConfig:
    """``[identity]``."""

    default: str = setting(
        "", "Account to write from if you have several, by name or address; empty: the first."
    )


@dataclass(frozen=True, slots=True)
class ReceiveConfig:
    """``[receive]``: the embedded receiver (docs/trust.md §5)."""

    enabled: bool = setting(True, "Receive mail while the program is open.")
    listen: tuple[str, ...] = setting(
        ("0.0.0.0:1958", "[::]:1958"), "Addresses to listen on, HOST:PORT.", check=split_listen
    )
    processes: int = setting(
        1,
        "How many processes receive, on a server with several cores. The open program uses one.",
        low=1,
        high=64,
    )
    require_certificate: bool = setting(
        True, "Refuse mail from senders who present no certificate (status 60)."
    )
    on_sender_change: str = setting(
        "hold",
        "When a sender's key changes: hold the mail for your decision, or refuse it (63).",
        choices=("hold", "reject"),
    )
    aliases: tuple[str, ...] = setting(
        (),
        'More addresses for mailboxes: "info@mail.example ada@mail.example"; "*@mail.example …": any other.',
        check=split_alias,
    )
    mailbox_quota: int = setting(
        0,
        "Megabytes a mailbox may hold; what does not fit is refused (45). 0: no limit.",
        low=0,
        high=10_000_000,
    )


@dataclass(frozen=True, slots=True)
class RateLimitConfig:
    """``[rate_limit]``: how fast one address may deliver."""

    enable: bool = setting(True, "Limit how fast one network address and one sender may deliver.")
    capacity: int = setting(20, "Messages accepted in a burst.", low=1, high=100_000)
    refill_rate: float = setting(1.0, "Messages per second after a burst.", low=0.001, high=100_000)
    retry_after: int = setting(30, "Seconds a limited sender is asked to wait (status 44).", low=1, high=3600)


@dataclass(frozen=True, slots=True)
class VerificationConfig:
    """``[verification]``: how the sender of a message is checked (docs/trust.md §6)."""

    mode: str = setting(
        "optional",
        "off: no check; optional: check and show the result; required: refuse what fails.",
        choices=("off", "optional", "required"),
    )
    method: tuple[str, ...] = setting(
        ("certificate",), "Checks that must all pass.", choices=("certificate", "probe", "spki")
    )
    cache_path: str = setting("", "File that remembers results; empty: inside the profile's cache.")
    cache_ttl: int = setting(604_800, "Seconds a result is remembered.", low=0, high=31_536_000)
    probe_timeout: float = setting(10.0, "Seconds to wait for a sender's host.", low=0.1, high=120)
    spki_on_change: str = setting(
        "reject",
        "When a sender's host presents another key: reject or accept it.",
        choices=("reject", "accept"),
    )
    allow_private: bool = setting(False, "Let checks connect to private and loopback addresses.")
    email_dns: bool = setting(
        True, "Look up in DNS who signed an e-mail; false: rely on your own server's results only."
    )


@dataclass(frozen=True, slots=True)
class TrustConfig:
    """``[trust]``."""

    first_use: str = setting(
        "accept",
        "When a host is seen for the first time: trust it and report that, or ask first.",
        choices=("accept", "ask"),
    )


@dataclass(frozen=True, slots=True)
class SendConfig:
    """``[send]``."""

    undo_send_seconds: int = setting(
        10, "Seconds to wait before sending, so that it can be undone.", low=0, high=3600
    )
    timeout: float = setting(60.0, "Seconds to wait for a server's answer.", low=1, high=600)
    signature: str = setting("", "Text put below each new message.")
    reply_links: bool = setting(False, "Add a `=> mid:` line to replies, as Titlani does.")


@dataclass(frozen=True, slots=True)
class ComposeConfig:
    """``[compose]``: writing a message, from every account."""

    edit_headers: bool = setting(
        False, "Show the header fields too when a message is edited in your own editor."
    )
    attachment_words: tuple[str, ...] = setting(
        ("attached", "attachment", "attachments", "enclosed"),
        "Ask before sending when the text has one of these words and nothing is attached; none: never ask.",
    )


@dataclass(frozen=True, slots=True)
class UiConfig:
    """``[ui]``."""

    theme: str = setting("misfin-dark", "Colour theme; the command palette shows all of them.")
    editor: str = setting("", "Command of your own editor; empty: $VISUAL, then $EDITOR.")
    opener: str = setting("", "Command that opens links; empty: $BROWSER, xdg-open or open.")
    print_command: str = setting("", "Command that prints its standard input; empty: lp or lpr.")
    bell: bool = setting(False, "Ring the terminal bell on new mail.")
    notify_command: str = setting(
        "", "Command to run on new mail; sender and subject are in its environment."
    )
    preview: bool = setting(True, "Show the preview pane when the window has room.")
    first_screen: bool = setting(
        True, "Show the first screen at once from a picture kept in the cache, while the program starts."
    )
    mouse: bool = setting(True, "Use the mouse.")
    search_servers: bool = setting(
        True, "Let each search go on on the servers of e-mail accounts; false: only when you ask for it."
    )


@dataclass(frozen=True, slots=True)
class GmapConfig:
    """``[gmap]``: the mailboxes of this profile, opened from elsewhere (docs/gmap.md §4)."""

    enable: bool = setting(False, "Let owners of mailboxes read them from elsewhere, while mail is received.")
    listen: tuple[str, ...] = setting(
        ("0.0.0.0:1960", "[::]:1960"), "Addresses to listen on for that, HOST:PORT.", check=split_listen
    )
    capacity: int = setting(
        2000,
        "Requests accepted in a burst, from one network address and for one mailbox.",
        low=1,
        high=100_000,
    )
    refill_rate: float = setting(100.0, "Requests per second after a burst.", low=0.001, high=100_000)


@dataclass(frozen=True, slots=True)
class HostConfig:
    """``[hosts."name"]``: what to do differently for one host, as ssh_config does for ssh."""

    connect: str = setting("", "HOST:PORT to connect to instead.", check=split_connect)
    version: str = setting("", "Protocol version to speak: B or C; empty: find out.", choices=("", "B", "C"))
    include_sender_line: bool = setting(
        False, "Fill in the sender line; some servers require it (status 61)."
    )


@dataclass(frozen=True, slots=True)
class Config:
    """All settings of a profile. A missing section or key has its default."""

    identity: IdentityConfig = IdentityConfig()
    receive: ReceiveConfig = ReceiveConfig()
    rate_limit: RateLimitConfig = RateLimitConfig()
    verification: VerificationConfig = VerificationConfig()
    trust: TrustConfig = TrustConfig()
    send: SendConfig = SendConfig()
    compose: ComposeConfig = ComposeConfig()
    ui: UiConfig = UiConfig()
    gmap: GmapConfig = GmapConfig()
    deliver: DeliverConfig = field(default_factory=DeliverConfig)
    proxy_protocol: ProxyConfig = field(default_factory=ProxyConfig)
    operation: OperationConfig = field(default_factory=OperationConfig)
    hosts: Mapping[str, HostConfig] = field(default_factory=lambda: MappingProxyType({}))
    accounts: Mapping[str, AccountConfig] = field(default_factory=lambda: MappingProxyType({}))
    keys: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    searches: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({"unread": "is:unread"}))
    sort: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    filters: Mapping[str, FilterConfig] = field(default_factory=lambda: MappingProxyType({}))
    filter_problems: tuple[str, ...] = ()
    """A sentence for each filter that cannot be used and is left out."""


SORTINGS = ("newest", "oldest", "sender", "subject", "size")
"""What ``[sort]`` can say of a folder: the values of :class:`misfin.store.rows.Order`."""

SECTIONS: Mapping[str, type] = MappingProxyType(
    {
        "identity": IdentityConfig,
        "receive": ReceiveConfig,
        "rate_limit": RateLimitConfig,
        "verification": VerificationConfig,
        "trust": TrustConfig,
        "send": SendConfig,
        "compose": ComposeConfig,
        "ui": UiConfig,
        "gmap": GmapConfig,
        "deliver": DeliverConfig,
        "proxy_protocol": ProxyConfig,
        "operation": OperationConfig,
    }
)
"""The sections with a fixed set of keys, in the order they are written."""

FREE_SECTIONS: Mapping[str, str] = MappingProxyType(
    {
        "hosts": 'Per host, as [hosts."mail.example"]: connect, version, include_sender_line.',
        "accounts": "E-mail accounts, as [accounts.NAME]; `misfin-tui account add` writes one.",
        "keys": 'Keys of other programs: set = "mutt", "vim" or "emacs"; your own: action = "key".',
        "searches": 'Saved searches: name = "query".',
        "filters": "Filters for new mail, [filters.NAME]: search, tag, folder, star, read, notify, account.",
        "sort": 'How to sort a folder: "ACCOUNT/Folder" = "newest", "oldest", "sender", "subject" or "size".',
    }
)
"""The sections whose keys are names that the user chooses."""


def load(path: Path, unknown: list[str] | None = None) -> Config:
    """Read the settings file; a missing one gives the defaults.

    Unknown names are reported in ``unknown`` and ignored; without that list they are errors too.

    Raises:
        ConfigError: not readable, not TOML, or an unknown section, key or value, with its line.
    """
    try:
        text = path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        return Config()
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise ConfigError(path, line, "this is not UTF-8 text") from error
    except OSError as error:
        raise ConfigError(path, 0, f"cannot be read: {error.strerror}") from error
    return parse(text, path, unknown)


def parse(text: str, path: Path | str = "config.toml", unknown: list[str] | None = None) -> Config:
    """Settings from the text of a settings file; ``path`` only names it in errors.

    Raises:
        ConfigError: as :func:`load`.
    """
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        twice = re.match(r"Cannot declare \((.*)\) twice", str(error))
        what, remedy = f"not valid TOML: {error}", ""
        if twice is not None:
            name = ".".join(re.findall(r"'([^']*)'", twice[1]))
            what = f"the section [{name}] appears a second time."
            remedy = "Move its lines to the first one, then start again."
        raise ConfigError(path, line_in(str(error), text), what, remedy=remedy) from error
    except RecursionError as error:  # tomllib descends once per bracket
        raise ConfigError(path, 0, "not valid TOML: brackets are nested too deeply") from error
    reader = Reader(text, path, unknown)
    built: dict[str, Any] = {}
    for name, value in data.items():
        if not isinstance(value, dict):
            raise reader.error((name,), f"`{name}` is outside any section")
        if name in SECTIONS:
            built[name] = reader.section(SECTIONS[name], value, (name,))
        elif name == "hosts":
            built[name] = MappingProxyType(
                {
                    host.lower(): reader.section(HostConfig, table, (name, host))
                    for host, table in value.items()
                }
            )
        elif name == "accounts":
            from misfin_tui.config.accounts import read_accounts  # late: few profiles have such a section

            built[name] = MappingProxyType(read_accounts(reader, value))
        elif name == "filters":
            from misfin_tui.config.filters import read_filters  # late: as above

            rules, problems = read_filters(reader, value)
            built[name], built["filter_problems"] = MappingProxyType(rules), tuple(problems)
        elif name == "sort":
            built[name] = MappingProxyType(
                {key: reader.choice(item, SORTINGS, (name, key)) for key, item in value.items()}
            )
        elif name in FREE_SECTIONS:
            built[name] = MappingProxyType(
                {key: reader.text(item, (name, key)) for key, item in value.items()}
            )
        else:
            reader.unknown((name,), f"unknown section [{name}]", [*SECTIONS, *FREE_SECTIONS])
    return Config(**built)
