"""A signed or encrypted message on the screen: what is said of it, its text and its files, and asking."""

from __future__ import annotations

import keyrings
import pytest
from desk import SETTINGS, at_desk, make_profile, shown, until
from keyrings import gpg
from mailboxes import Mailbox

from misfin.store.protected import Tools
from misfin_tui.services.protected import protected_of

pytestmark = pytest.mark.skipif(bool(keyrings.MISSING), reason=keyrings.MISSING)

WORK = '[accounts.work]\nkind = "email"\naddress = "ada@example.org"\nsmtp = "smtps://smtp.example.org"\n'
ADA = "Ada <ada@example.org>"
HEAD = (
    b"From: Ada <ada@example.org>\nTo: ada@example.org\nSubject: Plans\nMessage-ID: <1@hive.test>\n"
    b"MIME-Version: 1.0\nContent-Type: "
)
ENTITY = (
    b'Subject: The harbour\nContent-Type: multipart/mixed; protected-headers="v1"; boundary=i\n\n'
    b"--i\nContent-Type: text/plain\n\nThe boat leaves at six.\n"
    b"--i\nContent-Type: text/csv; name=votes.csv\nContent-Disposition: attachment\n\nyes,no\n--i--\n"
)


@pytest.fixture(scope="module")
def keys():
    with keyrings.keyring() as made:
        keyrings.make_key(made, ADA)
        keyrings.make_key(made, "Lo <lo@example.org>", "secret")
        keyrings.forget_passphrases(made)
        yield made


@pytest.fixture
def profile(profile_root, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    return make_profile(profile_root, settings=SETTINGS + WORK)


def encrypted(keys, to: str) -> bytes:
    block = gpg(keys, "--armor", "--trust-model", "always", "-r", to, "--encrypt", data=ENTITY)
    kind = b'multipart/encrypted; protocol="application/pgp-encrypted"; boundary=b\n\n'
    first = b"--b\nContent-Type: application/pgp-encrypted\n\nVersion: 1\n\n--b\n"
    return HEAD + kind + first + b"Content-Type: application/octet-stream\n\n" + block + b"\n--b--\n"


def signed(keys) -> bytes:
    entity = b"Content-Type: text/plain\n\nThe boat leaves at six.\n"
    signature = gpg(keys, "-u", ADA, "--armor", "--detach-sign", data=entity.replace(b"\n", b"\r\n"))
    kind = b'multipart/signed; protocol="application/pgp-signature"; boundary=b\n\n--b\n'
    part = b"\n--b\nContent-Type: application/pgp-signature\n\n"
    return HEAD + kind + entity + part + signature + b"\n--b--\n"


def put(profile, data: bytes) -> None:
    Mailbox(profile.mail, "work").put(data, flags="S")


async def opened(app, pilot, keys) -> None:
    protected_of(app.services).tools = Tools(keys)
    await until(pilot, lambda: "Plans" in shown(app))
    await pilot.press("enter")
    await until(pilot, lambda: type(app.screen).__name__ == "ThreadScreen")


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_a_good_signature_is_said_in_the_head(profile, keys, size):
    put(profile, signed(keys))
    async with at_desk(profile, size) as (app, pilot):
        await opened(app, pilot, keys)
        await until(pilot, lambda: "valid, and you trust" in shown(app))
        assert "The boat leaves at six." in shown(app)
        assert "? Ada" in shown(app)  # who wrote it is shown by its own table


async def test_a_broken_signature_is_a_warning(profile, keys):
    put(profile, signed(keys).replace(b"at six", b"at ten"))
    async with at_desk(profile) as (app, pilot):
        await opened(app, pilot, keys)
        await until(pilot, lambda: "⚠ The OpenPGP signature is broken" in shown(app))


async def test_a_decrypted_message_is_read_and_its_file_saved(profile, keys, tmp_path):
    put(profile, encrypted(keys, ADA))
    async with at_desk(profile) as (app, pilot):
        await opened(app, pilot, keys)
        await until(pilot, lambda: "The boat leaves at six." in shown(app))
        assert "Encrypted with OpenPGP, and decrypted." in shown(app)
        assert "Its protected subject is “The harbour”." in shown(app)
        part = app.screen.thread.document.current
        await app.services.attached.save(part.row, 0, tmp_path / "out.csv")
        assert (tmp_path / "out.csv").read_bytes() == b"yes,no"
        await pilot.press("q")
        await until(pilot, lambda: type(app.screen).__name__ == "InboxScreen")
        assert protected_of(app.services).data(part.row.id) is None
    places = [path for path in profile.root.rglob("*") if path.is_file()]
    assert places
    assert not [path for path in places if b"boat leaves" in path.read_bytes()]


async def test_a_locked_message_names_the_key_to_press(profile, keys):
    put(profile, encrypted(keys, "lo@example.org"))
    async with at_desk(profile) as (app, pilot):
        await opened(app, pilot, keys)
        await until(pilot, lambda: "Press ^k to enter your passphrase." in shown(app))
        assert "This part is encrypted with OpenPGP." in shown(app)


async def test_without_gnupg_it_is_named_as_what_it_is(profile):
    put(profile, HEAD + b"application/pkcs7-mime; smime-type=enveloped-data\n\nMIIB\n")
    async with at_desk(profile) as (app, pilot):
        await opened(app, pilot, None)
        await until(pilot, lambda: "you have no certificate here to decrypt it with." in shown(app))
        assert "(no text)" not in shown(app)
