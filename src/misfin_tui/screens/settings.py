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
from misfin_tui.keymap import KeyContext, readable
from misfin_tui.messages import ConfigChanged
from misfin_tui.screens.list_screen import ListScreen
from misfin_tui.screens.settings_rows import (
    Setting,
    complaint,
    host_setting,
    parsed,
    question_of,
    search_setting,
    settings_of,
    typed,
)
from misfin_tui.widgets.bindings import bindings
from misfin_tui.widgets.message_rows import at_home
from misfin_tui.widgets.row_list import Cell, Column, RowList


class SettingsScreen(ListScreen):
    """What config.toml says; the file keeps its comments."""

    BINDINGS = bindings(KeyContext.LIST, KeyContext.SETTINGS)
    BINDING_GROUP_TITLE = TITLE_TEXT = "Settings"

    def make_list(self) -> RowList[Setting]:
        """Name, value, explanation."""
        columns = (
            Column("", 1),
            Column("Setting", 32),
            Column("Value", 30),
            Column("What it does", 0, spare=1),
        )
        return RowList(
            columns, self._cells, lambda setting: setting.name, empty="No setting matches the search."
        )

    def _cells(self, setting: Setting) -> Sequence[Cell]:
        own = setting.value != setting.default
        return (
            ("•", "accent") if own else ("", "normal"),
            (setting.name, "strong" if own else "normal"),
            (setting.shown or "–", "accent" if own else "normal"),
            (setting.help, "muted"),
        )

    async def load(self) -> Iterable[Setting]:
        """The settings in use."""
        return settings_of(self.misfin.config)

    def matches(self, item: Setting, words: list[str]) -> bool:
        """By name, value and explanation."""
        text = f"{item.name} {item.shown} {item.help}".casefold()
        return all(word in text for word in words)

    def detail(self, item: Setting) -> str:
        """The explanation in full, and the default."""
        removing = ""
        if item.section == "accounts":
            key = self.misfin.config.keys.get("remove-account", "D")
            removing = f" · {readable(key)} removes the account {item.host}"
        return f"{item.help}\nDefault: {item.shown_default}{removing}"

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
        is_password = (setting.section, setting.key) == ("accounts", "password")
        if is_password and await self._change_password(setting):
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

    async def _change_password(self, setting: Setting) -> bool:
        """Take a new password for the keyring; False where it is to be kept elsewhere."""
        if await self.services.email_accounts.keyring_problem():
            return False
        how = await self.app.push_screen_wait(
            ChooseDialog(
                f"Password of {setting.host}",
                [
                    ("type", "Type a new one", "kept in this computer's keyring"),
                    ("say", "Say where it is", "a command, a variable or another entry of the keyring"),
                ],
            )
        )
        if how == "say":
            return False
        if how == "type":
            word = await self.app.push_screen_wait(
                PromptDialog(
                    f"New password of {setting.host}",
                    yes="Save",
                    password=True,
                    check=lambda text: "" if text else "Enter the password.",
                )
            )
            if word:
                config = await self.attempt(self.services.email_accounts.set_password(setting.host, word))
                if config is not None:
                    self.misfin.use_config(config)
                    self.misfin.say(f"The password of {setting.host} is in the keyring.")
        return True

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
                ],
            )
        )
        if kind is None:
            return
        if kind == "account":
            await self.app.run_action("app.add_account")
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

    @work(group="settings", description="remove an account")
    async def action_remove_account(self) -> None:
        """Remove the e-mail account of this row, or one that is chosen; its mail stays."""
        from misfin_tui.services.email import removal_question  # late: few come here

        accounts, setting = self.misfin.config.accounts, self.setting
        name = setting.host if setting is not None and setting.section == "accounts" else ""
        if not accounts:
            self.misfin.say("There is no e-mail account to remove.")
        elif not name:
            options = [(each, each, account.address) for each, account in accounts.items()]
            chosen: str | None = await self.app.push_screen_wait(
                ChooseDialog("Remove which account?", options)
            )
            name = chosen or ""
        if not name:
            return
        unsent = await self.attempt(self.services.email_accounts.unsent(name))
        if unsent is None:
            return
        mail = at_home(self.services.profile.mail / name)
        question = removal_question(name, accounts[name].address, mail, unsent)
        title = "Remove this account?"
        if await self.app.push_screen_wait(ConfirmDialog(title, question, yes="Remove", danger=True)):
            removed = await self.attempt(self.services.email_accounts.remove(name))
            if removed is not None:
                self.misfin.use_config(removed.config)
                self.misfin.say(f"Removed the account {name}. Its mail is still in {mail}.")

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
            result = await edit(self.app, text, command=command, folder=runtime, name="config")
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
