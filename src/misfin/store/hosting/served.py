"""The identities that a host receives for: those in its folder, and mailboxes whose key it does not have.

Such a mailbox is a certificate alone, in a folder of its own, so that nothing that writes or signs ever comes
across it. It counts while the identity that signed it is here (docs/hosting.md §4).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from misfin.errors import IdentityError
from misfin.files import sync_folder, write_private
from misfin.store.identities import MAX_FILE, IdentityStore, StoredIdentity, file_name

if TYPE_CHECKING:
    from misfin.trust.identity import Identity


class CertificateStore(IdentityStore):
    """The folder of mailboxes without their keys, each a file ``NAME.pem`` with one certificate."""

    def _read(self, name: str) -> Identity:
        return _certificate_in(self.folder / f"{name}.pem")

    def put(self, identity: Identity) -> Path:
        """Save a certificate, in place of an earlier one of this mailbox. Raises :class:`OSError`."""
        path = self.folder / f"{file_name(identity)}.pem"
        write_private(path, identity.cert_pem)
        sync_folder(path.parent)
        return path


class ServedIdentities(IdentityStore):
    """All of them; ``certificates`` is the other folder, which need not exist."""

    def __init__(self, folder: Path, certificates: Path | None, remember: Path | None = None) -> None:
        super().__init__(folder, remember)
        self._certificates = None if certificates is None else CertificateStore(certificates)

    @property
    def folders(self) -> tuple[Path, ...]:
        """What changes when an identity is added or removed."""
        return (self.folder,) if self._certificates is None else (self.folder, self._certificates.folder)

    def stamp(self) -> tuple[tuple[str, int, int], ...]:
        """See :meth:`IdentityStore.stamp`."""
        own = super().stamp()
        return own if self._certificates is None else (*own, ("", 0, 0), *self._certificates.stamp())

    def all(self) -> list[StoredIdentity]:
        """Every file; of certificates only those whose signer is here."""
        own = super().all()
        if self._certificates is None or not (others := self._certificates.all()):
            return own
        from misfin.trust.certificate import signed_by  # late: few hosts have such mailboxes

        signers = [one.identity.info for one in own if one.identity is not None and one.identity.info.is_ca]
        return own + [
            one
            for one in others
            if one.identity is None
            or any(
                each.hostname == one.identity.info.hostname and signed_by(one.identity.info, each)
                for each in signers
            )
        ]


def _certificate_in(path: Path) -> Identity:
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    from misfin.trust.certificate import quiet, read_certificate
    from misfin.trust.identity import Identity

    try:
        with path.open("rb") as file, quiet():
            found = x509.load_pem_x509_certificate(file.read(MAX_FILE))
    except (OSError, ValueError) as error:
        raise IdentityError(f"The certificate {path} cannot be read.") from error
    identity = Identity(
        read_certificate(found.public_bytes(Encoding.DER)), found.public_bytes(Encoding.PEM), b""
    )
    _ = identity.address  # fail here, as for an identity
    return identity
