"""A person accepts a mailing list at a message of it, for what is there and what comes, and takes it back."""

from __future__ import annotations

import pytest
from desk import SETTINGS, at_desk, make_profile, on_screen, shown, until
from mailsigning import MESSAGE, ScriptedDns, rsa_key, rsa_record, sign
from ratedmail import ACCOUNT, signs

from misfin.store.accepted_lists import FILE, AcceptedLists
from misfin.store.evidence import Evidence
from misfin.store.mail.maildir import MailStore
from misfin.store.rows import View
from misfin_tui.cli import main
from misfin_tui.dialogs.confirm import ConfirmDialog
from misfin_tui.screens.trust import TrustScreen

KEYS = {
    "s._domainkey.list.example": [rsa_record(rsa_key())],
    "_dmarc.example.org": [b"v=DMARC1; p=reject"],
}
COVERED = [b"from", b"subject", b"list-id"]


def listed(subject: bytes, day: bytes, list_id: bytes = b"<crew.lists.example>") -> bytes:
    message = (
        MESSAGE.replace(b"Notes", subject).replace(b"20 Nov", day).replace(b"<1@", b"<" + day[:2] + b"@")
    )
    message = b"List-Id: Crew " + list_id + b"\r\n" + message
    return sign(message, "list.example", include_headers=COVERED).replace(b"\r\n", b"\n")


@pytest.fixture
def profile(profile_root):
    made = make_profile(profile_root, settings=SETTINGS + ACCOUNT)
    store = MailStore(made.mail)
    store.create("work")
    store.folder("work").deliver(listed(b"Other", b"19 Nov", b"<other.lists.example>"))
    store.folder("work").deliver(listed(b"First", b"21 Nov"))
    return made


async def decide(app, pilot, *keys: str) -> None:
    await pilot.press("plus")
    await until(pilot, lambda: isinstance(app.screen, ConfirmDialog))
    await pilot.press(*keys)
    await until(pilot, lambda: not isinstance(app.screen, ConfirmDialog))


async def test_an_accepted_list_counts_for_what_is_there_and_what_comes_until_it_is_taken_back(profile):
    rated = {"First": Evidence.DIFFERS, "Other": Evidence.DIFFERS}
    async with at_desk(profile, dns=ScriptedDns(KEYS)) as (app, pilot):
        await until(pilot, lambda: signs(profile) == rated)
        app.services.mail.rescan()
        await on_screen(pilot, "⚠")
        await pilot.press("enter")
        await until(pilot, lambda: len(app.screen_stack) > 1)
        await pilot.press("i")
        await on_screen(pilot, "Accept list")
        await on_screen(pilot, "crew.lists.example")
        await decide(app, pilot, "escape")
        assert signs(profile) == rated
        await decide(app, pilot, "right", "enter")
        await on_screen(pilot, "crew.lists.example is accepted.")
        rated["First"] = Evidence.UNCONFIRMED
        assert signs(profile) == rated
        MailStore(profile.mail).folder("work").deliver(listed(b"Second", b"18 Nov"))
        rated["Second"] = Evidence.UNCONFIRMED
        await until(pilot, lambda: signs(profile) == rated)
        await decide(app, pilot, "right", "enter")
        await on_screen(pilot, "crew.lists.example is no longer accepted.")
        assert set(signs(profile).values()) == {Evidence.DIFFERS}


async def test_the_trust_screen_shows_accepted_lists_and_takes_them_back(profile):
    AcceptedLists(profile.root / FILE).accept("crew.lists.example", "list.example", 1.8e9)
    async with at_desk(profile, (120, 40), dns=ScriptedDns(KEYS)) as (app, pilot):
        await until(pilot, lambda: signs(profile).get("First") is Evidence.UNCONFIRMED)
        await pilot.press("T")
        await on_screen(pilot, "you, signed by list.example")
        await pilot.press("enter")
        await on_screen(pilot, "You accepted this mailing list")
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, TrustScreen))
        await pilot.press("d")
        await until(pilot, lambda: isinstance(app.screen, ConfirmDialog))
        await pilot.press("right", "enter")
        await on_screen(pilot, "crew.lists.example is no longer accepted.")
        assert set(signs(profile).values()) == {Evidence.DIFFERS}
        assert "list.example" not in shown(app).replace("crew.lists.example", "")


async def test_at_the_shell_lists_are_shown_and_taken_back(profile, capsys):
    AcceptedLists(profile.root / FILE).accept("crew.lists.example", "list.example", 1.8e9)
    async with at_desk(profile, dns=ScriptedDns(KEYS)) as (_app, pilot):
        await until(pilot, lambda: signs(profile).get("First") is Evidence.UNCONFIRMED)

    def trust(*words: str) -> tuple[int, str]:
        status = main(["--profile", str(profile.root), "trust", *words])
        return status, capsys.readouterr().out

    for words in (("list",), ("show", "crew.lists.example")):
        assert trust(*words, "--lists") == (0, "crew.lists.example  list.example  2027-01-15T08:00:00Z\n")
    assert trust("forget", "crew.lists.example", "--lists")[0] == 0
    assert trust("list", "--lists", "--json") == (0, "")
    assert trust("forget", "crew.lists.example", "--lists")[0] == 2
    assert set(signs(profile).values()) == {Evidence.DIFFERS}
    async with at_desk(profile) as (app, pilot):
        await on_screen(pilot, "First")
        await until(
            pilot,
            lambda: (
                {row.evidence for row in app.services.index.messages(View("work"), 9)} == {Evidence.DIFFERS}
            ),
        )


async def test_where_no_list_signed_there_is_nothing_to_accept(profile_root):
    profile = make_profile(profile_root, settings=SETTINGS + ACCOUNT)
    MailStore(profile.mail).create("work")
    MailStore(profile.mail).folder("work").deliver(MESSAGE.replace(b"\r\n", b"\n"))
    async with at_desk(profile, dns=ScriptedDns(KEYS)) as (_app, pilot):
        await on_screen(pilot, "Notes")
        await pilot.press("plus")
        await on_screen(pilot, "No mailing list signed this message")
