"""The user's own S/MIME certificates: imported, and used to decrypt and to sign, beside a real OpenSSL."""

from __future__ import annotations

import base64
import stat
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import smime
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import NoEncryption, pkcs12
from cryptography.x509.oid import ExtensionOID, NameOID

from misfin.errors import LocalError
from misfin.store.protected import Tools, open_mail
from misfin.store.protected.smime import OpenSSL
from misfin.store.protected.smime_keys import SmimeKey, SmimeKeys, sign

pytestmark = pytest.mark.skipif(bool(smime.MISSING), reason=smime.MISSING)

HEAD = b"From: Bea <bea@other.example>\nTo: ada@home.example\nSubject: s\nMIME-Version: 1.0\n"
ENTITY = b"Content-Type: text/plain; charset=utf-8\r\n\r\nThe boat leaves at six.\r\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ada has an elliptic and an RSA key, Bea one."""
    made = tmp_path_factory.mktemp("smime")
    smime.make_authority(made)
    smime.make_certificate(made, "ada", "Ada@home.example")
    smime.make_certificate(made, "old", "ada@home.example", rsa=True)
    smime.make_certificate(made, "bea", "bea@other.example")
    return made


@pytest.fixture
def keys(tmp_path: Path) -> SmimeKeys:
    return SmimeKeys(tmp_path / "smime")


def kept(keys: SmimeKeys, folder: Path, name: str) -> SmimeKey:
    return keys.keep(smime.pkcs12(folder / f"{name}.pem", "pass word"), b"pass word")


def opened(mail: bytes, *keys: SmimeKey, ca_file: str = "") -> tuple[str, str]:
    found = open_mail(mail, Tools(None, OpenSSL("openssl", ca_file), keys))
    said = "\n".join(("! " if each.warns else "") + each.text for each in found.statements)
    return said, found.message.text if found.message else ""


def enveloped(content: bytes) -> bytes:
    kind = b"Content-Type: application/pkcs7-mime; name=smime.p7m; smime-type=enveloped-data"
    return HEAD + kind + b"\nContent-Transfer-Encoding: base64\n\n" + base64.encodebytes(content)


def test_what_is_imported_is_private_and_named(keys, folder):
    assert keys.all() == []
    assert keys.for_address("ada@home.example", time.time()) is None
    key = kept(keys, folder, "ada")
    assert (key.addresses, key.subject) == (("ada@home.example",), "ada")
    assert stat.S_IMODE(key.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(key.path.parent.stat().st_mode) == 0o700
    assert keys.all() == [key]
    assert keys.for_address("ADA@home.example", time.time()) == key
    assert keys.for_address("ada@home.example", time.time() + 40 * 86400) is None
    assert keys.for_address("eve@home.example", time.time()) is None
    (key.path.parent / "other.pem").write_text("nothing")
    assert keys.all() == [key]
    keys.remove(key)
    assert keys.all() == []


def test_a_file_that_cannot_be_used_says_why(keys, folder):
    data = smime.pkcs12(folder / "ada.pem", "right")
    with pytest.raises(LocalError, match="password is wrong"):
        keys.keep(data, b"wrong")
    with pytest.raises(LocalError, match="password is wrong"):
        keys.keep(b"nonsense", b"")
    bare = smime.openssl("pkcs12", "-export", "-nokeys", "-in", folder / "ada.pem", "-passout", "pass:x")
    with pytest.raises(LocalError, match="no certificate with its private key"):
        keys.keep(bare, b"x")
    for name in ("none", "../../up"):
        smime.make_certificate(folder, "odd", f"{name}@home.example")
        assert kept(keys, folder, "odd").path.parent == keys._folder


@pytest.mark.parametrize("name", ["ada", "old"])
@pytest.mark.parametrize(
    "cipher", [("-aes-256-cbc",), ("-aes-128-gcm",), ("-des3",)], ids=["cbc", "gcm", "des3"]
)
def test_a_message_is_decrypted_with_the_key_it_is_for(keys, folder, name, cipher):
    both = kept(keys, folder, "ada"), kept(keys, folder, "old")
    mail = enveloped(smime.encrypt(ENTITY, folder / "bea.pem", folder / f"{name}.pem", options=cipher))
    said, text = opened(mail, *both)
    assert text == "The boat leaves at six.\n"
    assert said == (
        "Encrypted with S/MIME, and decrypted.\nIt is not signed, so it does not prove who wrote it."
    )


def test_a_message_for_somebody_else_stays_closed(keys, folder):
    mail = enveloped(smime.encrypt(ENTITY, folder / "bea.pem"))
    assert opened(mail)[0].startswith("Encrypted with S/MIME; you have no certificate here")
    said, text = opened(mail, kept(keys, folder, "ada"), kept(keys, folder, "old"))
    assert said.startswith("! Encrypted with S/MIME; it cannot be decrypted with the certificates")
    assert text == ""


def test_a_damaged_message_is_not_shown(keys, folder):
    data = bytearray(smime.encrypt(ENTITY * 20, folder / "ada.pem", options=("-aes-128-gcm",)))
    data[-60] ^= 1
    said, text = opened(enveloped(bytes(data)), kept(keys, folder, "ada"))
    assert said.startswith("! Encrypted with S/MIME; it cannot be decrypted")
    assert text == ""


def test_a_signature_inside_is_checked(keys, folder):
    signed = smime.openssl(
        *("cms", "-sign", "-signer", folder / "bea.pem", "-inkey", folder / "bea.key", "-outform", "SMIME"),
        data=b"Content-Type: text/plain\n\nThe boat leaves at six.\n",
    )
    mail = enveloped(smime.encrypt(signed, folder / "ada.pem"))
    said, text = opened(mail, kept(keys, folder, "ada"), ca_file=f"{folder}/ca.pem")
    assert "Signed with S/MIME by bea: valid, and an authority" in said
    assert text == "The boat leaves at six.\n"


@pytest.mark.parametrize("name", ["ada", "old"])
def test_openssl_accepts_what_is_signed_here_and_nothing_else(keys, folder, name, tmp_path):
    made = tmp_path / "made.p7s"
    made.write_bytes(sign(ENTITY, kept(keys, folder, name)))
    verify = ("cms", "-verify", "-binary", "-inform", "DER", "-in", made, "-CAfile", folder / "ca.pem")
    given = ("-purpose", "smimesign", "-content", "/dev/stdin")
    assert smime.openssl(*verify, *given, data=ENTITY) == ENTITY
    with pytest.raises(Exception, match="non-zero exit status"):
        smime.openssl(*verify, *given, data=ENTITY.replace(b"six", b"ten"))


def test_a_certificate_whose_addresses_cannot_be_read_is_refused_in_words(keys):
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Ada")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + timedelta(days=9))
    damaged = x509.UnrecognizedExtension(ExtensionOID.SUBJECT_ALTERNATIVE_NAME, b"\x30\x05\x81\x09ada")
    certificate = builder.add_extension(damaged, critical=False).sign(key, hashes.SHA256())
    data = pkcs12.serialize_key_and_certificates(b"ada", key, certificate, None, NoEncryption())
    with pytest.raises(LocalError, match="cannot be read"):
        keys.keep(data, None)
    assert keys.all() == []
