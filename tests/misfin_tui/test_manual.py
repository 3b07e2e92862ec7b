"""Completion scripts and the manual page name every command, and the shells accept them."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from misfin.store.search.query import FIELDS
from misfin_tui.cli import main
from misfin_tui.cli.commandtree import verbs
from misfin_tui.cli.manual_text import EXAMPLES
from misfin_tui.cli.parser import parse

WORDS = [" ".join(verb.words) for verb in verbs() if verb.words]


def test_every_command_is_in_the_manual_page(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["man"]) == 0
    page = capsys.readouterr().out.replace("\\-", "-")
    for verb in verbs():
        if verb.words and not any(verb.words == other.words[:-1] for other in verbs()):
            assert " ".join(verb.words) in page


def test_the_manual_page_shows_the_keys_of_the_profile(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "config.toml").write_text('[keys]\nset = "mutt"\narchive = "f7"\n')
    assert main(["man", "--profile", str(tmp_path)]) == 0
    page = capsys.readouterr().out
    assert ".B m\nWrite a new message." in page
    assert ".B f7\nMove to the archive." in page
    (tmp_path / "config.toml").write_text("nonsense")
    assert main(["man", "--profile", str(tmp_path)]) == 0
    assert ".B c\nWrite a new message." in capsys.readouterr().out


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_accepts_its_completion_script(
    shell: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    for verb in verbs():
        assert all(word in script for word in verb.words)
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    file = tmp_path / "completion"
    file.write_text(script)
    done = subprocess.run([shell, "-n", str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        (["misfin-tui", "ident"], {"identity"}),
        (["misfin-tui", "trust", "app"], {"approve"}),
        (["misfin-tui", "identity", "new", "--ke"], {"--key"}),
        (["misfin-tui", "completion", "f"], {"fish"}),
        (["misfin-tui", "identity", "new", "--key", ""], {"ec", "ed25519", "rsa"}),
        (["misfin-tui", "identity", "new", "--blurb", ""], set()),
        (["misfin-tui", "identity", "import", "ada"], {"ada.pem"}),
        (["misfin-tui", "--profile", "ada"], {"ada.pem"}),
        (["misfin-tui", "identity", "ada"], set()),
    ],
)
def test_bash_completes_words_and_options(
    typed: list[str], expected: set[str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    main(["completion", "bash"])
    script = capsys.readouterr().out
    (tmp_path / "ada.pem").touch()
    words = " ".join(f"'{word}'" for word in typed)
    ask = f'COMP_WORDS=({words}); COMP_CWORD={len(typed) - 1}; _misfin_tui; echo "${{COMPREPLY[@]}}"'
    done = subprocess.run(
        ["bash", "-c", script + ask], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert set(done.stdout.split()) == expected


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("ident", {"identity"}),
        ("trust app", {"approve"}),
        ("--profile x trust list --se", {"--senders"}),
        ("trust list --li", {"--lists"}),
        ("completion f", {"fish"}),
        ("identity new --key ", {"ec", "ed25519", "rsa"}),
        ("identity import ada", {"ada.pem"}),
        ("identity ada", set()),
    ],
)
def test_fish_completes_words_and_options(
    typed: str, expected: set[str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    if shutil.which("fish") is None:
        pytest.skip("fish is not installed")
    main(["completion", "fish"])
    (tmp_path / "script.fish").write_text(capsys.readouterr().out)
    (tmp_path / "ada.pem").touch()
    ask = f"source script.fish; complete -C 'misfin-tui {typed}'"
    home = {**os.environ, "HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)}
    done = subprocess.run(
        ["fish", "-c", ask], capture_output=True, text=True, check=True, cwd=tmp_path, env=home
    )
    assert {line.partition("\t")[0] for line in done.stdout.splitlines()} == expected
    assert done.stderr == ""


def test_the_manual_page_is_clean_roff(capsys: pytest.CaptureFixture[str]) -> None:
    main(["man"])
    page = capsys.readouterr().out
    if shutil.which("groff") is None:
        pytest.skip("groff is not installed")
    done = subprocess.run(
        ["groff", "-man", "-Tutf8", "-ww"], input=page, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0
    assert not done.stderr


def test_every_option_and_argument_says_what_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    main(["man"])
    page = capsys.readouterr().out
    assert "Print one JSON object per line" in page
    assert "\nmailbox@host.\n" in page
    for number, line in enumerate(page.splitlines()):
        assert line.strip() not in ("", "."), f"line {number} of the manual page says nothing"
    for verb in verbs():
        for action in verb.parser._actions:
            assert action.help or action.choices, f"{' '.join(verb.words)} {action.dest}"


def test_every_example_of_the_manual_page_is_a_command_that_exists() -> None:
    for _does, command in EXAMPLES:
        words = shlex.split(command.rpartition("| ")[2])
        assert words[0] == "misfin-tui"
        assert parse(words[1:]).command


def test_the_manual_page_names_every_key_and_every_search_field(capsys: pytest.CaptureFixture[str]) -> None:
    main(["man"])
    page = capsys.readouterr().out
    for section in ("SEARCHING", "KEYS", "FILES", "EXAMPLES", "EXIT STATUS", "ENVIRONMENT"):
        assert f".SH {section}\n" in page
    for name in FIELDS:
        assert f"{name}:" in page, name
