"""``config set``: one setting changed from the shell, in a file that keeps its comments."""

from __future__ import annotations


def test_a_setting_is_changed_and_the_comments_stay(shell):
    shell.run("config", "init")
    shell.run("config", "set", "gmap.enable", "true")
    (changed,) = shell.json(
        "config", "set", "receive.aliases", "a@x.example b@x.example, *@x.example b@x.example"
    )
    assert changed["value"] == ["a@x.example b@x.example", "*@x.example b@x.example"]
    shown = shell.run("config", "show").stdout
    assert "gmap.enable = true" in shown
    assert 'receive.aliases = ["a@x.example b@x.example", "*@x.example b@x.example"]' in shown
    assert "# metrics = " in (shell.root / "config.toml").read_text()
    shell.run("config", "set", "gmap.enable", "--default")
    assert "gmap.enable = false" in shell.run("config", "show").stdout


def test_it_works_without_a_file(shell):
    shell.run("config", "set", "operation.metrics", "127.0.0.1:9158")
    assert 'operation.metrics = "127.0.0.1:9158"' in shell.run("config", "show").stdout


def test_what_cannot_be_set_is_reported_and_changes_nothing(shell):
    shell.run("config", "init")
    before = (shell.root / "config.toml").read_text()
    assert "Type yes or no." in shell.run("config", "set", "gmap.enable", "perhaps", check=2).stderr
    assert (
        "There is no setting gmap.enabled." in shell.run("config", "set", "gmap.enabled", "1", check=2).stderr
    )
    assert "either a value or --default" in shell.run("config", "set", "gmap.enable", check=2).stderr
    assert (shell.root / "config.toml").read_text() == before


def test_a_section_that_is_there_twice_is_named(shell):
    shell.run("config", "init")
    with (shell.root / "config.toml").open("a") as file:
        file.write('\n[operation]\nlog = "json"\n')
    said = shell.run("config", "show", check=2).stderr
    assert "the section [operation] appears a second time." in said
    assert "Move its lines to the first one" in said
