"""The settings: every one with its explanation, checked before it is written, used at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from textual import work

from misfin.errors import AddressError, MisfinError
from misfin.model.address import MisfinAddress
from misfin_tui.dialogs.confirm import ConfirmDialog
from misfin_tui.dialogs.prompt import ChooseDialog, PromptDialog
from misfin_tui.dialogs.theme import ThemeDialog
from misfin_tui.host import AccountAction
from misfin_tui.keymap import KeyContext
from misfin_tui.messages import ConfigChanged
from misfin_tui.screens.account_actions import change_password
from misfin_tui.screens.list_screen import ListScreen
from misfin_tui.widgets.bindings import bindings
from misfin_tui.widgets.row_columns import Column
from misfin_tui.widgets.row_list import Cell, RowList
from misfin_tui.wording.settings import (
    KEYS_PAGE,
    Setting,
    complaint,
    host_setting,
    parsed,
    question_of,
    search_setting,
    settings_of,
    typed,
)


class SettingsScreen(ListScreen):
    """What config.toml says; the file keeps its comments."""

    BINDINGS = bindings(KeyContext.LIST, KeyContext.SETTINGS)
    BINDING_GROUP_TITLE = TITLE_TEXT = "Settings"
    ROWS = ("setting", "settings")

    def __init__(self) -> None:
        super().__init__()
        self.keys_shown = False
        """Whether the page of keys is shown."""

    def make_list(self) -> RowList[Setting]:
        """Name, value, explanation, in groups."""
        columns = (
            Column("", 1),
            Column("Setting", 26),
            Column("Value", 18),
            Column("What it does", 0, spare=1),
        )
        return RowList(
            columns,
            self._cells,
            lambda setting: setting.name,
            group=lambda setting: setting.group,
            empty="No setting matches the search.",
        )

    def _cells(self, setting: Setting) -> Sequence[Cell]:
        own = setting.value != setting.default
        return (
            ("•", "accent") if own else ("", "normal"),
            (setting.key, "strong" if own else "normal"),
            (setting.shown or "–", "accent" if own else "normal"),
            (setting.help, "muted"),
        )

    async def load(self) -> Iterable[Setting]:
        """The settings in use."""
        return settings_of(self.misfin.config)

    def listed(self, *, searching: bool) -> list[Any]:
        """The keys of single actions have a page of their own; a search finds everything."""
        if searching and not self.keys_shown:
            return self.everything
        return [each for each in self.everything if each.is_key is self.keys_shown]

    def matches(self, item: Setting, words: list[str]) -> bool:
        """By name, heading, value and explanation."""
        text = f"{item.name} {item.group} {item.shown} {item.help}".casefold()
        return all(word in text for word in words)

    def hint(self, item: Setting) -> str:
        """The whole name, as the file has it."""
        return item.name

    def detail(self, item: Setting) -> str:
        """The explanation in full, what it can be, and the default."""
        if item.name == KEYS_PAGE:
            return item.help
        more = [f"Default: {item.shown_default}"]
        if item.choices:
            more.append(f"Choices: {', '.join(each or 'empty' for each in item.choices)}")
        if item.section == "accounts":
            more.append(f"{self.misfin.keys.shown('remove-account')} removes the account {item.host}")
        return f"{item.help}\n{' · '.join(more)}"

    def action_back(self) -> None:
        """Close the search first, then the page of keys, then the screen."""
        if self.keys_shown and not self.has_class("-searching"):
            self._show_keys(shown=False)
        else:
            super().action_back()

    def _show_keys(self, *, shown: bool) -> None:
        self.keys_shown = shown
        self.TITLE_TEXT = f"{type(self).TITLE_TEXT} › Keys" if shown else type(self).TITLE_TEXT
        self.ROWS = ("action", "actions") if shown else type(self).ROWS
        self.filter()
        if shown:
            self.rows.move_to_end(top=True)
        else:
            self.rows.go_to(KEYS_PAGE)

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
        if setting.name == KEYS_PAGE:
            self._show_keys(shown=True)
            return
        if isinstance(setting.value, bool):
            await self._set(setting, not setting.value)
            return
        is_password = (setting.section, setting.key) == ("accounts", "password")
        if is_password:
            changing = change_password(self.app, setting.host, or_say=True)
            if await self.attempt(changing) is not False:
                return
        if setting.name == "ui.theme":
            dialog: Any = ThemeDialog(list(self.app.available_themes), self.app.theme)
        elif setting.choices and not isinstance(setting.value, tuple):
            options = [(choice, choice or "–", "") for choice in setting.choices]
            dialog = ChooseDialog(setting.name, options, question=setting.help, chosen=str(setting.value))
        else:
            dialog = self._prompt(setting)
        answer = await self.app.push_screen_wait(dialog)
        if answer is not None:
            await self._set(setting, parsed(setting, answer))

    def _prompt(self, setting: Setting) -> PromptDialog:
        return PromptDialog(
            setting.name,
            question_of(setting),
            value=typed(setting, setting.value),
            yes="Save",
            check=lambda text: complaint(setting, text, self.services.config.keys),
        )

    @work(group="settings", description="add a setting")
    async def action_add_setting(self) -> None:
        """Something new: how to reach a host, or a saved search."""
        kind = await self.app.push_screen_wait(
            ChooseDialog(
                "Add",
                [
                    ("hosts", "A host", "connect somewhere else, or use another protocol version"),
                    ("searches", "A saved search", "appears in the sidebar, and on the keys 1 to 9"),
                    ("account", "An e-mail account", "the program finds its servers"),
                    ("mailbox", "A Misfin mailbox on a server", "opened with its certificate and key"),
                ],
            )
        )
        if kind is None:
            return
        if kind in ("account", "mailbox"):
            await self.app.run_action(f"app.add_{kind}")
            return
        asked = (
            PromptDialog("Which host?", "The part of an address after the @.", yes="Next", check=_no_host)
            if kind == "hosts"
            else PromptDialog("What is it called?", "Its name in the sidebar.", yes="Next", check=_no_name)
        )
        name = await self.app.push_screen_wait(asked)
        if name is None:
            return
        setting = host_setting(_host(name)) if kind == "hosts" else search_setting(name.strip())
        there = {each.name: each for each in self.everything}
        setting = there.get(setting.name, setting)
        answer = await self.app.push_screen_wait(self._prompt(setting))
        if answer is not None:
            await self._set(setting, parsed(setting, answer), keep=True)
            await self.read_again()
            self.rows.go_to(setting.name)

    def action_remove_account(self) -> None:
        """Remove the e-mail account of this row, or one that is chosen; its mail stays."""
        setting = self.setting
        name = setting.host if setting is not None and setting.section == "accounts" else ""
        self.misfin.with_account(AccountAction.REMOVE, name)

    async def _set(self, setting: Setting, value: Any, *, keep: bool = False) -> None:
        """Write it; a default is not written, unless the row has to be kept (``keep``)."""
        removed = value == setting.default and not (keep and setting.host)
        config = await self.attempt(
            self.services.setup.change(
                setting.section, setting.key, None if removed else value, name=setting.host
            )
        )
        if config is not None:
            self.misfin.use_config(config)

    @work(group="settings", description="reset a setting")
    async def action_reset_setting(self) -> None:
        """Back to the default."""
        if self.setting is not None and self.setting.value != self.setting.default:
            await self._set(self.setting, self.setting.default)

    @work(group="settings", exclusive=True, description="edit the settings file")
    async def action_edit_config(self) -> None:
        """Edit config.toml; a mistake is reported with its line, and then nothing is changed."""
        import os

        from misfin_tui.editor import command_for, edit
        from misfin_tui.widgets.handing_over import in_terminal_of

        text = before = await self.attempt(self.services.setup.file_text())
        if text is None:
            return
        while True:
            try:
                command = command_for(self.services.config.ui.editor, os.environ)
            except ValueError:
                self.misfin.say("The editor's command has an unclosed quote.", severity="error")
                return
            runtime = self.services.profile.runtime
            result = await edit(
                in_terminal_of(self.app), text, command=command, folder=runtime, name="config"
            )
            if result.problem:
                self.misfin.say(result.problem, severity="warning", timeout=12)
            text = text if result.text is None else result.text
            if text == before:
                return
            try:
                config = await self.services.setup.write_file(text)
            except MisfinError as error:
                question = f"{error}\nThe settings in use are unchanged."
                if await self.app.push_screen_wait(
                    ConfirmDialog(
                        "The settings cannot be used",
                        question,
                        yes="Discard my changes",
                        no="Edit again",
                        danger=True,
                    )
                ):
                    return
                continue  # what was written is lost only if somebody wants that
            self.misfin.use_config(config)
            self.misfin.say("The new settings are in use.")
            return


def _host(text: str) -> str:
    """The host somebody typed, perhaps with a mailbox before it, in its normal form."""
    return MisfinAddress.parse(f"x@{text.strip().rpartition('@')[2]}").hostname


def _no_host(text: str) -> str:
    try:
        _host(text)
    except AddressError as error:
        return str(error)
    return "A host name cannot contain spaces." if len(text.split()) > 1 else ""


def _no_name(text: str) -> str:
    return "" if text.strip() else "Enter a name."
