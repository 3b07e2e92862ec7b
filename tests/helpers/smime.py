"""S/MIME certificates that a real OpenSSL made, and what it encrypts, signs and checks."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

MISSING = "" if shutil.which("openssl") else "OpenSSL is not installed"
_CURVE = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256")
_RSA = ("-newkey", "rsa:2048")


def openssl(*arguments: str | Path, data: bytes = b"") -> bytes:
    """What one command of it prints."""
    command = ["openssl", *map(str, arguments)]
    return subprocess.run(command, input=data, capture_output=True, check=True, timeout=30).stdout


def make_authority(folder: Path) -> Path:
    """``ca.pem`` with ``ca.key``."""
    subject = ("-subj", "/CN=Test authority")
    new = ("req", "-x509", *_CURVE, "-nodes", "-days", "30")
    openssl(*new, "-keyout", folder / "ca.key", "-out", folder / "ca.pem", *subject)
    return folder / "ca.pem"


def make_certificate(folder: Path, name: str, address: str, *, rsa: bool = False) -> Path:
    """``NAME.pem`` with ``NAME.key``, signed by the authority of the folder."""
    use = ("-addext", f"subjectAltName=email:{address}", "-addext", "extendedKeyUsage=emailProtection")
    by = ("-CA", folder / "ca.pem", "-CAkey", folder / "ca.key")
    end = ("-addext", "basicConstraints=critical,CA:false")
    new = ("req", "-x509", *(_RSA if rsa else _CURVE), "-nodes", "-days", "30")
    made = folder / f"{name}.pem"
    openssl(*new, "-keyout", folder / f"{name}.key", "-out", made, "-subj", f"/CN={name}", *use, *by, *end)
    return made


def pkcs12(certificate: Path, password: str, *options: str | Path) -> bytes:
    """The certificate with its key and its authority as a PKCS#12 file."""
    given = ("-in", certificate, "-inkey", certificate.with_suffix(".key"), "-passout", f"pass:{password}")
    chain = ("-certfile", certificate.parent / "ca.pem")
    return openssl("pkcs12", "-export", *given, *chain, *options)


def encrypt(entity: bytes, *certificates: Path, options: tuple[str, ...] = ()) -> bytes:
    """The entity for these recipients, as DER."""
    return openssl("cms", "-encrypt", "-binary", "-outform", "DER", *options, *certificates, data=entity)
