"""``misfin-tui doctor``: checks profile, mail and network, and says what to do about problems."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import sys
import time
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime

from misfin.errors import MisfinError
from misfin.post.source import SourceState
from misfin_tui import config
from misfin_tui.cli import Exit
from misfin_tui.cli.finding import CheckVerdict, Finding
from misfin_tui.cli.output import emit, profile_of, say
from misfin_tui.paths import Profile

ROOM_NEEDED = 50 * 1024 * 1024
"""Bytes of free disk space below which mail will soon be refused."""


SOURCE_VERDICTS = {
    SourceState.RUNNING: CheckVerdict.GOOD,
    SourceState.STOPPED: CheckVerdict.NOTE,
    SourceState.WAITING: CheckVerdict.NOTE,
    SourceState.FAILED: CheckVerdict.BAD,
}
MARKS = {CheckVerdict.GOOD: "✓", CheckVerdict.NOTE: "·", CheckVerdict.BAD: "✗"}


def doctor(args: Namespace) -> int:
    """Print every finding; the exit status is 1 when something is bad."""
    profile = profile_of(args, new=True)
    if args.reindex and profile.root.exists():
        _reindex(profile)
    bad = False
    checks: tuple[Callable[[Profile], Iterator[Finding]], ...] = CHECKS
    if args.server:
        from misfin_tui.cli.doctor_server import check_server  # late: it looks at the network

        checks += (check_server,)
    for check in checks:
        for finding in _guarded(check, profile):
            bad = bad or finding.verdict is CheckVerdict.BAD
            record = {
                "topic": finding.topic,
                "verdict": finding.verdict.value,
                "text": finding.text,
                "remedy": finding.remedy,
            }
            advice = f" {finding.remedy}" if finding.remedy else ""
            emit(args, record, f"{MARKS[finding.verdict]} {finding.topic}: {finding.text}{advice}")
    return Exit.FAILED if bad else Exit.DONE


def _guarded(check: Callable[[Profile], Iterator[Finding]], profile: Profile) -> Iterator[Finding]:
    """Run one check. An error in it is a finding too, and the other checks still run."""
    topic = check.__name__.removeprefix("check_").replace("_", " ")
    try:
        yield from check(profile)
    except MisfinError as error:
        yield Finding(topic, CheckVerdict.BAD, str(error), error.remedy)
    except (OSError, sqlite3.Error) as error:
        yield Finding(topic, CheckVerdict.BAD, str(error), "Check the file, its permissions and the disk.")


def check_versions(_profile: Profile) -> Iterator[Finding]:
    """The versions of the program and of its libraries."""
    from importlib.metadata import version

    names = ("misfin-tui", "textual", "cryptography", "pyOpenSSL")
    found = ", ".join(f"{name} {version(name)}" for name in names)
    python = ".".join(map(str, sys.version_info[:3]))
    yield Finding("versions", CheckVerdict.GOOD, f"{found}, Python {python}, SQLite {sqlite3.sqlite_version}")


def check_profile(profile: Profile) -> Iterator[Finding]:
    """The profile folder exists, is private, and its disk has space."""
    if not profile.root.exists():
        yield Finding(
            "profile", CheckVerdict.NOTE, f"{profile.root} does not exist yet.", "It is created when needed."
        )
        return
    mode = stat.S_IMODE(profile.root.stat().st_mode)
    if mode & 0o077:
        yield Finding(
            "profile",
            CheckVerdict.NOTE,
            f"Other users can open {profile.root} (mode {mode:o}).",
            "Run chmod 700 on it.",
        )
    if not os.access(profile.root, os.W_OK):
        yield Finding(
            "profile",
            CheckVerdict.BAD,
            f"{profile.root} cannot be written.",
            "Check its owner and permissions.",
        )
    free = shutil.disk_usage(profile.root).free
    if free < ROOM_NEEDED:
        yield Finding(
            "profile",
            CheckVerdict.BAD,
            f"Only {free // 1024:,} KiB are free.",
            "Free some space, or mail will be refused.",
        )
    yield Finding("profile", CheckVerdict.GOOD, str(profile.root))


def check_settings(profile: Profile) -> Iterator[Finding]:
    """The settings file can be read, and the keys in it mean something."""
    settings = config.load(profile.config)
    from misfin_tui.keymap import resolve

    for problem in resolve(settings.keys).problems:
        yield Finding("settings", CheckVerdict.BAD, problem)
    where = str(profile.config) if profile.config.exists() else "no file; the defaults are used"
    yield Finding("settings", CheckVerdict.GOOD, where)


def check_identities(profile: Profile) -> Iterator[Finding]:
    """Every identity can be read, is private, and should be accepted by other servers."""
    from misfin.store.identities import IdentityStore
    from misfin.trust.identity import check, expires_soon

    stored = IdentityStore(profile.identities).all()
    if not stored and not config.load(profile.config, []).accounts:
        yield Finding(
            "identities",
            CheckVerdict.NOTE,
            "You have none yet.",
            "Create one with `misfin-tui identity new mailbox@host`, or add an e-mail account with"
            " `misfin-tui account add`.",
        )
    for one in stored:
        if one.identity is None:
            yield Finding("identities", CheckVerdict.BAD, f"{one.path}: {one.problem}")
            continue
        if stat.S_IMODE(one.path.stat().st_mode) & 0o077:
            yield Finding(
                "identities", CheckVerdict.BAD, f"Other users can read {one.path}.", "Run chmod 600 on it."
            )
        now = datetime.now(UTC)
        for complaint in filter(None, (expires_soon(one.identity, now), *check(one.identity, now))):
            yield Finding("identities", CheckVerdict.NOTE, f"{one.name}: {complaint}")
        yield Finding("identities", CheckVerdict.GOOD, one.identity.address.long_form)


def check_accounts(profile: Profile) -> Iterator[Finding]:
    """Which accounts there are, and why one in the settings is left out."""
    from misfin_tui.config.accounts import account_book

    book = account_book(profile, config.load(profile.config, []))
    for problem in book.problems():
        yield Finding("accounts", CheckVerdict.BAD, problem, "Change it in config.toml.")
    if accounts := book.all():
        names = ", ".join(each.name for each in accounts)
        yield Finding("accounts", CheckVerdict.GOOD, names)


def check_email_accounts(profile: Profile) -> Iterator[Finding]:
    """What the settings of each e-mail account name is there; nothing is connected to."""
    accounts = config.load(profile.config, []).accounts
    if not accounts:
        return
    from misfin_tui.services.email import doubts  # late: few profiles need it

    for name, account in accounts.items():
        for doubt in doubts(name, account) if account.logs_in else ():
            verdict = CheckVerdict.BAD if doubt.bad else CheckVerdict.NOTE
            yield Finding("accounts", verdict, f"{name}: {doubt.text}", doubt.remedy)


def check_mailboxes_elsewhere(profile: Profile) -> Iterator[Finding]:
    """Whether mailboxes kept on servers can be opened, as far as it is known without connecting."""
    from misfin_tui.cli.doctor_mailboxes import check_remote_mailboxes  # late: few profiles need it

    yield from check_remote_mailboxes(profile)


def check_databases(profile: Profile) -> Iterator[Finding]:
    """The databases that cannot be rebuilt are intact."""
    for path in (
        profile.trust_db,
        profile.outbox_db,
        profile.contacts_db,
        profile.hosting_db,
        profile.hosting_outbox_db,
    ):
        if not path.exists():
            continue
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=5)) as database:
            (verdict,) = database.execute("PRAGMA quick_check").fetchone()
        if verdict == "ok":
            yield Finding("databases", CheckVerdict.GOOD, path.name)
        else:
            yield Finding("databases", CheckVerdict.BAD, f"{path}: {verdict}", "Restore it from a backup.")


def check_mail(profile: Profile) -> Iterator[Finding]:
    """The Maildirs can be read, and the index agrees with them."""
    if not profile.root.exists():
        return  # a check must not create it
    from misfin.store.index import MailIndex
    from misfin.store.mail.maildir import MailStore

    address_of, is_own = _addresses(profile)
    index = MailIndex(profile.index_db, profile.mail, address_of=address_of, is_own=is_own)
    index.open()
    try:
        started = time.monotonic()
        changes = index.scan()
        took = time.monotonic() - started
        folders = index.folders()
    finally:
        index.close()
    for folder in changes.unreadable:
        yield Finding(
            "mail", CheckVerdict.BAD, f"{folder} cannot be read.", "Check its owner and permissions."
        )
    store = MailStore(profile.mail)
    for place in (store.folder(folder.account, folder.folder).path for folder in folders):
        if not all(os.access(place / part, os.W_OK) for part in ("", "tmp", "new", "cur")):
            yield Finding(
                "mail", CheckVerdict.BAD, f"{place} cannot be written.", "Check its owner and permissions."
            )
    messages = sum(folder.total for folder in folders)
    seen = f"{changes.added:,} new to the index; " if changes.added else ""
    yield Finding(
        "mail",
        CheckVerdict.GOOD,
        f"messages: {messages:,} in {len(folders)} folders; {seen}scan {took:.2f} s",
    )


def check_proofs(profile: Profile) -> Iterator[Finding]:
    """What tells received messages from forged ones can be read, and so can the accepted lists."""
    from misfin.store.accepted_lists import FILE, AcceptedLists
    from misfin.store.seals import FILE as SEAL_KEY
    from misfin.store.seals import Seals

    if (profile.mail.parent / SEAL_KEY).exists():  # a check must not create it
        Seals(profile.mail).open()
        yield Finding("proofs", CheckVerdict.GOOD, SEAL_KEY)
    for each in AcceptedLists(profile.mail.parent / FILE).all():
        yield Finding(
            "proofs",
            CheckVerdict.GOOD,
            f"The mailing list {each.list_id} is accepted, signed by {each.domain}.",
        )


def check_servers_of_email(profile: Profile) -> Iterator[Finding]:
    """Whose results about senders count for each e-mail account, or could."""
    accounts = config.load(profile.config, []).accounts
    if not accounts or not profile.mail.exists():
        return
    from misfin.post.authorship import propose_server  # late: few profiles need it
    from misfin.store.index import MailIndex

    with MailIndex(profile.index_db, profile.mail) as index:
        for name, account in accounts.items():
            if account.authserv_id:
                text = f"{name}: what {account.authserv_id} found out about senders counts (authserv_id)."
                yield Finding("accounts", CheckVerdict.GOOD, text)
            elif server := propose_server(index, name):
                text = f"{name}: your server {server} writes down what it found out, which does not count."
                remedy = f'If you trust it, set authserv_id = "{server}" for the account.'
                yield Finding("accounts", CheckVerdict.NOTE, text, remedy)


def check_outbox(profile: Profile) -> Iterator[Finding]:
    """Which deliveries failed or need a decision."""
    if not profile.outbox_db.exists():
        return
    from misfin.store.outgoing.deliveries import DeliveryState
    from misfin.store.outgoing.outbox import Outbox

    outbox = Outbox(profile.outbox_db)
    try:
        waiting = outbox.rows([DeliveryState.HELD, DeliveryState.UNCERTAIN, DeliveryState.FAILED])
    finally:
        outbox.close()
    for row in waiting:
        verb = "has" if row.state is DeliveryState.FAILED else "is"
        yield Finding(
            "outbox", CheckVerdict.NOTE, f"Delivery {row.id} to {row.to} {verb} {row.state.value}: {row.why}"
        )
    yield Finding("outbox", CheckVerdict.GOOD, "readable")


def check_receiving(profile: Profile) -> Iterator[Finding]:
    """The state of every source of mail."""
    from misfin_tui.cli.doctor_sources import look_at_sources
    from misfin_tui.config.accounts import account_book

    settings = config.load(profile.config, [])
    for report in look_at_sources(profile, settings, account_book(profile, settings).all()):
        status = report.status
        topic = f"receiving ({status.account})" if status.account else "receiving"
        yield Finding(topic, SOURCE_VERDICTS[status.state], f"{status.sentence}.", report.remedy)


def check_terminal(_profile: Profile) -> Iterator[Finding]:
    """The terminal's encoding, size and colours."""
    encoding = (sys.stdout.encoding or "").lower().replace("-", "")
    if encoding != "utf8":
        yield Finding(
            "terminal",
            CheckVerdict.NOTE,
            f"The encoding of the output is {encoding or 'unknown'}.",
            "Use a UTF-8 locale.",
        )
    size = shutil.get_terminal_size()
    colours = os.environ.get("COLORTERM") or os.environ.get("TERM", "unknown")
    quiet = ", NO_COLOR" if os.environ.get("NO_COLOR") else ""
    yield Finding("terminal", CheckVerdict.GOOD, f"{size.columns}×{size.lines}, {colours}{quiet}")


CHECKS = (
    check_versions,
    check_profile,
    check_settings,
    check_identities,
    check_accounts,
    check_email_accounts,
    check_mailboxes_elsewhere,
    check_databases,
    check_mail,
    check_proofs,
    check_servers_of_email,
    check_outbox,
    check_receiving,
    check_terminal,
)


def _addresses(profile: Profile) -> tuple[Callable[[str], str], Callable[[str, str], bool]]:
    """Which address an account's directory belongs to, and which others are its own."""
    from misfin_tui.config.accounts import account_book, own_addresses

    try:
        settings = config.load(profile.config, [])
    except config.ConfigError:
        settings = config.Config()  # reported where the settings are checked
    return account_book(profile, settings).address_at, own_addresses(settings.accounts)


def _reindex(profile: Profile) -> None:
    from misfin.store.index.schema import remove

    remove(profile.index_db)
    say("The index was deleted; building it again.")
