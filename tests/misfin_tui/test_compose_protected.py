"""Signing and encrypting from the composer, with a real GnuPG: what is queued, refused, kept as a draft."""

from __future__ import annotations

import keyrings
import pytest
import smime
from desk import SETTINGS, at_desk, make_profile, notices, shown, type_text, until
from keyrings import gpg

from misfin.store.mail.maildir import MailStore
from misfin.store.outgoing.attachments import AttachmentFiles
from misfin.store.outgoing.drafts import Draft, DraftBox, SendProtection
from misfin.store.outgoing.finished import read_finished
from misfin.store.outgoing.outbox import Outbox
from misfin.store.protected import Tools, open_mail
from misfin.store.protected.smime import OpenSSL
from misfin.store.protected.smime_keys import SmimeKeys
from misfin_tui.screens.compose import ComposeScreen

pytestmark = pytest.mark.skipif(bool(keyrings.MISSING), reason=keyrings.MISSING)

ADA, BEA, CY = "Ada <ada@example.org>", "Bea <bea@other.example>", "Cy <cy@third.example>"
WORK = '[accounts.work]\nkind = "email"\naddress = "ada@example.org"\nsmtp = "smtps://smtp.example.org"\n'


@pytest.fixture(scope="module")
def keys():
    with keyrings.keyring() as made:
        for user in (ADA, BEA, CY):  # made here, so GnuPG trusts them
            keyrings.make_key(made, user)
        yield made


@pytest.fixture
def profile(profile_root, monkeypatch, tmp_path, keys):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GNUPGHOME", keys.home)
    return make_profile(profile_root, settings=SETTINGS + WORK)


def draft(**more) -> Draft:
    given = {"account": "work", "to": ("bea@other.example",), "subject": "The harbour", "body": "At six.\n"}
    return Draft(**{**given, **more})


async def compose(app, pilot, made: Draft) -> ComposeScreen:
    app.open_composer(made)
    await until(pilot, lambda: isinstance(app.screen, ComposeScreen) and app.screen._opened is not None)
    return app.screen


def queued(profile) -> tuple[bytes, list[str]]:
    """The bytes of the message that waits in the outbox, and who it is for."""
    outbox = Outbox(profile.outbox_db)
    try:
        rows = outbox.rows()
        message = outbox.outgoing(rows[0].group)
    finally:
        outbox.close()
    assert message is not None
    finished = read_finished(message.message)
    assert finished is not None
    files = AttachmentFiles(profile.mail.parent / "attachments")
    return files.path(finished.key).read_bytes(), sorted(row.to for row in rows)


async def test_an_account_that_cannot_sign_says_which_one_can(profile):
    async with at_desk(profile) as (app, pilot):
        await compose(app, pilot, draft(account="alice@example.com"))
        await pilot.press("f6")
        said = "This account can neither sign nor encrypt. Choose an e-mail account in From."
        await until(pilot, lambda: said in notices(app))
        assert "OpenPGP  " not in shown(app)


async def test_a_click_on_the_line_about_protection_changes_it(profile):
    async with at_desk(profile) as (app, pilot):
        await compose(app, pilot, draft())
        await pilot.press("f6")
        await until(pilot, lambda: "OpenPGP  signed" in shown(app))
        await pilot.click("#protection")
        await until(pilot, lambda: "OpenPGP  signed and encrypted" in shown(app))
        assert isinstance(app.screen, ComposeScreen)


async def test_a_signed_message_is_valid_where_it_arrives(profile, keys):
    async with at_desk(profile) as (app, pilot):
        await compose(app, pilot, draft(body="At six \u2013 the old way.\n"))
        await pilot.press("f6")
        await until(pilot, lambda: "OpenPGP  signed" in shown(app))
        await pilot.press("ctrl+s")
        await until(pilot, lambda: not isinstance(app.screen, ComposeScreen))
    data, to = queued(profile)
    assert to == ["bea@other.example"]
    assert b"Subject: The harbour\r\n" in data
    assert all(len(line) <= 998 and line.isascii() for line in data.split(b"\r\n"))
    found = open_mail(data.replace(b"\r\n", b"\n"), Tools(keys))
    assert [each.text for each in found.statements] == [
        f"Signed with OpenPGP by {ADA}: valid, and you trust the key."
    ]


@pytest.mark.skipif(bool(smime.MISSING), reason=smime.MISSING)
async def test_a_message_is_signed_with_the_smime_certificate_of_the_account(profile, tmp_path):
    smime.make_authority(tmp_path)
    certificate = smime.make_certificate(tmp_path, "ada", "ada@example.org")
    SmimeKeys(profile.smime).keep(smime.pkcs12(certificate, "x"), b"x")
    async with at_desk(profile) as (app, pilot):
        await compose(app, pilot, draft(body="At six \u2013 the old way.\n"))
        for seen in ("OpenPGP  signed", "OpenPGP  signed and encrypted", "S/MIME   signed"):
            await pilot.press("f6")
            await until(pilot, lambda seen=seen: seen in shown(app))
        await pilot.press("ctrl+s")
        await until(pilot, lambda: not isinstance(app.screen, ComposeScreen))
    data, _ = queued(profile)
    verify = ("cms", "-verify", "-in", "/dev/stdin", "-CAfile", tmp_path / "ca.pem")
    assert b"Subject: The harbour" in smime.openssl(*verify, data=data)
    found = open_mail(data.replace(b"\r\n", b"\n"), Tools(None, OpenSSL("openssl", f"{tmp_path}/ca.pem")))
    assert [each.text for each in found.statements] == [
        "Signed with S/MIME by ada: valid, and an authority of this system vouches for the address."
    ]


async def test_a_certificate_that_is_gone_meanwhile_stops_the_message(profile):
    async with at_desk(profile) as (app, pilot):
        await compose(app, pilot, draft(protection=SendProtection.SMIME))
        await until(pilot, lambda: "S/MIME   signed" in shown(app))
        await pilot.press("ctrl+s")
        await until(pilot, lambda: any("no valid S/MIME certificate" in notice for notice in notices(app)))
        assert isinstance(app.screen, ComposeScreen)


async def test_an_encrypted_message_hides_subject_text_and_blind_copies(profile, keys):
    async with at_desk(profile) as (app, pilot):
        await compose(app, pilot, draft(bcc=("cy@third.example",), protection=SendProtection.ENCRYPT))
        await until(pilot, lambda: "signed and encrypted, subject too" in shown(app))
        await pilot.press("ctrl+s")
        await until(pilot, lambda: not isinstance(app.screen, ComposeScreen))
    data, to = queued(profile)
    assert to == ["bea@other.example", "cy@third.example"]
    assert b"harbour" not in data
    assert b"cy@" not in data
    assert b"At six" not in data
    packets = gpg(keys, "--list-packets", data=data[data.index(b"-----BEGIN") :]).decode()
    assert packets.count(":pubkey enc packet:") == 3
    assert packets.count("keyid 0000000000000000") == 1
    found = open_mail(data, Tools(keys))
    assert found.message is not None
    assert (found.message.subject, found.message.text) == ("The harbour", "At six.\n")
    assert "valid, and you trust the key" in " ".join(each.text for each in found.statements)


async def test_recipients_without_a_key_are_named_and_nothing_is_sent(profile, keys):
    async with at_desk(profile) as (app, pilot):
        to = ("bea@other.example", "dan@x.example", "eve@y.example")
        await compose(app, pilot, draft(to=to, protection=SendProtection.ENCRYPT))
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "for dan@x.example, eve@y.example" in " ".join(map(str, notices(app))))
        assert isinstance(app.screen, ComposeScreen)
        outbox = Outbox(profile.outbox_db)
        assert outbox.rows() == []
        outbox.close()


async def test_a_draft_to_be_encrypted_is_kept_from_the_server(profile):
    box = DraftBox(MailStore(profile.mail))
    async with at_desk(profile) as (app, pilot):
        await compose(app, pilot, draft())
        await type_text(pilot, "x")
        await pilot.press("f6", "f6", "escape")
        await until(pilot, lambda: not isinstance(app.screen, ComposeScreen))
    (kept,) = box.all()
    assert kept.protection is SendProtection.ENCRYPT
    (entry,) = MailStore(profile.mail).folder("work", "Drafts").list()
    assert entry.key.endswith(".L")
    assert box.load(kept.id).id == kept.id


async def test_sending_is_undone_to_a_draft_that_can_be_changed(profile):
    async with at_desk(profile) as (app, pilot):
        await compose(app, pilot, draft(protection=SendProtection.SIGN))
        await pilot.press("ctrl+s")
        await until(pilot, lambda: not isinstance(app.screen, ComposeScreen))
        await pilot.press("z")
        await until(pilot, lambda: isinstance(app.screen, ComposeScreen) and app.screen._opened is not None)
        assert app.screen.draft.protection is SendProtection.SIGN
        assert app.screen.body.text == "At six.\n"


async def test_an_account_can_sign_by_itself(profile):
    profile.config.write_text(SETTINGS + WORK + "sign = true\n")
    async with at_desk(profile) as (app, pilot):
        screen = await compose(app, pilot, draft())
        await until(pilot, lambda: "OpenPGP  signed" in shown(app))
        await pilot.press("f6", "f6")
        await until(pilot, lambda: screen.protection.level is SendProtection.NONE)
