"""Certificates of every kind, honest and hostile: facts and complaints come out, never a surprise."""

import tomllib
from datetime import UTC, datetime
from pathlib import Path

import pytest
from certificates import END, START, alternative_names, build, certificate_k
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given, settings
from hypothesis import strategies as st
from peers import odd_person

from misfin.errors import IdentityError
from misfin.model.address import MisfinAddress
from misfin.trust.certificate import MAX_CERTIFICATE, read_certificate, signed_by
from misfin.trust.fingerprint import matches
from misfin.trust.identity import generate
from misfin.trust.pinfile import new_pin
from misfin.trust.tofu import PinKind, decide

VECTORS = tomllib.loads((Path(__file__).parents[2] / "vectors" / "certificates.toml").read_text())
IN_2026 = datetime(2026, 1, 1, tzinfo=UTC)


def by_id(vectors):
    return pytest.mark.parametrize("vector", vectors, ids=[vector["id"] for vector in vectors])


def subject(info):
    return "" if info.address is None else info.address.address


# ---- the vectors ----------------------------------------------------------------------------------


@by_id(VECTORS["certificate"])
def test_certificate_vectors(vector):
    if "pem" in vector:
        certificate = x509.load_pem_x509_certificate(vector["pem"].encode())
        info = read_certificate(certificate.public_bytes(Encoding.DER))
        hashes = (info.fingerprints.cert, info.fingerprints.spki, info.fingerprints.key)
        assert hashes == (vector["cert_sha256"], vector["spki_sha256"], vector["key_sha256"])
        assert info.key == vector["key"]
    else:
        san = alternative_names(vector["san"])
        info = build(users=vector["users"], names=vector["names"], san=san or None).info
    assert subject(info) == vector["address"]
    assert bool(info.problems) == vector["warns"]
    if vector["address"]:
        assert info.address.blurb == vector.get("blurb", "")


@by_id(VECTORS["meta"])
def test_meta_vectors(vector):
    assert (matches(vector["meta"], certificate_k().info.fingerprints) or "") == vector["matches"]


@by_id(VECTORS["decision"])
def test_decision_vectors(vector):
    k = certificate_k().info
    now = IN_2026.timestamp()
    shown = {
        "K": k,
        "same key": build(key="k", serial=2).info,
        "other key": build().info,
    }[vector["shown"]]
    pin = new_pin(PinKind.HOST, "mail.example:1958", k, how="test", now=now, uses=1)
    assert decide(pin, shown, now).decision == vector["decision"]


# ---- what is read ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "name"),
    [("p256", "P-256"), ("p384", "P-384"), ("rsa", "RSA-2048"), ("ed25519", "Ed25519"), ("ed448", "Ed448")],
)
def test_the_kind_of_key_has_a_name(key, name):
    assert build(key=key).info.key == name


def test_the_facts_of_an_honest_certificate():
    info = build(names=("Ada Example",), ca=True).info
    assert info.address == MisfinAddress("ada", "mail.example", "Ada Example")
    assert (info.not_before, info.not_after) == (START, END)
    assert info.hosts == ("mail.example",)
    assert info.is_ca
    assert info.subject == "CN=Ada Example,UID=ada"
    assert info.issuer == info.subject
    assert info.problems == ()


def test_a_common_name_that_repeats_the_mailbox_is_no_blurb():
    assert build(names=("ada",)).info.blurb == ""


def test_which_hosts_a_certificate_covers():
    info = build(
        san=alternative_names(["DNS:Mail.Example.", "DNS:*.hive.test", "IP:192.0.2.1", "IP:::1"])
    ).info
    assert info.hosts == ("mail.example", "*.hive.test", "192.0.2.1", "::1")
    for host in ("mail.example", "MAIL.example.", "a.hive.test", "192.0.2.1", "[::1]"):
        assert info.covers(host), host
    for host in ("hive.test", "a.b.hive.test", "example", "xmail.example", ""):
        assert not info.covers(host), host


def test_a_signature_of_a_ca_of_the_same_name_is_checked():
    now = IN_2026
    address = MisfinAddress.parse
    ca = generate(address("host@mail.example"), now=now, ca=True)
    twin = generate(address("host@mail.example"), now=now, ca=True)
    no_ca = generate(address("host@mail.example"), now=now)
    ada = generate(address("ada@mail.example Ada"), now=now, signed_by=ca)
    assert signed_by(ada.info, ca.info)
    assert not signed_by(ada.info, twin.info)
    assert not signed_by(ca.info, ada.info)
    assert not signed_by(no_ca.info, no_ca.info), "who signed himself is not an authority"


# ---- hostile certificates -------------------------------------------------------------------------

HOSTILE_TEXTS = [
    "ada\0@evil",
    "ada\nBcc: x",
    "a\rb",
    "\x1b[2Jada",
    "ad\u202ea",
    "a b",
    "a,b",
    "<ada>",
    "a@b",
    "ada\u200b",
    "",
    "x" * 5000,
]


@pytest.mark.parametrize("text", HOSTILE_TEXTS)
def test_a_mailbox_that_is_none_names_nobody(text):
    info = build(users=(text,)).info
    assert info.mailbox == ""
    assert info.address is None
    assert info.problems


@pytest.mark.parametrize("text", ["\x1b]0;owned\x07", "Ada\nTo: eve", "Ada\0", "\u202eadA", "x" * 5000])
def test_a_blurb_is_bounded_and_cannot_move_the_cursor(text):
    info = build(names=(text,)).info
    assert info.blurb.isprintable()
    assert len(info.blurb) <= 256
    assert info.subject.isprintable()
    assert len(info.subject) <= 512
    assert info.address is not None


def test_a_host_with_a_nul_is_not_cut_at_it():
    info = odd_person(users=("ada",), san=(x509.DNSName("mail.example\0.evil.example"),)).info
    assert info.address is None
    assert not info.covers("mail.example")


@pytest.mark.parametrize("host", ["mail.example\n", "-mail.example", "mail..example", "*.example", "a b", ""])
def test_a_host_that_is_none_makes_no_address(host):
    assert odd_person(users=("ada",), san=(x509.DNSName(host),)).info.address is None


def test_a_nameless_certificate_is_only_a_key():
    info = build(users=(), names=(), san=None, ca=None).info
    assert info.address is None
    assert info.subject == ""
    assert len(info.problems) >= 2


def test_many_names_are_counted_and_cut():
    many = [f"DNS:host{i}.example" for i in range(2000)]
    info = build(users=("ada", "eve"), san=alternative_names(many)).info
    assert info.address.address == "ada@host0.example"
    assert len(info.hosts) == 100
    assert any("2000 hosts" in problem for problem in info.problems)
    assert any("several mailboxes" in problem for problem in info.problems)


def test_a_huge_certificate_is_refused():
    with pytest.raises(IdentityError, match="longer than"):
        read_certificate(bytes(MAX_CERTIFICATE + 1))


def test_a_large_certificate_is_read():
    assert len(odd_person(padding=90_000).info.der) > 90_000


def test_names_of_other_types_are_not_taken_for_hosts():
    names = [x509.RFC822Name("ada@mail.example"), x509.UniformResourceIdentifier("misfin:ada@mail.example")]
    info = build(san=names).info
    assert info.hosts == ()
    assert info.address is None


def test_expired_and_future_certificates_are_read_all_the_same():
    info = build(start=datetime(1951, 1, 1, tzinfo=UTC), end=datetime(9999, 12, 31, tzinfo=UTC)).info
    assert info.not_before.year == 1951
    assert info.not_after.year == 9999


def test_a_gemini_certificate_whose_names_disagree_warns():
    info = build(users=(), names=("ada@mail.example",), san=alternative_names(["DNS:else.example"])).info
    assert info.address.address == "ada@mail.example"
    assert any("else.example" in problem for problem in info.problems)


@settings(max_examples=60)
@given(
    st.lists(st.text(min_size=1, max_size=30), max_size=3),
    st.lists(st.text(min_size=1, max_size=30), max_size=3),
    st.lists(st.text(st.characters(max_codepoint=127), max_size=30), max_size=3),
)
def test_any_names_give_clean_facts(users, names, hosts):
    try:
        identity = build(users=users, names=names, san=[x509.DNSName(h) for h in hosts] or None)
    except (ValueError, UnicodeEncodeError):
        return  # no tool can even encode it
    info = identity.info
    for text in (info.mailbox, info.hostname, info.blurb, info.subject, *info.hosts, *info.problems):
        assert text.isprintable()
    if info.address is not None:
        assert info.address.hostname == info.hostname


@settings(max_examples=150)
@given(st.integers(0, len(certificate_k().info.der) - 1), st.binary(min_size=1, max_size=4))
def test_a_damaged_certificate_is_read_or_refused(index, junk):
    der = certificate_k().info.der
    damaged = der[:index] + junk + der[index + len(junk) :]
    try:
        info = read_certificate(damaged)
    except IdentityError:
        return
    assert isinstance(info.problems, tuple)
    assert info.subject.isprintable()
    assert info.address is None or info.address.address


@given(st.binary(max_size=200))
def test_what_is_no_certificate_is_said_so(data):
    with pytest.raises(IdentityError):
        read_certificate(data)
