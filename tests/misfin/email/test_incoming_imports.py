"""The engines are light, and nothing loads them that does not use them."""

import subprocess
import sys

HEAVY = {"asyncio", "cryptography", "email", "OpenSSL", "socket", "sqlite3", "ssl", "textual", "urllib"}


def loaded(statement: str) -> set[str]:
    """The modules that a statement loads in a fresh process."""
    probe = f"import sys; before = set(sys.modules); {statement}; print(*set(sys.modules) - before)"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_the_engines_import_nothing_heavy():
    modules = loaded("import misfin.email.imap, misfin.email.pop3")
    assert not HEAVY & {name.partition(".")[0] for name in modules}
    assert not {name for name in modules if name.startswith(("misfin.net", "misfin.store", "misfin.post"))}


def test_nothing_of_them_is_loaded_with_the_program():
    modules = loaded("import misfin, misfin.post.courier, misfin_tui.app, misfin_tui.cli.parser")
    assert not {name for name in modules if name.startswith("misfin.email")}
