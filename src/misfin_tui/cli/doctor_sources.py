"""What ``doctor`` finds out about each source of mail without starting it: a table by kind of account.

Another kind of account adds a function to :data:`CHECKS`. It is given all accounts of its kind and yields one
or more reports for each, or for all of them together where they share a source.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from misfin.model.account import Account, Kind
from misfin.post.source import SourceState, SourceStatus
from misfin_tui.config import Config, split_listen
from misfin_tui.paths import Profile


@dataclass(frozen=True, slots=True)
class SourceReport:
    """The state of a source as the status line would show it, and what to do about it."""

    status: SourceStatus
    remedy: str = ""


SourceCheck = Callable[[Profile, Config, Sequence[Account]], Iterator[SourceReport]]


def look_at_sources(
    profile: Profile, settings: Config, accounts: Sequence[Account]
) -> Iterator[SourceReport]:
    """A section for every source: the receiver first, then those of the other accounts, in their order."""
    for kind in Kind:
        if same := [each for each in accounts if each.kind is kind]:
            yield from CHECKS.get(kind, _no_source)(profile, settings, same)


def _no_source(_profile: Profile, _settings: Config, accounts: Sequence[Account]) -> Iterator[SourceReport]:
    for account in accounts:
        words = f"mail for {account.address} is not received by this version"
        yield SourceReport(SourceStatus(account.name, SourceState.STOPPED, words))


def _receiver(profile: Profile, settings: Config, _accounts: Sequence[Account]) -> Iterator[SourceReport]:
    """The receiver runs, or it could listen where the settings say."""
    from misfin.post.receiver_lock import running

    if (state := running(profile.runtime)) is not None:
        where = ", ".join(f"{host}:{port}" for host, port in state.addresses)
        yield _of_receiver(SourceState.RUNNING, f"receiving on {where} (process {state.pid})")
        return
    if not settings.receive.enabled:
        yield _of_receiver(
            SourceState.STOPPED,
            "not receiving: receive.enabled is false",
            "`misfin-tui receive` receives as long as it runs.",
        )
    free = []
    for listen in settings.receive.listen:
        if (problem := _why_not(listen)) is None:
            free.append(listen)
        else:
            yield problem
    if free and settings.receive.enabled:
        yield _of_receiver(
            SourceState.STOPPED,
            f"not receiving now; {' and '.join(free)} {'are' if len(free) > 1 else 'is'} free",
            "Mail is received while the program is open, or with `misfin-tui receive`.",
        )


def _why_not(listen: str) -> SourceReport | None:
    """Why nothing can listen there; None if something can."""
    import socket

    try:
        host, port = split_listen(listen)
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            if family is socket.AF_INET6:
                probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except ValueError as error:
        return _of_receiver(SourceState.FAILED, f"receive.listen: {error}", "Correct it in the settings.")
    except OSError as error:
        return _of_receiver(
            SourceState.WAITING,
            f"{listen} cannot be used: {error.strerror}",
            "Stop the program that uses the port, or choose another port in receive.listen.",
        )
    return None


def _of_receiver(state: SourceState, sentence: str, remedy: str = "") -> SourceReport:
    return SourceReport(SourceStatus("", state, sentence), remedy)


def _fetching(profile: Profile, settings: Config, accounts: Sequence[Account]) -> Iterator[SourceReport]:
    """What the process that fetches says of each account; whether one runs at all."""
    from misfin.post.fetching.lock import fetcher

    found = fetcher(profile.runtime)
    known = {each.account: each for each in found.statuses} if found else {}
    for account in accounts:
        config = settings.accounts.get(account.name)
        if config is None or not config.fetches:
            words, remedy = "only sends: it has no server to fetch from", "Set `imap` or `pop3`."
            yield SourceReport(SourceStatus(account.name, SourceState.STOPPED, words), remedy)
        elif account.name in known:
            status = known[account.name]
            remedy = _REMEDIES.get(status.state, "").format(name=account.name)
            yield SourceReport(status, remedy)
        else:
            yield SourceReport(
                SourceStatus(account.name, SourceState.STOPPED, "not fetching now"),
                "Mail is fetched while the program is open, or with `misfin-tui fetch`.",
            )


_REMEDIES: Final = {
    SourceState.FAILED: "`misfin-tui account test {name}` says what is wrong.",
    SourceState.WAITING: "It will be tried again automatically.",
}


CHECKS: Final[Mapping[Kind, SourceCheck]] = {
    Kind.MISFIN: _receiver,
    Kind.EMAIL: _fetching,
    Kind.GMAP: _fetching,
}
"""How to look at the sources of each kind of account."""
