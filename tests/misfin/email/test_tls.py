"""The system's authorities are all trusted, read one by one where its folder has each by its hash."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
from pathlib import Path

import pytest

from misfin.email.tls import system_context

COMMAND = [
    "req",
    "-x509",
    "-newkey",
    "ec",
    "-pkeyopt",
    "ec_paramgen_curve:prime256v1",
    "-nodes",
    "-days",
    "2",
    "-subj",
    "/CN=localhost",
    "-addext",
    "subjectAltName=DNS:localhost",
    "-addext",
    "basicConstraints=critical,CA:TRUE",
]


class Authorities:
    """A folder and a file of authorities, of whom one vouches for localhost."""

    def __init__(self, root: Path, monkeypatch) -> None:
        self.folder, self.file = root / "certs", root / "bundle.pem"
        self.folder.mkdir()
        self.key, self.cert = root / "key.pem", root / "cert.pem"
        subprocess.run(
            ["openssl", *COMMAND, "-keyout", self.key, "-out", self.cert], check=True, capture_output=True
        )
        self.file.write_bytes(self.cert.read_bytes())
        paths = ssl.get_default_verify_paths()._replace(cafile=str(self.file), capath=str(self.folder))
        monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: paths)
        monkeypatch.setenv("SSL_CERT_FILE", str(self.file))  # what OpenSSL itself takes for the system's
        self.monkeypatch = monkeypatch

    def hashed(self) -> None:
        """Put the authority into the folder as OpenSSL looks for it."""
        command = ["openssl", "x509", "-noout", "-subject_hash", "-in", self.cert]
        name = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
        (self.folder / f"{name}.0").symlink_to(self.cert)

    def accepted_by(self, context: ssl.SSLContext) -> bool:
        """Whether a server with the certificate is trusted."""
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.load_cert_chain(self.cert, self.key)
        near, far = socket.socketpair()
        with near, far:
            thread = threading.Thread(target=_greets, args=(server, far))
            thread.start()
            try:
                context.wrap_socket(near, server_hostname="localhost").close()
            except ssl.SSLCertVerificationError:
                return False
            finally:
                near.close()
                thread.join(20)
        return True


def _greets(server: ssl.SSLContext, far: socket.socket) -> None:
    try:
        server.wrap_socket(far, server_side=True).close()
    except OSError:
        far.close()


@pytest.fixture
def authorities(tmp_path, monkeypatch) -> Authorities:
    return Authorities(tmp_path, monkeypatch)


def test_an_authority_is_read_when_it_is_needed(authorities, monkeypatch):
    monkeypatch.delenv("SSL_CERT_FILE")
    authorities.hashed()
    context = system_context()
    assert context.get_ca_certs() == [], "none was read yet"
    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert authorities.accepted_by(context)


@pytest.mark.parametrize("missing", ["in the folder", "the folder", "the file"])
def test_a_folder_that_lacks_any_is_not_used(authorities, monkeypatch, missing):
    monkeypatch.delenv("SSL_CERT_FILE")
    if missing == "the folder":
        authorities.folder.rmdir()
    elif missing == "the file":
        authorities.file.unlink()
    context = system_context()
    assert len(context.get_ca_certs()) == len(ssl.create_default_context().get_ca_certs())


def test_a_file_that_a_person_chose_counts_alone(authorities):
    authorities.hashed()
    context = system_context()
    assert len(context.get_ca_certs()) == 1
    assert authorities.accepted_by(context)


def test_another_certificate_is_refused_either_way(authorities, tmp_path, monkeypatch):
    monkeypatch.delenv("SSL_CERT_FILE")
    authorities.hashed()
    subprocess.run(
        ["openssl", *COMMAND, "-keyout", authorities.key, "-out", tmp_path / "other.pem"],
        check=True,
        capture_output=True,
    )
    authorities.cert = tmp_path / "other.pem"
    assert not authorities.accepted_by(system_context())
