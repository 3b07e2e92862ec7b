"""S/MIME mail is named as what it is, and its signatures are checked by a real OpenSSL."""

import base64
import shutil
import subprocess
from pathlib import Path

import pytest

from misfin.store.message.mime import read_message
from misfin.store.message.protection import MailProtection
from misfin.store.protected import Tools, open_mail
from misfin.store.protected.smime import OpenSSL

pytestmark = pytest.mark.skipif(not shutil.which("openssl"), reason="OpenSSL is not installed")

HEAD = b"From: Ada <ada@home.example>\nTo: bea@other.example\nSubject: s\nMIME-Version: 1.0\n"
ENTITY = b"Content-Type: text/plain; charset=utf-8\r\n\r\nThe boat leaves at six.\r\n"


def openssl(*arguments: str, data: bytes = b"") -> bytes:
    command = ["openssl", *arguments]
    return subprocess.run(command, input=data, capture_output=True, check=True, timeout=120).stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An authority, ``ca.pem``, and a certificate of Ada's, ``ada.pem`` with ``ada.key``."""
    made = tmp_path_factory.mktemp("smime")
    new = ("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30")
    openssl(*new, "-keyout", f"{made}/ca.key", "-out", f"{made}/ca.pem", "-subj", "/CN=Test authority")
    use = ("-addext", "subjectAltName=email:ada@home.example", "-addext", "extendedKeyUsage=emailProtection")
    by = (
        "-CA",
        f"{made}/ca.pem",
        "-CAkey",
        f"{made}/ca.key",
        "-addext",
        "basicConstraints=critical,CA:false",
    )
    openssl(*new, "-keyout", f"{made}/ada.key", "-out", f"{made}/ada.pem", "-subj", "/CN=Ada", *use, *by)
    return made


def signature(folder: Path, *options: str) -> bytes:
    keys = ("-signer", f"{folder}/ada.pem", "-inkey", f"{folder}/ada.key")
    return openssl("cms", "-sign", "-binary", "-outform", "DER", *keys, *options, data=ENTITY)


def detached(folder: Path, head: bytes = HEAD) -> bytes:
    kind = b'multipart/signed; protocol="application/pkcs7-signature"; micalg=sha-256; boundary=b\n\n'
    sign = b"Content-Type: application/pkcs7-signature; name=smime.p7s\nContent-Transfer-Encoding: base64\n\n"
    body = b"--b\n" + ENTITY.replace(b"\r\n", b"\n") + b"\n--b\n" + sign
    return head + b"Content-Type: " + kind + body + base64.encodebytes(signature(folder)) + b"\n--b--\n"


def opaque(content: bytes, parameter: bytes) -> bytes:
    kind = b"Content-Type: application/pkcs7-mime; name=smime.p7m; smime-type=" + parameter
    return HEAD + kind + b"\nContent-Transfer-Encoding: base64\n\n" + base64.encodebytes(content)


def said(mail: bytes, ca_file: str = "") -> str:
    found = open_mail(mail, Tools(None, OpenSSL("openssl", ca_file)))
    return "\n".join(("! " if each.warns else "") + each.text for each in found.statements)


def test_a_signature_with_a_trusted_certificate_of_the_sender(folder: Path) -> None:
    mail = detached(folder)
    assert read_message(mail).text == "The boat leaves at six.\n"
    assert read_message(mail).protections == (MailProtection.SMIME_SIGNED,)
    assert said(mail, f"{folder}/ca.pem").startswith("Signed with S/MIME by Ada: valid, and an authority")


def test_a_certificate_of_an_unknown_authority_is_not_trusted(folder: Path) -> None:
    assert said(detached(folder)).startswith(
        "Signed with S/MIME by Ada: intact, but no authority of this system"
    )


def test_a_changed_text_is_a_broken_signature(folder: Path) -> None:
    mail = detached(folder).replace(b"at six", b"at ten")
    assert said(mail, f"{folder}/ca.pem").startswith("! The S/MIME signature is broken")


def test_a_certificate_for_another_address_is_a_warning(folder: Path) -> None:
    mail = detached(folder, HEAD.replace(b"ada@home", b"eve@home"))
    assert said(mail, f"{folder}/ca.pem").startswith(
        "! Signed with S/MIME by Ada: intact, but its certificate is not"
    )


def test_the_text_inside_of_a_signature_is_read(folder: Path) -> None:
    mail = opaque(signature(folder, "-nodetach"), b"signed-data")
    assert read_message(mail).text == "This part is signed with S/MIME.\n"
    found = open_mail(mail, Tools(None, OpenSSL("openssl", f"{folder}/ca.pem")))
    assert found.message is not None
    assert found.message.text == "The boat leaves at six.\n"
    assert "valid" in found.statements[0].text


def test_an_encrypted_mail_says_that_it_is(folder: Path) -> None:
    content = openssl("cms", "-encrypt", "-binary", "-outform", "DER", f"{folder}/ada.pem", data=ENTITY)
    mail = opaque(content, b"signed-data")  # what a parameter claims does not matter
    assert read_message(mail).text == "This part is encrypted with S/MIME.\n"
    assert said(mail) == "Encrypted with S/MIME; you have no certificate here to decrypt it with."


def test_rubbish_is_a_warning_and_nothing_worse() -> None:
    assert "!" in said(opaque(b"\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02rubbish", b"signed-data"))
