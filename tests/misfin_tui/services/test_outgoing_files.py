"""Files are found as people type, paste and drop their names, and what is not a file is said in words."""

from __future__ import annotations

import os
import shlex

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from misfin.compose.typedpaths import as_pasted, as_typed, typed_paths
from misfin.errors import InputError
from misfin_tui.config import Config
from misfin_tui.paths import profile_at
from misfin_tui.services import Services

NAMES = st.text(st.characters(exclude_categories=["C", "Zl", "Zp"]), min_size=1, max_size=20)


def paths(text: str) -> list[str]:
    return [each.path for each in typed_paths(text)]


# ---- reading names


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a.txt b.txt", ["a.txt", "b.txt"]),
        (r"/a/my\ file.txt '/a/it is' \"x\"", ["/a/my file.txt", "/a/it is", '"x"']),
        ('"/a/my file" /b', ["/a/my file", "/b"]),
        ('"/a/not closed', ["/a/not closed"]),
        ("file:///a/my%20file.txt FILE://localhost/b", ["/a/my file.txt", "/b"]),
        ("file://elsewhere/a", ["file://elsewhere/a"]),
        ("$HOME `ls` ~/x", ["$HOME", "`ls`", "~/x"]),
        ("", []),
        ("  ", []),
    ],
)
def test_names_are_read_as_they_are_typed(text, found):
    assert paths(text) == found


@given(st.lists(NAMES.filter(lambda name: not name.lower().startswith("file:")), max_size=5))
def test_any_name_is_read_back_as_it_was_quoted(names):
    assert paths(" ".join(map(as_typed, names))) == names
    assert paths(" ".join(map(shlex.quote, names))) == names
    assert not any(each.pattern for each in typed_paths(" ".join(map(as_typed, names))))


@given(st.text("\"'\\ ab*", max_size=40))
@example('"\\"\\')
def test_every_name_is_where_it_says(text):
    found = typed_paths(text)
    assert all(text[each.start : each.end].strip() for each in found)
    covered = "".join(text[each.start : each.end] for each in found)
    assert "".join(covered.split()) == "".join(text.split())


@pytest.mark.parametrize(
    ("pasted", "found"),
    [
        ("/a/my holiday.jpg\n/a/b.txt\n", ["/a/my holiday.jpg", "/a/b.txt"]),
        ("/a/x.txt /a/y.txt", ["/a/x.txt", "/a/y.txt"]),
        ("'/a/x y.txt' /a/z", ["/a/x y.txt", "/a/z"]),
        (r"/a/x\ y.txt ", ["/a/x y.txt"]),
        ("file:///a/b%20c\r\nfile:///d", ["/a/b c", "/d"]),
    ],
)
def test_what_is_pasted_or_dropped_is_read_as_names(pasted, found):
    assert paths(as_pasted(pasted)) == found


# ---- finding and attaching them


@pytest.fixture
def services(tmp_path):
    services = Services(profile_at(tmp_path / "profile"), Config())
    yield services
    services.close()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    folder = tmp_path / "home"
    (folder / "deep").mkdir(parents=True)
    for name in ("plan.pdf", "Plan two.txt", "notes.txt", "deep/x.txt", "star*.txt"):
        (folder / name).write_bytes(b"hello " * len(name))
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("~/plan.pdf", ["plan.pdf"]),
        ("plan.pdf notes.txt plan.pdf", ["plan.pdf", "notes.txt"]),
        ("Plan two.txt", ["Plan two.txt"]),
        ("~/Plan two.txt", ["Plan two.txt"]),
        ("*.txt", ["Plan two.txt", "notes.txt", "star*.txt"]),
        (r"star\*.txt", ["star*.txt"]),
        ("star*.txt", ["star*.txt"]),
        ("deep/?.txt", ["x.txt"]),
    ],
)
async def test_names_and_patterns_find_files(services, folder, text, names):
    assert [path.name for path in await services.outgoing_files.find(text)] == names


async def test_what_is_not_a_file_is_said_in_words(services, folder):
    os.mkfifo(folder / "pipe")
    for text, why in (
        ("none.txt", "No such file"),
        ("deep", "is a folder"),
        ("pipe", "a pipe"),
        ("/dev/zero", "a device"),
        ("*.doc", "No file matches"),
        ("", "Write the name"),
        ("a\0b", "No file can have this name"),
        ("x" * 5000, "too long"),
    ):
        with pytest.raises(InputError, match=why):
            await services.outgoing_files.find(text)


async def test_a_file_that_vanished_or_is_too_large_is_left_out_and_the_others_are_attached(services, folder):
    found = await services.outgoing_files.attach(
        [folder / "gone.txt", folder / "plan.pdf", folder / "Plan two.txt"], most=70
    )
    assert [file.name for file in found.files] == ["plan.pdf"]
    gone, large = found.problems
    assert "gone.txt cannot be read: No such file" in gone
    assert "Plan two.txt is 72 bytes long, too large to be sent" in large
    assert services.draft_box.files.read(found.files[0].key) == (folder / "plan.pdf").read_bytes()


async def test_a_name_is_completed_where_the_cursor_is(services, folder):
    complete = services.outgoing_files.complete
    first, second = await complete("notes.txt pl", len("notes.txt pl"))
    assert (first.text, second.text) == (r"Plan\ two.txt", "plan.pdf")
    assert (first.start, first.end) == (10, 12)
    (deep,) = await complete("~/d", 3)
    assert (deep.text, deep.hint) == ("~/deep/", "folder")
    assert await complete("nowhere/", 8) == []


async def test_a_name_that_could_act_on_a_terminal_is_not_offered_and_not_sent_as_it_is(services, folder):
    evil = folder / "evil\x1b[31m\n.txt"
    evil.write_bytes(b"x")
    assert all("\x1b" not in each.text for each in await services.outgoing_files.complete("e", 1))
    (file,) = (await services.outgoing_files.attach([evil])).files
    assert file.name == "evil_[31m_.txt"
