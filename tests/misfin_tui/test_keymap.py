"""The key table holds together, and the user's own keys are checked against it."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from misfin_tui import keymap
from misfin_tui.keymap import (
    ACTIONS,
    NOOP,
    TOGETHER,
    WRITING,
    KeyContext,
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
