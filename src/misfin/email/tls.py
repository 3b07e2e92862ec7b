"""TLS to mail servers: contexts that trust authorities, or the one certificate a person trusts for a server.

Each decides inside the handshake, before anything of a log-in leaves. Nothing here knows pins;
:mod:`misfin.email.servertrust` does.
"""

from __future__ import annotations

import os
import re
import ssl
from pathlib import Path

from misfin.errors import AccountError

_NO_CHECK_TIME = 0x200000  # X509_V_FLAG_NO_CHECK_TIME, which the ssl module does not name
_VERSIONS = {
    "1.0": ssl.TLSVersion.TLSv1,
    "1.2": ssl.TLSVersion.TLSv1_2,
    "1.3": ssl.TLSVersion.TLSv1_3,
}
_HASHED = re.compile(r"[0-9a-f]{8}\.\d+")
"""How OpenSSL finds an authority in a folder: by a hash of its name."""


def system_context() -> ssl.SSLContext:
    """Trusts what the system's authorities vouch for. Blocking: a millisecond, or 20 where all are read.

    Where each authority has a file that is named by its hash, OpenSSL reads the one it needs during a
    handshake. Reading all of them takes longer than a look at an unchanged mailbox, and two megabytes.
    """
    return ssl.create_default_context(capath=_complete_folder())


def _complete_folder() -> str | None:
    """The system's folder of authorities, if it has at least as many as the file of all of them."""
    paths = ssl.get_default_verify_paths()
    if paths.capath is None or paths.cafile is None or os.environ.get("SSL_CERT_FILE"):
        return None
    try:
        found = sum(_HASHED.fullmatch(entry.name) is not None for entry in os.scandir(paths.capath))
        wanted = Path(paths.cafile).read_bytes().count(b"-----BEGIN ")
    except OSError:
        return None
    return paths.capath if found >= wanted > 0 else None


def authority_context(*, ca_file: str = "", min_tls: str = "1.2") -> ssl.SSLContext:
    """Trusts what the system's authorities vouch for, and those of ``ca_file`` (PEM). Blocking.

    Raises :class:`~misfin.errors.AccountError` for a ``ca_file`` that cannot be used.
    """
    context = system_context()
    if ca_file:
        try:
            context.load_verify_locations(cafile=ca_file)
        except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
            why = getattr(error, "strerror", None) or error
            raise AccountError(
                f"The authorities in {ca_file} cannot be used: {why}.",
                remedy="Set `ca_file` of the account to a PEM file with certificates.",
            ) from error
    return _limited(context, min_tls)


def exception_context(certificate: bytes, *, min_tls: str = "1.2") -> ssl.SSLContext:
    """Trusts this one certificate (DER) and nothing else: whatever name it has, and after it has expired."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.load_verify_locations(cadata=certificate)
    context.verify_flags |= ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN
    context.verify_flags = ssl.VerifyFlags(context.verify_flags | _NO_CHECK_TIME)
    return _limited(context, min_tls)


def looking_context(*, min_tls: str = "1.2") -> ssl.SSLContext:
    """Trusts anything: only for a connection that looks at the certificate and is closed at once."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return _limited(context, min_tls)


def _limited(context: ssl.SSLContext, min_tls: str) -> ssl.SSLContext:
    if min_tls != "1.0":
        context.minimum_version = _VERSIONS[min_tls]
        return context
    from misfin.trust.certificate import quiet  # late: for old servers only

    with quiet():  # Python warns about it, and it is the person's own choice
        context.minimum_version = _VERSIONS[min_tls]
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    return context
