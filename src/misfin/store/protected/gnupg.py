"""GnuPG as a function: verify, decrypt, sign, encrypt, and whose keys there are.

Its agent and its pinentry ask for passphrases; none ever passes through this program. Nothing is looked up on
key servers. Every call blocks and raises :class:`~misfin.errors.LocalError` if GnuPG cannot be run.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from misfin.errors import LocalError
from misfin.store.protected.running import ProgramRun, run
from misfin.store.protected.status import GpgStatus, PublicKey, parse_keys, parse_status

PATIENCE = 180.0
"""Seconds for a person to type a passphrase."""
MAX_SIGNATURE = 1024 * 1024
"""Bytes of a detached signature."""
_ALWAYS = ("--batch", "--no-tty", "--no-auto-key-retrieve", "--no-auto-key-locate", "--disable-dirmngr")


class GpgResult(NamedTuple):
    """What came out, and what GnuPG says of it."""

    output: bytes
    status: GpgStatus


@dataclass(frozen=True, slots=True)
class GnuPG:
    """An installed GnuPG. ``terminal`` is where its pinentry may ask; without one, it does not ask at all."""

    program: str
    home: str = ""
    terminal: str = ""

    @staticmethod
    def installed() -> GnuPG | None:
        """The one on the search path; None if there is none."""
        program = shutil.which("gpg") or shutil.which("gpg2")
        return GnuPG(program) if program else None

    def verify(self, signed: bytes, signature: bytes) -> GpgStatus:
        """Check a detached signature over ``signed``, whose lines end as they were signed (RFC 3156 §5)."""
        if len(signature) > MAX_SIGNATURE:
            raise LocalError("The signature is too large to be checked.")
        arguments = ("--enable-special-filenames", "--verify", "--", "-&{beside}", "-")
        status = parse_status(self._run(arguments, signed, beside=signature).status)
        # A whole signed message in place of the signature would say nothing about what is shown.
        return GpgStatus() if status.literal else status

    def decrypt(self, data: bytes) -> GpgResult:
        """Decrypt a message, or take the text out of a signed one. The output is empty unless it is certain.

        Signatures inside are checked too. Without a terminal, a key with a passphrase that the agent does not
        have yet stays locked.
        """
        done = self._run(("--decrypt", "--"), data)
        status = parse_status(done.status)
        certain = status.plaintexts == 1 and (
            status.decrypted or (status.signatures and not _encrypted(done))
        )
        return GpgResult(done.output if certain else b"", status)

    def sign(self, content: bytes, key: str) -> GpgResult:
        """A detached signature by a key (its fingerprint). The output is empty if there is none."""
        arguments = ("--armor", "--local-user", key, "--detach-sign", "--")
        done = self._run(arguments, content)
        status = parse_status(done.status)
        return GpgResult(done.output if status.digest and not done.code else b"", status)

    def encrypt(self, content: bytes, key: str, to: Sequence[str], hidden: Sequence[str]) -> GpgResult:
        """The content signed by a key, and encrypted to others (all of them fingerprints).

        ``hidden`` are recipients that the others must not see. Only keys that GnuPG trusts are taken. The
        output is empty if it was not done.
        """
        who = [part for each in to for part in ("--recipient", each)]
        who += [part for each in hidden for part in ("--hidden-recipient", each)]
        done = self._run(("--armor", "--local-user", key, *who, "--sign", "--encrypt", "--"), content)
        status = parse_status(done.status)
        return GpgResult(done.output if status.encrypted and status.digest and not done.code else b"", status)

    def keys(self, *names: str) -> tuple[PublicKey, ...]:
        """The public keys that fit fingerprints or ``<addresses>``."""
        return parse_keys(self._listing("--list-keys", names))

    def secret_keys(self, *names: str) -> tuple[PublicKey, ...]:
        """The keys to sign with that fit fingerprints or ``<addresses>``."""
        return parse_keys(self._listing("--list-secret-keys", names))

    def _listing(self, what: str, names: Sequence[str]) -> str:
        arguments = ("--with-colons", "--fixed-list-mode", what, "--", *names)
        return self._run(arguments, b"").output.decode("utf-8", "replace")

    def _run(self, arguments: Sequence[str], data: bytes, *, beside: bytes | None = None) -> ProgramRun:
        command = [self.program, *_ALWAYS, "--status-fd", "{status}"]
        if self.home:
            command += ["--homedir", self.home]
        if not self.terminal:
            command += ["--pinentry-mode", "error"]
        environment = {"GPG_TTY": self.terminal} if self.terminal else {}
        seconds = PATIENCE if self.terminal else 30.0
        return run([*command, *arguments], data, seconds=seconds, environment=environment, beside=beside)


def _encrypted(done: ProgramRun) -> bool:
    return "[GNUPG:] BEGIN_DECRYPTION" in done.status
