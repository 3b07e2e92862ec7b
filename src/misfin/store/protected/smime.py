"""Checks S/MIME signatures (RFC 8551) with OpenSSL, up to an authority of the system, and decrypts.

Nothing is fetched: neither certificates nor revocation lists. Every call blocks, and raises
:class:`~misfin.errors.LocalError` if OpenSSL cannot be run.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from misfin.errors import LocalError
from misfin.store.protected.running import run
from misfin.store.protected.smime_keys import MAX_KEYS, SmimeKey, addresses_of, name_of

MAX_SIGNATURE = 4 * 1024 * 1024
"""Bytes of a detached signature with its certificates."""
_REASON = re.compile(r"Verify error:\s*([A-Za-z0-9 ,()'-]{1,120})")


@dataclass(frozen=True, slots=True)
class SmimeResult:
    """``intact``: the text is what was signed. ``trusted``: the certificate leads to a system authority.

    ``content`` is the signed text if the signature contained it. ``addresses`` are those of the certificates
    that signed, in lower case; ``reason`` is why they are not trusted.
    """

    intact: bool
    trusted: bool = False
    content: bytes = b""
    addresses: frozenset[str] = frozenset()
    subject: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class OpenSSL:
    """An installed OpenSSL. ``ca_file`` is a PEM with authorities besides the system's."""

    program: str
    ca_file: str = ""

    @staticmethod
    def installed() -> OpenSSL | None:
        """The one on the search path; None if there is none."""
        program = shutil.which("openssl")
        return OpenSSL(program) if program else None

    def verify(self, signature: bytes, signed: bytes | None) -> SmimeResult:
        """Check a signature over ``signed``, or one that contains its text: then it is None."""
        if signed is not None and len(signature) > MAX_SIGNATURE:
            raise LocalError("The signature is too large to be checked.")
        with tempfile.TemporaryDirectory(prefix="misfin-smime-") as folder:  # certificates only, mode 0700
            signer = Path(folder) / "signer.pem"
            command = [self.program, "cms", "-verify", "-inform", "DER", "-binary", "-signer", str(signer)]
            if self.ca_file:
                command += ["-CAfile", self.ca_file]
            if signed is None:
                data = signature
            else:
                detached = Path(folder) / "signature.der"
                detached.write_bytes(signature)
                command += ["-in", str(detached), "-content", "/dev/stdin"]
                data = signed
            done = run([*command, "-purpose", "smimesign"], data)
            reason = ""
            if trusted := done.code == 0:
                intact = done
            else:
                reason = ((found := _REASON.search(done.errors)) and found[1].strip()) or ""
                intact = run([*command, "-noverify"], data)
            if intact.code:
                return SmimeResult(intact=False)
            addresses, subject = _signer(signer)
        content = b"" if signed is not None else intact.output
        return SmimeResult(True, trusted, content, addresses, subject, reason)

    def decrypt(self, data: bytes, keys: Sequence[SmimeKey]) -> bytes | None:
        """What is in an encrypted message (DER), with the first of the keys that it is for; None if with
        none.
        """
        for key in keys[:MAX_KEYS]:
            # Only where it names the certificate: any other key would be tried on it, and give nonsense.
            tried = ["-recip", str(key.path), "-inkey", str(key.path)]
            done = run([self.program, "cms", "-decrypt", "-inform", "DER", "-binary", *tried], data)
            if done.code == 0:
                return done.output
        return None


def _signer(path: Path) -> tuple[frozenset[str], str]:
    """The addresses that every certificate in a PEM is for, and who the first one names."""
    from cryptography import x509  # late: only where something was signed

    try:
        certificates = x509.load_pem_x509_certificates(path.read_bytes())
        found = [frozenset(addresses_of(certificate)) for certificate in certificates]
        subject = name_of(certificates[0])
    except (OSError, ValueError, IndexError):
        return frozenset(), ""
    return frozenset.intersection(*found), subject
