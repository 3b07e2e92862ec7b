"""Settings: defaults, every error names its line, and edits keep what a person wrote."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from misfin_tui import config
from misfin_tui.config import Config, ConfigError, accounts, writing


def test_a_profile_needs_no_settings_file(tmp_path: Path) -> None:
    assert config.load(tmp_path / "config.toml") == Config()


def test_the_template_parses_to_the_defaults() -> None:
    assert config.parse(writing.template()) == Config()


def test_the_template_with_every_line_uncommented_is_still_the_defaults() -> None:
    assert config.parse(re.sub(r"(?m)^# (\w+ = )", r"\1", writing.template())) == Config()


def test_every_setting_is_explained() -> None:
    for cls in config.SECTIONS.values():
        for item in fields(cls):
            assert item.metadata["help"], f"{cls.__name__}.{item.name}"


@pytest.mark.parametrize(
    ("text", "line", "word"),
    [
        ("[recieve]\n", 1, "did you mean `receive`"),
        ('\n\n[receive]\non_sender_change = "maybe"\n', 4, '"hold", "reject"'),
        ("[ui]\nthem = 1\n", 2, "did you mean `theme`"),
        ("colour = 1\n", 1, "outside any section"),
        ('[hosts."hive.test"]\nversion = "D"\n', 2, '"B", "C"'),
        ("[ui]\nbell = 1\n", 2, "true or false"),
        ("[send]\nundo_send_seconds = 1.5\n", 2, "whole number"),
        ("[send]\n\nundo_send_seconds = -1\n", 3, "between 0 and 3600"),
        ("[send]\ntimeout = true\n", 2, "number"),
        ("[keys]\nquit = 3\n", 2, "text in quotes"),
        ("[ui\n", 1, "not valid TOML"),
        ('[ui]\ntheme = "a\n', 2, "not valid TOML"),
        ("[ui]\nbell = [\n", 2, "not valid TOML"),
        ("[receive]\nlisten = [1]\n", 2, "text in quotes"),
        ('[accounts.work]\nkind = "jmap"\nhost = 5\n', 1, "`jmap` is not supported by this version"),
        (
            '\n[accounts.work]\nkind = "carrier-pigeon"\n',
            2,
            "`carrier-pigeon` is not supported by this version",
        ),
        ("[accounts.work]\nkind = 3\n", 1, "is not supported by this version"),
        ("[accounts.work]\n", 1, "needs `kind`"),
        ('[accounts.Work]\nkind = "email"\n', 1, "cannot be the name of an account"),
        ('[accounts.home]\nkind = "misfin"\n', 1, "needs no section"),
    ],
)
def test_an_error_names_its_line(tmp_path: Path, text: str, line: int, word: str) -> None:
    path = tmp_path / "config.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        config.load(path)
    assert caught.value.line == line
    assert word in str(caught.value)
    assert f"line {line}" in str(caught.value)
    assert caught.value.remedy


def test_a_file_that_is_not_utf8_names_the_line(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(b"[ui]\ntheme = '\xff'\n")
    with pytest.raises(ConfigError) as caught:
        config.load(path)
    assert caught.value.line == 2


def test_a_single_method_may_stand_without_brackets() -> None:
    assert config.parse('[verification]\nmethod = "probe"\n').verification.method == ("probe",)


def test_host_settings_are_found_whatever_the_case() -> None:
    hosts = config.parse('[hosts."Hive.Test"]\nconnect = "127.0.0.1:19580"\n').hosts
    assert hosts["hive.test"].connect == "127.0.0.1:19580"


def test_an_edit_keeps_comments_and_order(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text('# mine\n[ui]\n# why\ntheme = "dusk" # at night\n\n[keys]\nquit = "Q"\n')
    changed = writing.write_setting(path, "ui", "bell", True)
    text = path.read_text()
    assert changed.ui.bell is True
    assert changed.ui.theme == "dusk"
    assert "# mine" in text
    assert "# at night" in text
    assert text.index("[ui]") < text.index("[keys]")


def test_a_wrong_edit_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text('[ui]\ntheme = "dusk"\n')
    with pytest.raises(ConfigError):
        writing.write_setting(path, "ui", "bell", "loud")
    assert path.read_text() == '[ui]\ntheme = "dusk"\n'


def test_removing_a_setting_brings_the_default_back(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("[send]\nundo_send_seconds = 3\n")
    assert writing.write_setting(path, "send", "undo_send_seconds", None).send.undo_send_seconds == 10


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("127.0.0.1:1958", ("127.0.0.1", 1958)),
        ("[::1]:0", ("::1", 0)),
        (":1958", ("", 1958)),
        ("1958", ("", 1958)),
    ],
)
def test_listen_addresses_are_split(text: str, expected: tuple[str, int]) -> None:
    assert config.split_listen(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("info@Mail.Example  ada@mail.example", ("info@mail.example", "ada@mail.example")),
        ("*@mail.example ada@mail.example", ("*@mail.example", "ada@mail.example")),
    ],
)
def test_aliases_are_two_addresses(text: str, expected: tuple[str, str]) -> None:
    assert config.split_alias(text) == expected


@pytest.mark.parametrize(
    "text", ["", "info@mail.example", "info ada@mail.example", "a@b.example *@b.example x"]
)
def test_what_is_no_alias_is_refused_with_its_line(text: str) -> None:
    with pytest.raises(config.ConfigError, match="line 2"):
        config.parse(f"[receive]\naliases = [{text!r}]\n")


@pytest.mark.parametrize("text", ["", "host", "host:", "host:99999", "::1:1958", "host:-1", "host:١"])
def test_what_is_no_listen_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="HOST:PORT|brackets"):
        config.split_listen(text)


@given(st.text())
def test_any_text_is_settings_or_a_settings_error(text: str) -> None:
    try:
        config.parse(text)
    except ConfigError as error:
        assert str(error)


@given(st.text())
def test_a_text_survives_being_written_as_toml(text: str) -> None:
    cleaned = text.encode("utf-8", "replace").decode()
    import tomllib

    assert tomllib.loads(f"x = {writing.toml_value(cleaned)}")["x"] == cleaned


def test_an_account_of_a_later_version_is_passed_over_by_the_program() -> None:
    told: list[str] = []
    settings = config.parse('[accounts.work]\nkind = "jmap"\nhost = "x.example"\n', unknown=told)
    assert settings == Config()
    assert len(told) == 1
    assert "the kind `jmap` is not supported by this version. It is ignored." in told[0]


def test_an_account_has_a_kind_an_address_and_a_name() -> None:
    text = '[accounts.work]\nkind = "email"\naddress = "ada@example.org"\nname = "Ada"\n'
    assert config.parse(text).accounts == {"work": accounts.AccountConfig("email", "ada@example.org", "Ada")}
    for wrong in ("ada", "@x", "a@", "a b@x", "a@x\\u0007"):
        with pytest.raises(ConfigError, match="is not an address") as caught:
            config.parse(text.replace("ada@example.org", wrong))
        assert caught.value.line == 3
    with pytest.raises(ConfigError, match="needs `address`"):
        config.parse('[accounts.work]\nkind = "email"\n')


def test_an_account_must_be_a_section() -> None:
    with pytest.raises(ConfigError, match=r"\[accounts.work\] must be a section"):
        config.parse("[accounts]\nwork = 1\n")
