"""Checks an account against its servers step by step: DNS, TCP, TLS, login, and what is there.

Each step is reported as soon as its result is known. Nothing is sent, fetched or changed.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from misfin.email.account import EmailAccount, Login, MailProtocol, MailServer, Protection
from misfin.email.connection import endpoint_of
from misfin.email.incoming import IncomingClient, LoginRefusedError
from misfin.email.sasl import Credentials, SASLError
from misfin.email.secrets import SecretError, credentials
from misfin.email.servertrust import connect_trusted
from misfin.email.smtp import SMTPLoginError
from misfin.email.smtp.client import Security, SMTPClient
from misfin.email.tls import system_context
from misfin.errors import DeliveryTimeoutError, HandshakeError, IdentityError, MisfinError, StoreError
from misfin.net.dialing import Lookup, dial
from misfin.trust.certificate import read_certificate
from misfin.trust.records import MailServerFacts
from misfin.trust.refusal import TrustError

if TYPE_CHECKING:
    from misfin.trust.pins import PinBook

_TIMEOUT = 20.0
_SECURITY = {
    Protection.TLS: Security.TLS,
    Protection.STARTTLS: Security.STARTTLS,
    Protection.NONE: Security.NONE,
}


class CheckStep(StrEnum):
    """One step of checking a server; the value is its name in the output."""

    DNS = "dns"
    TCP = "tcp"
    TLS = "tls"
    LOGIN = "login"
    FOLDERS = "folders"
    SIZE = "size"


class CheckVerdict(StrEnum):
    """How a step ended."""

    GOOD = "good"
    NOTE = "note"
    BAD = "bad"
    ASKS = "asks"
    """A person has to decide about the server's certificate."""


@dataclass(frozen=True, slots=True)
class Checked:
    """The result of one step. ``text`` and ``remedy`` may quote a server: a stranger's text.

    ``fingerprint`` is the SHA-256 of a certificate that a person has to decide about, else empty.
    """

    server: MailServer
    step: CheckStep
    verdict: CheckVerdict
    text: str
    remedy: str = ""
    fingerprint: str = ""

    @property
    def bad(self) -> bool:
        """Whether the step failed."""
        return self.verdict is CheckVerdict.BAD

    @property
    def asks(self) -> bool:
        """Whether a person has to decide."""
        return self.verdict is CheckVerdict.ASKS


Report = Callable[[Checked], object]


async def check_account(
    account: EmailAccount,
    pins: PinBook,
    report: Report = lambda _checked: None,
    *,
    password: str | None = None,
    get_token: Callable[[], Awaitable[str]] | None = None,
    now: Callable[[], float] = time.time,
) -> tuple[Checked, ...]:
    """Check each server of an account, at the same time; the results in the order of the servers.

    ``report`` gets each as it comes, on the event loop. ``password`` is used instead of the account's own,
    and ``get_token`` gives an access token likewise.
    A certificate that nobody trusts is kept in ``pins`` for a person to look at, and what a server for
    sending says about itself, so that the first message already is measured by it.
    Raises :class:`~misfin.errors.StoreError` where the pins cannot be read.
    """
    checks = [_Check(account, server, pins, report, password, get_token, now) for server in account.servers]
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(each.run()) for each in checks]
    del tasks
    return tuple(one for each in checks for one in each.done)


class _Check:
    """The check of one server."""

    def __init__(
        self,
        account: EmailAccount,
        server: MailServer,
        pins: PinBook,
        report: Report,
        password: str | None,
        get_token: Callable[[], Awaitable[str]] | None,
        now: Callable[[], float],
    ) -> None:
        self._account = account
        self._server = server
        self._pins = pins
        self._report = report
        self._password = password
        self._get_token = get_token
        self._now = now
        self._credentials: Credentials | None = None
        self.done: list[Checked] = []

    async def run(self) -> None:
        """Every step, up to the first that fails."""
        secret_missing = await self._secret()
        step = CheckStep.DNS
        try:
            endpoint = endpoint_of(self._server)
            addresses = await Lookup(endpoint).addresses(_TIMEOUT)
            shown = ", ".join(dict.fromkeys(str(each[1][0]) for each in addresses))
            literal = shown == self._server.host
            self._say(step, f"{shown} needs no DNS." if literal else f"{self._server.host} is {shown}.")
            step = CheckStep.TCP
            (await dial(endpoint, addresses, _TIMEOUT)).close()
            self._say(step, f"{self._server.name} accepts connections.")
            step = CheckStep.TLS
            await self._connected(secret_missing)
        except MisfinError as error:
            self._failed(step, error)

    async def _secret(self) -> SecretError | None:
        """What to log in with; the error where that cannot be read, so that the rest is checked without."""
        account, server = self._account, self._server
        if self._password is not None and account.login is Login.PASSWORD:
            self._credentials = Credentials(account.user(server), self._password, cram_md5=account.cram_md5)
            return None
        if self._get_token is not None and account.login is Login.OAUTH:
            self._credentials = Credentials(
                account.user(server), get_token=self._get_token, host=server.host, port=server.port
            )
            return None
        try:
            self._credentials = await credentials(account, server)
        except SecretError as error:
            return error
        return None

    async def _connected(self, secret_missing: SecretError | None) -> None:
        """TLS, login and what follows."""
        incoming = self._server.protocol is not MailProtocol.SMTP
        attempt = self._incoming if incoming else self._outgoing
        if self._server.protection is Protection.NONE:
            await attempt(system_context())
        else:
            await connect_trusted(
                self._pins, self._account, self._server, attempt, now=self._now, say=self._noted
            )
        if secret_missing is not None:
            self._failed(CheckStep.LOGIN, secret_missing)

    async def _incoming(self, context: ssl.SSLContext) -> None:
        client = IncomingClient(
            self._server, context=context, credentials=self._credentials, timeout=_TIMEOUT
        )
        async with client:
            await self._encrypted(client.tls, client.certificate)
            try:
                await client.log_in()
            except MisfinError as error:
                self._failed(CheckStep.LOGIN, error)
                return
            if self._credentials is None:
                return
            self._logged_in(client.mechanism)
            try:
                found = await client.look()
            except MisfinError as error:
                self._failed(CheckStep.FOLDERS, error)
                return
        if self._server.protocol is MailProtocol.POP3:
            self._say(CheckStep.FOLDERS, f"{_many(found.messages, 'message')}, {_size(found.size)}.")
        else:
            named = f", among them {', '.join(found.special)}" if found.special else ""
            self._say(CheckStep.FOLDERS, f"{_many(len(found.folders), 'folder')}{named}.")

    async def _outgoing(self, context: ssl.SSLContext) -> None:
        server = self._server
        client = SMTPClient(
            server.host,
            server.port,
            security=_SECURITY[server.protection],
            credentials=self._credentials,
            context=context,
        )
        try:
            await client.connect()
        except (SMTPLoginError, SASLError) as error:
            await self._encrypted("", None)
            self._failed(CheckStep.LOGIN, error)
            return
        try:
            await self._encrypted("", client.certificate)
            if self._credentials is not None:
                self._logged_in("")
            limit = client.max_message_size
            await self._remember(MailServerFacts(limit, client.extensions))
            says = (
                f"Accepts messages up to {_size(limit)}." if limit else "Does not limit the size of messages."
            )
            self._say(CheckStep.SIZE, says)
        finally:
            await client.close()

    async def _remember(self, facts: MailServerFacts) -> None:
        with suppress(StoreError):  # sending finds it out again
            await asyncio.to_thread(
                self._pins.remember_mail_server, self._account.name, self._server.name, facts
            )

    # ---- saying

    async def _encrypted(self, version: str, certificate: bytes | None) -> None:
        if self._server.protection is Protection.NONE:
            self._say(CheckStep.TLS, "Not encrypted; this is a server on this machine.", CheckVerdict.NOTE)
            return
        parts = [version.replace("TLSv", "TLS ") if version else "Encrypted"]
        if certificate is not None:
            with suppress(IdentityError):
                info = await asyncio.to_thread(read_certificate, certificate)
                until = info.not_after.strftime("%Y-%m-%d")
                parts.append(f"the certificate is trusted and valid until {until}")
        self._say(CheckStep.TLS, f"{'; '.join(parts)}.")

    def _logged_in(self, mechanism: str) -> None:
        by = f" by {mechanism}" if mechanism else ""
        self._say(CheckStep.LOGIN, f"Logged in as {self._account.user(self._server)}{by}.")

    def _noted(self, sentence: str) -> None:
        self._say(CheckStep.TLS, sentence, CheckVerdict.NOTE)

    def _failed(self, step: CheckStep, error: MisfinError) -> None:
        if isinstance(error, TrustError):
            fingerprint = error.certificate.fingerprints.cert
            name = self._server.name
            self._add(
                Checked(
                    self._server,
                    step,
                    CheckVerdict.ASKS,
                    str(error),
                    f"Compare its fingerprint {fingerprint} with the one the server's owner gives you, then"
                    f" run misfin-tui trust approve {name} --mail --fingerprint {fingerprint}",
                    fingerprint,
                )
            )
            return
        if isinstance(error, (LoginRefusedError, SMTPLoginError)):
            step = CheckStep.LOGIN
        remedy = error.remedy
        if not remedy and type(error) is HandshakeError:
            other = "STARTTLS" if self._server.protection is Protection.TLS else "TLS from the first byte"
            remedy = f"Check the port; the server may expect {other}."
        if isinstance(error, DeliveryTimeoutError) and step is CheckStep.TCP:
            remedy = "Check the port; a firewall may be blocking it."
        self._add(Checked(self._server, step, CheckVerdict.BAD, str(error), remedy))

    def _say(self, step: CheckStep, text: str, verdict: CheckVerdict = CheckVerdict.GOOD) -> None:
        self._add(Checked(self._server, step, verdict, text))

    def _add(self, checked: Checked) -> None:
        self.done.append(checked)
        self._report(checked)


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _size(size: int) -> str:
    return f"{size / 1e6:,.0f} MB" if size >= 10**6 else f"{size / 1e3:,.0f} kB"
