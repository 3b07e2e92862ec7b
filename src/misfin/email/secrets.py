"""Secrets of e-mail accounts, read from where they are kept: a keyring, a command or the environment.

Nothing here logs a secret, puts one on a command line or keeps one longer than the log-in it is for. The
functions block, but for :func:`credentials`: a keyring may have to ask for its own password.
"""

from __future__ import annotations

import asyncio
import os
import selectors
import shlex
import signal
import subprocess
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from misfin.email.account import EmailAccount, Login, MailServer, SecretPlace, SecretRef
from misfin.email.sasl import Credentials
from misfin.errors import LocalError

if TYPE_CHECKING:
    from types import ModuleType

    from misfin.email.oauth import TokenEndpoint, TokenSource

SERVICE: Final = "misfin-tui"
"""The service of an account's entry in the keyring; its user name there is the name of the account."""
PATIENCE: Final = 120.0
"""Seconds for a command or a keyring to give the secret: somebody may have to type a password there."""
MAX_OUTPUT: Final = 64 * 1024
"""Bytes of a command's output; an access token is seldom longer than 4 KiB."""
_SHOWN: Final = 300  # characters of what a command says about its failure


class SecretError(LocalError):
    """A secret could not be read, stored or removed. Nothing was sent."""


class MissingSecretError(SecretError):
    """The keyring works, and has no such entry."""


class NoKeyringError(SecretError):
    """There is no keyring on this machine, as on most servers."""

    remedy = 'Use { command = "…" } instead: a program that prints the password, such as `pass show mail`.'


def own_entry(account: str) -> SecretRef:
    """The entry of the keyring for an account's password, unless its settings name another."""
    return SecretRef(SecretPlace.KEYRING, f"{SERVICE}/{account}")


async def credentials(account: EmailAccount, server: MailServer) -> Credentials | None:
    """What to log in to one of the account's servers with; None where it does not log in at all.

    An access token is asked for at each log-in, in a thread. Raises :class:`SecretError`.
    """
    if account.login is Login.NONE:
        return None
    name = account.user(server)
    if account.login is Login.OAUTH:
        return Credentials(name, get_token=await _token_getter(account), host=server.host, port=server.port)
    if account.password is None:
        raise SecretError(
            f"The account {account.name} has no password.",
            remedy=f"Store it: misfin-tui account password {account.name}",
        )
    return Credentials(name, await _in_time(account.password), cram_md5=account.cram_md5)


async def _token_getter(account: EmailAccount) -> Callable[[], Awaitable[str]]:
    token = account.token
    if token is None:
        return await token_source(account)

    async def fetch() -> str:
        return await _in_time(token)

    return fetch


async def _in_time(ref: SecretRef) -> str:
    try:
        async with asyncio.timeout(PATIENCE + 10):
            return await asyncio.to_thread(read_secret, ref)
    except TimeoutError:
        raise SecretError(
            f"The {ref.place.value} did not provide the password within {PATIENCE:g} seconds.",
            remedy="Unlock it, then try again.",
        ) from None


# ---- tokens of our own


def refresh_entry(account: str) -> SecretRef:
    """The entry of the keyring for the refresh token of an account that signed in with this program."""
    return SecretRef(SecretPlace.KEYRING, f"{SERVICE}/{account}:refresh-token")


def client_entry(account: str) -> SecretRef:
    """The entry of the keyring for the secret of the registration that an account signs in with."""
    return SecretRef(SecretPlace.KEYRING, f"{SERVICE}/{account}:client-secret")


async def token_endpoint(account: EmailAccount, *, secret: str | None = None) -> TokenEndpoint:
    """Where an account with a ``client_id`` signs in and gets its tokens; ``secret`` instead of its client's.

    Raises :class:`SecretError`; for ``ca_file`` :class:`~misfin.errors.AccountError`.
    """
    from misfin.email.oauth import (  # late: it can do HTTPS
        OAuthClient,
        TokenEndpoint,
        own_provider,
        provider_client,
        provider_of,
    )
    from misfin.email.tls import authority_context

    known = next(filter(None, (provider_of(each.host) for each in account.servers)), None)
    provider = own_provider(account.oauth) if account.oauth is not None else known
    if provider is None or not account.client_id:
        raise SecretError(
            f"The account {account.name} has no way to get an access token.",
            remedy=f"Set `client_id` of [accounts.{account.name}], and `oauth` for a provider that is neither"
            " Google nor Microsoft: docs/oauth.md says how. Or set `token` to a command that prints one.",
        )
    if secret is None:
        secret = await _in_time(account.client_secret) if account.client_secret else ""
    context = await asyncio.to_thread(authority_context, ca_file=account.ca_file, min_tls=account.min_tls)
    return TokenEndpoint(provider, OAuthClient(account.client_id, secret), provider_client(provider, context))


async def token_source(account: EmailAccount) -> TokenSource:
    """What gives the access tokens of an account that signed in with this program; the same each time.

    Raises :class:`SecretError`.
    """
    key = _source_key(account)
    if key not in _SOURCES:
        from misfin.email.oauth import SignInAgainError, TokenSource

        entry = refresh_entry(account.name)

        async def load() -> str:
            try:
                return await _in_time(entry)
            except MissingSecretError:
                raise SignInAgainError(
                    f"Nobody has signed in to {account.name} yet.",
                    remedy=f"Sign in: misfin-tui account login {account.name}",
                ) from None

        async def store(refresh: str) -> None:
            await asyncio.to_thread(store_secret, entry, refresh)

        endpoint = await token_endpoint(account)
        # Another log-in may have come here meanwhile. Two sources would use one refresh token twice, and a
        # provider that gives a new one each time then ends the sign-in.
        _SOURCES.setdefault(key, TokenSource(endpoint, account.name, load=load, store=store))
    return _SOURCES[key]


def forget_access_token(account: EmailAccount) -> None:
    """A server refused the access token, or somebody signed in again: get another one next time."""
    source = _SOURCES.get(_source_key(account))
    if source is not None:
        source.forget()


def _source_key(account: EmailAccount) -> tuple[object, ...]:
    return account.name, account.client_id, account.client_secret, account.oauth, account.servers


_SOURCES: dict[tuple[object, ...], TokenSource] = {}
"""One for each account: what it got is good for every server."""


# ---- reading


def read_secret(ref: SecretRef) -> str:
    """The secret. Raises :class:`SecretError`, which says what to do."""
    return _READERS[ref.place](ref.name)


def _from_environment(name: str) -> str:
    value = os.environ.get(name, "")
    if not value:
        raise SecretError(
            f"The environment variable {name} is not set.",
            remedy=f"Set {name} where you start the program, or keep the password elsewhere.",
        )
    return value


def _from_keyring(name: str) -> str:
    secret = _with_keyring(lambda ring: ring.get_password(*_entry(name)))
    if not secret:
        account = name.rpartition("/")[2]
        raise MissingSecretError(
            f"The keyring has no password for {name}.",
            remedy=f"Store it: misfin-tui account password {account}",
        )
    return str(secret)


def _from_command(line: str) -> str:
    status, output, complaint = _run(_arguments(line))
    program = shlex.split(line)[0]
    if status:
        says = f" and said: {complaint}" if complaint else ""
        raise SecretError(
            f"The command {program} for the password ended with status {status}{says}.",
            remedy=f"Try it at the shell: {line}",
        )
    first = output.split(b"\n", 1)[0].removesuffix(b"\r")
    try:
        secret = first.decode("utf-8")
    except UnicodeDecodeError:
        raise SecretError(f"The command {program} printed something that is not UTF-8 text.") from None
    if not secret:
        raise SecretError(
            f"The command {program} printed no password.",
            remedy=f"The first line of its output must be the password. Try it at the shell: {line}",
        )
    return secret


_READERS: Final[dict[SecretPlace, Callable[[str], str]]] = {
    SecretPlace.KEYRING: _from_keyring,
    SecretPlace.COMMAND: _from_command,
    SecretPlace.ENV: _from_environment,
}


# ---- the keyring


def keyring_problem() -> str:
    """Why no secret can be kept in a keyring on this machine; empty where one can."""
    try:
        _backend()
    except SecretError as error:
        return str(error)
    return ""


def store_secret(ref: SecretRef, secret: str) -> None:
    """Keep a secret in the keyring, in place of an earlier one. Raises :class:`SecretError`."""
    if ref.place is not SecretPlace.KEYRING:
        raise SecretError("Only a keyring can store a password.")
    _with_keyring(lambda ring: ring.set_password(*_entry(ref.name), secret))


def remove_secret(ref: SecretRef) -> bool:
    """Remove a secret from the keyring; False where there is none. Raises :class:`SecretError`."""
    if ref.place is not SecretPlace.KEYRING:
        return False

    def remove(ring: ModuleType) -> bool:
        if ring.get_password(*_entry(ref.name)) is None:
            return False
        ring.delete_password(*_entry(ref.name))
        return True

    return bool(_with_keyring(remove))


def _entry(name: str) -> tuple[str, str]:
    service, slash, user = name.rpartition("/")
    return (service, user) if slash else (SERVICE, name)


def _backend() -> ModuleType:
    try:
        import keyring  # late: it looks for every backend there is
        from keyring.backends import fail, null
    except ImportError:
        raise NoKeyringError("The Python package `keyring` is not installed.") from None
    if isinstance(keyring.get_keyring(), (fail.Keyring, null.Keyring)):
        raise NoKeyringError("There is no keyring on this machine.")
    return keyring


def _with_keyring(action: Callable[[ModuleType], object]) -> object:
    ring = _backend()
    from keyring.errors import KeyringError, KeyringLocked
    from keyring.errors import NoKeyringError as Missing

    try:
        return action(ring)
    except KeyringLocked:
        raise SecretError("The keyring is locked.", remedy="Unlock it, then try again.") from None
    except Missing:
        raise NoKeyringError("There is no keyring on this machine.") from None
    except KeyringError as error:
        raise SecretError(
            f"The keyring cannot be used: {str(error)[:_SHOWN]}.",
            remedy="Unlock or repair it, then try again.",
        ) from None
    except Exception as error:
        # A backend speaks with D-Bus and others, and raises whatever they do.
        raise SecretError(
            f"The keyring cannot be used: {type(error).__name__}.",
            remedy="Check that its service runs; `keyring diagnose` shows which one is used.",
        ) from None


# ---- commands


def _arguments(line: str) -> list[str]:
    try:
        arguments = shlex.split(line)
    except ValueError:
        arguments = []
    if not arguments:
        raise SecretError("The command for the password is empty or has a quote that is not closed.")
    return [os.path.expanduser(each) for each in arguments]  # noqa: PTH111 - few of them are paths


def _run(arguments: list[str]) -> tuple[int, bytes, str]:
    """Exit status, output, and the last line of what it said about a failure."""
    try:
        process = subprocess.Popen(
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,  # it must not read the keys of the program, and ends with what it started
        )
    except OSError as error:
        raise SecretError(
            f"The command {arguments[0]} for the password cannot be run: {error.strerror}.",
            remedy="Check `password` of the account.",
        ) from None
    with process:
        try:
            output, complaint = _both(process)
            return process.wait(PATIENCE), output, complaint
        except BaseException as error:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            if not isinstance(error, TimeoutError | subprocess.TimeoutExpired):
                raise
            raise SecretError(
                f"The command {arguments[0]} provided no password within {PATIENCE:g} seconds.",
                remedy="Run it at the shell; if it asks for something, unlock that first.",
            ) from None


def _both(process: subprocess.Popen[bytes]) -> tuple[bytes, str]:
    """What a process writes to both its streams; raises TimeoutError, and SecretError for too much."""
    ends = time.monotonic() + PATIENCE
    assert process.stdout is not None
    assert process.stderr is not None
    read = {process.stdout.fileno(): bytearray(), process.stderr.fileno(): bytearray()}
    with selectors.DefaultSelector() as selector:
        for descriptor in read:
            selector.register(descriptor, selectors.EVENT_READ)
        while selector.get_map():
            ready = selector.select(max(0.0, ends - time.monotonic()))
            if not ready:
                raise TimeoutError
            for key, _ in ready:
                data = os.read(key.fd, MAX_OUTPUT)
                read[key.fd] += data
                if not data:
                    selector.unregister(key.fd)
                if len(read[key.fd]) > MAX_OUTPUT:
                    raise SecretError("The command for the password prints more than 64 KiB.")
    output, errors = read.values()
    lines = errors.decode("utf-8", "replace").strip().splitlines()
    return bytes(output), lines[-1][:_SHOWN].rstrip(".") if lines else ""
