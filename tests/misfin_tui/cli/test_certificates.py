"""S/MIME certificates at a shell: imported with their password, listed, deleted after a question."""

from __future__ import annotations

from pathlib import Path

import pytest
import smime

from .conftest import Shell

pytestmark = pytest.mark.skipif(bool(smime.MISSING), reason=smime.MISSING)


def test_a_certificate_is_imported_listed_and_deleted(shell: Shell, tmp_path: Path) -> None:
    smime.make_authority(tmp_path)
    certificate = smime.make_certificate(tmp_path, "ada", "ada@home.example")
    file, password = tmp_path / "ada.p12", tmp_path / "password"
    file.write_bytes(smime.pkcs12(certificate, "sés ame"))
    password.write_text("sés ame\n")
    shell.root.mkdir(mode=0o700)
    assert shell.json("account", "certificates") == []
    wrong = shell.run("account", "import-certificate", str(file), text="wrong\n", check=2)
    assert "password is wrong" in wrong.stderr
    (made,) = shell.json("account", "import-certificate", str(file), text="sés ame\n")
    assert made["addresses"] == ["ada@home.example"]
    given = shell.run("account", "import-certificate", str(file), "--password-file", str(password))
    assert given.stdout == "Kept the certificate of ada@home.example.\n"
    assert shell.json("account", "certificates") == [made]
    shell.run("account", "forget-certificate", made["fingerprint"][:6], "--yes", check=2)
    shell.run("account", "forget-certificate", made["fingerprint"][:16], check=2)
    shell.run("account", "forget-certificate", made["fingerprint"][:16], "--yes")
    assert shell.json("account", "certificates") == []


def test_a_file_that_is_not_there_is_named(shell: Shell, tmp_path: Path) -> None:
    done = shell.run("account", "import-certificate", str(tmp_path / "none.p12"), text="x\n", check=2)
    assert "none.p12 cannot be read: No such file" in done.stderr
