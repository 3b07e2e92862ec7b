"""Receivers that hand over what they receive to a scripted LMTP server, and messages for them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from peers import person
from smtppeers import ScriptedServer

from misfin.model.gemmail import Version
from misfin.net.incoming import CheckResult, Checks, HandlerOutcome, Incoming
from misfin.net.limits import LimitSettings
from misfin.net.verification import VerificationMode
from misfin.post.reception import HandOverSettings, Reception, ReceptionSettings
from misfin.store.identities import IdentityStore
from misfin.trust.tofu import Decision
from misfin.wire import MisfinRequest

ADA = person("ada@mail.example Ada")
BEA = person("bea@hive.test Bea Worker")
SCRIPT = {
    "greeting": "220 mx.example",
    "LHLO": "250-mx.example\r\n250-PIPELINING\r\n250 8BITMIME",
    "DATA": "354 go",
    "QUIT": "221 bye",
}
VERIFIED = Checks(
    Decision.TRUSTED,
    {"certificate": CheckResult(HandlerOutcome.PASS, "Its host vouched for it.", proves_sender=True)},
)


def settings_at(root: Path, **how: object) -> ReceptionSettings:
    """A receiver for ada that checks no senders."""
    IdentityStore(root / "identities").save(ADA)
    plain: dict[str, object] = {
        "listen": (("127.0.0.1", 0),),
        "limits": LimitSettings(enable=False),
        "verification": VerificationMode.OFF,
    }
    return ReceptionSettings(
        identities=root / "identities",
        mail=root / "mail",
        trust_db=root / "trust.db",
        contacts_db=root / "contacts.db",
        runtime=root / "run",
        **{**plain, **how},
    )


@asynccontextmanager
async def receiving(settings: ReceptionSettings) -> AsyncIterator[int]:
    """A running receiver; its port."""
    reception = Reception(settings)
    ((_host, port),) = await reception.start()
    try:
        yield port
    finally:
        await reception.stop()


@asynccontextmanager
async def handing(
    root: Path, replies: dict[str, str | list[str]], timeout: float = 5.0
) -> AsyncIterator[tuple[int, ScriptedServer]]:
    """A receiver whose messages go to a server that answers as told; its port, and the server."""
    async with ScriptedServer({**SCRIPT, **replies}) as server:
        over = HandOverSettings(("127.0.0.1", server.port), timeout)
        async with receiving(settings_at(root, hand_over=over)) as port:
            yield port, server


def incoming(text: str = "# Hi\n\nText\n", received: float = 1_800_000_000.25) -> Incoming:
    """A message for ada that bea's host vouched for."""
    request = MisfinRequest("ada", "mail.example", f"\n\n\n{text}".encode(), Version.C)
    return Incoming(request, "192.0.2.7", BEA.info, ADA, received, VERIFIED)
