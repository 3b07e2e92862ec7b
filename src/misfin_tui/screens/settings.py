"""The settings: every one with its explanation, checked before it is written, in force at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any

from textual import work

from misfin.errors import MisfinError
from misfin_tui import config as settings
from misfin_tui.config import Config
from misfin_tui.dialogs.base import Choice
from misfin_tui.dialogs.prompt import ChooseDialog, PromptDialog
from misfin_tui.dialogs.text import Fact, FactsDialog
from misfin_tui.dialogs.theme import ThemeDialog
from misfin_tui.keymap import ACTIONS, NOOP, Room, readable, resolve, split
from misfin_tui.messages import ConfigChanged
from misfin_tui.screens.place import Place
from misfin_tui.widgets.bindings import bindings
from misfin_tui.widgets.row_list import Cell, Column, RowList


@dataclass(frozen=True, slots=True)
class Setting:
    """One line of the settings; ``value`` and ``default`` as the dataclasses have them."""

    section: str
    key: str
    value: Any
    default: Any
    help: str
    choices: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """``section.key``"""
        return f"{self.section}.{self.key}"

    @property
    def shown(self) -> str:
        """The value in words."""
        return shown(self.value)


def shown(value: Any) -> str:
    """A value in words."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return ", ".join(value)
    return f"{value:,}" if isinstance(value, int) else str(value).replace("\n", " ⏎ ")


def settings_of(config: Config) -> list[Setting]:
    """Every setting there is, those of the sections first, then keys and saved searches."""
    found = [
        Setting(
            name,
            item.name,
            getattr(getattr(config, name), item.name),
            item.default,
            item.metadata["help"],
            item.metadata["choices"],
        )
        for name, cls in settings.SECTIONS.items()
        for item in fields(cls)
    ]
    found += [
        Setting("searches", name, query, "", "A saved search; an empty query removes it.")
        for name, query in config.searches.items()
    ]
    found += [
        Setting(
            "keys",
            action.id,
            config.keys.get(action.id, action.keys),
            action.keys,
            f"{action.help} ({action.room})",
        )
        for action in ACTIONS
    ]
    return found


class SettingsScreen(Place):
    """What config.toml says; the file keeps its comments."""

    BINDINGS = bindings(Room.LIST, Room.SETTINGS)
    BINDING_GROUP_TITLE = TITLE_TEXT = "Settings"

    def make_list(self) -> RowList[Setting]:
        """Name, value, explanation."""
        columns = (
            Column("", 1),
            Column("Setting", 32),
            Column("Value", 30),
            Column("What it does", 0, spare=1),
        )
        return RowList(columns, self._cells, lambda setting: setting.name, empty="No setting is called that.")

    def _cells(self, setting: Setting) -> Sequence[Cell]:
        own = setting.value != setting.default
        value = setting.shown
        if setting.section == "keys":
            value = " ".join(readable(key) for key in split(str(setting.value)) if key != NOOP) or "none"
        return (
            ("•", "accent") if own else ("", "normal"),
            (setting.name, "strong" if own else "normal"),
            (value or "–", "accent" if own else "normal"),
            (setting.help, "muted"),
        )

    async def load(self) -> Iterable[Setting]:
        """As they are in force."""
        return settings_of(self.services.config)

    def matches(self, item: Setting, words: list[str]) -> bool:
        """By name, value and explanation."""
        text = f"{item.name} {item.shown} {item.help}".casefold()
        return all(word in text for word in words)

    def detail(self, item: Setting) -> str:
        """The explanation in full, and the default."""
        default = shown(item.default) or "empty"
        if item.section == "keys":
            default = " ".join(readable(key) for key in split(str(item.default)))
        return f"{item.help}\nDefault: {default}"

    def choose(self, item: Any) -> None:
        """A double click changes."""
        self.action_change_setting()

    def on_config_changed(self, message: ConfigChanged) -> None:
        """Changed here, or in the file."""
        self.reload()

    @property
    def setting(self) -> Setting | None:
        """The one under the cursor."""
        return self.rows.current

    # ---- what can be done

    @work(group="settings", description="change a setting")
    async def action_change_setting(self) -> None:
        """Change it: switches turn, choices are offered, the rest is typed."""
        setting = self.setting
        if setting is None:
            return
        if isinstance(setting.value, bool):
            await self._set(setting, not setting.value)
            return
        if setting.name == "ui.theme":
            dialog: Any = ThemeDialog(list(self.app.available_themes), self.app.theme)
        elif setting.choices and not isinstance(setting.value, tuple):
            options = [(choice, choice or "–", "") for choice in setting.choices]
            dialog = ChooseDialog(setting.name, options, question=setting.help, chosen=str(setting.value))
        else:
            dialog = PromptDialog(
                setting.name,
                self._question(setting),
                value=_typed(setting.value),
                yes="Save",
                check=lambda text: self._complaint(setting, text),
            )
        answer = await self.app.push_screen_wait(dialog)
        if answer is not None:
            await self._set(setting, _parsed(setting, answer))

    def _question(self, setting: Setting) -> str:
        if setting.section == "keys":
            return f"{setting.help}\nKeys apart by commas, such as e, ctrl+a, f5; `{NOOP}` for none."
        lines = [setting.help]
        if isinstance(setting.value, tuple):
            lines.append(
                "Several apart by commas."
                + (f" Of: {', '.join(setting.choices)}." if setting.choices else "")
            )
        if isinstance(setting.value, str) and setting.key == "signature":
            lines.append("\\n starts a new line.")
        lines.append(f"Default: {shown(setting.default) or 'empty'}")
        return "\n".join(lines)

    def _complaint(self, setting: Setting, text: str) -> str:
        """What is wrong with a value, by the very rules of the settings file."""
        if setting.section == "keys":
            wanted = {**self.services.config.keys, setting.key: text}
            mine = [problem for problem in resolve(wanted).problems if f" {setting.key}:" in problem]
            return "\n".join(mine)
        try:
            value = _parsed(setting, text)
            settings.parse(f"[{setting.section}]\n{_key(setting.key)} = {settings.toml_value(value)}\n")
        except settings.ConfigError as error:
            return error.problem.capitalize()
        except ValueError as error:
            return str(error)
        return ""

    async def _set(self, setting: Setting, value: Any) -> None:
        removed = value == setting.default or (setting.section == "searches" and not value)
        config = await self.attempt(
            self.services.setup.change(setting.section, setting.key, None if removed else value)
        )
        if config is None:
            return
        self.misfin.use_config(config)
        if setting.section in ("receive", "rate_limit", "verification"):
            await self._restart_receiver(config)

    async def _restart_receiver(self, config: Config) -> None:
        """The receiver reads its settings when it starts."""
        receiving = self.services.receiving
        if not (await receiving.state()).running and not config.receive.enabled:
            return
        await receiving.stop()
        if config.receive.enabled:
            state = await receiving.start()
            if not state.running:
                self.misfin.say(f"Mail cannot be received: {state.error}", severity="error")

    @work(group="settings", description="reset a setting")
    async def action_reset_setting(self) -> None:
        """Back to the default."""
        if self.setting is not None and self.setting.value != self.setting.default:
            await self._set(self.setting, self.setting.default)

    @work(group="settings", exclusive=True, description="edit the settings file")
    async def action_edit_config(self) -> None:
        """Edit config.toml; what is wrong is told with its line, and nothing is taken over."""
        import os

        from misfin_tui.editor import command_for, edit

        text = await self.attempt(self.services.setup.file_text())
        if text is None:
            return
        while True:
            try:
                command = command_for(self.services.config.ui.editor, os.environ)
            except ValueError:
                self.misfin.say("The editor's command has an unclosed quote.", severity="error")
                return
            runtime = self.services.profile.runtime
            result = await edit(self.app, text, command=command, folder=runtime, name="config")
            if result.problem:
                self.misfin.say(result.problem, severity="warning", timeout=12)
            if result.text is None or result.text == text:
                return
            try:
                config = await self.services.setup.write_file(result.text)
            except MisfinError as error:
                again = Choice("again", "Edit again")
                facts: list[Fact] = [("", str(error)), ("", "The settings in force are as they were.")]
                if await self.app.push_screen_wait(
                    FactsDialog("The settings cannot be used", facts, more=[again])
                ):
                    text = result.text
                    continue
                return
            self.misfin.use_config(config)
            self.misfin.say("The settings are in force.")
            return


def _typed(value: Any) -> str:
    """A value as it stands in the field."""
    if isinstance(value, tuple):
        return ", ".join(value)
    return str(value).replace("\n", "\\n")


def _parsed(setting: Setting, text: str) -> Any:
    """What was typed as a value of the setting's kind. Raises :class:`ValueError` with a sentence."""
    text = text.strip()
    kind = type(setting.default)
    if kind is tuple:
        return tuple(part.strip() for part in text.split(",") if part.strip())
    if kind is int or kind is float:
        try:
            return kind(text.replace(",", "").replace("_", ""))
        except ValueError:
            raise ValueError(f"{text or 'Nothing'} is no {'whole ' if kind is int else ''}number.") from None
    return text.replace("\\n", "\n")


def _key(name: str) -> str:
    return settings.toml_value(name)
