"""Commands for the settings: found by a word, explained, changed one at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from misfin.errors import InputError
from misfin_tui.linear.desk import Listing, row_of
from misfin_tui.linear.questions import typed
from misfin_tui.linear.terminal import Interrupted
from misfin_tui.wording.facts import many
from misfin_tui.wording.settings import KEYS_PAGE, Setting, complaint, parsed, question_of, settings_of
from misfin_tui.wording.settings import typed as as_typed

if TYPE_CHECKING:
    from misfin_tui.linear.desk import Desk

EMPTY = "."
"""What is typed for no value at all, as in the fields of a message."""


async def settings(desk: Desk, rest: str) -> None:
    """The groups of settings, or those with a word in their name, heading, value or explanation."""
    every = [each for each in settings_of(desk.services.config) if each.name != KEYS_PAGE]
    words = rest.casefold().split()

    def meant(each: Setting) -> bool:
        if not words:
            return bool(each.value != each.default)
        text = f"{each.name} {each.group} {each.shown} {each.help}".casefold()
        return all(word in text for word in words)

    shown = [each for each in every if meant(each)]
    desk.list_rows(Listing.SETTINGS, shown, lambda each: _explain(desk, each))
    if not words:
        counts: dict[str, int] = {}
        for each in every:
            group = "Keys" if each.is_key else each.group
            counts[group] = counts.get(group, 0) + 1
        groups = ", ".join(f"{group} {count}" for group, count in counts.items())
        await desk.say(f"{many(len(every), 'setting')}: {groups}.", "Type settings and a word to find some.")
    what = "that match" if words else "that you have changed"
    await desk.say(f"{many(len(shown), 'setting')} {what}{':' if shown else '.'}")
    lines = (f"{number}. {each.name}: {each.shown or 'empty'}." for number, each in enumerate(shown, 1))
    await desk.say(*lines)
    if shown:
        await desk.say("A number explains one. Type set and its number to change it.")


async def _explain(desk: Desk, setting: Setting) -> None:
    choices = f"Choices: {', '.join(each or 'empty' for each in setting.choices)}." if setting.choices else ""
    await desk.say(
        f"{setting.name}: {setting.shown or 'empty'}.",
        setting.help,
        *filter(None, (choices,)),
        f"Default: {setting.shown_default}.",
    )


def _meant(desk: Desk, name: str) -> Setting:
    """The setting of a number in the list, or of a name. Raises :class:`InputError`."""
    if name.isdecimal():
        if desk.listing is not Listing.SETTINGS:
            raise InputError("Type settings first.", remedy="Then give a number from that list, or a name.")
        found: Setting = row_of(name, desk.rows, "setting")
        name = found.name
    for each in settings_of(desk.services.config):
        if each.name == name and name != KEYS_PAGE:
            return each
    raise InputError(f"There is no setting {name}.", remedy="Type settings and a word to find one.")


async def set_value(desk: Desk, rest: str) -> None:
    """Change a setting, by its number or name; without a value, explain it and ask."""
    name, _, value = rest.partition(" ")
    if not name:
        raise InputError("Give the number or the name of a setting.", remedy="Type settings for a list.")
    setting = _meant(desk, name)
    if (setting.section, setting.key) == ("accounts", "password") and not value:
        await _new_password(desk, setting.host)
        return
    if not value.strip():
        await _explain(desk, setting)
        await desk.say("Enter alone changes nothing, a dot leaves it empty.")

        def problem(text: str) -> str:
            return _wrong(desk, setting, text) if text else ""

        try:
            value = await typed(desk.terminal, "New value", problem=problem)
        except Interrupted:
            value = ""
        if not value:
            await desk.say("Nothing was changed.")
            return
    elif wrong := _wrong(desk, setting, value):
        raise InputError(wrong, remedy=" ".join(question_of(setting).split()))
    await _write(desk, setting, _value(setting, value))


def _value(setting: Setting, text: str) -> Any:
    return parsed(setting, "" if text.strip() == EMPTY else text)


def _wrong(desk: Desk, setting: Setting, text: str) -> str:
    return complaint(setting, "" if text.strip() == EMPTY else text, desk.services.config.keys)


async def _new_password(desk: Desk, name: str) -> None:
    """Keep another password in the keyring."""
    accounts = desk.services.email_accounts
    if problem := await accounts.keyring_problem():
        raise InputError(problem, remedy=f"Say where it is kept: set accounts.{name}.password and a value.")
    await desk.say("It is not shown while you type, and is kept in the keyring.")
    password = await desk.terminal.ask_secret("New password: ")
    if not password:
        await desk.say("Nothing was changed.")
        return
    await desk.use_config(await accounts.set_password(name, password))
    await desk.say(f"The password of {name} is in the keyring.")


async def reset(desk: Desk, rest: str) -> None:
    """Set it back to its default."""
    setting = _meant(desk, rest)
    await _write(desk, setting, setting.default)


async def _write(desk: Desk, setting: Setting, value: Any) -> None:
    default = value == setting.default
    config = await desk.services.setup.change(
        setting.section, setting.key, None if default else value, name=setting.host
    )
    await desk.use_config(config)
    now = next((each for each in settings_of(config) if each.name == setting.name), None)
    shown = as_typed(now, now.value) if now is not None and now.toml else now.shown if now else ""
    await desk.say(f"{setting.name} is now {shown or 'empty'}{', the default' if default else ''}.")
