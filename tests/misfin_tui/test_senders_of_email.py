"""Who wrote an e-mail is checked when it arrives, shown in every list, kept, and explained in the details."""

from __future__ import annotations

import asyncio

import pytest
from desk import SETTINGS, at_desk, make_profile, on_screen, until
from mailsigning import MESSAGE, ScriptedDns, rsa_key, rsa_record, sign
from ratedmail import ACCOUNT, signs

from misfin.post import authorship
from misfin.store.evidence import Evidence
from misfin.store.mail.maildir import MailStore
from misfin.store.rows import View
from misfin_tui.config.accounts import AccountConfig
from misfin_tui.services.authorship import SILENCES
from misfin_tui.services.parts import parts_of

SIGNED = sign().replace(b"\r\n", b"\n")
KEYS = {
    "s._domainkey.example.org": [rsa_record(rsa_key())],
    "_dmarc.example.org": [b"v=DMARC1; p=reject"],
}


@pytest.fixture
def profile(profile_root):
    made = make_profile(profile_root, settings=SETTINGS + ACCOUNT)
    store = MailStore(made.mail)
    store.create("work")
    store.folder("work").deliver(SIGNED)
    store.folder("work").deliver(MESSAGE.replace(b"\r\n", b"\n").replace(b"Notes", b"Invoice"))
    return made


def bodies(profile) -> list[bytes]:
    return [each.path.read_bytes() for each in MailStore(profile.mail).folder("work").list()]


async def test_new_mail_is_checked_shown_and_never_asked_about_again(profile):
    dns = ScriptedDns(KEYS)
    assert set(signs(profile).values()) == {Evidence.UNPROVEN}
    async with at_desk(profile, dns=dns) as (app, pilot):
        index = app.services.index

        def shown() -> dict[str, Evidence]:
            return {row.subject: row.evidence for row in index.messages(View("work"), 10)}

        expected = {"Notes": Evidence.VERIFIED, "Invoice": Evidence.DIFFERS}
        await until(pilot, lambda: shown() == expected)
    assert signs(profile) == expected
    asked = len(dns.asked)
    async with at_desk(profile, dns=dns) as (app, pilot):
        await until(pilot, lambda: app.services.mail.scanned)
        await pilot.pause(0.3)
    assert len(dns.asked) == asked


async def test_the_details_say_who_vouches_for_the_sender(profile):
    async with at_desk(profile, dns=ScriptedDns(KEYS)) as (app, pilot):
        await until(pilot, lambda: signs(profile)["Notes"] is Evidence.VERIFIED)
        row = next(each for each in app.services.index.messages(View("work"), 10) if each.subject == "Notes")
        assert "example.org signed it" in await app.services.mail.authorship.explained(row)


async def test_without_dns_mail_is_unproven_and_nobody_is_accused(profile):
    async with at_desk(profile) as (app, pilot):
        await until(pilot, lambda: app.services.mail.scanned)
        (row, *_) = app.services.index.messages(View("work"), 10)
        assert "could be checked" in await app.services.mail.authorship.explained(row)
        await pilot.pause(0.2)
    assert set(signs(profile).values()) == {Evidence.UNPROVEN}


async def test_one_domain_that_never_answers_keeps_no_other_mail_from_being_checked(profile):
    for at in range(SILENCES + 2):  # the newest, so they are looked at first
        data = MESSAGE.replace(b"20 Nov", b"21 Nov").replace(b"<1@", b"<s%d@" % at)
        data = data.replace(b"example.org", b"silent.example").replace(b"Notes", b"Silent %d" % at)
        MailStore(profile.mail).folder("work").deliver(data.replace(b"\r\n", b"\n"))
    dns = ScriptedDns(KEYS, down=["_dmarc.silent.example"])
    async with at_desk(profile, dns=dns) as (app, pilot):
        checks = app.services.mail.authorship
        await until(pilot, lambda: checks._not_before)  # the last of them was tried too
        assert len(checks._silent) == SILENCES
        assert signs(profile)["Notes"] is Evidence.UNPROVEN  # DNS seemed to be down
        checks._not_before = 0.0  # the pause is over
        app.services.mail.rescan()
        await until(pilot, lambda: signs(profile)["Notes"] is Evidence.VERIFIED)
        await on_screen(pilot, "✓")


async def test_a_dns_that_never_answers_is_told_and_blocks_nothing(profile, monkeypatch):
    async def never(_name: str) -> list[bytes]:
        await asyncio.Event().wait()
        return []

    monkeypatch.setattr(authorship, "PATIENCE", 0.3)
    async with at_desk(profile, dns=never) as (_app, pilot):
        await on_screen(pilot, "Notes")
        await pilot.press("enter", "i")
        await on_screen(pilot, "DNS took too long")


async def test_dns_is_not_asked_where_the_settings_say_so(profile):
    profile.config.write_text(SETTINGS + "[verification]\nemail_dns = false\n" + ACCOUNT)
    dns = ScriptedDns(KEYS)
    async with at_desk(profile, dns=dns) as (app, pilot):
        await until(pilot, lambda: app.services.mail.scanned)
        for row in app.services.index.messages(View("work"), 10):
            assert "was not asked" in await app.services.mail.authorship.explained(row)
    assert dns.asked == []


async def test_the_word_of_the_accounts_own_server_counts_without_dns(profile):
    data = (
        b"Authentication-Results: mx.example.net; dkim=pass header.d=example.org\n"
        b"Received: from a.example by mx.example.net; x\n"
    ) + MESSAGE.replace(b"\r\n", b"\n").replace(b"Notes", b"Third")
    MailStore(profile.mail).folder("work").deliver(data)
    settings = "[verification]\nemail_dns = false\n" + ACCOUNT + 'authserv_id = "mx.example.net"\n'
    profile.config.write_text(SETTINGS + settings)
    async with at_desk(profile) as (app, pilot):
        await until(pilot, lambda: signs(profile).get("Third") is Evidence.VERIFIED)
        assert isinstance(app.config.accounts["work"], AccountConfig)
    assert signs(profile)["Invoice"] is Evidence.UNPROVEN


async def test_the_details_of_an_email_show_it(profile):
    async with at_desk(profile, dns=ScriptedDns(KEYS)) as (app, pilot):
        await until(pilot, lambda: signs(profile)["Invoice"] is Evidence.DIFFERS)
        await on_screen(pilot, "Notes")
        await pilot.press("enter")
        await until(pilot, lambda: len(app.screen_stack) > 1)
        await pilot.press("i")
        await on_screen(pilot, "Checked")


async def test_deleting_an_attachment_neither_loses_nor_accuses_the_sender(profile):
    message = MESSAGE.partition(b"\r\n\r\n")[0].replace(b"Notes", b"Files") + (
        b"\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
        b"--b\r\n\r\nHere.\r\n--b\r\nContent-Type: application/pdf; name=plan.pdf\r\n\r\nPDF\r\n--b--\r\n"
    )
    MailStore(profile.mail).folder("work").deliver(sign(message).replace(b"\r\n", b"\n"))
    async with at_desk(profile, dns=ScriptedDns(KEYS)) as (app, pilot):
        await until(pilot, lambda: signs(profile)["Files"] is Evidence.VERIFIED)
        row = next(each for each in app.services.index.messages(View("work"), 9) if each.subject == "Files")
        structure = await parts_of(app.services).of(row)
        await parts_of(app.services).remove(structure, structure.parts[-1])
        await until(pilot, lambda: b"\nPDF\n" not in b"".join(bodies(profile)))

        def kept() -> list[Evidence]:
            rows = app.services.index.messages(View("work", "Inbox"), 9)
            return [each.evidence for each in rows if each.subject == "Files" and each.id != row.id]

        await until(pilot, lambda: kept() == [Evidence.VERIFIED])
        index = app.services.index
        (original,) = index.messages(View("work", "Trash"), 9)
        assert index.proofs.of_mail(index.raw(original)) is original.evidence is Evidence.VERIFIED
