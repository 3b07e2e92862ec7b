"""The key table holds together, and the user's own keys are checked against it."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from misfin_tui import keymap
from misfin_tui.keymap import (
    ACTIONS,
    BY_ID,
    NOOP,
    SET,
    SETS,
    TOGETHER,
    WRITING,
    KeyContext,
    keys_of_set,
    normal_key,
    readable,
    resolve,
    split,
)


def test_every_id_is_kebab_case_and_unique():
    ids = [action.id for action in ACTIONS]
    assert len(ids) == len(set(ids))
    assert all(re.fullmatch(r"[a-z]+(-[a-z0-9]+)*", action_id) for action_id in ids)


def test_every_action_is_described():
    for action in ACTIONS:
        assert action.label
        assert action.help.endswith(".")


@pytest.mark.parametrize("room", KeyContext)
def test_no_default_key_stands_twice_where_it_would_be_ambiguous(room):
    together = [a for a in ACTIONS if a.context is room or a.context in TOGETHER.get(room, ())]
    keys = [key for action in together for key in split(action.keys)]
    assert sorted(keys) == sorted(set(keys))


def test_defaults_of_rooms_where_text_is_typed_are_no_messages():
    for action in ACTIONS:
        if action.context in WRITING:
            assert all(len(key) > 1 for key in split(action.keys)), action.id


@pytest.mark.parametrize(
    ("written", "normal"),
    [
        ("?", "question_mark"),
        ("/", "slash"),
        (".", "full_stop"),
        ("|", "vertical_line"),
        ("+", "plus"),
        ("ctrl++", "ctrl+plus"),
        ("Ctrl+S", "ctrl+s"),
        ("shift+a", "A"),
        ("A", "A"),
        ("PgUp", "pageup"),
        ("esc", "escape"),
        ("ctrl+i", "tab"),
        ("ctrl+m", "enter"),
        ("shift+ctrl+up", "ctrl+shift+up"),
        ("backtab", "shift+tab"),
    ],
)
def test_keys_are_normalised(written, normal):
    assert normal_key(written) == normal


def test_normal_names_are_the_ones_textual_reports():
    from textual.keys import _character_to_key

    for code in range(33, 127):
        assert normal_key(chr(code)) == _character_to_key(chr(code))


@pytest.mark.parametrize(
    ("key", "shown"),
    [("question_mark", "?"), ("ctrl+s", "^s"), ("escape", "esc"), ("alt+up", "alt+↑"), ("A", "A")],
)
def test_keys_are_shown_as_people_write_them(key, shown):
    assert readable(key) == shown


def test_without_wishes_the_defaults_are_in_force():
    keys = resolve({})
    assert keys.problems == ()
    assert keys.keys == {}
    assert keys.of("archive") == ("e",)
    assert keys.of("cursor-down") == ("j", "down")


def test_a_new_key_replaces_the_default():
    keys = resolve({"archive": "ctrl+a, y"})
    assert keys.problems == ()
    assert keys.of("archive") == ("ctrl+a", "y")


@pytest.mark.parametrize("text", ["noop", "NOOP", "", "  "])
def test_noop_unbinds(text):
    keys = resolve({"archive": text})
    assert keys.keys["archive"] == NOOP
    assert keys.of("archive") == ()


def test_an_unknown_action_names_the_nearest():
    (problem,) = resolve({"archve": "y"}).problems
    assert "did you mean `archive`?" in problem


def test_an_unknown_key_names_the_nearest_and_keeps_the_default():
    keys = resolve({"archive": "pagup"})
    assert "did you mean `pageup`?" in keys.problems[0]
    assert keys.of("archive") == ("e",)


def test_an_unknown_modifier_is_named():
    assert "modifier" in resolve({"archive": "strg+a"}).problems[0]


def test_a_message_cannot_be_a_command_where_text_is_typed():
    keys = resolve({"send": "s"})
    assert "typed" in keys.problems[0]
    assert keys.of("send") == ("ctrl+s",)


def test_a_key_of_a_default_in_the_same_room_clashes():
    keys = resolve({"archive": "d"})
    assert "already belongs to trash" in keys.problems[0]
    assert keys.of("archive") == ("e",)


def test_a_key_of_everywhere_clashes_in_a_list():
    assert "show-outbox" in resolve({"archive": "O"}).problems[0]


def test_the_same_key_in_another_room_is_no_clash():
    assert resolve({"forget": "e"}).problems == ()


def test_two_actions_can_be_swapped():
    keys = resolve({"archive": "d", "trash": "e"})
    assert keys.problems == ()
    assert keys.of("trash") == ("e",)


def test_of_two_wishes_for_one_key_the_first_is_granted():
    keys = resolve({"archive": "y", "trash": "y"})
    assert keys.of("archive") == ("y",)
    assert keys.of("trash") == ("d",)
    assert len(keys.problems) == 1


def test_a_key_freed_with_noop_can_be_taken():
    keys = resolve({"trash": "noop", "archive": "d"})
    assert keys.problems == ()
    assert keys.of("archive") == ("d",)


@given(
    st.dictionaries(
        st.one_of(st.sampled_from([a.id for a in ACTIONS]), st.text(max_size=8)),
        st.one_of(st.sampled_from(["e", "d", "q", "ctrl+s", "noop", "a,b", "O"]), st.text(max_size=12)),
        max_size=6,
    )
)
def test_whatever_is_wished_no_key_is_left_ambiguous(wanted):
    keys = resolve(wanted)
    assert all(problem.isprintable() for problem in keys.problems)
    for context in KeyContext:
        contexts = {context, *TOGETHER.get(context, ())}
        taken = [key for action in ACTIONS if action.context in contexts for key in keys.of(action.id)]
        assert sorted(taken) == sorted(set(taken))


# ---- key sets

OTHERS = [name for name in SETS if name != "standard"]


@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize("room", KeyContext)
def test_no_key_of_a_set_stands_twice_where_it_would_be_ambiguous(name, room):
    theirs = keys_of_set(name)
    together = [a for a in ACTIONS if a.context is room or a.context in TOGETHER.get(room, ())]
    taken = [(key, action.id) for action in together for key in split(theirs.get(action.id, action.keys))]
    twice = [each for each in taken if sum(each[0] == key for key, _ in taken) > 1]
    assert twice == []


@pytest.mark.parametrize("name", SETS)
def test_every_action_is_reached_by_a_key_in_every_set(name):
    keys = resolve({SET: name})
    assert keys.problems == ()
    assert keys.base == name
    assert [action.id for action in ACTIONS if not keys.of(action.id)] == []


@pytest.mark.parametrize("name", OTHERS)
def test_a_set_names_only_what_it_changes_with_keys_the_settings_would_take(name):
    for action_id, keys in keys_of_set(name).items():
        assert split(keys) != split(BY_ID[action_id].keys), action_id
        alone = resolve({action_id: keys})
        assert not any("is not a key" in each or "typed" in each for each in alone.problems), action_id


def test_no_action_is_called_like_the_setting_of_the_set():
    assert SET not in BY_ID


def test_an_unknown_set_is_said_in_words_and_the_standard_keys_are_used():
    keys = resolve({SET: "emcas", "archive": "y"})
    assert keys.problems == (
        "[keys] set: `emcas` is not a key set; did you mean `emacs`?"
        " The standard keys are used; choose standard, mutt, vim or emacs.",
    )
    assert keys.base == "standard"
    assert keys.of("archive") == ("y",)
    assert keys.of("trash") == ("d",)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("mutt", {"compose": "m", "reply-all": "g", "undo": "u", "unread": "N", "move": "s", "star": "F"}),
        ("vim", {"compose": "m", "archive": "a", "next-folder": "J", "go-to-folder": "c", "select": "v"}),
        ("emacs", {"cursor-down": "n", "reply": "R", "archive": "r", "commands": "alt+x", "leave": "escape"}),
    ],
)
def test_a_set_has_the_keys_people_know(name, expected):
    keys = resolve({SET: name})
    assert {action: keys.of(action)[0] for action in expected} == expected


def test_keys_of_ones_own_win_over_the_set():
    keys = resolve({SET: "mutt", "archive": "g"})
    assert keys.of("archive") == ("g",)
    assert keys.of("reply-all") == ()
    assert keys.problems == (
        "[keys] reply-all (Reply all, inbox) has no key now:"
        " g, its key in the mutt set, is yours for something else.",
    )


def test_an_action_with_another_key_in_the_set_loses_only_the_one_taken():
    keys = resolve({SET: "mutt", "archive": "c"})
    assert keys.problems == ()
    assert keys.of("go-to-folder") == ("y",)


@given(
    st.sampled_from(OTHERS),
    st.dictionaries(
        st.sampled_from([a.id for a in ACTIONS]),
        st.sampled_from(["e", "d", "q", "ctrl+s", "noop", "a,b", "O", "n", "tab", "u,c", "alt+x"]),
        max_size=6,
    ),
)
def test_whatever_is_wished_in_a_set_no_key_is_left_ambiguous(name, wanted):
    keys = resolve({SET: name, **wanted})
    for context in KeyContext:
        contexts = {context, *TOGETHER.get(context, ())}
        taken = [key for action in ACTIONS if action.context in contexts for key in keys.of(action.id)]
        assert sorted(taken) == sorted(set(taken))


def test_bindings_carry_the_table():
    from textual.binding import Binding

    from misfin_tui.widgets.bindings import bindings

    made = {b.id: b for b in bindings(KeyContext.INBOX) if isinstance(b, Binding)}
    assert set(made) == {action.id for action in keymap.in_context(KeyContext.INBOX)}
    assert made["search"].key == "slash"
    assert made["reply-all"].action == "reply_all"
    assert not made["star"].show


def test_the_table_needs_no_textual():
    import subprocess
    import sys

    code = "import sys, misfin_tui.keymap; sys.exit('textual' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
