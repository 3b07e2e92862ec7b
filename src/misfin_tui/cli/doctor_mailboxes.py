"""What ``doctor`` finds out about mailboxes kept on servers, without connecting to them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from misfin.errors import IdentityError
from misfin.model.account import Kind
from misfin_tui import config
from misfin_tui.cli.finding import CheckVerdict, Finding

if TYPE_CHECKING:
    from misfin.trust.pins import PinBook
    from misfin_tui.config.accounts import AccountConfig
    from misfin_tui.paths import Profile


def check_remote_mailboxes(profile: Profile) -> Iterator[Finding]:
    """Whether each mailbox has a certificate that opens it, and a server that is trusted."""
    accounts = config.load(profile.config, []).accounts
    found = {name: each for name, each in accounts.items() if each.kind == Kind.GMAP}
    if not found:
        return
    from misfin.trust.pins import PinBook  # late: few profiles have such an account

    with PinBook(profile.trust_db if profile.trust_db.exists() else None) as pins:
        for name, account in found.items():
            yield from _with_name(name, (*_of_identity(profile, account), _of_server(pins, name, account)))


def _with_name(name: str, findings: tuple[Finding, ...]) -> Iterator[Finding]:
    for each in findings:
        yield Finding("accounts", each.verdict, f"{name}: {each.text}", each.remedy)


def _of_identity(profile: Profile, account: AccountConfig) -> Iterator[Finding]:
    from misfin.store.identities import IdentityStore

    try:
        info = IdentityStore(profile.identities).load(account.identity).info
    except IdentityError:
        return  # the list of accounts says so
    if not info.not_before <= datetime.now(UTC) <= info.not_after:
        yield Finding(
            "",
            CheckVerdict.BAD,
            f"the certificate of {account.identity} is valid from {info.not_before:%Y-%m-%d} to"
            f" {info.not_after:%Y-%m-%d}, so {account.host} will not open the mailbox.",
            "Ask its operator for a new one, and import it.",
        )


def _of_server(pins: PinBook, name: str, account: AccountConfig) -> Finding:
    from misfin.gmap.client import DEFAULT_PORT, OTHER_PORT
    from misfin.trust.tofu import PinKind, pin_name

    ports = (account.port,) if account.port else (DEFAULT_PORT, OTHER_PORT)
    names = [pin_name(account.host, port) for port in ports]
    for each in names:
        if (offer := pins.offered(PinKind.HOST, each)) is not None:
            return Finding(
                "",
                CheckVerdict.BAD,
                f"the certificate of {each} has changed; nothing is fetched until you decide.",
                "Check it with the operator, then: misfin-tui trust approve"
                f" {each} --fingerprint {offer.certificate.fingerprints.cert}",
            )
    for each in names:
        if (pin := pins.get(PinKind.HOST, each)) is not None:
            return Finding("", CheckVerdict.GOOD, f"{each} is trusted ({pin.cert_sha256}).")
    return Finding(
        "",
        CheckVerdict.NOTE,
        f"There has been no contact with {account.host} yet.",
        f"`misfin-tui account test {name}` connects to it.",
    )
