"""The settings screen: everything that can be set stands there, is checked, and counts at once."""

from __future__ import annotations

import re

import pytest
from desk import SETTINGS, at_desk, make_profile, notices, on_screen, settled, shown, type_text, until

from misfin_tui import config
from misfin_tui.dialogs.prompt import ChooseDialog, PromptDialog
from misfin_tui.dialogs.theme import ThemeDialog
from misfin_tui.keymap import ACTIONS
from misfin_tui.screens.compose import ComposeScreen
from misfin_tui.screens.help import HelpScreen
from misfin_tui.screens.settings import SettingsScreen
from misfin_tui.screens.trust import TrustScreen
from misfin_tui.services.receiving import ReceiverState, Receiving
from misfin_tui.wording import settings as settings_rows
from misfin_tui.wording.settings import KEYS_PAGE


@pytest.fixture
def profile(profile_root):
    return make_profile(profile_root)


def test_every_section_with_fixed_keys_has_a_group():
    assert set(config.SECTIONS) <= set(settings_rows._GROUPS)
    shown = {setting.section for setting in settings_rows.settings_of(config.Config())}
    assert set(config.SECTIONS) <= shown


async def setting(app, pilot, name: str) -> SettingsScreen:
    if not isinstance(app.screen, SettingsScreen):
        await pilot.press("comma")
        await until(pilot, lambda: isinstance(app.screen, SettingsScreen))
    screen = app.screen
    if name.startswith("keys.") and name != "keys.set" and not screen.keys_shown:
        await until(pilot, lambda: any(each.name == KEYS_PAGE for each in screen.rows.items), KEYS_PAGE)
        screen.rows.go_to(KEYS_PAGE)
        await pilot.press("enter")
    await until(pilot, lambda: any(each.name == name for each in screen.rows.items), name)
    screen.rows.go_to(name)
    assert screen.rows.current.name == name
    return screen


async def dialog(app, pilot, kind: type):
    await until(pilot, lambda: isinstance(app.screen, kind) and app.focused is not None)
    return app.screen


async def answer(app, pilot, text: str) -> None:
    """Type into the dialog that asks, and accept."""
    asked = await dialog(app, pilot, PromptDialog)
    asked.query_one("#answer").value = text
    await pilot.press("enter")


async def test_every_setting_is_there(profile):
    async with at_desk(profile) as (app, pilot):
        screen = await setting(app, pilot, "ui.theme")
        names = {each.name for each in screen.rows.items}
        assert {"send.undo_send_seconds", "trust.first_use", "keys.set", "searches.unread"} <= names
        assert not any(each.is_key for each in screen.rows.items)
        await setting(app, pilot, "keys.archive")
        assert {each.name for each in screen.rows.items} == {f"keys.{action.id}" for action in ACTIONS}
        await on_screen(pilot, "Keys: inbox")  # the heading
        await pilot.press("q")
        await until(pilot, lambda: screen.rows.current.name == KEYS_PAGE)
        assert app.screen is screen
        await pilot.press("q")
        await until(pilot, lambda: app.screen is not screen)


async def test_settings_stand_in_groups_with_headings_and_their_explanation_in_full(profile):
    async with at_desk(profile, (100, 40)) as (app, pilot):
        screen = await setting(app, pilot, "ui.search_servers")
        groups = [each.group for each in screen.rows.items]
        assert groups == sorted(groups, key=groups.index)  # each group once, in one piece
        await on_screen(pilot, "│ Writing ")
        await on_screen(pilot, "╭─ ui.search_servers ")
        await on_screen(pilot, screen.rows.current.help)
        row = next(number for number, line in enumerate(shown(app).splitlines()) if "│ Writing " in line)
        await pilot.click(offset=(4, row))
        assert screen.rows.current.name == "ui.search_servers"  # a heading is nothing to choose
        await pilot.click(offset=(4, row + 1))
        await until(pilot, lambda: screen.rows.current.name == "compose.edit_headers")


async def test_the_list_keeps_its_width_below_a_search_and_the_way_out_of_it_is_named(profile):
    async with at_desk(profile, (80, 24)) as (app, pilot):
        screen = await setting(app, pilot, "ui.theme")
        before = screen.rows.region.width
        await pilot.press("slash", *"theme")
        await on_screen(pilot, "esc Leave search")
        assert screen.rows.region.width == before == 80
        await pilot.press("escape")
        await until(pilot, lambda: "esc Leave search" not in shown(app))


async def test_a_search_finds_keys_too(profile):
    async with at_desk(profile) as (app, pilot):
        screen = await setting(app, pilot, "ui.theme")
        await pilot.press("slash")
        await type_text(pilot, "move to the archive")
        await until(pilot, lambda: [each.name for each in screen.rows.items][:1] == ["keys.archive"])


async def test_a_key_set_is_in_force_at_once_and_shown_everywhere(profile):
    async with at_desk(profile, (120, 40)) as (app, pilot):
        screen = await setting(app, pilot, "keys.set")
        await pilot.press("enter")
        await dialog(app, pilot, ChooseDialog)
        await pilot.press("down", "enter")
        await until(pilot, lambda: app.keys.base == "mutt")
        assert 'set = "mutt"' in profile.config.read_text()
        await until(pilot, lambda: app.screen is screen)
        archive = await setting(app, pilot, "keys.compose")
        assert archive.rows.current.shown == "m"
        assert archive.rows.current.default == "m"  # that of the set
        await pilot.press("q", "q")
        await on_screen(pilot, " m Compose ")  # the key line
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(app.screen, HelpScreen))
        assert re.search(r"│ *m +Compose", shown(app))
        await pilot.press("z", "Z", "escape")  # its keys for pages move the help
        await until(pilot, lambda: not app.screen.is_modal)
        await pilot.press("m")
        await until(pilot, lambda: isinstance(app.screen, ComposeScreen))


async def test_an_unknown_key_set_is_said_at_start(profile_root):
    profile = make_profile(profile_root, settings=SETTINGS + '[keys]\nset = "vi"\n')
    async with at_desk(profile) as (app, pilot):
        await until(pilot, lambda: any("[keys] set: `vi` is not a key set" in each for each in notices(app)))
        assert app.keys.of("compose") == ("c",)


async def test_a_switch_turns_and_comments_stay(profile_root):
    profile = make_profile(profile_root, settings="# mine\n[receive]\nenabled = false  # for now\n")
    async with at_desk(profile) as (app, pilot):
        await setting(app, pilot, "ui.bell")
        await pilot.press("enter")
        await until(pilot, lambda: app.config.ui.bell)
        text = profile.config.read_text()
        assert "# mine" in text
        assert "# for now" in text
        assert app.services.config.ui.bell
        await pilot.press("d")
        await until(pilot, lambda: not app.config.ui.bell)
        assert "bell" not in profile.config.read_text()


async def test_a_number_is_checked_before_it_is_written(profile):
    async with at_desk(profile) as (app, pilot):
        screen = await setting(app, pilot, "send.timeout")
        await pilot.press("enter")
        asked = await dialog(app, pilot, PromptDialog)
        for wrong, complaint in (("soon", "not a number"), ("99999", "between 1 and 600")):
            asked.query_one("#answer").value = wrong
            await pilot.press("enter")
            await on_screen(pilot, complaint)
        asked.query_one("#answer").value = "30"
        await pilot.press("enter")
        await until(pilot, lambda: app.config.send.timeout == 30)
        await until(pilot, lambda: screen.rows.current.value == 30)


async def test_one_of_several_is_chosen(profile):
    async with at_desk(profile) as (app, pilot):
        await setting(app, pilot, "trust.first_use")
        await pilot.press("enter")
        await dialog(app, pilot, ChooseDialog)
        await pilot.press("down", "enter")
        await until(pilot, lambda: app.config.trust.first_use == "ask")


async def test_a_key_is_remapped_at_once(profile):
    async with at_desk(profile) as (app, pilot):
        screen = await setting(app, pilot, "keys.show-trust")
        await pilot.press("enter")
        asked = await dialog(app, pilot, PromptDialog)
        asked.query_one("#answer").value = "q"
        await pilot.press("enter")
        await on_screen(pilot, "already belongs to back")
        asked.query_one("#answer").value = "f12"
        await pilot.press("enter")
        await until(pilot, lambda: app.keys.of("show-trust") == ("f12",))
        await until(pilot, lambda: app.screen is screen)
        await pilot.press("f12")
        await until(pilot, lambda: isinstance(app.screen, TrustScreen))


async def test_a_theme_is_tried_on_and_put_back(profile):
    async with at_desk(profile) as (app, pilot):
        before = app.theme
        await setting(app, pilot, "ui.theme")
        await pilot.press("enter")
        await dialog(app, pilot, ThemeDialog)
        await pilot.press("down")
        await until(pilot, lambda: app.theme != before)
        await pilot.press("escape")
        await until(pilot, lambda: app.theme == before)
        await until(pilot, lambda: isinstance(app.screen, SettingsScreen))
        await pilot.press("enter")
        asked = await dialog(app, pilot, ThemeDialog)
        asked.query_one("OptionList").highlighted = asked._names.index("misfin-light")
        await pilot.press("enter")
        await until(pilot, lambda: app.config.ui.theme == "misfin-light")


# ---- hosts and saved searches


HOSTS = SETTINGS + '# the box under the desk\n[hosts."Hive.Test"]\nconnect = "127.0.0.1:19580"  # a tunnel\n'


async def test_settings_of_hosts_are_listed_changed_and_removed(profile_root):
    profile = make_profile(profile_root, settings=HOSTS)
    async with at_desk(profile) as (app, pilot):
        screen = await setting(app, pilot, "hosts.hive.test.connect")
        await on_screen(pilot, "hosts.hive.test.connect")
        await on_screen(pilot, "Host hive.test")
        screen = await setting(app, pilot, "hosts.hive.test.version")
        await on_screen(pilot, "127.0.0.1:19580")
        await pilot.press("enter")
        await dialog(app, pilot, ChooseDialog)
        await pilot.press("down", "enter")
        await until(pilot, lambda: app.config.hosts["hive.test"].version == "B")
        assert '[hosts."Hive.Test"]' in profile.config.read_text()
        assert "# a tunnel" in profile.config.read_text()
        await setting(app, pilot, "hosts.hive.test.connect")
        await pilot.press("enter")
        await answer(app, pilot, "nowhere")
        await on_screen(pilot, "is not HOST:PORT")
        await answer(app, pilot, "[::1]:1959")
        await until(pilot, lambda: app.config.hosts["hive.test"].connect == "[::1]:1959")
        for name in ("connect", "version"):
            await until(pilot, lambda: app.screen is screen)
            await setting(app, pilot, f"hosts.hive.test.{name}")
            await pilot.press("d")
            await until(pilot, lambda name=name: not getattr(app.config.hosts.get("hive.test"), name, ""))
        await until(pilot, lambda: not app.config.hosts)
        await until(pilot, lambda: "hosts.hive.test" not in shown(app))
        assert "# the box under the desk" in profile.config.read_text()


async def test_a_host_is_added(profile):
    async with at_desk(profile) as (app, pilot):
        await setting(app, pilot, "ui.theme")
        await pilot.press("n")
        await dialog(app, pilot, ChooseDialog)
        await pilot.press("enter")
        await answer(app, pilot, "no host")
        await on_screen(pilot, "A host name cannot contain spaces.")
        await answer(app, pilot, "bob@Hive.Test")
        await on_screen(pilot, "hosts.hive.test.connect")
        await answer(app, pilot, "127.0.0.1:19580")
        await until(pilot, lambda: "hive.test" in app.config.hosts)
        assert config.load(profile.config).hosts["hive.test"].connect == "127.0.0.1:19580"
        await until(pilot, lambda: app.screen.rows.current.name == "hosts.hive.test.connect")


async def test_a_saved_search_is_added_checked_and_removed_and_the_first_one_stays(profile):
    async with at_desk(profile) as (app, pilot):
        screen = await setting(app, pilot, "ui.theme")
        await pilot.press("n")
        await dialog(app, pilot, ChooseDialog)
        await pilot.press("down", "enter")
        await answer(app, pilot, "Bob, lately")
        await on_screen(pilot, "searches.Bob, lately")
        await answer(app, pilot, "after:someday")
        await on_screen(pilot, "someday")
        assert isinstance(app.screen, PromptDialog)
        await answer(app, pilot, "from:bob after:2w")
        await until(pilot, lambda: app.config.searches.get("Bob, lately") == "from:bob after:2w")
        assert app.config.searches["unread"] == "is:unread"
        await until(pilot, lambda: app.screen is screen)
        await setting(app, pilot, "searches.Bob, lately")
        await pilot.press("d")
        await until(pilot, lambda: list(app.config.searches) == ["unread"])


# ---- in force at once


async def test_a_change_starts_the_receiver_again_once(profile, monkeypatch):
    done = []

    async def start(self):
        done.append("start")
        self._state = ReceiverState(True, ("127.0.0.1:1958",))
        return self._state

    async def stop(self):
        done.append("stop")
        self._state = ReceiverState()

    monkeypatch.setattr(Receiving, "start", start)
    monkeypatch.setattr(Receiving, "stop", stop)
    async with at_desk(profile) as (app, pilot):
        await setting(app, pilot, "receive.enabled")
        await pilot.press("enter")
        await until(pilot, lambda: done == ["stop", "start"])
        await setting(app, pilot, "rate_limit.capacity")
        await pilot.press("enter")
        await answer(app, pilot, "7")
        await until(pilot, lambda: len(done) >= 4)
        await setting(app, pilot, "ui.bell")
        await pilot.press("enter")
        await until(pilot, lambda: app.services.config.ui.bell)
        await until(pilot, lambda: all(work.group != "receiver" for work in app.workers))
        assert done == ["stop", "start", "stop", "start"]


async def test_a_receiver_that_cannot_listen_any_more_says_why(profile, monkeypatch):
    async def start(self):
        self._state = ReceiverState(error="the port is taken")
        return self._state

    monkeypatch.setattr(Receiving, "start", start)
    async with at_desk(profile) as (app, pilot):
        await setting(app, pilot, "receive.enabled")
        await pilot.press("enter")
        await until(pilot, lambda: "Mail cannot be received: the port is taken" in notices(app))


async def test_addresses_to_listen_on_are_checked(profile):
    async with at_desk(profile) as (app, pilot):
        await setting(app, pilot, "receive.listen")
        await pilot.press("enter")
        await answer(app, pilot, "0.0.0.0:1958, nonsense")
        await on_screen(pilot, "`nonsense` is not HOST:PORT")
        await answer(app, pilot, "127.0.0.1:1960")
        await until(pilot, lambda: app.config.receive.listen == ("127.0.0.1:1960",))


async def test_a_name_that_means_nothing_is_told_and_changes_nothing_else(profile):
    async with at_desk(profile, problems=["config.toml, line 3: unknown key `belll`"]) as (app, pilot):
        await until(pilot, lambda: "unknown key `belll`" in "\n".join(notices(app)))
        profile.config.write_text(SETTINGS + "[ui]\nbelll = true\nbell = true\n[colours]\n")
        await until(pilot, lambda: app.config.ui.bell)
        await until(pilot, lambda: "did you mean `bell`? It is ignored." in "\n".join(notices(app)))
        assert any("unknown section [colours]" in notice for notice in notices(app))
        await setting(app, pilot, "ui.mouse")
        await pilot.press("enter")  # and the file can still be changed from here
        await until(pilot, lambda: not app.config.ui.mouse)
        assert "belll = true" in profile.config.read_text()


async def test_a_file_broken_meanwhile_changes_nothing_and_says_so_and_when_it_is_fixed(profile):
    async with at_desk(profile, (100, 30)) as (app, pilot):
        await until(pilot, lambda: any(each.group == "config" for each in app.workers))
        await settled(pilot)
        good = profile.config.read_text()

        async def saved(text: str, words: str) -> None:
            """Watching begins in a thread: an early change may be missed, so it is made again."""

            def told() -> bool:
                if not any(words in note for note in notices(app)):
                    profile.config.write_text(text)
                return any(words in note for note in notices(app))

            await until(pilot, told, words)

        before = app.config
        await saved(f"{good}[ui]\nbell = perhaps\n", "The settings in use stay as they are.")
        line = len(good.splitlines()) + 2
        assert any(f"config.toml, line {line}: not valid TOML" in note for note in notices(app))
        assert app.config == before
        await saved(good.replace("3600", "60"), "The settings file is valid again.")
        assert not any("stay as they are" in note for note in notices(app))
        await until(pilot, lambda: app.config.send.undo_send_seconds == 60)


async def test_a_file_that_cannot_be_used_is_edited_again_until_somebody_throws_it_away(profile, monkeypatch):
    from misfin_tui import editor

    broken = f"{SETTINGS}[ui]\nbell = perhaps\n"
    given: list[str] = []

    async def edit(app, text, **_options):
        """Breaks it, then gives up, then comes back unchanged, then fixes it."""
        given.append(text)
        results = [
            editor.Edited(broken),
            editor.Edited(None, "The editor ended with 1."),
            editor.Edited(broken),
        ]
        return results[len(given) - 1] if len(given) <= 3 else editor.Edited(text.replace("perhaps", "true"))

    monkeypatch.setattr(editor, "edit", edit)
    monkeypatch.setenv("EDITOR", "vi")
    async with at_desk(profile, (100, 30)) as (app, pilot):
        await setting(app, pilot, "ui.bell")
        await pilot.press("ctrl+e")
        for times in (1, 2, 3):
            await until(pilot, lambda times=times: len(given) == times and app.screen.is_modal)
            await on_screen(pilot, "Edit again")
            assert app.focused.id == "no", "another enter throws nothing away"
            await pilot.press("enter")
        await until(pilot, lambda: app.config.ui.bell)
        assert given == [SETTINGS, broken, broken, broken]
        assert profile.config.read_text() == broken.replace("perhaps", "true")


async def test_changes_to_the_file_can_be_thrown_away(profile, monkeypatch):
    from misfin_tui import editor

    async def edit(app, text, **_options):
        return editor.Edited("nonsense")

    monkeypatch.setattr(editor, "edit", edit)
    monkeypatch.setenv("EDITOR", "vi")
    async with at_desk(profile, (100, 30)) as (app, pilot):
        screen = await setting(app, pilot, "ui.bell")
        await pilot.press("ctrl+e")
        await until(pilot, lambda: app.screen.is_modal)
        await pilot.click("#yes")
        await until(pilot, lambda: app.screen is screen)
        assert profile.config.read_text() == SETTINGS
