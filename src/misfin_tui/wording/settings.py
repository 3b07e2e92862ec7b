"""The settings as rows: value, default and explanation of each; and what the user typed, as a value."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from misfin.errors import MisfinError
from misfin_tui import config as settings
from misfin_tui.config import Config
from misfin_tui.config.writing import simple, toml_value
from misfin_tui.keymap import ACTIONS, BY_ID, NOOP, SET, SETS, STANDARD, keys_of_set, readable, resolve, split

if TYPE_CHECKING:
    from misfin_tui.config.accounts import AccountConfig

NEW_LINE = "\\n"
"""How a new line is typed in a field of one line."""

KEYS_PAGE = "keys.single keys"
"""The name of the row that leads to the page of keys."""

_GROUPS: Mapping[str, str] = MappingProxyType(
    {
        "ui": "Screen",
        "keys": "Keys",
        "compose": "Writing",
        "send": "Sending",
        "accounts": "Account",
        "searches": "Saved searches",
        "identity": "Identity",
        "receive": "Receiving",
        "trust": "Trust",
        "verification": "Checking senders",
        "rate_limit": "Limits for senders",
        "gmap": "Mailboxes for others",
        "deliver": "Mail kept elsewhere",
        "proxy_protocol": "Balancers",
        "operation": "Watching the receiver",
        "hosts": "Host",
    }
)
"""What a section is called, in the order in which the groups are shown."""


_SWITCH: Mapping[str, bool] = MappingProxyType(
    {"yes": True, "y": True, "on": True, "true": True, "no": False, "n": False, "off": False, "false": False}
)
"""What a switch can be called where it is typed."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One line of the settings; ``value`` and ``default`` as the dataclasses have them.

    ``host`` is whose setting it is in ``[hosts]`` or ``[accounts]``, empty for all others. A ``toml`` value
    is shown and typed as the file has it.
    """

    section: str
    key: str
    value: Any
    default: Any
    help: str
    choices: tuple[str, ...] = ()
    host: str = ""
    toml: bool = False

    @property
    def name(self) -> str:
        """``section.key``, with the host in between."""
        return ".".join(filter(None, (self.section, self.host, self.key)))

    @property
    def is_key(self) -> bool:
        """Whether it says which keys an action has."""
        return self.section == "keys" and self.key in BY_ID

    @property
    def group(self) -> str:
        """The heading it stands under."""
        if self.is_key:
            return f"Keys: {BY_ID[self.key].context}"
        return f"{_GROUPS[self.section]} {self.host}".strip()

    @property
    def shown(self) -> str:
        """The value in words."""
        return self._words(self.value)

    @property
    def shown_default(self) -> str:
        """The default in words."""
        return self._words(self.default) or "empty"

    def _words(self, value: Any) -> str:
        if self.is_key:
            return " ".join(readable(key) for key in split(str(value)) if key != NOOP) or "none"
        if self.toml:
            return typed(self, value)
        if isinstance(value, bool):
            return "yes" if value else "no"
        if isinstance(value, tuple):
            return ", ".join(value)
        return f"{value:,}" if isinstance(value, int) else str(value).replace("\n", " ⏎ ")


def settings_of(config: Config) -> list[Setting]:
    """Every setting there is, in groups; the keys of single actions last."""
    found = [each for name, cls in settings.SECTIONS.items() for each in _section(config, name, cls)]
    for host in config.hosts:
        found += [
            Setting(
                "hosts",
                item.name,
                getattr(config.hosts[host], item.name),
                item.default,
                item.metadata["help"],
                item.metadata["choices"],
                host,
            )
            for item in fields(settings.HostConfig)
        ]
    found += [each for name, account in config.accounts.items() for each in _account(name, account)]
    found += [search_setting(name, query) for name, query in config.searches.items()]
    chosen = config.keys.get(SET, STANDARD)
    page = KEYS_PAGE.partition(".")[2]
    every = f"{len(ACTIONS)} actions"
    found += [
        Setting(
            "keys",
            SET,
            chosen,
            STANDARD,
            "The keys that users of another program know: mutt, vim (as in aerc) or emacs (as in mu4e).",
            SETS,
        ),
        Setting(
            "keys",
            page,
            every,
            every,
            "The keys of each action, to change one by one. They go before the set.",
        ),
    ]
    order = list(_GROUPS)
    found.sort(key=lambda setting: order.index(setting.section))  # stable: within a section as it was
    return [*found, *_keys(config, keys_of_set(chosen))]


def _keys(config: Config, theirs: Mapping[str, str]) -> Iterator[Setting]:
    """The keys of each action; the default is that of the set."""
    for action in ACTIONS:
        default = theirs.get(action.id, action.keys)
        value = config.keys.get(action.id, default)
        yield Setting("keys", action.id, value, default, f"{action.help} ({action.context})")


def _section(config: Config, name: str, cls: Any) -> list[Setting]:
    values = getattr(config, name)
    return [
        Setting(
            name,
            item.name,
            getattr(values, item.name),
            item.default,
            item.metadata["help"],
            item.metadata["choices"],
        )
        for item in fields(cls)
    ]


def _account(name: str, account: AccountConfig) -> Iterator[Setting]:
    for item in fields(account):
        if item.name != "kind":
            value, limits = getattr(account, item.name), item.metadata
            toml = limits["read"] is not None
            yield Setting(
                "accounts", item.name, value, item.default, limits["help"], limits["choices"], name, toml
            )


def search_setting(name: str, query: str = "") -> Setting:
    """A saved search."""
    return Setting("searches", name, query, "", "A saved search; an empty query removes it.")


def host_setting(host: str) -> Setting:
    """Where a host is, the first thing one says about it."""
    item = fields(settings.HostConfig)[0]
    return Setting("hosts", item.name, "", item.default, item.metadata["help"], host=host)


def question_of(setting: Setting) -> str:
    """What to say above the field in which a setting is typed."""
    lines = [setting.help]
    if setting.is_key:
        lines.append(f"Keys separated by commas, such as e, ctrl+a, f5; `{NOOP}` for none.")
    if isinstance(setting.value, tuple):
        of = f" Allowed: {', '.join(setting.choices)}." if setting.choices else ""
        lines.append(f"Separate several with commas.{of}")
    if setting.name == "send.signature":
        lines.append(f"{NEW_LINE} starts a new line.")
    if setting.section != "searches":
        lines.append(f"Default: {setting.shown_default}")
    return "\n".join(lines)


def typed(setting: Setting, value: Any) -> str:
    """A value as it is shown in the field."""
    if setting.toml:
        plain = simple(value)
        return "" if plain in (None, []) else plain if isinstance(plain, str) else toml_value(plain)
    if isinstance(value, tuple):
        return ", ".join(value)
    return str(value).replace("\n", NEW_LINE)


def parsed(setting: Setting, text: str) -> Any:
    """What was typed, as a value of the setting's kind. Raises :class:`ValueError` with a sentence."""
    text = text.strip()
    if setting.toml:
        return _from_toml(text) if text else setting.default
    kind = type(setting.default)
    if kind is bool:
        if text.casefold() not in _SWITCH:
            raise ValueError("Type yes or no.")
        return _SWITCH[text.casefold()]
    if kind is tuple:
        return tuple(part.strip() for part in text.split(",") if part.strip())
    if kind is int or kind is float:
        try:
            return kind(text.replace(",", "").replace("_", ""))
        except ValueError:
            raise ValueError(
                f"{text or 'Nothing'} is not a {'whole ' if kind is int else ''}number."
            ) from None
    return text.replace(NEW_LINE, "\n")


def _from_toml(text: str) -> Any:
    """A table, a number or a switch as the file has it; anything else is text."""
    try:
        return tomllib.loads(f"x = {text}")["x"]
    except tomllib.TOMLDecodeError:
        return text.replace(NEW_LINE, "\n")


def complaint(setting: Setting, text: str, keys: Mapping[str, str]) -> str:
    """What is wrong with what was typed, empty when nothing is; ``keys`` are the user's own so far."""
    try:
        return _CHECKS.get(setting.section, _by_the_file)(setting, text, keys)
    except settings.ConfigError as error:
        return f"{error.problem[:1].upper()}{error.problem[1:]}."
    except (MisfinError, ValueError) as error:
        return str(error)


def _by_the_file(setting: Setting, text: str, keys: Mapping[str, str]) -> str:
    """By the rules of the settings file itself."""
    value = parsed(setting, text)
    if value == setting.default:
        return ""
    section = f'{setting.section}."{setting.host}"' if setting.host else setting.section
    there = {"kind": "email", "address": "ada@example.org"} if setting.section == "accounts" else {}
    lines = [f"{key} = {toml_value(each)}" for key, each in (there | {setting.key: value}).items()]
    settings.parse("\n".join([f"[{section}]", *lines, ""]))
    return ""


def _key(setting: Setting, text: str, keys: Mapping[str, str]) -> str:
    problems = resolve({**keys, setting.key: text}).problems
    return "\n".join(problem for problem in problems if f" {setting.key}:" in problem)


def _search(setting: Setting, text: str, keys: Mapping[str, str]) -> str:
    from misfin.store.search.query import parse

    if text.strip():
        parse(text, now=0.0)
    return ""


def _address(setting: Setting, text: str, keys: Mapping[str, str]) -> str:
    from misfin.model.account import is_account_name
    from misfin.model.address import MisfinAddress

    if text.strip() and not is_account_name(text.strip()):
        MisfinAddress.parse(text.strip())
    return ""


_CHECKS: Mapping[str, Callable[[Setting, str, Mapping[str, str]], str]] = {
    "keys": _key,
    "searches": _search,
    "identity": _address,
}
