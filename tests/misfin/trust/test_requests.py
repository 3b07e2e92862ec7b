"""Certificate requests: only the key counts, and what asks for anything else than this mailbox is refused."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from shutil import which

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.x509.oid import NameOID

from misfin.errors import IdentityError
from misfin.model.address import MisfinAddress
from misfin.trust.certificate import signed_by
from misfin.trust.identity import generate
from misfin.trust.requests import MAX_REQUEST, certify

NOW = datetime(2026, 3, 2, tzinfo=UTC)
HOST = generate(MisfinAddress("postmaster", "mail.test"), now=NOW, ca=True)
ADA = MisfinAddress("ada", "mail.test")
HERE = (x509.DNSName("mail.test"),)
KEY = ec.generate_private_key(ec.SECP256R1())


def request(key=KEY, *, users=("ada",), names=("Ada Example",), places=HERE, also=()) -> bytes:
    attributes = [x509.NameAttribute(NameOID.USER_ID, each, _validate=False) for each in users]
    attributes += [x509.NameAttribute(NameOID.COMMON_NAME, each, _validate=False) for each in names]
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(attributes))
    if places:
        builder = builder.add_extension(x509.SubjectAlternativeName(list(places)), critical=False)
    for each in also:
        builder = builder.add_extension(each, critical=True)
    edwards = isinstance(key, ed25519.Ed25519PrivateKey)
    return builder.sign(key, None if edwards else hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def signed(data: bytes, address=ADA, *, signer=HOST, now=NOW, **options):
    return certify(data, address, signed_by=signer, now=now, **options)


@pytest.mark.parametrize(
    "key",
    [KEY, ec.generate_private_key(ec.SECP384R1()), ed25519.Ed25519PrivateKey.generate(),
     rsa.generate_private_key(65537, 2048)],
)  # fmt: skip
def test_a_request_becomes_a_certificate_of_the_host_for_that_key_alone(key):
    made = signed(request(key), days=30)
    assert made.address == MisfinAddress("ada", "mail.test", "Ada Example")
    assert made.key_pem == b""
    assert signed_by(made.info, HOST.info)
    assert not made.info.is_ca
    assert made.info.problems == ()
    assert made.info.not_after == NOW + timedelta(days=30)
    found = x509.load_pem_x509_certificate(made.cert_pem)
    assert found.public_key() == key.public_key()


def test_only_the_key_and_the_name_are_taken_over():
    asked = request(also=[x509.ExtendedKeyUsage([x509.ExtendedKeyUsageOID.CODE_SIGNING])])
    found = x509.load_pem_x509_certificate(signed(asked).cert_pem)
    assert {type(each.value).__name__ for each in found.extensions} == {
        "SubjectAlternativeName",
        "BasicConstraints",
    }
    assert signed(request(), MisfinAddress("ada", "mail.test", "Ada")).address.blurb == "Ada"
    assert signed(request(names=())).address.blurb == "", "the mailbox stands in for it"


def test_a_certificate_is_not_valid_for_longer_than_its_signer():
    short = generate(MisfinAddress("postmaster", "mail.test"), now=NOW, ca=True, days=10)
    assert signed(request(), signer=short).info.not_after == short.info.not_after


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"users": ("eve",)}, "is for eve, not for ada"),
        ({"users": ("Ada",)}, "is for Ada, not for ada"),
        ({"users": ("ada", "eve")}, "is for ada, eve, not for ada"),
        ({"users": ()}, "no mailbox"),
        ({"users": ("\x1b[2Jeve",)}, "not for ada"),
        ({"places": (x509.DNSName("evil.test"),)}, "is for evil.test, not for mail.test alone"),
        ({"places": (x509.DNSName("mail.test"), x509.DNSName("evil.test"))}, "mail.test, evil.test"),
        ({"places": (x509.DNSName("*.test"),)}, r"is for \*.test"),
        ({"places": (x509.DNSName("mail.test"), x509.IPAddress(ip_address("192.0.2.1")))}, "IPAddress"),
        ({"places": (x509.RFC822Name("ada@mail.test"),)}, "RFC822Name"),
        ({"places": ()}, "no host"),
        ({"names": ("Ada, Bea",)}, "must not contain commas"),
        ({"names": ("Ada\x1b[2J",)}, "control characters"),
        ({"also": (x509.BasicConstraints(ca=True, path_length=None),)}, "may sign others"),
        ({"key": rsa.generate_private_key(65537, 1024)}, "1024 bits"),
        ({"key": rsa.generate_private_key(3, 2048)}, "exponent 3"),
        ({"key": ec.generate_private_key(ec.SECP192R1())}, "curve secp192r1"),
        ({"key": HOST.private_key()}, "the host's own"),
    ],
)  # fmt: skip
def test_what_is_not_for_this_mailbox_or_weak_is_refused_in_a_sentence(asked, words):
    with pytest.raises(IdentityError, match=words) as refused:
        signed(request(**asked))
    assert "\x1b" not in str(refused.value)


def test_a_signer_of_another_host_or_day_or_none_at_all_does_not_sign():
    with pytest.raises(IdentityError, match="for mail.test, not for other.test"):
        signed(request(places=(x509.DNSName("other.test"),)), MisfinAddress("ada", "other.test"))
    with pytest.raises(IdentityError, match="created with --ca"):
        signed(request(), signer=generate(ADA, now=NOW))
    old = generate(MisfinAddress("postmaster", "mail.test"), now=NOW, ca=True, days=1)
    with pytest.raises(IdentityError, match="is not valid today"):
        signed(request(), signer=old, now=NOW + timedelta(days=2))
    with pytest.raises(IdentityError, match="does not fit"):
        signed(request(), MisfinAddress("ada", "mail.test", "x" * 80))
    with pytest.raises(IdentityError, match="at least one day"):
        signed(request(), days=-1)


def test_what_is_damaged_forged_or_no_request_is_refused():
    good = request()
    der = bytearray(x509.load_pem_x509_csr(good).public_bytes(serialization.Encoding.DER))
    der[-1] ^= 1
    forged = x509.load_der_x509_csr(bytes(der)).public_bytes(serialization.Encoding.PEM)
    secret = KEY.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    for data, words in (
        (forged, "not signed with its own key|damaged"),
        (b"", "no certificate request"),
        (good + request(ed25519.Ed25519PrivateKey.generate()), "more than one"),
        (HOST.cert_pem, "no certificate request"),
        (good.replace(b"MI", b"MM", 1), "damaged"),
        (b"x" * (MAX_REQUEST + 1) + good, "no certificate request"),
        (good + secret, "contains a private key"),
    ):
        with pytest.raises(IdentityError, match=words):
            signed(data)


def test_a_key_that_cannot_be_used_for_tls_is_refused():
    with pytest.raises(IdentityError, match="type TLS cannot use|unknown type"):
        signed(request(dsa.generate_private_key(2048)))


@pytest.mark.skipif(which("openssl") is None, reason="openssl is not installed")
def test_the_request_of_the_openssl_command_in_the_documents_is_signed(tmp_path):
    subprocess.run(
        ["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
         "-keyout", "ada.key", "-subj", "/UID=ada/CN=Ada Example", "-addext",
         "subjectAltName=DNS:mail.test", "-out", "ada.csr"],
        cwd=tmp_path, check=True, capture_output=True,
    )  # fmt: skip
    made = signed((tmp_path / "ada.csr").read_bytes())
    assert made.address.long_form == "Ada Example (ada@mail.test)"
