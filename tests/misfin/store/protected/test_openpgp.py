"""OpenPGP mail is checked and decrypted by a real GnuPG, and what is said of it is what was proven."""

import re
from collections.abc import Iterator

import keyrings
import pytest
from keyrings import gpg

from misfin.store.message.mime import read_message
from misfin.store.message.protection import UNPROTECTED, MailProtection
from misfin.store.protected import GnuPG, OpenedMail, Tools, open_mail

pytestmark = pytest.mark.skipif(bool(keyrings.MISSING), reason=keyrings.MISSING)

ADA, BEA, LOCKED = "Ada <ada@home.example>", "Bea <bea@other.example>", "Lo <lo@home.example>"
HEAD = (
    b"From: %s\nTo: Ada <ada@home.example>\nSubject: Outside\nMessage-ID: <1@x.example>\nMIME-Version: 1.0\n"
)
ENTITY = b"Content-Type: text/plain; charset=utf-8\n\nThe boat leaves at six \xe2\x80\x93 be there.\n"


@pytest.fixture(scope="module")
def keys() -> Iterator[GnuPG]:
    with keyrings.keyring() as made:
        keyrings.make_key(made, ADA)
        keyrings.make_key(made, LOCKED, "secret")
        keyrings.forget_passphrases(made)
        yield made


@pytest.fixture(scope="module")
def stranger(keys: GnuPG) -> Iterator[GnuPG]:
    """Bea's own keyring; her public key is in Ada's, and nobody vouches for it."""
    with keyrings.keyring() as made:
        keyrings.make_key(made, BEA)
        gpg(keys, "--import", data=gpg(made, "--export"))
        gpg(made, "--import", data=gpg(keys, "--export"))
        yield made


def signed(keys: GnuPG, user: str, entity: bytes = ENTITY, author: str = "", tail: bytes = b"") -> bytes:
    """A PGP/MIME signed mail (RFC 3156 §5), as it lies in a Maildir."""
    signature = gpg(keys, "-u", user, "--armor", "--detach-sign", data=entity.replace(b"\n", b"\r\n"))
    kind = b'multipart/signed; micalg=pgp-sha512; protocol="application/pgp-signature"; boundary=b1\n\n'
    body = b"--b1\n%s\n--b1\nContent-Type: application/pgp-signature; name=signature.asc\n\n%s\n--b1--\n"
    return HEAD % (author or user).encode() + b"Content-Type: " + kind + body % (entity, signature) + tail


def encrypted(keys: GnuPG, to: str, entity: bytes = ENTITY, *options: str, author: str = ADA) -> bytes:
    """A PGP/MIME encrypted mail (RFC 3156 §4)."""
    block = gpg(keys, "--armor", "--trust-model", "always", "-r", to, *options, "--encrypt", data=entity)
    kind = b'multipart/encrypted; protocol="application/pgp-encrypted"; boundary=b2\n\n'
    body = b"--b2\nContent-Type: application/pgp-encrypted\n\nVersion: 1\n\n--b2\n"
    body += b"Content-Type: application/octet-stream; name=encrypted.asc\n\n%s\n--b2--\n"
    return HEAD % author.encode() + b"Content-Type: " + kind + body % block


def opened(mail: bytes, keys: GnuPG | None) -> OpenedMail:
    return open_mail(mail, Tools(keys))


def said(found: OpenedMail) -> str:
    return "\n".join(("! " if each.warns else "") + each.text for each in found.statements)


def test_a_signature_by_a_trusted_key_of_the_sender_is_said_to_be_valid(keys: GnuPG) -> None:
    mail = signed(keys, ADA)
    read = read_message(mail)
    assert read.text == "The boat leaves at six – be there.\n"
    assert read.attachments == ()
    assert read.protections == (MailProtection.PGP_SIGNED,)
    assert said(opened(mail, keys)) == f"Signed with OpenPGP by {ADA}: valid, and you trust the key."


def test_a_changed_text_is_a_broken_signature(keys: GnuPG) -> None:
    found = said(opened(signed(keys, ADA).replace(b"at six", b"at ten"), keys))
    assert found.startswith("! The OpenPGP signature is broken")


def test_a_key_that_nobody_vouches_for_is_not_trusted(keys: GnuPG, stranger: GnuPG) -> None:
    found = opened(signed(stranger, BEA), keys)
    assert "Nobody you trust has confirmed" in said(found)
    assert re.fullmatch(r"OpenPGP key [0-9A-F]{40}", found.statements[0].details)


def test_a_valid_signature_of_somebody_else_is_a_warning(keys: GnuPG, stranger: GnuPG) -> None:
    assert said(opened(signed(keys, ADA, author=BEA), keys)).startswith("! Signed with OpenPGP by Ada")
    both = f"{ADA}, {BEA}"
    assert "not by the address in From" in said(opened(signed(keys, ADA, author=both), keys))


def test_without_the_key_nothing_is_proven(stranger: GnuPG) -> None:
    with keyrings.keyring() as empty:
        found = said(opened(signed(stranger, BEA), empty))
    assert found.startswith("Signed with OpenPGP, not checked: you do not have the key")


def test_without_gnupg_it_is_said_that_nothing_was_checked(keys: GnuPG) -> None:
    assert "signed with OpenPGP.\nGnuPG is not installed" in said(opened(signed(keys, ADA), None))
    assert "encrypted with OpenPGP.\nGnuPG is not installed" in said(opened(encrypted(keys, ADA), None))


def test_a_whole_signed_message_is_not_a_signature(keys: GnuPG) -> None:
    mail = signed(keys, ADA)
    other = gpg(keys, "-u", ADA, "--armor", "--sign", data=b"something else")
    begin, end = mail.index(b"-----BEGIN PGP SIG"), mail.index(b"\n--b1--")
    assert said(opened(mail[:begin] + other + mail[end:], keys)).startswith("! ")


def test_text_outside_of_the_signature_comes_last_below_a_line_that_says_so(keys: GnuPG) -> None:
    inner = signed(keys, ADA)
    inner = inner[inner.index(b"Content-Type: multipart/signed") :]
    mail = HEAD % ADA.encode() + b"Content-Type: multipart/mixed; boundary=m\n\n"
    mail += b"--m\n\nAdded before.\n--m\n" + inner + b"\n--m\n\nAdded after.\n--m--\n"
    text = read_message(mail).text
    assert text == f"The boat leaves at six – be there.\n\n{UNPROTECTED}\n\nAdded before.\n\nAdded after.\n"
    assert "valid, and you trust the key" in said(opened(mail, keys))


def test_an_attached_signed_message_says_nothing_of_this_one(keys: GnuPG) -> None:
    mail = HEAD % BEA.encode() + b"Content-Type: multipart/mixed; boundary=m\n\n--m\n\nLook.\n--m\n"
    mail += b"Content-Type: message/rfc822\n\n" + signed(keys, ADA) + b"\n--m--\n"
    read = read_message(mail)
    assert read.protections == ()
    assert read.text.startswith("Look.\n")
    assert opened(mail, keys).statements == ()


def test_an_encrypted_mail_is_decrypted_with_its_files(keys: GnuPG) -> None:
    entity = b"Content-Type: multipart/mixed; boundary=i\n\n--i\n" + ENTITY
    entity += b"--i\nContent-Type: text/csv; name=a.csv\nContent-Disposition: attachment\n\n1,2\n--i--\n"
    mail = encrypted(keys, ADA, entity)
    assert read_message(mail).text == "This part is encrypted with OpenPGP.\n"
    found = opened(mail, keys)
    assert found.message is not None
    assert found.data is not None
    assert found.message.text == "The boat leaves at six – be there.\n"
    assert found.message.subject == "Outside"
    assert [(file.name, file.content(found.data)) for file in found.message.attachments] == [
        ("a.csv", b"1,2")
    ]
    assert said(found).endswith("It is not signed, so it does not prove who wrote it.")


def test_a_signature_inside_the_encryption_counts(keys: GnuPG) -> None:
    both = opened(encrypted(keys, ADA, ENTITY, "-u", ADA, "--sign"), keys)
    inner = signed(keys, ADA)
    nested = encrypted(keys, ADA, inner[inner.index(b"Content-Type: multipart/signed") :])
    for found in (both, opened(nested, keys)):
        assert found.message is not None
        assert found.message.text.startswith("The boat")
        assert said(found).splitlines() == [
            "Encrypted with OpenPGP, and decrypted.",
            f"Signed with OpenPGP by {ADA}: valid, and you trust the key.",
        ]


def test_the_protected_subject_is_read_and_no_other_field(keys: GnuPG) -> None:
    entity = b"From: Eve <eve@x.example>\nSubject: Inside\nContent-Type: text/plain"
    entity += b'; protected-headers="v1"\n\nHi.\n'
    found = opened(encrypted(keys, ADA, entity), keys)
    assert found.message is not None
    assert found.message.subject == "Inside"
    assert found.message.sender.address == "ada@home.example"
    unasked = opened(encrypted(keys, ADA, entity.replace(b'; protected-headers="v1"', b"")), keys)
    assert unasked.message is not None
    assert unasked.message.subject == "Outside"


def test_a_changed_subject_of_a_signed_mail_is_said(keys: GnuPG) -> None:
    entity = b'Subject: Inside\nContent-Type: text/plain; protected-headers="v1"\n\nHi.\n'
    assert "the signed one is “Inside”" in said(opened(signed(keys, ADA, entity), keys))


def test_a_locked_key_is_not_asked_for_without_a_terminal(keys: GnuPG) -> None:
    found = opened(encrypted(keys, LOCKED), keys)
    assert found.locked
    assert found.message is None
    assert said(found) == "Encrypted with OpenPGP; your key is locked."


def test_a_mail_for_others_stays_closed(keys: GnuPG, stranger: GnuPG) -> None:
    found = opened(encrypted(stranger, BEA), keys)
    assert not found.locked
    assert said(found).startswith("! Encrypted with OpenPGP; it cannot be decrypted")


def test_a_damaged_block_shows_nothing(keys: GnuPG) -> None:
    mail = encrypted(keys, ADA)
    block = re.search(rb"\n\n([A-Za-z0-9+/]{20})", mail[mail.index(b"BEGIN PGP") :])
    assert block
    found = opened(mail.replace(block[1], block[1][::-1]), keys)
    assert found.message is None
    assert found.statements


@pytest.mark.parametrize("lines", [("", ""), ("Before.\n\n", "After.\n")])
def test_blocks_between_the_lines_of_a_text(keys: GnuPG, lines: tuple[str, str]) -> None:
    before, after = lines
    for block in (
        gpg(keys, "-u", ADA, "--clear-sign", data="Grüße\n- dash\n".encode()),
        gpg(keys, "--armor", "-r", ADA, "-u", ADA, "--sign", "--encrypt", data="Grüße\n- dash\n".encode()),
    ):
        head = HEAD % ADA.encode() + b"Content-Type: text/plain; charset=utf-8\n\n"
        found = opened(head + before.encode() + block + after.encode(), keys)
        assert found.message is not None
        rest = f"\n{UNPROTECTED}\n\nBefore.\n\nAfter.\n" if before else ""
        assert found.message.text == "Grüße\n- dash\n" + rest
        assert f"Signed with OpenPGP by {ADA}: valid, and you trust the key." in said(found)


def test_more_output_than_is_kept_is_refused(keys: GnuPG, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("misfin.store.protected.running.MAX_OUTPUT", 1 << 20)
    found = opened(encrypted(keys, ADA, bytes(3 << 20)), keys)
    assert found.message is None
    assert "and was stopped" in said(found)
