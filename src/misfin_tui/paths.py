"""Where a profile keeps its files; nothing here creates or reads a file."""

from __future__ import annotations

import os
from pathlib import Path

from misfin.valueclass import dataclass

APP = "misfin-tui"
HOME_VARIABLE = "MISFIN_TUI_HOME"


@dataclass(frozen=True, slots=True)
class Profile:
    """The folders of one profile: what cannot be replaced in ``root``, the rest in ``cache``.

    See docs/mail-on-disk.md §1.
    """

    root: Path
    cache: Path
    runtime: Path

    @property
    def config(self) -> Path:
        """Settings, ``config.toml``; may be absent."""
        return self.root / "config.toml"

    @property
    def identities(self) -> Path:
        """Folder of ``NAME.pem`` files, certificate and key in one, mode 0600."""
        return self.root / "identities"

    @property
    def certificates(self) -> Path:
        """Folder of ``NAME.pem`` files: certificates of mailboxes whose key only the owner has."""
        return self.root / "mailbox-certificates"

    @property
    def mail(self) -> Path:
        """Folder with one Maildir++ per identity or account."""
        return self.root / "mail"

    @property
    def sync(self) -> Path:
        """What is known of mailboxes elsewhere: ``NAME.db`` for each account kept in sync with one."""
        return self.root / "sync"

    @property
    def attic(self) -> Path:
        """Messages that were deleted elsewhere, kept for a while: a Maildir for each such account."""
        return self.root / "attic"

    @property
    def trust_db(self) -> Path:
        """Pins of hosts and senders."""
        return self.root / "trust.db"

    @property
    def outbox_db(self) -> Path:
        """The outbox."""
        return self.root / "outbox.db"

    @property
    def hosting_db(self) -> Path:
        """Mailing lists, and what the mailboxes of a host want; there only once a command has made it."""
        return self.root / "hosting.db"

    @property
    def hosting_outbox_db(self) -> Path:
        """The outbox of mailing lists and automatic answers."""
        return self.root / "hosting-outbox.db"

    @property
    def smime(self) -> Path:
        """S/MIME certificates with their keys."""
        return self.root / "smime"

    @property
    def conversations(self) -> Path:
        """Conversations that were split or joined by hand."""
        return self.root / "conversations.json"

    @property
    def contacts_db(self) -> Path:
        """People written to and heard from."""
        return self.root / "contacts.db"

    @property
    def index_db(self) -> Path:
        """The index over the mail; rebuilt from it at any time."""
        from misfin.store.index_file import index_file  # late: only the mail commands need it

        return index_file(self.cache)

    @property
    def undo_db(self) -> Path:
        """The last actions on messages, for undo after a restart; may be deleted at any time."""
        return self.cache / "undo.db"

    @property
    def themes(self) -> Path:
        """The user's own colour themes."""
        return self.root / "themes"


def profile_at(folder: Path) -> Profile:
    """A profile kept in one folder (``--profile DIR``)."""
    root = Path(os.path.abspath(folder.expanduser()))  # noqa: PTH100 - resolve() would follow links the user meant
    return Profile(root=root, cache=root / "cache", runtime=root / "run")


def find_profile(folder: str | Path | None = None) -> Profile:
    """The profile to use: ``folder`` if given, else ``$MISFIN_TUI_HOME``, else the system's usual places."""
    chosen = folder or os.environ.get(HOME_VARIABLE)
    if chosen:
        return profile_at(Path(chosen))
    import platformdirs  # late: only needed when no folder was named

    return Profile(
        root=Path(platformdirs.user_data_dir(APP, appauthor=False)),
        cache=Path(platformdirs.user_cache_dir(APP, appauthor=False)),
        runtime=Path(platformdirs.user_data_dir(APP, appauthor=False)) / "run",
    )
