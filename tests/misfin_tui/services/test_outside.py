"""What leaves for other programs, and how that can fail."""

from __future__ import annotations

import pytest

from misfin.errors import LocalError
from misfin_tui.config import Config, UiConfig
from misfin_tui.paths import profile_at
from misfin_tui.services import Services

pytestmark = pytest.mark.usefixtures("patient_with_openers")


def outside(tmp_path, **ui: str):
    return Services(profile_at(tmp_path), Config(ui=UiConfig(**ui))).outside


def script(path, text: str) -> str:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


async def test_a_link_is_one_argument_and_never_a_shell_word(tmp_path):
    log = tmp_path / "log"
    command = script(tmp_path / "open", f'printf "%s|" "$@" > {log}')
    await outside(tmp_path, opener=f"{command} --new").open_link("https://x.test/?a=b&c;touch /tmp/no$(id)")
    assert log.read_text() == "--new|https://x.test/?a=b&c;touch /tmp/no$(id)|"


@pytest.mark.parametrize("target", ["-rf", "https://x.test/\x1b[2J", "https://x.test/\n"])
async def test_targets_no_honest_link_has_are_refused(tmp_path, target):
    with pytest.raises(LocalError, match="suspicious characters"):
        await outside(tmp_path, opener="true").open_link(target)


async def test_an_opener_that_fails_is_told_of(tmp_path):
    with pytest.raises(LocalError, match="exit status 1"):
        await outside(tmp_path, opener="false").open_link("gemini://x.test/")
    with pytest.raises(LocalError, match="could not be started"):
        await outside(tmp_path, opener=str(tmp_path / "missing")).open_link("gemini://x.test/")


async def test_without_an_opener_a_remedy_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LocalError) as caught:
        await outside(tmp_path).open_link("gemini://x.test/")
    assert "opener" in caught.value.remedy


async def test_what_is_for_a_browser_goes_to_the_one_the_environment_names(tmp_path, monkeypatch):
    log, other = tmp_path / "log", script(tmp_path / "xdg-open", "exit 9")
    browser = script(tmp_path / "a browser", f'printf "%s|" "$@" >> {log}')
    monkeypatch.setenv("BROWSER", f"{tmp_path}/missing:'{browser}' --new %s:{other}")
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    page = tmp_path / "page.html"
    ways = outside(tmp_path)
    await ways.open_link("https://x.test/?a=b:c")
    await ways.open_page(page)
    assert log.read_text() == f"--new|https://x.test/?a=b:c|--new|{page}|"
    assert await ways.opener_named("http://x.test/") == f"'{browser}' --new"
    assert await outside(tmp_path, opener="mine").opener_named("http://x.test/") == "mine"


@pytest.mark.parametrize("named", ["", ":", "'unclosed", "missing-browser"])
async def test_without_a_browser_in_the_environment_the_system_opens_everything(tmp_path, monkeypatch, named):
    script(tmp_path / "xdg-open", "exit 9")
    monkeypatch.setenv("BROWSER", named)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    with pytest.raises(LocalError, match="xdg-open could not open the link"):
        await outside(tmp_path).open_link("https://x.test/")


async def test_what_is_not_for_a_browser_is_opened_by_the_system(tmp_path, monkeypatch):
    script(tmp_path / "xdg-open", "exit 9")
    monkeypatch.setenv("BROWSER", script(tmp_path / "browser", "exit 0"))
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    with pytest.raises(LocalError, match="exit status 9"):
        await outside(tmp_path).open_link("gemini://x.test/")
    with pytest.raises(LocalError, match="exit status 9"):
        await outside(tmp_path).open_file(tmp_path / "a.pdf")


async def test_a_command_gets_the_message_and_its_output_is_kept(tmp_path):
    output = await outside(tmp_path).pipe(b"x" * 200_000, "wc -c; exit 3")
    assert (output.text.strip(), output.status) == ("200000", 3)


async def test_a_command_that_reads_nothing_or_prints_without_end_does_no_harm(tmp_path):
    assert (await outside(tmp_path).pipe(b"x" * 2_000_000, "true")).status == 0
    output = await outside(tmp_path).pipe(b"", "yes | head -c 3000000")
    assert len(output.text) == 256 * 1024


async def test_a_command_that_hangs_is_ended(tmp_path, monkeypatch):
    monkeypatch.setattr("misfin_tui.services.outside.TIME_LIMIT", 0.2)
    with pytest.raises(LocalError, match="was stopped"):
        await outside(tmp_path).pipe(b"", "sleep 60")


async def test_the_notice_command_gets_facts_in_its_environment_only(tmp_path):
    log = tmp_path / "log"
    command = f'printf "%s|%s|%s" "$MISFIN_SENDER" "$MISFIN_SUBJECT" "$MISFIN_COUNT" > {log}'
    await outside(tmp_path, notify_command=command).announce("Bob\x1b[2J", "$(touch no) \u202e", 2)
    assert log.read_text() == "Bob␛[2J|$(touch no) ⇄|2"
    await outside(tmp_path).announce("Bob", "nothing is run", 1)


async def test_files_are_private_and_never_overwritten(tmp_path):
    service = outside(tmp_path)
    path = await service.save(tmp_path / "message.gmi", b"text")
    assert path.read_bytes() == b"text"
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(LocalError, match="already exists"):
        await service.save(path, b"other")
    with pytest.raises(LocalError, match="cannot be written"):
        await service.save(tmp_path / "missing" / "message.gmi", b"text")
