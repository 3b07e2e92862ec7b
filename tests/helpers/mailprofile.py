"""A profile on disk with one e-mail account, and the program as a shell runs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SOURCE = Path(__file__).parents[2] / "src"
PASSWORD_VARIABLE = "ADA_PASSWORD"


@dataclass(frozen=True)
class MailProfile:
    """``bin`` has the program, also as ``sendmail``; ``environment`` is for whoever calls it."""

    root: Path
    bin: Path
    environment: dict[str, str]

    def run(
        self, *words: str, data: bytes = b"", name: str = "misfin-tui"
    ) -> subprocess.CompletedProcess[bytes]:
        """Run the program; what it left is looked at by the caller."""
        done = subprocess.run(
            [self.bin / name, *words],
            input=data,
            capture_output=True,
            env=self.environment,
            timeout=120,
            check=False,
        )
        assert b"Traceback" not in done.stderr, done.stderr.decode()
        return done

    def rows(self) -> list[dict[str, Any]]:
        """The outbox, oldest first."""
        lines = self.run("outbox", "--json").stdout.splitlines()
        return [json.loads(line) for line in lines][::-1]


def make_mail_profile(
    folder: Path, smtp: str, *, password: str = "", ca_file: Path | None = None, more: str = ""
) -> MailProfile:
    """A profile below ``folder`` whose account ``work`` is ada@example.org, with this server to send by.

    Without a password it does not log in.
    """
    root, programs = folder / "profile", folder / "bin"
    root.mkdir(mode=0o700)
    programs.mkdir()
    (root / "config.toml").write_text(
        '[accounts.work]\nkind = "email"\naddress = "ada@example.org"\nname = "Ada Example"\n'
        f'smtp = "{smtp}"\n'
        + (f'password = {{ env = "{PASSWORD_VARIABLE}" }}\n' if password else 'auth = "none"\n')
        + ("plaintext = true\n" if smtp.startswith("smtp:") and not password else "")
        + (f'ca_file = "{ca_file}"\n' if ca_file else "")
        + more
    )
    for name in ("misfin-tui", "sendmail"):
        program = programs / name
        program.write_text(
            f"#!{sys.executable}\nimport sys\nsys.path.insert(0, {str(SOURCE)!r})\n"
            "from misfin_tui.cli import main\nsys.exit(main())\n"
        )
        program.chmod(0o755)
    environment = {
        **os.environ,
        "PATH": f"{programs}:{os.environ['PATH']}:/usr/sbin:/usr/bin:/bin",
        "MISFIN_TUI_HOME": str(root),
        PASSWORD_VARIABLE: password,
        "PYTHONUTF8": "1",
    }
    return MailProfile(root, programs, environment)
