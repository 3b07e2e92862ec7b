"""Identities: what is generated is what every server accepts; what is imported is checked."""

import subprocess
from datetime import UTC, datetime, timedelta

import pytest
from certificates import K_PEM, build, certificate_k
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa, x25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from hypothesis import given
from hypothesis import strategies as st

from misfin.errors import IdentityEncryptedError, IdentityError
from misfin.model.address import MisfinAddress
from misfin.trust.identity import (
    KeyKind,
    MisfinIdentity,
    check,
    expires_soon,
    extract_identity,
    generate,
    generate_identity_cert,
    identity_from_pem,
    renew,
    signed_by,
)

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
ADA = MisfinAddress.parse("ada@mail.example Ada Example")


def make(address="ada@mail.example Ada Example", **options):
    return generate(MisfinAddress.parse(address), now=NOW, **options)


def encoded(private, form=PrivateFormat.PKCS8, password=None):
    encryption = NoEncryption() if password is None else BestAvailableEncryption(password)
    return private.private_bytes(Encoding.PEM, form, encryption)


# ---- making ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "name"), [(KeyKind.EC, "P-256"), (KeyKind.RSA, "RSA-2048"), (KeyKind.ED25519, "Ed25519")]
)
def test_a_new_identity_has_every_field_a_server_asks_for(kind, name):
    identity = make(key=kind)
    certificate = x509.load_pem_x509_certificate(identity.cert_pem)
    assert [a.rfc4514_attribute_name for a in certificate.subject] == ["UID", "CN"]
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert list(names) == [x509.DNSName("mail.example")]
    constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    assert constraints.critical
    assert constraints.value.ca is False
    assert identity.address == ADA
    assert identity.info.key == name
    assert check(identity, NOW) == []


def test_the_default_is_p256_for_a_hundred_years_from_a_little_earlier():
    info = make().info
    assert info.key == "P-256"
    assert info.not_before == NOW - timedelta(hours=1)
    assert info.not_after == NOW + timedelta(days=36500)


def test_without_a_blurb_the_common_name_is_the_mailbox():
    identity = make("ada@mail.example")
    assert identity.info.subject == "CN=ada,UID=ada"
    assert identity.address.blurb == ""


def test_an_international_host_is_written_as_a_label():
    assert make("ada@žluť.example").info.hosts == ("xn--lu-yta1h.example",)


def test_a_ca_signs_mailboxes_of_its_host():
    ca = make("host@mail.example", ca=True)
    ada = make(signed_by=ca)
    assert ca.info.is_ca
    assert signed_by(ada.info, ca.info)
    assert ada.info.issuer == ca.info.subject
    assert ada.info.not_after <= ca.info.not_after


def test_who_is_no_ca_or_of_another_host_may_not_sign():
    with pytest.raises(IdentityError, match="Only the identity of a host"):
        make(signed_by=make("host@mail.example"))
    with pytest.raises(IdentityError, match=r"not for mail\.example"):
        make(signed_by=make("host@else.example", ca=True))


@pytest.mark.parametrize("blurb", ["a,b", "a\nb", "a\0b", "x" * 65])
def test_a_name_no_certificate_should_carry_is_refused(blurb):
    with pytest.raises(IdentityError):
        generate(MisfinAddress("ada", "mail.example", blurb), now=NOW)


@pytest.mark.parametrize("options", [{"days": 0}, {"days": -1}, {"key": KeyKind.RSA, "rsa_bits": 1024}])
def test_an_identity_nobody_would_take_is_not_made(options):
    with pytest.raises(IdentityError):
        make(**options)


def test_a_validity_beyond_the_calendar_ends_with_it():
    assert make(days=3_000_000).info.not_after.year == 9999


def test_openssl_reads_what_we_made(tmp_path):
    (tmp_path / "ada.pem").write_bytes(make().pem)
    command = [
        "openssl",
        "x509",
        "-in",
        str(tmp_path / "ada.pem"),
        "-noout",
        "-subject",
        "-ext",
        "subjectAltName",
    ]
    try:
        shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    except FileNotFoundError:
        pytest.skip("no openssl command here")
    assert "DNS:mail.example" in shown
    assert "Ada Example" in shown


def test_secrets_stay_out_of_representations():
    identity = make()
    secret = identity.key_pem.splitlines()[1].decode()
    assert secret not in repr(identity)
    assert "PRIVATE KEY" not in repr(identity)


# ---- importing ------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ["one file", "key first", "two files", "swapped files", "both in both"])
def test_certificate_and_key_are_found_wherever_they_stand(order):
    made = make()
    cert, key = made.cert_pem, made.key_pem
    arguments = {
        "one file": (made.pem, None),
        "key first": (b"# notes\r\n" + key + b"\n" + cert, None),
        "two files": (cert, key),
        "swapped files": (key, cert),
        "both in both": (made.pem, made.pem),
    }[order]
    assert identity_from_pem(*arguments) == made


def test_windows_line_ends_are_fine():
    made = make()
    assert identity_from_pem(made.pem.replace(b"\n", b"\r\n")).info == made.info


def test_of_a_chain_the_certificate_of_the_key_is_taken():
    ca = make("host@mail.example", ca=True)
    ada = make(signed_by=ca)
    assert identity_from_pem(ca.cert_pem + ada.cert_pem, ada.key_pem) == ada


@pytest.mark.parametrize("form", [PrivateFormat.TraditionalOpenSSL, PrivateFormat.PKCS8])
@pytest.mark.parametrize("kind", [KeyKind.EC, KeyKind.RSA])
def test_an_encrypted_key_asks_for_its_password(kind, form):
    made = make(key=kind)
    locked = encoded(made.private_key(), form, b"open sesame")
    with pytest.raises(IdentityEncryptedError, match="encrypted"):
        identity_from_pem(made.cert_pem, locked)
    with pytest.raises(IdentityEncryptedError, match="is wrong"):
        identity_from_pem(made.cert_pem, locked, b"wrong")
    opened = identity_from_pem(made.cert_pem, locked, b"open sesame")
    assert opened == made
    assert b"ENCRYPTED" not in opened.key_pem


def test_a_password_for_a_key_that_needs_none_is_ignored():
    made = make()
    assert identity_from_pem(made.pem, None, b"whatever") == made


def test_old_forms_of_keys_are_read():
    for kind in (KeyKind.EC, KeyKind.RSA):
        made = make(key=kind)
        old = encoded(made.private_key(), PrivateFormat.TraditionalOpenSSL)
        assert identity_from_pem(made.cert_pem + old) == made


def test_a_gemini_certificate_can_be_used_but_is_complained_about():
    odd = build(users=(), names=("ada@mail.example",), key="p256")
    identity = identity_from_pem(odd.pem)
    assert identity.address.address == "ada@mail.example"
    assert any("common name" in complaint for complaint in check(identity, NOW))


@pytest.mark.parametrize(
    ("cert", "key", "words"),
    [
        (b"", None, "no certificate"),
        (K_PEM, None, "no private key"),
        (K_PEM, make().key_pem, "does not belong"),
        (K_PEM.replace(b"MIIB", b"AAAA"), make().key_pem, "damaged"),
        (K_PEM, b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "damaged"),
        (b"x" * 1_100_000, None, "too large"),
    ],
    ids=["nothing", "no key", "the key of another", "damaged certificate", "damaged key", "too large"],
)
def test_what_is_no_identity_says_why(cert, key, words):
    with pytest.raises(IdentityError, match=words):
        identity_from_pem(cert, key)


@pytest.mark.parametrize(
    "make_key", [x25519.X25519PrivateKey.generate, lambda: dsa.generate_private_key(1024)]
)
def test_a_key_tls_cannot_sign_with_is_refused(make_key):
    with pytest.raises(IdentityError):
        identity_from_pem(K_PEM, encoded(make_key()))


@given(st.binary(max_size=300))
def test_any_bytes_are_an_identity_or_an_error(data):
    with pytest.raises(IdentityError):
        identity_from_pem(data, data)


def test_many_unclosed_blocks_cost_no_time():
    flood = b"-----BEGIN PRIVATE KEY-----\n" * 30_000 + b"-----BEGIN CERTIFICATE-----" * 5_000
    with pytest.raises(IdentityError):
        identity_from_pem(flood)


# ---- checking -------------------------------------------------------------------------------------


def test_a_renewed_identity_has_the_same_names_and_key_and_is_told_apart_from_a_changed_one():
    old = build(end=NOW + timedelta(days=3))
    new = renew(old, now=NOW, days=400)
    assert new.address == old.address
    assert new.info.hosts == old.info.hosts
    assert new.info.fingerprints.spki == old.info.fingerprints.spki
    assert new.info.fingerprints.cert != old.info.fingerprints.cert
    assert new.info.not_after > NOW + timedelta(days=399)
    assert new.key_pem == identity_from_pem(old.pem).key_pem
    assert check(new, NOW) == []


def test_who_signed_a_certificate_renews_it():
    host = generate(MisfinAddress.parse("host@mail.example"), now=NOW, ca=True)
    old = generate(ADA, now=NOW, signed_by=host)
    with pytest.raises(IdentityError, match="who alone can renew it"):
        renew(old, now=NOW)
    new = renew(old, now=NOW, signed_by=host)
    assert signed_by(new.info, host.info)
    assert new.info.fingerprints.spki == old.info.fingerprints.spki
    assert renew(host, now=NOW).info.is_ca


def test_the_end_of_a_certificate_is_told_a_month_before():
    day = timedelta(days=1)
    assert "expires on 2026-01-10" in expires_soon(build(end=NOW + 9 * day), NOW)
    assert expires_soon(build(end=NOW + 31 * day), NOW) == ""
    assert expires_soon(build(end=NOW - day), NOW) == "", "the check says that it has"


def test_the_check_before_sending_names_every_defect():
    day = timedelta(days=1)
    assert check(certificate_k(), NOW) == []
    assert "expired on 2025-12-31" in check(build(end=NOW - day), NOW)[0]
    assert "not valid before 2026-01-02" in check(build(start=NOW + day), NOW)[0]
    assert any("no mailbox" in c for c in check(build(users=()), NOW))
    assert any("no person" in c for c in check(build(names=()), NOW))
    assert any("no host" in c for c in check(build(san=None), NOW))


def test_a_weak_rsa_key_is_complained_about():
    private = rsa.generate_private_key(65537, 1024)
    name = x509.Name([])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(1)
        .not_valid_before(NOW)
        .not_valid_after(NOW + timedelta(days=1))
        .sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    )
    identity = identity_from_pem(certificate.public_bytes(Encoding.PEM), encoded(private))
    assert any("1024 bits" in complaint for complaint in check(identity, NOW))


def test_an_identity_without_address_says_so_when_asked():
    identity = build(users=(), names=("Somebody",))
    with pytest.raises(IdentityError, match="names no Misfin address"):
        _ = identity.address


# ---- the names of other libraries -----------------------------------------------------------------


def test_the_convenience_functions_make_and_read():
    cert, key = generate_identity_cert("ada", "mail.example", "Ada Example")
    assert identity_from_pem(cert, key).address == ADA
    found = extract_identity(x509.load_pem_x509_certificate(cert))
    assert found == MisfinIdentity("ada", "mail.example", "Ada Example")
    assert found.address == "ada@mail.example"
    assert found.long_form == "Ada Example (ada@mail.example)"
    cert, key = generate_identity_cert("ada", "mail.example", key_size=2048, valid_days=10, now=NOW)
    assert identity_from_pem(cert, key).info.key == "RSA-2048"
    with pytest.raises(IdentityError):
        extract_identity(x509.load_pem_x509_certificate(build(users=(), names=()).cert_pem))
