"""The program of docs/library.md, as somebody who knows Titlani's tutorial writes it, against our
receiver."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from peers import person

from misfin import (
    CertificateChangedError,
    Directory,
    GemmailMessage,
    Incoming,
    MisfinAddress,
    MisfinClient,
    MisfinResponse,
    PinBook,
    Receiver,
    ReceiverSettings,
    StatusCode,
)
from misfin.protocol.status import is_error, is_redirect, is_success
from misfin.verification import (
    ProbeVerifier,
    SenderVerificationCache,
    SPKIVerifier,
    VerificationMode,
    VerifyingHandler,
)

BOB = person("bob@localhost Bob Jones")
ALICE = person("alice@example.com Alice Smith")


@pytest.fixture
async def post():
    """Bob's receiver; what it took in is in the list."""
    messages: list[Incoming] = []

    async def take(incoming: Incoming) -> MisfinResponse:
        messages.append(incoming)
        return MisfinResponse(StatusCode.MESSAGE_DELIVERED, incoming.recipient.info.fingerprints.cert)

    receiver = Receiver(take, Directory([BOB]), ReceiverSettings(listen=(("127.0.0.1", 0),)))
    ((_, port),) = await receiver.start()
    try:
        yield port, messages
    finally:
        await receiver.stop()


@pytest.fixture
def files(tmp_path, monkeypatch):
    """alice.pem and alice.key lie in the working folder, as in the tutorial."""
    monkeypatch.chdir(tmp_path)
    Path("alice.pem").write_bytes(ALICE.cert_pem)
    Path("alice.key").write_bytes(ALICE.key_pem)


async def test_a_message_is_sent_and_its_answer_read(post, files):
    port, messages = post
    async with MisfinClient(
        client_cert="alice.pem",
        client_key="alice.key",
        tofu_db_path=Path("known_hosts.db"),
        trust_on_first_use=True,
        timeout=60.0,
        port=port,
    ) as client:
        response = await client.send(to="bob@localhost", body="Hello", subject="Hi")
        assert response.status == StatusCode.MESSAGE_DELIVERED
        assert response.meta == response.fingerprint == BOB.info.fingerprints.cert
        assert is_success(response.status)
        assert not is_error(response.status)
        assert not is_redirect(response.status)

        gemmail = GemmailMessage(
            senders=[MisfinAddress.parse("alice@example.com Alice Smith")],
            recipients=[MisfinAddress.parse("bob@localhost Bob Jones")],
            timestamps=[datetime.now(UTC)],
            body="# Meeting Notes\n\nHere are the notes.\n",
        )
        response = await client.send_raw(to="bob@localhost", message_bytes=gemmail.to_bytes())
        assert is_success(response.status)
    assert [GemmailMessage.from_bytes(message.request.message).subject for message in messages] == [
        "Hi",
        "Meeting Notes",
    ]
    assert messages[0].certificate.address == MisfinAddress.parse("alice@example.com Alice Smith")
    assert Path("known_hosts.db").exists()


async def test_an_unknown_mailbox_is_a_status_and_no_exception(post, files):
    port, messages = post
    async with MisfinClient(client_cert="alice.pem", client_key="alice.key", port=port) as client:
        response = await client.send(to="nobody@localhost", body="Hello")
    assert response.status == StatusCode.MAILBOX_NOT_FOUND
    assert is_error(response.status)
    assert response.fingerprint is None
    assert messages == []


async def test_a_changed_certificate_is_an_exception_with_both_fingerprints(post, files):
    port, messages = post
    now = datetime.now(UTC).timestamp()
    other = person("bob@localhost Bob Jones", number=1).info
    with PinBook(Path("known_hosts.db")) as book:
        book.record("host", f"localhost:{port}", other, now=now)
    async with MisfinClient(
        client_cert="alice.pem", client_key="alice.key", tofu_db_path=Path("known_hosts.db"), port=port
    ) as client:
        with pytest.raises(CertificateChangedError) as caught:
            await client.send(to="bob@localhost", body="Hello")
    assert caught.value.hostname == "localhost"
    assert caught.value.expected_fingerprint == other.fingerprints.cert
    assert caught.value.actual_fingerprint == BOB.info.fingerprints.cert
    assert messages == []


@pytest.mark.parametrize("kind", ["probe", "spki"])
@pytest.mark.parametrize(("mode", "status"), [("off", 20), ("optional", 20), ("required", 41)])
async def test_a_handler_is_wrapped_to_verify_senders(files, tmp_path, kind, mode, status):
    """The sender's host is this machine, which a receiver does not call on a stranger's word."""
    cache = SenderVerificationCache(tmp_path / "verification.db")
    if kind == "probe":
        verifier = ProbeVerifier(cache=cache, identity_cert=Path("alice.pem"), identity_key=Path("alice.key"))
    else:
        verifier = SPKIVerifier(cache=cache)

    async def take(incoming: Incoming) -> MisfinResponse:
        return MisfinResponse(StatusCode.SUCCESS, "")

    handler = VerifyingHandler(wrapped=take, verifier=verifier, mode=VerificationMode(mode))
    receiver = Receiver(handler, Directory([BOB]), ReceiverSettings(listen=(("127.0.0.1", 0),)))
    ((_, port),) = await receiver.start()
    try:
        async with MisfinClient(identity=person("eve@127.0.0.1 Eve"), port=port) as client:
            assert (await client.send("bob@localhost", "Hello")).status == status
    finally:
        await receiver.stop()
    assert not cache.revoke("eve@127.0.0.1"), "a sender nobody vouched for is not in the cache"
    cache.close()
